//! Owns the path of a submit_sm or data_sm: scan, judge, rate, route, release, write.
//! Must never let octets reach a link but through `release`, nor leave a submit without its one answer.

use super::account::Contract;
use super::build;
use super::esme::Closing;
use super::lane::Lane;
use super::multi::is_multi;
use super::recall::is_ahead;
use super::refs::EsmeRef;
use super::route::Route;
use super::smsc::Origin;
use crate::clock::Now;
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::compliance::judge::judge;
use crate::compliance::observe;
use crate::compliance::policy::PromotionalText;
use crate::compliance::release::release;
use crate::compliance::verdict::{Permitted, Refusal, Ruling, Verdict};
use crate::ledger::{VerdictEntry, VerdictKind};
use crate::message::instant::MonotonicInstant;
use crate::message::name::NameId;
use crate::message::submission::Operation;
use crate::pdu::command::CommandId;
use crate::pdu::header::Header;
use crate::pdu::status::{self, CommandStatus};
use crate::pdu::{answer, scan};
use crate::session::fair::{Flow, Priority, Pushed, Turn};
use crate::session::rate::ACCOUNT_WAIT_MAX;
use crate::telemetry::events::VerdictGiven;
use crate::telemetry::labels::PromotionalOutcome;
use crate::telemetry::labels::RecordKind;
use std::rc::Rc;
use std::time::Duration;

/// Who waits for the answer to a submit.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    pub esme: EsmeRef,
    /// The client's own sequence number: echoed, never a key.
    pub sequence: u32,
    pub command: CommandId,
    pub operation: Operation,
    /// Names the submission in the ledger.
    pub message_ref: u64,
}

/// A permitted message that waits for a window or for an SMSC that blinks.
#[derive(Debug)]
pub struct Waiting {
    pub permitted: Permitted<'static>,
    pub sender: Sender,
    pub since: MonotonicInstant,
}

/// How long a client may be left unread, and a message may wait for a window.
pub const BACK_PRESSURE: Duration = Duration::from_secs(5);

impl Lane {
    /// Takes a submit from the reader: at once, held while there is no room, or refused when that lasted too long.
    pub fn take_submit(&mut self, slot: usize, frame: &[u8], now: Now) {
        let room = self.has_room(slot) && (!is_multi(frame) || self.has_room_for_multi(slot, now));
        let esme = &mut self.esmes[slot];
        if esme.held.frames.is_empty() && (room || esme.held.overflowing) {
            esme.held.overflowing &= !room;
            return self.submit(slot, frame, now);
        }
        esme.held.octets += frame.len();
        esme.held.frames.push_back((now.monotonic, frame.into()));
    }

    /// Whether one more submit of this client can be taken on: its own window has room, and its operator's queues have.
    fn has_room(&mut self, slot: usize) -> bool {
        let esme = &self.esmes[slot];
        if esme.in_flight >= esme.contract.settings.window {
            return false;
        }
        let operators = esme.contract.smscs.iter().copied();
        let carrying = |smsc: &usize| self.smscs[*smsc].links.iter().any(|link| self.links[*link].carries_submits());
        let Some(smsc) = operators.clone().find(carrying) else { return true };
        if self.queues_have_room(smsc) {
            return true;
        }
        let at = EsmeRef { slot, generation: esme.generation };
        let holding = &mut self.smscs[smsc].holding;
        if !holding.contains(&at) {
            holding.push_back(at);
        }
        false
    }

    fn queues_have_room(&self, smsc: usize) -> bool {
        let links = self.smscs[smsc].links.iter().map(|link| &self.links[*link]);
        let mut carrying = links.filter(|link| link.carries_submits()).peekable();
        carrying.peek().is_none() || carrying.any(|link| link.queue.len() < 2 * link.window.capacity())
    }

    /// An operator has room again: the clients that were held for it go on at the end of the turn.
    pub fn release_holding(&mut self, smsc: usize) {
        if !self.smscs[smsc].holding.is_empty() && !self.roomy.contains(&smsc) {
            self.roomy.push(smsc);
        }
    }

