//! Owns one lane: its accounts, its operators' links, its connections, and the end of every turn.
//! Must never let octets leave before their records are appended, nor wait for anything.

use super::account::Account;
use super::clients::AwaitingSpool;
use super::counts::Counts;
use super::deliver::EarlyReceipt;
use super::duties::AwaitingOwed;
use super::esme::{Closing, Esme};
use super::kit::Kit;
use super::leaks::notes::Note;
use super::multi::Batch;
use super::opted_out::Gates;
use super::optout::AwaitingAct;
use super::outbox::Flushed;
use super::recall::Ahead;
use super::refusal::AwaitingReceipt;
use super::reply_parts::PartsWaiting;
use super::skew::Skew;
use super::smsc::{Link, Origin, Smsc};
use super::tally::Tally;
use crate::clock::Now;
use crate::compliance::facts::{Evidence, Facts};
use crate::compliance::release::recheck;
use crate::ledger::{Appender, Committed, LedgerError, VerdictKind};
use crate::message::name::NameId;
use crate::net::wire::Wire;
use crate::session::route::SetLinks;
use crate::spool::early::Early;
use crate::spool::idmap::Recorder;
use crate::spool::message_id::IdHash;
use crate::spool::refusing::Refusing;
use crate::spool::scheduled::Recall;
use crate::telemetry::events::LedgerFailed;
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// The state of one lane. It knows no socket: octets come in, outboxes fill, `settle` ends the turn.
pub struct Lane {
    pub number: usize,
    pub kit: Rc<Kit>,
    pub appender: Appender,
    pub accounts: HashMap<NameId, Account>,
    pub smscs: Vec<Smsc>,
    pub links: Vec<Link>,
    /// submit_multi on their way.
    pub batches: Slab<Batch>,
    /// Scheduled promotions that are not answered yet, by the handle the ledger names them by.
    pub ahead: HashMap<u64, Ahead>,
    /// Scheduled promotions that are being called back.
    pub recalls: Slab<Recall>,
    pub esmes: Slab<Esme>,
    /// Which link the parts of a message take.
    pub set_links: SetLinks,
    /// What the parts of replies wait for.
    pub parts_waiting: PartsWaiting,
    /// Connections whose outbox or state changed in this turn.
    pub touched_links: Vec<usize>,
    pub touched_esmes: Vec<usize>,
    /// Connections that may take on held submits.
    pub resumable: Vec<usize>,
    /// Operators whose queues have had room in this turn: those held for them come first.
    pub roomy: Vec<usize>,
    pub awaiting_acts: VecDeque<AwaitingAct>,
    pub awaiting_owed: VecDeque<AwaitingOwed>,
    /// Receipts that are a STOP: answered when that is durable.
    pub gates: Gates,
    pub awaiting_spool: VecDeque<AwaitingSpool>,
    pub awaiting_receipts: VecDeque<AwaitingReceipt>,
    /// Accounts whose items the spool does not take.
    pub spool_refusing: Refusing,
    pub early: Early<EarlyReceipt>,
    /// This lane's part of the id map's batch.
    pub ids: Recorder,
    /// Ids of that batch, while receipts wait for theirs.
    pub recorded_ids: Vec<IdHash>,
    pub skew: Skew,
    pub last_message_ref: u64,
    pub last_generation: u32,
    /// What other lanes had spooled for accounts of this one at the last look.
    pub spooled_elsewhere: u64,
    pub draining: bool,
    /// PDUs since the last tick.
    pub esme_tally: Tally,
    pub smsc_tally: Tally,
    /// Sums for the ledger's counters.
    pub counts: Counts,
    /// Accounts of the transactional messages released in this turn: what a ledger that fails leaves unrecorded.
    pub unrecorded: Vec<NameId>,
    /// What has left, for the self-audit.
    pub left: Vec<Note>,
}

/// Octets waiting for an operator's socket beyond which its link is given up.
const UNTAKEN_OCTETS: usize = 4 << 20;

