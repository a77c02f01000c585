//! Owns what `consent record` and `consent revoke` have in common: whom, to which account, proved by what, when.
//! Must never send an act without what proves it.

use super::super::client::Client;
use super::super::exit::Outcome;
use super::super::global::Global;
use super::super::{instant, numbers};
use crate::admin::consent::ConsentWork;
use crate::admin::consent::endpoints::{BatchBody, RowBody};

/// An act of some people towards one account.
#[derive(Clone, Debug, clap::Args)]
pub struct Act {
    /// The numbers, as one writes them
    #[arg(required = true)]
    numbers: Vec<String>,
    /// The account whose messages it is about
    #[arg(long)]
    account: String,
    /// What proves it, in words
    #[arg(long)]
    evidence: String,
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

impl Act {
    /// Has the running gateway take it, and says what came of it.
    pub fn enter(&self, work: ConsentWork, source: &str, wording: Option<&str>, global: &Global) -> Outcome {
        let at = self.at.as_deref().map(|at| instant::read(at, "--at")).transpose()?.map(|at| at.to_string());
        let row = |(place, number): (usize, &String)| RowBody {
            line: place as u64 + 1,
            number: number.clone(),
            at: at.clone(),
            ..RowBody::default()
        };
        let body = BatchBody {
            work,
            account: self.account.clone(),
            source: Some(source.to_owned()),
            wording: wording.map(str::to_owned),
            evidence: self.evidence.clone(),
            country: self.country.clone(),
            dry_run: self.dry_run,
            now: true,
            rows: self.numbers.iter().enumerate().map(row).collect(),
        };
        let done = match work {
            ConsentWork::Record => "opted in",
            ConsentWork::Revoke => "revoked",
        };
        numbers::told(&Client::new(global)?.post("/v1/consents", &body)?, done, self.dry_run, global)
    }
}
