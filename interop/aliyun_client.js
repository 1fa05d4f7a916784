'use strict';
// An application on `@alicloud/dysmsapi20170525`. Set-up: {"endpoint", "id", "secret"}. Orders: {"do": the name of a method
// of the client, "request": the name of its request, "fields"}.

const Dysms = require('@alicloud/dysmsapi20170525');
const { $OpenApiUtil } = require('@alicloud/openapi-core');
const { orders, say, setup } = require('./lines');

const client = new Dysms.default(new $OpenApiUtil.Config({
  accessKeyId: setup.id, accessKeySecret: setup.secret, endpoint: setup.endpoint, protocol: 'http',
}));

async function act(order) {
  const answer = await client[order.do](new Dysms[order.request](order.fields));
  say({ event: 'answered', status: answer.statusCode, body: answer.body });
}

orders((order) => act(order).catch((error) => say({ event: 'refused', code: error.code, status: error.statusCode, words: String(error) })));
