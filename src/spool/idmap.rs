//! Owns the durable map from an operator's message ids to the accounts that submitted the messages, for links that accounts share.
//! Must never allocate, wait or call the system while a submit response is recorded: `commit` writes once a batch.

use super::Keeping;
use super::error::SpoolError;
use super::id_index::{IdIndex, Match, Submitted};
use super::message_id::{IdHash, IdHasher, IdMatch};
use super::seal::derived;
use super::users::{Former, UserBook, Users};
use crate::journal::error::AppendError;
use crate::journal::frame::Batch;
use crate::journal::stream::Journal;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Entries held by default: at most 120 MB of memory when all are used, 51 MB of disk.
pub const IDS_MAX: usize = 1 << 21;
/// What one entry takes on disk.
const ENTRY: usize = 24;
/// Entries of one frame.
const FRAME_ENTRIES: usize = 2_000;
/// First octet of a leaf: the form of the entries that follow.
const FORM: u8 = 1;
/// First octet of a leaf that says who uses an operator: operator, account (zero for several), seconds.
const USERS: u8 = 2;
/// A power cut may lose the ids of this long; their receipts are then parked and counted.
const SYNC_WITHIN: Duration = Duration::from_millis(100);
/// Ids of one lane that wait for a disk that takes nothing; beyond this they are in memory only.
const UNWRITTEN_MAX: usize = 100_000;

/// The map. Shared by all lanes.
pub struct IdMap {
    hasher: IdHasher,
    journal: Journal,
    patience: Duration,
    index: Mutex<IdIndex>,
    users: Mutex<UserBook>,
}

/// One lane's ids since its last `commit`.
pub struct Recorder {
    hasher: IdHasher,
    new: Vec<Submitted>,
    /// What the disk did not take yet, tried again with the next commit.
    unwritten: Vec<Submitted>,
    batch: Batch,
    leaf: Vec<u8>,
}

impl IdMap {
    /// Opens the map in `dir` (made if it is missing) and reads the last seven days. `capacity`: entries held in memory.
    pub fn open(keeping: &Keeping<'_>, dir: &Path, capacity: usize) -> Result<Self, SpoolError> {
        let journal = keeping.open(dir, "ids", SYNC_WITHIN)?;
        let mut index = IdIndex::new(capacity);
        let mut users = UserBook::default();
        let mut reader = journal.read(journal.segment_starts().first().copied().unwrap_or(0), u64::MAX);
        while let Some(frame) = reader.next_frame()? {
            let entries = match frame.leaf.split_first() {
                Some((&FORM, entries)) if entries.len() % ENTRY == 0 => entries,
                Some((&USERS, said)) if said.len() == 12 => {
                    let (smsc, account, at) = (word(said, 0), word(said, 4), word(said, 8));
                    let by = if account == 0 { Users::Several } else { Users::One(NameId(account)) };
                    users.say(NameId(smsc), by, CivilInstant::from_secs(at.into()), frame.seq);
                    continue;
                }
                Some(_) | None => return Err(SpoolError::Unknown { record: frame.seq }),
            };
            for entry in entries.as_chunks::<ENTRY>().0 {
                index.insert(read_entry(entry), frame.seq);
            }
        }
        let hasher = IdHasher::new(&derived(keeping.key, "stopgate message ids"));
        Ok(Self { hasher, journal, patience: keeping.patience, index: Mutex::new(index), users: Mutex::new(users) })
    }

    /// A recorder for one lane.
    pub fn recorder(&self) -> Recorder {
        let new = Vec::with_capacity(FRAME_ENTRIES);
        let leaf = Vec::with_capacity(1 + FRAME_ENTRIES * ENTRY);
        Recorder {
            hasher: self.hasher.clone(),
            new,
            unwritten: Vec::with_capacity(FRAME_ENTRIES),
            batch: Batch::default(),
            leaf,
        }
    }

    /// Makes what was recorded findable and writes it, once a batch. An error means that some of it is in memory only for now.
    pub fn commit(&self, recorder: &mut Recorder) -> Result<(), AppendError> {
        if recorder.new.is_empty() {
            return Ok(());
        }
        let record = self.journal.appended();
        let written = recorder.write(&self.journal, self.patience);
        let mut index = self.lock();
        for (position, submitted) in recorder.new.drain(..).enumerate() {
            index.insert(submitted, record + (position / FRAME_ENTRIES) as u64);
        }
        written
    }

    /// Whose message a receipt is about: its id as this operator writes them, and its source, the tag of the number it was sent to.
    pub fn find(&self, smsc: NameId, id: &[u8], how: IdMatch, source: &NumberTag, now: CivilInstant) -> Match {
        self.lock().find(self.hasher.candidates(smsc, id, how), source.prefix(), now)
    }

    /// Under which hashes a receipt's message may be recorded later: what `Early` parks it by.
    pub fn candidates(&self, smsc: NameId, id: &[u8], how: IdMatch) -> [Option<IdHash>; 2] {
        self.hasher.candidates(smsc, id, how)
    }

