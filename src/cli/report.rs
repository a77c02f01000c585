//! Owns `stopgate report unsubscribes`: STOPs and messages by account, sender and campaign.
//! Must never show a number: the daemon gives none.

use super::client::Client;
use super::exit::{Exit, Failure, Outcome};
use super::global::Global;
use super::instant;
use super::print::{self, Table};
use serde_json::Value;

/// Columns of the table and of the CSV, in this order: contracts with those who read the file.
pub const COLUMNS: [&str; 7] = ["account", "sender", "campaign", "messages", "stops", "numbers", "rate"];

/// Figures from the records of the ledger
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    report: Report,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Report {
    Unsubscribes(Unsubscribes),
}

/// Count STOPs and messages by account, sender and campaign
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate report unsubscribes\n  stopgate report unsubscribes --account acme --since 2026-11-01 --until 2026-12-01 --csv > november.csv"
)]
struct Unsubscribes {
    /// From here on (RFC 3339, or a date) [default: 30 days before --until]
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Up to, not including (RFC 3339, or a date) [default: now]
    #[arg(long, value_name = "T")]
    until: Option<String>,
    /// This account only
    #[arg(long)]
    account: Option<String>,
    /// Rows at most
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
    /// CSV with a heading
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let Report::Unsubscribes(asked) = &args.report;
    let answer = Client::new(global)?.get(&path(asked)?)?;
    if global.json {
        print::json(&answer);
    } else if asked.csv {
        csv(&answer)?;
    } else {
        table(&answer).print();
        if let Some(omitted) = answer["omitted"].as_u64().filter(|omitted| *omitted > 0) {
            print::line(format!("{omitted} more row(s): --limit {}", asked.limit as u64 + omitted));
        }
    }
    Ok(Exit::Ok)
}

fn path(asked: &Unsubscribes) -> Result<String, Failure> {
    let mut path = format!("/v1/report/unsubscribes?limit={}", asked.limit);
    for (key, written) in [("since", &asked.since), ("until", &asked.until)] {
        if let Some(written) = written {
            // In UTC, with a Z: nothing in it needs an escape.
            path.push_str(&format!("&{key}={}", instant::read(written, &format!("--{key}"))?));
        }
    }
    if let Some(account) = &asked.account {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.~".contains(&octet);
        let escaped = account.bytes().map(|octet| match plain(octet) {
            true => char::from(octet).to_string(),
            false => format!("%{octet:02X}"),
        });
        path.push_str(&format!("&account={}", escaped.collect::<String>()));
    }
    Ok(path)
}

/// A cell; what is not known is empty.
fn cell(row: &Value, column: &str) -> String {
    match &row[column] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn table(answer: &Value) -> Table {
    let mut table = Table::new(&COLUMNS);
    let shown = |row: &Value, column: &str| {
        let text = match row[column].as_f64().filter(|_| column == "rate") {
            Some(rate) => format!("{:.2} %", rate * 100.0),
            None => cell(row, column),
        };
        if text.is_empty() { "-".to_owned() } else { text }
    };
    for row in answer["rows"].as_array().into_iter().flatten() {
        table.row(COLUMNS.map(|column| shown(row, column)));
    }
    let total = &answer["total"];
    let cells = COLUMNS.map(|column| if column == "account" { "total".to_owned() } else { shown(total, column) });
    table.row(cells);
    if let Some(elsewhere) = answer["elsewhere"].as_u64().filter(|elsewhere| *elsewhere > 0) {
        let mut row = COLUMNS.map(|_| "-".to_owned());
        row[0] = "(by mail, telephone, web, hand)".to_owned();
        row[4] = elsewhere.to_string();
        table.row(row);
    }
    table
}

fn csv(answer: &Value) -> Result<(), Failure> {
    let failed = |error: csv::Error| Failure::new(format!("cannot write: {error}"), "see the room left on the disk");
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(COLUMNS).map_err(failed)?;
    for row in answer["rows"].as_array().into_iter().flatten() {
        out.write_record(COLUMNS.map(|column| cell(row, column))).map_err(failed)?;
    }
    let octets = out.into_inner().map_err(|error| failed(error.into_error().into()))?;
    String::from_utf8_lossy(&octets).lines().for_each(print::line);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_and_the_account_stand_in_the_address_escaped() {
        let asked = Unsubscribes {
            since: Some("2026-11-01".into()),
            until: Some("2026-11-22T11:00:00+01:00".into()),
            account: Some("a&b c".into()),
            limit: 7,
            csv: false,
        };
        assert_eq!(
            path(&asked).expect("an address"),
            "/v1/report/unsubscribes?limit=7&since=2026-11-01T00:00:00Z&until=2026-11-22T10:00:00Z&account=a%26b%20c"
        );
        let asked = Unsubscribes { since: Some("tomorrow".into()), ..asked };
        assert!(path(&asked).is_err());
    }
}
