//! Owns the RAM index: what the hot path asks before every send.
//! Must never answer "free" for a number with a stop that no lift has seen; a collision of prefixes only over-blocks.

use super::detail::Detail;
use super::table::Table;
use crate::compliance::facts::SuppressionList;
use crate::ledger::suppression_event::{EventId, Lift, Scope, Stop};
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Shards are chosen by the upper 10 bits of the prefix.
const SHARD_BITS: u32 = 10;
/// The value's upper bit: look into the details.
const HAS_DETAIL: u64 = 1 << 63;

/// The suppression list of this process. Shared by all lanes.
#[derive(Debug)]
pub struct Index {
    shards: Box<[RwLock<Shard>]>,
    generation: AtomicU64,
    numbers: AtomicUsize,
    /// The origin whose global stops are kept in the table itself.
    origin: u32,
}

/// A value in the table: bit 63 says that there are details; the rest is the number of this node's newest global stop, 0 = none.
#[derive(Debug)]
pub(super) struct Shard {
    pub table: Table,
    pub details: BTreeMap<u64, Detail>,
}

impl Index {
    /// An empty index of the node whose event ids have this origin.
    pub fn new(origin: u32) -> Self {
        let shard = || RwLock::new(Shard { table: Table::new(SHARD_BITS), details: BTreeMap::new() });
        Self {
            shards: (0..1usize << SHARD_BITS).map(|_| shard()).collect(),
            generation: AtomicU64::new(0),
            numbers: AtomicUsize::new(0),
            origin,
        }
    }

