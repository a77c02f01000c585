//! Owns the list's endpoints: adding numbers in batches, and reading them with every read recorded.
//! Must never lift a suppression: the API only adds.

use super::access::{Shared, body};
use super::answers::{RejectedRow, StopEntry, StopOutcome, StopPage};
use super::problem::Problem;
use super::requests::{PageRequest, StopBatch, StopOrigin, StopRow};
use super::role::Action;
use super::tokens::Caller;
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
    pub rows: Vec<RowBody>,
}

/// A row as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowBody {
    pub line: u64,
    pub number: String,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// `POST /v1/stops`
pub async fn add(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    let caller = match shared.authorise(&headers, Action::StopAdd) {
        Ok(caller) => caller,
        Err(problem) => return shared.answer::<()>(None, Action::StopAdd, Err(problem)),
    };
    let result = added(&shared, &caller, &octets).await;
    shared.answer(Some(&caller), Action::StopAdd, result)
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
    for row in batch.rows {
        let line = row.line;
        let at = row.at.as_deref().map(|at| DateTime::parse_from_rfc3339(at).map(|at| at.with_timezone(&Utc).into()));
        let evidence = row.evidence.filter(|own| !own.trim().is_empty()).unwrap_or_else(|| batch.evidence.clone());
        match at.transpose() {
            Err(_) => rejected.push(RejectedRow {
                line,
                error: "the instant is not RFC 3339: write 2026-11-21T10:00:00Z, or leave it out".to_owned(),
            }),
            Ok(_) if evidence.trim().is_empty() => rejected.push(RejectedRow {
                line,
                error: "no evidence: say what proves the opt-out, such as \"letter of 2026-11-20\"".to_owned(),
            }),
            Ok(at) => {
                rows.push(StopRow { line, number: shared.number(row.number, batch.country.clone()), at, evidence })
            }
        }
    }
    let request = StopBatch { rows, origin: batch.origin, by: caller.name.clone(), dry_run: batch.dry_run };
    let mut outcome = shared.plane.suppress(request).await?;
    outcome.rejected.extend(rejected);
    outcome.rejected.sort_by_key(|row| row.line);
    Ok(outcome)
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
    let caller = match shared.authorise(&headers, Action::StopShow) {
        Ok(caller) => caller,
        Err(problem) => return shared.answer::<()>(None, Action::StopShow, Err(problem)),
    };
    let result = shown(&shared, &caller, &octets).await;
    shared.answer(Some(&caller), Action::StopShow, result)
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
    let caller = match shared.authorise(&headers, action) {
        Ok(caller) => caller,
        Err(problem) => return shared.answer::<()>(None, action, Err(problem)),
    };
    let result = page(&shared, &caller, action, query).await;
    shared.answer(Some(&caller), action, result)
}

async fn page(shared: &Shared, caller: &Caller, action: Action, query: PageQuery) -> Result<StopPage, Problem> {
    let limit = query.limit.unwrap_or(100);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::invalid(format!("a page of {limit} entries"), format!("ask for 1 to {PAGE_MAX}")));
    }
    shared.record_read(caller, action, None).await?;
    shared.plane.stops(PageRequest { after: query.after, limit }).await
}
