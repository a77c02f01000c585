//! Owns `stopgate proof`: the records of one number in a file that proves itself to whoever reads it.
//! Must never be made unseen: the daemon records who asked, or the command says that nobody did.

use super::client::Client;
use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::numbers::Number;
use super::print;
use crate::ledger::Keys;
use crate::ledger::proof::{self, ProofError};
use crate::ledger::verify::Asked;
use crate::ledger::verify::proof_file;
use serde_json::json;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Write what the ledger holds of a number into a file that `verify` checks (the reading is recorded).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate proof \"06 39 98 00 12\" -o 33639980012.proof
  stopgate verify 33639980012.proof --key 'stopgate/gw-1/events+1a2b3c4d+AQ…'

The file holds personal data: the number, and the texts that person wrote. Run it as the daemon's user.")]
pub struct Args {
    #[command(flatten)]
    pub number: Number,
    /// Where to write it, mode 0600; must not exist
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Without a daemon that records who reads: the file is made all the same
    #[arg(long)]
    pub offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let (_, loaded) = global.load()?;
    let Number { number: written, country } = &args.number;
    let country = country.as_deref().unwrap_or(&loaded.admin().default_country);
    let number = loaded
        .numbers()
        .read(written, country)
        .map_err(|error| Failure::usage(format!("{written:?} is no number: {error}"), "write it as in +33639980012"))?;
    if !args.offline {
        // Whoever reads personal data is recorded first.
        Client::new(global)?.post("/v1/why", &args.number.body()).map_err(|failure| Failure {
            next: format!("{}\nwithout a daemon: --offline, and note yourself who asked and why", failure.next),
            ..failure
        })?;
    }
    let (data_dir, keys_dir) = loaded.directories();
    let keys =
        Keys::open(keys_dir, data_dir).map_err(|error| Failure::new(error.to_string(), "run as the daemon's user"))?;
    let (text, made) = proof::make(data_dir, &keys, number).map_err(|error| {
        let next = match &error {
            ProofError::Fault(_) | ProofError::Hashes(_) => {
                "`stopgate verify DATA_DIR` says what is wrong with the ledger"
            }
            ProofError::Unsigned => "start the daemon, or ask again in a second",
            ProofError::OtherKey => "name the keys_dir that belongs to this data_dir",
        };
        Failure::new(error.to_string(), next)
    })?;
    let name = args.output.display().to_string();
    let (report, _) = proof_file::proof(&name, text.as_bytes(), &Asked::default());
    if let Some(finding) = report.findings.first() {
        return Err(Failure::new(finding.to_string(), "`stopgate verify DATA_DIR` says what is wrong with the ledger"));
    }
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.output)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written
        .map_err(|error| Failure::new(format!("cannot write {name}: {error}"), "name a file that does not exist"))?;
    if global.json {
        print::json(&json!({
            "file": name, "events": made.events, "verdicts": made.verdicts, "left_out": made.left_out,
            "recorded": !args.offline,
        }));
        return Ok(Exit::Ok);
    }
    print::line(format!(
        "{name}: {} and {} of +{}",
        counted(made.events, "event"),
        counted(made.verdicts, "verdict"),
        number.as_u64()
    ));
    if made.left_out > 0 {
        print::line(format!(
            "{} are left out: a file holds the newest {}",
            counted(made.left_out, "older verdict"),
            proof::VERDICTS_MAX
        ));
    }
    if args.offline {
        print::line("nobody recorded that you read this: note who asked and why");
    }
    print::line("It shows that these records exist, never that no other does.");
    Ok(Exit::Ok)
}
