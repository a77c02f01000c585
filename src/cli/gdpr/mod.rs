//! Owns `stopgate gdpr`: a person asks what is held about their number, or to have it erased.
//! Must never be carried out without being recorded: the daemon does so.

mod access;
mod erase;

use super::exit::{Failure, Outcome};
use super::global::Global;
use super::numbers::Number;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Answer a person: what is held about a number, or erase it (role compliance; both are recorded).
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    Access(access::Args),
    Erase(erase::Args),
}

/// Whom it is about, and where the answer goes.
#[derive(Clone, Debug, clap::Args)]
struct Person {
    #[command(flatten)]
    number: Number,
    /// Write the answer for the person into this file, mode 0600; must not exist
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    match &args.command {
        Command::Access(args) => access::run(args, global),
        Command::Erase(args) => erase::run(args, global),
    }
}

/// Writes what a person is to be sent into a new file that only its owner reads.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        Failure::new(format!("cannot write {}: {error}", path.display()), "name a file that does not exist")
    })
}

/// Whether a file may be written, asked before anything is done that cannot be asked for twice.
fn may_write(path: Option<&Path>) -> Result<(), Failure> {
    match path {
        Some(path) if path.exists() => {
            Err(Failure::usage(format!("{} exists already", path.display()), "name a file that does not exist"))
        }
        Some(_) | None => Ok(()),
    }
}
