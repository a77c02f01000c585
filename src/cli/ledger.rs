//! Owns `stopgate ledger export`: both logs as files that other tools of transparency logs read; and `stopgate ledger counts`: one party's
//! counters, each with its proof.
//! Must never need the daemon, nor change the ledger.

use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::print;
use crate::ledger::Keys;
use crate::ledger::counts::{self, COUNTERS_MAX, Party};
use crate::ledger::export::{self, ExportError};
use crate::ledger::proof::ProofError;
use crate::ledger::verify::{Asked, counts_file};
use crate::message::instant::CivilInstant;
use serde_json::json;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

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
    /// Write the counters of one account or operator into a file that proves itself, for that party: `stopgate verify FILE` checks it
    #[command(after_help = "Examples:
  stopgate ledger counts --account acme -o acme.counts
  stopgate ledger counts --operator operator-a --since 2026-11-22T00:00:00Z -o operator-a.counts
  stopgate verify acme.counts --key 'stopgate/gw-1/events+1a2b3c4d+AQ…'

What was received, permitted, refused and answered, minute by minute; no number, no text, and nothing of anybody else.")]
    Counts {
        /// The account's system_id
        #[arg(long, value_name = "SYSTEM_ID", required_unless_present = "operator", conflicts_with = "operator")]
        account: Option<String>,
        /// The operator's name
        #[arg(long, value_name = "NAME")]
        operator: Option<String>,
        /// Counters from this instant on (RFC 3339) [default: all, the newest 10,080]
        #[arg(long, value_name = "T")]
        since: Option<String>,
        /// Where to write it; must not exist
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    match &args.command {
        Command::Export { output, from } => export(output, from.as_deref(), global),
        Command::Counts { account, operator, since, output } => {
            let since = since.as_deref().map(|since| super::instant::read(since, "--since")).transpose()?;
            let party = match (account, operator) {
                (Some(account), _) => (Party::Account, account.as_str()),
                (None, operator) => (Party::Operator, operator.as_deref().unwrap_or_default()),
            };
            counts(party, since, output, global)
        }
    }
}

fn counts(party: (Party, &str), since: Option<CivilInstant>, output: &Path, global: &Global) -> Outcome {
    let (_, loaded) = global.load()?;
    let (data_dir, keys_dir) = loaded.directories();
    let keys =
        Keys::open(keys_dir, data_dir).map_err(|error| Failure::new(error.to_string(), "run as the daemon's user"))?;
    let (text, made) = counts::make(data_dir, &keys, party, since).map_err(|error| {
        let next = match &error {
            ProofError::Fault(_) | ProofError::Hashes(_) => {
                "`stopgate verify DATA_DIR` says what is wrong with the ledger"
            }
            ProofError::Unsigned => "start the daemon, or ask again in a second",
            ProofError::OtherKey => "name the keys_dir that belongs to this data_dir",
        };
        Failure::new(error.to_string(), next)
    })?;
    let name = output.display().to_string();
    if made.counters == 0 {
        return Err(Failure::new(
            format!("nothing is counted of {:?}", party.1),
            "counters are written once a minute, and at the end; name an account or an operator of the configuration",
        ));
    }
    let (report, _) = counts_file::counts(&name, text.as_bytes(), &Asked::default());
    if let Some(finding) = report.findings.first() {
        return Err(Failure::new(finding.to_string(), "`stopgate verify DATA_DIR` says what is wrong with the ledger"));
    }
    let mut file = std::fs::OpenOptions::new();
    let written = file.write(true).create_new(true).mode(0o600).open(output);
    written
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| Failure::new(format!("cannot write {name}: {error}"), "name a file that does not exist"))?;
    if global.json {
        print::json(&json!({ "file": name, "counters": made.counters, "left_out": made.left_out }));
        return Ok(Exit::Ok);
    }
    print::line(format!("{name}: {} of {}", counted(made.counters, "record"), party.1));
    if made.left_out > 0 {
        print::line(format!(
            "{} are left out: a file holds the newest {COUNTERS_MAX}",
            counted(made.left_out, "older record")
        ));
    }
    Ok(Exit::Ok)
}

fn export(output: &Path, from: Option<&Path>, global: &Global) -> Outcome {
    let dir = match from {
        Some(dir) => dir.to_owned(),
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