    /// Whether this account, and no other, has sent a message of this id: what query_sm and cancel_sm ask.
    pub fn belongs_to(&self, smsc: NameId, id: &[u8], account: NameId, now: CivilInstant) -> bool {
        self.hasher.hash(smsc, id).is_some_and(|id| self.lock().belongs_to(id, account, now))
    }

    /// Remembers who uses an operator, and says who did before. A disk that takes nothing only makes it forget at the next start.
    pub fn used_by(&self, smsc: NameId, users: Users, now: CivilInstant) -> Option<Former> {
        let mut book = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if book.is_news(smsc, users, now) {
            let account = match users {
                Users::One(account) => account,
                Users::Several => NameId::NONE,
            };
            let mut batch = Batch::default();
            batch.push(
                &[&[USERS][..], &smsc.0.to_be_bytes(), &account.0.to_be_bytes(), &seconds(now).to_be_bytes()].concat(),
                &[],
            );
            let record = self.journal.append_within(&mut batch, self.patience).map_or(u64::MAX, |seqs| seqs.start);
            book.say(smsc, users, now, record);
        }
        book.former(smsc, now)
    }

    /// Entries held, and entries forgotten before their seven days because the memory was full.
    pub fn totals(&self) -> (usize, u64) {
        let index = self.lock();
        (index.len(), index.forgotten_early())
    }

    /// Forgets what is older than seven days, in memory and on disk. Waits for an fsync: not for a lane; about once an hour.
    pub fn tidy(&self, now: CivilInstant) -> Result<(), SpoolError> {
        let needed = self.lock().expire(now).unwrap_or(u64::MAX);
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner).needed(now).unwrap_or(u64::MAX);
        let needed = needed.min(users);
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
        now: CivilInstant,
    ) -> Option<IdHash> {
        let id = self.hasher.hash(smsc, id)?;
        self.new.push(Submitted { id, account, destination: destination.prefix(), at_s: seconds(now) });
        Some(id)
    }

    /// Whether there is anything to commit.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty()
    }

    /// Appends what is new, behind what could not be written before.
    fn write(&mut self, journal: &Journal, patience: Duration) -> Result<(), AppendError> {
        if self.unwritten.len() < UNWRITTEN_MAX {
            self.unwritten.extend_from_slice(&self.new);
        }
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
    let long = |at: usize| u64::from(word(entry, at)) << 32 | u64::from(word(entry, at + 4));
    Submitted { id: IdHash(long(0)), account: NameId(word(entry, 8)), destination: long(12), at_s: word(entry, 20) }
}

fn word(octets: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

/// An instant as entries hold it.
fn seconds(at: CivilInstant) -> u32 {
    at.as_secs().clamp(0, i64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::super::id_index::Owner;
    use super::*;
    use crate::journal::disk::RealDisk;
    use std::sync::Arc;

    const KEY: [u8; 32] = [5; 32];
    const SMSC: NameId = NameId(9);

    fn at(day: i64) -> CivilInstant {
        CivilInstant::from_secs(1_790_000_000 + day * 86_400)
    }

    fn keeping(key: &[u8; 32]) -> Keeping<'_> {
        Keeping { disk: Arc::new(RealDisk), key, segment_octets: 128 << 10, patience: Duration::from_secs(20) }
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
        recorder.record(SMSC, b"1A2B", NameId(1), &tag(1), at(0)).unwrap();
        assert_eq!(recorder.record(SMSC, b"", NameId(1), &tag(1), at(0)), None);
        assert_eq!(map.find(SMSC, b"1a2b", IdMatch::Exact, &tag(1), at(0)), Match::Unknown);
        map.commit(&mut recorder).unwrap();
        for n in 0..5_000 {
            recorder.record(SMSC, format!("{n:x}-").as_bytes(), NameId(2), &tag(2), at(1)).unwrap();
        }
        map.commit(&mut recorder).unwrap();
        drop(map);
        let map = open(&dir);
        assert_eq!(map.find(SMSC, b"0006699", IdMatch::HexToDec, &tag(1), at(1)), owner(1, 0));
        assert_eq!(map.find(SMSC, b"6699", IdMatch::HexToDec, &tag(2), at(1)), Match::Unknown, "not its destination");
        assert_eq!(map.find(SMSC, b"6699", IdMatch::Exact, &tag(1), at(1)), Match::Unknown);
        assert_eq!(map.find(NameId(8), b"6699", IdMatch::HexToDec, &tag(1), at(1)), Match::Unknown);
        assert_eq!(map.find(SMSC, b"F9F-", IdMatch::Exact, &tag(2), at(1)), owner(2, 1));
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
                recorder.record(SMSC, format!("{day}/{n}").as_bytes(), NameId(1), &tag(1), at(day)).unwrap();
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
        assert_eq!(map.find(SMSC, b"19/999", IdMatch::Exact, &tag(1), at(19)), owner(1, 19));
        assert_eq!(map.find(SMSC, b"11/0", IdMatch::Exact, &tag(1), at(19)), Match::Unknown);
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
