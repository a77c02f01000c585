//! Owns the ledger's errors, each with what to do next.
//! Must never let a caller mistake "not recorded" for "recorded".

use crate::journal;
use std::io;
use std::path::PathBuf;

/// Why the ledger (or its keys) cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Exit 69.
    #[error("{path} is in use by another stopgate process", path = data_dir.display())]
    Locked { data_dir: PathBuf },
    #[error(
        "{path} is missing, but {data} holds records made with it. Restore the key from escrow (`stopgate key import` takes what `stopgate key export` \
         wrote) into {keys}; starting without it would un-stop every number",
        path = path.display(), data = data_dir.display(), keys = keys_dir.display()
    )]
    KeyMissing { path: PathBuf, data_dir: PathBuf, keys_dir: PathBuf },
    #[error("{path}: {what}", path = path.display())]
    KeyInvalid { path: PathBuf, what: &'static str },
    #[error(
        "the keys in keys_dir are not those that {data} was written with ({path} says so: {which}). Put the right keys back (`stopgate key import` \
         takes what `stopgate key export` wrote); starting with others would un-stop every number",
        path = path.display(), data = data_dir.display()
    )]
    KeyMismatch { path: PathBuf, data_dir: PathBuf, which: String },
    #[error(
        "the keys in {keys} belong to {found} operation; a rehearsal and a live gateway never share keys: name another keys_dir",
        keys = keys_dir.display()
    )]
    KeysOfAnother { keys_dir: PathBuf, found: &'static str },
    #[error(
        "{data} holds a restore that did not end. Empty it, then run `stopgate restore` again",
        data = data_dir.display()
    )]
    Restoring { data_dir: PathBuf },
    #[error("{path} was written by another format of stopgate ({found}); this one reads format 1", path = path.display())]
    Format { path: PathBuf, found: String },
    #[error("{path} belongs to {found} operation; a rehearsal and a live gateway never share a data_dir", path = path.display())]
    Rehearsal { path: PathBuf, found: &'static str },
    #[error(transparent)]
    Journal(journal::error::OpenError),
    #[error(transparent)]
    Read(#[from] journal::error::ReadError),
    #[error("{stream}: record {seq} cannot be read: {what}")]
    Record { stream: &'static str, seq: u64, what: &'static str },
    #[error(
        "{path} was saved at event {saved}, but the events end at {found}: segments are missing. Restore them from a backup",
        path = path.display()
    )]
    Behind { path: PathBuf, saved: u64, found: u64 },
    #[error(
        "{path} was signed over {saved} {stream}, but there are {found}: segments are missing. Restore them from a backup",
        path = path.display()
    )]
    SignedMore { path: PathBuf, stream: &'static str, saved: u64, found: u64 },
    #[error("{path}: {what}. Put the file and keys_dir back as they were", path = path.display())]
    Checkpoints { path: PathBuf, what: &'static str },
    #[error("the first records could not be made durable")]
    NotDurable,
}

impl OpenError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Whether another process holds the data_dir (exit 69).
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    /// Whether the disk takes nothing now: full, read-only or failing (exit 69). Everything else is for the operator to mend (exit 78).
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Io { source, .. } => journal::error::is_of_the_disk(source),
            Self::Journal(error) => error.is_of_the_disk(),
            Self::Read(error) => error.is_of_the_disk(),
            Self::NotDurable => true,
            Self::Locked { .. }
            | Self::KeyMissing { .. }
            | Self::KeyInvalid { .. }
            | Self::KeyMismatch { .. }
            | Self::Restoring { .. }
            | Self::KeysOfAnother { .. }
            | Self::Format { .. }
            | Self::Rehearsal { .. }
            | Self::Record { .. }
            | Self::Behind { .. }
            | Self::SignedMore { .. }
            | Self::Checkpoints { .. } => false,
        }
    }
}

/// Why records were not taken. Nothing of the batch is in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The ledger takes no records now: commercial traffic is refused, transactional traffic is counted.
    #[error("the ledger takes no records: {0}")]
    Unusable(#[from] journal::error::AppendError),
    /// A gap is open: its counts come first. The ledger closes it by itself when the disk is good again.
    #[error("the ledger was unusable; the record of the gap comes first")]
    GapOpen,
    #[error("a record is too long")]
    TooLong,
    #[error("personal data cannot be sealed: the system gives no random octets")]
    NotSealed,
    /// The events of the batch are recorded, its verdicts are not.
    #[error("the ledger takes no verdicts now; the events of the batch are recorded")]
    OnlyEvents { events: std::ops::Range<u64> },
    #[error("the record is not durable yet")]
    NotDurable,
}
