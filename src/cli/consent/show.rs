//! Owns `stopgate consent show`: what is recorded of one number, account by account.
//! Must never be asked without being recorded: the daemon does so before it answers.

use super::super::client::Client;
use super::super::exit::{Exit, Outcome};
use super::super::global::Global;
use super::super::numbers::Number;
use super::super::print::{self, Table};
use serde_json::Value;

/// Show the opt-ins of a number (exit 0 when one holds, else 3); the reading is recorded
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate consent show \"06 39 98 00 42\"\n  stopgate consent show +33639980042 --account acme --json"
)]
pub struct Args {
    #[command(flatten)]
    number: Number,
    /// Only what concerns this account
    #[arg(long)]
    account: Option<String>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let answer = Client::new(global)?.post("/v1/consents/show", &args.number.body())?;
    let mut entries = answer.as_array().cloned().unwrap_or_default();
    entries.retain(|entry| args.account.as_deref().is_none_or(|account| entry["account"] == account));
    let live = entries.iter().any(|entry| entry["state"] == "live");
    if global.json {
        print::json(&Value::Array(entries));
    } else if entries.is_empty() {
        print::line("nothing recorded");
    } else {
        table(&entries).print();
    }
    Ok(if live { Exit::Ok } else { Exit::Findings })
}

fn table(entries: &[Value]) -> Table {
    let mut table =
        Table::new(&["account", "state", "at", "last contact", "ends", "source", "wording", "by", "evidence", "event"]);
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    for entry in entries {
        let keys = ["account", "state", "at", "last_contact", "ends", "source", "wording", "by", "evidence", "event"];
        table.row(keys.map(|key| text(&entry[key])));
    }
    table
}
