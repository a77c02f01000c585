//! Owns `stopgate consent revoke`: opt-ins that hold no more.
//! Must never be mistaken for a stop: it concerns one account, and `stop add` concerns all.

use super::super::client::Client;
use super::super::exit::Outcome;
use super::super::global::Global;
use super::super::instant;
use crate::admin::consent::ConsentWork;
use crate::admin::consent::endpoints::{BatchBody, RowBody};

/// Revoke the opt-ins of numbers to one account, in force at once (exit 3 when a number is not taken)
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Only a later opt-in counts afterwards. A person who wants no messages from anybody is added with `stopgate stop add`.\n\nExamples:\n  stopgate consent revoke \"06 39 98 00 42\" --account acme --evidence \"mail of 2026-11-20\"\n  stopgate consent revoke +33639980042 --account acme --evidence \"unticked in the app\" --source app --dry-run"
)]
pub struct Args {
    /// The numbers, as one writes them
    #[arg(required = true)]
    numbers: Vec<String>,
    /// The account whose messages they no longer want
    #[arg(long)]
    account: String,
    /// What proves it, in words
    #[arg(long)]
    evidence: String,
    /// Where they said so: web, app, shop, paper, phone, sms, mail, partner, other
    #[arg(long, default_value = "other", value_parser = super::source)]
    source: String,
    /// When they said so, RFC 3339 [default: now]
    #[arg(long, value_name = "T")]
    at: Option<String>,
    /// Country of national numbers [default: [admin] default_country]
    #[arg(long)]
    country: Option<String>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let at = args.at.as_deref().map(|at| instant::read(at, "--at")).transpose()?.map(|at| at.to_string());
    let row = |(place, number): (usize, &String)| RowBody {
        line: place as u64 + 1,
        number: number.clone(),
        at: at.clone(),
        ..RowBody::default()
    };
    let body = BatchBody {
        work: ConsentWork::Revoke,
        account: args.account.clone(),
        source: Some(args.source.clone()),
        wording: None,
        evidence: args.evidence.clone(),
        country: args.country.clone(),
        dry_run: args.dry_run,
        now: true,
        rows: args.numbers.iter().enumerate().map(row).collect(),
    };
    super::told(&Client::new(global)?.post("/v1/consents", &body)?, "revoked", args.dry_run, global)
}
