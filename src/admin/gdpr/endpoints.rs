//! Owns the endpoints of a person's rights over their data.
//! Must never answer before the reading is recorded.

use super::super::access::{Shared, body};
use super::super::problem::Problem;
use super::super::role::Action;
use super::super::stops::NumberBody;
use super::super::tokens::Caller;
use super::access::AccessAnswer;
use super::{EraseAnswer, EraseBody, EraseRequest};
use crate::ledger::erasure::check_reason;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;

/// `POST /v1/gdpr/access`: the number stands in the body, because addresses end up in logs.
pub async fn access(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::GdprAccess, async |caller| accessed(&shared, caller, &octets).await).await
}

async fn accessed(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<AccessAnswer, Problem> {
    let asked: NumberBody = body(octets)?;
    let number = shared.number(asked.number, asked.country);
    shared.record_read(caller, Action::GdprAccess, Some(number.clone())).await?;
    shared.plane.held(number).await
}

/// `POST /v1/gdpr/erase`
pub async fn erase(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::GdprErase, async |caller| erased(&shared, caller, &octets).await).await
}

async fn erased(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<EraseAnswer, Problem> {
    let EraseBody { number, country, reason } = body(octets)?;
    check_reason(&reason).map_err(|error| Problem::invalid(error, "write for example \"letter of 2026-11-20\""))?;
    let number = shared.number(number, country);
    let request = EraseRequest { number, reason: reason.trim().to_owned(), by: caller.name.clone() };
    shared.plane.erase(request).await
}