    /// Lets held submits in: first those that wait for an operator's room, in turn, so that none waits for ever.
    pub fn resume(&mut self, now: Now) {
        while let Some(smsc) = self.roomy.pop() {
            for _ in 0..self.smscs[smsc].holding.len() {
                // Who finds no room takes its place at the end; who is not asked keeps its own.
                if !self.queues_have_room(smsc) {
                    break;
                }
                let Some(at) = self.smscs[smsc].holding.pop_front() else { break };
                if self.esme(at).is_some() {
                    self.resume_held(at.slot, now);
                }
            }
        }
        while let Some(slot) = self.resumable.pop() {
            self.resume_held(slot, now);
        }
    }

    /// Takes on held submits as far as there is room.
    pub fn resume_held(&mut self, slot: usize, now: Now) {
        // Only what was held can have kept the driver from reading.
        let mut taken = false;
        while self.esmes.contains(slot) {
            let multi = self.esmes[slot].held.frames.front().is_some_and(|(_, frame)| is_multi(frame));
            let room = self.has_room(slot) && (!multi || self.has_room_for_multi(slot, now));
            let esme = &mut self.esmes[slot];
            if esme.held.frames.is_empty() {
                esme.held.overflowing &= !room;
                if taken {
                    esme.wire.wake();
                }
                return self.finish_unbind(slot);
            }
            if !room && !esme.held.overflowing {
                return;
            }
            let Some((_, frame)) = esme.held.frames.pop_front() else { return };
            esme.held.octets -= frame.len();
            taken = true;
            self.submit(slot, &frame, now);
        }
    }

    /// Judges a submit and sends it on its way.
    fn submit(&mut self, slot: usize, frame: &[u8], now: Now) {
        if is_multi(frame) {
            return self.filter_multi(slot, frame, now);
        }
        let kit = Rc::clone(&self.kit);
        let esme = &mut self.esmes[slot];
        let contract = Rc::clone(&esme.contract);
        let Some(header) = Header::parse(frame) else { return };
        let context = contract.scan_context(now);
        let submission = match scan::submit(frame, &context) {
            Ok(submission) => submission,
            Err(rejection) => {
                esme.out.push(|out| answer::error(header.id, rejection.status, header.sequence, out));
                self.touch_esme(slot);
                return self.bad_body(slot, build::pdu_error(rejection.fault), now);
            }
        };
        let full = esme.in_flight >= contract.settings.window;
        esme.in_flight += 1;
        self.counts.received(contract.settings.id);
        self.last_message_ref += 1;
        let sender = Sender {
            esme: EsmeRef { slot, generation: esme.generation },
            sequence: header.sequence,
            command: header.id,
            operation: submission.operation,
            message_ref: self.last_message_ref,
        };
        // One in sixteen is timed: looking at the clock twice costs as much as a rule.
        let began = sender.message_ref.is_multiple_of(16).then(|| kit.shared.clock.monotonic());
        let addresses = contract.receipt_addresses(&submission);
        let verdict = judge(submission, &kit.facts(&contract.settings.policy), now.civil);
        if let Some(began) = began {
            kit.shared.metrics.judge.record(kit.shared.clock.monotonic().since(began).as_secs_f64());
        }
        match verdict {
            Verdict::Refused(refusal) => self.refuse(&sender, &contract, &refusal, addresses.as_ref(), now),
            Verdict::Permitted(permitted) if self.draining => {
                // A client that never pauses would otherwise never have all its answers.
                self.refuse_because(RefusalCode::SmscUnavailable, &permitted, &sender, &contract, now);
            }
            Verdict::Permitted(permitted) if full || self.cannot_be_remembered(permitted.ruling(), now) => {
                self.refuse_because(RefusalCode::QueueFull, &permitted, &sender, &contract, now)
            }
            Verdict::Permitted(permitted) if !self.take_tokens(&contract, permitted.ruling(), now) => {
                self.refuse_because(RefusalCode::RateLimited, &permitted, &sender, &contract, now);
            }
            Verdict::Permitted(permitted) => self.dispatch(permitted, sender, &contract, now.monotonic, now),
        }
    }

