//! Owns who is who: the file of names, roles and hashes, read again when it changes.
//! Must never keep or print a token; a hash is compared in constant time.

use super::problem::{Problem, ProblemKind};
use super::role::Role;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use subtle::ConstantTimeEq;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    roles: Vec<Role>,
    hash: [u8; 32],
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub name: String,
    pub roles: Vec<Role>,
}

impl Caller {
    /// Whether it is a sender and nothing else: then it sees and touches its own account only.
    pub fn is_only_a_sender(&self) -> bool {
        self.roles.iter().all(|role| *role == Role::Sender)
    }

    /// Nothing when it may work on an account. `doing`: what it wants, such as `check its own account only`.
    ///
    /// # Errors
    /// It is a sender's, and the account another's.
    pub fn may_touch(&self, account: &str, doing: &str) -> Result<(), Problem> {
        if !self.is_only_a_sender() || self.name == account {
            return Ok(());
        }
        let refused = format!("the token {:?} may {doing}", self.name);
        Err(Problem::new(ProblemKind::Forbidden, refused, "name your own account"))
    }
}

/// A file of tokens that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct TokenError {
    pub file: String,
    /// Counted from 1; 0 = the file as a whole.
    pub line: usize,
    pub message: String,
}

/// The tokens that hold.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    known: Mutex<(Option<SystemTime>, Vec<Entry>)>,
}

impl Tokens {
    /// Reads the file. When there is none, makes it with one token named `local` for every role but `sender`,
    /// and writes that token to `local_token`; both 0600.
    pub fn open_or_create(path: &Path, local_token: &Path) -> Result<Self, TokenError> {
        if !path.exists() {
            let mut random = [0u8; 32];
            let failed =
                |path: &Path, why: String| TokenError { file: path.display().to_string(), line: 0, message: why };
            getrandom::fill(&mut random).map_err(|error| failed(path, format!("no random octets: {error}")))?;
            let token = hex(&random);
            let line = format!(
                "# name role[,role] sha256-of-the-token\nlocal operator,compliance,auditor {}\n",
                hex(&Sha256::digest(token.as_bytes()))
            );
            // The token first: a file of hashes without its token would lock everybody out.
            write_private(local_token, &token, true)
                .map_err(|error| failed(local_token, format!("cannot write it: {error}")))?;
            write_private(path, &line, false).map_err(|error| failed(path, format!("cannot write it: {error}")))?;
        }
        let entries = read(path)?;
        Ok(Self { path: path.to_owned(), known: Mutex::new((changed(path), entries)) })
    }

    /// Who holds this token, if anybody. A changed file is read first; a faulty one changes nothing and is told.
    pub fn caller(&self, token: &str) -> (Option<Caller>, Option<TokenError>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fault = None;
        let stamp = changed(&self.path);
        if stamp != known.0 {
            known.0 = stamp;
            match read(&self.path) {
                Ok(entries) => known.1 = entries,
                Err(error) => fault = Some(error),
            }
        }
        let hash = Sha256::digest(token.as_bytes());
        let mut found = None;
        // Every line is compared, so that time tells nothing about which one matched.
        for entry in &known.1 {
            if bool::from(entry.hash.as_slice().ct_eq(hash.as_slice())) {
                found = Some(Caller { name: entry.name.clone(), roles: entry.roles.clone() });
            }
        }
        (found, fault)
    }
}

/// Gives the token `local` anew where the file names one: after a restore its secret is not on this machine. `false` when it names none.
///
/// # Errors
/// A file that cannot be read or written.
pub fn renew_local(path: &Path, local_token: &Path) -> std::io::Result<bool> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut random = [0u8; 32];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let token = hex(&random);
    let hash = hex(&Sha256::digest(token.as_bytes()));
    let mut found = false;
    let lines = text.lines().map(|line| match line.split_ascii_whitespace().collect::<Vec<_>>()[..] {
        ["local", roles, _] => {
            found = true;
            format!("local {roles} {hash}\n")
        }
        _ => format!("{line}\n"),
    });
    let renewed: String = lines.collect();
    if found {
        write_private(local_token, &token, true)?;
        let temp = path.with_extension("tmp");
        write_private(&temp, &renewed, true)?;
        std::fs::rename(&temp, path)?;
    }
    Ok(found)
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

