//! Owns the compact table of one shard: 64-bit prefixes in order, with gaps, and 64 bits beside each.
//! Must never lose an entry; nothing is ever removed from it.
//!
//! Linear probing with a hash that keeps order: a slot's home is proportional to its key, and keys stand in rising order. So an
//! absent key is known as soon as a greater one is met, the table may be 85 % full, and it grows by a sixth instead of doubling:
//! 16 octets / 0.73..0.85 = 18.8 to 22 octets a number at every size.

/// Grows when more than 85 of 100 slots are taken.
const FULL_PERCENT: usize = 85;
/// How full it is after it has grown.
const GROWN_PERCENT: usize = 73;
/// Slots behind the last home, for keys that are pushed to the right; more only when they do not do.
const MARGIN: usize = 16;

/// The table. Key 0 means an empty slot: a prefix of 0 is kept as 1 (it over-blocks, once in 2^64).
#[derive(Debug)]
pub struct Table {
    keys: Box<[u64]>,
    values: Box<[u64]>,
    /// Slots that are somebody's home.
    homes: usize,
    margin: usize,
    len: usize,
    /// How far a shard's prefix is turned to the left, so that the shard's own bits do not count.
    turn: u32,
}

impl Table {
    /// An empty table for keys whose upper `turn` bits are all the same.
    pub fn new(turn: u32) -> Self {
        Self { keys: Box::default(), values: Box::default(), homes: 0, margin: MARGIN, len: 0, turn }
    }

    const fn stored(key: u64) -> u64 {
        if key == 0 { 1 } else { key }
    }

    fn home(&self, key: u64) -> usize {
        (((key << self.turn) as u128 * self.homes as u128) >> 64) as usize
    }

    /// The value of a key.
    pub fn get(&self, key: u64) -> Option<u64> {
        let key = Self::stored(key);
        let from = self.home(key);
        for (at, slot) in self.keys.get(from..)?.iter().enumerate() {
            if *slot >= key {
                return if *slot == key { Some(self.values[from + at]) } else { None };
            }
            if *slot == 0 {
                return None;
            }
        }
        None
    }

    /// Sets the value of a key.
    pub fn set(&mut self, key: u64, value: u64) {
        let key = Self::stored(key);
        if (self.len + 1) * 100 > self.homes * FULL_PERCENT {
            self.resize((self.len + 1) * 100 / GROWN_PERCENT + 8);
        }
        while !self.put(key, value) {
            // The margin behind the last home is full: never with keys that are spread as tags are.
            self.margin *= 2;
            self.lengthen();
        }
    }

    fn put(&mut self, key: u64, value: u64) -> bool {
        let mut at = self.home(key);
        while at < self.keys.len() && self.keys[at] != 0 && self.keys[at] < key {
            at += 1;
        }
        if at == self.keys.len() {
            return false;
        }
        if self.keys[at] == key {
            self.values[at] = value;
            return true;
        }
        let Some(run) = self.keys[at..].iter().position(|slot| *slot == 0) else { return false };
        self.keys.copy_within(at..at + run, at + 1);
        self.values.copy_within(at..at + run, at + 1);
        self.keys[at] = key;
        self.values[at] = value;
        self.len += 1;
        true
    }

    fn resize(&mut self, homes: usize) {
        let slots = homes + self.margin;
        let keys = std::mem::replace(&mut self.keys, vec![0; slots].into_boxed_slice());
        let values = std::mem::replace(&mut self.values, vec![0; slots].into_boxed_slice());
        (self.homes, self.len) = (homes, 0);
        for (key, value) in keys.iter().zip(&values).filter(|(key, _)| **key != 0) {
            while !self.put(*key, *value) {
                self.margin *= 2;
                self.lengthen();
            }
        }
    }

    /// More slots behind the last home: every key stays where it is.
    fn lengthen(&mut self) {
        let slots = self.homes + self.margin;
        for array in [&mut self.keys, &mut self.values] {
            let mut longer = std::mem::take(array).into_vec();
            longer.resize(slots, 0);
            *array = longer.into_boxed_slice();
        }
    }

    /// Makes room for `more` further keys at once.
    pub fn reserve(&mut self, more: usize) {
        let wanted = (self.len + more) * 100 / (FULL_PERCENT - 2) + 16;
        if wanted > self.homes {
            self.resize(wanted);
        }
    }

    /// How many keys are in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Octets it takes.
    pub fn octets(&self) -> usize {
        self.keys.len() * 16
    }

    /// Keys and values, keys rising.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.keys.iter().copied().zip(self.values.iter().copied()).filter(|(key, _)| *key != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A small generator, so that the cases are the same on every run.
    fn mix(mut x: u64) -> u64 {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    #[test]
    fn the_table_says_what_a_map_says() {
        let (mut table, mut map) = (Table::new(0), BTreeMap::new());
        for step in 0..20_000u64 {
            let key = mix(step % 15_000);
            table.set(key, step);
            map.insert(key, step);
        }
        assert_eq!(table.len(), map.len());
        assert!(table.iter().eq(map.iter().map(|(key, value)| (*key, *value))));
        for step in 0..40_000 {
            assert_eq!(table.get(mix(step)), map.get(&mix(step)).copied());
        }
    }

    #[test]
    fn clustered_keys_and_the_ends_of_the_range_are_kept() {
        for keys in
            [vec![0, 1, 2, 3, u64::MAX, u64::MAX - 1], (0..500).collect(), (0..500).map(|k| u64::MAX - k).collect()]
        {
            let mut table = Table::new(0);
            for key in &keys {
                table.set(*key, key ^ 7);
            }
            for key in keys.iter().filter(|key| **key > 1) {
                assert_eq!(table.get(*key), Some(key ^ 7), "{key}");
            }
            assert_eq!(table.get(1 << 40), None);
        }
    }

    #[test]
    fn it_takes_at_most_24_octets_a_number_at_every_size_from_ten_thousand() {
        let mut table = Table::new(0);
        for step in 0..60_000u64 {
            table.set(mix(step), 0);
            if table.len() >= 10_000 {
                assert!(table.octets() <= table.len() * 24, "{} at {}", table.octets(), table.len());
            }
        }
        assert_eq!(table.len(), 60_000);
    }

    #[test]
    fn reserved_room_is_used_without_growing() {
        let mut table = Table::new(0);
        table.reserve(10_000);
        let octets = table.octets();
        for step in 0..10_000u64 {
            table.set(mix(step), 0);
        }
        assert_eq!(table.octets(), octets);
        assert!(octets <= 24 * 10_000);
    }
}
