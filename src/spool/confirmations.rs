//! Owns the answers that are owed, across restarts: each step of a duty is recorded, and its intent is durable before it is written.
//! Must never hand out an answer whose intent is not durable, nor the same one twice.

use super::Keeping;
use super::duty::{Duties, Duty, DutyId, Fate, Next, Quiet};
use super::error::SpoolError;
use super::record::{DUTY_LEAF, DutyLeaf};
use super::seal::Sealer;
use crate::journal::error::AppendError;
use crate::journal::frame::Batch;
use crate::journal::stream::{Journal, Wake};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::tag::NumberTag;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A duty and the limits of its number end within 24 hours each: after twice that, a record says nothing any more.
const KEPT: Duration = Duration::from_secs(48 * 3600);
/// Records that are written and not yet durable, beyond which no new duty is taken: the disk has stalled.
const UNSYNCED_MAX: u64 = 10_000;

/// The durable duties. Shared by all lanes.
pub struct Confirmations {
    journal: Journal,
    sealer: Sealer,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    duties: Duties,
    next_id: u64,
    batch: Batch,
    /// Intents of the batch, and intents that are written and not yet durable, by the record behind them.
    intended: Vec<(DutyId, Duty)>,
    syncing: VecDeque<(u64, DutyId, Duty)>,
    /// The first record of each hour, so that old ones can be forgotten.
    hours: BTreeMap<i64, u64>,
}

impl Confirmations {
    /// Opens the duties in `dir` (made if it is missing). What was intended before a crash may have been sent: it is over.
    /// Returns also how many such there were.
    pub fn open(keeping: &Keeping<'_>, dir: &Path, now: CivilInstant) -> Result<(Self, usize), SpoolError> {
        let journal = keeping.open(dir, "duties", Duration::ZERO)?;
        let sealer = Sealer::new(keeping.key)?;
        let mut state = State::default();
        let mut reader = journal.read(journal.segment_starts().first().copied().unwrap_or(0), u64::MAX);
        while let Some(frame) = reader.next_frame()? {
            let leaf = DutyLeaf::read(frame.leaf).ok_or(SpoolError::Unknown { record: frame.seq })?;
            let number = match leaf {
                DutyLeaf::Owed { .. } => {
                    let opened = sealer.open(frame.leaf, frame.blob).ok();
                    let digits = opened.and_then(|octets| octets.try_into().ok()).map(u64::from_be_bytes);
                    Some(digits.and_then(Msisdn::from_canonical).ok_or(SpoolError::Sealed { record: frame.seq })?)
                }
                DutyLeaf::Intended { .. } | DutyLeaf::Settled { .. } => None,
            };
            state.replay(leaf, number, frame.seq);
        }
        let unknown = state.duties.restarted(now);
        for id in &unknown {
            state.log(DutyLeaf::Settled { id: *id, at: now, fate: Fate::Unknown }, &[]);
        }
        let opened = Self { journal, sealer, patience: keeping.patience, state: Mutex::new(state) };
        opened.commit(now)?;
        Ok((opened, unknown.len()))
    }

    /// A message came that is answered: takes the duty, unless it is one to stay quiet about.
    /// `transition`: the STOP or START changed something.
    pub fn owe(&self, duty: Duty, transition: bool, now: CivilInstant) -> Result<DutyId, Quiet> {
        let mut state = self.lock();
        if self.journal.is_broken() || self.journal.appended() - self.journal.synced() > UNSYNCED_MAX {
            return Err(Quiet::Full);
        }
        state.duties.decide(&duty, transition, now)?;
        let id = DutyId(state.next_id + 1);
        state.next_id = id.0;
        state.duties.owe(id, duty, now);
        let leaf = owed(id, &duty, now);
        let mut buffer = [0; DUTY_LEAF];
        let sealed = self.sealer.seal(leaf.write(&mut buffer), &duty.number.as_u64().to_be_bytes());
        state.log(leaf, &sealed);
        Ok(id)
    }

    /// Records the intent to write each duty that is due, at most `limit`; returns how many. After `commit` and an fsync `ready` hands them out.
    pub fn intend_due(&self, limit: usize, now: CivilInstant) -> usize {
        let mut state = self.lock();
        let due = state.duties.due(now, limit);
        for (id, _) in &due {
            if let Some(duty) = state.duties.intend(*id, now) {
                state.log(DutyLeaf::Intended { id: *id, at: now }, &[]);
                state.intended.push((*id, duty));
            }
        }
        due.len()
    }

