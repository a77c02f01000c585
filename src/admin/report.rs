//! Owns the endpoints of reports: who may see whose figures, and over which span.
//! Must never run two at once, nor on the thread that answers probes.

use super::access::Shared;
use super::problem::Problem;
use super::requests::ReportRequest;
use super::role::Action;
use super::tokens::Caller;
use super::unsubscribes::UnsubscribeReport;
use crate::message::instant::CivilInstant;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::sync::Arc;

/// Rows when nothing else is asked for, and at most.
const ROWS: usize = 1_000;
const ROWS_MAX: usize = 65_536;

/// What is asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// RFC 3339; nothing = 30 days before `until`.
    since: Option<String>,
    /// RFC 3339; nothing = now.
    until: Option<String>,
    account: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/report/unsubscribes`
pub async fn unsubscribes(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let report = async |caller: &Caller| {
        let keys = "the query has `since`, `until`, `account` and `limit`";
        let Query(asked) = asked.map_err(|error| Problem::invalid(error.body_text(), keys))?;
        counted(&shared, caller, asked).await
    };
    shared.serve(&headers, Action::Report, report).await
}

async fn counted(shared: &Shared, caller: &Caller, asked: Asked) -> Result<UnsubscribeReport, Problem> {
    let account = asked.account.or_else(|| caller.is_only_a_sender().then(|| caller.name.clone()));
    if let Some(account) = &account {
        caller.may_touch(account, "see its own account only")?;
    }
    let (since, until) = (instant(asked.since.as_deref())?, instant(asked.until.as_deref())?);
    let limit = asked.limit.unwrap_or(ROWS);
    if !(1..=ROWS_MAX).contains(&limit) {
        return Err(Problem::invalid("a limit that is none", format!("write a `limit` of 1 to {ROWS_MAX}")));
    }
    // One at a time: each reads the records from a place of its own.
    let _turn = shared.reports.lock().await;
    shared.plane.unsubscribes(ReportRequest { account, since, until, limit }).await
}

fn instant(text: Option<&str>) -> Result<Option<CivilInstant>, Problem> {
    let read = text.map(DateTime::parse_from_rfc3339).transpose();
    let read = read.map_err(|_| Problem::invalid("an instant is not RFC 3339", "write 2026-11-22T10:00:00Z"))?;
    Ok(read.map(|at| at.with_timezone(&Utc).into()))
}
