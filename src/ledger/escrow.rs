//! Owns the keys as text: what `stopgate key export` writes for escrow, and what `key import` puts back.
//! Must never write over another key, nor take a text of which a digit was changed.

use super::error::OpenError;
use super::generations::Secrets;
use super::keys::{Keys, SIGN_KEY, Secret, hex, read_key, secret_of};
use sha2::{Digest, Sha256};
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const FIRST: &str = "stopgate keys 1";
const LATER: &str = "stopgate keys 2";

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

impl Keys {
    /// The text for escrow: whoever holds it can read personal data and make tags. Each line can be put back as a file. Keys of
    /// which none was replaced are written as version 1, which earlier versions of stopgate read.
    pub fn export(&self) -> Zeroizing<String> {
        let first = self.tags.len() == 1 && self.seals.len() == 1;
        let mut text = Zeroizing::new(format!("{}\n", if first { FIRST } else { LATER }));
        for (name, secret) in self.files() {
            text.push_str(&name);
            text.push(' ');
            text.push_str(&Zeroizing::new(hex(&**secret)));
            text.push('\n');
        }
        // Version 2 checks every digit; version 1 is what it always was.
        let check = if first { hex(&self.check()) } else { hex(&Sha256::digest(text.as_bytes())[..16]) };
        text.push_str("check ");
        text.push_str(&check);
        text.push('\n');
        text
    }

    /// Puts the text of [`Keys::export`] back into `keys_dir`, which must hold no key but the same ones.
    ///
    /// # Errors
    /// A text that is none, or was changed; another key that is there.
    pub fn import(text: &str, keys_dir: &Path) -> Result<Self, ImportError> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
        if !matches!(lines.next(), Some(FIRST | LATER)) {
            return Err(ImportError::Text("it does not begin with `stopgate keys 1` or `stopgate keys 2`"));
        }
        let tags = all_of(&mut lines, Secrets::Tags)?;
        let sign = one(&mut lines, SIGN_KEY)?.ok_or(MISSING)?;
        let keys = Self { tags, sign, seals: all_of(&mut lines, Secrets::Sealing)? };
        if lines.next() != keys.export().lines().last() {
            return Err(ImportError::Text("the keys are not those that its last line checks: a digit was changed"));
        }
        for (name, secret) in keys.files() {
            let path = keys_dir.join(name);
            if path.exists() && read_key(&path).is_ok_and(|known| known != *secret) {
                return Err(ImportError::Other(path));
            }
        }
        keys.write(keys_dir)?;
        Ok(keys)
    }
}

const MISSING: ImportError = ImportError::Text("a line of a key is missing, or is not 64 hexadecimal digits");

/// The key on the next line, when that bears this name.
fn one<'t>(lines: &mut Peekable<impl Iterator<Item = &'t str>>, name: &str) -> Result<Option<Secret>, ImportError> {
    let Some(line) = lines.next_if(|line| line.split_whitespace().next() == Some(name)) else { return Ok(None) };
    secret_of(line[name.len()..].trim().as_bytes()).ok_or(MISSING).map(Some)
}

/// All generations of a key, one line each.
fn all_of<'t>(lines: &mut Peekable<impl Iterator<Item = &'t str>>, of: Secrets) -> Result<Vec<Secret>, ImportError> {
    let mut found = vec![one(lines, of.file())?.ok_or(MISSING)?];
    while let Some(later) = one(lines, &of.file_of(found.len() + 1))? {
        found.push(later);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_generation_is_exported_and_put_back_and_an_older_export_puts_back_its_own() {
        let dir = tempfile::tempdir().expect("tempdir");
        let keys_dir = dir.path().join("k");
        let first = Keys::from_octets([1; 32], [2; 32], [3; 32]);
        let keys = first.clone().replaced(Secrets::Tags, [4; 32]).replaced(Secrets::Sealing, [5; 32]);
        let keys = keys.replaced(Secrets::Tags, [6; 32]);
        let text = keys.export();
        let names: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
        let all = ["tag.key", "tag.key.2", "tag.key.3", "sign.key", "seal.key", "seal.key.2", "check"];
        assert!(text.starts_with("stopgate keys 2\n") && names == all, "{names:?}");
        Keys::import(&text, &keys_dir).expect("put back");
        assert_eq!(Keys::open(&keys_dir, dir.path()).expect("opened").export(), text);
        for (at, _) in text.char_indices().filter(|(_, letter)| letter.is_ascii_hexdigit()).skip(20) {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let refused = Keys::import(&String::from_utf8_lossy(&changed), &dir.path().join("other"));
            assert!(matches!(refused, Err(ImportError::Text(_))), "octet {at}");
        }
        // What was exported before the rotations: its keys are those that are there.
        Keys::import(&first.export(), &keys_dir).expect("the same keys");
        assert_eq!(Keys::open(&keys_dir, dir.path()).expect("opened").export(), text, "nothing was lost");
    }

    #[test]
    fn a_gap_between_generations_names_the_file_that_is_missing() {
        let dir = tempfile::tempdir().expect("tempdir");
        let keys = Keys::from_octets([1; 32], [2; 32], [3; 32]);
        let keys = keys.replaced(Secrets::Tags, [4; 32]).replaced(Secrets::Tags, [6; 32]);
        for missing in ["tag.key", "tag.key.2"] {
            let keys_dir = dir.path().join(missing);
            Keys::import(&keys.export(), &keys_dir).expect("put back");
            std::fs::remove_file(keys_dir.join(missing)).expect("removed");
            let refused = Keys::open(&keys_dir, dir.path());
            assert!(matches!(&refused, Err(OpenError::KeyMissing { path, .. }) if *path == keys_dir.join(missing)));
        }
        // The others gone too: nothing is made beside what is left.
        let left = dir.path().join("left");
        std::fs::create_dir(&left).expect("made");
        std::fs::copy(dir.path().join("tag.key/tag.key.3"), left.join("tag.key.3")).expect("copied");
        let refused = Keys::open_or_create(&left, &dir.path().join("no data"));
        assert!(matches!(refused, Err(OpenError::KeyMissing { .. })), "{refused:?}");
    }
}
