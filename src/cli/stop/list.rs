//! Owns `stopgate stop list`: a page of the list.
//! Must never be asked without being recorded: the daemon does so before it answers.

use super::super::client::Client;
use super::super::exit::{Exit, Outcome};
use super::super::global::Global;
use super::super::print::{self, Table};
use serde_json::Value;

/// List suppressed numbers, a page at a time; the reading is recorded
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  stopgate stop list --limit 20\n  stopgate stop list --after CURSOR --json")]
pub struct Args {
    /// Entries on the page, 1 to 10000
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Where the last page ended
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let answer = Client::new(global)?.get(&path(args.limit, args.after.as_deref(), false))?;
    if global.json {
        print::json(&answer);
        return Ok(Exit::Ok);
    }
    table(answer["entries"].as_array().map_or(&[][..], Vec::as_slice)).print();
    if let Some(next) = answer["next"].as_str() {
        print::line(format!("more: stopgate stop list --after {next}"));
    }
    Ok(Exit::Ok)
}

/// The address of a page. A cursor is the daemon's own word, made of letters, digits and signs that need no escape.
pub fn path(limit: usize, after: Option<&str>, export: bool) -> String {
    let after = after.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
    format!("/v1/stops?limit={limit}&export={export}{after}")
}

/// Entries as rows.
pub fn table(entries: &[Value]) -> Table {
    let mut table = Table::new(&["number", "since", "source", "scope", "by", "code", "event"]);
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    for entry in entries {
        let number = if entry["number"].is_null() { "(erased)".to_owned() } else { text(&entry["number"]) };
        let rest = ["since", "source", "scope", "by", "short_code", "event"].map(|key| text(&entry[key]));
        table.row(std::iter::once(number).chain(rest));
    }
    table
}