    /// Rises with every change. A lane that has read a generation sees every change up to it.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Raises the generation for something else that lanes must look at before octets leave. The new one.
    pub fn raise(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Numbers that have a stop or had one (by prefix).
    pub fn len(&self) -> usize {
        self.numbers.load(Ordering::Relaxed)
    }

    /// Whether no number ever had a stop.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The origin whose global stops are kept in the compact form.
    pub fn origin(&self) -> u32 {
        self.origin
    }

    /// Octets the tables take (details apart: they are rare).
    pub fn octets(&self) -> usize {
        self.shards.iter().map(|shard| read(shard).table.octets() + size_of::<RwLock<Shard>>()).sum()
    }

    /// Makes room for `more` numbers at once.
    pub fn reserve(&self, more: usize) {
        // Shards fill evenly up to chance: about three standard deviations of room beside the mean.
        let mean = more >> SHARD_BITS;
        let each = if more < 1 << SHARD_BITS { 0 } else { mean + 3 * mean.isqrt() };
        for shard in &self.shards {
            write(shard).table.reserve(each);
        }
    }

    fn shard(&self, prefix: u64) -> &RwLock<Shard> {
        &self.shards[(prefix >> (64 - SHARD_BITS)) as usize]
    }

    /// The stops of a number that a lift made now would name: the newest of each origin.
    pub fn seen(&self, tag: &NumberTag) -> Vec<EventId> {
        let prefix = tag.prefix();
        let shard = read(self.shard(prefix));
        let Some(value) = shard.table.get(prefix) else { return Vec::new() };
        let mut newest: BTreeMap<u32, u64> = BTreeMap::new();
        let own = value & !HAS_DETAIL;
        if own != 0 {
            newest.insert(self.origin, own);
        }
        if let Some(detail) = shard.details.get(&prefix) {
            for (_, id) in &detail.stops {
                let number = newest.entry(id.origin).or_insert(0);
                *number = (*number).max(id.number);
            }
        }
        newest.into_iter().map(|(origin, number)| EventId { origin, number }).collect()
    }

    /// Whether one more stop of this scope would change nothing: see [`Detail::stands`].
    pub fn stands(&self, tag: &NumberTag, scope: Scope) -> bool {
        self.detail(tag).is_some_and(|detail| detail.stands(tag, scope))
    }

    /// What is known of a number beyond its accounts: for `why` and `stop show`.
    pub fn detail(&self, tag: &NumberTag) -> Option<Detail> {
        let prefix = tag.prefix();
        let shard = read(self.shard(prefix));
        let value = shard.table.get(prefix)?;
        Some(self.whole_detail(value, shard.details.get(&prefix)))
    }

    /// The details with the compact global stop written out.
    pub(super) fn whole_detail(&self, value: u64, detail: Option<&Detail>) -> Detail {
        let mut whole = detail.cloned().unwrap_or_default();
        if value & !HAS_DETAIL != 0 {
            whole.stop(Scope::Global, EventId { origin: self.origin, number: value & !HAS_DETAIL });
        }
        whole
    }

    /// Applies a stop: see [`super::apply`].
    pub(super) fn stop(&self, stop: &Stop) -> bool {
        let changed = self.stop_entry(stop.tag.prefix(), stop.scope, stop.id);
        if changed {
            self.generation.fetch_add(1, Ordering::SeqCst);
        }
        changed
    }

    /// Merges one stop by its prefix, without a new generation: for loading before traffic.
    pub(super) fn stop_entry(&self, prefix: u64, scope: Scope, id: EventId) -> bool {
        let mut shard = write(self.shard(prefix));
        let before = shard.table.get(prefix);
        let value = before.unwrap_or(0);
        if scope == Scope::Global && id.origin == self.origin && id.number != 0 {
            if value & !HAS_DETAIL >= id.number {
                return false;
            }
            shard.table.set(prefix, (value & HAS_DETAIL) | id.number);
        } else {
            if !shard.details.entry(prefix).or_default().stop(scope, id) {
                return false;
            }
            shard.table.set(prefix, value | HAS_DETAIL);
        }
        if before.is_none() {
            self.numbers.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// Applies a lift: see [`super::apply`].
    pub(super) fn lift(&self, lift: &Lift) -> bool {
        let mut changed = false;
        for account in &lift.accounts {
            for seen in &lift.seen {
                changed |= self.lift_entry(lift.tag, *account, *seen);
            }
        }
        if changed {
            self.generation.fetch_add(1, Ordering::SeqCst);
        }
        changed
    }

    /// Merges one exception, without a new generation.
    pub(super) fn lift_entry(&self, tag: NumberTag, account: NameId, seen: EventId) -> bool {
        let prefix = tag.prefix();
        let mut shard = write(self.shard(prefix));
        if !shard.details.entry(prefix).or_default().lift(tag, account, seen) {
            return false;
        }
        let before = shard.table.get(prefix);
        shard.table.set(prefix, before.unwrap_or(0) | HAS_DETAIL);
        if before.is_none() {
            self.numbers.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// How many shards there are.
    pub(super) fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Takes entries of a snapshot (rising prefixes of one shard) into an empty shard. Details follow by their own entries.
    pub(super) fn load(&self, origin: u32, entries: &[(u64, u64)]) {
        let Some((first, _)) = entries.first() else { return };
        if origin == self.origin {
            let mut shard = write(self.shard(*first));
            shard.table.reserve(entries.len());
            for (prefix, value) in entries {
                shard.table.set(*prefix, *value);
            }
            self.numbers.fetch_add(entries.len(), Ordering::Relaxed);
            return;
        }
        // The node was renamed: its old stops become another origin's.
        for (prefix, value) in entries.iter().filter(|(_, value)| value & !HAS_DETAIL != 0) {
            self.stop_entry(*prefix, Scope::Global, EventId { origin, number: value & !HAS_DETAIL });
        }
    }

    /// Shows each shard in turn to `visit`, under its own read lock: prefixes rise over all of it.
    pub(super) fn visit_shards(&self, mut visit: impl FnMut(&Shard)) {
        for shard in &self.shards {
            visit(&read(shard));
        }
    }
}

impl SuppressionList for Index {
    fn is_suppressed(&self, tag: &NumberTag, account: NameId, sender: u64) -> bool {
        let prefix = tag.prefix();
        let shard = read(self.shard(prefix));
        let Some(value) = shard.table.get(prefix) else { return false };
        if value & HAS_DETAIL == 0 {
            return value != 0;
        }
        self.whole_detail(value, shard.details.get(&prefix)).is_suppressed(tag, account, sender)
    }
}

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}
