//! Owns the way back: an SMSC's answer to a submit, its absence, and the end of a link.
//! Must never answer a submit twice, nor send one again.

use super::lane::Lane;
use super::refs::EsmeRef;
use super::smsc::{LATE_ANSWERS, Origin, THROTTLED_PAUSE};
use super::submit::Sender;
use crate::clock::Now;
use crate::compliance::code::RefusalCode;
use crate::compliance::verdict::{Refusal, Ruling};
use crate::ledger::VerdictKind;
use crate::message::name::NameId;
use crate::pdu::header::Header;
use crate::pdu::response;
use crate::pdu::status::CommandStatus;
use crate::spool::duty::Fate;
use crate::spool::idmap::Haste;
use crate::telemetry::events::SmscLost;
use crate::telemetry::labels::{ConnectResult, PduError, SubmitResult};
use std::collections::VecDeque;

impl Lane {
    /// An answer of the SMSC to one of our requests.
    pub fn smsc_answered(&mut self, slot: usize, header: &Header, frame: &[u8], now: Now) {
        let link = &mut self.links[slot];
        if link.out.is_unwritten(header.sequence) {
            // Nobody can have answered what has not left. It stays in the window, by which it can be taken back.
            return self.link_error(slot, PduError::UnmatchedResponse);
        }
        let Some((origin, waited)) = link.window.complete_timed(header.sequence, now.monotonic) else {
            return self.late_answer(slot, header, frame, now);
        };
        if header.status == CommandStatus::THROTTLED {
            link.pace.pause(THROTTLED_PAUSE, now.monotonic);
        }
        match origin {
            Origin::Submit { sender, ruling } => {
                let smsc = &self.smscs[link.smsc];
                smsc.metrics.roundtrip.record(waited.as_secs_f64());
                smsc.metrics.responses.one(if header.status.is_ok() {
                    SubmitResult::Accepted
                } else {
                    SubmitResult::Rejected
                });
                self.submit_answered(slot, &sender, &ruling, header, frame, now);
            }
            Origin::Multi { batch } => {
                self.smscs[link.smsc].metrics.roundtrip.record(waited.as_secs_f64());
                self.multi_answered(slot, batch, frame, now);
            }
            Origin::Duty { id, duty } => self.duty_answered(id, &duty, header.status, now),
            Origin::Query { esme, sequence, .. } => self.query_answered(esme, sequence, frame),
            Origin::Recall { recall } => self.recall_answered(slot, recall, header.status, now),
        }
        self.drain_queue(slot, now);
        let smsc = self.links[slot].smsc;
        self.release_holding(smsc);
        self.finish_smsc_unbind(slot);
    }

    fn submit_answered(
        &mut self,
        slot: usize,
        sender: &Sender,
        ruling: &Ruling,
        header: &Header,
        frame: &[u8],
        now: Now,
    ) {
        self.counts.answered(ruling.account, 1);
        let smsc = self.links[slot].smsc;
        let settings = &self.smscs[smsc].settings;
        let message_id = response::read(frame).map_or(&[][..], |response| response.message_id);
        let status = CommandStatus(settings.status_map.get(&header.status.0).copied().unwrap_or(header.status.0));
        if header.status.is_ok() {
            self.remember_id(smsc, message_id, sender.message_ref, ruling, now);
        } else {
            self.uncount(ruling, sender.message_ref);
        }
        self.answer_sender(sender, |out| response::write(sender.operation, status, message_id, sender.sequence, out));
    }

    /// Remembers whose message an id is: for its receipts, for query_sm and cancel_sm, and for its recall when it is
    /// scheduled.
    pub fn remember_id(&mut self, smsc: usize, message_id: &[u8], message_ref: u64, ruling: &Ruling, now: Now) {
        let name = self.smscs[smsc].settings.id;
        self.accepted_ahead(name, message_id, message_ref, ruling, now);
        if let Some(tag) = ruling.tag {
            // By an operator's link alone its only account is known: a crash may forget the newest of these.
            let haste = if self.smscs[smsc].mirrored.is_some() { Haste::Later } else { Haste::Now };
            let id = self.ids.record(name, message_id, ruling.account, &tag, (now.civil, haste));
            // Always: its receipt may stand behind it in this very turn, and be parked before the id can be found.
            self.recorded_ids.extend(id);
        }
    }

    /// An answer after its time: it goes to the ledger and to the id map, never to the sender.
    fn late_answer(&mut self, slot: usize, header: &Header, frame: &[u8], now: Now) {
        let link = &mut self.links[slot];
        // Several for a submit_multi.
        let (late, rest): (VecDeque<_>, _) =
            std::mem::take(&mut link.late).into_iter().partition(|late| late.0 == header.sequence);
        link.late = rest;
        if late.is_empty() {
            return self.link_error(slot, PduError::UnmatchedResponse);
        }
        let smsc = &self.smscs[link.smsc];
        let (at, id) = (link.smsc, smsc.settings.id);
        smsc.metrics.responses.one(SubmitResult::Late);
        self.link_error(slot, PduError::LateResponse);
        for (_, sender, ruling) in late {
            self.record(VerdictKind::LateAnswer(header.status.0), &ruling, sender.message_ref, id, now);
            if header.status.is_ok() {
                let message_id = response::read(frame).map_or(&[][..], |response| response.message_id);
                self.remember_id(at, message_id, sender.message_ref, &ruling, now);
            }
        }
    }

