//! Owns the desk of the self-audit: notes come in from the lanes, each is weighed against the history of its number.
//! Must never hold up a lane: what there is no room for is counted as skipped, and seen as a metric.

use super::notes::{LeftAs, Note};
use super::verdicts::{Act, acts_of, standing};
use crate::compliance::policy::Contract;
use crate::gateway::shared::Shared;
use crate::ledger::OpenError;
use crate::ledger::read::Events;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::telemetry::events::LeakSeen;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{Builder, sleep};
use std::time::Duration;
use std::{io, mem};

/// How often the audit looks.
const LOOK: Duration = Duration::from_millis(20);
/// How long it rests after the disk has failed it.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Notes that wait for the audit; as many again while it works on them.
pub const NOTES_MAX: usize = 131_072;
/// Messages to numbers with a history that wait for the store on disk to tell it.
const DOUBTS_MAX: usize = 65_536;
/// Histories that are remembered, so that a number written to again is not read from the disk again.
const HISTORIES: usize = 16_384;
/// Acknowledgements remembered one by one, and looks remembered: what is older counts from the look that found it everywhere.
const ACKS_MAX: usize = 262_144;
const LOOKS_MAX: usize = 512;
/// One tag in so many is computed again, and all of them from the first that is wrong.
const RECOMPUTED: u64 = 16;
/// Events by which the store may lag while a history is read: these are read through for each.
const STORE_LAG_MAX: u64 = 4_096;

/// The audit. Shared by all lanes.
#[derive(Debug)]
pub struct LeakAudit {
    /// Rises with each acknowledgement of a stop.
    position: AtomicU64,
    /// Events at the start: their stops were acknowledged, or block all the same, before anything left.
    start: u64,
    inbox: Mutex<Vec<Note>>,
    acks: Mutex<Vec<Ack>>,
    skipped: AtomicU64,
    desk: Mutex<Desk>,
}

/// A stop was acknowledged.
#[derive(Clone, Copy, Debug)]
struct Ack {
    tag: NumberTag,
    /// The event that records it.
    seq: u64,
    position: u64,
}

#[derive(Debug, Default)]
struct Desk {
    waiting: VecDeque<Note>,
    /// Notes of numbers with a history that could not be read yet.
    doubts: VecDeque<Note>,
    /// From a position on, the events before this number are known to every lane. Both rise.
    known: VecDeque<(u64, u64)>,
    acks: HashMap<NumberTag, Vec<(u64, u64)>>,
    histories: HashMap<NumberTag, Vec<Act>>,
    /// The event that is read next, and what reads it.
    next_event: u64,
    reading: Option<Events>,
    seen: u64,
    /// A verdict had a tag that is not its number's: none is believed any more.
    distrust: bool,
}

impl LeakAudit {
    /// An audit over a ledger of which `start` events are durable.
    pub fn new(start: u64) -> Self {
        let desk = Desk { next_event: start, ..Desk::default() };
        Self {
            position: AtomicU64::new(0),
            start,
            inbox: Mutex::default(),
            acks: Mutex::default(),
            skipped: AtomicU64::new(0),
            desk: Mutex::new(desk),
        }
    }

