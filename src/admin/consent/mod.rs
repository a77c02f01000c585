//! Owns what the API says and hears of opt-ins: bodies, endpoints, and the answers of the running gateway.
//! Must never lift a stop: an opt-in adds a permission to what the other rules allow.

pub mod adapter;
pub mod endpoints;

use super::fields::{instant, instant_or_null, number_or_null};
use super::requests::WrittenNumber;
use crate::consent::source::Source;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use serde::Serialize;

/// What is done with the numbers of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentWork {
    /// They opted in.
    Record,
    /// Their opt-in holds no more.
    Revoke,
}

/// One number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRow {
    /// The caller's own reference: the line of its file.
    pub line: u64,
    pub number: WrittenNumber,
    /// When the person opted in or revoked; `None` = now.
    pub at: Option<CivilInstant>,
    pub source: Source,
    /// The wording's version; empty for a revocation.
    pub wording: String,
    /// What proves it, in words; never empty.
    pub evidence: String,
}

/// Numbers of one account, in one durable act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentBatch {
    pub work: ConsentWork,
    /// system_id of the account.
    pub account: String,
    pub rows: Vec<ConsentRow>,
    /// Name of the token that asked.
    pub by: String,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// What is recorded of a number and an account.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentEntry {
    pub account: String,
    /// `None` after an erasure.
    #[serde(serialize_with = "number_or_null")]
    pub number: Option<Msisdn>,
    /// The number's tag in hexadecimal.
    pub tag: String,
    /// `live`, `expired` or `revoked`.
    pub state: &'static str,
    /// When the person opted in, or revoked.
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    /// The opt-in or a later act of the person; null when revoked.
    #[serde(serialize_with = "instant_or_null")]
    pub last_contact: Option<CivilInstant>,
    /// From when on it holds no more; null = no end, or revoked.
    #[serde(serialize_with = "instant_or_null")]
    pub ends: Option<CivilInstant>,
    pub source: String,
    pub wording: String,
    /// Who entered it.
    pub by: String,
    /// When it was entered.
    #[serde(serialize_with = "instant")]
    pub recorded: CivilInstant,
    /// What proves it. Personal data.
    pub evidence: Option<String>,
    /// Position in the events stream.
    pub event: u64,
}

/// A page of opt-ins.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentAnswer {
    pub entries: Vec<ConsentEntry>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<String>,
}
