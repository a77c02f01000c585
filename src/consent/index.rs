//! Owns the RAM index of opt-ins: what the hot path asks for accounts that prove consent number by number.
//! Must never allocate when asked, nor grow without bound.
//!
//! One key for each number and account: 64 bits of the number's tag, turned by the account. Two accounts never share the key of one
//! number; that two numbers share one by chance happens to one in 2^64 / entries of those asked about.

use super::entry::{self, Entry, Standing};
use crate::compliance::facts::OptIns;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::suppression::table::Table;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Shards are chosen by the upper 10 bits of the key.
const SHARD_BITS: u32 = 10;
/// Numbers times accounts that are recorded at most: 1.1 GiB of index.
pub const ENTRIES_MAX: usize = 50_000_000;
/// An odd number without a pattern: multiplying by it loses no account.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The registry of this process. Shared by all lanes.
#[derive(Debug)]
pub struct Index {
    shards: Box<[RwLock<Shard>]>,
    entries: AtomicUsize,
}

/// Entries by key; renewals are rare and stand beside them, in seconds since 2000.
#[derive(Debug)]
pub(super) struct Shard {
    pub table: Table,
    pub renewals: BTreeMap<u64, u32>,
}

/// The key of a number for an account.
pub(super) fn key(tag: &NumberTag, account: NameId) -> u64 {
    // 0 is kept as 1 by the table: the same here, so that renewals have the same key.
    (tag.prefix() ^ u64::from(account.0).wrapping_mul(SPREAD)).max(1)
}

impl Default for Index {
    fn default() -> Self {
        let shard = || RwLock::new(Shard { table: Table::new(SHARD_BITS), renewals: BTreeMap::new() });
        Self { shards: (0..1usize << SHARD_BITS).map(|_| shard()).collect(), entries: AtomicUsize::new(0) }
    }
}

impl Index {
    /// Numbers times accounts of which anything is recorded.
    pub fn len(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    /// Whether nothing was ever recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets the tables take (renewals apart: they are rare).
    pub fn octets(&self) -> usize {
        self.shards.iter().map(|shard| read(shard).table.octets() + size_of::<RwLock<Shard>>()).sum()
    }

    /// Whether it may take so many more.
    pub fn has_room_for(&self, more: usize) -> bool {
        self.len() + more <= ENTRIES_MAX
    }

    /// What is known of a number and an account.
    pub fn standing(&self, tag: &NumberTag, account: NameId) -> Option<Standing> {
        let key = key(tag, account);
        let shard = read(self.shard(key));
        let entry = Entry(shard.table.get(key)?);
        entry.standing(shard.renewal(key, entry))
    }

    /// Merges an act. Whether anything changed that `last_contact` tells.
    pub(super) fn merge(&self, key: u64, act: Entry) -> bool {
        let mut shard = write(self.shard(key));
        let before = shard.table.get(key);
        let entry = Entry(before.unwrap_or(0));
        let after = entry.with(act);
        if before == Some(after.0) {
            return false;
        }
        shard.table.set(key, after.0);
        if before.is_none() {
            self.entries.fetch_add(1, Ordering::Relaxed);
        }
        after.given() != entry.given()
    }

    /// Merges a renewal. Whether anything changed.
    pub(super) fn renew(&self, key: u64, seconds: u32) -> bool {
        let mut shard = write(self.shard(key));
        let known = shard.renewals.entry(key).or_insert(0);
        if *known >= seconds {
            return false;
        }
        *known = seconds;
        let before = shard.table.get(key);
        shard.table.set(key, Entry(before.unwrap_or(0)).with_renewals().0);
        if before.is_none() {
            self.entries.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// Makes room in the shard of `key` for `more` entries at once.
    pub(super) fn reserve(&self, key: u64, more: usize) {
        write(self.shard(key)).table.reserve(more);
    }

    /// How many shards there are.
    pub(super) fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Shows each shard in turn to `visit`, under its own read lock.
    pub(super) fn visit_shards(&self, mut visit: impl FnMut(&Shard)) {
        for shard in &self.shards {
            visit(&read(shard));
        }
    }

    fn shard(&self, key: u64) -> &RwLock<Shard> {
        &self.shards[(key >> (64 - SHARD_BITS)) as usize]
    }
}

impl Shard {
    fn renewal(&self, key: u64, entry: Entry) -> Option<CivilInstant> {
        if !entry.has_renewals() {
            return None;
        }
        self.renewals.get(&key).map(|seconds| entry::instant(u64::from(*seconds)))
    }
}

impl OptIns for Index {
    fn last_contact(&self, tag: &NumberTag, account: NameId) -> Option<CivilInstant> {
        let key = key(tag, account);
        let shard = read(self.shard(key));
        let entry = Entry(shard.table.get(key)?);
        let given = entry.given()?;
        Some(shard.renewal(key, entry).map_or(given, |renewed| renewed.max(given)))
    }
}

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tag as evenly spread as keyed ones are.
    fn tag(n: u64) -> NumberTag {
        let mut x = n.wrapping_add(SPREAD);
        for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9u64), (27, 0x94d0_49bb_1331_11eb), (31, 1)] {
            x = (x ^ (x >> shift)).wrapping_mul(factor);
        }
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&x.to_be_bytes());
        NumberTag(octets)
    }

    #[test]
    fn every_account_has_its_own_opt_ins_and_each_takes_at_most_24_octets() {
        const NUMBERS: u64 = 100_000;
        let index = Index::default();
        let given = CivilInstant::from_secs(1_795_000_000);
        for account in 1..=4 {
            for n in (0..NUMBERS).filter(|n| n % 5 != u64::from(account)) {
                assert!(index.merge(key(&tag(n), NameId(account)), Entry::of(given, false, Some(n))), "{n} {account}");
            }
        }
        assert_eq!(index.len(), 4 * 80_000);
        for account in 1..=4 {
            for n in 0..NUMBERS {
                let expected = (n % 5 != u64::from(account)).then_some(given);
                assert_eq!(index.last_contact(&tag(n), NameId(account)), expected, "{n} {account}");
            }
        }
        assert!(index.octets() <= index.len() * 24, "{} octets for {}", index.octets(), index.len());
        assert!(index.has_room_for(ENTRIES_MAX - index.len()) && !index.has_room_for(ENTRIES_MAX));
    }
}
