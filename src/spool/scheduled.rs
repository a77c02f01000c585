//! Owns the commercial messages that operators hold for a later instant: what is needed to call one back, until that instant.
//! Must never decide who is suppressed, nor hold an address unsealed on disk.

use super::Keeping;
use super::blanking;
use super::error::SpoolError;
use super::keys::{self, SpoolKeys};
use super::scheduled_leaf::{LEAF_MAX, ScheduledLeaf};
use super::seal::Sealer;
use crate::journal::error::AppendError;
use crate::journal::frame::Batch;
use crate::journal::stream::Journal;
use crate::message::instant::{CivilInstant, MonotonicInstant};
use crate::message::name::NameId;
use crate::message::segment::Segment;
use crate::message::tag::NumberTag;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name of its journal.
pub const STREAM: &str = "sched";
/// Messages remembered at once: at most 60 MB of memory when all are used, 130 MB of disk.
pub const SCHEDULED_MAX: usize = 1 << 19;
/// What the disk did not take yet, kept in memory; beyond this the oldest cannot be called back any more.
const UNWRITTEN_MAX: usize = 16_384;
/// Octets of one write.
const BATCH_MAX: usize = 1 << 20;
/// A power cut may lose what was accepted in this long.
const SYNC_WITHIN: Duration = Duration::from_millis(100);
/// How long the recall of a message rests that its operator could not take: doubled each time, up to a minute.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(60);

/// Names a message that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduledId(pub u64);

/// A commercial message that an operator holds until `due`: what its verdict said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduled {
    pub smsc: NameId,
    pub account: NameId,
    pub tag: NumberTag,
    pub due: CivilInstant,
    /// The handle by which the ledger names the message.
    pub message_ref: u64,
    pub pack: NameId,
    /// Fingerprints of source and text.
    pub sender: u64,
    pub campaign: u64,
    pub territory: u16,
    pub segment: Option<Segment>,
}

/// By what its operator knows a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub message_id: Box<[u8]>,
    pub service_type: Box<[u8]>,
    /// TON, NPI and text, as they were written to the operator.
    pub source: Box<[u8]>,
    pub destination: Box<[u8]>,
}

/// A message to be called back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    pub id: ScheduledId,
    pub scheduled: Scheduled,
    pub names: Names,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody has asked for it back.
    Left,
    /// To be called back, from this instant.
    Wanted(MonotonicInstant),
    /// A cancel_sm is on its way.
    Asked,
}

struct Entry {
    tag: u64,
    smsc: NameId,
    due: CivilInstant,
    /// Where it stands in the journal; `u64::MAX` while it is not written.
    record: u64,
    attempts: u8,
    stage: Stage,
}

/// The messages. Shared by all lanes; each call holds its lock for no longer than it works in memory, or reads one record.
pub struct ScheduledMessages {
    pub(super) journal: Journal,
    sealer: Sealer,
    keys: SpoolKeys,
    patience: Duration,
    max: usize,
    held: AtomicUsize,
    wanted: AtomicUsize,
    /// Whether anything waits to be written.
    dirty: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    entries: BTreeMap<u64, Entry>,
    by_tag: BTreeSet<(u64, u64)>,
    by_due: BTreeSet<(CivilInstant, u64)>,
    wanted: BTreeSet<(NameId, MonotonicInstant, u64)>,
    pub(super) next_id: u64,
    batch: Batch,
    /// Leaf and sealed octets of what is not written yet.
    unwritten: VecDeque<(u64, Vec<u8>, Vec<u8>)>,
    /// Ends that are not written yet.
    ended: Vec<u64>,
    /// Messages that were erased from the disk: until they are over, or the process is.
    pub(super) in_memory: BTreeMap<u64, Recall>,
}

