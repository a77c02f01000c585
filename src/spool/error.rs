//! Owns the reasons for which the spool cannot be opened or kept.
//! Must never hide damage: what cannot be read is said, with its place.

use crate::journal::error::{AppendError, BlankError, OpenError, ReadError, is_of_the_disk};
use std::io;
use std::path::PathBuf;

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Blank(#[from] BlankError),
    #[error("segments that are no longer needed cannot be removed: {0}")]
    Forget(io::Error),
    #[error("record {record} of the spool was written by a later version")]
    Unknown { record: u64 },
    #[error("record {record} of the spool cannot be opened with this key")]
    Sealed { record: u64 },
    #[error("the machine gives no random octets: {0}")]
    Random(#[from] getrandom::Error),
}

impl SpoolError {
    /// Whether the disk takes nothing now: full, read-only or failing.
    pub fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Io { source, .. } | Self::Forget(source) => is_of_the_disk(source),
            Self::Open(error) => error.is_of_the_disk(),
            Self::Read(error) => error.is_of_the_disk(),
            Self::Blank(error) => error.is_of_the_disk(),
            Self::Append(_) => true,
            Self::Unknown { .. } | Self::Sealed { .. } | Self::Random(_) => false,
        }
    }
}
