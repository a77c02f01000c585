//! Owns `stopgate consent`: the registry of opt-ins by hand, from files and to files.
//! Must never lift a stop: who said STOP stays stopped, whatever opt-in is recorded.

mod act;
mod export;
mod import;
mod record;
mod revoke;
mod show;

use super::exit::Outcome;
use super::global::Global;
use crate::consent::source::Source;

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
