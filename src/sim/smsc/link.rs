//! Owns one connection to the simulated operator: its bind, the answers it owes, the deliver_sm it waits for.
//! Must never stop reading because an answer is held back: holding back is a switch, not a lock.

use super::records::{Answered, Fate, Submitted};
use super::switches::{AnswerBody, Binds, Switches};
use super::{Command, DeliverError, Shared, later::Parcel};
use crate::sim::message::{Address, MESSAGE_STATE, Message, RECEIPTED_MESSAGE_ID, multi_destinations};
use crate::sim::wire::*;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// How many answers a link holds back.
const HELD_MAX: usize = 200_000;
/// Statuses after which an operator delivers again.
const TEMPORARY: [u32; 4] = [0x08, 0x14, 0x58, 0x64];

/// A deliver_sm that is not answered yet.
struct Sent {
    message: Message,
    at: Duration,
    report: Option<oneshot::Sender<Result<Answered, DeliverError>>>,
}

pub(super) struct Link {
    shared: Arc<Shared>,
    id: u64,
    /// command_id of the bind, 0 before it.
    kind: u32,
    system_id: String,
    out: Vec<u8>,
    /// Answers that are due later: instant, place, octets.
    due: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    /// Answers that are due but stalled.
    held: VecDeque<Vec<u8>>,
    place: u64,
    sequence: u32,
    sent: BTreeMap<u32, Sent>,
    next_enquire: Option<Instant>,
    closing: bool,
}

/// Serves a connection until either side closes it.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, id: u64, mut commands: mpsc::Receiver<Command>) {
    // Without this small answers wait for the peer's delayed acknowledgement; an error only costs speed.
    let _ = stream.set_nodelay(true);
    let (half, mut write) = stream.into_split();
    let mut reader = FrameReader::new(half);
    let mut changed = shared.changed();
    let mut link = Link {
        shared,
        id,
        kind: 0,
        system_id: String::new(),
        out: Vec::new(),
        due: BinaryHeap::new(),
        held: VecDeque::new(),
        place: 0,
        sequence: 0,
        sent: BTreeMap::new(),
        next_enquire: None,
        closing: false,
    };
    while !link.closing {
        let wake = link.wake();
        tokio::select! {
            frame = reader.next() => match frame {
                Ok(Some(pdu)) => {
                    link.read(pdu);
                    while let Ok(Some(pdu)) = reader.buffered() {
                        link.read(pdu);
                    }
                }
                Ok(None) | Err(_) => break,
            },
            command = commands.recv() => match command {
                Some(command) => link.command(command),
                None => break,
            },
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            _ = changed.changed() => {}
        }
        link.release();
        if !link.out.is_empty() {
            if write.write_all(&link.out).await.is_err() {
                break;
            }
            link.out.clear();
        }
    }
    link.shared.unlink(link.id);
    for (_, sent) in std::mem::take(&mut link.sent) {
        match sent.report {
            Some(report) => drop(report.send(Err(DeliverError::LinkLost))),
            None => {
                link.shared.later(Duration::ZERO, Parcel { system_id: link.system_id.clone(), message: sent.message })
            }
        }
    }
}

impl Link {
    /// When something is to be done without anything having been read.
    fn wake(&self) -> Option<Instant> {
        let due = self.due.peek().map(|Reverse((at, ..))| *at);
        [due, self.next_enquire].into_iter().flatten().min()
    }

    /// Moves what is due into the write buffer.
    fn release(&mut self) {
        let now = Instant::now();
        let (stalled, every) = self.shared.with_switches(|switches| (switches.answers.stalled, switches.enquire_link));
        while self.due.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            if let Some(Reverse((_, _, octets))) = self.due.pop() {
                self.held.push_back(octets);
            }
        }
        if !stalled {
            for octets in self.held.drain(..) {
                self.out.extend_from_slice(&octets);
            }
        }
        match every.filter(|_| self.kind != 0) {
            None => self.next_enquire = None,
            Some(every) if self.next_enquire.is_none() => self.next_enquire = Some(now + every),
            Some(every) if self.next_enquire.is_some_and(|at| at <= now) => {
                self.next_enquire = Some(now + every);
                let sequence = self.next_sequence();
                self.write(&Pdu::new(ENQUIRE_LINK, 0, sequence, b""));
            }
            Some(_) => {}
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = if self.sequence >= 0x7fff_ffff { 1 } else { self.sequence + 1 };
        self.sequence
    }

