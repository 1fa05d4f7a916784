'use strict';
// An application on `twilio`. Set-up: {"endpoint", "user", "password", "account"}. Orders: create, fetch, list, validate,
// cancel, redact, delete.

const twilio = require('twilio');
const { orders, say, setup } = require('./lines');

const client = twilio(setup.user, setup.password, { accountSid: setup.account });
client.api.baseUrl = setup.endpoint;

async function act(order) {
  if (order.do === 'create') {
    const message = await client.messages.create(order.fields);
    say({ event: 'created', sid: message.sid, status: message.status, to: message.to, body: message.body });
  } else if (order.do === 'fetch') {
    const message = await client.messages(order.sid).fetch();
    say({ event: 'fetched', sid: message.sid, status: message.status, error_code: message.errorCode });
  } else if (order.do === 'list') {
    const found = await client.messages.list(order.fields);
    say({ event: 'listed', sids: found.map((message) => message.sid) });
  } else if (order.do === 'cancel' || order.do === 'redact') {
    const change = order.do === 'cancel' ? { status: 'canceled' } : { body: '' };
    const message = await client.messages(order.sid).update(change);
    say({ event: order.do === 'cancel' ? 'cancelled' : 'redacted', status: message.status, body: message.body });
  } else if (order.do === 'delete') {
    say({ event: 'deleted', done: await client.messages(order.sid).remove() });
  } else if (order.do === 'validate') {
    say({ event: 'validated', fits: twilio.validateRequest(setup.password, order.signature, order.url, order.params) });
  }
}

orders((order) => act(order).catch((error) => say({ event: 'refused', status: error.status, code: error.code })));
