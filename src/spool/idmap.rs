//! Owns the durable map from an operator's message ids to the accounts that submitted the messages, for links that accounts share.
//! Must never allocate, wait or call the system while a submit response is recorded: `commit` writes once a batch.

use super::Keeping;
use super::error::SpoolError;
use super::id_index::{IdIndex, Match, Submitted};
use super::message_id::{IdHash, IdHasher, IdMatch};
use super::seal::{derived, key_check};
use crate::journal::error::AppendError;
use crate::journal::frame::Batch;
use crate::journal::stream::Journal;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name of its journal.
pub const STREAM: &str = "ids";
/// Entries held by default: at most 120 MB of memory when all are used, 51 MB of disk.
pub const IDS_MAX: usize = 1 << 21;
/// What one entry takes on disk.
const ENTRY: usize = 24;
/// Entries of one frame.
const FRAME_ENTRIES: usize = 2_000;
/// First octet of a leaf: the form of the entries that follow.
const FORM: u8 = 1;
/// A power cut may lose the ids of this long; their receipts are then parked and counted.
const SYNC_WITHIN: Duration = Duration::from_millis(100);
/// Ids of one lane that wait for a disk that takes nothing; beyond this they are in memory only.
const UNWRITTEN_MAX: usize = 100_000;

/// Ids that may be held back for the next write.
const HELD_BACK_MAX: usize = 512;

/// When an id must be on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// With the batch: after a crash nothing else says whose the message is.
    Now,
    /// With one of the next: the link says it too.
    Later,
}

/// The map. Shared by all lanes.
pub struct IdMap {
    hasher: IdHasher,
    journal: Journal,
    patience: Duration,
    index: Mutex<IdIndex>,
}

/// One lane's ids since its last `commit`.
pub struct Recorder {
    hasher: IdHasher,
    new: Vec<Submitted>,
    /// What is held back, and what the disk did not take: written with one of the next commits.
    unwritten: Vec<Submitted>,
    haste: Haste,
    batch: Batch,
    leaf: Vec<u8>,
}

impl IdMap {
    /// Opens the map in `dir` (made if it is missing) and reads the last seven days. `capacity`: entries held in memory.
    pub fn open(keeping: &Keeping, dir: &Path, capacity: usize) -> Result<Self, SpoolError> {
        // Its entries hold nothing sealed, and whole tags neither: they stay under the first key, and a number is looked for by the
        // tags that it has had.
        let journal = keeping.open_under(key_check(keeping.keys.first()), dir, STREAM, SYNC_WITHIN)?;
        let mut index = IdIndex::new(capacity);
        let mut reader = journal.read(journal.segment_starts().first().copied().unwrap_or(0), u64::MAX);
        while let Some(frame) = reader.next_frame()? {
            let entries = match frame.leaf.split_first() {
                Some((&FORM, entries)) if entries.len() % ENTRY == 0 => entries,
                Some(_) | None => return Err(SpoolError::Unknown { record: frame.seq }),
            };
            for entry in entries.as_chunks::<ENTRY>().0 {
                index.insert(read_entry(entry), frame.seq);
            }
        }
        let hasher = IdHasher::new(&derived(keeping.keys.first(), "stopgate message ids"));
        Ok(Self { hasher, journal, patience: keeping.patience, index: Mutex::new(index) })
    }

    /// A recorder for one lane.
    pub fn recorder(&self) -> Recorder {
        let new = Vec::with_capacity(FRAME_ENTRIES);
        let leaf = Vec::with_capacity(1 + FRAME_ENTRIES * ENTRY);
        Recorder {
            hasher: self.hasher.clone(),
            new,
            unwritten: Vec::with_capacity(FRAME_ENTRIES),
            haste: Haste::Later,
            batch: Batch::default(),
            leaf,
        }
    }

    /// Makes what was recorded findable, and writes it unless all of it may wait, once a batch. An error means that some of it is
    /// in memory only for now.
    pub fn commit(&self, recorder: &mut Recorder) -> Result<(), AppendError> {
        if recorder.new.is_empty() {
            return Ok(());
        }
        // No later than where it will stand.
        let record = self.journal.appended();
        if recorder.unwritten.len() < UNWRITTEN_MAX {
            recorder.unwritten.extend_from_slice(&recorder.new);
        }
        {
            let mut index = self.lock();
            recorder.new.drain(..).for_each(|submitted| index.insert(submitted, record));
        }
        if recorder.haste == Haste::Now || recorder.unwritten.len() >= HELD_BACK_MAX {
            self.write(recorder)
        } else {
            Ok(())
        }
    }

    /// Writes what was held back. An error means that some of it is in memory only for now.
    pub fn write(&self, recorder: &mut Recorder) -> Result<(), AppendError> {
        recorder.haste = Haste::Later;
        recorder.write(&self.journal, self.patience)
    }

