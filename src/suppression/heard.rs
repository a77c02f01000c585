//! Owns which numbers were ever heard of in a stop or a lift, as the store and the events say: a filter that forgets none.
//! Must never be asked by the judge, nor be filled from the index: it is what the self-audit holds against the index.

use crate::message::tag::NumberTag;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Bits a number takes: about one number in a thousand that was never heard of is taken for one that was.
const BITS: usize = 16;
/// Bits set for a number, all in one block: one line of the cache.
const PROBES: u32 = 7;
const BLOCK_WORDS: usize = 8;
/// Numbers the first layer has room for. Each further layer has room for four times as many.
const FIRST: usize = 1 << 16;

/// Numbers by the prefixes of their tags. One that is in it is found; of the others some are found too.
#[derive(Debug)]
pub struct Heard {
    layers: RwLock<Vec<Layer>>,
    /// The filter holds every number of the events before this one.
    whole_to: AtomicU64,
}

#[derive(Debug)]
struct Layer {
    words: Box<[u64]>,
    capacity: usize,
    used: usize,
}

impl Layer {
    fn new(capacity: usize) -> Self {
        let blocks = (capacity * BITS).div_ceil(BLOCK_WORDS * 64);
        Self { words: vec![0; blocks * BLOCK_WORDS].into(), capacity, used: 0 }
    }

    /// The bits of a number: its block, and the words and masks in it.
    fn bits(&self, prefix: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let blocks = (self.words.len() / BLOCK_WORDS) as u64;
        let block = ((prefix >> 32) * blocks) >> 32;
        // The upper half chooses the block: the places in it come from a mixture of both.
        let mut places = prefix.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32) ^ prefix;
        std::iter::repeat_with(move || {
            let place = (places & 511) as usize;
            places >>= 9;
            (block as usize * BLOCK_WORDS + place / 64, 1 << (place % 64))
        })
        .take(PROBES as usize)
    }

    fn holds(&self, prefix: u64) -> bool {
        self.bits(prefix).all(|(word, bit)| self.words[word] & bit != 0)
    }

    fn add(&mut self, prefix: u64) {
        for (word, bit) in self.bits(prefix) {
            self.words[word] |= bit;
        }
        self.used += 1;
    }
}

impl Default for Heard {
    fn default() -> Self {
        Self { layers: RwLock::new(vec![Layer::new(FIRST)]), whole_to: AtomicU64::new(0) }
    }
}

/// The filter while many numbers are looked up in it.
pub struct Look<'h>(RwLockReadGuard<'h, Vec<Layer>>);

impl Look<'_> {
    /// Whether a number with this prefix may have been heard of.
    pub fn may_hold(&self, prefix: u64) -> bool {
        self.0.iter().rev().any(|layer| layer.holds(prefix))
    }
}

impl Heard {
    /// Makes room for so many numbers in one layer.
    pub fn reserve(&self, numbers: usize) {
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let wanted = numbers + numbers / 4;
        if layers.last().is_none_or(|layer| layer.capacity - layer.used < wanted) {
            layers.push(Layer::new(wanted));
        }
    }

    /// A stop or a lift names this number.
    pub fn add(&self, tag: &NumberTag) {
        let prefix = tag.prefix();
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        if layers.iter().any(|layer| layer.holds(prefix)) {
            return;
        }
        let largest = layers.iter().map(|layer| layer.capacity).max().unwrap_or(FIRST);
        match layers.last_mut().filter(|last| last.used < last.capacity) {
            Some(last) => last.add(prefix),
            None => {
                let mut layer = Layer::new(largest * 4);
                layer.add(prefix);
                layers.push(layer);
            }
        }
    }

    /// Looks numbers up.
    pub fn look(&self) -> Look<'_> {
        Look(self.layers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every number of the events before `position` was added.
    pub fn is_whole_to(&self, position: u64) {
        self.whole_to.fetch_max(position, Ordering::Release);
    }

    /// Up to which event no number is missing.
    pub fn whole_to(&self) -> u64 {
        self.whole_to.load(Ordering::Acquire)
    }

    /// Octets it takes.
    pub fn octets(&self) -> usize {
        self.look().0.iter().map(|layer| layer.words.len() * 8).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(n: u64) -> NumberTag {
        let mut octets = [0; 16];
        // Tags are HMACs: every bit of them is as good as drawn by lot.
        let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        octets[..8].copy_from_slice(&(mixed ^ (mixed >> 29)).to_be_bytes());
        NumberTag(octets)
    }

    #[test]
    fn none_that_was_added_is_missed_and_few_others_are_found() {
        let heard = Heard::default();
        for n in 0..200_000 {
            heard.add(&tag(n));
        }
        let look = heard.look();
        assert!((0..200_000).all(|n| look.may_hold(tag(n).prefix())));
        let wrong = (200_000..400_000).filter(|n| look.may_hold(tag(*n).prefix())).count();
        assert!(wrong < 2_000, "{wrong} of 200,000");
        assert!(heard.layers.read().expect("unpoisoned").len() > 1, "it has grown");
        drop(look);
        assert!(heard.octets() <= 4 * 200_000, "{} octets", heard.octets());
    }

    #[test]
    fn what_is_added_again_takes_no_room() {
        let heard = Heard::default();
        heard.reserve(1_000_000);
        for _ in 0..3 {
            for n in 0..1_000 {
                heard.add(&tag(n));
            }
        }
        let used: usize = heard.layers.read().expect("unpoisoned").iter().map(|layer| layer.used).sum();
        // A few of the first thousand may have been taken for others.
        assert!((990..=1_000).contains(&used), "{used}");
    }
}