fn read(path: &Path) -> Result<Vec<Entry>, TokenError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| TokenError {
        file: file.clone(),
        line: 0,
        message: format!("cannot read it: {error}"),
    })?;
    parse(&text).map_err(|(line, message)| TokenError { file, line, message })
}

fn parse(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let mut entries: Vec<Entry> = Vec::new();
    for (at, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [name, roles, hash] = fields[..] else {
            return Err((at, "write `name role sha256-of-the-token`, with spaces between".to_owned()));
        };
        let unknown = roles.split(',').find(|word| Role::of(word).is_none());
        if let Some(word) = unknown {
            return Err((at, format!("{word:?} is no role: write sender, operator, compliance or auditor")));
        }
        let hash = unhex(hash)
            .ok_or_else(|| (at, "the hash must be 64 hexadecimal digits: SHA-256 of the token".to_owned()))?;
        if entries.iter().any(|entry| entry.name == name) {
            return Err((at, format!("{name:?} stands already in the file: give each person a token")));
        }
        entries.push(Entry { name: name.to_owned(), roles: roles.split(',').filter_map(Role::of).collect(), hash });
    }
    if entries.is_empty() {
        return Err((0, "no token in it: remove the file to have a first one made at the next start".to_owned()));
    }
    Ok(entries)
}

fn write_private(path: &Path, text: &str, replace: bool) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).mode(0o600);
    if replace {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut octets = [0u8; 32];
    for (at, octet) in octets.iter_mut().enumerate() {
        *octet = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_first_start_makes_a_token_that_works_and_that_others_cannot_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, local) = (directory.path().join("admin.tokens"), directory.path().join("admin.token"));
        let tokens = Tokens::open_or_create(&path, &local).expect("made");
        let token = std::fs::read_to_string(&local).expect("the token");
        let (caller, fault) = tokens.caller(&token);
        assert_eq!(fault, None);
        assert_eq!(caller.map(|caller| caller.name), Some("local".to_owned()));
        assert!(!std::fs::read_to_string(&path).expect("hashes").contains(&token));
        for file in [&path, &local] {
            assert_eq!(std::fs::metadata(file).expect("there").permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(tokens.caller("guess").0, None);
        assert_eq!(tokens.caller("").0, None);
        let again = Tokens::open_or_create(&path, &local).expect("read again");
        assert!(again.caller(&token).0.is_some(), "a second start keeps the token");
    }

    #[test]
    fn a_changed_file_holds_at_once_and_a_faulty_one_changes_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, local) = (directory.path().join("admin.tokens"), directory.path().join("admin.token"));
        let tokens = Tokens::open_or_create(&path, &local).expect("made");
        let token = std::fs::read_to_string(&local).expect("the token");
        let write = |text: &str, second: u64| {
            std::fs::write(&path, text).expect("written");
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
            std::fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(at)).expect("stamped");
        };
        write("carol superuser 00", 1);
        let (caller, fault) = tokens.caller(&token);
        assert!(caller.is_some() && fault.is_some_and(|fault| fault.line == 1));
        write(&format!("carol auditor {}\n", hex(&Sha256::digest(b"her-token"))), 2);
        assert_eq!(tokens.caller(&token).0, None, "revoked");
        assert_eq!(tokens.caller("her-token").0.map(|caller| caller.roles), Some(vec![Role::Auditor]));
    }

    #[test]
    fn faulty_lines_are_told_with_their_number() {
        let hash = "0".repeat(64);
        let cases = [
            (format!("a auditor {hash}\nb auditor"), 2, "name role"),
            (format!("a boss {hash}"), 1, "no role"),
            ("a auditor 00".to_owned(), 1, "64 hexadecimal"),
            (format!("a auditor {hash}\na operator {hash}"), 2, "already"),
            ("# nobody\n".to_owned(), 0, "no token"),
        ];
        for (text, line, expected) in cases {
            let (at, message) = parse(&text).expect_err(&text);
            assert_eq!(at, line, "{text}");
            assert!(message.contains(expected), "{message}");
        }
    }
}
