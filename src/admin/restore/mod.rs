//! Owns what the API says and hears of a gateway that is closed after a restore: endpoints, bodies, and the running gateway's answers.
//! Must never open anything on one call.

mod adapter;
pub mod endpoints;

use super::fields::instant;
use super::pending::Pending;
use crate::message::instant::CivilInstant;
use serde::Serialize;

/// A checkpoint in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointShown {
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    pub epoch: u32,
    pub events: u64,
    pub verdicts: u64,
}

/// A loss that one person recorded and a second one has to confirm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LossWaiting {
    /// Position of its record in the events.
    pub id: u64,
    pub by: String,
    #[serde(serialize_with = "instant")]
    pub at: CivilInstant,
    #[serde(serialize_with = "instant")]
    pub until: CivilInstant,
    /// What is lost and what was done about it.
    pub words: String,
}

/// How the gateway stands after a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoreAnswer {
    /// Whether commercial traffic is refused since then; all else is absent when it is not.
    pub closed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// The checkpoint that the backup reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<CheckpointShown>,
    /// The newest checkpoint that was known of the ledger that is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<CheckpointShown>,
    pub waiting: Vec<LossWaiting>,
}

/// What was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LossConfirmed {
    pub id: u64,
    pub opened: bool,
}

/// The restore of the data plane as the control plane sees it.
pub trait RestorePlane: Send + Sync + 'static {
    /// How it stands.
    fn restored(&self) -> Pending<'_, RestoreAnswer>;

    /// Records what a restore has lost; opens nothing. `Conflict` when it is not closed.
    fn record_loss(&self, words: String, by: String) -> Pending<'_, LossWaiting>;

    /// Confirms what somebody else recorded, and opens. The same person twice is `Conflict`, one that does not wait `NotFound`.
    fn confirm_loss(&self, id: u64, by: String) -> Pending<'_, LossConfirmed>;
}