    /// Whether the account's rate admits one more message. A burst of one second's worth passes at once:
    /// what must be paced is paced at the SMSC's links. All parts of a message are paid with the first one that comes.
    fn take_tokens(&mut self, contract: &Contract, ruling: &Ruling, now: Now) -> bool {
        let tokens = ruling.set.map_or(1, |set| u32::from(set.tokens));
        if tokens == 0 {
            return true;
        }
        let Some(account) = self.accounts.get_mut(&contract.settings.id) else { return false };
        account.bucket.take_within(tokens, ACCOUNT_WAIT_MAX, now.monotonic).is_ok()
    }

    /// Gives a permitted message to a link, or lets it wait where it must: for an operator, counted from `since`.
    pub fn dispatch(
        &mut self,
        permitted: Permitted<'_>,
        sender: Sender,
        contract: &Contract,
        since: MonotonicInstant,
        now: Now,
    ) {
        match self.route(contract, permitted.ruling(), now) {
            Route::Link(link) => self.offer(link, permitted, sender, contract, now),
            Route::Blinking(smsc) => {
                let waiting = Waiting { permitted: permitted.into_owned(), sender, since };
                if let Some(waiting) = self.smscs[smsc].wait_for_link(waiting) {
                    self.refuse_because(RefusalCode::QueueFull, &waiting.permitted, &sender, contract, now);
                }
            }
            Route::Nowhere => self.refuse_because(RefusalCode::SmscUnavailable, &permitted, &sender, contract, now),
        }
    }

    /// Sends over a link now, or queues for its window.
    fn offer(&mut self, slot: usize, permitted: Permitted<'_>, sender: Sender, contract: &Contract, now: Now) {
        let link = &mut self.links[slot];
        if link.queue.is_empty() && link.ready(now.monotonic) {
            return self.send(slot, permitted, sender, contract, now);
        }
        let priority = match permitted.ruling().class {
            TrafficClass::Transactional => Priority::First,
            TrafficClass::Commercial => Priority::Second,
        };
        let flow = Flow { account: contract.settings.id, priority };
        let waiting = Waiting { permitted: permitted.into_owned(), sender, since: now.monotonic };
        match link.queue.push(flow, waiting, now.monotonic) {
            Pushed::Queued => {}
            Pushed::Displaced(turn) => self.refuse_waiting(RefusalCode::QueueFull, turn.item, now),
            Pushed::Full(waiting) => self.refuse_waiting(RefusalCode::QueueFull, waiting, now),
        }
    }

    /// Releases a message and puts its octets into the link's outbox. The link is ready.
    fn send(&mut self, slot: usize, permitted: Permitted<'_>, sender: Sender, contract: &Contract, now: Now) {
        let kit = Rc::clone(&self.kit);
        let addresses = contract.receipt_addresses_of(&permitted);
        let released = match release(permitted, &kit.facts(&contract.settings.policy), now.civil) {
            Ok(released) => released,
            Err(refusal) => {
                self.give_back_part(&refusal.ruling);
                return self.refuse(&sender, contract, &refusal, addresses.as_ref(), now);
            }
        };
        let ruling = *released.ruling();
        let smsc = self.smscs[self.links[slot].smsc].settings.id;
        self.record(leaving(&ruling), &ruling, sender.message_ref, smsc, now);
        self.tell(contract, &ruling, None);
        match (ruling.class, ruling.stop_code) {
            (TrafficClass::Transactional, _) => self.unrecorded.push(ruling.account),
            (TrafficClass::Commercial, Some(code)) => contract.named(code),
            (TrafficClass::Commercial, None) => {}
        }
        if is_ahead(&ruling, now) {
            self.remember_ahead(slot, &released, sender.message_ref);
        }
        let link = &mut self.links[slot];
        link.pace.take(1, now.monotonic);
        link.timers.message(now.monotonic);
        let sequence = link
            .window
            .begin(Origin::Submit { sender, ruling }, now.monotonic)
            .expect("a ready link has room in its window");
        link.out.message(&released, sequence, &link.dialect, &contract.settings.policy.vendor_tlvs);
        self.touch_link(slot);
    }

