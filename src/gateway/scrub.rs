//! Owns the slow reading of the whole ledger while the gateway runs: what the disk has lost is found before somebody needs it.
//! Must never read fast, nor on a lane, nor decide anything: damage is a metric and a line in the log.

use super::shared::Shared;
use crate::journal::scrub::{Scrub, Step};
use crate::ledger::checkpoint::Stream;
use crate::message::instant::CivilInstant;
use std::io;
use std::sync::{Arc, Weak};
use std::thread::{Builder, sleep};
use std::time::Duration;

/// Octets that are read in a second at most, in steps with a rest behind each.
const OCTETS_PER_SECOND: u64 = 4 << 20;
const STEPS_PER_SECOND: u64 = 4;
/// From the beginning of one reading to that of the next; longer when the ledger is too large for that.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// How often it is looked whether it is time again, and how long a header that looks wrong may be on its way.
const LOOK: Duration = Duration::from_secs(1);

/// How many places are damaged: in the reading before this one, and in this one so far.
#[derive(Clone, Copy, Debug, Default)]
struct Damage {
    before: u64,
    found: u64,
}

/// Starts the thread. It ends with the data plane.
///
/// # Errors
/// No thread can be made.
pub fn keep(shared: &Arc<Shared>) -> io::Result<()> {
    let shared = Arc::downgrade(shared);
    let read_on = move || {
        let mut damage = Damage::default();
        while read_all(&shared, &mut damage).is_some() {}
    };
    Builder::new().name("scrub".to_owned()).spawn(read_on).map(drop)
}

/// Reads everything once, and waits until it is time again. `None`: the data plane has ended.
fn read_all(shared: &Weak<Shared>, damage: &mut Damage) -> Option<()> {
    let began = shared.upgrade()?.clock.civil();
    for stream in Stream::ALL {
        let mut scrub = shared.upgrade()?.ledger.scrub(stream);
        while damage.read_some(shared.upgrade()?.as_ref(), &mut scrub, stream) {
            sleep(Duration::from_secs(1) / STEPS_PER_SECOND as u32);
        }
        // One that is begun or given up at this moment looks wrong once.
        if shared.upgrade()?.ledger.headers_fault(stream).is_some() {
            sleep(LOOK);
            let shared = shared.upgrade()?;
            if let Some(what) = shared.ledger.headers_fault(stream) {
                damage.say(&shared, stream, None, &what);
            }
        }
    }
    damage.end(shared.upgrade()?.as_ref());
    while !is_time(began, shared.upgrade()?.clock.civil()) {
        sleep(LOOK);
    }
    Some(())
}

/// A clock that was set back makes it early, never late: by years, it may have been.
fn is_time(began: CivilInstant, now: CivilInstant) -> bool {
    now.as_micros().abs_diff(began.as_micros()) >= EVERY.as_micros() as u64
}

impl Damage {
    /// Reads one step; whether there is more.
    fn read_some(&mut self, shared: &Shared, scrub: &mut Scrub, stream: Stream) -> bool {
        match scrub.step(OCTETS_PER_SECOND / STEPS_PER_SECOND) {
            Step::On => true,
            Step::End => false,
            Step::Damaged { seq, what } => {
                self.say(shared, stream, Some(seq), &what);
                true
            }
        }
    }

    fn say(&mut self, shared: &Shared, stream: Stream, seq: Option<u64>, what: &str) {
        self.found += 1;
        // What the reading before this one found stays until this one has read everything.
        shared.metrics.gauges.ledger_damaged.set(self.before.max(self.found) as f64);
        tracing::error!(event = "ledger.damaged", stream = stream.word(), record = seq, what);
    }

    fn end(&mut self, shared: &Shared) {
        let gauges = &shared.metrics.gauges;
        gauges.ledger_damaged.set(self.found as f64);
        gauges.ledger_reread.set(shared.clock.civil().as_secs() as f64);
        *self = Self { before: self.found, found: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_later_or_a_set_clock_is_time_to_read_again() {
        let at = CivilInstant::from_secs(1_795_000_000);
        let day = |part: u64| Duration::from_secs(part * 3600);
        assert!(!is_time(at, at) && !is_time(at, at.plus(day(23))) && !is_time(at, at.minus(day(1))));
        assert!(is_time(at, at.plus(day(24))) && is_time(at, at.minus(day(24 * 365))));
    }
}
