'use strict';
// A message centre on node's `smpp`. Set-up: {"password", "cert"?, "key"?}. Orders: inbound, drop, outbind.
const fs = require('fs');
const smpp = require('smpp');
const { setup, say, obey, long, told } = require('./lines');

const sessions = new Set();
let given = 0;

const date = () => new Date().toISOString().replace(/[-:T]/g, '').slice(2, 12);

const receipt = (session, submit, id) => session.deliver_sm({
  source_addr: submit.destination_addr, source_addr_ton: 1, source_addr_npi: 1,
  destination_addr: submit.source_addr, esm_class: 4,
  short_message: `id:${id} sub:001 dlvrd:001 submit date:${date()} done date:${date()} stat:DELIVRD err:000 text:`,
  receipted_message_id: id, message_state: 2,
}, (answer) => say({ event: 'receipt_answered', id, status: answer.command_status }));

const serve = (session) => {
  sessions.add(session);
  session.on('error', () => {});
  session.on('close', () => {
    sessions.delete(session);
    say({ event: 'closed' });
  });
  for (const kind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(kind, (pdu) => {
      const right = pdu.password === setup.password;
      const command_status = right ? 0 : smpp.ESME_RINVPASWD;
      session.send(pdu.response({ command_status, system_id: 'peer' }));
      say({ event: right ? 'bound' : 'refused', kind, login: pdu.system_id, version: pdu.interface_version });
    });
  }
  session.on('unbind', (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('submit_sm', (pdu) => {
    given += 1;
    const id = given.toString(16).padStart(8, '0');
    session.send(pdu.response({ message_id: id }));
    say({ event: 'submit', id, ...told(pdu) });
    if (pdu.registered_delivery & 3) receipt(session, pdu, id);
  });
};

const options = setup.cert ? { cert: fs.readFileSync(setup.cert), key: fs.readFileSync(setup.key) } : {};
const server = smpp.createServer(options, serve);
// What TLS refused is told by the client.
server.on('tlsClientError', () => {});
server.listen(setup.port || 0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));

obey({
  inbound: ({ from, to, text, way, reference }) => {
    const pdu = { source_addr: from, source_addr_ton: 1, source_addr_npi: 1, destination_addr: to };
    const session = [...sessions].pop();
    for (const part of long(pdu, text, way, reference)) {
      session.deliver_sm(part, (answer) => say({ event: 'answer', status: answer.command_status }));
    }
  },
  drop: () => sessions.forEach((session) => session.destroy()),
  // SMPP 3.4, 2.2.1: the message centre connects, says who it is, and is then bound to over that connection.
  outbind: ({ port, login, password }) => {
    const session = smpp.connect({ host: '127.0.0.1', port }, () => {
      session.outbind({ system_id: login, password });
    });
    serve(session);
  },
});
