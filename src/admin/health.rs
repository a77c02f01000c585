//! Owns `/livez`, `/readyz` and `/metrics`: what probes and Prometheus read, without a token.
//! Must never wait for the data plane, nor show personal data.

use super::access::Shared;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Alive: this thread answers.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Ready, or which check fails; `?verbose` lists them all.
pub async fn readyz(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let checks = shared.readiness();
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let asked = |word: &str| {
        let mut pairs = query.as_deref().unwrap_or_default().split('&');
        pairs.any(|pair| pair == word || pair.split_once('=').is_some_and(|(name, _)| name == word))
    };
    if asked("json") {
        let checks: Vec<_> = checks.iter().map(|check| serde_json::json!(check)).collect();
        return (status, axum::Json(serde_json::json!({ "ready": ready, "checks": checks }))).into_response();
    }
    let verbose = asked("verbose");
    let mut text = String::new();
    for check in checks.iter().filter(|check| verbose || !check.ok) {
        let mark = if check.ok { "ok" } else { "FAILED" };
        text.push_str(&format!("{mark} {}: {}\n", check.name, check.detail));
    }
    text.push_str(if ready { "ready\n" } else { "not ready\n" });
    (status, text).into_response()
}

/// The series.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    shared.readiness();
    let format = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([format], shared.registry.render()).into_response()
}
