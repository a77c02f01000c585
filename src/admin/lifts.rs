//! Owns the endpoints of the lift by two people: propose, decide, list.
//! Must never let one call do both.

use super::access::{Shared, body};
use super::answers::{LiftOutcome, LiftWaiting};
use super::problem::Problem;
use super::requests::{LiftDecision, LiftRequest};
use super::role::Action;
use super::stops::{EVIDENCE_MAX, TEXT_MAX};
use super::tokens::Caller;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A proposal as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalBody {
    pub number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    pub accounts: Vec<String>,
    pub evidence: String,
    pub reason: String,
}

/// A decision as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    pub id: u64,
    /// Why it is refused; nothing = it is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// `POST /v1/lifts`
pub async fn propose(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::LiftPropose, async |caller| proposed(&shared, caller, &octets).await).await
}

async fn proposed(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<LiftWaiting, Problem> {
    let sent: ProposalBody = body(octets)?;
    if sent.accounts.is_empty() {
        return Err(Problem::invalid("no account", "name the accounts that may write again: a lift is never for all"));
    }
    said("evidence", &sent.evidence, EVIDENCE_MAX)?;
    said("reason", &sent.reason, TEXT_MAX)?;
    let request = LiftRequest {
        number: shared.number(sent.number, sent.country),
        accounts: sent.accounts,
        evidence: sent.evidence,
        reason: sent.reason,
        by: caller.name.clone(),
    };
    shared.plane.propose_lift(request).await
}

/// A text that must say something, and not too much.
fn said(what: &str, text: &str, most: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::invalid(
            format!("no {what}"),
            "say what proves that the person wants it, such as \"letter of 2026-11-20\", and why it is lifted by hand",
        ));
    }
    if text.chars().count() > most {
        return Err(Problem::invalid(format!("the {what} has more than {most} characters"), "give its reference"));
    }
    Ok(())
}

/// `POST /v1/lifts/decide`
pub async fn decide(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::LiftDecide, async |caller| decided(&shared, caller, &octets).await).await
}

async fn decided(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<LiftOutcome, Problem> {
    let sent: DecisionBody = body(octets)?;
    if let Some(reason) = &sent.refused {
        said("reason", reason, TEXT_MAX)?;
    }
    shared.plane.decide_lift(LiftDecision { id: sent.id, refused: sent.refused, by: caller.name.clone() }).await
}

/// `GET /v1/lifts`
pub async fn list(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let list = async |caller: &Caller| {
        shared.record_read(caller, Action::LiftList, None).await?;
        shared.plane.waiting_lifts().await
    };
    shared.serve(&headers, Action::LiftList, list).await
}
