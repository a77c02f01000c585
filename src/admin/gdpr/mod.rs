//! Owns the endpoints of a person's rights over their data: access and erasure.
//! Must never answer before the reading is recorded, nor put a number into an address.

pub mod access;
pub mod adapter;
pub mod words;

use super::access::{Shared, body};
use super::answers::{instant, number_or_null};
use super::plane::Pending;
use super::problem::Problem;
use super::requests::WrittenNumber;
use super::role::Action;
use super::stops::NumberBody;
use super::tokens::Caller;
use crate::ledger::erasure::check_reason;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use access::AccessAnswer;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An erasure as it is ordered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseBody {
    pub number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Why: a reference, kept for ever; never a number.
    pub reason: String,
}

/// An erasure as it is asked of the data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EraseRequest {
    pub number: WrittenNumber,
    pub reason: String,
    /// Name of the token that asked.
    pub by: String,
}

/// How many things of each kind were erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErasedCounts {
    /// Records whose sealed data (number, texts, evidence) are gone.
    pub records: usize,
    /// Receipts and messages that waited for a sender.
    pub waiting: usize,
    /// Answers that were owed to the handset.
    pub confirmations: usize,
    /// Parts of replies.
    pub reply_parts: usize,
    /// Messages that an operator holds for later.
    pub scheduled: usize,
    /// Replies kept for an officer.
    pub review: usize,
}

/// Something that stays, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stays {
    pub what: String,
    pub why: String,
    pub until: String,
}

/// What became of an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EraseAnswer {
    #[serde(serialize_with = "number_or_null")]
    pub number: Option<Msisdn>,
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    /// The event that records it.
    pub record: u64,
    pub erased: ErasedCounts,
    /// Accounts whose opt-in ended with its proof.
    pub ended_opt_ins: Vec<String>,
    /// Whether the number is on the list: then it stays blocked.
    pub suppressed: bool,
    pub stays: Vec<Stays>,
    /// All of it in words for the person.
    pub answer: String,
}

/// A person's data as the control plane sees them.
pub trait GdprPlane: Send + Sync + 'static {
    /// Erases what is held of a number: it stands in no file when this answers. `Conflict` while another erasure runs;
    /// `Unavailable` when the disk does not let it end.
    fn erase(&self, request: EraseRequest) -> Pending<'_, EraseAnswer>;

    /// Everything that is held of a number; waits for an erasure that runs. May take a minute.
    fn held(&self, number: WrittenNumber) -> Pending<'_, AccessAnswer>;
}

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