impl ScheduledMessages {
    /// Opens what is remembered in `dir` (made if it is missing); what was due by `now` is over.
    pub fn open(keeping: &Keeping, dir: &Path, max: usize, now: CivilInstant) -> Result<Self, SpoolError> {
        let journal = keeping.open(dir, STREAM, SYNC_WITHIN)?;
        let sealer = keeping.keys.sealer()?;
        let mut state = State::default();
        let mut reader = journal.read(journal.segment_starts().first().copied().unwrap_or(0), u64::MAX);
        while let Some((label, frame)) = reader.next_labelled_where(|_, _| true)? {
            match ScheduledLeaf::read(frame.leaf).ok_or(SpoolError::Unknown { record: frame.seq })? {
                ScheduledLeaf::Kept(id, scheduled) => {
                    let tag = keeping.keys.carry(&label, scheduled.tag);
                    let scheduled = Scheduled { tag, ..scheduled };
                    state.next_id = state.next_id.max(id.0);
                    if scheduled.due > now && !blanking::is_blank(frame.blob) {
                        state.insert(id, &scheduled, frame.seq);
                    }
                }
                ScheduledLeaf::Ended(id) => drop(state.remove(id.0)),
            }
        }
        let opened = Self {
            journal,
            sealer,
            keys: keeping.keys.clone(),
            patience: keeping.patience,
            max,
            held: AtomicUsize::new(state.entries.len()),
            wanted: AtomicUsize::new(0),
            dirty: AtomicBool::new(false),
            state: Mutex::new(state),
        };
        if opened.journal.has_older_labels() {
            opened.write_anew()?;
        }
        Ok(opened)
    }

    /// Writes what is remembered again under the newest keys, and forgets all that stands before.
    fn write_anew(&self) -> Result<(), SpoolError> {
        let mut state = self.lock();
        let fresh = self.journal.roll(keys::PATIENCE)?;
        let waiting: Vec<u64> = state.entries.keys().copied().collect();
        let mut batch = Batch::default();
        // A record that means nothing, so that the new segment has something durable.
        let mut buffer = [0; LEAF_MAX];
        batch.push(ScheduledLeaf::Ended(ScheduledId(0)).write(&mut buffer), &[]);
        let mut batched = Vec::new();
        for (at, id) in waiting.iter().enumerate() {
            if let Some(Recall { id, scheduled, names }) = self.read(&state, *id) {
                let leaf = ScheduledLeaf::Kept(id, scheduled).write(&mut buffer);
                batch.push(leaf, &self.sealer.seal(leaf, &names.write()));
                batched.push(id.0);
            }
            if batch.octets() < BATCH_MAX && at + 1 < waiting.len() {
                continue;
            }
            let records = self.journal.append_within(&mut batch, keys::PATIENCE)?;
            let first = records.end - batched.len() as u64;
            for (record, id) in (first..).zip(batched.drain(..)) {
                if let Some(entry) = state.entries.get_mut(&id) {
                    entry.record = record;
                }
            }
        }
        let records = self.journal.append_within(&mut batch, keys::PATIENCE)?;
        if !self.journal.wait_synced(records.end - 1, keys::PATIENCE) {
            return Err(AppendError::Stalled.into());
        }
        self.journal.forget_before(fresh).map(|_| ()).map_err(SpoolError::Forget)
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Whether none is: the usual case, told by one load.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no more may be accepted: what could not be called back must not be scheduled.
    pub fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    /// Whether anything waits to be called back.
    pub fn wants(&self) -> bool {
        self.wanted.load(Ordering::Acquire) > 0
    }

    /// An operator has accepted a message for later. Written with `commit`.
    pub fn keep(&self, scheduled: &Scheduled, names: &Names) -> ScheduledId {
        let mut state = self.lock();
        state.next_id += 1;
        let id = ScheduledId(state.next_id);
        let mut buffer = [0; LEAF_MAX];
        let leaf = ScheduledLeaf::Kept(id, *scheduled).write(&mut buffer);
        let sealed = self.sealer.seal(leaf, &names.write());
        let leaf = leaf.to_vec();
        state.insert(id, scheduled, u64::MAX);
        if state.unwritten.len() >= UNWRITTEN_MAX
            && let Some((lost, ..)) = state.unwritten.pop_front()
        {
            state.remove(lost);
        }
        state.unwritten.push_back((id.0, leaf, sealed));
        self.count(&state);
        id
    }

    /// Writes what was accepted and what ended since the last call, with one write to the page cache. What the disk does not
    /// take is tried again with the next call.
    pub fn commit(&self) -> Result<(), AppendError> {
        if !self.dirty.load(Ordering::Acquire) {
            return Ok(());
        }
        let state = &mut *self.lock();
        while !state.unwritten.is_empty() || !state.ended.is_empty() {
            state.batch.clear();
            let room = |batch: &Batch| batch.octets() < BATCH_MAX;
            let kept = state
                .unwritten
                .iter()
                .take_while(|(_, leaf, sealed)| room(&state.batch) && state.batch.push(leaf, sealed));
            let kept = kept.count();
            let ended = state.ended.iter().take_while(|id| {
                let mut buffer = [0; LEAF_MAX];
                room(&state.batch) && state.batch.push(ScheduledLeaf::Ended(ScheduledId(**id)).write(&mut buffer), &[])
            });
            let ended = ended.count();
            let records = self.journal.append_within(&mut state.batch, self.patience)?;
            for (record, (id, ..)) in records.zip(state.unwritten.drain(..kept)) {
                if let Some(entry) = state.entries.get_mut(&id) {
                    entry.record = record;
                }
            }
            state.ended.drain(..ended);
        }
        self.dirty.store(false, Ordering::Release);
        Ok(())
    }

    /// A number was stopped: whatever is remembered for it is wanted back, at once. Whose message it is, is looked at when it
    /// is called back.
    pub fn stopped(&self, tag: &NumberTag) {
        if self.is_empty() {
            return;
        }
        let mut state = self.lock();
        for id in state.of(tag) {
            if state.entries.get(&id).is_some_and(|entry| entry.stage == Stage::Left) {
                state.set(id, Stage::Wanted(MonotonicInstant::default()));
            }
        }
        self.count(&state);
    }

    /// After a start: what is remembered for a number that is suppressed is wanted back.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn want_back(&self, suppressed: impl Fn(&Scheduled) -> bool) -> Result<(), SpoolError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut reader = self.journal.read(self.journal.segment_starts().first().copied().unwrap_or(0), u64::MAX);
        let mut state = self.lock();
        while let Some(frame) = reader.next_frame()? {
            if let Some(ScheduledLeaf::Kept(id, scheduled)) = ScheduledLeaf::read(frame.leaf)
                && state.entries.contains_key(&id.0)
                && suppressed(&scheduled)
            {
                state.set(id.0, Stage::Wanted(MonotonicInstant::default()));
            }
        }
        self.count(&state);
        Ok(())
    }

