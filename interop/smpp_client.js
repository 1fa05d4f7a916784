'use strict';
// A customer on node's `smpp`. Set-up: {"port", "login", "password", "bind", "ca"?}. Orders: send, query, drop, connect.
const fs = require('fs');
const smpp = require('smpp');
const { setup, say, obey, long, told } = require('./lines');

let session;

const connect = () => {
  const tls = setup.ca ? { tls: true, ca: fs.readFileSync(setup.ca), servername: 'localhost' } : {};
  session = smpp.connect({ host: '127.0.0.1', port: setup.port, ...tls }, () => {
    session[setup.bind || 'bind_transceiver'](
      { system_id: setup.login, password: setup.password },
      (pdu) => say({ event: pdu.command_status ? 'refused' : 'bound', status: pdu.command_status }),
    );
  });
  session.on('error', (error) => say({ event: 'error', error: error.code || String(error) }));
  session.on('close', () => say({ event: 'closed' }));
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('deliver_sm', (pdu) => {
    session.send(pdu.response());
    const id = pdu.receipted_message_id;
    say({ event: 'deliver', receipted: id ? String(id) : null, state: pdu.message_state, ...told(pdu) });
  });
};

obey({
  connect,
  send: ({ from, to, text, way, reference }) => {
    const pdu = {
      source_addr: from, destination_addr: to, dest_addr_ton: 1, dest_addr_npi: 1, registered_delivery: 1,
    };
    const parts = way === 'plain'
      ? [{ ...pdu, data_coding: 8, short_message: { message: text } }]
      : long(pdu, text, way, reference);
    for (const part of parts) {
      session.submit_sm(part, (answer) => {
        say({ event: 'answer', status: answer.command_status, id: answer.message_id });
      });
    }
  },
  query: ({ id, from }) => session.query_sm({ message_id: id, source_addr: from }, (pdu) => {
    say({ event: 'queried', status: pdu.command_status, state: pdu.message_state });
  }),
  drop: () => session.destroy(),
});

connect();
