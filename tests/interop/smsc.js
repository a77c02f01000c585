// Owns an operator made with npm smpp: takes binds and submits, sends receipts and MOs, answers the same control lines as
// `stopgate sim smsc`. Must never know anything of the gateway.
'use strict';
const net = require('net');
const path = require('path');
const smpp = require(path.resolve('target/interop/node/node_modules/smpp'));

const received = [];
const switches = { receipts: null, drop: 'never', statuses: [] };
const links = new Set();
let turn = 0;
let nextId = 1000;

const hits = (when, to) => when === 'always' || when === 'to:' + to;
const textOf = (pdu) => {
  const field = (pdu.short_message && pdu.short_message.message && pdu.short_message.message.length) ? pdu.short_message : pdu.message_payload;
  const message = field && field.message !== undefined ? field.message : field;
  return Buffer.isBuffer(message) ? message.toString('latin1') : String(message || '');
};

const server = smpp.createServer((session) => {
  session.on('error', () => session.destroy());
  session.on('close', () => links.delete(session));
  session.on('pdu', (pdu) => {
    if (pdu.isResponse()) return;
    if (/^bind_/.test(pdu.command)) {
      session.receives = pdu.command !== 'bind_transmitter';
      session.send(pdu.response({ system_id: 'operator' }));
      links.add(session);
    } else if (pdu.command === 'enquire_link') {
      session.send(pdu.response());
    } else if (pdu.command === 'unbind') {
      session.send(pdu.response(), () => session.close());
    } else if (pdu.command === 'submit_sm' || pdu.command === 'data_sm') {
      submit(session, pdu);
    } else if (pdu.command === 'submit_multi') {
      several(session, pdu);
    } else {
      session.send(pdu.response({ command_status: smpp.ESME_RINVCMDID }));
    }
  });
});

function submit(session, pdu) {
  const id = String(nextId++);
  received.push({
    order: received.length + 1, source: pdu.source_addr, destination: pdu.destination_addr, text: textOf(pdu),
    message_id: id, octets: '', data_coding: pdu.data_coding, esm_class: pdu.esm_class,
  });
  if (hits(switches.drop, pdu.destination_addr)) return;
  const found = switches.statuses.find(([when]) => hits(when, pdu.destination_addr));
  if (found && found[1] !== 0) return session.send(pdu.response({ command_status: found[1] }));
  session.send(pdu.response({ message_id: id }));
  if (switches.receipts && (pdu.registered_delivery & 1)) receipt(pdu, id);
}

function several(session, pdu) {
  const failed = [];
  for (const to of pdu.dest_address) {
    const found = switches.statuses.find(([when]) => hits(when, to.destination_addr));
    if (found && found[1] !== 0) failed.push({ ...to, error_status_code: found[1] });
  }
  session.send(pdu.response({ message_id: String(nextId++), unsuccess_sme: failed }));
}

function receipt(pdu, id) {
  const when = '2611251000';
  deliver({
    source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
    source_addr_ton: 1, source_addr_npi: 1, dest_addr_ton: pdu.source_addr_ton, dest_addr_npi: pdu.source_addr_npi,
    receipted_message_id: id, message_state: 2, data_coding: 0,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:${when} done date:${when} stat:${switches.receipts} err:000 text:-`,
  }, () => {});
}

function deliver(fields, answered) {
  const able = [...links].filter((link) => link.receives);
  if (!able.length) return answered({ error: 'no client that can receive is bound' });
  const started = Date.now();
  able[turn++ % able.length].deliver_sm(fields, (resp) =>
    answered({ answered: { status: resp.command_status, millis: Date.now() - started } }));
}

function ask(line, tell) {
  const what = JSON.parse(line);
  if (what.mo) {
    const mo = what.mo;
    const octets = mo.octets ? Buffer.from(mo.octets, 'hex') : null;
    return deliver({
      source_addr: mo.from, destination_addr: mo.to, source_addr_ton: 1, source_addr_npi: 1, dest_addr_ton: 3,
      esm_class: mo.esm_class || 0, data_coding: octets ? mo.data_coding : 0, short_message: octets || mo.text,
    }, tell);
  }
  if (what.received !== undefined) return tell({ received: received.slice(-what.received) });
  if (what.set) {
    for (const word of what.set) {
      const [name, value] = word.split('=');
      if (name === 'receipts') switches.receipts = value === 'off' ? null : value;
      else if (name === 'drop') switches.drop = value;
      else if (name === 'status') switches.statuses.push([value.split('@')[1] || 'always', Number(value.split('@')[0])]);
      else return tell({ error: `no switch ${name}` });
    }
    return tell('done');
  }
  tell({ error: 'not understood' });
}

const control = net.createServer((socket) => {
  let held = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (data) => {
    held += data;
    let end;
    while ((end = held.indexOf('\n')) >= 0) {
      const line = held.slice(0, end);
      held = held.slice(end + 1);
      ask(line, (told) => socket.writable && socket.write(JSON.stringify(told) + '\n'));
    }
  });
});

for (const [what, listener] of [['smpp', server], ['control', control]]) {
  listener.listen(0, '127.0.0.1', () => console.log(`listening on ${what} 127.0.0.1:${listener.address().port}`));
}
