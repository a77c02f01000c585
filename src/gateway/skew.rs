//! Owns the watch on the civil clock: a step is seen, recorded, and the law is read by both clocks for a while.
//! Must never correct a clock, nor order anything by it.

use crate::clock::Now;
use crate::compliance::facts::{OtherReadings, READINGS};
use crate::message::instant::{CivilInstant, MonotonicInstant};
use std::time::Duration;

/// A step smaller than this is how clocks are disciplined.
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

/// A reading that counts beside the clock's own.
#[derive(Clone, Copy, Debug)]
struct Other {
    /// Microseconds to add to the clock to get it.
    offset: i64,
    until: MonotonicInstant,
}

/// Watches civil time against monotonic time.
#[derive(Debug, Default)]
pub struct Skew {
    last: Option<Now>,
    /// What the clock would say without one step or the other. A step soon after another makes neither reading wrong.
    others: [Option<Other>; READINGS],
    /// Steps that nobody has recorded yet.
    steps: Vec<Step>,
}

impl Skew {
    /// Begins to watch. `set_back_from`: what the clock had reached before it was set back, while nobody looked.
    pub fn new(set_back_from: Option<CivilInstant>, now: MonotonicInstant) -> Self {
        Self { last: set_back_from.map(|civil| Now { civil, monotonic: now }), ..Self::default() }
    }

    /// Compares the two clocks since the last look. Looks are close together, so drift between two of them is no step.
    pub fn watch(&mut self, now: Now, speed_is_real: bool) {
        let Some(before) = self.last.replace(now) else { return };
        if !speed_is_real {
            return;
        }
        let expected = before.civil.plus(now.monotonic.since(before.monotonic));
        let by = now.civil.as_micros() - expected.as_micros();
        if by.abs() <= STEP_MICROS {
            return;
        }
        for other in &mut self.others {
            *other = other
                .filter(|other| now.monotonic < other.until)
                .map(|other| Other { offset: other.offset - by, ..other })
                // The clock is back at it: it counts as the clock's own.
                .filter(|other| other.offset.abs() > STEP_MICROS);
        }
        let how_long = Duration::from_micros(by.unsigned_abs()).min(BOTH_AT_MOST);
        let place = self.others.iter_mut().min_by_key(|other| other.map_or(0, |other| other.offset.unsigned_abs()));
        // With no place free, the one nearest to the clock's own goes: it forbids the least.
        if let Some(place) = place {
            *place = Some(Other { offset: -by, until: now.monotonic.plus(how_long) });
        }
        self.steps.push(Step { from: expected, to: now.civil });
    }

    /// The steps since the last call.
    pub fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// The other readings that count now.
    pub fn also_now(&self, now: Now) -> OtherReadings {
        self.others.map(|other| {
            let other = other.filter(|other| now.monotonic < other.until)?;
            Some(CivilInstant::from_micros(now.civil.as_micros() + other.offset))
        })
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

    fn readings(skew: &Skew, civil_s: i64, monotonic_s: u64) -> Vec<i64> {
        let readings = skew.also_now(at(civil_s, monotonic_s)).into_iter().flatten();
        readings.map(|at| at.as_micros() / 1_000_000).collect()
    }

    #[test]
    fn an_hour_forward_is_a_step_and_both_readings_count_for_an_hour() {
        let mut skew = Skew::default();
        skew.watch(at(1000, 10), true);
        skew.watch(at(1001, 11), true);
        assert!(skew.take_steps().is_empty());
        skew.watch(at(4602, 12), true);
        let step = Step { from: CivilInstant::from_secs(1002), to: CivilInstant::from_secs(4602) };
        assert_eq!(skew.take_steps(), [step]);
        assert!(skew.take_steps().is_empty());
        assert_eq!(readings(&skew, 4602, 12), [1002]);
        assert_eq!(readings(&skew, 8201, 3611), [4601]);
        assert!(readings(&skew, 8202, 3612).is_empty());
    }

    #[test]
    fn a_clock_that_was_set_back_while_nobody_looked_has_stepped() {
        let mut skew = Skew::new(Some(CivilInstant::from_secs(8_200)), at(0, 10).monotonic);
        skew.watch(at(4_600, 10), true);
        let step = Step { from: CivilInstant::from_secs(8_200), to: CivilInstant::from_secs(4_600) };
        assert_eq!(skew.take_steps(), [step]);
        assert_eq!(readings(&skew, 4_700, 110), [8_300], "for an hour what it had reached counts too");
        assert!(readings(&skew, 8_200, 3_610).is_empty());
        let mut skew = Skew::new(None, at(0, 10).monotonic);
        skew.watch(at(4_600, 10), true);
        assert!(skew.take_steps().is_empty());
    }

    #[test]
    fn two_seconds_are_no_step_and_a_day_and_more_counts_a_day() {
        let mut skew = Skew::default();
        skew.watch(at(1000, 10), true);
        skew.watch(at(1003, 11), true);
        assert!(skew.take_steps().is_empty());
        skew.watch(at(1004 - 3 * 86_400, 12), true);
        assert_eq!(skew.take_steps().len(), 1);
        assert_eq!(readings(&skew, 1004 - 2 * 86_400 - 1, 12 + 86_399).len(), 1);
        assert!(readings(&skew, 1004 - 2 * 86_400, 12 + 86_400).is_empty());
    }

    #[test]
    fn a_second_step_does_not_make_the_reading_before_the_first_one_forgotten() {
        let mut skew = Skew::default();
        skew.watch(at(1000, 10), true);
        skew.watch(at(37_001, 11), true);
        // Five seconds more: what was 1002 before everything is 1002 still.
        skew.watch(at(37_007, 12), true);
        let mut both = readings(&skew, 37_007, 12);
        both.sort_unstable();
        assert_eq!(both, [1002, 37_002]);
        assert_eq!(readings(&skew, 37_013, 18), [1008], "the second step's five seconds are over");
        // Set right again: the old reading is the clock's own, the wrong one still counts.
        skew.watch(at(1009, 19), true);
        assert_eq!(readings(&skew, 1009, 19), [37_014]);
    }

    #[test]
    fn more_steps_than_places_keep_the_readings_that_are_furthest_away() {
        let mut skew = Skew::default();
        skew.watch(at(0, 0), true);
        for turn in 1..=6 {
            skew.watch(at(turn * 10_000, turn as u64), true);
        }
        let mut kept = readings(&skew, 60_000, 6);
        kept.sort_unstable();
        assert_eq!(kept.len(), READINGS);
        assert_eq!(kept[0], 6, "the first of all");
    }

    #[test]
    fn a_rehearsal_that_runs_faster_never_steps() {
        let mut skew = Skew::default();
        skew.watch(at(1000, 10), false);
        skew.watch(at(9000, 11), false);
        assert!(skew.take_steps().is_empty());
    }
}
