//! Owns what is said when the evidence, the next segments or the embedded store change their condition.
//! Must never decide anything: whoever asks looks at the ledger and the store themselves.

use super::shared::Shared;
use crate::compliance::facts::{Evidence, SuppressionList};
use crate::spool::scheduled::Scheduled;
use crate::suppression::follower::{Stage, StoreStatus};
use crate::telemetry::events::{EvidenceChanged, SpareSegment, StoreChanged};
use std::sync::PoisonError;

/// Looks (two a second) between two lines about a rebuild that goes on.
const PROGRESS_LOOKS: u32 = 20;

/// What was said last.
#[derive(Debug, Default)]
pub struct Said {
    closed: bool,
    list_behind: bool,
    spare_missing: bool,
    room_to_erase: bool,
    synchronised: Option<bool>,
    store: Option<Stage>,
    quarantined: u64,
    looks: u32,
}

impl Shared {
    /// Why commercial traffic is refused for want of evidence, in words; `None` while it is not.
    pub fn failing_closed(&self) -> Option<String> {
        let evidence = self.ledger.evidence();
        (evidence != Evidence::Whole).then(|| {
            let gap = || match evidence {
                Evidence::Restored => "from a backup, and STOPs may be lost: see `stopgate loss show`".to_owned(),
                Evidence::ListNotWhole => {
                    let failure = self.ledger.list_failure();
                    failure.unwrap_or_else(|| {
                        "no usable snapshot; the list is being made again from all events".to_owned()
                    })
                }
                Evidence::Whole | Evidence::LedgerUnusable => "what left meanwhile is being recorded".to_owned(),
            };
            format!("{}: {}", evidence.word(), self.ledger.obstacle().unwrap_or_else(gap))
        })
    }

    /// How the embedded store stands, in words. Nothing that is decided depends on it.
    pub fn store_in_words(&self) -> String {
        let StoreStatus { stage, position, lag, quarantined, why } = self.follower.status();
        let mut words = match stage {
            Stage::Comparing => "compared with the list".to_owned(),
            Stage::Rebuilding => format!("rebuilt: {position} of {} events", position + lag),
            Stage::Following => format!("following, {lag} event(s) behind"),
            Stage::Unavailable => "unavailable; the list does not need it".to_owned(),
        };
        if quarantined > 0 {
            words += &format!("; moved aside {quarantined} time(s)");
        }
        let told = why.filter(|_| quarantined > 0 || stage == Stage::Unavailable);
        words + &told.map(|why| format!(": {why}")).unwrap_or_default()
    }

    /// What operators hold for numbers that are suppressed is wanted back.
    pub(super) fn want_scheduled_back(&self) {
        let suppressed = |one: &Scheduled| self.index.is_suppressed(&one.tag, one.account, one.sender);
        if let Err(error) = self.scheduled.want_back(suppressed) {
            tracing::error!(event = "recall.unreadable", %error);
        }
    }

    /// Says what has changed since the last look, and sets the gauges.
    pub fn say_conditions(&self) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = self.failing_closed();
        if std::mem::replace(&mut said.closed, closed.is_some()) != closed.is_some() {
            EvidenceChanged { usable: closed.is_none(), why: closed.as_deref().unwrap_or("whole") }.emit(&self.metrics);
        }
        let behind = self.ledger.is_behind();
        if std::mem::replace(&mut said.list_behind, behind) && !behind {
            tracing::info!(event = "list.whole", numbers = self.index.len());
            self.want_scheduled_back();
        }
        let trouble = self.ledger.trouble();
        let gauges = &self.metrics.gauges;
        gauges.ledger_spare_missing.set(f64::from(u8::from(trouble.is_some())));
        if std::mem::replace(&mut said.spare_missing, trouble.is_some()) != trouble.is_some() {
            SpareSegment { missing: trouble.as_deref() }.emit();
        }
        let waiting = self.ledger.erasures_waiting();
        gauges.erasures_waiting.set(waiting as f64);
        let room = waiting > 0 && self.ledger.has_room_to_erase();
        if !std::mem::replace(&mut said.room_to_erase, room) && room {
            self.room_to_erase.notify_one();
        }
        let synchronised = self.clock.look_for_service();
        gauges.clock_synchronised.set(f64::from(u8::from(synchronised)));
        if said.synchronised.replace(synchronised) != Some(synchronised) && !self.clock.is_rehearsal() {
            match synchronised {
                true => tracing::info!(event = "clock.synchronised"),
                false => tracing::warn!(event = "clock.unsynchronised", why = self.clock.in_words()),
            }
        }
        let store = self.follower.status();
        gauges.suppression_store_lag.set(store.lag as f64);
        gauges.suppression_store_usable.set(f64::from(u8::from(store.stage == Stage::Following)));
        self.metrics.store_quarantined.increment(store.quarantined - said.quarantined);
        let moved = std::mem::replace(&mut said.quarantined, store.quarantined) != store.quarantined;
        let other = said.store.replace(store.stage) != Some(store.stage);
        said.looks = if other { 0 } else { said.looks + 1 };
        let progress = store.stage == Stage::Rebuilding && said.looks.is_multiple_of(PROGRESS_LOOKS);
        if moved || other || progress {
            let why = store.why.as_deref().unwrap_or_default();
            let (position, lag) = (store.position, store.lag);
            let usable = !moved && store.stage != Stage::Unavailable;
            StoreChanged { stage: store.stage.word(), usable, position, lag, why }.emit();
        }
    }
}