    /// Whose message a receipt is about: its id as this operator writes them, and its source, the number it was sent to, by its tag
    /// and by those that it had before the tag key was replaced.
    pub fn find(
        &self,
        smsc: NameId,
        (id, how): (&[u8], IdMatch),
        source: &NumberTag,
        earlier: &[NumberTag],
        now: CivilInstant,
    ) -> Match {
        let fits = |prefix| prefix == source.prefix() || earlier.iter().any(|tag| tag.prefix() == prefix);
        self.lock().find(self.hasher.candidates(smsc, id, how), fits, now)
    }

    /// Under which hashes a receipt's message may be recorded later: what `Early` parks it by.
    pub fn candidates(&self, smsc: NameId, id: &[u8], how: IdMatch) -> [Option<IdHash>; 2] {
        self.hasher.candidates(smsc, id, how)
    }

    /// Whether this account, and no other, has sent a message of this id: what query_sm and cancel_sm ask.
    pub fn belongs_to(&self, smsc: NameId, id: &[u8], account: NameId, now: CivilInstant) -> bool {
        self.hasher.hash(smsc, id).is_some_and(|id| self.lock().belongs_to(id, account, now))
    }

    /// Entries held, and entries forgotten before their seven days because the memory was full.
    pub fn totals(&self) -> (usize, u64) {
        let index = self.lock();
        (index.len(), index.forgotten_early())
    }

    /// Forgets what is older than seven days, in memory and on disk. Waits for an fsync: not for a lane; about once an hour.
    pub fn tidy(&self, now: CivilInstant) -> Result<(), SpoolError> {
        let needed = self.lock().expire(now).unwrap_or(u64::MAX);
        let forgotten = self.journal.forget_before(needed.min(self.journal.synced()));
        forgotten.map(|_| ()).map_err(SpoolError::Forget)
    }

    fn lock(&self) -> MutexGuard<'_, IdIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    /// Remembers whose message the operator has just accepted under `id`; `None` for an empty id, which names nothing.
    /// Findable after `commit`. The hash is what `Early::arrived` asks for.
    pub fn record(
        &mut self,
        smsc: NameId,
        id: &[u8],
        account: NameId,
        destination: &NumberTag,
        (now, haste): (CivilInstant, Haste),
    ) -> Option<IdHash> {
        let id = self.hasher.hash(smsc, id)?;
        if haste == Haste::Now {
            self.haste = haste;
        }
        let at_s = now.as_secs().clamp(0, i64::from(u32::MAX)) as u32;
        self.new.push(Submitted { id, account, destination: destination.prefix(), at_s });
        Some(id)
    }

    /// Whether there is anything to commit.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty()
    }

    /// Appends what is not written yet.
    fn write(&mut self, journal: &Journal, patience: Duration) -> Result<(), AppendError> {
        while !self.unwritten.is_empty() {
            let chunk = self.unwritten.len().min(FRAME_ENTRIES);
            self.leaf.clear();
            self.leaf.push(FORM);
            self.unwritten[..chunk].iter().for_each(|submitted| write_entry(submitted, &mut self.leaf));
            self.batch.clear();
            self.batch.push(&self.leaf, &[]);
            journal.append_within(&mut self.batch, patience)?;
            self.unwritten.drain(..chunk);
        }
        Ok(())
    }
}

fn write_entry(submitted: &Submitted, out: &mut Vec<u8>) {
    out.extend_from_slice(&submitted.id.0.to_be_bytes());
    out.extend_from_slice(&submitted.account.0.to_be_bytes());
    out.extend_from_slice(&submitted.destination.to_be_bytes());
    out.extend_from_slice(&submitted.at_s.to_be_bytes());
}

fn read_entry(entry: &[u8; ENTRY]) -> Submitted {
    let word = |at: usize| u32::from_be_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
    let long = |at: usize| u64::from(word(at)) << 32 | u64::from(word(at + 4));
    Submitted { id: IdHash(long(0)), account: NameId(word(8)), destination: long(12), at_s: word(20) }
}

#[cfg(test)]
mod tests {
    use super::super::SpoolKeys;
    use super::super::id_index::Owner;
    use super::*;
    use crate::journal::disk::RealDisk;
    use std::sync::Arc;

    const KEY: [u8; 32] = [5; 32];
    const SMSC: NameId = NameId(9);

    fn at(day: i64) -> CivilInstant {
        CivilInstant::from_secs(1_790_000_000 + day * 86_400)
    }

    fn keeping(key: &[u8; 32]) -> Keeping {
        Keeping {
            disk: Arc::new(RealDisk),
            keys: SpoolKeys::of(key),
            segment_octets: 128 << 10,
            patience: Duration::from_secs(20),
        }
    }

    fn open(dir: &Path) -> IdMap {
        IdMap::open(&keeping(&KEY), dir, 10_000).unwrap()
    }

    fn tag(n: u8) -> NumberTag {
        NumberTag([n; 16])
    }

