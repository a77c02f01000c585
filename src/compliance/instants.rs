//! Owns R-HOURS: whether a commercial message may be delivered at the instant it is meant for, and R-VALIDITY's clamp.
//! Must never read a clock; with several readings of the clock all must be open.

use super::facts::{Facts, SuppressionList};
use super::hours::Opening;
use super::pack::Pack;
use super::policy::ValidityRule;
use crate::message::instant::CivilInstant;
use crate::message::submission::{Submission, TimeField};
use std::time::Duration;

/// How far ahead a commercial message may be scheduled: what is decided today must not be sent on another day's law.
pub const SCHEDULE_AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);

/// Shortest validity that is written: operators refuse or mistake shorter ones.
pub const VALIDITY_FLOOR: Duration = Duration::from_secs(15 * 60);

/// Why the hours refuse: when the same message may be sent, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfHours {
    pub next_opening: Option<CivilInstant>,
}

/// The instant that is judged: the scheduled one where it lies ahead, else now.
pub fn judged_at(schedule: TimeField, now: CivilInstant) -> CivilInstant {
    schedule.resolve(now).map_or(now, |at| at.max(now))
}

/// R-HOURS of a pack. The closing instant, when it is open under every reading of the clock.
pub fn check<L: SuppressionList + ?Sized>(
    schedule: TimeField,
    pack: &Pack,
    territory: u16,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) -> Result<CivilInstant, OutOfHours> {
    let mut closing = None;
    for now in std::iter::once(now).chain(facts.also_now.into_iter().flatten()) {
        let at = judged_at(schedule, now);
        let opening = facts.bench.opening(pack, territory, at);
        if at > now.plus(SCHEDULE_AHEAD_MAX) {
            let earliest = match opening {
                Opening::Open { .. } => Some(at.minus(SCHEDULE_AHEAD_MAX)),
                Opening::Closed { next } => next,
            };
            return Err(OutOfHours { next_opening: earliest });
        }
        match opening {
            Opening::Open { until, .. } => {
                closing = Some(closing.map_or(until, |known: CivilInstant| known.min(until)))
            }
            Opening::Closed { next } => return Err(OutOfHours { next_opening: next }),
        }
    }
    closing.ok_or(OutOfHours { next_opening: None })
}

/// R-VALIDITY: the validity to write instead of the sender's, so that the SMSC does not deliver after `closing`.
/// `None` when the account keeps the sender's or that one is early enough.
pub fn clamped_validity(
    submission: &Submission<'_>,
    rule: ValidityRule,
    closing: CivilInstant,
    now: CivilInstant,
) -> Option<CivilInstant> {
    match rule {
        ValidityRule::Keep => None,
        ValidityRule::Closing => {
            let last = closing.max(now.plus(VALIDITY_FLOOR));
            let early = submission.validity.resolve(now).is_some_and(|asked| asked <= last);
            (!early).then_some(last)
        }
    }
}
