'use strict';
// How the peers talk to the tests: one JSON object a line, on both sides.

exports.setup = JSON.parse(process.argv[2] || '{}');

exports.say = (event) => process.stdout.write(JSON.stringify(event) + '\n');

// Calls `on[line.do](line)` for each line that the test writes; a test that is gone ends its peer.
exports.obey = (on) => {
  let rest = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const order = JSON.parse(line);
      on[order.do](order);
    }
  });
  process.stdin.on('end', () => process.exit(0));
};

// A text of several parts as its sender would cut it: UCS-2, 67 or fewer characters in each.
exports.cut = (text, size) => {
  const parts = [];
  for (let at = 0; at < text.length; at += size) parts.push(text.slice(at, at + size));
  return parts;
};

// PDUs of one long text, in one of the three ways of SMPP. `pdu` has what all of them share.
exports.long = (pdu, text, way, reference) => {
  if (way === 'payload') {
    return [{ ...pdu, data_coding: 8, short_message: Buffer.alloc(0), message_payload: { message: text } }];
  }
  const parts = exports.cut(text, 66);
  return parts.map((part, index) => {
    if (way === 'sar') {
      return {
        ...pdu, data_coding: 8, short_message: { message: part },
        sar_msg_ref_num: reference, sar_total_segments: parts.length, sar_segment_seqnum: index + 1,
      };
    }
    const udh = Buffer.from([5, 0, 3, reference & 0xff, parts.length, index + 1]);
    return { ...pdu, data_coding: 8, esm_class: 0x40, short_message: { udh, message: part } };
  });
};

// What a submit_sm or deliver_sm says, and by which way its long text came.
exports.told = (pdu) => {
  const payload = pdu.message_payload;
  const short = pdu.short_message || {};
  const content = payload && payload.message !== undefined ? payload : short;
  const told = {
    from: pdu.source_addr, to: pdu.destination_addr, coding: pdu.data_coding, esm_class: pdu.esm_class,
    text: String(content.message === undefined ? '' : content.message), way: 'plain', part: 1, parts: 1,
    reference: 0,
  };
  if (payload !== undefined) told.way = 'payload';
  const udh = (content.udh || []).find((element) => element[0] === 0 || element[0] === 8);
  if (udh) {
    const [total, part] = udh.subarray(udh.length - 2);
    told.way = 'udh';
    told.reference = udh[0] === 0 ? udh[2] : udh.readUInt16BE(2);
    Object.assign(told, { part, parts: total });
  } else if (pdu.sar_total_segments !== undefined) {
    told.way = 'sar';
    told.reference = pdu.sar_msg_ref_num;
    Object.assign(told, { part: pdu.sar_segment_seqnum, parts: pdu.sar_total_segments });
  }
  return told;
};
