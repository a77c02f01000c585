//! Owns `stopgate stop import`: a CSV of opt-outs.
//! Must never lift: a row adds.

use super::super::client::Client;
use super::super::exit::Outcome;
use super::super::global::Global;
use super::super::import::rows::Row;
use super::super::import::{self, Plan};
use super::super::numbers;
use super::whom::Whom;
use crate::admin::requests::StopOrigin;
use crate::admin::stops::{BatchBody, RowBody};
use std::path::PathBuf;

/// Import a CSV of opt-outs: bad rows are named by line, good ones are in (exit 3 when there were bad ones)
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Columns: number, then optionally at (RFC 3339), evidence, text, scope, account and sender, which go before the options; without a heading the first three in this order; separated by , ; or tab.\n\nExamples:\n  stopgate stop import optouts.csv --dry-run\n  stopgate stop import optouts.csv --evidence \"CRM export of 2026-11-20\"\n  stopgate stop import optouts.csv --resume"
)]
pub struct Args {
    /// The file, UTF-8
    file: PathBuf,
    /// What proves the opt-outs of rows without their own [default: the file's name and SHA-256]
    #[arg(long)]
    evidence: Option<String>,
    /// Where they came from: manual, import, mail, phone, web, complaint, gdpr, operator
    #[arg(long, default_value = "import", value_parser = super::origin)]
    origin: StopOrigin,
    /// Country of national numbers [default: [admin] default_country]
    #[arg(long)]
    country: Option<String>,
    #[command(flatten)]
    whom: Whom,
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
        command: "stopgate stop import".to_owned(),
        done: "suppressed",
        dry_run: args.dry_run,
        resume: args.resume,
    };
    import::run(&plan, args.evidence.as_deref(), global, |rows, evidence| {
        let body = BatchBody {
            origin: args.origin,
            evidence: evidence.to_owned(),
            country: args.country.clone(),
            dry_run: args.dry_run,
            scope: args.whom.scope.clone(),
            account: args.whom.account.clone(),
            sender: args.whom.sender.clone(),
            rows: rows.into_iter().map(row).collect(),
        };
        numbers::outcome(&client.post("/v1/stops", &body)?)
    })
}

fn row(row: Row) -> RowBody {
    let Row { line, number, at, evidence, text, scope, account, sender, source: _, wording: _ } = row;
    RowBody { line, number, at, evidence, text, scope, account, sender }
}
