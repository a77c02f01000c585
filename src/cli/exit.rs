//! Owns how a command ends: its exit code, and what is said when it could not do its work.
//! Must never print: `cli::main` does, once.

use crate::admin::problem::{Problem, ProblemKind};
use crate::config::ConfigError;
use std::process::ExitCode;

/// The exit codes of every command: contracts with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    /// It was tried and did not work.
    Failure = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// It worked, and what was found is not as it should be: refused, faulty rows, a mismatch.
    Findings = 3,
    /// The daemon, a peer or a port cannot be reached or used now.
    Unavailable = 69,
    /// The configuration has faults.
    BadConfiguration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not do its work, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub error: String,
    /// The next step; may have several lines.
    pub next: String,
}

impl Failure {
    /// It was tried and did not work.
    pub fn new(error: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: Exit::Failure, error: error.into(), next: next.into() }
    }

    /// The command line cannot be understood.
    pub fn usage(error: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, error: error.into(), next: next.into() }
    }

    /// Something that must be there cannot be reached or used now.
    pub fn unavailable(error: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit: Exit::Unavailable, error: error.into(), next: next.into() }
    }
}

/// Every fault of a configuration, one a line.
impl From<Vec<ConfigError>> for Failure {
    fn from(errors: Vec<ConfigError>) -> Self {
        let faults = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let next = format!("{} to mend; then `stopgate config check`", counted(errors.len(), "fault"));
        Self { exit: Exit::BadConfiguration, error: faults, next }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::from(vec![error])
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = match problem.kind {
            ProblemKind::Invalid => Exit::Usage,
            ProblemKind::Unavailable => Exit::Unavailable,
            ProblemKind::Unauthorised
            | ProblemKind::Forbidden
            | ProblemKind::NotFound
            | ProblemKind::Conflict
            | ProblemKind::Failed => Exit::Failure,
        };
        Self { exit, error: problem.error, next: problem.next }
    }
}

/// How a command ends.
pub type Outcome = Result<Exit, Failure>;

/// `1 fault`, `2 faults`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
