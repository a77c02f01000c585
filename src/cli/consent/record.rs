//! Owns `stopgate consent record`: the opt-ins of a few numbers, with evidence.
//! Must never record without saying what the person saw and what proves the opt-in.

use super::super::client::Client;
use super::super::exit::Outcome;
use super::super::global::Global;
use super::super::instant;
use crate::admin::consent::ConsentWork;
use crate::admin::consent::endpoints::{BatchBody, RowBody};

/// Record that people opted in to an account's messages (exit 3 when a number is not taken)
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "A later act of the person (a purchase, a call) is recorded the same way, with its own date: the opt-in holds from then on anew.\n\nExamples:\n  stopgate consent record \"06 39 98 00 42\" --account acme --source web --wording v3 --evidence \"web form, submission 4711\"\n  stopgate consent record +33639980042 --account acme --source shop --wording \"till 2026\" --at 2026-11-20T16:05:00+01:00 --evidence \"card 12, signed\""
)]
pub struct Args {
    /// The numbers, as one writes them
    #[arg(required = true)]
    numbers: Vec<String>,
    /// The account whose messages they want
    #[arg(long)]
    account: String,
    /// Where they opted in: web, app, shop, paper, phone, sms, mail, partner, other
    #[arg(long, value_parser = super::source)]
    source: String,
    /// Version of the text they saw, such as v3
    #[arg(long)]
    wording: String,
    /// What proves it, in words
    #[arg(long)]
    evidence: String,
    /// When they opted in, RFC 3339 [default: now]
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
        work: ConsentWork::Record,
        account: args.account.clone(),
        source: Some(args.source.clone()),
        wording: Some(args.wording.clone()),
        evidence: args.evidence.clone(),
        country: args.country.clone(),
        dry_run: args.dry_run,
        now: true,
        rows: args.numbers.iter().enumerate().map(row).collect(),
    };
    super::told(&Client::new(global)?.post("/v1/consents", &body)?, "opted in", args.dry_run, global)
}
