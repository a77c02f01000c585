//! Owns the secrets in keys_dir: tags of numbers, signatures of checkpoints, sealing of personal data.
//! Must never make new keys for old data: a lost key would silently un-stop everyone.
//!
//! `tag.key` and `seal.key` are the first generation; what replaced them stands beside them as `tag.key.2`, `tag.key.3`…. All of them
//! stay in use: old tags are carried through the later keys, and old blobs are opened by the key that sealed them.

use super::error::OpenError;
use super::generations::{Generations, Secrets};
use crate::journal::disk::{self, RealDisk};
use crate::message::tag::{TagKey, TagLink};
use ed25519_dalek::{SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// 32 octets, wiped when dropped.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// Generations of a key there may be: each makes the tag of a number dearer by one HMAC.
pub const GENERATIONS_MAX: usize = 16;

const FILES: [&str; 3] = [Secrets::Tags.file(), SIGN_KEY, Secrets::Sealing.file()];
/// The seed of the key that signs checkpoints.
pub const SIGN_KEY: &str = "sign.key";
/// Its successor, until it takes its place.
pub const NEW_SIGN_KEY: &str = "sign.key.new";

/// The keys of one data_dir.
#[derive(Clone)]
pub struct Keys {
    /// The oldest first; never empty.
    pub(super) tags: Vec<Secret>,
    pub(super) sign: Secret,
    /// The oldest first; never empty.
    pub(super) seals: Vec<Secret>,
}

/// Links of the chain of tag keys that somebody brings along, from one generation on.
#[derive(Clone, Debug)]
pub struct TagLinks {
    /// The generation of the first of them, from 1.
    pub first: usize,
    /// Each with what the records say of it.
    pub links: Vec<(TagLink, [u8; 32])>,
}

impl TagLinks {
    /// The link of a generation, when it is among them.
    pub fn of(&self, generation: usize) -> Option<&(TagLink, [u8; 32])> {
        self.links.get(generation.checked_sub(self.first)?)
    }
}

impl Keys {
    /// Opens the keys in `keys_dir`, or makes them when `data_dir` is empty (or absent) and `keys_dir` holds none.
    ///
    /// # Errors
    /// A missing key beside data, or a key file that others may read or that is not 64 hexadecimal digits.
    pub fn open_or_create(keys_dir: &Path, data_dir: &Path) -> Result<Self, OpenError> {
        let present = FILES.map(|name| keys_dir.join(name).exists());
        let missing = |name: &str| {
            let (path, data_dir, keys_dir) = (keys_dir.join(name), data_dir.into(), keys_dir.into());
            OpenError::KeyMissing { path, data_dir, keys_dir }
        };
        let counts = Secrets::ALL.map(|secret| generations_in(keys_dir, secret));
        if present == [false; 3] && counts.iter().all(|count| matches!(count, Ok(1))) && is_empty(data_dir)? {
            return Self::create(keys_dir);
        }
        let read = |at: usize| -> Result<Secret, OpenError> {
            if present[at] { read_key(&keys_dir.join(FILES[at])) } else { Err(missing(FILES[at])) }
        };
        let mut keys = Self { tags: vec![read(0)?], sign: read(1)?, seals: vec![read(2)?] };
        for (secret, count) in Secrets::ALL.into_iter().zip(counts) {
            for generation in 2..=count.map_err(|gap| missing(&gap))? {
                let later = read_key(&keys_dir.join(secret.file_of(generation)))?;
                keys.of_mut(secret).push(later);
            }
        }
        Ok(keys)
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
        let fresh = || fresh_secret(keys_dir);
        let keys = Self { tags: vec![fresh()?], sign: fresh()?, seals: vec![fresh()?] };
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

    pub(super) fn write(&self, keys_dir: &Path) -> Result<(), OpenError> {
        private_dir(keys_dir)?;
        for (name, secret) in self.files() {
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

    /// Keys from their 32 octets each, for tests and for restoring.
    pub fn from_octets(tag: [u8; 32], sign: [u8; 32], seal: [u8; 32]) -> Self {
        Self { tags: vec![Zeroizing::new(tag)], sign: Zeroizing::new(sign), seals: vec![Zeroizing::new(seal)] }
    }

    /// The same with one secret replaced once more: what [`super::rekey`] writes to keys_dir.
    pub fn replaced(mut self, secret: Secrets, octets: [u8; 32]) -> Self {
        self.of_mut(secret).push(Zeroizing::new(octets));
        self
    }

    pub(super) fn of(&self, secret: Secrets) -> &[Secret] {
        match secret {
            Secrets::Tags => &self.tags,
            Secrets::Sealing => &self.seals,
        }
    }

    fn of_mut(&mut self, secret: Secrets) -> &mut Vec<Secret> {
        match secret {
            Secrets::Tags => &mut self.tags,
            Secrets::Sealing => &mut self.seals,
        }
    }

    /// Every key by the name of its file, in the order of an export.
    pub(super) fn files(&self) -> Vec<(String, &Secret)> {
        let all = |secret: Secrets| {
            let named = self.of(secret).iter().enumerate();
            named.map(move |(at, key)| (secret.file_of(at + 1), key))
        };
        let sign = std::iter::once((SIGN_KEY.to_owned(), &self.sign));
        all(Secrets::Tags).chain(sign).chain(all(Secrets::Sealing)).collect()
    }

    /// How many generations of a secret there are, from 1.
    pub fn generation(&self, secret: Secrets) -> usize {
        self.of(secret).len()
    }

    /// The key of number tags, prepared, with all its generations.
    pub fn tag_key(&self) -> TagKey {
        let (first, later) = self.tags.split_first().expect("there is always a first one");
        TagKey::new(first).replaced(later.iter().map(|secret| &**secret))
    }

    /// All links of the tag key, for who verifies.
    pub fn tag_links(&self) -> TagLinks {
        let links = self.tags.iter().map(|secret| (TagLink::new(secret), check_of(secret, b"tag")));
        TagLinks { first: 1, links: links.collect() }
    }

    /// The octets of the sealing keys, the newest first; never for a log.
    pub fn seal_keys(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.seals.iter().rev().map(|secret| &**secret)
    }

    /// Which generation a mark is of, and what carries tags.
    pub fn generations(&self) -> Generations {
        let halves = Secrets::ALL.map(|secret| {
            let commitments = (1..=self.generation(secret)).map(|generation| self.commitment(secret, generation));
            commitments.map(|full| *full.first_chunk().expect("it is longer")).collect()
        });
        Generations::new(halves, self.tag_key())
    }

    /// The Ed25519 seed of checkpoints; never for a log.
    pub fn sign_seed(&self) -> &[u8; 32] {
        &self.sign
    }

    /// What shows which keys these are without giving them away: 8 octets for tags, 8 for sealing.
    /// Stands in every segment and snapshot. The signing key is not in it: it can be rotated by itself.
    pub fn check(&self) -> [u8; 16] {
        self.generations().newest()
    }

    /// What the records say of a generation of a secret (from 1): whoever has it can check, nobody can learn it. Its first eight
    /// octets are its half of the mark in every segment.
    ///
    /// # Panics
    /// There is no such generation.
    pub fn commitment(&self, secret: Secrets, generation: usize) -> [u8; 32] {
        let what: &[u8] = match secret {
            Secrets::Tags => b"tag",
            Secrets::Sealing => b"seal",
        };
        check_of(&self.of(secret)[generation - 1], what)
    }

    /// The commitment of a start's first record to the newest tag key.
    pub fn tag_commitment(&self) -> [u8; 32] {
        self.commitment(Secrets::Tags, self.tags.len())
    }

    /// The links of the tag key in a file, as `tag.key` or `tag.key.2` is written, and in those of the other generations beside it.
    ///
    /// # Errors
    /// A file that cannot be read, that others may read, or that holds no key.
    pub fn tag_links_of(file: &Path) -> Result<TagLinks, OpenError> {
        let (named, generation) = generation_of(file);
        let beside = |generation: usize| {
            named.with_file_name(match generation {
                0 | 1 => named.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
                later => format!("{}.{later}", named.file_name().unwrap_or_default().to_string_lossy()),
            })
        };
        let mut first = generation;
        while first > 1 && beside(first - 1).exists() {
            first -= 1;
        }
        let mut links = Vec::new();
        while links.is_empty() || beside(first + links.len()).exists() {
            let secret = read_key(&beside(first + links.len()))?;
            links.push((TagLink::new(&secret), check_of(&secret, b"tag")));
        }
        Ok(TagLinks { first, links })
    }

    /// The sealing keys in `seal.key` and the files of its other generations in a directory, the newest first; none when there are none.
    ///
    /// # Errors
    /// A file that cannot be read, that others may read, or that holds no key.
    pub fn seal_keys_in(dir: &Path) -> Result<Vec<Zeroizing<[u8; 32]>>, OpenError> {
        let paths = (1..).map(|generation| dir.join(Secrets::Sealing.file_of(generation)));
        let mut found =
            paths.take_while(|path| path.exists()).map(|path| read_key(&path)).collect::<Result<Vec<_>, _>>()?;
        found.reverse();
        Ok(found)
    }

    /// The public key of a signing key in a file, as `sign.key` is written.
    pub fn public_of(file: &Path) -> Result<VerifyingKey, OpenError> {
        let seed = read_key(file)?;
        Ok(SigningKey::from_bytes(&seed).verifying_key())
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

/// 32 octets from the kernel.
pub(super) fn fresh_secret(keys_dir: &Path) -> Result<Secret, OpenError> {
    let mut secret = Zeroizing::new([0; 32]);
    let failed = |_| OpenError::KeyInvalid { path: keys_dir.into(), what: "the system gives no random octets" };
    getrandom::fill(&mut *secret).map_err(failed)?;
    Ok(secret)
}

/// The name of a key's first generation, and the generation that this file holds.
fn generation_of(file: &Path) -> (PathBuf, usize) {
    let number =
        file.extension().and_then(|number| number.to_str()?.parse::<usize>().ok()).filter(|number| *number > 1);
    number.map_or_else(|| (file.to_owned(), 1), |number| (file.with_extension(""), number))
}

/// How many generations of a secret a keys_dir holds, the first counted in any case. The error names the one that is missing.
fn generations_in(keys_dir: &Path, secret: Secrets) -> Result<usize, String> {
    let entries = fs::read_dir(keys_dir).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let number = |name: &str| name.strip_prefix(secret.file())?.strip_prefix('.')?.parse::<usize>().ok();
    let newest = names.filter_map(|name| number(&name)).max().unwrap_or(1).max(1);
    match (2..newest).find(|generation| !keys_dir.join(secret.file_of(*generation)).exists()) {
        Some(gap) => Err(secret.file_of(gap)),
        None => Ok(newest),
    }
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
pub(super) fn secret_of(digits: &[u8]) -> Option<Secret> {
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
    fn the_check_depends_on_tag_and_seal_keys_and_debug_shows_no_secret() {
        let keys = Keys::from_octets([1; 32], [2; 32], [3; 32]);
        assert_ne!(keys.check(), Keys::from_octets([9; 32], [2; 32], [3; 32]).check());
        assert_ne!(keys.check(), Keys::from_octets([1; 32], [2; 32], [9; 32]).check());
        assert_eq!(keys.check(), Keys::from_octets([1; 32], [9; 32], [3; 32]).check());
        assert!(!format!("{keys:?}").contains(&hex(&[1; 32])));
        assert!(keys.export().contains(&hex(&[1; 32])));
    }
}
