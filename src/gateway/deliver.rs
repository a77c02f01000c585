//! Owns the path of a deliver_sm or data_sm from an SMSC: receipt or reply, and whose it is.
//! Must never scan a receipt for STOP, nor acknowledge what nobody has and nothing keeps.

use super::build;
use super::esme::{Debt, ToClient};
use super::lane::Lane;
use super::refs::LinkRef;
use crate::clock::Now;
use crate::message::inbound::Inbound;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::submission::Operation;
use crate::message::tag::NumberTag;
use crate::pdu::command::CommandId;
use crate::pdu::header::Header;
use crate::pdu::inbound;
use crate::pdu::link_command::LinkCommand;
use crate::pdu::receipt::{self, Receipt};
use crate::pdu::status::CommandStatus;
use crate::spool::id_index::Match;
use crate::spool::message_id::IdHash;
use crate::spool::shelf::ItemKind;
use crate::telemetry::labels::{DeliverKind, PduError, ReceiptRoute};

/// Receipts that wait for the answers of their own submits, at most.
pub const EARLY_MAX: usize = 10_000;

/// A receipt that came before the answer of its submit.
pub struct EarlyReceipt {
    smsc: usize,
    message_id: Box<[u8]>,
    delivery: ToClient,
}

/// Which PDU of which link.
#[derive(Clone, Copy, Debug)]
pub struct From {
    pub link: LinkRef,
    pub sequence: u32,
    pub operation: Operation,
}

impl Lane {
    /// A deliver_sm or data_sm of an SMSC.
    pub fn deliver(&mut self, slot: usize, header: &Header, frame: &[u8], now: Now) {
        let link = &mut self.links[slot];
        link.timers.message(now.monotonic);
        self.counts.delivered(slot);
        let link = &mut self.links[slot];
        let operation = if header.id == CommandId::DataSm { Operation::DataSm } else { Operation::SubmitSm };
        let from = From { link: link.reference(slot), sequence: header.sequence, operation };
        let smsc = link.smsc;
        let inbound = match inbound::scan(frame) {
            Ok(inbound) => inbound,
            Err(_) => return self.unreadable(from, smsc, frame, now),
        };
        match receipt::parse(&inbound) {
            Some(found) => {
                self.smscs[smsc].metrics.delivers.one(DeliverKind::Receipt);
                self.receipt(from, smsc, &inbound, &found, now);
            }
            None => {
                self.smscs[smsc].metrics.delivers.one(DeliverKind::Message);
                self.reply(from, smsc, &inbound, now);
            }
        }
    }

    /// It could have been a STOP: refused for ever, loudly, and its octets are kept.
    fn unreadable(&mut self, from: From, smsc: usize, frame: &[u8], now: Now) {
        let settings = &self.smscs[smsc].settings;
        let (name, wire_status) = (settings.name.clone(), CommandStatus(settings.deliver_final));
        self.smscs[smsc].metrics.delivers.one(DeliverKind::Invalid);
        self.smsc_error(smsc, PduError::Field);
        tracing::error!(event = "deliver.unreadable", smsc = %name, octets = frame.len());
        if self.keep(NameId::NONE, ItemKind::Mo, frame, NumberTag::default(), now).is_none() {
            tracing::error!(event = "deliver.quarantine_failed", smsc = %name);
        }
        self.answer_deliver(from, wire_status);
    }

    /// A receipt goes to the account that submitted.
    fn receipt(&mut self, from: From, smsc: usize, inbound: &Inbound<'_>, found: &Receipt<'_>, now: Now) {
        let tag = self.tag_of(smsc, inbound).unwrap_or_default();
        self.stop_by_receipt(from, smsc, inbound, found, now);
        let octets = inbound.octets[..inbound.end as usize].into();
        let delivery = ToClient { debt: Debt::Smsc(from), kind: ItemKind::Receipt, tag, octets };
        let operator = &self.smscs[smsc];
        let how = build::id_match(operator.settings.message_id_match);
        let ids = &self.kit.shared.ids;
        let earlier = self.number_of(smsc, inbound).map(|number| self.kit.shared.tags.before(number));
        let owner =
            ids.find(operator.settings.id, (found.message_id, how), &tag, &earlier.unwrap_or_default(), now.civil);
        match (operator.mirrored, owner) {
            // An account that used it too, and has left.
            (Some(account), Match::One(owner)) if owner.account != account => {}
            (Some(account), Match::One(_) | Match::Ambiguous | Match::Unknown) => {
                operator.metrics.receipt_routes.one(ReceiptRoute::Link);
                return self.to_client(account, delivery, now);
            }
            (None, Match::One(_) | Match::Ambiguous | Match::Unknown) => {}
        }
        match owner {
            Match::One(owner) => {
                operator.metrics.receipt_routes.one(ReceiptRoute::Map);
                self.to_client(owner.account, delivery, now);
            }
            Match::Ambiguous => {
                operator.metrics.receipt_routes.one(ReceiptRoute::Ambiguous);
                self.unrouted(smsc, delivery, now);
            }
            Match::Unknown => {
                operator.metrics.receipt_routes.one(ReceiptRoute::Parked);
                let candidates = ids.candidates(operator.settings.id, found.message_id, how);
                let early = EarlyReceipt { smsc, message_id: found.message_id.into(), delivery };
                if let Err(early) = self.early.park(candidates, early, now.monotonic) {
                    self.unrouted(smsc, early.delivery, now);
                }
            }
        }
    }

