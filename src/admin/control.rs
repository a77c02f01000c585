//! Owns the endpoints that look at the gateway or move it: status, check, why, reload, drain.
//! Must never decide anything: the data plane answers.

use super::access::{Shared, body};
use super::answers::{CheckAnswer, WhyAnswer};
use super::problem::{Problem, ProblemKind};
use super::requests::CheckRequest;
use super::role::Action;
use super::stops::NumberBody;
use super::tokens::Caller;
use crate::telemetry::events::ConfigReloaded;
use crate::telemetry::labels::ReloadResult;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `GET /v1/status`
pub async fn status(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.serve(&headers, Action::Status, async |_| shared.plane.status().await).await
}

/// `POST /v1/reload`
pub async fn reload(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let reload = async |caller: &Caller| {
        let result = shared.plane.reload(&caller.name).await;
        let (outcome, why) = match &result {
            Ok(_) => (ReloadResult::Ok, ""),
            Err(problem) if problem.kind == ProblemKind::Invalid => (ReloadResult::Invalid, problem.error.as_str()),
            Err(problem) => (ReloadResult::Failed, problem.error.as_str()),
        };
        ConfigReloaded { result: outcome, why }.emit(&shared.metrics);
        result
    };
    shared.serve(&headers, Action::Reload, reload).await
}

/// `POST /v1/drain`
pub async fn drain(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let drain = async |caller: &Caller| {
        shared.plane.drain(&caller.name).await.map(|()| serde_json::json!({ "draining": true }))
    };
    shared.serve(&headers, Action::Drain, drain).await
}

/// A dry run as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckBody {
    pub account: String,
    pub to: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Whether the answer says how the class came about.
    #[serde(default)]
    pub explain: bool,
}

/// `POST /v1/check`
pub async fn check(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::Check, async |caller| checked(&shared, caller, &octets).await).await
}

async fn checked(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<CheckAnswer, Problem> {
    let asked: CheckBody = body(octets)?;
    caller.may_touch(&asked.account, "check its own account only")?;
    let at = match asked.at.as_deref().map(DateTime::parse_from_rfc3339).transpose() {
        Ok(at) => at.map(|at| at.with_timezone(&Utc).into()),
        Err(_) => return Err(Problem::invalid("`at` is not RFC 3339", "write 2026-11-22T10:00:00Z")),
    };
    let to = shared.number(asked.to, asked.country);
    shared
        .plane
        .check(CheckRequest {
            account: asked.account,
            to,
            text: asked.text,
            from: asked.from,
            at,
            explain: asked.explain,
        })
        .await
}

/// `POST /v1/why`
pub async fn why(State(shared): State<Arc<Shared>>, headers: HeaderMap, octets: Bytes) -> Response {
    shared.serve(&headers, Action::Why, async |caller| explained(&shared, caller, &octets).await).await
}

async fn explained(shared: &Shared, caller: &Caller, octets: &[u8]) -> Result<WhyAnswer, Problem> {
    let asked: NumberBody = body(octets)?;
    let number = shared.number(asked.number, asked.country);
    shared.record_read(caller, Action::Why, Some(number.clone())).await?;
    shared.plane.why(number).await
}
