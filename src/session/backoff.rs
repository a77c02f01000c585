//! Owns how long to wait before the next attempt: doubling, bounded, with a seeded jitter.
//! Must never wait less than the minimum nor more than the maximum.

use std::time::Duration;

/// Waits that double from `min` to `max`; each is drawn from the upper half of its step so that many links do not return at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    attempts: u32,
    state: u64,
}

impl Backoff {
    /// From `min` to `max` (protocol.md: 1 s to 60 s). The same seed gives the same waits.
    pub fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max: max.max(min), attempts: 0, state: seed }
    }

    /// How long to wait now; each call is one more failed attempt.
    pub fn fail(&mut self) -> Duration {
        let doubled = self.min.saturating_mul(1u32.checked_shl(self.attempts + 1).unwrap_or(u32::MAX));
        self.attempts = (self.attempts + 1).min(30);
        let top = doubled.min(self.max).max(self.min);
        let floor = (top / 2).max(self.min);
        let range = (top - floor).as_nanos() as u64;
        floor + Duration::from_nanos(if range == 0 { 0 } else { self.draw() % (range + 1) })
    }

    /// How many attempts failed since the last success.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The attempt succeeded: the next wait starts from the minimum.
    pub fn succeed(&mut self) {
        self.attempts = 0;
    }

    /// SplitMix64: enough to spread reconnections, and the same on every machine.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_wait_is_within_its_bounds(seed: u64, min_ms in 1u64..5_000, more_ms in 0u64..100_000, attempts in 1usize..80) {
            let (min, max) = (Duration::from_millis(min_ms), Duration::from_millis(min_ms + more_ms));
            let mut backoff = Backoff::new(min, max, seed);
            for attempt in 0..attempts {
                let wait = backoff.fail();
                prop_assert!(wait >= min && wait <= max, "{:?} at {}", wait, attempt);
                if attempt > 40 {
                    prop_assert!(wait >= max / 2, "the step has reached the maximum");
                }
            }
            backoff.succeed();
            prop_assert!(backoff.fail() <= min * 2);
        }
    }

    #[test]
    fn links_with_other_seeds_return_at_other_instants() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), seed);
            (0..8).map(|_| backoff.fail()).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        assert!(waits(7)[0] < Duration::from_secs(2) && waits(7)[7] >= Duration::from_secs(30));
    }
}
