'use strict';
// An application on `tencentcloud-sdk-nodejs-sms`. Set-up: {"endpoint", "id", "secret"}. Orders: {"do": an action, "fields"}.

const { sms } = require('tencentcloud-sdk-nodejs-sms');
const { orders, say, setup } = require('./lines');

const client = new sms.v20210111.Client({
  credential: { secretId: setup.id, secretKey: setup.secret },
  region: 'ap-guangzhou',
  profile: { httpProfile: { endpoint: setup.endpoint, protocol: 'http://' } },
});

orders((order) => client[order.do](order.fields)
  .then((body) => say({ event: 'answered', body }))
  .catch((error) => say({ event: 'refused', code: error.code, words: String(error) })));