    /// The submit of an early receipt was answered: it is routed now.
    pub fn early_arrived(&mut self, id: IdHash, now: Now) {
        if self.early.is_empty() {
            return;
        }
        let mut arrived = Vec::new();
        self.early.arrived(id, |early| arrived.push(early));
        for EarlyReceipt { smsc, message_id, delivery } in arrived {
            let operator = &self.smscs[smsc];
            let how = build::id_match(operator.settings.message_id_match);
            // Submitted a moment ago: under the newest key.
            let asked = (&message_id[..], how);
            let found = self.kit.shared.ids.find(operator.settings.id, asked, &delivery.tag, &[], now.civil);
            match found {
                Match::One(owner) => self.to_client(owner.account, delivery, now),
                Match::Ambiguous | Match::Unknown => self.unrouted(smsc, delivery, now),
            }
        }
    }

    /// A receipt that is nobody's: kept aside, counted, acknowledged when it is kept.
    fn unrouted(&mut self, smsc: usize, delivery: ToClient, now: Now) {
        tracing::warn!(event = "receipt.unrouted", smsc = %self.smscs[smsc].settings.name);
        self.to_client(NameId::NONE, delivery, now);
    }

    /// Gives up early receipts whose submit was not answered in ten seconds.
    pub fn tick_early(&mut self, now: Now) {
        let mut over = Vec::new();
        self.early.expire(now.monotonic, |early| over.push(early));
        for EarlyReceipt { smsc, delivery, .. } in over {
            self.smscs[smsc].metrics.receipt_routes.one(ReceiptRoute::Unmatched);
            self.unrouted(smsc, delivery, now);
        }
    }

    /// The tag of the handset a PDU comes from, when its source is a number.
    fn tag_of(&self, smsc: usize, inbound: &Inbound<'_>) -> Option<NumberTag> {
        Some(self.kit.shared.tags.tag(self.number_of(smsc, inbound)?))
    }

    /// The number a PDU comes from.
    pub fn number_of(&self, smsc: usize, inbound: &Inbound<'_>) -> Option<Msisdn> {
        let source = &inbound.source;
        let text = inbound.slice(source.text);
        self.kit.settings.numbers.canonical(source.ton, source.npi, text, self.country_of(smsc)).ok()
    }

    /// The country in which an operator writes national numbers: that of the first account that uses it.
    pub fn country_of(&self, smsc: usize) -> &str {
        let id = self.smscs[smsc].settings.id;
        let accounts = &self.kit.settings.accounts;
        let owner = accounts.iter().find(|account| account.smsc.contains(&id)).or(accounts.first());
        owner.map_or("FR", |account| &account.policy.default_country)
    }

    /// alert_notification: to the account whose address it names; it has no answer.
    pub fn alert(&mut self, slot: usize, frame: &[u8], now: Now) {
        let smsc = self.links[slot].smsc;
        self.smscs[smsc].metrics.delivers.one(DeliverKind::Alert);
        let owner =
            inbound::alert_esme_addr(frame).and_then(|address| self.owners(smsc, address).accounts.first().copied());
        let _ = now;
        let Some(receiver) = owner.and_then(|account| self.receiver(account)) else { return };
        let esme = &mut self.esmes[receiver];
        let sequence = esme.window.untracked();
        esme.out.push(|out| crate::pdu::deliver::write(frame, sequence, out));
        self.touch_esme(receiver);
    }

    /// Answers a deliver_sm or data_sm of an SMSC, unless its answer waits for a STOP.
    pub fn answer_deliver(&mut self, from: From, status: CommandStatus) {
        if self.gates.may_answer(&from, status) {
            self.write_deliver_answer(from, status);
        }
    }

    /// Writes the answer of a deliver_sm or data_sm.
    pub fn write_deliver_answer(&mut self, from: From, status: CommandStatus) {
        let command = match from.operation {
            Operation::DataSm => LinkCommand::DataSmResp { status },
            Operation::SubmitSm | Operation::SubmitMulti => LinkCommand::DeliverSmResp { status },
        };
        if self.answer_link_ref(from.link, &command, from.sequence) {
            self.counts.acknowledged(from.link.slot, status.is_ok());
        }
    }
}
