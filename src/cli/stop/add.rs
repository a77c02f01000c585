//! Owns `stopgate stop add`: a few numbers, with evidence.
//! Must never add without saying what proves the opt-out.

use super::super::client::Client;
use super::super::exit::Outcome;
use super::super::global::Global;
use super::super::{instant, numbers};
use super::whom::Whom;
use crate::admin::requests::StopOrigin;
use crate::admin::stops::{BatchBody, RowBody};

/// Suppress numbers, durable and effective when it ends (exit 3 when a number is not taken)
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate stop add \"06 39 98 00 42\" --evidence \"call of 2026-11-20, ticket 4711\" --origin phone\n  stopgate stop add +33639980042 +33639980043 --evidence \"letters of 2026-11-19\" --origin mail"
)]
pub struct Args {
    /// The numbers, as one writes them, or `review:ID` for the writer of a reply that `stop review` lists
    #[arg(required = true)]
    numbers: Vec<String>,
    /// What proves it: a reference, sealed
    #[arg(long)]
    evidence: String,
    /// What the person said or wrote, sealed
    #[arg(long)]
    text: Option<String>,
    /// Where it came from: manual, import, mail, phone, web, complaint, gdpr, operator
    #[arg(long, default_value = "manual", value_parser = super::origin)]
    origin: StopOrigin,
    /// When the person opted out, RFC 3339 [default: now]
    #[arg(long, value_name = "T")]
    at: Option<String>,
    /// Country of national numbers [default: [admin] default_country]
    #[arg(long)]
    country: Option<String>,
    #[command(flatten)]
    whom: Whom,
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
        text: args.text.clone(),
        ..RowBody::default()
    };
    let body = BatchBody {
        origin: args.origin,
        evidence: args.evidence.clone(),
        country: args.country.clone(),
        dry_run: args.dry_run,
        scope: args.whom.scope.clone(),
        account: args.whom.account.clone(),
        sender: args.whom.sender.clone(),
        rows: args.numbers.iter().enumerate().map(row).collect(),
    };
    let answer = Client::new(global)?.post("/v1/stops", &body)?;
    numbers::told(&answer, "suppressed", args.dry_run, global)
}
