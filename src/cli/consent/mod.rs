//! Owns `stopgate consent`: the registry of opt-ins by hand, from files and to files.
//! Must never lift a stop: who said STOP stays stopped, whatever opt-in is recorded.

mod act;
mod export;
mod import;
mod record;
mod revoke;
mod show;

use super::exit::{Exit, Failure, Outcome, counted};
use super::global::Global;
use super::print;
use crate::admin::answers::StopOutcome;
use crate::consent::source::Source;
use serde_json::Value;

/// Record, show, import, export and revoke opt-ins, for accounts with consent = "proof".
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    Record(record::Args),
    Show(show::Args),
    Import(import::Args),
    Export(export::Args),
    Revoke(revoke::Args),
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    match &args.command {
        Command::Record(args) => record::run(args, global),
        Command::Show(args) => show::run(args, global),
        Command::Import(args) => import::run(args, global),
        Command::Export(args) => export::run(args, global),
        Command::Revoke(args) => revoke::run(args, global),
    }
}

fn source(word: &str) -> Result<String, String> {
    Source::of(word).map(|source| source.word().to_owned())
}

/// Says what became of the numbers of a command line.
fn told(answer: &Value, done: &str, dry_run: bool, global: &Global) -> Outcome {
    let outcome: StopOutcome = serde_json::from_value(answer.clone()).map_err(|error| {
        Failure::new(format!("the daemon's answer cannot be read: {error}"), "use the same version of both")
    })?;
    if global.json {
        print::json(answer);
    } else {
        let would = if dry_run { "would be " } else { "" };
        let added = counted(outcome.added as usize, "number");
        print::line(format!("{added} {would}{done}, {} already were", outcome.already));
        for row in &outcome.rejected {
            print::line(format!("number {}: {}", row.line, row.error));
        }
    }
    Ok(if outcome.rejected.is_empty() { Exit::Ok } else { Exit::Findings })
}
