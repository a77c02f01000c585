//! Owns what the judge is told: the account's policy, the list, the state of the evidence.
//! Must never fetch anything: the caller hands every fact in.

use super::bench::Bench;
use super::frequency::Counts;
use super::numbers::NumberPlan;
use super::parts::Table;
use super::policy::AccountPolicy;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::{NumberTag, TagKey};
use std::sync::Mutex;

/// The one list, consulted before every send. Implemented by `suppression::index::Index`.
pub trait SuppressionList {
    /// Whether a commercial message from `account`, with this source fingerprint, to this number is forbidden.
    fn is_suppressed(&self, tag: &NumberTag, account: NameId, sender: u64) -> bool;
}

/// Who has opted in, number by number. Asked only for accounts with `consent = "proof"`. Implemented by `consent::index::Index`.
pub trait OptIns {
    /// The last contact of a person whose opt-in to this account's messages is recorded and not revoked.
    fn last_contact(&self, tag: &NumberTag, account: NameId) -> Option<CivilInstant>;
}

/// Whether what proves our acts can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The list is whole and the ledger takes records.
    Whole,
    /// Snapshot and events are not whole: commercial traffic is refused.
    ListNotWhole,
    /// The ledger takes no records: commercial traffic is refused, transactional is counted in RAM.
    LedgerUnusable,
    /// The ledger was restored from a backup, which may lack stops: commercial traffic is refused until they are known to be there,
    /// or two people have recorded the loss. Records are taken.
    Restored,
}

impl Evidence {
    /// The word used in answers and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::ListNotWhole => "list_not_whole",
            Self::LedgerUnusable => "ledger_unusable",
            Self::Restored => "restored",
        }
    }
}

/// Other readings of the clock that count at once, at most.
pub const READINGS: usize = 3;

/// What the clock would say without its latest steps.
pub type OtherReadings = [Option<CivilInstant>; READINGS];

/// The facts of one judgement.
#[derive(Clone, Copy)]
pub struct Facts<'f, L: SuppressionList + ?Sized> {
    pub account: &'f AccountPolicy,
    pub numbers: &'f NumberPlan,
    pub tags: &'f TagKey,
    pub list: &'f L,
    /// The registry of opt-ins.
    pub opt_ins: &'f dyn OptIns,
    pub evidence: Evidence,
    /// After steps of the clock: what it would say without them, at which commercial traffic must be open too.
    pub also_now: OtherReadings,
    /// The lane's scratch memory and cached edges of hours: no allocation on the permit path.
    pub bench: &'f Bench,
    /// What is known of messages in parts: one table for all lanes, locked only for parts.
    pub parts: &'f Mutex<Table>,
    /// What was written to whom lately: one table for all lanes, locked only for accounts with a cap.
    pub counts: &'f Mutex<Counts>,
}
