// Owns npm smpp as a sender: the table of cases.json and the scenes, through its own API. Must never patch the client.
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const smpp = require(path.resolve('target/interop/node/node_modules/smpp'));
const setting = JSON.parse(process.argv[2]);
const cases = JSON.parse(fs.readFileSync(path.join(__dirname, 'cases.json')));
const number = (tail) => '33639981' + tail;

let bad = 0;
const report = (name, fault) => { if (fault) bad++; console.log(fault ? `not ok - ${name}: ${fault}` : `ok - ${name}`); };
const within = (promise, what, ms = 20000) => {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error('nothing within ' + ms + ' ms: ' + what)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};
async function scene(name, play) {
  try { report(name, await play()); } catch (error) { report(name, error.message); }
}
function ask(what) {
  return within(new Promise((yes, no) => {
    const socket = net.connect(setting.control, '127.0.0.1');
    let held = '';
    socket.on('error', no);
    socket.on('data', (data) => { held += data; if (held.endsWith('\n')) { socket.end(); yes(JSON.parse(held)); } });
    socket.write(JSON.stringify(what) + '\n');
  }), JSON.stringify(what));
}
function bind(kind, id, password = 'secret') {
  return within(new Promise((yes, no) => {
    const session = smpp.connect({ host: '127.0.0.1', port: setting.gateway }, () =>
      session['bind_' + kind]({ system_id: id, password }, (pdu) => yes({ session, pdu })));
    session.got = [];
    session.on('error', no);
    session.on('enquire_link', (pdu) => session.send(pdu.response()));
    session.on('unbind', (pdu) => session.send(pdu.response(), () => session.close()));
    session.on('deliver_sm', (pdu) => { session.got.push(pdu); session.send(pdu.response()); session.emit('heard'); });
  }), 'bind ' + kind);
}
const submit = (session, fields) => within(new Promise((yes) => session.submit_sm(fields, yes)), 'submit_sm');
const unbind = (session) => within(new Promise((yes) => session.unbind(yes)), 'unbind').then((pdu) => { session.close(); return pdu; });
function heard(session, wanted) {
  return within(new Promise((yes) => {
    const look = () => { const found = session.got.find(wanted); if (found) { session.off('heard', look); yes(found); } };
    session.on('heard', look);
    look();
  }), 'deliver_sm');
}
const text = (pdu) => {
  const field = pdu.short_message && pdu.short_message.message && pdu.short_message.message.length ? pdu.short_message : pdu.message_payload;
  return String((field && field.message) || field || '');
};
function fieldsOf(one) {
  const digits = one.number || number(one.to);
  const fields = {
    source_addr: one.source, source_addr_ton: 5,
    destination_addr: one.spelling === 'national' ? '0' + digits.slice(2) : digits,
    dest_addr_ton: one.spelling === 'national' ? 2 : 1, dest_addr_npi: 1,
    short_message: one.octets ? Buffer.from(one.octets, 'hex') : one.text,
  };
  if (one.octets) fields.data_coding = one.data_coding;
  if (one.coding === 'ucs2') fields.data_coding = 8;
  if (one.coding === 'latin1') fields.data_coding = 3;
  if (one.schedule) fields.schedule_delivery_time = setting.night;
  return fields;
}
const hex = (n) => '0x' + n.toString(16);