    /// Requests whose answer did not come in time.
    pub fn expire_link(&mut self, slot: usize, now: Now) {
        let link = &mut self.links[slot];
        let timeout = self.smscs[link.smsc].settings.response_timeout;
        if !link.out.is_empty()
            && link.window.waiting_for(timeout, now.monotonic).any(|sequence| link.out.is_unwritten(sequence))
        {
            // For so long the operator has not taken what is to be answered: the link is of no use. What has not left is
            // taken back with it; out of the window, nothing could take it back any more.
            link.closing = true;
            return self.touch_link(slot);
        }
        let mut over = Vec::new();
        link.window.expire(now.monotonic, timeout, |sequence, origin| over.push((sequence, origin)));
        for (sequence, origin) in over {
            self.link_error(slot, PduError::Timeout);
            self.fate_unknown(slot, Some(sequence), origin, now);
        }
        self.drain_queue(slot, now);
    }

    /// Nobody knows what became of a message: its sender is told once, and it is never sent again.
    fn fate_unknown(&mut self, slot: usize, late: Option<u32>, origin: Origin, now: Now) {
        match origin {
            Origin::Submit { sender, ruling } => {
                let link = &mut self.links[slot];
                if let Some(sequence) = late {
                    if link.late.len() >= LATE_ANSWERS {
                        link.late.pop_front();
                    }
                    link.late.push_back((sequence, sender, ruling));
                }
                let smsc = &self.smscs[link.smsc];
                smsc.metrics.responses.one(SubmitResult::Unresolved);
                let id = smsc.settings.id;
                self.take_back(VerdictKind::Unresolved, RefusalCode::FateUnknown, &sender, &ruling, id, now);
            }
            Origin::Multi { batch } => self.multi_unresolved(slot, late, batch, now),
            Origin::Duty { id, duty } => self.settle_duty(id, &duty, Fate::Unknown, now),
            Origin::Query { esme, sequence, command } => self.query_failed(esme, sequence, command),
            Origin::Recall { recall } => self.recall_unanswered(slot, recall, now),
        }
    }

    /// A link's connection is over: what was written has an unknown fate, what was not begun goes nowhere,
    /// what waits takes another road.
    pub fn link_down(&mut self, slot: usize, now: Now) {
        let link = &mut self.links[slot];
        if link.wire.take().is_none() {
            return;
        }
        let smsc = &self.smscs[link.smsc];
        if link.counted {
            link.counted = false;
            smsc.metrics.gauges.bound.decrement(1.0);
            self.kit.shared.count_bound_links(-1);
        }
        let result = ConnectResult::Lost;
        SmscLost { smsc: &smsc.settings.name, link: link.number, result, why: "the connection is over" }
            .emit(&smsc.metrics);
        link.session.lost(now.monotonic);
        if self.draining {
            link.session.stop();
        }
        let unbegun: Vec<u32> = link.out.unbegun().collect();
        let mut lost = Vec::new();
        link.window.drain(|sequence, origin| lost.push((sequence, origin)));
        link.out = Default::default();
        for (sequence, origin) in lost {
            if unbegun.contains(&sequence) {
                self.never_written(slot, origin, now);
            } else {
                self.fate_unknown(slot, None, origin, now);
            }
        }
        self.reroute(slot, now);
    }

    /// What waits for a link that carries nothing more takes another road.
    pub fn reroute(&mut self, slot: usize, now: Now) {
        while let Some(turn) = self.links[slot].queue.pop() {
            let waiting = turn.item;
            let Some(contract) = self.contract_of(&waiting.sender, waiting.permitted.ruling()) else { continue };
            self.dispatch(waiting.permitted, waiting.sender, &contract, now.monotonic, now);
        }
        self.release_holding(self.links[slot].smsc);
    }

    /// A released message of which no octet left: withdrawn, and its sender may try again.
    fn never_written(&mut self, slot: usize, origin: Origin, now: Now) {
        let code = RefusalCode::SmscUnavailable;
        let smsc = self.smscs[self.links[slot].smsc].settings.id;
        match origin {
            Origin::Submit { sender, ruling } => {
                self.take_back(VerdictKind::Withdrawn(code), code, &sender, &ruling, smsc, now);
            }
            Origin::Multi { batch } => {
                self.multi_withdrawn(batch, smsc, self.kit.shared.ledger.evidence(), now);
            }
            Origin::Duty { id, duty } => self.settle_duty(id, &duty, Fate::NotWritten, now),
            Origin::Query { esme, sequence, command } => self.query_failed(esme, sequence, command),
            Origin::Recall { recall } => self.recall_unanswered(slot, recall, now),
        }
    }

    /// Records what followed a permitted verdict, and gives the sender its one answer.
    pub fn take_back(
        &mut self,
        kind: VerdictKind,
        code: RefusalCode,
        sender: &Sender,
        ruling: &Ruling,
        smsc: NameId,
        now: Now,
    ) {
        self.record(kind, ruling, sender.message_ref, smsc, now);
        let Some(contract) = self.contract_of(sender, ruling) else { return };
        contract.metrics.refused_after_permit(code);
        if let VerdictKind::Withdrawn(_) = kind {
            contract.metrics.withdrawn.increment(1);
            self.give_back_part(ruling);
        }
        // By its status whatever the style: of what was released a receipt could say something untrue.
        self.answer_refusal(sender, &contract, &Refusal { code, ruling: *ruling, next_opening: None });
    }

    fn query_answered(&mut self, esme: EsmeRef, sequence: u32, frame: &[u8]) {
        if let Some(found) = self.esme(esme) {
            found.out.push(|out| response::resequence(frame, sequence, out));
            self.touch_esme(esme.slot);
        }
    }
}
