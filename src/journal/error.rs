//! Owns the journal's errors: what failed, in which file, at which octet.
//! Must never hide damage behind a default.

use std::io;
use std::path::PathBuf;

/// Whether an error says that a disk is full, read-only or failing, and not that something on it is wrong or missing.
pub fn is_of_the_disk(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    /// EIO has no kind of its own.
    const EIO: i32 = 5;
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem) || error.raw_os_error() == Some(EIO)
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    /// A record that had been written whole is not readable any more.
    #[error("{path}: damaged at octet {offset}: {what}. Nothing was changed; restore this file from a backup", path = path.display())]
    Damaged { path: PathBuf, offset: u64, what: &'static str },
    #[error("{path} is missing although later segments exist; restore it from a backup", path = path.display())]
    Missing { path: PathBuf },
    #[error("{path} was written under another label (key-check value) than those given", path = path.display())]
    Label { path: PathBuf, label: [u8; 16] },
    #[error("{path} belongs to another stream or is of an unknown version", path = path.display())]
    Foreign { path: PathBuf },
}

impl OpenError {
    /// Whether the disk takes nothing now: full, read-only or failing.
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_of_the_disk(source),
            Self::Damaged { .. } | Self::Missing { .. } | Self::Label { .. } | Self::Foreign { .. } => false,
        }
    }

    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Why a batch was not appended. Nothing of it is in the stream.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error("the write failed: {0}")]
    Write(io::Error),
    #[error("no pre-written segment is ready (disk full?)")]
    NoSegment,
    #[error("the disk does not take what was written (fsync is stalled)")]
    Stalled,
    #[error("the batch is larger than a segment")]
    TooLarge,
    /// Two fsyncs in a row failed: closed until restart.
    #[error("fsync failed twice; the stream is closed until restart")]
    Broken,
    #[error("the stream is closed")]
    Closed,
}

/// Why a record cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: damaged at octet {offset}", path = path.display())]
    Damaged { path: PathBuf, offset: u64 },
    /// The segments end before a record that was appended.
    #[error("record {seq} is in no segment")]
    Absent { seq: u64 },
}

impl ReadError {
    /// Whether the disk could not be read.
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_of_the_disk(source),
            Self::Damaged { .. } | Self::Absent { .. } => false,
        }
    }
}

/// Why blobs could not be dropped. No record is lost, and none is half changed: call it again.
#[derive(Debug, thiserror::Error)]
pub enum BlankError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} has room for {room} octets, and {needed} are needed to rewrite a segment", path = path.display())]
    Room { path: PathBuf, room: u64, needed: u64 },
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error("{path}: damaged at octet {offset}; `stopgate verify` says more", path = path.display())]
    Damaged { path: PathBuf, offset: u64 },
    /// The stream has not gone on behind this record yet.
    #[error("record {seq} stands in the segment being written")]
    Open { seq: u64 },
}

impl BlankError {
    /// Whether the disk takes nothing now: full, read-only or failing.
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_of_the_disk(source),
            Self::Room { .. } => true,
            Self::Append(_) | Self::Damaged { .. } | Self::Open { .. } => false,
        }
    }
}
