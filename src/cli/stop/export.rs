//! Owns `stopgate stop export`: the whole list as CSV, page by page.
//! Must never be asked without being recorded: the daemon does so before it answers.

use super::super::client::Client;
use super::super::exit::Outcome;
use super::super::export::{self, PAGE};
use super::super::global::Global;
use super::list;
use std::path::PathBuf;

/// Columns, in this order: contracts with those who read the file.
pub const COLUMNS: [&str; 11] =
    ["number", "tag", "since", "source", "scope", "by", "short_code", "evidence", "event", "said_at", "text"];

/// Write the whole list as CSV; the reading is recorded
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  stopgate stop export -o stops.csv\n  stopgate stop export | wc -l")]
pub struct Args {
    /// Where to write it, mode 0600 [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let client = Client::new(global)?;
    export::run(&COLUMNS, |after| client.get(&list::path(PAGE, after, true)), args.output.as_deref())
}
