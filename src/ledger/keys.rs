//! Owns the three secrets: tags of numbers, signatures of checkpoints, sealing of personal data.
//! Must never make new keys for old data: a lost key would silently un-stop everyone.

use super::error::OpenError;
use crate::journal::disk::{self, RealDisk};
use crate::message::tag::TagKey;
use ed25519_dalek::{SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// 32 octets, wiped when dropped.
type Secret = Zeroizing<[u8; 32]>;

/// Why the text of an export was not put back. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("this is no text of `stopgate key export`: {0}")]
    Text(&'static str),
    #[error("{path} holds another key", path = .0.display())]
    Other(PathBuf),
    #[error(transparent)]
    Open(#[from] OpenError),
}

const FILES: [&str; 3] = ["tag.key", SIGN_KEY, "seal.key"];
/// The seed of the key that signs checkpoints.
pub const SIGN_KEY: &str = "sign.key";
/// Its successor, until it takes its place.
pub const NEW_SIGN_KEY: &str = "sign.key.new";

/// The keys of one data_dir.
#[derive(Clone)]
pub struct Keys {
    tag: Secret,
    sign: Secret,
    seal: Secret,
}

impl Keys {
    /// Opens the keys in `keys_dir`, or makes them when `data_dir` is empty (or absent) and `keys_dir` holds none.
    ///
    /// # Errors
    /// A missing key beside data, or a key file that others may read or that is not 64 hexadecimal digits.
    pub fn open_or_create(keys_dir: &Path, data_dir: &Path) -> Result<Self, OpenError> {
        let present = FILES.map(|name| keys_dir.join(name).exists());
        if present == [false; 3] && is_empty(data_dir)? {
            return Self::create(keys_dir);
        }
        let read = |at: usize| -> Result<Secret, OpenError> {
            let path = keys_dir.join(FILES[at]);
            if !present[at] {
                return Err(OpenError::KeyMissing { path, data_dir: data_dir.into(), keys_dir: keys_dir.into() });
            }
            read_key(&path)
        };
        Ok(Self { tag: read(0)?, sign: read(1)?, seal: read(2)? })
    }

    /// Opens keys that are there; makes none.
    pub fn open(keys_dir: &Path, data_dir: &Path) -> Result<Self, OpenError> {
        match FILES.iter().map(|name| keys_dir.join(name)).find(|path| !path.exists()) {
            Some(path) => Err(OpenError::KeyMissing { path, data_dir: data_dir.into(), keys_dir: keys_dir.into() }),
            None => Self::open_or_create(keys_dir, data_dir),
        }
    }

    fn create(keys_dir: &Path) -> Result<Self, OpenError> {
        private_dir(keys_dir)?;
        let fresh = || -> Result<Secret, OpenError> {
            let mut secret = Zeroizing::new([0; 32]);
            let failed = |_| OpenError::KeyInvalid { path: keys_dir.into(), what: "the system gives no random octets" };
            getrandom::fill(&mut *secret).map_err(failed)?;
            Ok(secret)
        };
        let keys = Self { tag: fresh()?, sign: fresh()?, seal: fresh()? };
        keys.write(keys_dir).inspect_err(|_| {
            // Made in this call and used for nothing: one or two of three would refuse every later start.
            for path in FILES.iter().map(|name| keys_dir.join(name)) {
                let _ = fs::remove_file(path.with_extension("tmp"));
                let _ = fs::remove_file(path);
            }
        })?;
        Ok(keys)
    }

    /// Says in `keys_dir` whether these keys are of live operation or of a rehearsal, the first time; afterwards they are no other's.
    ///
    /// # Errors
    /// They belong to the other kind: what a rehearsal signs must never pass for evidence of real traffic.
    pub fn claim(keys_dir: &Path, rehearsal: bool) -> Result<(), OpenError> {
        let path = keys_dir.join("use");
        let word = |rehearsal| if rehearsal { "rehearsal" } else { "live" };
        match fs::read_to_string(&path) {
            Ok(found) if found.trim() == word(rehearsal) => Ok(()),
            Ok(_) => Err(OpenError::KeysOfAnother { keys_dir: keys_dir.into(), found: word(!rehearsal) }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = format!("{}\n", word(rehearsal));
                disk::replace(&RealDisk, &path, text.as_bytes()).map_err(OpenError::io(&path))
            }
            Err(error) => Err(OpenError::io(path)(error)),
        }
    }

    fn write(&self, keys_dir: &Path) -> Result<(), OpenError> {
        private_dir(keys_dir)?;
        for (name, secret) in FILES.iter().zip([&self.tag, &self.sign, &self.seal]) {
            let path = keys_dir.join(name);
            let temp = path.with_extension("tmp");
            let write = || -> std::io::Result<()> {
                let mut file =
                    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temp)?;
                file.write_all(Zeroizing::new(hex(&**secret) + "\n").as_bytes())?;
                file.sync_all()?;
                fs::rename(&temp, &path)
            };
            write().map_err(OpenError::io(&path))?;
        }
        fs::File::open(keys_dir).and_then(|dir| dir.sync_all()).map_err(OpenError::io(keys_dir))
    }

    /// Puts the text of [`Keys::export`] back into `keys_dir`, which must hold no key but the same ones.
    ///
    /// # Errors
    /// A text that is none, or was changed; another key that is there.
    pub fn import(text: &str, keys_dir: &Path) -> Result<Self, ImportError> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        if lines.next() != Some("stopgate keys 1") {
            return Err(ImportError::Text("it does not begin with `stopgate keys 1`"));
        }
        let mut secret = |name: &str| -> Result<Secret, ImportError> {
            let digits = lines.next().and_then(|line| line.strip_prefix(name)).map(str::trim);
            let read = digits.and_then(|digits| secret_of(digits.as_bytes()));
            read.ok_or(ImportError::Text("a line of a key is missing, or is not 64 hexadecimal digits"))
        };
        let keys = Self { tag: secret("tag.key")?, sign: secret("sign.key")?, seal: secret("seal.key")? };
        let check = lines.next().and_then(|line| line.strip_prefix("check ")).map(str::trim);
        if check != Some(&hex(&keys.check())) {
            return Err(ImportError::Text("the keys are not those that its last line checks: a digit was changed"));
        }
        for (name, secret) in FILES.iter().zip([&keys.tag, &keys.sign, &keys.seal]) {
            let path = keys_dir.join(name);
            if path.exists() && read_key(&path).is_ok_and(|known| known != *secret) {
                return Err(ImportError::Other(path));
            }
        }
        keys.write(keys_dir)?;
        Ok(keys)
    }

    /// Keys from their 32 octets each, for tests and for restoring.
    pub fn from_octets(tag: [u8; 32], sign: [u8; 32], seal: [u8; 32]) -> Self {
        Self { tag: Zeroizing::new(tag), sign: Zeroizing::new(sign), seal: Zeroizing::new(seal) }
    }

    /// The key of number tags, prepared.
    pub fn tag_key(&self) -> TagKey {
        TagKey::new(&self.tag)
    }

    /// The sealing key's octets; never for a log.
    pub fn seal_key(&self) -> &[u8; 32] {
        &self.seal
    }

    /// The Ed25519 seed of checkpoints; never for a log.
    pub fn sign_seed(&self) -> &[u8; 32] {
        &self.sign
    }

    /// What shows which keys these are without giving them away: 8 octets for tags, 8 for sealing.
    /// Stands in every segment and snapshot. The signing key is not in it: it can be rotated by itself.
    pub fn check(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&check_of(&self.tag, b"tag")[..8]);
        out[8..].copy_from_slice(&check_of(&self.seal, b"seal")[..8]);
        out
    }

    /// The commitment of the first record to the tag key.
    pub fn tag_commitment(&self) -> [u8; 32] {
        check_of(&self.tag, b"tag")
    }

    /// What the first record would say of the tag key in a file, as `tag.key` is written.
    pub fn tag_commitment_of(file: &Path) -> Result<[u8; 32], OpenError> {
        Ok(check_of(&*read_key(file)?, b"tag"))
    }

    /// The public key of a signing key in a file, as `sign.key` is written.
    pub fn public_of(file: &Path) -> Result<VerifyingKey, OpenError> {
        let seed = read_key(file)?;
        Ok(SigningKey::from_bytes(&seed).verifying_key())
    }

    /// The tag key in a file, as `tag.key` is written.
    pub fn tag_key_of(file: &Path) -> Result<TagKey, OpenError> {
        Ok(TagKey::new(&*read_key(file)?))
    }

    /// The text for escrow: whoever holds it can read personal data and make tags. Each line can be put back as a file.
    pub fn export(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::from("stopgate keys 1\n"));
        for (name, secret) in FILES.iter().zip([&self.tag, &self.sign, &self.seal]) {
            text.push_str(name);
            text.push(' ');
            text.push_str(&Zeroizing::new(hex(&**secret)));
            text.push('\n');
        }
        text.push_str("check ");
        text.push_str(&hex(&self.check()));
        text.push('\n');
        text
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys(check {})", hex(&self.check()))
    }
}

