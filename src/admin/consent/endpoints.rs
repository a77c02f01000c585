//! Owns the endpoints of the registry of opt-ins: entering in batches, and reading with every read recorded.
//! Must never take an opt-in without what proves it, nor from a sender for another account than its own.

use super::super::access::{Shared, body};
use super::super::answers::{RejectedRow, StopOutcome};
use super::super::problem::Problem;
use super::super::requests::PageRequest;
use super::super::role::Action;
use super::super::stops::{NumberBody, PAGE_MAX, ROWS_MAX};
use super::super::tokens::Caller;
use super::{ConsentAnswer, ConsentBatch, ConsentEntry, ConsentRow, ConsentWork};
use crate::consent::source::{self, Source};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Different wordings in one batch, at most: a wording is a version that many people saw.
pub const WORDINGS_MAX: usize = 16;
/// Characters of a row's evidence, at most.
pub const EVIDENCE_MAX: usize = 2_000;

/// A batch as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    pub work: ConsentWork,
    pub account: String,
    /// Where it was given, for rows without their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The wording's version, for rows without their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<String>,
    /// What proves it, for rows without their own.
    #[serde(default)]
    pub evidence: String,
    /// Country of numbers written nationally; nothing = `[admin] default_country`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(default)]
    pub dry_run: bool,
    /// Rows without an instant were given now; without this they are refused: an opt-in has a date.
    #[serde(default)]
    pub now: bool,
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
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// `POST /v1/consents`
pub async fn enter(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    // Which of the two it is stands in the body; who may do one may do the other.
    let caller = match shared.authorise(&headers, Action::ConsentRecord) {
        Ok(caller) => caller,
        Err(problem) => return shared.answer::<()>(None, Action::ConsentRecord, Err(problem)),
    };
    let batch: BatchBody = match body(&octets) {
        Ok(batch) => batch,
        Err(problem) => return shared.answer::<()>(Some(&caller), Action::ConsentRecord, Err(problem)),
    };
    let action = match batch.work {
        ConsentWork::Record => Action::ConsentRecord,
        ConsentWork::Revoke => Action::ConsentRevoke,
    };
    let result = entered(&shared, &caller, batch).await;
    shared.answer(Some(&caller), action, result)
}

async fn entered(shared: &Shared, caller: &Caller, batch: BatchBody) -> Result<StopOutcome, Problem> {
    caller.may_touch(&batch.account, "enter opt-ins to its own account only")?;
    if batch.rows.len() > ROWS_MAX {
        return Err(Problem::invalid(
            format!("{} rows in one batch", batch.rows.len()),
            format!("send at most {ROWS_MAX} at a time; `stopgate consent import` does"),
        ));
    }
    let wordings: BTreeSet<&str> = batch.rows.iter().filter_map(|row| row.wording.as_deref()).collect();
    if wordings.len() > WORDINGS_MAX {
        return Err(Problem::invalid(
            format!("{} different wordings in one batch", wordings.len()),
            format!("a wording is the version of a form that many people saw: at most {WORDINGS_MAX} in a batch"),
        ));
    }
    let (mut rows, mut rejected) = (Vec::with_capacity(batch.rows.len()), Vec::new());
    for row in &batch.rows {
        match row_of(shared, &batch, row) {
            Ok(row) => rows.push(row),
            Err(error) => rejected.push(RejectedRow { line: row.line, error }),
        }
    }
    let request = ConsentBatch {
        work: batch.work,
        account: batch.account,
        rows,
        by: caller.name.clone(),
        dry_run: batch.dry_run,
    };
    let mut outcome = shared.plane.enter_consents(request).await?;
    outcome.rejected.extend(rejected);
    outcome.rejected.sort_by_key(|row| row.line);
    Ok(outcome)
}

fn row_of(shared: &Shared, batch: &BatchBody, row: &RowBody) -> Result<ConsentRow, String> {
    let said = |own: &Option<String>| own.clone().filter(|own| !own.trim().is_empty());
    let at = row.at.as_deref().map(DateTime::parse_from_rfc3339).transpose();
    let at = at.map_err(|_| "the instant is not RFC 3339: write 2026-11-21T10:00:00Z".to_owned())?;
    let at = at.map(|at| at.with_timezone(&Utc).into());
    if at.is_none() && !batch.now {
        return Err("no date: say when the person did it, in RFC 3339 such as 2026-11-21T10:00:00Z".to_owned());
    }
    let evidence = said(&row.evidence).unwrap_or_else(|| batch.evidence.clone());
    if evidence.trim().is_empty() {
        return Err("no evidence: say what proves it, such as \"web form, submission 4711\"".to_owned());
    }
    if evidence.chars().count() > EVIDENCE_MAX {
        return Err(format!("the evidence is longer than {EVIDENCE_MAX} characters: give a reference instead"));
    }
    let source = said(&row.source).or_else(|| said(&batch.source));
    let wording = said(&row.wording).or_else(|| said(&batch.wording));
    let (source, wording) = match batch.work {
        ConsentWork::Record => {
            let source = source.ok_or("no source: say where the person opted in, such as web, app or shop")?;
            let wording = wording.ok_or("no wording: say which version of the text the person saw, such as v3")?;
            source::check_wording(wording.trim())?;
            (Source::of(&source)?, wording.trim().to_owned())
        }
        ConsentWork::Revoke => (source.map_or(Ok(Source::Other), |source| Source::of(&source))?, String::new()),
    };
    let number = shared.number(row.number.clone(), batch.country.clone());
    Ok(ConsentRow { line: row.line, number, at, source, wording, evidence })
}

/// `POST /v1/consents/show`: the number stands in the body, because addresses end up in logs.
pub async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::ConsentShow, async |caller| shown(&shared, caller, &octets).await).await
}

async fn shown(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<Vec<ConsentEntry>, Problem> {
    let asked: NumberBody = body(octets)?;
    let number = shared.number(asked.number, asked.country);
    shared.record_read(caller, Action::ConsentShow, Some(number.clone())).await?;
    shared.plane.consents_of(number).await
}

/// Which page.
#[derive(Clone, Debug, Deserialize)]
pub struct PageQuery {
    after: Option<String>,
    limit: Option<usize>,
    account: Option<String>,
}

/// `GET /v1/consents`
pub async fn list(State(shared): State<Arc<Shared>>, headers: HeaderMap, Query(query): Query<PageQuery>) -> Response {
    shared.serve(&headers, Action::ConsentExport, async |caller| page(&shared, caller, query).await).await
}

async fn page(shared: &Shared, caller: &Caller, query: PageQuery) -> Result<ConsentAnswer, Problem> {
    let limit = query.limit.unwrap_or(100);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::invalid(format!("a page of {limit} entries"), format!("ask for 1 to {PAGE_MAX}")));
    }
    shared.record_read(caller, Action::ConsentExport, None).await?;
    shared.plane.consents(query.account, PageRequest { after: query.after, limit }).await
}
