//! Owns `stopgate backup`: a copy of the evidence and of what waits, made while the daemon runs, that says what it holds.
//! Must never copy a key, nor leave behind what looks like a backup and is none.

use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::print;
use crate::clock::Clock;
use crate::consent;
use crate::ledger::backup::manifest::Manifest;
use crate::ledger::backup::{self, BackupError, Beside, Derived, Source};
use crate::ledger::checkpoint::Stream;
use crate::ledger::counted::Tally;
use crate::ledger::home;
use crate::ledger::kept::Derived as _;
use crate::spool::KEPT_IN_BACKUPS;
use crate::suppression::Index;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Copy the evidence and what waits, while the daemon runs; never the keys
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate backup /backup/stopgate-2026-11-22
  stopgate verify /backup/stopgate-2026-11-22

A backup ends at a checkpoint and is verified before it gets its name. The keys are not in it: `stopgate key export`, kept apart.")]
pub struct Args {
    /// Where to write it; must not exist
    #[arg(value_name = "DIR")]
    pub target: PathBuf,
    /// The data_dir to read [default: from the configuration]
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
}

/// Files that follow from the records: a start is spared reading them.
const DERIVED: [Derived; 4] = [
    Derived { file: "names", stream: Stream::Events },
    Derived { file: Index::FILE, stream: Stream::Events },
    Derived { file: consent::Index::FILE, stream: Stream::Events },
    Derived { file: Tally::FILE, stream: Stream::Verdicts },
];

/// Hashes of tokens, never a token: two people can act after a restore.
const PLAIN: [&str; 1] = ["admin.tokens"];

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let data_dir = match &args.from {
        Some(dir) => dir.clone(),
        None => global.door()?.data_dir,
    };
    let running = home::is_held(&data_dir).map_err(|error| {
        Failure::unavailable(
            format!("{} is no data_dir that can be read: {error}", data_dir.display()),
            "run as the daemon's user, or name its configuration with --config FILE",
        )
    })?;
    let beside = KEPT_IN_BACKUPS.map(|(dir, stream)| Beside { dir, stream });
    let now = Clock::system().civil();
    let source = Source { data_dir: &data_dir, beside: &beside, derived: &DERIVED, plain: &PLAIN, running, now };
    let manifest = backup::take(&source, &args.target).map_err(|error| not_made(&error))?;
    if global.json {
        print::json(&json!({
            "directory": args.target.display().to_string(),
            "running": running,
            "checkpoint": manifest.checkpoint,
            "events": manifest.events,
            "verdicts": manifest.verdicts,
            "waiting": manifest.waiting,
            "left_out": manifest.left_out,
            "octets": manifest.files.iter().map(|file| file.octets).sum::<u64>(),
        }));
    } else {
        say(&args.target, &manifest);
    }
    Ok(Exit::Ok)
}

fn say(target: &Path, manifest: &Manifest) {
    let octets: u64 = manifest.files.iter().map(|file| file.octets).sum();
    print::line(format!(
        "{}: {} and {} of {}, {} MiB, verified",
        target.display(),
        counted((manifest.events.records - manifest.events.first) as usize, "event"),
        counted((manifest.verdicts.records - manifest.verdicts.first) as usize, "verdict"),
        manifest.origin,
        octets.div_ceil(1 << 20)
    ));
    let reached = &manifest.checkpoint;
    print::line(format!(
        "it reaches the checkpoint of {}: {} and {}",
        reached.time,
        counted(reached.events as usize, "event"),
        counted(reached.verdicts as usize, "verdict")
    ));
    print::line(
        "The keys are not in it: `stopgate key export`, kept apart from it. It holds sealed personal data: let it expire.",
    );
}

fn not_made(error: &BackupError) -> Failure {
    let next = match error {
        BackupError::Exists(path) if path.extension().is_some_and(|end| end == "partial") => {
            "another backup is being made there, or one was cut short: remove it, or name another directory"
        }
        BackupError::Exists(_) => "name a directory that does not exist: a backup never replaces another",
        BackupError::Inside(_) => "name a directory on another disk: a backup beside the data is lost with them",
        BackupError::Unsigned => "let the daemon run for a second: it signs what is there",
        BackupError::Source(_) | BackupError::DoesNotHold(_) => {
            "`stopgate verify DATA_DIR` says what is wrong with the ledger; nothing was left in the target"
        }
        BackupError::Target { .. } => {
            "make room, or name a directory that can be written; nothing that looks like a backup was left there"
        }
    };
    Failure::new(error.to_string(), next)
}