fn check_of(secret: &[u8; 32], what: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(b"stopgate key check 1: ");
    mac.update(what);
    mac.finalize().into_bytes().into()
}

/// The octets of a key's file.
pub(super) fn hex_secret(secret: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(hex(secret) + "\n")
}

/// Lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        write!(text, "{octet:02x}").expect("a String takes every write");
    }
    text
}

pub(super) fn read_key(path: &Path) -> Result<Secret, OpenError> {
    let invalid = |what| OpenError::KeyInvalid { path: path.into(), what };
    let mode = fs::metadata(path).map_err(OpenError::io(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(invalid("others may read this key; chmod 600 it"));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(OpenError::io(path))?);
    secret_of(text.trim().as_bytes()).ok_or_else(|| invalid("a key is 64 hexadecimal digits"))
}

/// A secret from its 64 hexadecimal digits.
fn secret_of(digits: &[u8]) -> Option<Secret> {
    if digits.len() != 64 {
        return None;
    }
    let mut secret = Zeroizing::new([0; 32]);
    for (octet, pair) in secret.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| (pair[at] as char).to_digit(16);
        *octet = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(secret)
}

/// Whether a directory is absent or holds nothing; what a new file system brings along is nothing.
fn is_empty(dir: &Path) -> Result<bool, OpenError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(OpenError::io(dir)(error)),
    }
}