    /// The next message to be called back at this operator; it is `Asked` until `again`, `leave` or `end` is told.
    pub fn next(&self, smsc: NameId, now: MonotonicInstant) -> Option<Recall> {
        let mut state = self.lock();
        loop {
            let first = (smsc, MonotonicInstant::default(), 0);
            let (_, from, id) = *state.wanted.range(first..).next().filter(|(of, ..)| *of == smsc)?;
            if from > now {
                return None;
            }
            state.set(id, Stage::Asked);
            let read = self.read(&state, id);
            if read.is_none() {
                // Damaged on disk: nothing is left by which its operator could be asked.
                state.end(id);
            }
            self.count(&state);
            if read.is_some() {
                return read;
            }
        }
    }

    /// It was not asked for after all, or its operator could not say: again after a rest.
    pub fn again(&self, id: ScheduledId, now: MonotonicInstant) {
        let mut state = self.lock();
        if let Some(entry) = state.entries.get_mut(&id.0) {
            let rest = REST_MIN.saturating_mul(1 << entry.attempts.min(6)).min(REST_MAX);
            entry.attempts = entry.attempts.saturating_add(1);
            state.set(id.0, Stage::Wanted(now.plus(rest)));
        }
        self.count(&state);
    }

    /// Its number is not suppressed for it (any more): it may be delivered.
    pub fn leave(&self, id: ScheduledId) {
        let mut state = self.lock();
        state.set(id.0, Stage::Left);
        self.count(&state);
    }

    /// Its operator has said what became of it: nothing more is to be done.
    pub fn end(&self, id: ScheduledId) {
        let mut state = self.lock();
        state.end(id.0);
        self.count(&state);
    }

