//! Owns when verdicts are given up: when their time is over by a clock that has been steady for a day.
//! Must never give up evidence because a clock was wrong.

use super::shared::Shared;
use crate::clock::Now;
use std::time::Duration;

/// How long the process must have run without a step of the civil clock: time enough to notice that it is wrong.
const STEADY: Duration = Duration::from_secs(24 * 3600);
/// How far the two clocks may part between two looks, a minute apart.
const DRIFT_MAX: Duration = Duration::from_secs(60);

/// Watches whether the civil clock goes on as time does.
#[derive(Debug, Default)]
pub struct Steadiness {
    /// Since when it has, and the last look.
    seen: Option<(Now, Now)>,
}

impl Steadiness {
    /// Looks at the clocks; whether they have gone together for a day.
    fn is_steady(&mut self, now: Now) -> bool {
        let (since, last) = self.seen.unwrap_or((now, now));
        let expected = last.civil.plus(now.monotonic.since(last.monotonic));
        let stepped = now.civil.as_micros().abs_diff(expected.as_micros()) > DRIFT_MAX.as_micros() as u64;
        let since = if stepped { now } else { since };
        self.seen = Some((since, now));
        now.monotonic.since(since.monotonic) >= STEADY
    }
}

impl Shared {
    /// Gives up the verdicts whose retention is over, and leaves a segment that has been written for a month. Not on a lane.
    pub fn forget_verdicts(&self, steadiness: &mut Steadiness) {
        let now = self.clock.now();
        // A rehearsal's time is what it was told to be.
        if !steadiness.is_steady(now) && !self.clock.is_rehearsal() {
            return;
        }
        match self.ledger.leave_old_segment(now.civil) {
            Ok(false) => {}
            Ok(true) => tracing::info!(event = "verdicts.segment_left"),
            Err(error) => tracing::warn!(event = "verdicts.segment_not_left", %error),
        }
        let kept = self.settings.load().verdicts_kept;
        let needed = self.attributions.followed();
        match self.ledger.forget_verdicts((now.civil.minus(kept), kept), needed, now.civil) {
            Ok(None) => {}
            Ok(Some(first)) => tracing::info!(event = "verdicts.forgotten", first),
            Err(error) => tracing::error!(event = "verdicts.not_forgotten", %error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::instant::{CivilInstant, MonotonicInstant};

    const DAY: i64 = 24 * 3600;

    fn at(civil_s: i64, monotonic_s: u64) -> Now {
        Now {
            civil: CivilInstant::from_secs(1_795_000_000 + civil_s),
            monotonic: MonotonicInstant::from_nanos(monotonic_s * 1_000_000_000),
        }
    }

    #[test]
    fn a_clock_is_steady_a_day_after_the_start_and_after_every_step() {
        let mut clock = Steadiness::default();
        assert!(!clock.is_steady(at(0, 0)));
        for minute in 1..1440 {
            assert!(!clock.is_steady(at(minute * 60, minute as u64 * 60)), "{minute}");
        }
        assert!(clock.is_steady(at(DAY, DAY as u64)));
        // It steps five years ahead, and back an hour later: each time a day has to pass.
        let years = 5 * 365 * DAY;
        assert!(!clock.is_steady(at(years + DAY + 60, DAY as u64 + 60)));
        assert!(!clock.is_steady(at(DAY + 3600, DAY as u64 + 3600)));
        assert!(!clock.is_steady(at(2 * DAY, 2 * DAY as u64)));
        assert!(clock.is_steady(at(2 * DAY + 3600, 2 * DAY as u64 + 3600)));
    }
}