impl Lane {
    /// Ends a turn: records first, octets after, and the list's generation last.
    pub fn settle(&mut self, now: Now) {
        let generation = self.kit.shared.index.generation();
        self.resume(now);
        if self.kit.shared.scheduled.wants() {
            self.call_back(now);
        }
        for at in 0..self.touched_links.len() {
            let slot = self.touched_links[at];
            if self.links[slot].blocked {
                // The socket may take octets again by now: what is not begun is released again before it leaves.
                self.look_again(slot, now);
            }
        }
        let recorded = self.commit(now);
        let evidence = match self.kit.shared.ledger.evidence() {
            // The gap may be closed by now: what was in the batch has no record all the same.
            Evidence::Whole if !recorded => Evidence::LedgerUnusable,
            evidence => evidence,
        };
        if evidence != Evidence::Whole {
            // Nothing commercial may leave without its record: what is not begun is looked at again.
            for slot in 0..self.links.len() {
                self.look_again_by(slot, evidence, now);
            }
            // What is withdrawn is answered behind its record, where one can be made.
            if self.appender.waiting_verdicts() > 0 {
                self.commit(now);
            }
        }
        self.flush();
        self.pass(generation, now);
    }

    /// Looks at the list once, before anything is judged in this turn.
    pub fn begin_turn(&mut self, now: Now) {
        self.appender.mark();
        // Before anything is judged: a step between two ticks must open nothing either.
        self.skew.watch(now, !self.kit.shared.clock.is_rehearsal());
        self.kit.also_now.set(self.skew.also_now(now));
    }

    /// Something became durable, or another lane waits.
    pub fn durable_further(&mut self, now: Now) {
        self.spool_durable();
        self.parts_durable();
        self.refusals_durable(now);
        self.finish_acts(now);
        self.answer_owed(now);
        self.tick_duties(now);
    }

    /// Writes this turn's records into the page cache: verdicts and events, ids, what is spooled, what is owed.
    /// Whether every verdict is recorded.
    fn commit(&mut self, now: Now) -> bool {
        let known = self.kit.shared.ledger.evidence() != Evidence::Whole;
        let committed = self.appender.commit(now.civil);
        let recorded = committed.is_ok();
        match committed {
            Ok(committed) => self.acts_recorded(&committed),
            Err(error) => {
                // Said once, not with every batch until the disk is good again.
                if !known {
                    LedgerFailed { why: &error.to_string() }.emit(&self.kit.shared.metrics);
                }
                match error {
                    // The verdicts' disk is full, the events' segment is there already: a STOP is recorded all the same.
                    LedgerError::OnlyEvents { events } => self.acts_recorded(&Committed { events, verdicts: 0..0 }),
                    LedgerError::Unusable(_)
                    | LedgerError::GapOpen
                    | LedgerError::TooLong
                    | LedgerError::NotSealed
                    | LedgerError::NotDurable => self.acts_unrecorded(),
                }
                for account in &self.unrecorded {
                    self.kit.shared.ledger.count_unrecorded(*account, now.civil);
                }
            }
        }
        self.unrecorded.clear();
        let shared = Arc::clone(&self.kit.shared);
        // A failed id map only parks receipts; a failed duty is tried again later.
        shared.ids.commit(&mut self.ids).ok();
        for id in std::mem::take(&mut self.recorded_ids) {
            self.early_arrived(id, now);
        }
        shared.confirmations.commit(now.civil).ok();
        // What the disk does not take now is written with the next commit.
        shared.scheduled.commit().ok();
        if shared.spool.commit().is_err() {
            self.spool_failed();
            self.refusals_not_kept();
        }
        recorded
    }

    /// Writes what the sockets take. A socket that breaks or a withdrawal may touch others, hence the loop.
    fn flush(&mut self) {
        loop {
            if let Some(slot) = self.touched_links.pop() {
                self.flush_link(slot);
            } else if let Some(slot) = self.touched_esmes.pop() {
                self.flush_esme(slot);
            } else {
                return;
            }
        }
    }

    fn flush_link(&mut self, slot: usize) {
        let link = &mut self.links[slot];
        let Some(wire) = &link.wire else { return };
        let tally = &mut self.smsc_tally;
        link.out.count_pushed(|command| tally.written(command));
        let flushed = link.out.flush(&**wire);
        let blocked = flushed == Flushed::Blocked;
        // An operator that takes nothing while we must answer it: its link is of no use any more.
        link.closing |= flushed == Flushed::Broken || link.out.waiting_octets() > UNTAKEN_OCTETS;
        if blocked != link.blocked || link.closing {
            link.blocked = blocked;
            wire.wake();
        }
        self.note_left(slot);
    }

