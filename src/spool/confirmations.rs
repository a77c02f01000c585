//! Owns the answers that are owed, across restarts: each step of a duty is recorded, and its intent is durable before it is written.
//! Must never hand out an answer whose intent is not durable, nor the same one twice.

use super::Keeping;
use super::duty::{Duties, Duty, DutyId, DutyKind, Fate, Next, Quiet};
use super::error::SpoolError;
use super::keys;
use super::record::{DUTY_LEAF, DutyLeaf};
use super::seal::Sealer;
use crate::journal::error::AppendError;
use crate::journal::frame::Batch;
use crate::journal::stream::{Journal, Wake};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::tag::NumberTag;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the journal grows before it is rewritten without what is over.
const REWRITE: Duration = Duration::from_secs(24 * 3600);
/// Octets of one write while it is rewritten.
const REWRITE_OCTETS: usize = 256 << 10;
/// How long one write may wait for the disk while lanes wait for it: a full disk leaves the rewriting to the next time.
const REWRITE_PATIENCE: Duration = Duration::from_millis(100);
/// How long the fsync of it may take, while nobody waits.
const SYNC_PATIENCE: Duration = Duration::from_secs(10);
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
    /// What is owed since the batch began, and what is owed and written but not yet durable, by the record behind it.
    owing: Vec<DutyId>,
    owing_synced: VecDeque<(u64, DutyId)>,
    rewritten: Option<CivilInstant>,
}

impl Confirmations {
    /// Opens the duties in `dir` (made if it is missing). What was intended before a crash may have been sent: it is over.
    /// Returns also how many such there were.
    pub fn open(keeping: &Keeping, dir: &Path, now: CivilInstant) -> Result<(Self, usize), SpoolError> {
        let journal = keeping.open(dir, "duties", Duration::ZERO)?;
        let sealer = keeping.keys.sealer()?;
        let mut state = State::default();
        let mut reader = journal.read(journal.segment_starts().first().copied().unwrap_or(0), u64::MAX);
        while let Some((label, frame)) = reader.next_labelled_where(|_, _| true)? {
            let leaf = DutyLeaf::read(frame.leaf).ok_or(SpoolError::Unknown { record: frame.seq })?;
            let number = match leaf {
                DutyLeaf::Owed { .. } => {
                    let opened = sealer.open(frame.leaf, frame.blob).ok();
                    let digits = opened.and_then(|octets| octets.try_into().ok()).map(u64::from_be_bytes);
                    Some(digits.and_then(Msisdn::from_canonical).ok_or(SpoolError::Sealed { record: frame.seq })?)
                }
                DutyLeaf::Intended { .. } | DutyLeaf::Settled { .. } | DutyLeaf::Sent { .. } => None,
            };
            state.replay(leaf.carried(|tag| keeping.keys.carry(&label, tag)), number);
        }
        let unknown = state.duties.restarted(now);
        for id in &unknown {
            state.log(DutyLeaf::Settled { id: *id, at: now, fate: Fate::Unknown }, &[]);
        }
        let mut opened = Self { journal, sealer, patience: keys::PATIENCE, state: Mutex::new(state) };
        if opened.journal.has_older_labels() {
            opened.rewrite(now)?;
        }
        opened.patience = keeping.patience;
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
        state.owing.push(id);
        Ok(id)
    }