    fn write(&mut self, pdu: &Pdu) {
        self.out.extend_from_slice(pdu.octets());
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Write(octets) => self.out.extend_from_slice(&octets),
            Command::Deliver(message, report) => {
                let sequence = self.next_sequence();
                self.write(&message.pdu(sequence));
                let at = self.shared.elapsed();
                self.sent.insert(sequence, Sent { message, at, report });
            }
            Command::Unbind => {
                let sequence = self.next_sequence();
                self.write(&Pdu::new(UNBIND, 0, sequence, b""));
            }
            Command::Close => self.closing = true,
        }
    }

    fn read(&mut self, pdu: Pdu) {
        match pdu.command() {
            BIND_RECEIVER | BIND_TRANSMITTER | BIND_TRANSCEIVER => self.bind(&pdu),
            SUBMIT_SM | DATA_SM if self.kind == BIND_TRANSMITTER || self.kind == BIND_TRANSCEIVER => self.submit(pdu),
            SUBMIT_MULTI if self.kind == BIND_TRANSMITTER || self.kind == BIND_TRANSCEIVER => self.multi(pdu),
            ENQUIRE_LINK => {
                if self.shared.with_switches(|switches| switches.answer_enquire_link) {
                    self.write(&Pdu::new(ENQUIRE_LINK | RESPONSE, 0, pdu.sequence(), b""));
                }
                self.shared.with_records(|records| records.other(self.id, pdu));
            }
            UNBIND => {
                if self.shared.with_switches(|switches| switches.answer_unbind) {
                    self.write(&Pdu::new(UNBIND | RESPONSE, 0, pdu.sequence(), b""));
                }
                self.kind = 0;
                self.shared.bound(self.id, 0, "");
                self.shared.with_records(|records| records.other(self.id, pdu));
            }
            CANCEL_SM if self.kind != 0 => {
                if let Some(status) = self.shared.with_switches(|switches| switches.cancels) {
                    self.write(&Pdu::new(CANCEL_SM | RESPONSE, status, pdu.sequence(), b""));
                }
                self.shared.with_records(|records| records.other(self.id, pdu));
            }
            command if command & RESPONSE != 0 => self.response(pdu),
            command => {
                let known = matches!(command, SUBMIT_SM | DATA_SM | QUERY_SM | REPLACE_SM | SUBMIT_MULTI | CANCEL_SM);
                let (answer, status) = if known { (command | RESPONSE, 0x04) } else { (GENERIC_NACK, 0x03) };
                self.write(&Pdu::new(answer, status, pdu.sequence(), b""));
                self.shared.with_records(|records| records.other(self.id, pdu));
            }
        }
    }

    fn bind(&mut self, pdu: &Pdu) {
        let switches = self.shared.with_switches(Switches::clone);
        let mut strings = pdu.body().split(|&octet| octet == 0);
        let system_id = String::from_utf8_lossy(strings.next().unwrap_or(b"")).into_owned();
        let password = String::from_utf8_lossy(strings.next().unwrap_or(b"")).into_owned();
        let known = switches.credentials.as_ref().is_none_or(|own| (&own.0, &own.1) == (&system_id, &password));
        let status = match switches.binds {
            Binds::Silent => return,
            Binds::Close => {
                self.closing = true;
                return;
            }
            Binds::Refuse(status) => status,
            Binds::Accept if self.kind != 0 => 0x05,
            Binds::Accept if !known => 0x0e,
            Binds::Accept => 0,
        };
        if status != 0 {
            self.write(&Pdu::new(pdu.command() | RESPONSE, status, pdu.sequence(), b"\0"));
            return;
        }
        if pdu.command() != BIND_TRANSMITTER {
            self.out.extend_from_slice(&switches.before_bind_response);
        }
        let mut body = b"simulated-smsc\0".to_vec();
        if let Some(version) = switches.interface_version {
            body.extend_from_slice(&[0x02, 0x10, 0x00, 0x01, version]);
        }
        self.write(&Pdu::new(pdu.command() | RESPONSE, 0, pdu.sequence(), &body));
        self.kind = pdu.command();
        self.system_id = system_id;
        self.shared.bound(self.id, self.kind, &self.system_id);
    }

    fn submit(&mut self, pdu: Pdu) {
        let message = Message::parse(&pdu);
        let destination = message.as_ref().map(|message| message.destination.as_text()).unwrap_or_default();
        let taken = self.shared.take_submit();
        let (switches, count) = (taken.switches, taken.count);
        let answers = &switches.answers;
        let status = match taken.throttled {
            true => 0x58,
            false => answers.statuses.iter().find(|(when, _)| when.hits(count, &destination)).map_or(0, |hit| hit.1),
        };
        let message_id = switches.id_form.write(taken.id);
        let dropped = answers.drop.hits(count, &destination);
        let fate = if dropped { Fate::Dropped } else { Fate::Answered(status) };
        if !dropped {
            let late = if answers.late.0.hits(count, &destination) { answers.late.1 } else { Duration::ZERO };
            let answer = if answers.nack.0.hits(count, &destination) {
                Pdu::new(GENERIC_NACK, answers.nack.1, pdu.sequence(), b"")
            } else {
                Pdu::new(pdu.command() | RESPONSE, status, pdu.sequence(), &answer_body(&switches, status, &message_id))
            };
            let times = if answers.double.hits(count, &destination) { 2 } else { 1 };
            for _ in 0..times {
                self.answer(answer.octets().to_vec(), answers.delay + late);
            }
        }
        let at = self.shared.elapsed();
        if let Some(message) = message.as_ref().filter(|_| status == 0) {
            self.receipt(message, &switches, taken.id);
            self.shared.phones_answer(message);
        }
        let (link, system_id) = (self.id, self.system_id.clone());
        self.shared.with_records(|records| {
            let order = records.next_order();
            records.submit(Submitted { order, at, link, system_id, pdu, message, message_id, fate });
        });
    }

    /// A submit_multi: recorded as one submit, each destination with its own status by the switches.
    fn multi(&mut self, pdu: Pdu) {
        let taken = self.shared.take_submit();
        let (switches, count) = (taken.switches, taken.count);
        let message_id = switches.id_form.write(taken.id);
        let destinations = multi_destinations(&pdu).unwrap_or_default();
        let status = |address: &Address| {
            let statuses = &switches.answers.statuses;
            statuses.iter().find(|(when, _)| when.hits(count, &address.as_text())).map_or(0, |hit| hit.1)
        };
        let failed: Vec<_> = destinations.iter().filter(|address| status(address) != 0).collect();
        let whole = match failed.first() {
            Some(first) if failed.len() == destinations.len() => status(first),
            Some(_) | None => 0,
        };
        let mut body = [message_id.as_bytes(), &[0, failed.len() as u8]].concat();
        for address in &failed {
            body.extend_from_slice(&[address.ton, address.npi]);
            body.extend_from_slice(&address.text);
            body.push(0);
            body.extend_from_slice(&status(address).to_be_bytes());
        }
        let body = if whole == 0 { &body[..] } else { &[0, 0] };
        let dropped = switches.answers.drop.hits(count, "");
        if !dropped {
            let answer = Pdu::new(SUBMIT_MULTI | RESPONSE, whole, pdu.sequence(), body);
            self.answer(answer.octets().to_vec(), switches.answers.delay);
        }
        let fate = if dropped { Fate::Dropped } else { Fate::Answered(whole) };
        let (at, link, system_id) = (self.shared.elapsed(), self.id, self.system_id.clone());
        self.shared.with_records(|records| {
            let order = records.next_order();
            records.submit(Submitted { order, at, link, system_id, pdu, message: None, message_id, fate });
        });
    }

    fn answer(&mut self, octets: Vec<u8>, delay: Duration) {
        if self.due.len() + self.held.len() >= HELD_MAX {
            self.shared.count_overflow();
            return;
        }
        if delay.is_zero() {
            self.held.push_back(octets);
        } else {
            self.place += 1;
            self.due.push(Reverse((Instant::now() + delay, self.place, octets)));
        }
    }

    fn receipt(&mut self, message: &Message, switches: &Switches, id: u32) {
        let Some(receipts) = switches.receipts.as_ref().filter(|_| message.registered_delivery & 0x01 != 0) else {
            return;
        };
        let id = receipts.id_form.write(id);
        let (stat, err) = (&receipts.stat, &receipts.err);
        let text = format!(
            "id:{id} sub:001 dlvrd:001 submit date:2611241000 done date:2611241000 stat:{stat} err:{err} text:{}",
            message.text().chars().take(20).collect::<String>()
        );
        let mut receipt = Message::mo(&message.destination.as_text(), &message.source.as_text(), &text);
        (receipt.source, receipt.destination) = (message.destination.clone(), message.source.clone());
        receipt.esm_class = receipts.esm_class;
        if receipts.tlvs {
            let state = if stat == "DELIVRD" { 2 } else { 5 };
            let id = [id.as_bytes(), b"\0"].concat();
            receipt = receipt.with_tlv(RECEIPTED_MESSAGE_ID, id).with_tlv(MESSAGE_STATE, [state]);
        }
        if receipts.before_answer && self.kind == BIND_TRANSCEIVER {
            self.command(Command::Deliver(receipt, None));
        } else {
            self.shared.later(receipts.after, Parcel { system_id: self.system_id.clone(), message: receipt });
        }
    }

    fn response(&mut self, pdu: Pdu) {
        if pdu.command() == UNBIND | RESPONSE {
            self.closing = true;
        }
        let Some(sent) = self.sent.remove(&pdu.sequence()) else {
            self.shared.with_records(|records| records.other(self.id, pdu));
            return;
        };
        let (at, link, status) = (self.shared.elapsed(), self.id, pdu.status());
        let again = self.shared.with_switches(|switches| switches.redeliver).filter(|_| TEMPORARY.contains(&status));
        let record = self.shared.with_records(|records| {
            let order = records.next_order();
            let record = Answered { order, sent_at: sent.at, at, link, status, message: sent.message, pdu };
            records.answer(record.clone());
            record
        });
        if let Some(after) = again {
            self.shared.later(after, Parcel { system_id: self.system_id.clone(), message: record.message.clone() });
        }
        if let Some(report) = sent.report {
            // A test that no longer waits for the answer loses nothing: the record stands.
            drop(report.send(Ok(record)));
        }
    }
}

fn answer_body(switches: &Switches, status: u32, message_id: &str) -> Vec<u8> {
    match &switches.answers.body {
        AnswerBody::Octets(octets) => octets.clone(),
        AnswerBody::Missing => Vec::new(),
        _ if status != 0 => Vec::new(),
        AnswerBody::MessageId => [message_id.as_bytes(), b"\0"].concat(),
        AnswerBody::WithoutNul => message_id.as_bytes().to_vec(),
    }
}
