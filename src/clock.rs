//! Owns the two clocks of the process: civil time (real, or virtual in a rehearsal) and monotonic time.
//! Must never be read inside a pure room: the shell reads it once a batch and hands instants in.

use crate::message::instant::{CivilInstant, MonotonicInstant};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Reads both clocks. Cheap to share; one for the whole process.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    /// Civil microseconds at `start` in a rehearsal; `i64::MIN` when civil time is the system's.
    rehearsal_micros: AtomicI64,
    /// Virtual seconds a real second, in a rehearsal.
    speed: u32,
    /// Civil microseconds that an earlier run is known to have reached; `i64::MIN` when none is.
    reached_micros: AtomicI64,
    synchronised: AtomicBool,
}

const SYSTEM: i64 = i64::MIN;
/// There while a time service vouches for the system's clock: systemd-timesyncd makes it, any other service can be told to.
const VOUCHED_FOR: &str = "/run/systemd/timesync/synchronized";

impl Clock {
    /// The system's civil clock.
    pub fn system() -> Self {
        Self::starting(SYSTEM, 1)
    }

    /// A rehearsal: civil time runs on from `at`, `speed` virtual seconds a real second (at least 1).
    pub fn rehearsal(at: CivilInstant, speed: u32) -> Self {
        Self::starting(at.as_micros(), speed.max(1))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the shell's clock: the one place that reads monotonic time")]
    fn starting(rehearsal_micros: i64, speed: u32) -> Self {
        Self {
            start: Instant::now(),
            rehearsal_micros: AtomicI64::new(rehearsal_micros),
            speed,
            reached_micros: AtomicI64::new(i64::MIN),
            synchronised: AtomicBool::new(false),
        }
    }

    /// Whether civil time is virtual.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal_micros.load(Ordering::Relaxed) != SYSTEM
    }

    /// Civil time now.
    #[expect(clippy::disallowed_methods, reason = "this is the shell's clock: the one place that reads civil time")]
    pub fn civil(&self) -> CivilInstant {
        match self.rehearsal_micros.load(Ordering::Relaxed) {
            SYSTEM => chrono::Utc::now().into(),
            from => CivilInstant::from_micros(from).plus(self.start.elapsed() * self.speed),
        }
    }

    /// Monotonic time now.
    pub fn monotonic(&self) -> MonotonicInstant {
        MonotonicInstant::from_nanos(self.start.elapsed().as_nanos() as u64)
    }

    /// Sets a rehearsal's civil time to `to`, from where it runs on. Does nothing to the system's clock.
    pub fn set_rehearsal(&self, to: CivilInstant) {
        if self.is_rehearsal() {
            let since_start = self.start.elapsed() * self.speed;
            self.rehearsal_micros.store(to.minus(since_start).as_micros(), Ordering::Relaxed);
        }
    }

    /// An earlier run has reached this instant: a system's clock that reads less has been set back since.
    pub fn has_reached(&self, at: CivilInstant) {
        self.reached_micros.fetch_max(at.as_micros(), Ordering::Relaxed);
    }

    /// What the system's clock had reached in an earlier run, if it reads less now. A rehearsal's time is what it was told to be.
    pub fn set_back_from(&self) -> Option<CivilInstant> {
        let reached = CivilInstant::from_micros(self.reached_micros.load(Ordering::Relaxed));
        (!self.is_rehearsal() && self.civil() < reached).then_some(reached)
    }

    /// Looks whether a time service vouches for the system's clock, and remembers it.
    pub fn look_for_service(&self) -> bool {
        let vouched_for = !self.is_rehearsal() && Path::new(VOUCHED_FOR).exists();
        self.synchronised.store(vouched_for, Ordering::Relaxed);
        vouched_for
    }

    /// What was found at the last look.
    pub fn is_synchronised(&self) -> bool {
        self.synchronised.load(Ordering::Relaxed)
    }

    /// How it stands with the civil clock, in words.
    pub fn in_words(&self) -> String {
        match (self.is_rehearsal(), self.is_synchronised()) {
            (true, _) => "virtual".to_owned(),
            (false, true) => "a time service vouches for it".to_owned(),
            (false, false) => format!("not known to be synchronised: {VOUCHED_FOR} is not there"),
        }
    }

    /// Both clocks at once.
    pub fn now(&self) -> Now {
        Now { civil: self.civil(), monotonic: self.monotonic() }
    }

    /// The tokio instant that stands for a monotonic one.
    pub fn deadline(&self, at: MonotonicInstant) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + Duration::from_nanos(at.as_nanos()))
    }
}

/// One look at both clocks: what a batch is handled at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub civil: CivilInstant,
    pub monotonic: MonotonicInstant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_runs_on_from_where_it_is_set() {
        let noon = CivilInstant::from_secs(1_790_000_000);
        let clock = Clock::rehearsal(noon, 1);
        assert!(clock.is_rehearsal());
        assert!(clock.civil() >= noon && clock.civil() < noon.plus(Duration::from_secs(60)));
        let later = noon.plus(Duration::from_secs(86_400));
        clock.set_rehearsal(later);
        assert!(clock.civil() >= later && clock.civil() < later.plus(Duration::from_secs(60)));
    }

    #[test]
    fn a_system_clock_that_reads_less_than_before_was_set_back_and_a_rehearsal_s_was_not() {
        let clock = Clock::system();
        assert_eq!(clock.set_back_from(), None, "nothing is known of before");
        let (hour, now) = (Duration::from_secs(3600), clock.civil());
        clock.has_reached(now.minus(hour));
        assert_eq!(clock.set_back_from(), None);
        clock.has_reached(now.plus(hour));
        clock.has_reached(now);
        assert_eq!(clock.set_back_from(), Some(now.plus(hour)), "the latest counts");
        let rehearsal = Clock::rehearsal(now, 1);
        rehearsal.has_reached(now.plus(hour));
        assert_eq!((rehearsal.set_back_from(), rehearsal.look_for_service()), (None, false));
        assert_eq!(rehearsal.in_words(), "virtual");
    }

    #[test]
    fn who_vouches_for_the_clock_is_looked_for() {
        let clock = Clock::system();
        assert!(!clock.is_synchronised() && clock.in_words().starts_with("not known to be synchronised"));
        assert_eq!(clock.look_for_service(), Path::new(VOUCHED_FOR).exists());
        assert_eq!(clock.is_synchronised(), Path::new(VOUCHED_FOR).exists());
    }

    #[test]
    fn the_system_clock_cannot_be_set() {
        let clock = Clock::system();
        clock.set_rehearsal(CivilInstant::from_secs(0));
        assert!(!clock.is_rehearsal());
        assert!(clock.civil() > CivilInstant::from_secs(1_600_000_000));
    }
}
