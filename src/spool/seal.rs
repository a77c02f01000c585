//! Owns the sealing of what waits on disk: XChaCha20-Poly1305 under the node's sealing key.
//! Must never use a nonce twice, nor open what was changed.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::sync::atomic::{AtomicU64, Ordering};

/// Octets that sealing adds: the nonce and the authentication tag.
pub const SEAL_OCTETS: usize = 24 + 16;

/// What was sealed cannot be opened: another key, or changed octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was sealed cannot be opened: another key, or changed octets")]
pub struct Unsealable;

/// Seals and opens. Cheap to share by reference.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    /// Keys that were replaced: they open what they have sealed.
    older: Vec<XChaCha20Poly1305>,
    /// The head of every nonce of this process, drawn at random; the tail is counted: no two are the same, without a system call each.
    head: [u8; 16],
    count: AtomicU64,
}

impl Sealer {
    /// From the sealing key of `keys_dir`. Fails when the machine gives no random octets.
    pub fn new(key: &[u8; 32]) -> Result<Self, getrandom::Error> {
        let mut head = [0; 16];
        getrandom::fill(&mut head)?;
        Ok(Self { cipher: XChaCha20Poly1305::new(key.into()), older: Vec::new(), head, count: AtomicU64::new(0) })
    }

    /// The same, which also opens what these keys have sealed; the newest of them first.
    pub fn opening<'k>(mut self, older: impl Iterator<Item = &'k [u8; 32]>) -> Self {
        self.older = older.map(|key| XChaCha20Poly1305::new(key.into())).collect();
        self
    }

    /// Seals `plain`, bound to `bound` (which is not sealed, but must be the same when it is opened).
    pub fn seal(&self, bound: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&self.head);
        nonce[16..].copy_from_slice(&self.count.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: bound });
        let sealed = sealed.expect("encryption fails only beyond 256 GiB, and a PDU has at most 64 KiB");
        let mut out = Vec::with_capacity(nonce.len() + sealed.len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        out
    }

    /// Opens what `seal` made.
    pub fn open(&self, bound: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(Unsealable)?;
        let payload = || Payload { msg: sealed, aad: bound };
        let mut all = std::iter::once(&self.cipher).chain(&self.older);
        all.find_map(|cipher| cipher.decrypt(&XNonce::from(*nonce), payload()).ok()).ok_or(Unsealable)
    }
}

/// A secret for one purpose, derived from the sealing key: HMAC-SHA-256(key, purpose).
pub fn derived(key: &[u8; 32], purpose: &str) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

/// The mark that files written under this key carry: another key refuses to open them.
pub fn key_check(key: &[u8; 32]) -> [u8; 16] {
    let mut check = [0; 16];
    check.copy_from_slice(&derived(key, "stopgate spool key check")[..16]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_under_the_same_key_and_binding_only() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let sealed = sealer.seal(b"leaf", b"some octets");
        assert_eq!(sealed.len(), 11 + SEAL_OCTETS);
        assert_eq!(sealer.open(b"leaf", &sealed).as_deref(), Ok(&b"some octets"[..]));
        assert_eq!(sealer.open(b"other", &sealed), Err(Unsealable));
        assert_eq!(Sealer::new(&[8; 32]).unwrap().open(b"leaf", &sealed), Err(Unsealable));
        for at in 0..sealed.len() {
            let mut copy = sealed.clone();
            copy[at] ^= 1;
            assert_eq!(sealer.open(b"leaf", &copy), Err(Unsealable), "octet {at}");
        }
        assert_eq!(sealer.open(b"leaf", b"short"), Err(Unsealable));
    }

    #[test]
    fn what_an_earlier_key_has_sealed_opens_and_what_is_sealed_now_is_closed_to_it() {
        let (old, new) =
            (Sealer::new(&[7; 32]).unwrap(), Sealer::new(&[8; 32]).unwrap().opening([&[7; 32]].into_iter()));
        let (before, after) = (old.seal(b"leaf", b"before"), new.seal(b"leaf", b"after"));
        assert_eq!(new.open(b"leaf", &before).as_deref(), Ok(&b"before"[..]));
        assert_eq!(new.open(b"leaf", &after).as_deref(), Ok(&b"after"[..]));
        assert_eq!(old.open(b"leaf", &after), Err(Unsealable));
    }

    #[test]
    fn no_two_seals_are_the_same_and_purposes_differ() {
        let sealer = Sealer::new(&[7; 32]).unwrap();
        let again = Sealer::new(&[7; 32]).unwrap();
        let nonces: std::collections::BTreeSet<_> =
            (0..100).flat_map(|_| [sealer.seal(b"", b"x"), again.seal(b"", b"x")]).map(|s| s[..24].to_vec()).collect();
        assert_eq!(nonces.len(), 200);
        assert_ne!(derived(&[7; 32], "a"), derived(&[7; 32], "b"));
    }
}
