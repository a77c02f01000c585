//! Owns what the API says when it cannot do what was asked: what went wrong, and what to do next.
//! Must never hold a number, a text or a secret.

use crate::ledger::OpenError;
use serde::{Deserialize, Serialize};

/// Whose fault it is, which decides HTTP status and exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The request cannot be understood: 400.
    Invalid,
    /// No token, or one that nobody knows: 401.
    Unauthorised,
    /// The token's role does not allow it: 403.
    Forbidden,
    /// What was named does not exist: 404.
    NotFound,
    /// It contradicts what stands: 409.
    Conflict,
    /// Not now: 503.
    Unavailable,
    /// Our own failure: 500.
    Failed,
}

impl ProblemKind {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthorised => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Failed => 500,
            Self::Unavailable => 503,
        }
    }
}

/// An error as the API answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error}")]
pub struct Problem {
    pub kind: ProblemKind,
    pub error: String,
    /// The next step for the reader.
    pub next: String,
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        Self::new(
            ProblemKind::Failed,
            format!("the ledger cannot be read: {error}"),
            "docs/operations.md says what this means",
        )
    }
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: ProblemKind, error: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, error: error.into(), next: next.into() }
    }
    /// The request cannot be understood.
    pub fn invalid(error: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(ProblemKind::Invalid, error, next)
    }
    /// Not now.
    pub fn unavailable(error: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(ProblemKind::Unavailable, error, next)
    }
}
