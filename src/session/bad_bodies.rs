//! Owns the count of malformed bodies on one link.
//! Must never close anything: it says when the limit is reached.

use crate::message::instant::MonotonicInstant;
use std::time::Duration;

/// How many malformed bodies within `BAD_BODIES_SPAN` end a session (protocol.md).
pub const BAD_BODIES_MAX: usize = 10;
/// The span they are counted over.
pub const BAD_BODIES_SPAN: Duration = Duration::from_secs(60);

/// The instants of the last malformed bodies of one link.
#[derive(Clone, Debug, Default)]
pub struct BadBodies {
    instants: [MonotonicInstant; BAD_BODIES_MAX],
    /// How many were seen in all.
    seen: usize,
}

impl BadBodies {
    /// Counts one; true when it is the tenth within a minute: the session is to be unbound.
    pub fn count(&mut self, now: MonotonicInstant) -> bool {
        self.instants[self.seen % BAD_BODIES_MAX] = now;
        self.seen += 1;
        let earliest = self.instants[self.seen % BAD_BODIES_MAX];
        self.seen >= BAD_BODIES_MAX && now.since(earliest) < BAD_BODIES_SPAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_in_a_minute_are_too_many_and_ten_in_ten_minutes_are_not() {
        for (gap_s, limit) in [(0, Some(10)), (6, Some(10)), (7, None), (60, None)] {
            let mut bad = BadBodies::default();
            let reached = (1..=30).find(|n| bad.count(MonotonicInstant::from_nanos(n * gap_s * 1_000_000_000)));
            assert_eq!(reached, limit, "one every {gap_s} s");
        }
    }
}
