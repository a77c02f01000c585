//! Owns the watch on the civil clock: a step is seen, recorded, and the law is read by both clocks for a while.
//! Must never correct a clock, nor order anything by it.

use crate::clock::Now;
use crate::message::instant::{CivilInstant, MonotonicInstant};
use std::time::Duration;

/// A step smaller than this is how clocks are disciplined (evidence.md: over 2 s is a step).
const STEP_MICROS: i64 = 2_000_000;
/// Both readings are demanded for at most this long.
const BOTH_AT_MOST: Duration = Duration::from_secs(24 * 3600);

/// A step of the civil clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the clock would have said.
    pub from: CivilInstant,
    /// What it says.
    pub to: CivilInstant,
}

/// Watches civil time against monotonic time.
#[derive(Debug, Default)]
pub struct Skew {
    last: Option<Now>,
    /// Microseconds to add to the clock to get the other reading, and until when both count.
    other: Option<(i64, MonotonicInstant)>,
}

impl Skew {
    /// Compares the two clocks since the last look. Ticks are short, so drift between two looks is no step.
    pub fn watch(&mut self, now: Now, speed_is_real: bool) -> Option<Step> {
        let before = self.last.replace(now)?;
        if !speed_is_real {
            return None;
        }
        let expected = before.civil.plus(now.monotonic.since(before.monotonic));
        let by = now.civil.as_micros() - expected.as_micros();
        if by.abs() <= STEP_MICROS {
            return None;
        }
        let how_long = Duration::from_micros(by.unsigned_abs()).min(BOTH_AT_MOST);
        self.other = Some((-by, now.monotonic.plus(how_long)));
        Some(Step { from: expected, to: now.civil })
    }

    /// The other clock's reading, while both count.
    pub fn also_now(&self, now: Now) -> Option<CivilInstant> {
        let (offset, until) = self.other?;
        (now.monotonic < until).then(|| CivilInstant::from_micros(now.civil.as_micros() + offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(civil_s: i64, monotonic_s: u64) -> Now {
        Now {
            civil: CivilInstant::from_secs(civil_s),
            monotonic: MonotonicInstant::from_nanos(monotonic_s * 1_000_000_000),
        }
    }

    #[test]
    fn an_hour_forward_is_a_step_and_both_readings_count_for_an_hour() {
        let mut skew = Skew::default();
        assert_eq!(skew.watch(at(1000, 10), true), None);
        assert_eq!(skew.watch(at(1001, 11), true), None);
        let step = skew.watch(at(4602, 12), true).expect("a step");
        assert_eq!((step.from, step.to), (CivilInstant::from_secs(1002), CivilInstant::from_secs(4602)));
        assert_eq!(skew.also_now(at(4602, 12)), Some(CivilInstant::from_secs(1002)));
        assert_eq!(skew.also_now(at(8201, 3611)), Some(CivilInstant::from_secs(4601)));
        assert_eq!(skew.also_now(at(8202, 3612)), None);
    }

    #[test]
    fn two_seconds_are_no_step_and_a_day_and_more_counts_a_day() {
        let mut skew = Skew::default();
        skew.watch(at(1000, 10), true);
        assert_eq!(skew.watch(at(1003, 11), true), None);
        assert!(skew.watch(at(1004 - 3 * 86_400, 12), true).is_some());
        assert!(skew.also_now(at(1004 - 2 * 86_400 - 1, 12 + 86_399)).is_some());
        assert!(skew.also_now(at(1004 - 2 * 86_400, 12 + 86_400)).is_none());
    }

    #[test]
    fn a_rehearsal_that_runs_faster_never_steps() {
        let mut skew = Skew::default();
        skew.watch(at(1000, 10), false);
        assert_eq!(skew.watch(at(9000, 11), false), None);
    }
}
