//! Owns the keyed tag that stands for a number wherever the number itself must not stand, and how one key follows another.
//! Must never be a plain hash: a space of telephone numbers can be enumerated (rules.md, personal data).

use super::msisdn::Msisdn;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA-256(key, E.164 digits without `+`) truncated to its first 128 bits; where the key was replaced, carried through every
/// key that followed: HMAC-SHA-256(next key, tag), truncated again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NumberTag(pub [u8; 16]);

impl NumberTag {
    /// The first 64 bits, which the suppression index is keyed by (a collision only over-blocks).
    pub const fn prefix(&self) -> u64 {
        let b = &self.0;
        u64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])
    }
}

impl std::fmt::Debug for NumberTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tag:{:016x}…", self.prefix())
    }
}

/// One secret of the chain, with its HMAC state prepared once.
#[derive(Clone)]
pub struct TagLink {
    prepared: Hmac<Sha256>,
}

impl TagLink {
    /// Prepares the secret: 32 octets from `keys_dir`.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { prepared: Hmac::new_from_slice(secret).expect("HMAC takes a key of any length") }
    }

    fn of(&self, octets: &[u8]) -> NumberTag {
        let mut mac = self.prepared.clone();
        mac.update(octets);
        let full = mac.finalize().into_bytes();
        let mut tag = [0u8; 16];
        tag.copy_from_slice(&full[..16]);
        NumberTag(tag)
    }

    /// The tag of a number under the first secret of a chain.
    pub fn tag(&self, number: Msisdn) -> NumberTag {
        let mut digits = [0u8; 20];
        self.of(number.digits(&mut digits))
    }

    /// The tag under this secret of whatever number had `tag` under the one before: the number need not be known.
    pub fn carry(&self, tag: NumberTag) -> NumberTag {
        self.of(&tag.0)
    }
}

impl std::fmt::Debug for TagLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TagLink(***)")
    }
}

/// The secrets that make tags: the first, and those that replaced it, one after the other. None is ever given up: so what was
/// recorded under an earlier one can be carried to the newest, whether or not anybody knows its number.
#[derive(Clone)]
pub struct TagKey {
    first: TagLink,
    later: Box<[TagLink]>,
}

impl TagKey {
    /// Prepares a key that was never replaced. `secret` is 32 octets from `keys_dir`.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { first: TagLink::new(secret), later: Box::default() }
    }

    /// The same, replaced by these secrets one after the other.
    pub fn replaced<'s>(self, later: impl IntoIterator<Item = &'s [u8; 32]>) -> Self {
        let all = self.later.into_iter().chain(later.into_iter().map(TagLink::new));
        Self { first: self.first, later: all.collect() }
    }

    /// The tag of a canonical number under the newest key.
    pub fn tag(&self, number: Msisdn) -> NumberTag {
        let mut tag = self.first.tag(number);
        for link in &self.later {
            tag = link.carry(tag);
        }
        tag
    }

    /// How many generations of the key there are, from 1.
    pub fn generations(&self) -> usize {
        1 + self.later.len()
    }

    /// The tag under the newest key of what had `tag` under this generation of it (from 1).
    pub fn carry(&self, tag: NumberTag, generation: usize) -> NumberTag {
        let later = self.later.get(generation.saturating_sub(1)..).unwrap_or_default();
        later.iter().fold(tag, |tag, link| link.carry(tag))
    }

    /// The tags that a number had before: none where the key was never replaced.
    pub fn before(&self, number: Msisdn) -> Vec<NumberTag> {
        let mut tags = if self.later.is_empty() { Vec::new() } else { self.tags(number) };
        tags.pop();
        tags
    }

    /// The tags of a number under every generation, the oldest first.
    pub fn tags(&self, number: Msisdn) -> Vec<NumberTag> {
        let mut tags = vec![self.first.tag(number)];
        for link in &self.later {
            tags.push(link.carry(tags[tags.len() - 1]));
        }
        tags
    }
}

impl std::fmt::Debug for TagKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TagKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Computed with another implementation: Python's `hmac.new(key, digits, sha256)`.
    #[test]
    fn a_tag_is_the_first_half_of_the_hmac_of_the_digits() {
        let ascending: [u8; 32] = std::array::from_fn(|at| at as u8);
        for (key, number, expected) in [
            ([1; 32], 33_639_980_012, 0x488b_61c3_387f_8264_8d29_b52e_0f5d_c4bd),
            (ascending, 33_639_980_999, 0x8a12_82d1_cf3f_50e7_a826_2440_5b30_1c3c_u128),
        ] {
            let tag = TagKey::new(&key).tag(Msisdn::from_canonical(number).expect("a number"));
            assert_eq!(tag.0, expected.to_be_bytes(), "{number}");
            assert_eq!(u128::from(tag.prefix()), expected >> 64);
        }
        let number = Msisdn::from_canonical(33_639_980_012).expect("a number");
        let carried = TagKey::new(&[1; 32]).replaced([&[2; 32]]).tag(number);
        assert_eq!(carried.0, 0x8c7c_71cc_07f6_0cc9_d3ce_babd_5ec9_e9ab_u128.to_be_bytes());
    }

    proptest! {
        #[test]
        fn a_tag_that_is_carried_over_is_the_tag_that_is_computed(
            digits in 33_639_980_000u64..33_639_989_999,
            first: [u8; 32],
            later in proptest::collection::vec(any::<[u8; 32]>(), 0..6),
        ) {
            let number = Msisdn::from_canonical(digits).expect("a number");
            let newest = TagKey::new(&first).replaced(&later);
            prop_assert_eq!(newest.generations(), 1 + later.len());
            let all = newest.tags(number);
            prop_assert_eq!(all.len(), newest.generations());
            prop_assert_eq!(&newest.before(number)[..], &all[..later.len()]);
            for generation in 1..=newest.generations() {
                // As it was computed while this generation was the newest.
                let then = TagKey::new(&first).replaced(&later[..generation - 1]).tag(number);
                prop_assert_eq!(then, all[generation - 1]);
                prop_assert_eq!(newest.carry(then, generation), newest.tag(number), "generation {}", generation);
            }
            prop_assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        }
    }
}
