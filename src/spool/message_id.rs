//! Owns how message ids are compared: folded, exact first, then converted between hexadecimal and decimal.
//! Must never keep an id itself: only its keyed hash.

use crate::message::name::NameId;

/// How the ids of submit responses and of receipts of one operator relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IdMatch {
    /// The same digits.
    #[default]
    Exact,
    /// The response has hexadecimal, the receipt decimal.
    HexToDec,
    /// The response has decimal, the receipt hexadecimal.
    DecToHex,
}

/// The keyed hash of (SMSC, folded message id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdHash(pub u64);

/// The secret of the hashes; the same at every start.
#[derive(Clone)]
pub struct IdHasher {
    keys: [u64; 2],
}

impl IdHasher {
    /// From a secret derived for this purpose.
    pub fn new(secret: &[u8; 32]) -> Self {
        let word = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| secret[at + i]));
        Self { keys: [word(0), word(8)] }
    }

    /// The hash of an id as its SMSC gave it: case and leading zeros do not count. `None` for an empty id, which names nothing.
    pub fn hash(&self, smsc: NameId, id: &[u8]) -> Option<IdHash> {
        if id.is_empty() {
            return None;
        }
        let zeros = id.iter().take_while(|octet| **octet == b'0').count().min(id.len() - 1);
        let mut state = self.keys[0] ^ u64::from(smsc.0);
        for octet in &id[zeros..] {
            state = fold_multiply(state ^ u64::from(octet.to_ascii_uppercase()), 0x9e37_79b9_7f4a_7c15);
        }
        Some(IdHash(fold_multiply(state ^ self.keys[1], 0xd6e8_feb8_6659_fd93 ^ id.len().saturating_sub(zeros) as u64)))
    }

    /// The hashes under which the id of a receipt may have been recorded: as it is, then converted. Ids beyond 128 bits are not converted.
    pub fn candidates(&self, smsc: NameId, id: &[u8], how: IdMatch) -> [Option<IdHash>; 2] {
        let digits = std::str::from_utf8(id).ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_hexdigit()));
        let mut buffer = [0; 40];
        let converted = match how {
            IdMatch::Exact => None,
            IdMatch::HexToDec => digits.and_then(|text| text.parse().ok()).map(|value| written(value, 16, &mut buffer)),
            IdMatch::DecToHex => {
                digits.and_then(|text| u128::from_str_radix(text, 16).ok()).map(|value| written(value, 10, &mut buffer))
            }
        };
        let converted = converted.and_then(|text| self.hash(smsc, text));
        let exact = self.hash(smsc, id);
        [exact, converted.filter(|hash| Some(*hash) != exact)]
    }
}

/// The digits of `value` in upper case.
fn written(mut value: u128, base: u128, buffer: &mut [u8; 40]) -> &[u8] {
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b"0123456789ABCDEF"[(value % base) as usize];
        value /= base;
        if value == 0 {
            return &buffer[at..];
        }
    }
}

fn fold_multiply(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b | 1);
    (wide as u64) ^ (wide >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hasher() -> IdHasher {
        IdHasher::new(&[3; 32])
    }

    const SMSC: NameId = NameId(1);

    #[test]
    fn case_and_leading_zeros_do_not_count_and_everything_else_does() {
        let hash = |id: &str| hasher().hash(SMSC, id.as_bytes());
        assert_eq!(hash("00ab12"), hash("AB12"));
        assert_eq!(hash("0"), hash("0000"));
        assert_ne!(hash("ab120"), hash("ab12"));
        assert_ne!(hash("ab12"), hasher().hash(NameId(2), b"ab12"));
        assert_ne!(hash("ab12"), IdHasher::new(&[4; 32]).hash(SMSC, b"ab12"));
        assert_eq!(hash(""), None);
    }

    #[test]
    fn receipts_are_converted_only_as_the_operator_is_said_to() {
        let hasher = hasher();
        let cases = [
            (IdMatch::HexToDec, "1A2B3C", "1715004", true),
            (IdMatch::HexToDec, "00001a2b3c", "0001715004", true),
            (IdMatch::DecToHex, "1715004", "1a2b3c", true),
            (IdMatch::Exact, "1A2B3C", "1715004", false),
            (IdMatch::HexToDec, "1715004", "1A2B3C", false),
            (IdMatch::DecToHex, "1A2B3C", "1715004", false),
            (IdMatch::HexToDec, "zz", "1715004", false),
            (IdMatch::HexToDec, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "340282366920938463463374607431768211455", true),
        ];
        for (how, response, receipt, found) in cases {
            let recorded = hasher.hash(SMSC, response.as_bytes());
            let candidates = hasher.candidates(SMSC, receipt.as_bytes(), how);
            assert_eq!(candidates.contains(&recorded), found, "{how:?} {response} {receipt}");
        }
        assert_eq!(hasher.candidates(SMSC, b"12-34", IdMatch::HexToDec)[1], None);
        assert_eq!(hasher.candidates(SMSC, b"7", IdMatch::HexToDec)[1], None, "the same digits are looked up once");
    }

    proptest! {
        #[test]
        fn every_number_finds_itself_in_the_other_notation(value: u128) {
            let hasher = hasher();
            let (hex, dec) = (format!("{value:x}"), format!("{value}"));
            prop_assert!(hasher.candidates(SMSC, dec.as_bytes(), IdMatch::HexToDec).contains(&hasher.hash(SMSC, hex.as_bytes())));
            prop_assert!(hasher.candidates(SMSC, hex.as_bytes(), IdMatch::DecToHex).contains(&hasher.hash(SMSC, dec.as_bytes())));
        }

        #[test]
        fn any_octets_are_taken(id: Vec<u8>) {
            for how in [IdMatch::Exact, IdMatch::HexToDec, IdMatch::DecToHex] {
                prop_assert_eq!(hasher().candidates(SMSC, &id, how)[0].is_some(), !id.is_empty());
            }
        }
    }
}
