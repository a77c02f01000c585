//! Owns `stopgate consent export`: the opt-ins that are not revoked as CSV, page by page.
//! Must never be asked without being recorded: the daemon does so before it answers.

use super::super::client::Client;
use super::super::exit::{Failure, Outcome};
use super::super::export::{self, PAGE};
use super::super::global::Global;
use std::path::PathBuf;

/// Columns, in this order: contracts with those who read the file. `import` reads number, at, evidence, source and wording.
pub const COLUMNS: [&str; 13] = [
    "number",
    "at",
    "evidence",
    "source",
    "wording",
    "account",
    "state",
    "last_contact",
    "ends",
    "by",
    "recorded",
    "tag",
    "event",
];

/// Write the opt-ins that are not revoked as CSV; the reading is recorded
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate consent export --account acme -o optins.csv\n  stopgate consent export | grep ,expired,"
)]
pub struct Args {
    /// Only those to this account
    #[arg(long)]
    account: Option<String>,
    /// Where to write it, mode 0600 [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let account = args.account.as_deref().unwrap_or_default();
    if !account.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)) {
        return Err(Failure::usage(
            format!("--account {account}: cannot stand in an address"),
            "export all accounts, and filter by the column `account`",
        ));
    }
    let filter = if account.is_empty() { String::new() } else { format!("&account={account}") };
    let client = Client::new(global)?;
    let fetch = |after: Option<&str>| {
        let after = after.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        client.get(&format!("/v1/consents?limit={PAGE}{filter}{after}"))
    };
    export::run(&COLUMNS, fetch, args.output.as_deref())
}