    /// Sends what waits at a link, as far as its window and pace allow.
    pub fn drain_queue(&mut self, slot: usize, now: Now) {
        while let Some(link) = self.links.get_mut(slot) {
            if !link.ready(now.monotonic) {
                return;
            }
            let Some(Turn { item: Waiting { permitted, sender, .. }, .. }) = link.queue.pop() else { return };
            let smsc = link.smsc;
            self.release_holding(smsc);
            let Some(contract) = self.contract_of(&sender, permitted.ruling()) else { continue };
            self.send(slot, permitted, sender, &contract, now);
        }
    }

    /// The contract a waiting message is judged by: the account's of today, though its connection may be gone.
    pub fn contract_of(&mut self, sender: &Sender, ruling: &Ruling) -> Option<Rc<Contract>> {
        if let Some(esme) = self.esme(sender.esme) {
            return Some(Rc::clone(&esme.contract));
        }
        self.accounts.get(&ruling.account).map(|account| Rc::clone(&account.contract))
    }

    /// Writes the one answer of a submit, and lets held submits in.
    pub fn answer_sender(&mut self, sender: &Sender, encode: impl FnOnce(&mut Vec<u8>)) {
        let Some(esme) = self.esme(sender.esme) else { return };
        esme.in_flight -= 1;
        if esme.closing != Closing::Now {
            esme.out.push(encode);
        }
        self.resumable.push(sender.esme.slot);
        self.touch_esme(sender.esme.slot);
    }

    /// Counts a verdict, and says it to whoever listens.
    pub fn tell(&self, contract: &Contract, ruling: &Ruling, refusal: Option<&Refusal>) {
        VerdictGiven {
            account: &contract.settings.policy.system_id,
            class: ruling.class,
            refusal: refusal.map(|refusal| refusal.code),
            observed: observe::first_code(ruling.observed).filter(|_| refusal.is_none()),
            promotional: ruling.promotional.map(outcome),
            number: ruling.destination,
            next_opening: refusal.and_then(|refusal| refusal.next_opening),
        }
        .emit(&contract.metrics);
    }

    /// Appends a verdict to the batch.
    pub fn record(&mut self, kind: VerdictKind, ruling: &Ruling, message_ref: u64, smsc: NameId, now: Now) {
        let counted = match kind {
            VerdictKind::Permitted | VerdictKind::Composed | VerdictKind::Observed(_) | VerdictKind::Refused(_) => {
                RecordKind::Verdict
            }
            VerdictKind::Withdrawn(_)
            | VerdictKind::Unresolved
            | VerdictKind::LateAnswer(_)
            | VerdictKind::Recalled(_)
            | VerdictKind::NotRecalled => RecordKind::Outcome,
        };
        if ruling.counted {
            self.count(kind, ruling, message_ref, now);
        }
        self.kit.shared.metrics.records.one(counted);
        self.counts.verdict(ruling.account, kind);
        self.appender.verdict(&VerdictEntry { kind, ruling, message_ref, smsc, at: now.civil });
    }
}

/// How it is counted what was done about a promotional text.
const fn outcome(done: PromotionalText) -> PromotionalOutcome {
    match done {
        PromotionalText::Reclassify => PromotionalOutcome::Reclassified,
        PromotionalText::Log => PromotionalOutcome::Logged,
        PromotionalText::Refuse => PromotionalOutcome::Refused,
    }
}

/// The record of a message that leaves: as it should, or because a rule is only observed.
pub fn leaving(ruling: &Ruling) -> VerdictKind {
    observe::first_code(ruling.observed).map_or(VerdictKind::Permitted, VerdictKind::Observed)
}

impl Contract {
    /// A commercial message left whose mention names this short code.
    pub fn named(&self, code: u32) {
        if let Some((_, metrics)) = self.codes.iter().find(|(known, _)| *known == code) {
            metrics.named.increment(1);
        }
    }

    /// The command_status this account gets for a reason.
    pub fn status(&self, code: RefusalCode, class: TrafficClass) -> CommandStatus {
        self.settings.refusal_status.get(&code).map_or_else(|| status::of(code, class), |own| CommandStatus(*own))
    }
}
