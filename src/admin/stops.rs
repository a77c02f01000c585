//! Owns the list's endpoints: adding numbers in batches, and reading them with every read recorded.
//! Must never lift a suppression: the API only adds.

use super::access::{Shared, body};
use super::answers::{RejectedRow, StopEntry, StopOutcome, StopPage};
use super::problem::Problem;
use super::requests::{PageRequest, Reach, StopBatch, StopOrigin, StopRow};
use super::role::Action;
use super::tokens::Caller;
use crate::message::instant::CivilInstant;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Rows in one batch, at most.
pub const ROWS_MAX: usize = 10_000;
/// Octets in one batch, at most.
pub const OCTETS_MAX: usize = 16 << 20;
/// Entries on one page, at most.
pub const PAGE_MAX: usize = 10_000;

/// Characters of the reference of an evidence, and of what a person said, at most.
pub const EVIDENCE_MAX: usize = 1_000;
pub const TEXT_MAX: usize = 2_000;

/// A batch as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    pub origin: StopOrigin,
    /// What proves it, for rows without their own.
    #[serde(default)]
    pub evidence: String,
    /// Country of numbers written nationally; nothing = `[admin] default_country`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(default)]
    pub dry_run: bool,
    /// Whom the stops are directed at, for rows that say nothing of it: `global`, `account` or `sender`; nothing = `global`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    pub rows: Vec<RowBody>,
}

/// A row as it is sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowBody {
    pub line: u64,
    pub number: String,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// What the person said or wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `global`, `account` or `sender`; nothing = `global`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

/// Scope, account and sender as they are written.
type Written<'b> = [&'b Option<String>; 3];

/// Whom stops are directed at, or what is wrong with how it is written.
fn reach(written: Written<'_>) -> Result<Reach, &'static str> {
    match written.map(Option::as_deref) {
        [None | Some("global"), None, None] => Ok(Reach::Everybody),
        [Some("account"), Some(account), None] => Ok(Reach::Account(account.to_owned())),
        [Some("sender"), None, Some(sender)] => Ok(Reach::Sender(sender.to_owned())),
        // As `stop export` writes them.
        [Some(scope), None, None] if scope.starts_with("account:") => Ok(Reach::Account(scope[8..].to_owned())),
        [Some(scope), None, None] if scope.starts_with("sender:") => Ok(Reach::Sender(scope[7..].to_owned())),
        [Some("account"), None, None] => Err("scope account names no account: write which one"),
        [Some("sender"), None, None] => Err("scope sender names no sender: write which source address"),
        [None, _, _] => Err("an account or a sender without its scope: write scope account or sender, or take it out"),
        [Some("global" | "account" | "sender"), _, _] => {
            Err("scope global names nobody, scope account an account, scope sender a sender: take the rest out")
        }
        [Some(_), _, _] => Err("this is no scope: write global, account or sender"),
    }
}

/// `POST /v1/stops`
pub async fn add(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::StopAdd, async |caller| added(&shared, caller, &octets).await).await
}

async fn added(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<StopOutcome, Problem> {
    let batch: BatchBody = body(octets)?;
    if batch.rows.len() > ROWS_MAX {
        return Err(Problem::invalid(
            format!("{} rows in one batch", batch.rows.len()),
            format!("send at most {ROWS_MAX} at a time; `stopgate stop import` does"),
        ));
    }
    let (mut rows, mut rejected) = (Vec::with_capacity(batch.rows.len()), Vec::new());
    let own_only = caller.is_only_a_sender();
    let common = [&batch.scope, &batch.account, &batch.sender];
    for row in batch.rows {
        let line = row.line;
        let own = [&row.scope, &row.account, &row.sender];
        let written = if own.iter().any(|part| part.is_some()) { own } else { common };
        match read_row(&row, written, &batch.evidence) {
            Err(error) => rejected.push(RejectedRow { line, error: error.to_owned() }),
            Ok((_, _, Reach::Account(account))) if own_only && account != caller.name => rejected.push(RejectedRow {
                line,
                error: "a sender's token adds for everybody or for its own account".to_owned(),
            }),
            Ok((at, evidence, reach)) => {
                let number = shared.number(row.number, batch.country.clone());
                let text = row.text.filter(|text| !text.trim().is_empty());
                rows.push(StopRow { line, number, at, evidence, text, reach });
            }
        }
    }
    let request = StopBatch { rows, origin: batch.origin, by: caller.name.clone(), dry_run: batch.dry_run };
    let mut outcome = shared.plane.suppress(request).await?;
    outcome.rejected.extend(rejected);
    outcome.rejected.sort_by_key(|row| row.line);
    Ok(outcome)
}

/// When it was said, what proves it and how far it reaches.
fn read_row(
    row: &RowBody,
    written: Written<'_>,
    common: &str,
) -> Result<(Option<CivilInstant>, String, Reach), &'static str> {
    let at = row.at.as_deref().map(|at| DateTime::parse_from_rfc3339(at).map(|at| at.with_timezone(&Utc).into()));
    let at = at.transpose().map_err(|_| "the instant is not RFC 3339: write 2026-11-21T10:00:00Z, or leave it out")?;
    let evidence = row.evidence.as_deref().filter(|own| !own.trim().is_empty()).unwrap_or(common);
    if evidence.trim().is_empty() {
        return Err("no evidence: say what proves the opt-out, such as \"letter of 2026-11-20\"");
    }
    if evidence.chars().count() > EVIDENCE_MAX {
        return Err("the evidence has more than 1000 characters: give its reference, and put the words into text");
    }
    if row.text.as_ref().is_some_and(|text| text.chars().count() > TEXT_MAX) {
        return Err("the text has more than 2000 characters: keep the part that says no");
    }
    Ok((at, evidence.to_owned(), reach(written)?))
}

/// What one number is asked by.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberBody {
    pub number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// `POST /v1/stops/show`: the number stands in the body, because addresses end up in logs.
pub async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::StopShow, async |caller| shown(&shared, caller, &octets).await).await
}

async fn shown(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<Vec<StopEntry>, Problem> {
    let asked: NumberBody = body(octets)?;
    let number = shared.number(asked.number, asked.country);
    shared.record_read(caller, Action::StopShow, Some(number.clone())).await?;
    shared.plane.stops_of(number).await
}

/// Which page.
#[derive(Clone, Debug, Deserialize)]
pub struct PageQuery {
    after: Option<String>,
    limit: Option<usize>,
    /// Whether it is part of an export, which is recorded as one.
    #[serde(default)]
    export: bool,
}

/// `GET /v1/stops`
pub async fn list(State(shared): State<Arc<Shared>>, headers: HeaderMap, Query(query): Query<PageQuery>) -> Response {
    let action = if query.export { Action::StopExport } else { Action::StopList };
    shared.serve(&headers, action, async |caller| page(&shared, caller, action, query).await).await
}

async fn page(shared: &Shared, caller: &Caller, action: Action, query: PageQuery) -> Result<StopPage, Problem> {
    let limit = query.limit.unwrap_or(100);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::invalid(format!("a page of {limit} entries"), format!("ask for 1 to {PAGE_MAX}")));
    }
    shared.record_read(caller, action, None).await?;
    shared.plane.stops(PageRequest { after: query.after, limit }).await
}
