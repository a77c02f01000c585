//! Owns the store on sled 0.34.7: one tree, tags to the places of their events, the mark beside them.
//! Must never be trusted to be durable (its flush is no fsync), nor let a panic of sled out of this file.
//!
//! Not used of sled: `len()` (walks everything), `watch_prefix` (unbounded), its own durability.

use super::store::{Fact, Mark, Store, StoreError};
use crate::message::tag::NumberTag;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Tags have 16 octets: no other key has as many.
const MARK_KEY: &[u8] = b"mark";
/// The form of the entries. A store of another form is made again.
const FORM: u8 = 2;
/// sled counts octets on disk; in memory its nodes take some ten times as much. Nothing on the hot path asks the store.
const CACHE_OCTETS: u64 = 1 << 20;
/// Octets of a segment of sled's. With its own half a MiB a long import holds twice the memory: whole segments are rewritten, and what
/// they held waits to be freed. A store with other segments does not open: it is moved aside and made again.
pub(super) const SEGMENT_OCTETS: usize = 64 << 10;
/// A number's history keeps its first event and the newest ones; all of them are in the events.
const HISTORY_MAX: usize = 64;

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

fn digest(tag: &[u8], value: &[u8]) -> u128 {
    let full: [u8; 32] = Sha256::new().chain_update(tag).chain_update(value).finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&full[..16]);
    u128::from_be_bytes(half)
}

/// The events of a history, eight octets each.
fn events(value: &[u8]) -> Option<Vec<u64>> {
    let (events, rest) = value.as_chunks::<8>();
    rest.is_empty().then(|| events.iter().map(|octets| u64::from_be_bytes(*octets)).collect())
}

/// A history with one more event.
fn extended(old: &[u8], seq: u64) -> Option<Vec<u8>> {
    if !old.len().is_multiple_of(8) {
        return None;
    }
    let mut value = Vec::with_capacity(old.len() + 8);
    value.extend_from_slice(old);
    if value.len() / 8 >= HISTORY_MAX {
        value.drain(8..16);
    }
    value.extend_from_slice(&seq.to_be_bytes());
    Some(value)
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
        let mut changed: HashMap<NumberTag, Vec<u8>> = HashMap::with_capacity(facts.len());
        for fact in facts.iter().filter(|fact| fact.seq >= mark.position) {
            let old = match changed.get(&fact.tag) {
                Some(value) => value.clone(),
                None => guarded(|| db.get(fact.tag.0))?.map(|value| value.to_vec()).unwrap_or_default(),
            };
            let new = extended(&old, fact.seq).ok_or(StoreError::Mismatch("an entry cannot be read"))?;
            match old.is_empty() {
                true => mark.numbers += 1,
                false => mark.digest = mark.digest.wrapping_sub(digest(&fact.tag.0, &old)),
            }
            mark.digest = mark.digest.wrapping_add(digest(&fact.tag.0, &new));
            changed.insert(fact.tag, new);
        }
        mark.position = position.max(mark.position);
        let mut batch = sled::Batch::default();
        for (tag, value) in changed {
            batch.insert(&tag.0, value);
        }
        batch.insert(MARK_KEY, self.encode(mark));
        guarded(|| db.apply_batch(batch))?;
        Ok(mark)
    }

    fn history(&self, tag: &NumberTag) -> Result<Vec<u64>, StoreError> {
        let db = self.db()?;
        let value = guarded(|| db.get(tag.0))?.map(|value| value.to_vec()).unwrap_or_default();
        events(&value).ok_or(StoreError::Mismatch("an entry cannot be read"))
    }

    fn recount(&self, go_on: &dyn Fn(u64) -> bool, each: &dyn Fn(&NumberTag)) -> Result<Mark, StoreError> {
        let db = self.db()?;
        let stated = self.mark()?.unwrap_or_default();
        let mut found = Mark { position: stated.position, ..Mark::default() };
        guarded(|| {
            for entry in db.iter() {
                let (key, value) = entry?;
                let Ok(tag) = <[u8; 16]>::try_from(&*key) else { continue };
                each(&NumberTag(tag));
                found.numbers += 1;
                found.digest = found.digest.wrapping_add(digest(&key, &value));
                if found.numbers.is_multiple_of(1024) && !go_on(found.numbers) {
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
    fn a_history_keeps_its_first_event_and_the_newest() {
        let mut value = Vec::new();
        for seq in 0..200 {
            value = extended(&value, seq).expect("readable");
        }
        let all = events(&value).expect("readable");
        assert_eq!((all.len(), all[0], all[1], all[HISTORY_MAX - 1]), (HISTORY_MAX, 0, 201 - HISTORY_MAX as u64, 199));
        assert_eq!((extended(&value[1..], 200), events(&value[1..])), (None, None));
    }
}
