//! Owns the token buckets: how much an account may submit, and how fast a link may send.
//! Must never sleep: it says how long a wait would be.

use crate::message::instant::MonotonicInstant;
use std::time::Duration;

/// The wait beyond which an account's submission is answered SG141 (protocol.md).
pub const ACCOUNT_WAIT_MAX: Duration = Duration::from_secs(1);

/// How late a link's next message may be and the link still get its whole rate: timers are no finer than a millisecond, and a
/// lane is busy at times.
const LATE_MADE_GOOD: Duration = Duration::from_millis(10);

/// A wait would be longer than the caller allows: nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateExceeded {
    /// How long the wait would have been.
    pub wait: Duration,
}

/// A token bucket kept as one instant: when the tokens taken so far will have been earned.
///
/// It may go negative: tokens for all parts of a message are taken at once, and later takers wait for them.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    /// Nanoseconds that earn one token; 0 = no limit.
    per_token: u64,
    /// How much unused time is kept, in nanoseconds.
    kept: u64,
    /// Everything taken so far is paid for at this instant.
    paid: u64,
    paused_until: MonotonicInstant,
}

impl TokenBucket {
    /// `per_second` tokens a second (0 = no limit), of which at most `burst` are kept unused (at least one).
    pub fn new(per_second: u32, burst: u32) -> Self {
        let per_token = if per_second == 0 { 0 } else { 1_000_000_000 / u64::from(per_second) };
        Self {
            per_token,
            kept: per_token * u64::from(burst.max(1)),
            paid: 0,
            paused_until: MonotonicInstant::default(),
        }
    }

    /// An account's bucket: a tenth of a second's worth may come at once.
    pub fn for_account(per_second: u32) -> Self {
        Self::new(per_second, per_second / 10)
    }

    /// A link's bucket towards an SMSC: what is late by up to a hundredth of a second is made good, and nothing more comes at
    /// once, since the contract is the operator's.
    pub fn for_link(per_second: u32) -> Self {
        let mut bucket = Self::new(per_second, 1);
        bucket.kept += LATE_MADE_GOOD.as_nanos() as u64;
        bucket
    }

    /// How long one more token would have to be waited for.
    pub fn wait(&self, now: MonotonicInstant) -> Duration {
        // One token must have been earned: what is kept, less one token, may be drawn on at once.
        let ready = self.paid.saturating_sub(self.kept - self.per_token);
        let pace = Duration::from_nanos(ready.saturating_sub(now.as_nanos()));
        pace.max(self.paused_until.since(now))
    }

    /// The instant from which one token can be had without a wait.
    pub fn ready_at(&self, now: MonotonicInstant) -> MonotonicInstant {
        now.plus(self.wait(now))
    }

    /// Takes `tokens`, whatever they cost the later takers.
    pub fn take(&mut self, tokens: u32, now: MonotonicInstant) {
        self.paid = self.paid.max(now.as_nanos()).saturating_add(self.per_token * u64::from(tokens));
    }

    /// Takes `tokens` if the wait for the first of them is at most `wait_max`, and says how long that wait is.
    /// A caller that does not wait grants the account that much burst.
    pub fn take_within(
        &mut self,
        tokens: u32,
        wait_max: Duration,
        now: MonotonicInstant,
    ) -> Result<Duration, RateExceeded> {
        let wait = self.wait(now);
        if wait > wait_max {
            return Err(RateExceeded { wait });
        }
        self.take(tokens, now);
        Ok(wait)
    }

    /// No token for `span` from now: the peer said ESME_RTHROTTLED.
    pub fn pause(&mut self, span: Duration, now: MonotonicInstant) {
        self.paused_until = self.paused_until.max(now.plus(span));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(ms: u64) -> MonotonicInstant {
        MonotonicInstant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn zero_is_no_limit_but_a_pause_holds() {
        let mut bucket = TokenBucket::for_link(0);
        for _ in 0..10_000 {
            assert_eq!(bucket.take_within(1, Duration::ZERO, ms(5)), Ok(Duration::ZERO));
        }
        bucket.pause(Duration::from_secs(1), ms(5));
        assert_eq!(bucket.ready_at(ms(5)), ms(1005));
        assert_eq!(bucket.wait(ms(1005)), Duration::ZERO);
    }

    #[test]
    fn a_link_whose_timer_is_late_still_gets_its_whole_rate_and_no_burst() {
        for per_second in [1, 50, 100, 400, 1_000, 10_000] {
            let mut bucket = TokenBucket::for_link(per_second);
            let (mut now, mut taken) = (ms(5_000), 0u32);
            while now < ms(8_000) {
                while bucket.wait(now).is_zero() {
                    bucket.take(1, now);
                    taken += 1;
                }
                // The next whole millisecond, and one more.
                now = ms(bucket.ready_at(now).as_nanos().div_ceil(1_000_000) + 1);
            }
            let contract = 3 * per_second;
            assert!((contract * 98 / 100..=contract + contract / 200 + 2).contains(&taken), "{taken} of {contract}");
        }
    }

    #[test]
    fn all_parts_are_taken_at_once_and_later_takers_wait() {
        let mut bucket = TokenBucket::new(10, 1);
        assert_eq!(bucket.take_within(15, ACCOUNT_WAIT_MAX, ms(1_000)), Ok(Duration::ZERO));
        let refused = bucket.take_within(1, ACCOUNT_WAIT_MAX, ms(1_000)).unwrap_err();
        assert_eq!(refused.wait, Duration::from_millis(1_500));
        assert_eq!(bucket.take_within(1, ACCOUNT_WAIT_MAX, ms(1_500)), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn unused_time_is_kept_only_up_to_the_burst() {
        let mut bucket = TokenBucket::new(100, 10);
        let taken = (0..1_000).take_while(|_| bucket.take_within(1, Duration::ZERO, ms(60_000)).is_ok()).count();
        assert_eq!(taken, 10);
    }

    proptest! {
        #[test]
        fn no_span_gives_more_than_rate_and_burst(rate in 1u32..500, burst in 1u32..50, gaps in prop::collection::vec(0u64..200, 1..400)) {
            let mut bucket = TokenBucket::new(rate, burst);
            let (mut now, mut taken) = (1_000u64, Vec::new());
            for gap in gaps {
                now += gap;
                if bucket.take_within(1, Duration::ZERO, ms(now)).is_ok() {
                    taken.push(now);
                }
            }
            for (first, start) in taken.iter().enumerate() {
                for (last, end) in taken.iter().enumerate().skip(first) {
                    let allowed = f64::from(burst) + 1.0 + f64::from(rate) * (*end - *start) as f64 / 1000.0;
                    prop_assert!((last - first + 1) as f64 <= allowed + 1e-6);
                }
            }
            prop_assert!(!taken.is_empty());
        }
    }
}
