//! Owns `stopgate loss`: how a restored gateway stands, what was lost by the restore, and its confirmation by a second person.
//! Must never record and confirm in one call.

use super::client::Client;
use super::exit::{Exit, Outcome};
use super::global::Global;
use super::print;
use crate::admin::restore::endpoints::{ConfirmBody, LossBody};
use serde_json::Value;

/// After a restore: say what was lost, and open again by two people.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// How the gateway stands since the restore; exit 3 while it is closed
    #[command(after_help = "Examples:\n  stopgate loss show")]
    Show,
    /// Record what was lost and what was done about it; a second person confirms it within 72 hours
    #[command(
        after_help = "Examples:\n  stopgate --token-file alice.token loss record \"STOPs of 2026-11-22 09:00 to 10:40; fetched again from operator-a, 41 imported\""
    )]
    Record {
        /// In words that auditors will read: no number, no name of a recipient
        words: String,
    },
    /// Confirm what somebody else recorded: commercial traffic flows again
    #[command(after_help = "Examples:\n  stopgate --token-file bob.token loss confirm 4711")]
    Confirm {
        /// As `loss record` said it
        id: u64,
    },
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let client = Client::new(global)?;
    match &args.command {
        Command::Show => show(&client, global),
        Command::Record { words } => {
            let answer = client.post("/v1/restore/loss", &LossBody { words: words.clone() })?;
            if global.json {
                print::json(&answer);
            } else {
                print::line(format!("loss {} recorded; nothing is opened yet", answer["id"]));
                print::line(format!(
                    "a second person confirms it until {}: stopgate loss confirm {}",
                    text(&answer["until"]),
                    answer["id"]
                ));
            }
            Ok(Exit::Ok)
        }
        Command::Confirm { id } => {
            let answer = client.post("/v1/restore/loss/confirm", &ConfirmBody { id: *id })?;
            if global.json {
                print::json(&answer)
            } else {
                print::line("open: commercial traffic flows again")
            }
            Ok(Exit::Ok)
        }
    }
}

fn show(client: &Client, global: &Global) -> Outcome {
    let answer = client.get("/v1/restore")?;
    let closed = answer["closed"] == true;
    if global.json {
        print::json(&answer);
    } else if closed {
        let backup = &answer["backup"];
        print::line(format!(
            "CLOSED since the restore that began epoch {}: the backup reached {} ({} events, {} verdicts)",
            answer["epoch"],
            text(&backup["at"]),
            backup["events"],
            backup["verdicts"]
        ));
        let newest = &answer["newest"];
        match newest.is_object() {
            true => print::line(format!(
                "newest checkpoint that was at hand: {} ({} events, {} verdicts, epoch {})",
                text(&newest["at"]),
                newest["events"],
                newest["verdicts"],
                newest["epoch"]
            )),
            false => print::line("no checkpoint that left the house was at hand"),
        }
        for loss in answer["waiting"].as_array().into_iter().flatten() {
            print::line(format!(
                "loss {} by {}, waits until {}: {}",
                loss["id"],
                text(&loss["by"]),
                text(&loss["until"]),
                text(&loss["words"])
            ));
        }
    } else {
        print::line("open: no restore keeps commercial traffic back");
    }
    Ok(if closed { Exit::Findings } else { Exit::Ok })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
