//! Owns sealed personal data: what may be in it, how it is sealed, how a leaf is bound to it.
//! Must never leave clear personal data on a disk.
//!
//! Beside the leaf stand salt (16 octets) ‖ nonce (24) ‖ ciphertext ‖ tag (16); the leaf holds SHA-256 of all of it.
//! The clear form is a list of fields: kind u8, length u16, octets.

use super::keys::Keys;
use super::leaf::{Fields, Unreadable};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const SALT: usize = 16;
const NONCE: usize = 24;
const MAC: usize = 16;
/// What else is authenticated: the use and the version.
const CONTEXT: &[u8] = b"stopgate personal 1";

/// Personal data of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Personal {
    pub number: Option<Msisdn>,
    /// The text the person wrote.
    pub text: Option<String>,
    /// The octets as they came, where the text alone would not prove them.
    pub octets: Option<Vec<u8>>,
    /// Evidence of a consent, an objection or a lift.
    pub evidence: Option<String>,
    /// When the person said it, where that is not when it was recorded.
    pub said_at: Option<CivilInstant>,
}

/// Seals and opens personal data.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl Sealer {
    /// Prepares the sealing key.
    pub fn new(keys: &Keys) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*keys.seal_key())) }
    }

    /// Seals into `blob` (cleared first) and returns the binding for the leaf. `None` when the system gives no random octets.
    pub fn seal(&self, personal: &Personal, blob: &mut Vec<u8>) -> Option<[u8; 32]> {
        blob.clear();
        blob.resize(SALT + NONCE, 0);
        getrandom::fill(blob).ok()?;
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&blob[SALT..]);
        let mut clear = Zeroizing::new(Vec::with_capacity(64 + personal.text.as_ref().map_or(0, String::len)));
        personal.write(&mut clear);
        let mac =
            self.cipher.encrypt_inout_detached(&XNonce::from(nonce), CONTEXT, clear.as_mut_slice().into()).ok()?;
        blob.extend_from_slice(&clear);
        blob.extend_from_slice(&mac);
        Some(Sha256::digest(&*blob).into())
    }

    /// Opens a blob. `None` when it was erased, is damaged or was sealed with another key.
    pub fn open(&self, blob: &[u8], binding: &[u8; 32]) -> Option<Personal> {
        if blob.len() < SALT + NONCE + MAC || <[u8; 32]>::from(Sha256::digest(blob)) != *binding {
            return None;
        }
        let (head, mac) = blob.split_last_chunk::<MAC>()?;
        let nonce = head[SALT..].first_chunk::<NONCE>()?;
        let mut clear = Zeroizing::new(head[SALT + NONCE..].to_vec());
        let opened = self.cipher.decrypt_inout_detached(
            &XNonce::from(*nonce),
            CONTEXT,
            clear.as_mut_slice().into(),
            &chacha20poly1305::Tag::from(*mac),
        );
        opened.ok()?;
        Personal::read(&clear).ok()
    }
}

impl Personal {
    /// Only a number.
    pub fn of(number: Msisdn) -> Self {
        Self { number: Some(number), ..Self::default() }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut field = |kind: u8, octets: &[u8]| {
            let length = octets.len().min(u16::MAX as usize);
            out.push(kind);
            out.extend_from_slice(&(length as u16).to_be_bytes());
            out.extend_from_slice(&octets[..length]);
        };
        if let Some(number) = self.number {
            field(1, &number.as_u64().to_be_bytes());
        }
        if let Some(text) = &self.text {
            field(2, text.as_bytes());
        }
        if let Some(octets) = &self.octets {
            field(3, octets);
        }
        if let Some(evidence) = &self.evidence {
            field(4, evidence.as_bytes());
        }
        if let Some(at) = self.said_at {
            field(5, &at.as_micros().to_be_bytes());
        }
    }

    fn read(clear: &[u8]) -> Result<Self, Unreadable> {
        let mut personal = Self::default();
        let mut rest = clear;
        while let Some((head, after)) = rest.split_first_chunk::<3>() {
            let length = usize::from(u16::from_be_bytes([head[1], head[2]]));
            let (octets, after) = after.split_at_checked(length).ok_or("a sealed field is too short")?;
            rest = after;
            match head[0] {
                1 => personal.number = Msisdn::from_canonical(Fields::new(octets).u64()?),
                2 => personal.text = Some(String::from_utf8_lossy(octets).into_owned()),
                3 => personal.octets = Some(octets.to_vec()),
                4 => personal.evidence = Some(String::from_utf8_lossy(octets).into_owned()),
                5 => personal.said_at = Some(Fields::new(octets).instant()?),
                _ => return Err("an unknown sealed field"),
            }
        }
        Ok(personal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> Sealer {
        Sealer::new(&Keys::from_octets([1; 32], [2; 32], [3; 32]))
    }

    fn personal() -> Personal {
        Personal {
            number: Msisdn::from_canonical(33_639_980_012),
            text: Some("Stop ça".into()),
            octets: Some(vec![0x53, 0x00]),
            evidence: Some("letter 12".into()),
            said_at: Some(CivilInstant::from_secs(1_795_000_000)),
        }
    }

    #[test]
    fn what_is_sealed_opens_and_shows_nothing() {
        let mut blob = Vec::new();
        let binding = sealer().seal(&personal(), &mut blob).expect("random");
        assert_eq!(sealer().open(&blob, &binding), Some(personal()));
        assert!(!blob.windows(4).any(|octets| octets == b"Stop"));
        assert!(!blob.windows(8).any(|octets| octets == 33_639_980_012u64.to_be_bytes()));
    }

    #[test]
    fn two_seals_of_the_same_data_differ_in_blob_and_binding() {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let one = sealer().seal(&personal(), &mut first);
        let two = sealer().seal(&personal(), &mut second);
        assert_ne!((one, &first), (two, &second));
    }

    #[test]
    fn a_flip_another_key_or_an_erased_blob_does_not_open() {
        let mut blob = Vec::new();
        let binding = sealer().seal(&personal(), &mut blob).expect("random");
        for at in 0..blob.len() {
            let mut copy = blob.clone();
            copy[at] ^= 1;
            assert_eq!(sealer().open(&copy, &binding), None, "octet {at}");
        }
        let other = Sealer::new(&Keys::from_octets([1; 32], [2; 32], [4; 32]));
        assert_eq!(other.open(&blob, &binding), None);
        assert_eq!(sealer().open(&vec![0; blob.len()], &binding), None);
    }
}
