//! Owns a bounded table with eviction: a few places for each hash, of which the one unused for longest is given up.
//! Must never grow, whatever is put into it.

use crate::message::instant::MonotonicInstant;
use std::hash::{BuildHasher, Hash};

/// Places for keys of one hash.
const WAYS: usize = 8;

struct Entry<K, V> {
    key: K,
    used: MonotonicInstant,
    value: V,
}

/// The places of one hash.
type Set<K, V> = [Option<Entry<K, V>>; WAYS];

/// A table of fixed size; each look-up compares at most eight keys.
pub struct Ways<K, V, S> {
    sets: Box<[Set<K, V>]>,
    hasher: S,
}

impl<K: Hash + Eq, V, S: BuildHasher> Ways<K, V, S> {
    /// A table for about `size` entries. `hasher` should be keyed at random, so that nobody can choose which entries collide.
    pub fn new(size: usize, hasher: S) -> Self {
        let sets = size.div_ceil(WAYS).max(1).next_power_of_two();
        Self { sets: std::iter::repeat_with(|| [const { None }; WAYS]).take(sets).collect(), hasher }
    }

    /// The entry of `key`, without making one.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.sets[self.set(key)].iter().flatten().find(|entry| entry.key == *key).map(|entry| &entry.value)
    }

    /// The entry of `key`, made by `fresh` if there is none; the entry of the same set unused for longest makes room.
    pub fn entry(&mut self, key: K, now: MonotonicInstant, fresh: impl FnOnce() -> V) -> &mut V {
        let set = self.set(&key);
        let set = &mut self.sets[set];
        let place = match set.iter().position(|entry| entry.as_ref().is_some_and(|entry| entry.key == key)) {
            Some(place) => place,
            None => {
                let age = |place: &usize| set[*place].as_ref().map(|entry| entry.used);
                let place = (0..WAYS).min_by_key(age).expect("a set has eight places");
                set[place] = None;
                place
            }
        };
        let entry = set[place].get_or_insert_with(|| Entry { key, used: now, value: fresh() });
        entry.used = now;
        &mut entry.value
    }

    fn set(&self, key: &K) -> usize {
        self.hasher.hash_one(key) as usize & (self.sets.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::RandomState;

    #[test]
    fn it_stays_bounded_and_gives_up_what_was_unused_for_longest() {
        let mut table = Ways::new(8, RandomState::new());
        for n in 0..8u64 {
            *table.entry(n, MonotonicInstant::from_nanos(n), || 0) += n;
        }
        table.entry(0, MonotonicInstant::from_nanos(8), || 99);
        for n in 8..10u64 {
            table.entry(n, MonotonicInstant::from_nanos(n + 1), || n);
        }
        let kept: Vec<_> = (0..10).filter(|n| table.get(n).is_some()).collect();
        assert_eq!(kept, [0, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(table.get(&5), Some(&5));
    }
}
