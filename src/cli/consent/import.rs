//! Owns `stopgate consent import`: a CSV of opt-ins to one account.
//! Must never take a row without what the person saw and what proves it.

use super::super::client::Client;
use super::super::exit::Outcome;
use super::super::global::Global;
use super::super::import::rows::Row;
use super::super::import::{self, Plan};
use super::super::numbers;
use crate::admin::answers::RejectedRow;
use crate::admin::consent::ConsentWork;
use crate::admin::consent::endpoints::{BatchBody, RowBody};
use std::path::PathBuf;

/// Import a CSV of opt-ins: bad rows are named by line, good ones are in (exit 3 when there were bad ones)
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Columns: number, at (RFC 3339: when the person opted in), then optionally evidence, source and wording, found by their heading; separated by , ; or tab. A row whose column `account` names another account is not taken; rows that are in already do no harm.\n\nExamples:\n  stopgate consent import optins.csv --account acme --source web --wording v3 --dry-run\n  stopgate consent import optins.csv --account acme --source web --wording v3 --evidence \"CRM export of 2026-11-20\"\n  stopgate consent import optins.csv --account acme --source web --wording v3 --resume"
)]
pub struct Args {
    /// The file, UTF-8
    file: PathBuf,
    /// The account whose messages they want
    #[arg(long)]
    account: String,
    /// Where the people of rows without their own source opted in: web, app, shop, paper, phone, sms, mail, partner, other
    #[arg(long, value_parser = super::source)]
    source: Option<String>,
    /// Version of the text they saw, for rows without their own
    #[arg(long)]
    wording: Option<String>,
    /// What proves the opt-ins of rows without their own [default: the file's name and SHA-256]
    #[arg(long)]
    evidence: Option<String>,
    /// Country of national numbers [default: [admin] default_country]
    #[arg(long)]
    country: Option<String>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Go on behind the last batch of an interrupted import
    #[arg(long, conflicts_with = "dry_run")]
    resume: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let client = Client::new(global)?;
    let plan = Plan {
        file: &args.file,
        command: format!("stopgate consent import --account {}{}", args.account, given(args)),
        done: "opted in",
        dry_run: args.dry_run,
        resume: args.resume,
    };
    import::run(&plan, args.evidence.as_deref(), global, |rows, evidence| {
        let (rows, foreign) = rows.into_iter().partition::<Vec<_>, _>(|row| is_to(row, &args.account));
        let body = BatchBody {
            work: ConsentWork::Record,
            account: args.account.clone(),
            source: args.source.clone(),
            wording: args.wording.clone(),
            evidence: evidence.to_owned(),
            country: args.country.clone(),
            dry_run: args.dry_run,
            now: false,
            rows: rows.into_iter().map(row).collect(),
        };
        let mut outcome = numbers::outcome(&client.post("/v1/consents", &body)?)?;
        outcome.rejected.extend(foreign.iter().map(refused));
        Ok(outcome)
    })
}

/// Whether a row is for this account: one that names another is not.
fn is_to(row: &Row, account: &str) -> bool {
    row.account.as_deref().is_none_or(|own| own == account)
}

fn refused(row: &Row) -> RejectedRow {
    let account = row.account.as_deref().unwrap_or_default();
    let error = format!("is an opt-in to {account:?}, which does not count for another account");
    RejectedRow { line: row.line, error }
}

fn row(row: Row) -> RowBody {
    let Row { line, number, at, evidence, source, wording, text: _, scope: _, account: _, sender: _ } = row;
    RowBody { line, number, at, source, wording, evidence }
}

/// The options that belong to the command line with which an interrupted import goes on.
fn given(args: &Args) -> String {
    let option = |name: &str, value: &Option<String>| {
        value.as_ref().map_or_else(String::new, |value| format!(" --{name} \"{value}\""))
    };
    [option("source", &args.source), option("wording", &args.wording), option("evidence", &args.evidence)].concat()
}
