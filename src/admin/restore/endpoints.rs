//! Owns the endpoints of a gateway that is closed after a restore: look, record what was lost, confirm it.
//! Must never let one call do both.

use super::super::access::{Shared, body};
use super::super::problem::Problem;
use super::super::role::Action;
use super::super::stops::TEXT_MAX;
use super::super::tokens::Caller;
use super::{LossConfirmed, LossWaiting};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What was lost, as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossBody {
    /// What is lost and what was done about it; stays readable for auditors, so no number and no name of a recipient.
    pub words: String,
}

/// A confirmation as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    pub id: u64,
}

/// `GET /v1/restore`
pub async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.serve(&headers, Action::RestoreShow, async |_| shared.plane.restored().await).await
}

/// `POST /v1/restore/loss`
pub async fn record(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::LossRecord, async |caller| recorded(&shared, caller, &octets).await).await
}

async fn recorded(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<LossWaiting, Problem> {
    let sent: LossBody = body(octets)?;
    let next = "say what is lost, from when to when, and where its STOPs were fetched again";
    if sent.words.trim().is_empty() {
        return Err(Problem::invalid("no words", next));
    }
    if sent.words.chars().count() > TEXT_MAX {
        return Err(Problem::invalid(format!("the words have more than {TEXT_MAX} characters"), next));
    }
    shared.plane.record_loss(sent.words, caller.name.clone()).await
}

/// `POST /v1/restore/loss/confirm`
pub async fn confirm(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::LossConfirm, async |caller| confirmed(&shared, caller, &octets).await).await
}

async fn confirmed(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<LossConfirmed, Problem> {
    let sent: ConfirmBody = body(octets)?;
    shared.plane.confirm_loss(sent.id, caller.name.clone()).await
}
