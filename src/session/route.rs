//! Owns which of an operator's links a message takes: one destination one link, and one concatenated message one link.
//! Must never spread the messages to one handset over links, where they could overtake each other.

use crate::message::instant::MonotonicInstant;
use std::time::Duration;

/// The index of the link for `destination` among the links that are bound: the one with the highest weight (rendezvous
/// hashing), so that a link that comes or goes moves only the destinations it carries. `None` when none is bound.
pub fn pick_link(destination: u64, bound: impl IntoIterator<Item = usize>) -> Option<usize> {
    bound.into_iter().max_by_key(|link| mix(destination ^ mix(*link as u64 + 1)))
}

/// A mixing of 64 bits (the finaliser of SplitMix64).
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What makes parts one message: source fingerprint, destination, reference and total (protocol.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetKey {
    pub sender: u64,
    pub destination: u64,
    pub reference: u16,
    pub total: u8,
}

/// How long the link of a set is remembered after its last part.
const SET_SPAN: Duration = Duration::from_secs(600);

/// The links that sets of parts have taken: a fixed table, in which a newer set may push an older one out (which then goes by its destination again).
pub struct SetLinks {
    places: Box<[Option<(SetKey, usize, MonotonicInstant)>]>,
}

impl SetLinks {
    /// A table of `size` places (rounded up to a power of two).
    pub fn new(size: usize) -> Self {
        Self { places: vec![None; size.max(2).next_power_of_two()].into_boxed_slice() }
    }

    fn place(&self, set: SetKey) -> usize {
        let hash = mix(set.destination ^ mix(set.sender ^ (u64::from(set.reference) << 8) ^ u64::from(set.total)));
        hash as usize & (self.places.len() - 1)
    }

    /// The link that the set's earlier parts took, bound or not.
    pub fn kept(&self, set: SetKey, now: MonotonicInstant) -> Option<usize> {
        self.places[self.place(set)]
            .filter(|(key, _, last)| *key == set && now.since(*last) < SET_SPAN)
            .map(|(_, link, _)| link)
    }

    /// The link for a part of the set: the one its earlier parts took while that one is bound, else the one of its destination.
    pub fn pick(
        &mut self,
        set: SetKey,
        bound: impl IntoIterator<Item = usize> + Clone,
        now: MonotonicInstant,
    ) -> Option<usize> {
        let place = self.place(set);
        let link = match self.kept(set, now) {
            Some(link) if bound.clone().into_iter().any(|other| other == link) => link,
            Some(_) | None => pick_link(set.destination, bound)?,
        };
        self.places[place] = Some((set, link, now));
        Some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_keeps_its_link_and_links_share_the_load() {
        let mut load = [0u32; 4];
        for destination in 33_639_980_000..33_639_990_000u64 {
            let link = pick_link(destination, 0..4).unwrap();
            assert_eq!(pick_link(destination, [3, 1, 0, 2]), Some(link), "whatever the order");
            load[link] += 1;
        }
        assert!(load.iter().all(|n| (2_000..3_000).contains(n)), "{load:?}");
        assert_eq!(pick_link(1, []), None);
    }

    #[test]
    fn a_link_that_goes_moves_only_its_own_destinations() {
        for destination in 33_639_980_000..33_639_981_000u64 {
            let (before, after) = (pick_link(destination, 0..3).unwrap(), pick_link(destination, [0, 2]).unwrap());
            assert!(before == 1 || before == after);
        }
    }

    #[test]
    fn parts_stay_on_the_link_of_their_set_while_it_is_bound() {
        let now = MonotonicInstant::from_nanos(1);
        let mut sets = SetLinks::new(64);
        let set = SetKey { sender: 1, destination: 33_639_980_001, reference: 7, total: 3 };
        let first = sets.pick(set, [0], now).unwrap();
        assert_eq!(sets.pick(set, 0..8, now), Some(first), "more links came up");
        assert_eq!(sets.pick(set, [5], now), Some(5), "its link died");
        assert_eq!(sets.pick(set, 0..8, now), Some(5));
        assert_eq!(sets.pick(set, [], now), None);
        let late = now.plus(SET_SPAN);
        assert_eq!(sets.pick(set, 0..8, late), pick_link(set.destination, 0..8));
    }
}
