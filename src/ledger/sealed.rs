//! Owns sealed personal data: what may be in it, how it is sealed, how a leaf is bound to it.
//! Must never leave clear personal data on a disk.
//!
//! Beside the leaf stand salt (16 octets) ‖ nonce (24) ‖ ciphertext ‖ tag (16); the leaf holds SHA-256 of all of it.
//! The clear form is a list of fields: kind u8, length u16, octets.

use super::error::OpenError;
use super::keys::Keys;
use super::leaf::{Fields, Unreadable};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use std::path::Path;
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

/// Seals personal data under the newest key, and opens what any of them has sealed.
#[derive(Clone)]
pub struct Sealer {
    newest: SealingKey,
    /// The newest of them first.
    older: Vec<SealingKey>,
}

#[derive(Clone)]
struct SealingKey {
    cipher: XChaCha20Poly1305,
    key: Zeroizing<[u8; 32]>,
}

impl SealingKey {
    fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)), key: Zeroizing::new(*key) }
    }

    /// The clear form of a blob. `None` when another key sealed it, or it was changed.
    fn open(&self, blob: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (head, mac) = blob.split_last_chunk::<MAC>()?;
        let nonce = head.get(SALT..)?.first_chunk::<NONCE>()?;
        let mut clear = Zeroizing::new(head[SALT + NONCE..].to_vec());
        let opened = self.cipher.decrypt_inout_detached(
            &XNonce::from(*nonce),
            CONTEXT,
            clear.as_mut_slice().into(),
            &chacha20poly1305::Tag::from(*mac),
        );
        opened.ok().map(|()| clear)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(***)")
    }
}

impl Sealer {
    /// Prepares the sealing keys in a directory: `seal.key`, `seal.key.2`…. `None` when there are none.
    ///
    /// # Errors
    /// A file cannot be read, others may read it, or it holds no key.
    pub fn of_dir(dir: &Path) -> Result<Option<Self>, OpenError> {
        Ok(Self::of(Keys::seal_keys_in(dir)?.iter().map(|key| &**key)))
    }

    /// Prepares the sealing keys.
    pub fn new(keys: &Keys) -> Self {
        Self::of(keys.seal_keys()).expect("there is always a first key")
    }

    /// Of these keys, the newest first.
    fn of<'k>(keys: impl IntoIterator<Item = &'k [u8; 32]>) -> Option<Self> {
        let mut keys = keys.into_iter().map(SealingKey::new);
        Some(Self { newest: keys.next()?, older: keys.collect() })
    }

    /// The key that sealed a blob, and its clear form.
    fn opening(&self, blob: &[u8]) -> Option<(&SealingKey, Zeroizing<Vec<u8>>)> {
        let mut all = std::iter::once(&self.newest).chain(&self.older);
        all.find_map(|key| Some((key, key.open(blob)?)))
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
        let cipher = &self.newest.cipher;
        let mac = cipher.encrypt_inout_detached(&XNonce::from(nonce), CONTEXT, clear.as_mut_slice().into()).ok()?;
        blob.extend_from_slice(&clear);
        blob.extend_from_slice(&mac);
        Some(Sha256::digest(&*blob).into())
    }

    /// Opens a blob. `None` when it was erased, is damaged or was sealed with another key.
    pub fn open(&self, blob: &[u8], binding: &[u8; 32]) -> Option<Personal> {
        if blob.len() < SALT + NONCE + MAC || <[u8; 32]>::from(Sha256::digest(blob)) != *binding {
            return None;
        }
        let (_, clear) = self.opening(blob)?;
        Personal::read(&clear).ok()
    }

    /// The key that opens this blob and no other: what XChaCha20 derives from the sealing key and the blob's own nonce, which
    /// tells nothing of the sealing key. `None` when the blob is absent or erased.
    pub fn disclose(&self, blob: &[u8]) -> Option<[u8; 32]> {
        if blob.len() < SALT + NONCE + MAC || blob.iter().all(|octet| *octet == 0) {
            return None;
        }
        // One that none of our keys opens was changed: whoever checks the proof is to see that, not us.
        let key = self.opening(blob).map_or(&self.newest, |(key, _)| key);
        blob[SALT..].first_chunk::<16>().map(|head| hchacha20(&key.key, head))
    }
}