    /// Acknowledgements of stops given so far.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::SeqCst)
    }

    /// A stop of this number is about to be acknowledged, recorded by the event `seq`: from now on nothing leaves.
    pub fn acknowledged(&self, tag: NumberTag, seq: u64) {
        let mut acks = self.acks.lock().unwrap_or_else(PoisonError::into_inner);
        // Inside the lock: who takes notes that know of this position finds the acknowledgement too.
        let position = self.position.fetch_add(1, Ordering::SeqCst) + 1;
        // One that finds no room counts from the next look, 20 ms later.
        if acks.len() < ACKS_MAX {
            acks.push(Ack { tag, seq, position });
        }
    }

    /// Takes the notes of a lane; what there is no room for is counted.
    pub fn take(&self, notes: &mut Vec<Note>) {
        if notes.is_empty() {
            return;
        }
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let room = NOTES_MAX.saturating_sub(inbox.len()).min(notes.len());
        self.skipped.fetch_add((notes.len() - room) as u64, Ordering::Relaxed);
        inbox.extend_from_slice(&notes[..room]);
        notes.clear();
    }

    /// A socket took octets that are no PDUs.
    pub fn not_understood(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages that wait to be looked at.
    pub fn waiting(&self) -> usize {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).len();
        let desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        inbox + desk.waiting.len() + desk.doubts.len()
    }

    /// Looks at what has come in. Whether all of it could be weighed.
    ///
    /// # Errors
    /// The events cannot be read.
    pub fn look(&self, shared: &Shared) -> Result<bool, OpenError> {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = desk.look(self, shared);
        shared.metrics.audit.skipped.increment(self.skipped.swap(0, Ordering::Relaxed));
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).len();
        shared.metrics.audit.waiting.set((inbox + desk.waiting.len() + desk.doubts.len()) as f64);
        outcome
    }
}

impl Desk {
    fn look(&mut self, audit: &LeakAudit, shared: &Shared) -> Result<bool, OpenError> {
        if self.waiting.is_empty() {
            self.waiting = mem::take(&mut *audit.inbox.lock().unwrap_or_else(PoisonError::into_inner)).into();
        }
        // Behind the notes: they know of no acknowledgement and no event that is not among these.
        self.take_acks(audit);
        self.take_known(audit, shared);
        self.read_events(shared)?;
        let heard = shared.heard();
        if heard.whole_to() < audit.start {
            // The store is still being counted or made: which numbers have a history is not known.
            return Ok(false);
        }
        self.doubt(shared);
        self.weigh_doubts(audit, shared)?;
        Ok(self.waiting.is_empty() && self.doubts.is_empty())
    }

    fn take_acks(&mut self, audit: &LeakAudit) {
        for ack in mem::take(&mut *audit.acks.lock().unwrap_or_else(PoisonError::into_inner)) {
            self.acks.entry(ack.tag).or_default().push((ack.seq, ack.position));
        }
    }

    /// What is durable now and passed by every lane is in force, acknowledged or not: imports, stops by hand and receipts too.
    fn take_known(&mut self, audit: &LeakAudit, shared: &Shared) {
        let durable = shared.ledger.durable_events();
        let generation = shared.index.generation();
        let newest = self.known.back().map_or(audit.start, |(_, events)| *events);
        if durable <= newest || shared.passed_by_all() < generation {
            return;
        }
        let position = audit.position.fetch_add(1, Ordering::SeqCst) + 1;
        self.known.push_back((position, durable));
        if self.known.len() > LOOKS_MAX {
            self.known.pop_front();
            let oldest = self.known.front().map_or(0, |(_, events)| *events);
            self.acks.retain(|_, acks| {
                acks.retain(|(seq, _)| *seq >= oldest);
                !acks.is_empty()
            });
        }
    }

    /// Whether the stop of this event was acknowledged when a message left.
    fn in_force(&self, start: u64, tag: &NumberTag, seq: u64, note: &Note) -> bool {
        let by_then = self.known.partition_point(|(position, _)| *position <= note.position);
        let known = by_then.checked_sub(1).map_or(start, |at| self.known[at].1);
        let acked = |acks: &Vec<(u64, u64)>| acks.iter().any(|(event, at)| *event >= seq && *at <= note.position);
        seq < known || self.acks.get(tag).is_some_and(acked)
    }

    fn read_events(&mut self, shared: &Shared) -> Result<(), OpenError> {
        let upto = shared.ledger.durable_events();
        if upto <= self.next_event {
            return Ok(());
        }
        // An error ends the reading: the next look begins anew at its place.
        let mut events = shared.ledger.read_on(self.reading.take(), self.next_event, upto);
        while let Some((tag, _, _)) = events.next_suppression_leaf()? {
            shared.heard().add(&tag);
            self.histories.remove(&tag);
        }
        self.next_event = events.position();
        self.reading = Some(events);
        Ok(())
    }

