//! Owns the store on sled 0.34.7: one tree, buckets of histories, the mark beside them.
//! Must never be trusted to be durable (its flush is no fsync), nor let a panic of sled out of this file.
//!
//! Not used of sled: `len()` (walks everything), `watch_prefix` (unbounded), its own durability.

use super::bucket::{self, Damaged, Width};
use super::store::{Fact, Mark, Store, StoreError};
use crate::message::tag::NumberTag;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// No bucket has a key like it.
const MARK_KEY: &[u8] = b"mark";
/// The form of the entries. A store of another form is made again.
const FORM: u8 = 4;
/// sled counts octets on disk; in memory its nodes take some ten times as much. Nothing on the hot path asks the store.
const CACHE_OCTETS: u64 = 64 << 10;
/// Octets of a segment of sled's. With its own half a MiB a long import holds twice the memory: whole segments are rewritten, and what
/// they held waits to be freed. A store with other segments does not open: it is moved aside and made again.
pub(super) const SEGMENT_OCTETS: usize = 64 << 10;

/// Buckets that a batch changes, as they become.
type Changed = HashMap<[u8; bucket::KEY], Vec<u8>>;

/// The store in one directory.
pub struct SledStore {
    /// `None` only while it is dropped.
    db: Option<sled::Db>,
    label: [u8; 16],
}

impl SledStore {
    /// Opens or makes the store.
    pub fn open(dir: &Path, label: [u8; 16]) -> Result<Self, StoreError> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_OCTETS);
        let config = config.segment_size(SEGMENT_OCTETS).flush_every_ms(Some(1000));
        let db = guarded(|| config.open())?;
        Ok(Self { db: Some(db), label })
    }

    fn db(&self) -> Result<&sled::Db, StoreError> {
        self.db.as_ref().ok_or(StoreError::Mismatch("it is closed"))
    }

    /// What lies under a key; nothing when it is new.
    fn bucket(&self, key: [u8; bucket::KEY]) -> Result<Vec<u8>, StoreError> {
        let db = self.db()?;
        Ok(guarded(|| db.get(key))?.map(|entry| entry.to_vec()).unwrap_or_default())
    }

    /// The same, with what a batch has changed so far, where it is kept from now on.
    fn changing<'c>(&self, changed: &'c mut Changed, key: [u8; bucket::KEY]) -> Result<&'c mut Vec<u8>, StoreError> {
        Ok(match changed.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(self.bucket(key)?),
        })
    }

    /// Adds a fact to the bucket where its number's history lies, and spreads the bucket when it is long.
    fn add(&self, changed: &mut Changed, fact: &Fact) -> Result<bucket::Change, StoreError> {
        let wide = self.changing(changed, bucket::key(&fact.tag, Width::Wide))?;
        if wide == bucket::SPREAD {
            return Ok(bucket::add(self.changing(changed, bucket::key(&fact.tag, Width::Narrow))?, fact)?);
        }
        let change = bucket::add(wide, fact)?;
        if bucket::is_long(wide) {
            let long = std::mem::replace(wide, bucket::SPREAD.to_vec());
            for history in bucket::histories(&long) {
                let (tag, history) = history?;
                bucket::put(self.changing(changed, bucket::key(&tag, Width::Narrow))?, &tag, history);
            }
        }
        Ok(change)
    }

    fn encode(&self, mark: Mark) -> Vec<u8> {
        let mut out = Vec::with_capacity(53);
        out.push(FORM);
        out.extend_from_slice(&self.label);
        out.extend_from_slice(&mark.position.to_be_bytes());
        out.extend_from_slice(&mark.numbers.to_be_bytes());
        out.extend_from_slice(&mark.digest.to_be_bytes());
        let sum = crc32c::crc32c(&out);
        out.extend_from_slice(&sum.to_be_bytes());
        out
    }

    fn decode(&self, octets: &[u8]) -> Result<Mark, StoreError> {
        let wrong = StoreError::Mismatch("its mark cannot be read");
        let Some((body, sum)) = octets.split_last_chunk::<4>() else { return Err(wrong) };
        let mut fields = crate::ledger::leaf::Fields::new(body);
        let (form, label) = (fields.u8(), fields.array::<16>());
        if crc32c::crc32c(body).to_be_bytes() != *sum || form != Ok(FORM) {
            return Err(wrong);
        }
        match label {
            Ok(label) if label != self.label => return Err(StoreError::OtherKeys(label)),
            Ok(_) => {}
            Err(_) => return Err(wrong),
        }
        let read = (fields.u64(), fields.u64(), fields.array::<16>(), fields.end());
        let (Ok(position), Ok(numbers), Ok(digest), Ok(())) = read else { return Err(wrong) };
        Ok(Mark { position, numbers, digest: u128::from_be_bytes(digest) })
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        let db = self.db.take();
        // Dropping flushes, and may panic on a failing disk.
        let _ = catch_unwind(AssertUnwindSafe(move || drop(db)));
    }
}

fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) if is_disk(&error) => Err(StoreError::Disk(error.to_string())),
        Ok(Err(error)) => Err(StoreError::Failed(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(StoreError::Panicked(text))
        }
    }
}

/// Whether an error speaks of the disk and not of what stands on it. sled says in words that somebody else has its lock.
fn is_disk(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull, WouldBlock};
    matches!(error.kind(), StorageFull | ReadOnlyFilesystem | PermissionDenied | WouldBlock)
        || error.to_string().contains("could not acquire lock")
}