/// Makes a directory (and its parents) that only its owner may enter, and narrows it when it exists.
pub(super) fn private_dir(dir: &Path) -> Result<(), OpenError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(OpenError::io(dir))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(OpenError::io(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_for_an_empty_data_dir_and_only_their_owner_may_read_them() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (keys_dir, data_dir) = (dir.path().join("k"), dir.path().join("d"));
        // A file system of its own, just made.
        fs::create_dir_all(data_dir.join("lost+found")).expect("dir");
        let first = Keys::open_or_create(&keys_dir, &data_dir).expect("made");
        let again = Keys::open_or_create(&keys_dir, &data_dir).expect("opened");
        assert_eq!(first.export(), again.export());
        assert_eq!(fs::metadata(&keys_dir).expect("dir").permissions().mode() & 0o777, 0o700);
        for name in FILES {
            assert_eq!(fs::metadata(keys_dir.join(name)).expect("file").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn keys_of_which_one_could_not_be_made_are_made_again_at_the_next_start() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (keys_dir, data_dir) = (dir.path().join("k"), dir.path().join("d"));
        let in_the_way = keys_dir.join("seal.tmp");
        fs::create_dir_all(&in_the_way).expect("dir");
        assert!(matches!(Keys::open_or_create(&keys_dir, &data_dir), Err(OpenError::Io { .. })));
        assert!(FILES.iter().all(|name| !keys_dir.join(name).exists()), "none is left alone");
        fs::remove_dir(&in_the_way).expect("removed");
        Keys::open_or_create(&keys_dir, &data_dir).expect("made");
    }

    #[test]
    fn a_key_that_is_missing_beside_data_refuses_with_instructions() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (keys_dir, data_dir) = (dir.path().join("k"), dir.path().join("d"));
        Keys::open_or_create(&keys_dir, &data_dir).expect("made");
        fs::create_dir(&data_dir).expect("dir");
        fs::write(data_dir.join("format"), "x").expect("file");
        for name in FILES {
            let path = keys_dir.join(name);
            let saved = fs::read(&path).expect("key");
            fs::remove_file(&path).expect("remove");
            let error = Keys::open_or_create(&keys_dir, &data_dir).expect_err("refused");
            assert!(error.to_string().contains("Restore the key from escrow"), "{error}");
            fs::write(&path, saved).expect("restore");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
        }
        fs::remove_dir_all(&keys_dir).expect("remove");
        assert!(matches!(Keys::open_or_create(&keys_dir, &data_dir), Err(OpenError::KeyMissing { .. })));
    }

    #[test]
    fn a_key_others_may_read_or_that_is_no_key_refuses() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (keys_dir, data_dir) = (dir.path().join("k"), dir.path().join("d"));
        Keys::open_or_create(&keys_dir, &data_dir).expect("made");
        let path = keys_dir.join("tag.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("mode");
        assert!(matches!(Keys::open_or_create(&keys_dir, &data_dir), Err(OpenError::KeyInvalid { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
        fs::write(&path, "zz".repeat(32)).expect("write");
        assert!(matches!(Keys::open_or_create(&keys_dir, &data_dir), Err(OpenError::KeyInvalid { .. })));
    }

    #[test]
    fn an_export_is_put_back_and_a_changed_one_or_another_key_is_not() {
        let dir = tempfile::tempdir().expect("tempdir");
        let keys = Keys::from_octets([1; 32], [2; 32], [3; 32]);
        let text = keys.export();
        let made = Keys::import(&text, &dir.path().join("k")).expect("put back");
        assert_eq!(made.export(), text);
        assert_eq!(Keys::open(&dir.path().join("k"), dir.path()).expect("opened").export(), text);
        Keys::import(&text, &dir.path().join("k")).expect("the same again changes nothing");
        let others = Keys::from_octets([1; 32], [9; 32], [3; 32]);
        assert!(matches!(Keys::import(&others.export(), &dir.path().join("k")), Err(ImportError::Other(_))));
        // The check is of tags and seals: a digit of the signing key changes nothing that it sees.
        let sign = text.find("sign.key").expect("its line")..text.find("seal.key").expect("its line");
        for at in (0..text.len() - 1).filter(|at| !sign.contains(at)) {
            let mut changed = text.as_bytes().to_vec();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).expect("ASCII");
            let refused = Keys::import(&changed, &dir.path().join("other"));
            assert!(refused.is_err() || changed[at..=at].trim().is_empty(), "octet {at}");
        }
        assert!(!dir.path().join("other").exists());
    }

    #[test]
    fn the_check_depends_on_tag_and_seal_keys_and_debug_shows_no_secret() {
        let keys = Keys::from_octets([1; 32], [2; 32], [3; 32]);
        assert_ne!(keys.check(), Keys::from_octets([9; 32], [2; 32], [3; 32]).check());
        assert_ne!(keys.check(), Keys::from_octets([1; 32], [2; 32], [9; 32]).check());
        assert_eq!(keys.check(), Keys::from_octets([1; 32], [9; 32], [3; 32]).check());
        assert!(!format!("{keys:?}").contains(&hex(&[1; 32])));
        assert!(keys.export().contains(&hex(&[1; 32])));
    }
}
