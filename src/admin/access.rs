//! Owns the door of the API: who asks, whether they may, and how every answer and refusal looks and is counted.
//! Must never let a request through without a token, nor say whether a token was nearly right.

use super::answers::ReadyCheck;
use super::plane::Plane;
use super::problem::{Problem, ProblemKind};
use super::requests::{AdminRead, WrittenNumber};
use super::role::Action;
use super::settings::AdminSettings;
use super::tokens::{Caller, Tokens};
use crate::telemetry::events::AdminRequest;
use crate::telemetry::labels::AdminResult;
use crate::telemetry::metrics::GatewayMetrics;
use crate::telemetry::registry::Registry;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// What every handler has.
pub struct Shared {
    pub plane: Arc<dyn Plane>,
    pub tokens: Tokens,
    pub settings: AdminSettings,
    pub registry: Registry,
    pub metrics: GatewayMetrics,
    /// Held while a report is computed.
    pub reports: tokio::sync::Mutex<()>,
}

impl Shared {
    /// The checks of readiness, shown by the gauges too: ready, and failing closed while ledger or list cannot be used.
    pub fn readiness(&self) -> Vec<ReadyCheck> {
        let checks = self.plane.ready();
        let gauge = |flag: bool| if flag { 1.0 } else { 0.0 };
        let fails = |names: &[&str]| checks.iter().any(|check| !check.ok && names.contains(&check.name));
        self.metrics.gauges.ready.set(gauge(checks.iter().all(|check| check.ok)));
        self.metrics.gauges.failing_closed.set(gauge(fails(&["ledger", "list", "restore"])));
        self.metrics.gauges.restored_closed.set(gauge(fails(&["restore"])));
        checks
    }

    /// Who asks, if they may do this.
    pub fn authorise(&self, headers: &HeaderMap, action: Action) -> Result<Caller, Problem> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let (caller, fault) = self.tokens.caller(bearer.unwrap_or_default().trim());
        if let Some(fault) = fault {
            tracing::error!(event = "admin.request", result = "failed", why = %fault);
        }
        let caller = caller.ok_or_else(|| {
            Problem::new(
                ProblemKind::Unauthorised,
                "no token that is known here",
                "give one with --token-file FILE (or the header Authorization: Bearer TOKEN); the first one is admin.token in data_dir",
            )
        })?;
        if caller.roles.iter().any(|role| role.may(action)) {
            return Ok(caller);
        }
        Err(Problem::new(
            ProblemKind::Forbidden,
            format!("the token {:?} may not do this", caller.name),
            format!("ask somebody with the role {}", action.roles()),
        ))
    }

    /// Serves a request: whoever may do this has it done, and is told what came of it.
    pub async fn serve<T: Serialize>(
        &self,
        headers: &HeaderMap,
        action: Action,
        work: impl AsyncFnOnce(&Caller) -> Result<T, Problem>,
    ) -> Response {
        match self.authorise(headers, action) {
            Ok(caller) => {
                let result = work(&caller).await;
                self.answer(Some(&caller), action, result)
            }
            Err(problem) => self.answer::<()>(None, action, Err(problem)),
        }
    }

    /// Records that personal data will be read; only then may it be.
    pub async fn record_read(
        &self,
        caller: &Caller,
        action: Action,
        number: Option<WrittenNumber>,
    ) -> Result<(), Problem> {
        self.plane.record_read(AdminRead { by: caller.name.clone(), action: action.word(), number }).await
    }

    /// A number as written in a request.
    pub fn number(&self, text: String, country: Option<String>) -> WrittenNumber {
        WrittenNumber { text, country: country.unwrap_or_else(|| self.settings.default_country.clone()) }
    }

    /// The answer on the wire, counted and logged.
    pub fn answer<T: Serialize>(&self, by: Option<&Caller>, action: Action, result: Result<T, Problem>) -> Response {
        let outcome = match &result {
            Ok(_) => AdminResult::Ok,
            Err(problem) => match problem.kind {
                ProblemKind::Unauthorised | ProblemKind::Forbidden => AdminResult::Denied,
                ProblemKind::Invalid | ProblemKind::NotFound | ProblemKind::Conflict => AdminResult::Invalid,
                ProblemKind::Unavailable | ProblemKind::Failed => AdminResult::Failed,
            },
        };
        let by = by.map_or("-", |caller| caller.name.as_str());
        AdminRequest { by, action: action.word(), result: outcome }.emit(&self.metrics);
        match result {
            Ok(answer) => axum::Json(answer).into_response(),
            Err(problem) => refused(&problem),
        }
    }
}

/// A problem as the API answers it.
pub fn refused(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, axum::Json(problem)).into_response();
    if problem.kind == ProblemKind::Unauthorised {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    }
    response
}

/// A body in JSON.
pub fn body<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(octets).map_err(|error| {
        Problem::invalid(
            format!("the body is not what is asked for: {error}"),
            "docs/admin-api.md says what each request holds",
        )
    })
}
