//! Owns the command line: which commands there are, their exit codes, and how errors are said.
//! Must never hold what a command does: one file each.

pub mod backup;
pub mod calendar;
pub mod check;
mod client;
pub mod config;
pub mod consent;
pub mod demo;
pub mod drain;
pub mod exit;
pub mod explain;
mod export;
pub mod gdpr;
pub mod global;
mod import;
pub mod instant;
pub mod key;
pub mod ledger;
pub mod loss;
mod numbers;
mod outward;
pub mod print;
pub mod proof;
pub mod reload;
pub mod report;
pub mod restore;
pub mod run;
pub mod sim;
pub mod status;
pub mod stop;
pub mod verify;
pub mod why;

use clap::Parser;
use exit::{Exit, Failure, Outcome};
use global::Global;
use std::ffi::OsString;
use std::process::ExitCode;

/// The whole command line.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "stopgate",
    version,
    about = "An SMPP gateway that enforces SMS-marketing compliance inline, and proves it",
    after_help = "Exit codes: 0 ok · 1 failure · 2 usage · 3 findings (refused, faulty rows, a ledger that does not hold) · 69 unavailable · 78 bad configuration"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Every command: a noun, and a verb where the noun has several.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    Run(run::Args),
    Config(config::Args),
    Check(check::Args),
    Why(why::Args),
    Stop(stop::Args),
    Consent(consent::Args),
    Gdpr(gdpr::Args),
    Calendar(calendar::Args),
    Explain(explain::Args),
    Report(report::Args),
    Status(status::Args),
    Ready(status::ReadyArgs),
    Reload(reload::Args),
    Drain(drain::Args),
    Proof(proof::Args),
    Verify(verify::Args),
    Ledger(ledger::Args),
    Key(key::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Loss(loss::Args),
    Demo(demo::Args),
    Sim(sim::Args),
}

/// Reads the arguments, runs the command, says what went wrong. Never panics on a closed stdout.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            // Help goes to stdout, usage errors to stderr; a closed pipe is no failure of ours.
            let printed = error.print();
            drop(printed);
            return exit.into();
        }
    };
    match dispatch(&cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            say(&failure, cli.global.json);
            failure.exit.into()
        }
    }
}

fn dispatch(cli: &Cli) -> Outcome {
    let global = &cli.global;
    match &cli.command {
        Command::Run(args) => run::run(args, global),
        Command::Config(args) => config::run(args, global),
        Command::Check(args) => check::run(args, global),
        Command::Why(args) => why::run(args, global),
        Command::Stop(args) => stop::run(args, global),
        Command::Consent(args) => consent::run(args, global),
        Command::Gdpr(args) => gdpr::run(args, global),
        Command::Report(args) => report::run(args, global),
        Command::Status(args) => status::run(args, global),
        Command::Ready(args) => status::ready(args, global),
        Command::Reload(args) => reload::run(args, global),
        Command::Drain(args) => drain::run(args, global),
        Command::Proof(args) => proof::run(args, global),
        Command::Verify(args) => verify::run(args, global),
        Command::Ledger(args) => ledger::run(args, global),
        Command::Key(args) => key::run(args, global),
        Command::Backup(args) => backup::run(args, global),
        Command::Restore(args) => restore::run(args, global),
        Command::Loss(args) => loss::run(args, global),
        Command::Calendar(args) => calendar::run(args, global),
        Command::Explain(args) => explain::run(args, global),
        Command::Demo(args) => demo::run(args, global),
        Command::Sim(args) => sim::run(args, global),
    }
}

/// An error to stderr, with the next step.
fn say(failure: &Failure, json: bool) {
    if json {
        eprintln!(
            "{}",
            serde_json::json!({ "error": failure.error, "next": failure.next, "exit": failure.exit as u8 })
        );
        return;
    }
    for line in failure.error.lines() {
        eprintln!("error: {line}");
    }
    for line in failure.next.lines() {
        eprintln!("  next: {line}");
    }
}

#[cfg(test)]
mod tests;