    /// Forgets what is due by `now`, and returns what was wanted back in vain: nothing of that is over silently.
    pub fn expire(&self, now: CivilInstant) -> Vec<Recall> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut state = self.lock();
        let over = state.by_due.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| *id).collect::<Vec<_>>();
        let mut in_vain = Vec::new();
        for id in over {
            match state.entries.get(&id).map(|entry| entry.stage) {
                Some(Stage::Wanted(_)) => {
                    in_vain.extend(self.read(&state, id));
                    state.end(id);
                }
                Some(Stage::Left) | None => drop(state.remove(id)),
                // Its answer, or the end of the wait for it, comes.
                Some(Stage::Asked) => {}
            }
        }
        self.count(&state);
        in_vain
    }

    /// Gives disk space back. Waits for an fsync: not for a lane.
    pub fn tidy(&self) -> Result<(), SpoolError> {
        let needed = {
            let state = self.lock();
            let written = state.entries.values().map(|entry| entry.record).find(|record| *record != u64::MAX);
            written.unwrap_or(u64::MAX)
        };
        let forgotten = self.journal.forget_before(needed.min(self.journal.synced()));
        forgotten.map(|_| ()).map_err(SpoolError::Forget)
    }

    pub(super) fn read(&self, state: &State, id: u64) -> Option<Recall> {
        if let Some((_, leaf, sealed)) = state.unwritten.iter().find(|(of, ..)| *of == id) {
            return self.opened(leaf, sealed);
        }
        if let Some(erased) = state.in_memory.get(&id) {
            return Some(erased.clone());
        }
        let record = state.entries.get(&id)?.record;
        let mut reader = self.journal.read(record, record.checked_add(1)?);
        let (label, frame) = reader.next_labelled_where(|_, _| true).ok()??;
        let mut recall = self.opened(frame.leaf, frame.blob)?;
        recall.scheduled.tag = self.keys.carry(&label, recall.scheduled.tag);
        Some(recall)
    }

    fn opened(&self, leaf: &[u8], sealed: &[u8]) -> Option<Recall> {
        let ScheduledLeaf::Kept(id, scheduled) = ScheduledLeaf::read(leaf)? else { return None };
        Some(Recall { id, scheduled, names: Names::read(&self.sealer.open(leaf, sealed).ok()?)? })
    }

    fn count(&self, state: &State) {
        self.held.store(state.entries.len(), Ordering::Release);
        self.wanted.store(state.wanted.len(), Ordering::Release);
        if !state.unwritten.is_empty() || !state.ended.is_empty() {
            self.dirty.store(true, Ordering::Release);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The messages to a number, oldest first.
    pub(super) fn of(&self, tag: &NumberTag) -> Vec<u64> {
        self.by_tag.range((tag.prefix(), 0)..=(tag.prefix(), u64::MAX)).map(|(_, id)| *id).collect()
    }

    fn insert(&mut self, id: ScheduledId, scheduled: &Scheduled, record: u64) {
        let Scheduled { tag, smsc, due, .. } = *scheduled;
        let entry = Entry { tag: tag.prefix(), smsc, due, record, attempts: 0, stage: Stage::Left };
        self.by_tag.insert((entry.tag, id.0));
        self.by_due.insert((due, id.0));
        self.entries.insert(id.0, entry);
    }

    fn set(&mut self, id: u64, stage: Stage) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let smsc = entry.smsc;
        if let Stage::Wanted(from) = std::mem::replace(&mut entry.stage, stage) {
            self.wanted.remove(&(smsc, from, id));
        }
        if let Stage::Wanted(from) = stage {
            self.wanted.insert((smsc, from, id));
        }
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        self.set(id, Stage::Left);
        let entry = self.entries.remove(&id)?;
        self.in_memory.remove(&id);
        self.by_tag.remove(&(entry.tag, id));
        self.by_due.remove(&(entry.due, id));
        Some(entry)
    }

    fn end(&mut self, id: u64) {
        if self.remove(id).is_some() {
            self.unwritten.retain(|(of, ..)| *of != id);
            self.ended.push(id);
        }
    }
}

impl Names {
    fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        for field in [&self.message_id, &self.service_type, &self.source, &self.destination] {
            // Fields of SMPP: at most 65 octets.
            out.push(field.len() as u8);
            out.extend_from_slice(field);
        }
        out
    }

    fn read(octets: &[u8]) -> Option<Self> {
        let mut rest = octets;
        let mut field = || {
            let (length, tail) = rest.split_first()?;
            let (field, tail) = tail.split_at_checked(usize::from(*length))?;
            rest = tail;
            Some(Box::<[u8]>::from(field))
        };
        Some(Self { message_id: field()?, service_type: field()?, source: field()?, destination: field()? })
    }
}

#[cfg(test)]
mod tests;