impl From<Damaged> for StoreError {
    fn from(_: Damaged) -> Self {
        Self::Mismatch("an entry cannot be read")
    }
}

impl Store for SledStore {
    fn mark(&self) -> Result<Option<Mark>, StoreError> {
        let db = self.db()?;
        let found = guarded(|| db.get(MARK_KEY))?;
        found.map(|octets| self.decode(&octets)).transpose()
    }

    fn take(&self, facts: &[Fact], position: u64) -> Result<Mark, StoreError> {
        let db = self.db()?;
        let mut mark = self.mark()?.unwrap_or_default();
        let mut changed = Changed::with_capacity(facts.len());
        for fact in facts.iter().filter(|fact| fact.seq >= mark.position) {
            let change = self.add(&mut changed, fact)?;
            mark.numbers += u64::from(change.before.is_none());
            mark.digest = mark.digest.wrapping_sub(change.before.unwrap_or_default()).wrapping_add(change.after);
        }
        mark.position = position.max(mark.position);
        let mut batch = sled::Batch::default();
        for (key, entry) in changed {
            batch.insert(&key, entry);
        }
        batch.insert(MARK_KEY, self.encode(mark));
        guarded(|| db.apply_batch(batch))?;
        Ok(mark)
    }

    fn history(&self, tag: &NumberTag) -> Result<Vec<u64>, StoreError> {
        let wide = self.bucket(bucket::key(tag, Width::Wide))?;
        let lies = if wide == bucket::SPREAD { self.bucket(bucket::key(tag, Width::Narrow))? } else { wide };
        Ok(bucket::events(&lies, tag)?)
    }

    fn recount(&self, go_on: &dyn Fn(u64) -> bool, each: &dyn Fn(&NumberTag)) -> Result<Mark, StoreError> {
        let db = self.db()?;
        let stated = self.mark()?.unwrap_or_default();
        let mut found = Mark { position: stated.position, ..Mark::default() };
        // The wide buckets come first. What lies in a narrow one is found only where the wide one says so.
        let mut spread = vec![false; bucket::WIDE];
        guarded(|| {
            for (at, entry) in db.iter().enumerate() {
                let (key, entry) = entry?;
                match bucket::place(&key) {
                    Some((Width::Wide, place)) if *entry == *bucket::SPREAD => {
                        spread[place] = true;
                        continue;
                    }
                    Some((Width::Narrow, place)) if !spread[place] => continue,
                    Some((Width::Wide | Width::Narrow, _)) => {}
                    None => continue,
                }
                // What cannot be read is missing in the sums.
                for (tag, history) in bucket::histories(&entry).flatten() {
                    each(&tag);
                    found.numbers += 1;
                    found.digest = found.digest.wrapping_add(bucket::digest(&tag, history));
                }
                if at % 256 == 0 && !go_on(found.numbers) {
                    break;
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn flush(&self) -> Result<(), StoreError> {
        let db = self.db()?;
        guarded(|| db.flush()).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_somebody_else_holds_is_not_called_damaged() {
        let dir = tempfile::tempdir().expect("tempdir");
        let held = SledStore::open(dir.path(), [7; 16]).expect("opens");
        assert!(matches!(SledStore::open(dir.path(), [7; 16]), Err(StoreError::Disk(_))));
        drop(held);
    }

    #[test]
    fn histories_are_found_in_buckets_of_either_width_and_sum_up_to_the_mark() {
        let dir = tempfile::tempdir().expect("tempdir");
        let store = SledStore::open(dir.path(), [7; 16]).expect("opens");
        // Of one wide bucket, of a few narrow ones: 40 numbers, two events each.
        let tag = |n: u64| NumberTag((u128::from(n) << 102 | u128::from(n)).to_be_bytes());
        let mut seq = 0;
        let mut expected = Vec::new();
        for batch in 0..20 {
            let facts: Vec<Fact> = (0..4)
                .map(|n| {
                    seq += 1;
                    Fact { tag: tag(batch * 2 % 40 + n % 2 + 1), seq }
                })
                .collect();
            expected.extend(facts.iter().copied());
            store.take(&facts, seq + 1).expect("taken");
        }
        let wide = store.bucket(bucket::key(&tag(1), Width::Wide)).expect("readable");
        assert_eq!(wide, bucket::SPREAD, "forty numbers are too long for one bucket");
        for fact in &expected {
            let told = expected.iter().filter(|other| other.tag == fact.tag).map(|other| other.seq);
            assert_eq!(store.history(&fact.tag).expect("readable"), told.collect::<Vec<_>>());
        }
        let recounted = store.recount(&|_| true, &|_| {}).expect("counted");
        assert_eq!((Some(recounted), recounted.numbers), (store.mark().expect("readable"), 40));
        // Without what says that it was spread, nobody would look for them where they lie.
        let db = store.db().expect("open");
        db.remove(bucket::key(&tag(1), Width::Wide)).expect("removed");
        assert_eq!(store.history(&tag(1)).expect("readable"), [] as [u64; 0]);
        let recounted = store.recount(&|_| true, &|_| {}).expect("counted");
        assert_ne!(Some(recounted), store.mark().expect("readable"));
    }
}
