//! Owns the backup of a ledger: a directory that is made from the files of a data_dir while the daemon writes on, and says what it holds.
//! Must never hold a key, look whole when it is not, or make anybody wait.
//!
//! It ends at a checkpoint: of a running daemon the newest one, of a stopped one everything. What is rewritten or forgotten while it
//! is read (an erasure, retention) shows, and the copy is begun again. It is verified before it gets its name.

pub mod manifest;
mod pieces;

use super::checkpoint::Stream;
use super::verify::report::Finding;
use super::verify::{self, Asked};
use crate::journal::copy::{CopyError, sync_dir};
use crate::message::instant::CivilInstant;
use manifest::{FILE, Manifest};
use pieces::Cut;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the copy is begun again because the original changed under it.
const TRIES: usize = 20;
/// What lies between two of them. An erasure shows in the copy from its record on, and the checkpoint that covers that comes within a
/// second: until then the copy does not hold.
const BETWEEN: Duration = Duration::from_millis(250);

/// A stream beside the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    /// Its directory in data_dir.
    pub dir: &'static str,
    /// The stream's name.
    pub stream: &'static str,
}

/// A file that follows from a stream's records, with the position it was saved at in octets 24 to 31.
#[derive(Clone, Copy, Debug)]
pub struct Derived {
    pub file: &'static str,
    pub stream: Stream,
}

/// What is to be copied.
#[derive(Clone, Copy, Debug)]
pub struct Source<'s> {
    pub data_dir: &'s Path,
    /// Streams beside the ledger; absent ones are passed over.
    pub beside: &'s [Beside],
    /// What a start is spared; left out when it knows more than the backup holds.
    pub derived: &'s [Derived],
    /// Files that are copied as they are, when they are there.
    pub plain: &'s [&'static str],
    /// Whether a daemon holds the data_dir.
    pub running: bool,
    pub now: CivilInstant,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path} exists already", path = .0.display())]
    Exists(PathBuf),
    #[error("{path} lies in the data_dir", path = .0.display())]
    Inside(PathBuf),
    #[error("no checkpoint covers the ledger yet")]
    Unsigned,
    #[error("the ledger cannot be copied: {0}")]
    Source(CopyError),
    #[error("the copy does not hold: {0}")]
    DoesNotHold(Box<Finding>),
    #[error("{path}: {source}", path = path.display())]
    Target { path: PathBuf, source: io::Error },
}

impl From<CopyError> for BackupError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Source(_) => Self::Source(error),
            CopyError::Target { path, source } => Self::Target { path, source },
        }
    }
}

/// Makes a backup in `target`, which must not exist: it appears whole, or not at all. Reads files, and waits for no writer.
///
/// # Errors
/// See [`BackupError`]; nothing is left behind that looks like a backup.
pub fn take(source: &Source<'_>, target: &Path) -> Result<Manifest, BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::Target { path, source }
    };
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let whole_parent = fs::canonicalize(parent).map_err(failed(parent))?;
    if fs::canonicalize(source.data_dir).is_ok_and(|data_dir| whole_parent.starts_with(data_dir)) {
        return Err(BackupError::Inside(target.to_owned()));
    }
    let mut partial = target.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    for path in [target, &partial] {
        if fs::symlink_metadata(path).is_ok() {
            return Err(BackupError::Exists(path.to_owned()));
        }
    }
    let made = fill(source, &partial).and_then(|manifest| {
        fs::rename(&partial, target).map_err(failed(target))?;
        sync_dir(parent).map_err(failed(parent))?;
        Ok(manifest)
    });
    if made.is_err() {
        // What cannot be removed keeps the name that says what it is.
        let _ = fs::remove_dir_all(&partial);
    }
    made
}

fn fill(source: &Source<'_>, partial: &Path) -> Result<Manifest, BackupError> {
    let mut tries = 0;
    let cut = loop {
        tries += 1;
        let copied = pieces::copy(source, partial).and_then(|cut| {
            let report = verify::ledger(partial, &Asked::default());
            match report.findings.into_iter().next() {
                None => Ok(cut),
                Some(finding) => Err(BackupError::DoesNotHold(Box::new(finding))),
            }
        });
        match copied {
            Ok(cut) => break cut,
            Err(BackupError::Source(_) | BackupError::DoesNotHold(_)) if tries < TRIES => {
                fs::remove_dir_all(partial)
                    .map_err(|source| BackupError::Target { path: partial.to_owned(), source })?;
                std::thread::sleep(BETWEEN);
            }
            Err(error) => return Err(error),
        }
    };
    let Cut { checkpoint, events, verdicts, beside, left_out, rehearsal, key, label } = cut;
    let failed = |source| BackupError::Target { path: partial.to_owned(), source };
    let manifest = Manifest {
        format: manifest::FORMAT.to_owned(),
        origin: checkpoint.origin.clone(),
        made: verify::report::rfc3339(source.now),
        software: concat!("stopgate ", env!("CARGO_PKG_VERSION")).to_owned(),
        rehearsal,
        key,
        key_check: super::keys::hex(&label),
        checkpoint: manifest::Reached::of(&checkpoint),
        events: manifest::Held { first: events.first, records: events.records },
        verdicts: manifest::Held { first: verdicts.first, records: verdicts.records },
        waiting: beside,
        left_out,
        files: manifest::files(partial).map_err(failed)?,
    };
    manifest.write(&partial.join(FILE)).map_err(failed)?;
    sync_dir(partial).map_err(failed)?;
    Ok(manifest)
}
