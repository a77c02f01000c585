//! Owns the keyed tag that stands for a number wherever the number itself must not stand.
//! Must never be a plain hash: a space of telephone numbers can be enumerated (rules.md, personal data).

use super::msisdn::Msisdn;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA-256(key, E.164 digits without `+`) truncated to its first 128 bits.
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

/// The secret that makes tags, with its HMAC state prepared once.
#[derive(Clone)]
pub struct TagKey {
    prepared: Hmac<Sha256>,
}

impl TagKey {
    /// Prepares the key. `secret` is 32 octets from `keys_dir`.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self { prepared: Hmac::new_from_slice(secret).expect("HMAC takes a key of any length") }
    }

    /// The tag of a canonical number.
    pub fn tag(&self, number: Msisdn) -> NumberTag {
        let mut mac = self.prepared.clone();
        let mut digits = [0u8; 20];
        mac.update(number.digits(&mut digits));
        let full = mac.finalize().into_bytes();
        let mut tag = [0u8; 16];
        tag.copy_from_slice(&full[..16]);
        NumberTag(tag)
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
    }
}
