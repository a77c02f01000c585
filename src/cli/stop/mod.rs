//! Owns `stopgate stop`: the suppression list by hand, from files and to files.
//! Must never lift by itself: only the person does, or two people with evidence.

mod add;
mod export;
mod import;
mod lift;
mod list;
mod review;
mod show;
mod whom;

use super::exit::Outcome;
use super::global::Global;
use crate::admin::requests::StopOrigin;

/// Add to, show, list, import, export and lift from the suppression list.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    Add(add::Args),
    Show(show::Args),
    List(list::Args),
    Review(review::Args),
    Import(import::Args),
    Lift(lift::Args),
    Export(export::Args),
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    match &args.command {
        Command::Add(args) => add::run(args, global),
        Command::Show(args) => show::run(args, global),
        Command::List(args) => list::run(args, global),
        Command::Review(args) => review::run(args, global),
        Command::Lift(args) => lift::run(args, global),
        Command::Import(args) => import::run(args, global),
        Command::Export(args) => export::run(args, global),
    }
}

fn origin(word: &str) -> Result<StopOrigin, String> {
    let all = || StopOrigin::ALL.map(StopOrigin::word).join(", ");
    StopOrigin::of(word).ok_or_else(|| format!("write one of {}", all()))
}