/// HChaCha20 (draft-irtf-cfrg-xchacha, 2.2): the key of one message of XChaCha20.
fn hchacha20(key: &[u8; 32], head: &[u8; 16]) -> [u8; 32] {
    let mut words = [0u32; 16];
    let octets = [&b"expand 32-byte k"[..], key, head].concat();
    for (word, four) in words.iter_mut().zip(octets.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*four);
    }
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        for (left, right) in [(16, 12), (8, 7)] {
            words[a] = words[a].wrapping_add(words[b]);
            words[d] = (words[d] ^ words[a]).rotate_left(left);
            words[c] = words[c].wrapping_add(words[d]);
            words[b] = (words[b] ^ words[c]).rotate_left(right);
        }
    };
    for _ in 0..10 {
        for column in 0..4 {
            quarter(column, 4 + column, 8 + column, 12 + column);
        }
        for diagonal in 0..4 {
            quarter(diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4);
        }
    }
    let mut out = [0; 32];
    for (four, word) in out.chunks_exact_mut(4).zip(words[..4].iter().chain(&words[12..])) {
        four.copy_from_slice(&word.to_le_bytes());
    }
    out
}

impl Personal {
    /// Opens a blob with the key that [`Sealer::disclose`] gave. `None` when they do not belong together.
    pub fn disclosed(blob: &[u8], binding: &[u8; 32], key: &[u8; 32]) -> Option<Self> {
        if blob.len() < SALT + NONCE + MAC || <[u8; 32]>::from(Sha256::digest(blob)) != *binding {
            return None;
        }
        let (head, mac) = blob.split_last_chunk::<MAC>()?;
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&head[SALT + 16..SALT + NONCE]);
        let mut clear = Zeroizing::new(head[SALT + NONCE..].to_vec());
        let opened = ChaCha20Poly1305::new(&Key::from(*key)).decrypt_inout_detached(
            &Nonce::from(nonce),
            CONTEXT,
            clear.as_mut_slice().into(),
            &chacha20poly1305::Tag::from(*mac),
        );
        opened.ok()?;
        Self::read(&clear).ok()
    }

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
    use crate::ledger::generations::Secrets;

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
    fn a_disclosed_key_opens_its_own_blob_and_no_other() {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let one = sealer().seal(&personal(), &mut first).expect("random");
        let two = sealer().seal(&personal(), &mut second).expect("random");
        let key = sealer().disclose(&first).expect("sealed");
        assert_eq!(Personal::disclosed(&first, &one, &key), Some(personal()));
        assert_eq!(Personal::disclosed(&second, &two, &key), None);
        assert_eq!(Personal::disclosed(&first, &two, &key), None);
        assert_eq!(sealer().disclose(&vec![0; first.len()]), None);
        // The vector of draft-irtf-cfrg-xchacha, 2.2.1.
        let key: [u8; 32] = std::array::from_fn(|at| at as u8);
        let head = [0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0, 0x31, 0x41, 0x59, 0x27];
        let expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc";
        assert_eq!(crate::ledger::keys::hex(&hchacha20(&key, &head)), expected);
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

    #[test]
    fn after_a_rotation_old_blobs_open_and_new_ones_only_under_the_new_key() {
        let first = Keys::from_octets([1; 32], [2; 32], [3; 32]);
        let both = Sealer::new(&first.clone().replaced(Secrets::Sealing, [4; 32]));
        let (mut old, mut new) = (Vec::new(), Vec::new());
        let (of_old, of_new) = (sealer().seal(&personal(), &mut old), both.seal(&personal(), &mut new));
        let (of_old, of_new) = (of_old.expect("random"), of_new.expect("random"));
        assert_eq!((both.open(&old, &of_old), both.open(&new, &of_new)), (Some(personal()), Some(personal())));
        assert_eq!(sealer().open(&new, &of_new), None, "whoever stole the old key reads nothing new");
        for (blob, binding) in [(&old, of_old), (&new, of_new)] {
            let key = both.disclose(blob).expect("sealed");
            assert_eq!(Personal::disclosed(blob, &binding, &key), Some(personal()));
        }
    }
}