(async () => {
  for (const kind of ['transmitter', 'receiver', 'transceiver']) {
    await scene(`bind_${kind}, enquire_link, unbind`, async () => {
      const { session, pdu } = await bind(kind, 'acme');
      if (pdu.command_status !== 0) return hex(pdu.command_status);
      const alive = await within(new Promise((yes) => session.enquire_link(yes)), 'enquire_link');
      if (alive.command_status !== 0) return 'enquire_link: ' + hex(alive.command_status);
      const gone = await unbind(session);
      return gone.command_status === 0 ? null : 'unbind: ' + hex(gone.command_status);
    });
  }
  for (const [who, id] of [['a wrong password', 'acme'], ['an unknown id', 'nobody']]) {
    await scene(`${who} is answered 0x0e`, async () => {
      const { session, pdu } = await bind('transceiver', id, 'wrong');
      session.destroy();
      return pdu.command_status === 0x0e ? null : hex(pdu.command_status);
    });
  }
  for (const one of cases) {
    await scene(one.name, async () => {
      const { session, pdu } = await bind('transmitter', one.account);
      if (pdu.command_status !== 0) return 'bind: ' + hex(pdu.command_status);
      const resp = await submit(session, fieldsOf(one));
      await unbind(session);
      if (resp.command_status !== one.status) return `${hex(resp.command_status)} instead of ${hex(one.status)}`;
      if (one.status !== 0) return resp.command_length === 16 ? null : `${resp.command_length} octets instead of 16`;
      const seen = (await ask({ received: 50 })).received.filter((s) => s.destination === (one.number || number(one.to)));
      const last = seen[seen.length - 1];
      if (!last) return 'the operator did not get it';
      if (last.message_id !== resp.message_id) return `message_id ${resp.message_id} instead of ${last.message_id}`;
      return last.text === one.text ? null : `the operator got "${last.text}"`;
    });
  }
  const { session } = await bind('transceiver', 'acme');
  await scene('a long promotion passes in message_payload', async () => {
    const long = 'Promo. '.repeat(60) + 'STOP 36111';
    const resp = await submit(session, { source_addr: 'ACME', source_addr_ton: 5, destination_addr: number('100'), dest_addr_ton: 1, dest_addr_npi: 1, message_payload: long });
    if (resp.command_status !== 0) return hex(resp.command_status);
    const seen = (await ask({ received: 50 })).received.find((s) => s.destination === number('100'));
    return seen && seen.text === long ? null : 'the operator got something else';
  });
  await scene('a long promotion without its mention is refused', async () => {
    const resp = await submit(session, { source_addr: 'ACME', source_addr_ton: 5, destination_addr: number('101'), dest_addr_ton: 1, dest_addr_npi: 1, message_payload: 'Promo. '.repeat(60) });
    return resp.command_status === 0x65 ? null : hex(resp.command_status);
  });
  await scene('a receipt comes back to its sender', async () => {
    const resp = await submit(session, { source_addr: 'ACME', source_addr_ton: 5, destination_addr: number('102'), dest_addr_ton: 1, dest_addr_npi: 1, registered_delivery: 1, short_message: 'Promo -20% today. STOP 36111' });
    if (resp.command_status !== 0) return hex(resp.command_status);
    const receipt = await heard(session, (pdu) => pdu.esm_class === 4 && text(pdu).startsWith('id:' + resp.message_id + ' '));
    return receipt.source_addr === number('102') ? null : 'from ' + receipt.source_addr;
  });
  await scene('a refusal by receipt is accepted, and its receipt says REJECTD', async () => {
    const { session: told } = await bind('transceiver', 'told');
    const resp = await submit(told, { source_addr: 'TOLD', source_addr_ton: 5, destination_addr: number('106'), dest_addr_ton: 1, dest_addr_npi: 1, registered_delivery: 1, short_message: 'Promo -20% today only' });
    if (resp.command_status !== 0 || !resp.message_id.startsWith('stopgate-')) return `${hex(resp.command_status)} ${resp.message_id}`;
    const receipt = await heard(told, (pdu) => pdu.esm_class === 4 && text(pdu).startsWith('id:' + resp.message_id + ' '));
    await unbind(told);
    return text(receipt).endsWith('stat:REJECTD err:121 text:SG121 missing stop mention') ? null : text(receipt);
  });
  await scene('a person’s message arrives', async () => {
    const told = await ask({ mo: { from: number('103'), to: '36111', text: 'What time do you open?' } });
    if (!told.answered || told.answered.status !== 0) return JSON.stringify(told);
    const mo = await heard(session, (pdu) => pdu.source_addr === number('103'));
    return text(mo) === 'What time do you open?' && mo.destination_addr === '36111' ? null : text(mo);
  });
  await scene('STOP: told to the sender, confirmed to the person, and the next promotion is refused', async () => {
    const promo = { source_addr: 'ACME', source_addr_ton: 5, destination_addr: number('104'), dest_addr_ton: 1, dest_addr_npi: 1 };
    const before = await submit(session, { ...promo, short_message: 'Promo -20% today. STOP 36111' });
    if (before.command_status !== 0) return 'before: ' + hex(before.command_status);
    const told = await ask({ mo: { from: number('104'), to: '36111', text: 'Stop' } });
    if (!told.answered || told.answered.status !== 0) return JSON.stringify(told);
    const after = await submit(session, { ...promo, short_message: 'Promo -30% today. STOP 36111' });
    if (after.command_status !== 0x66) return 'after: ' + hex(after.command_status);
    await heard(session, (pdu) => pdu.source_addr === number('104'));
    const until = Date.now() + 10000;
    for (;;) {
      const seen = (await ask({ received: 50 })).received.filter((s) => s.destination === number('104'));
      if (seen.length === 2 && seen[1].source === '36111') return null;
      if (seen.length > 2 || Date.now() > until) return `the operator got ${seen.length} messages: ${JSON.stringify(seen)}`;
      await new Promise((yes) => setTimeout(yes, 50));
    }
  });
  await unbind(session);
  await scene('a long code in parts passes, transactional', async () => {
    const { session: otp } = await bind('transceiver', 'otp');
    const long = 'Votre code \u20ac 1234 \u2026 '.repeat(12);
    const pieces = long.match(/[^]{1,67}/g);
    const answers = await Promise.all(pieces.map((piece, n) => submit(otp, {
      source_addr: 'BANQUE', source_addr_ton: 5, destination_addr: number('105'), dest_addr_ton: 1, dest_addr_npi: 1, data_coding: 8,
      short_message: { udh: Buffer.from([5, 0, 3, 42, pieces.length, n + 1]), message: piece } })));
    await unbind(otp);
    const got = (await ask({ received: 50 })).received.filter((s) => s.destination === number('105')).map((s) => s.text);
    if (!answers.every((pdu) => pdu.command_status === 0)) return answers.map((pdu) => hex(pdu.command_status)).join(' ');
    return got.length > 1 && got.join('') === long ? null : JSON.stringify(got);
  });
  await scene('SG141 a burst over the contract is slowed down', async () => {
    const { session: slow } = await bind('transceiver', 'slow');
    const answers = await Promise.all([...Array(6).keys()].map((n) =>
      submit(slow, { source_addr: 'SLOW', source_addr_ton: 5, destination_addr: number('11' + n), dest_addr_ton: 1, dest_addr_npi: 1, short_message: 'Your code is 1234' })));
    await unbind(slow);
    const statuses = answers.map((pdu) => pdu.command_status);
    return statuses.includes(0x58) && statuses.includes(0) && statuses.every((s) => s === 0 || s === 0x58) ? null : statuses.map(hex).join(' ');
  });
  await scene('SG152 more than the operator’s window may wait', async () => {
    const { session: many } = await bind('transceiver', 'mute');
    const answers = await Promise.all([...Array(10).keys()].map((n) =>
      submit(many, { source_addr: 'MUTE', source_addr_ton: 5, destination_addr: number('12' + n), dest_addr_ton: 1, dest_addr_npi: 1, short_message: 'Promo -20% today. STOP 36222' })));
    await unbind(many);
    const statuses = answers.map((pdu) => pdu.command_status);
    return statuses.includes(0x14) && statuses.every((s) => s === 0x14 || s === 0xff) ? null : statuses.map(hex).join(' ');
  });
  await scene('submit_multi, filtered: what was refused here and what the operator refused come back as one list', async () => {
    const { session: several } = await bind('transceiver', 'several');
    const to = (digits, ton = 1) => ({ destination_addr: digits, dest_addr_ton: ton, dest_addr_npi: 1 });
    const dest_address = [to(number('140')), to(number('900')), to('33199001234'), to('0639989999', 2), to(number('141'))];
    const resp = await within(new Promise((yes) => several.submit_multi({
      source_addr: 'SEVERAL', source_addr_ton: 5, dest_address, short_message: 'Promo -20% today. STOP 36555' }, yes)), 'submit_multi');
    await unbind(several);
    if (resp.command_status !== 0) return hex(resp.command_status);
    const failed = resp.unsuccess_sme.map((one) =>
      `${one.dest_addr_ton}/${one.dest_addr_npi} ${one.destination_addr} ${hex(one.error_status_code)}`);
    const wanted = [`1/1 ${number('900')} 0x66`, '1/1 33199001234 0xb', '2/1 0639989999 0xc2'];
    if (failed.join(', ') !== wanted.join(', ')) return failed.join(', ');
    // Header, message_id and its NUL, the count, and each entry: TON, NPI, the address as it was written and its NUL, the error.
    const octets = 16 + resp.message_id.length + 1 + 1 + [number('900'), '33199001234', '0639989999'].reduce((sum, one) => sum + 2 + one.length + 1 + 4, 0);
    return resp.command_length === octets ? null : `${resp.command_length} octets instead of ${octets}`;
  });
  const refused = [
    ['submit_multi is refused by default', 0x45, (s, cb) => s.submit_multi({ source_addr: 'ACME', source_addr_ton: 5, dest_address: [{ destination_addr: number('130'), dest_addr_ton: 1, dest_addr_npi: 1 }], short_message: 'Promo. STOP 36111' }, cb)],
    ['replace_sm is refused', 0x13, (s, cb) => s.replace_sm({ message_id: '1000', source_addr: 'ACME', short_message: 'Promo' }, cb)],
    ['query_sm of an id of nobody', 0x67, (s, cb) => s.query_sm({ message_id: '99999999', source_addr: 'ACME' }, cb)],
    ['cancel_sm of an id of nobody', 0x11, (s, cb) => s.cancel_sm({ message_id: '99999999', source_addr: 'ACME', destination_addr: number('130') }, cb)],
    ['deliver_sm in the wrong direction', 0x04, (s, cb) => s.deliver_sm({ source_addr: number('131'), destination_addr: '36111', short_message: 'STOP' }, cb)],
  ];
  for (const [name, status, send] of refused) {
    await scene(name, async () => {
      const { session: other } = await bind('transceiver', 'acme');
      const resp = await within(new Promise((yes) => send(other, yes)), name);
      await unbind(other);
      return resp.command_status === status ? null : `${hex(resp.command_status)} instead of ${hex(status)}`;
    });
  }
  process.exit(bad ? 1 : 0);
})().catch((error) => { report('the client ran to its end', error.stack); process.exit(1); });
