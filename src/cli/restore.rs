//! Owns `stopgate restore`: a backup into an empty data_dir, and what is known to be lost by it, in words.
//! Must never open a gateway that may have lost a STOP.

use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::print;
use crate::admin::tokens::renew_local;
use crate::clock::Clock;
use crate::ledger::OpenError;
use crate::ledger::restore::{self, RestoreError, Restored, Wanted};
use crate::ledger::verify::report::rfc3339;
use serde_json::json;
use std::path::PathBuf;

/// Restore a backup into an empty data_dir: a new epoch, closed to commercial traffic until nothing is known to be missing
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate restore /backup/stopgate-2026-11-22 --newest kept.checkpoints
  stopgate restore /backup/stopgate-2026-11-22 --data-dir /srv/stopgate

Exit 0: the backup holds everything up to the newest checkpoint that was at hand. Exit 3: restored, and closed to commercial traffic:
bring the missing STOPs (`stopgate stop import`), then two people record the loss (`stopgate loss`). The keys are put back first
(`stopgate key import`).")]
pub struct Args {
    /// A directory that `stopgate backup` made
    #[arg(value_name = "BACKUP")]
    pub backup: PathBuf,
    /// A file of checkpoints that left the house; may be repeated [default: the file of [checkpoints], when it is there]
    #[arg(long, value_name = "FILE")]
    pub newest: Vec<PathBuf>,
    /// The data_dir to make, absent or empty [default: from the configuration]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let (_, loaded) = global.load()?;
    let (data_dir, keys_dir) = loaded.directories();
    let data_dir = args.data_dir.as_deref().unwrap_or(data_dir);
    let kept = loaded.checkpoints().file.clone().filter(|file| args.newest.is_empty() && file.exists());
    let mut newest = Vec::new();
    for path in args.newest.iter().chain(&kept) {
        let octets = std::fs::read(path).map_err(|error| {
            Failure::usage(format!("{}: {error}", path.display()), "name a file of checkpoints that exists")
        })?;
        newest.push((path.display().to_string(), octets));
    }
    let wanted =
        Wanted { backup: &args.backup, data_dir, keys_dir, node: loaded.node(), newest, now: Clock::system().civil() };
    let restored = restore::restore(&wanted).map_err(|error| not_restored(&error))?;
    let local = &loaded.admin().local_token;
    renew_local(&data_dir.join("admin.tokens"), &data_dir.join(local.file_name().unwrap_or_default())).map_err(
        |error| {
            Failure::new(
                format!("the ledger is restored, but no new local token could be made: {error}"),
                "write a token of your own into admin.tokens (docs/admin-api.md)",
            )
        },
    )?;
    if global.json {
        let lost = lost(&restored);
        print::json(&json!({
            "data_dir": data_dir.display().to_string(),
            "epoch": restored.epoch.number,
            "closed": restored.closed,
            "backup": restored.manifest.checkpoint,
            "newest": restored.epoch.newest.map(|newest| json!({
                "time": rfc3339(newest.at), "epoch": newest.epoch, "events": newest.events.size,
                "verdicts": newest.verdicts.size,
            })),
            "kept": { "events": restored.kept[0], "verdicts": restored.kept[1] },
            "lost": { "events": lost[0], "verdicts": lost[1] },
        }));
    } else {
        say(&restored, data_dir);
    }
    Ok(if restored.closed { Exit::Findings } else { Exit::Ok })
}

/// Records that were signed and are not here, as far as is known.
fn lost(restored: &Restored) -> [Option<u64>; 2] {
    let newest = restored.epoch.newest.filter(|newest| newest.epoch == restored.epoch.backup.epoch);
    [
        newest.map(|newest| newest.events.size.saturating_sub(restored.kept[0])),
        newest.map(|newest| newest.verdicts.size.saturating_sub(restored.kept[1])),
    ]
}

fn say(restored: &Restored, data_dir: &std::path::Path) {
    let Restored { manifest, epoch, kept, closed } = restored;
    print::line(format!(
        "{}: {} and {} of {}, as epoch {}",
        data_dir.display(),
        counted(kept[0] as usize, "event"),
        counted(kept[1] as usize, "verdict"),
        manifest.origin,
        epoch.number
    ));
    let made = &manifest.checkpoint.time;
    match &epoch.newest {
        None => print::line(format!(
            "no checkpoint that left the house was at hand: what came after {made} is lost, however much it was"
        )),
        Some(newest) => {
            let until = rfc3339(newest.at);
            match lost(restored) {
                [Some(0), Some(0)] => print::line(format!(
                    "it holds everything up to the newest checkpoint at hand, of {until}; of what came after {made} nothing is known"
                )),
                [Some(events), Some(verdicts)] => print::line(format!(
                    "LOST: at least {} and {} that were signed up to {until}",
                    counted(events as usize, "event"),
                    counted(verdicts as usize, "verdict")
                )),
                [None, _] | [_, None] => {
                    print::line(format!("LOST: what epoch {} recorded up to {until}", newest.epoch))
                }
            }
        }
    }
    if *closed {
        print::line(
            "CLOSED: commercial messages are refused SG153, transactional ones pass. Start the daemon, bring the missing STOPs",
        );
        print::line(
            "(`stopgate stop import`), then two people record the loss: `stopgate loss record`, `stopgate loss approve`",
        );
    }
}

fn not_restored(error: &RestoreError) -> Failure {
    let (exit, next) = match error {
        RestoreError::NotEmpty(_) => (Exit::Failure, "name an empty directory: a restore never writes over data"),
        RestoreError::NoBackup { .. } => (Exit::Usage, "name a directory that `stopgate backup` made"),
        RestoreError::DoesNotHold(_) => (Exit::Findings, "take another backup; this one was changed or is damaged"),
        RestoreError::OtherNode { .. } => (Exit::BadConfiguration, "write the node's own name in the configuration"),
        RestoreError::Newest { .. } => (
            Exit::Findings,
            "this backup and that checkpoint are not of one history: find out why before anything is restored",
        ),
        RestoreError::OtherKeys(_) => (Exit::BadConfiguration, "put the keys of that node back: `stopgate key import`"),
        RestoreError::Open(OpenError::KeyMissing { .. } | OpenError::KeyInvalid { .. }) => {
            (Exit::BadConfiguration, "`stopgate key import` puts the escrow text back")
        }
        RestoreError::Open(_) | RestoreError::NotRecorded(_) | RestoreError::Erasure(_) | RestoreError::Io { .. } => {
            (Exit::Failure, "mend that, empty the data_dir, and restore again")
        }
    };
    Failure { exit, error: error.to_string(), next: next.to_owned() }
}
