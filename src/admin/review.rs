//! Owns the endpoint of the replies to look at: numbers masked, digits hidden, every reading recorded.
//! Must never give a whole number away: `review:ID` stands for it where a STOP is added.

use super::access::Shared;
use super::answers::ReviewEntry;
use super::problem::Problem;
use super::role::Action;
use super::tokens::Caller;
use crate::gateway::handle::{Doubtful, Handle};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;

/// What stands before a reply's id where a number is expected.
const PREFIX: &str = "review:";

/// How many.
#[derive(Clone, Debug, Deserialize)]
pub struct ReviewQuery {
    limit: Option<usize>,
}

/// `GET /v1/stops/review`
pub async fn review(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<ReviewQuery>,
) -> Response {
    shared
        .serve(&headers, Action::StopReview, async |caller| {
            looked_at(&shared, caller, query.limit.unwrap_or(100)).await
        })
        .await
}

async fn looked_at(shared: &Shared, caller: &Caller, limit: usize) -> Result<Vec<ReviewEntry>, Problem> {
    shared.record_read(caller, Action::StopReview, None).await?;
    shared.plane.doubtful(limit).await
}

/// The replies that the gateway keeps for review, the newest first.
pub fn entries(handle: &Handle, limit: usize) -> Vec<ReviewEntry> {
    let entry = |reply: Doubtful| ReviewEntry {
        id: reply.id,
        at: reply.at,
        number: reply.number.masked(),
        short_code: (reply.short_code != 0).then_some(reply.short_code),
        doubt: reply.doubt.word(),
        text: reply.text,
    };
    handle.doubtful(limit).into_iter().map(entry).collect()
}

/// The id that stands for a number: `review:17`.
pub fn id_of(written: &str) -> Option<u64> {
    written.trim().strip_prefix(PREFIX)?.parse().ok()
}