    /// Lets go of what left for numbers of which nothing was ever heard: nearly all.
    fn doubt(&mut self, shared: &Shared) {
        let heard = shared.heard();
        let look = heard.look();
        let (mut seen, mut skipped) = (0, 0);
        for note in self.waiting.drain(..) {
            seen += 1;
            self.seen += 1;
            let mut prefix = note.prefix;
            if prefix == 0 || self.distrust || self.seen.is_multiple_of(RECOMPUTED) {
                let Some(tag) = tag_of(shared, &note) else {
                    // Digits that are no number: there is nobody who could have stopped it.
                    skipped += 1;
                    continue;
                };
                if prefix != 0 && prefix != tag.prefix() && !self.distrust {
                    self.distrust = true;
                    tracing::error!(
                        event = "leak.tag",
                        verdict = note.message_ref,
                        "a verdict names another number's tag"
                    );
                }
                prefix = tag.prefix();
            }
            if look.may_hold(prefix) && counts_as_commercial(shared, &note) {
                if self.doubts.len() < DOUBTS_MAX {
                    self.doubts.push_back(note);
                } else {
                    skipped += 1;
                }
            }
        }
        shared.metrics.audit.seen.increment(seen);
        shared.metrics.audit.skipped.increment(skipped);
    }

    fn weigh_doubts(&mut self, audit: &LeakAudit, shared: &Shared) -> Result<(), OpenError> {
        while let Some(note) = self.doubts.front().copied() {
            let Some(tag) = tag_of(shared, &note) else {
                self.doubts.pop_front();
                continue;
            };
            if !self.histories.contains_key(&tag) {
                if !shared.store_tells(STORE_LAG_MAX) {
                    return Ok(());
                }
                if self.histories.len() >= HISTORIES {
                    self.histories.clear();
                }
                let acts = acts_of(&shared.registry.history(&tag)?);
                self.histories.insert(tag, acts);
            }
            let acts = self.histories.get(&tag).map(Vec::as_slice).unwrap_or_default();
            if let Some(stop) = standing(acts, &note, |seq| self.in_force(audit.start, &tag, seq, &note)) {
                say(shared, &note, stop);
            }
            self.doubts.pop_front();
        }
        Ok(())
    }
}

/// The tag of a note's number, computed from the number.
fn tag_of(shared: &Shared, note: &Note) -> Option<NumberTag> {
    Msisdn::from_canonical(note.number).map(|number| shared.tags.tag(number))
}

/// Whether a stop keeps this message from leaving: one that was let through as transactional by a contract that has no such
/// messages counts as commercial.
fn counts_as_commercial(shared: &Shared, note: &Note) -> bool {
    match note.left_as {
        LeftAs::Commercial | LeftAs::Unexplained => true,
        LeftAs::Transactional => {
            let settings = shared.settings.load();
            let account = settings.accounts.iter().find(|account| account.id == note.account);
            account.is_some_and(|account| matches!(account.policy.contract, Contract::Commercial))
        }
    }
}

fn say(shared: &Shared, note: &Note, stop: u64) {
    let name = |id: NameId| shared.ledger.name(id).unwrap_or_else(|| "-".into());
    LeakSeen {
        account: &name(note.account),
        smsc: &name(note.smsc),
        number: Msisdn::from_canonical(note.number),
        event: stop,
        message_ref: note.message_ref,
    }
    .emit(&shared.metrics);
}

/// Starts the thread of the audit. It ends with the data plane.
///
/// # Errors
/// No thread can be made.
pub fn keep(shared: &Arc<Shared>) -> io::Result<()> {
    let shared = Arc::downgrade(shared);
    Builder::new().name("leak-audit".to_owned()).spawn(move || look_on(&shared)).map(drop)
}

fn look_on(shared: &Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        let outcome = shared.leaks.look(&shared);
        drop(shared);
        match outcome {
            Ok(_) => sleep(LOOK),
            Err(error) => {
                tracing::error!(event = "leak.audit_behind", %error);
                sleep(AFTER_FAILURE);
            }
        }
    }
}