    /// Writes the steps since the last call, with one write to the page cache. On an error nothing that was intended is handed out;
    /// it is tried again later.
    pub fn commit(&self, now: CivilInstant) -> Result<(), AppendError> {
        let mut state = self.lock();
        if state.batch.is_empty() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut state.batch);
        let outcome = self.journal.append_within(&mut batch, self.patience);
        batch.clear();
        state.batch = batch;
        let intended = std::mem::take(&mut state.intended);
        match outcome {
            Ok(records) => {
                state.hours.entry(now.as_secs() / 3_600).or_insert(records.start);
                state.syncing.extend(intended.into_iter().map(|(id, duty)| (records.end, id, duty)));
                Ok(())
            }
            Err(error) => {
                for (id, _) in intended {
                    state.duties.settle(id, Fate::NotWritten, now);
                }
                Err(error)
            }
        }
    }

    /// The answers whose intent is durable now, each handed out once: to be written, and their fate told by `settle`.
    pub fn ready(&self) -> Vec<(DutyId, Duty)> {
        let synced = self.journal.synced();
        let mut state = self.lock();
        let mut ready = Vec::new();
        while let Some((_, id, duty)) = state.syncing.pop_front_if(|(end, _, _)| *end <= synced) {
            ready.push((id, duty));
        }
        ready
    }

    /// What became of an answer that `ready` handed out. `None` when it was not under way.
    pub fn settle(&self, id: DutyId, fate: Fate, now: CivilInstant) -> Option<Next> {
        let mut state = self.lock();
        let next = state.duties.settle(id, fate, now)?;
        state.log(DutyLeaf::Settled { id, at: now, fate }, &[]);
        Some(next)
    }

    /// When `intend_due` has something to do.
    pub fn next_due(&self) -> Option<CivilInstant> {
        self.lock().duties.next_due()
    }

    /// How many answers are owed or under way.
    pub fn open_count(&self) -> usize {
        self.lock().duties.len()
    }

    /// Has `wake` called after each fsync. It must not block.
    pub fn subscribe(&self, wake: Wake) {
        self.journal.subscribe(wake);
    }

    /// Ends what is owed to a number, and forgets the number itself (its tag stays for 24 hours, as a loop guard).
    pub fn erase(&self, tag: &NumberTag, now: CivilInstant) -> Result<usize, AppendError> {
        let ended = {
            let mut state = self.lock();
            let ended = state.duties.erase(tag);
            for id in &ended {
                state.log(DutyLeaf::Settled { id: *id, at: now, fate: Fate::Final }, &[]);
            }
            ended.len()
        };
        self.commit(now)?;
        Ok(ended)
    }

    /// Gives up what is owed for 24 hours (returned, to be counted) and forgets old records. Waits for an fsync: not for a lane;
    /// about once an hour.
    pub fn tidy(&self, now: CivilInstant) -> Result<usize, SpoolError> {
        let (given_up, needed) = {
            let mut state = self.lock();
            let given_up = state.duties.expire(now);
            for id in &given_up {
                state.log(DutyLeaf::Settled { id: *id, at: now, fate: Fate::NotWritten }, &[]);
            }
            let oldest = now.minus(KEPT).as_secs() / 3_600;
            let later = state.hours.split_off(&oldest);
            state.hours = later;
            (given_up.len(), state.hours.values().min().copied())
        };
        self.commit(now)?;
        let needed = needed.unwrap_or_else(|| self.journal.appended());
        let forgotten = self.journal.forget_before(needed.min(self.journal.synced()));
        forgotten.map(|_| given_up).map_err(SpoolError::Forget)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owed(id: DutyId, duty: &Duty, at: CivilInstant) -> DutyLeaf {
    DutyLeaf::Owed { id, at, kind: duty.kind, tag: duty.tag, short_code: duty.short_code, account: duty.account }
}

impl State {
    fn log(&mut self, leaf: DutyLeaf, sealed: &[u8]) {
        let mut buffer = [0; DUTY_LEAF];
        self.batch.push(leaf.write(&mut buffer), sealed);
    }

    fn replay(&mut self, leaf: DutyLeaf, number: Option<Msisdn>, record: u64) {
        let (id, at) = match leaf {
            DutyLeaf::Owed { id, at, .. } | DutyLeaf::Intended { id, at } | DutyLeaf::Settled { id, at, .. } => {
                (id, at)
            }
        };
        self.next_id = self.next_id.max(id.0);
        self.hours.entry(at.as_secs() / 3_600).or_insert(record);
        match leaf {
            DutyLeaf::Owed { kind, tag, short_code, account, .. } => {
                if let Some(number) = number {
                    self.duties.owe(id, Duty { kind, number, tag, short_code, account }, at);
                }
            }
            DutyLeaf::Intended { .. } => {
                self.duties.intend(id, at);
            }
            DutyLeaf::Settled { fate, .. } => {
                if self.duties.settle(id, fate, at).is_none() {
                    self.duties.drop_duty(id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::duty::DutyKind;
    use super::*;
    use crate::journal::disk::RealDisk;
    use crate::message::name::NameId;
    use std::sync::Arc;

    fn at(seconds: i64) -> CivilInstant {
        CivilInstant::from_secs(1_790_000_000 + seconds)
    }

    fn open(dir: &Path, now: CivilInstant) -> (Confirmations, usize) {
        let patience = Duration::from_secs(20);
        let keeping = Keeping { disk: Arc::new(RealDisk), key: &[1; 32], segment_octets: 16 << 10, patience };
        Confirmations::open(&keeping, dir, now).unwrap()
    }

    fn duty(n: u64) -> Duty {
        Duty {
            kind: DutyKind::Stop,
            number: Msisdn::from_canonical(33_639_980_000 + n).unwrap(),
            tag: NumberTag([n as u8; 16]),
            short_code: 36_111,
            account: NameId(1),
        }
    }

    /// Commits and waits until all is durable.
    fn sync(duties: &Confirmations, now: CivilInstant) {
        duties.commit(now).unwrap();
        if let Some(last) = duties.journal.appended().checked_sub(1) {
            assert!(duties.journal.wait_synced(last, Duration::from_secs(20)));
        }
    }

    #[test]
    fn an_answer_is_handed_out_once_and_only_behind_its_durable_intent() {
        let dir = tempfile::tempdir().unwrap();
        let (duties, _) = open(&dir.path().join("duties"), at(0));
        let id = duties.owe(duty(1), true, at(0)).unwrap();
        assert_eq!(duties.intend_due(10, at(0)), 1);
        assert!(duties.ready().is_empty(), "not written yet");
        sync(&duties, at(0));
        assert_eq!(duties.ready(), [(id, duty(1))]);
        assert!(duties.ready().is_empty());
        assert_eq!(duties.settle(id, Fate::Accepted, at(1)), Some(Next::Over(Fate::Accepted)));
        assert_eq!(duties.owe(duty(1), false, at(2)), Err(Quiet::RepeatedStop));
        assert_eq!(duties.open_count(), 0);
    }

    #[test]
    fn after_a_crash_what_was_owed_is_sent_and_what_was_intended_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("duties");
        let (duties, _) = open(&home, at(0));
        let steps: Vec<_> = (1..=4).map(|n| duties.owe(duty(n), true, at(n as i64)).unwrap()).collect();
        assert_eq!(duties.intend_due(3, at(10)), 3);
        sync(&duties, at(10));
        duties.settle(steps[0], Fate::Accepted, at(11));
        duties.settle(steps[1], Fate::Temporary, at(11));
        sync(&duties, at(11));
        drop(duties);
        let (duties, unknown) = open(&home, at(20));
        assert_eq!(unknown, 1, "the third may have been sent");
        assert_eq!(duties.intend_due(10, at(20)), 1);
        sync(&duties, at(20));
        assert_eq!(duties.ready(), [(steps[3], duty(4))]);
        assert_eq!(duties.next_due(), Some(at(71)), "the second is tried again a minute after its refusal");
        for n in [1, 3] {
            assert_eq!(duties.owe(duty(n), false, at(3_600)), Err(Quiet::RepeatedStop));
        }
        assert!(duties.owe(duty(9), true, at(3_600)).unwrap() > steps[3], "ids go on");
    }

    #[test]
    fn what_was_ended_stays_ended_and_old_records_go() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("duties");
        let (duties, _) = open(&home, at(0));
        duties.owe(duty(1), true, at(0)).unwrap();
        duties.owe(duty(2), true, at(0)).unwrap();
        assert_eq!(duties.erase(&duty(1).tag, at(1)).unwrap(), 1);
        assert_eq!(duties.tidy(at(24 * 3_600)).unwrap(), 1, "the second was never sent, and is given up");
        drop(duties);
        let (duties, _) = open(&home, at(24 * 3_600));
        assert_eq!((duties.open_count(), duties.next_due()), (0, None));
        let mut files = 0;
        for hour in 24..24 * 6 {
            for n in 0..10 {
                duties.owe(duty(n), true, at(hour * 3_600)).ok();
                duties.intend_due(10, at(hour * 3_600));
            }
            sync(&duties, at(hour * 3_600));
            for (id, _) in duties.ready() {
                duties.settle(id, Fate::Accepted, at(hour * 3_600)).unwrap();
            }
            duties.tidy(at(hour * 3_600)).unwrap();
            files = std::fs::read_dir(&home).unwrap().count();
        }
        assert!(files <= 4, "{files}");
        assert_eq!(duties.open_count(), 0);
    }
}