    fn owner(account: u32, day: i64) -> Match {
        Match::One(Owner { account: NameId(account), submitted_at: at(day) })
    }

    #[test]
    fn what_was_recorded_is_found_after_the_commit_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("ids");
        let map = open(&dir);
        let mut recorder = map.recorder();
        recorder.record(SMSC, b"1A2B", NameId(1), &tag(1), (at(0), Haste::Now)).unwrap();
        assert_eq!(recorder.record(SMSC, b"", NameId(1), &tag(1), (at(0), Haste::Now)), None);
        assert_eq!(map.find(SMSC, (b"1a2b", IdMatch::Exact), &tag(1), &[], at(0)), Match::Unknown);
        map.commit(&mut recorder).unwrap();
        for n in 0..5_000 {
            recorder.record(SMSC, format!("{n:x}-").as_bytes(), NameId(2), &tag(2), (at(1), Haste::Now)).unwrap();
        }
        map.commit(&mut recorder).unwrap();
        drop(map);
        let map = open(&dir);
        assert_eq!(map.find(SMSC, (b"0006699", IdMatch::HexToDec), &tag(1), &[], at(1)), owner(1, 0));
        let under_the_next_key = map.find(SMSC, (b"0006699", IdMatch::HexToDec), &tag(7), &[tag(6), tag(1)], at(1));
        assert_eq!(under_the_next_key, owner(1, 0), "found by a tag that the number had before");
        assert_eq!(
            map.find(SMSC, (b"6699", IdMatch::HexToDec), &tag(2), &[], at(1)),
            Match::Unknown,
            "not its destination"
        );
        assert_eq!(map.find(SMSC, (b"6699", IdMatch::Exact), &tag(1), &[], at(1)), Match::Unknown);
        assert_eq!(map.find(NameId(8), (b"6699", IdMatch::HexToDec), &tag(1), &[], at(1)), Match::Unknown);
        assert_eq!(map.find(SMSC, (b"F9F-", IdMatch::Exact), &tag(2), &[], at(1)), owner(2, 1));
        assert!(map.belongs_to(SMSC, b"1a2b", NameId(1), at(1)) && !map.belongs_to(SMSC, b"1a2b", NameId(2), at(1)));
        assert_eq!(map.totals(), (5_001, 0));
    }

    #[test]
    fn seven_days_later_memory_and_disk_are_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("ids");
        let map = open(&dir);
        let mut recorder = map.recorder();
        for day in 0..20 {
            for n in 0..1_000 {
                recorder
                    .record(SMSC, format!("{day}/{n}").as_bytes(), NameId(1), &tag(1), (at(day), Haste::Now))
                    .unwrap();
            }
            map.commit(&mut recorder).unwrap();
            assert!(map.journal.wait_synced(map.journal.appended() - 1, Duration::from_secs(20)));
            map.tidy(at(day)).unwrap();
        }
        let (held, early) = map.totals();
        assert_eq!((held, early), (8_000, 0));
        let files = std::fs::read_dir(&dir).unwrap().count();
        assert!(files <= 5, "{files} files of 128 KiB hold eight days of 24 KB");
        drop(map);
        let map = open(&dir);
        assert_eq!(map.find(SMSC, (b"19/999", IdMatch::Exact), &tag(1), &[], at(19)), owner(1, 19));
        assert_eq!(map.find(SMSC, (b"11/0", IdMatch::Exact), &tag(1), &[], at(19)), Match::Unknown);
    }

    #[test]
    fn what_may_wait_is_found_at_once_and_written_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("ids");
        let map = open(&dir);
        let mut recorder = map.recorder();
        for (n, haste, written) in
            [(1, Haste::Later, 0), (2, Haste::Later, 0), (3, Haste::Now, 1), (4, Haste::Later, 1)]
        {
            recorder.record(SMSC, &[b'0' + n], NameId(n.into()), &tag(n), (at(0), haste)).unwrap();
            map.commit(&mut recorder).unwrap();
            assert!(map.belongs_to(SMSC, &[b'0' + n], NameId(n.into()), at(0)));
            assert_eq!(map.journal.appended(), written, "records after id {n}");
        }
        map.write(&mut recorder).unwrap();
        for _ in 0..HELD_BACK_MAX {
            recorder.record(SMSC, b"5", NameId(5), &tag(5), (at(0), Haste::Later)).unwrap();
        }
        map.commit(&mut recorder).unwrap();
        assert_eq!(map.journal.appended(), 3, "no more than so many wait");
        drop(map);
        let map = open(&dir);
        assert!((1..=5).all(|n| map.belongs_to(SMSC, &[b'0' + n], NameId(n.into()), at(0))));
    }

    #[test]
    fn another_key_does_not_open_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("ids");
        drop(open(&dir));
        let other = IdMap::open(&keeping(&[6; 32]), &dir, 10_000);
        assert!(matches!(other, Err(SpoolError::Open(crate::journal::error::OpenError::Label { .. }))));
    }
}
