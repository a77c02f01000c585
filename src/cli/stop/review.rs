//! Owns `stopgate stop review`: replies that nothing followed from and that may be opt-outs.
//! Must never show a whole number: `stop add review:ID` adds the STOP.

use super::super::client::Client;
use super::super::exit::{Exit, Outcome};
use super::super::global::Global;
use super::super::print::{self, Table};
use serde_json::Value;

/// List replies that were not understood as a STOP and may be one; the reading is recorded
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate stop review\n  stopgate stop add review:17 --evidence \"reply read by M. Durand\""
)]
pub struct Args {
    /// Replies, the newest first
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let answer = Client::new(global)?.get(&format!("/v1/stops/review?limit={}", args.limit))?;
    if global.json {
        print::json(&answer);
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(&["reply", "at", "number", "code", "why", "text"]);
    for reply in answer.as_array().into_iter().flatten() {
        let text = |key: &str| match &reply[key] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let rest = ["at", "number", "short_code", "doubt", "text"].map(text);
        table.row(std::iter::once(format!("review:{}", reply["id"])).chain(rest));
    }
    table.print();
    Ok(Exit::Ok)
}