    /// Whether what is owed is on its way to the disk: a power cut would still lose it. Not when the disk takes nothing: it is
    /// then owed in memory only, and waiting would not help.
    pub fn awaits_disk(&self, id: DutyId) -> bool {
        let synced = self.journal.synced();
        let mut state = self.lock();
        while state.owing_synced.pop_front_if(|(end, _)| *end <= synced).is_some() {}
        let waits = state.owing.contains(&id) || state.owing_synced.iter().any(|(_, other)| *other == id);
        waits && !self.journal.is_broken()
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
        let owing = std::mem::take(&mut state.owing);
        match outcome {
            Ok(records) => {
                state.owing_synced.extend(owing.into_iter().map(|id| (records.end, id)));
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

    /// When the last question left towards a number, or may have left.
    pub fn last_question(&self, tag: &NumberTag) -> Option<CivilInstant> {
        self.lock().duties.last_question(tag)
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

    /// What is owed to a number, and since when: the person's right of access.
    pub fn by_tag(&self, tag: &NumberTag) -> Vec<(DutyKind, CivilInstant)> {
        let state = self.lock();
        let of_tag = state.duties.opened().filter(|(_, duty, ..)| duty.tag == *tag);
        of_tag.map(|(_, duty, since, _)| (duty.kind, since)).collect()
    }

    /// Ends what is owed to a number, and rewrites the journal, so that the number stands nowhere (its tag stays for 24 hours, as a
    /// loop guard). Returns how many answers ended. Waits for an fsync: not for a lane.
    pub fn erase(&self, tag: &NumberTag, now: CivilInstant) -> Result<usize, SpoolError> {
        let ended = {
            let mut state = self.lock();
            let ended = state.duties.erase(tag);
            for id in &ended {
                state.log(DutyLeaf::Settled { id: *id, at: now, fate: Fate::Final }, &[]);
            }
            ended.len()
        };
        self.commit(now)?;
        self.rewrite(now)?;
        // What a failed write has left beside the records.
        self.journal.blank(&BTreeSet::new())?;
        Ok(ended)
    }

    /// Gives up what is owed for 24 hours (returned, to be counted), and rewrites the journal once a day without what is over.
    /// Waits for an fsync: not for a lane; about once a minute.
    pub fn tidy(&self, now: CivilInstant) -> Result<usize, SpoolError> {
        let (given_up, due) = {
            let mut state = self.lock();
            let given_up = state.duties.expire(now);
            for id in &given_up {
                state.log(DutyLeaf::Settled { id: *id, at: now, fate: Fate::NotWritten }, &[]);
            }
            (given_up.len(), state.rewritten.is_none_or(|last| now.since(last) >= REWRITE))
        };
        self.commit(now)?;
        if due {
            self.rewrite(now)?;
        }
        Ok(given_up)
    }

    /// Goes on in a new segment that begins with what still matters, and forgets the ones before.
    fn rewrite(&self, now: CivilInstant) -> Result<(), SpoolError> {
        self.commit(now)?;
        let patience = self.patience.max(REWRITE_PATIENCE);
        let (first, end) = {
            // Held throughout: nobody may add a step between the old segment and the summary of it.
            let mut state = self.lock();
            let first = self.journal.roll(patience)?;
            let mut batch = Batch::default();
            for (leaf, number) in state.summary(now) {
                let mut buffer = [0; DUTY_LEAF];
                let leaf = leaf.write(&mut buffer);
                let sealed = number.map(|number| self.sealer.seal(leaf, &number.as_u64().to_be_bytes()));
                batch.push(leaf, sealed.as_deref().unwrap_or_default());
                if batch.octets() > REWRITE_OCTETS {
                    self.journal.append_within(&mut batch, patience)?;
                }
            }
            let records = self.journal.append_within(&mut batch, patience)?;
            state.rewritten = Some(now);
            (first, records.end)
        };
        if end > 0 && !self.journal.wait_synced(end - 1, SYNC_PATIENCE) {
            return Err(SpoolError::Append(AppendError::Stalled));
        }
        self.journal.forget_before(first).map(|_| ()).map_err(SpoolError::Forget)
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

    /// What a new journal has to begin with, so that it decides the same. The first leaf keeps the count of ids, by one that no duty has.
    fn summary(&mut self, now: CivilInstant) -> Vec<(DutyLeaf, Option<Msisdn>)> {
        self.next_id += 1;
        let last = DutyId(self.next_id);
        let mut all = vec![(DutyLeaf::Settled { id: last, at: now, fate: Fate::NotWritten }, None)];
        for (tag, kind, at) in self.duties.remembered(now) {
            all.push((DutyLeaf::Sent { last, at, kind, tag }, None));
        }
        for (id, duty, since, intended) in self.duties.opened() {
            all.push((owed(id, &duty, since), Some(duty.number)));
            all.extend(intended.map(|at| (DutyLeaf::Intended { id, at }, None)));
        }
        all
    }

    fn replay(&mut self, leaf: DutyLeaf, number: Option<Msisdn>) {
        match leaf {
            DutyLeaf::Owed { id, at, kind, tag, short_code, account } => {
                self.next_id = self.next_id.max(id.0);
                // A crash may leave both the steps and a part of their summary: the steps say more.
                if let Some(number) = number.filter(|_| !self.duties.is_open(id)) {
                    self.duties.owe(id, Duty { kind, number, tag, short_code, account }, at);
                }
            }
            DutyLeaf::Intended { id, at } => {
                self.duties.intend(id, at);
            }
            DutyLeaf::Settled { id, at, fate } => {
                self.next_id = self.next_id.max(id.0);
                if self.duties.settle(id, fate, at).is_none() {
                    self.duties.drop_duty(id);
                }
            }
            DutyLeaf::Sent { last, at, kind, tag } => {
                self.next_id = self.next_id.max(last.0);
                self.duties.remember(tag, kind, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SpoolKeys;
    use super::*;
    use crate::journal::disk::RealDisk;
    use crate::message::name::NameId;
    use std::sync::Arc;

    fn at(seconds: i64) -> CivilInstant {
        CivilInstant::from_secs(1_790_000_000 + seconds)
    }

    fn open(dir: &Path, now: CivilInstant) -> (Confirmations, usize) {
        let patience = Duration::from_secs(20);
        let keeping =
            Keeping { disk: Arc::new(RealDisk), keys: SpoolKeys::of(&[1; 32]), segment_octets: 16 << 10, patience };
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
    fn what_is_owed_awaits_the_disk_until_it_is_durable() {
        let dir = tempfile::tempdir().unwrap();
        let (duties, _) = open(&dir.path().join("duties"), at(0));
        let first = duties.owe(duty(1), true, at(0)).unwrap();
        assert!(duties.awaits_disk(first), "not written");
        sync(&duties, at(0));
        let second = duties.owe(duty(2), true, at(0)).unwrap();
        assert_eq!((duties.awaits_disk(first), duties.awaits_disk(second)), (false, true));
        sync(&duties, at(0));
        assert!(!duties.awaits_disk(second));
        let state = duties.lock();
        assert!(state.owing.is_empty() && state.owing_synced.is_empty());
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
    fn a_summary_that_a_crash_cut_short_never_brings_an_answer_back() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("duties");
        let (duties, _) = open(&home, at(0));
        let id = duties.owe(duty(1), true, at(0)).unwrap();
        duties.intend_due(1, at(0));
        sync(&duties, at(0));
        // The summary's first leaves, without the intent that would have followed.
        let cut: Vec<_> = duties.lock().summary(at(1)).into_iter().take(2).collect();
        assert!(matches!(cut[1].0, DutyLeaf::Owed { id: owed, .. } if owed == id));
        for (leaf, number) in cut {
            let mut buffer = [0; DUTY_LEAF];
            let sealed = number.map(|n| duties.sealer.seal(leaf.write(&mut buffer), &n.as_u64().to_be_bytes()));
            duties.lock().log(leaf, sealed.as_deref().unwrap_or_default());
        }
        sync(&duties, at(1));
        drop(duties);
        let (duties, unknown) = open(&home, at(2));
        assert_eq!((unknown, duties.intend_due(10, at(2)), duties.open_count()), (1, 0, 0));
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
        }
        assert_eq!(duties.open_count(), 0);
        let end = at(24 * 6 * 3_600);
        let known = |duties: &Confirmations| {
            let state = duties.lock();
            (state.duties.remembered(end).len(), state.next_id)
        };
        duties.rewrite(end).unwrap();
        let files = std::fs::read_dir(&home).unwrap().count();
        assert!(files <= 3, "{files}: the segment being written, the next one, and its name while it is made");
        let before = known(&duties);
        assert!(before.0 > 0);
        drop(duties);
        assert_eq!(known(&open(&home, end).0), before);
    }
}
