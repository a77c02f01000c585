//! Owns a person's rights over their data, access and erasure: bodies, answers, and what is asked of the data plane.
//! Must never put a number into an address.

pub mod access;
pub mod adapter;
pub mod endpoints;
pub mod words;

use super::fields::{instant, number_or_null};
use super::pending::Pending;
use super::requests::WrittenNumber;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use access::AccessAnswer;
use serde::{Deserialize, Serialize};

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