    fn flush_esme(&mut self, slot: usize) {
        let Some(esme) = self.esmes.get_mut(slot) else { return };
        let tally = &mut self.esme_tally;
        esme.out.count_pushed(|command| tally.written(command));
        let flushed = esme.out.flush(&*esme.wire);
        let blocked = flushed == Flushed::Blocked;
        match (flushed, esme.closing) {
            (Flushed::Broken, _) | (Flushed::Drained, Closing::AfterFlush) => esme.closing = Closing::Now,
            (Flushed::Drained | Flushed::Blocked, _) => {}
        }
        if blocked != esme.blocked || esme.closing == Closing::Now {
            esme.blocked = blocked;
            esme.wire.wake();
        }
    }

    /// Looks again at the messages of which no octet is written; withdraws what may not leave any more.
    fn look_again(&mut self, slot: usize, now: Now) {
        self.look_again_by(slot, self.kit.shared.ledger.evidence(), now);
    }

    /// The same, where the evidence is known to stand so.
    fn look_again_by(&mut self, slot: usize, evidence: Evidence, now: Now) {
        let kit = Rc::clone(&self.kit);
        let smsc = self.smscs[self.links[slot].smsc].settings.id;
        let mut withdrawn = Vec::new();
        let mut batches = Vec::new();
        let link = &self.links[slot];
        for sequence in link.out.unbegun() {
            if let Some(Origin::Multi { batch }) = link.window.get(sequence)
                && self.batch_has_gone_stale(*batch, evidence, now)
            {
                batches.push((sequence, *batch));
            }
            if let Some(Origin::Submit { sender, ruling }) = link.window.get(sequence)
                && let Some(account) = self.accounts.get(&ruling.account)
                && let Err(code) =
                    recheck(ruling, &Facts { evidence, ..kit.facts(&account.contract.settings.policy) }, now.civil)
            {
                withdrawn.push((sequence, code, *sender, *ruling));
            }
        }
        self.links[slot].out.withdraw(|sequence| {
            !withdrawn.iter().any(|(taken, ..)| *taken == sequence)
                && !batches.iter().any(|(taken, _)| *taken == sequence)
        });
        for (sequence, batch) in batches {
            self.links[slot].window.complete(sequence);
            self.multi_withdrawn(batch, smsc, evidence, now);
        }
        for (sequence, code, sender, ruling) in withdrawn {
            self.links[slot].window.complete(sequence);
            self.take_back(VerdictKind::Withdrawn(code), code, &sender, &ruling, smsc, now);
        }
    }

    /// Tells everybody that no octets to a number suppressed up to `generation` are left in a write buffer here.
    fn pass(&mut self, generation: u64, now: Now) {
        if self.kit.shared.passed(self.number) >= generation {
            return;
        }
        for slot in 0..self.links.len() {
            if !self.links[slot].out.is_empty() {
                self.look_again(slot, now);
                if self.begun_to_a_suppressed_number(slot, now) {
                    return;
                }
            }
        }
        self.commit(now);
        self.flush();
        self.kit.shared.pass(self.number, generation);
    }

    /// Whether a message is half written whose number has said STOP meanwhile: it must be finished first.
    fn begun_to_a_suppressed_number(&self, slot: usize, now: Now) -> bool {
        let link = &self.links[slot];
        let ruling = match link.out.begun().and_then(|sequence| link.window.get(sequence)) {
            Some(Origin::Submit { ruling, .. }) => ruling,
            Some(Origin::Multi { batch }) => {
                return self.batch_has_gone_stale(*batch, self.kit.shared.ledger.evidence(), now);
            }
            Some(Origin::Duty { .. } | Origin::Query { .. } | Origin::Recall { .. }) | None => return false,
        };
        self.accounts.get(&ruling.account).is_some_and(|account| {
            recheck(ruling, &self.kit.facts(&account.contract.settings.policy), now.civil).is_err()
        })
    }

    /// Marks a link's outbox for the end of the turn.
    pub fn touch_link(&mut self, slot: usize) {
        if self.touched_links.last() != Some(&slot) {
            self.touched_links.push(slot);
        }
    }

    /// Marks an ESME's outbox for the end of the turn.
    pub fn touch_esme(&mut self, slot: usize) {
        if self.touched_esmes.last() != Some(&slot) {
            self.touched_esmes.push(slot);
        }
    }
}
