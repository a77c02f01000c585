//! Owns `stopgate stop show`: what suppresses one number.
//! Must never be asked without being recorded: the daemon does so before it answers.

use super::super::client::Client;
use super::super::exit::{Exit, Outcome};
use super::super::global::Global;
use super::super::numbers::Number;
use super::super::{print, why};
use super::list;

/// Show what suppresses a number (exit 0 suppressed, 3 not); the reading is recorded
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  stopgate stop show \"06 39 98 00 42\"\n  stopgate stop show +33639980042 --json")]
pub struct Args {
    #[command(flatten)]
    number: Number,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let answer = Client::new(global)?.post("/v1/stops/show", &args.number.body())?;
    let entries = answer.as_array().map_or(&[][..], Vec::as_slice);
    if global.json {
        print::json(&answer);
    } else if entries.is_empty() {
        print::line("not suppressed");
    } else {
        list::table(entries).print();
        for entry in entries {
            print::line(format!("event {}:", entry["event"]));
            why::proof(entry).iter().for_each(print::line);
        }
    }
    Ok(if entries.is_empty() { Exit::Findings } else { Exit::Ok })
}
