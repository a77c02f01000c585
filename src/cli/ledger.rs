//! Owns `stopgate ledger export`: both logs as files that other tools of transparency logs read.
//! Must never need the daemon, nor change the ledger.

use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::print;
use crate::ledger::export::{self, ExportError};
use serde_json::json;
use std::path::PathBuf;

/// Export the ledger for auditors and their tools.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Write both logs as C2SP tlog-tiles: DIR/events and DIR/verdicts, each with its checkpoint. Whole ledgers are for auditors only
    #[command(after_help = "Examples:
  stopgate ledger export -o /media/audit/gw-1
  stopgate ledger export --from /backup/stopgate -o gw-1")]
    Export {
        /// Where to write; made when absent
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        /// The data_dir to read [default: from the configuration]
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let Command::Export { output, from } = &args.command;
    let dir = match from {
        Some(dir) => dir.clone(),
        None => global.door()?.data_dir,
    };
    let [events, verdicts] = export::export(&dir, output).map_err(|error| {
        let next = match &error {
            ExportError::Fault(_) | ExportError::Contradiction { .. } => {
                "`stopgate verify DATA_DIR` says what is wrong"
            }
            ExportError::Io { .. } => "run as the daemon's user, and name a directory with room",
            ExportError::Unsigned { .. } => "start the daemon for a second: it signs what is there",
            ExportError::Pruned { .. } => {
                "start the daemon for a second: it makes the hashes again, or export from a backup"
            }
            ExportError::Foreign { .. } | ExportError::Older { .. } => "name an empty directory",
        };
        Failure::new(error.to_string(), next)
    })?;
    if global.json {
        print::json(&json!({
            "events": events.size,
            "verdicts": verdicts.size,
            "verdict_entries_from": verdicts.entries_from,
            "directory": output.display().to_string(),
        }));
    } else {
        print::line(format!(
            "{}: {} and {}, each with its checkpoint and tiles",
            output.display(),
            counted(events.size as usize, "event"),
            counted(verdicts.size as usize, "verdict")
        ));
        if verdicts.entries_from > 0 {
            print::line(format!(
                "entries of the first {} verdicts are past their retention, their hashes are there",
                verdicts.entries_from
            ));
        }
    }
    Ok(Exit::Ok)
}
