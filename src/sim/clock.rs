//! Owns the rehearsal's virtual civil clock: it runs on from an instant, at a speed.
//! Must never scale a timer towards a peer: only what people call the time of day moves faster.

use crate::message::instant::CivilInstant;
use std::time::Duration;
use tokio::time::Instant;

/// Civil time that began at `from` when it was made, and runs `speed` times as fast as real time.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    from: CivilInstant,
    speed: u32,
    made: Instant,
}

impl VirtualClock {
    /// Runs on from `from`; `speed` 0 stands still.
    pub fn new(from: CivilInstant, speed: u32) -> Self {
        Self { from, speed, made: Instant::now() }
    }

    /// The virtual time of day.
    pub fn now(&self) -> CivilInstant {
        self.after(self.made.elapsed())
    }

    /// The virtual time of day once `elapsed` of real time has passed since the clock was made.
    pub fn after(&self, elapsed: Duration) -> CivilInstant {
        self.from.plus(elapsed.saturating_mul(self.speed))
    }

    /// How long it takes in real time from virtual `now` to `at`; zero when it has passed, `None` when it never comes.
    pub fn between(&self, now: CivilInstant, at: CivilInstant) -> Option<Duration> {
        let distance = at.since(now);
        if distance.is_zero() { Some(Duration::ZERO) } else { distance.checked_div(self.speed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_time_runs_at_its_speed_from_its_start() {
        let start = CivilInstant::from_secs(1_795_510_800);
        let clock = VirtualClock::new(start, 60);
        let half = clock.after(Duration::from_secs(30));
        assert_eq!(half.since(start), Duration::from_secs(1800));
        let hour = start.plus(Duration::from_secs(3600));
        assert_eq!(clock.between(half, hour), Some(Duration::from_secs(30)));
        assert_eq!(clock.between(hour, start), Some(Duration::ZERO));
        assert_eq!(VirtualClock::new(start, 0).between(start, hour), None);
    }
}
