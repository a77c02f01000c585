//! Owns what left without a record while the ledger was unusable: counted in RAM, recorded before the next verdict.
//! Must never let a verdict be recorded before the counts of the gap are durable.

use super::book::{Ledger, PATIENCE};
use super::event::{Event, Gap};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How often a gap is tried to be closed.
const AGAIN: Duration = Duration::from_secs(1);

/// The gap that is open, if one is.
#[derive(Debug, Default)]
pub struct Gaps {
    is_open: AtomicBool,
    counts: Mutex<Counts>,
    /// Rung when a gap opens, and at the end.
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Counts {
    messages: BTreeMap<NameId, (u64, CivilInstant, CivilInstant)>,
    opened: CivilInstant,
}

#[derive(Debug, Default)]
struct Bell {
    state: Mutex<(bool, bool)>,
    rung: Condvar,
}

impl Gaps {
    /// Whether records wait for a gap to be recorded.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// A commit failed: the ledger is unusable until the gap is recorded.
    pub fn open(&self, now: CivilInstant) {
        {
            let mut counts = self.lock();
            if !self.is_open.swap(true, Ordering::AcqRel) {
                counts.opened = now;
            }
        }
        self.bell.state.lock().unwrap_or_else(PoisonError::into_inner).0 = true;
        self.bell.rung.notify_all();
    }

    /// Counts a message that left without a record.
    pub fn count(&self, account: NameId, now: CivilInstant) {
        self.open(now);
        let mut counts = self.lock();
        let entry = counts.messages.entry(account).or_insert((0, now, now));
        entry.0 += 1;
        entry.1 = entry.1.min(now);
        entry.2 = entry.2.max(now);
    }

    /// Ends the watching.
    pub fn close(&self) {
        self.bell.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.bell.rung.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the gap and ends it, once both streams have room again. `false` when the disk does not take it yet: the counts are kept.
    fn mend(&self, ledger: &Arc<Ledger>) -> bool {
        // Closed while the verdicts have no room, it would open again with the next message, and again.
        ledger.obstacle().is_none() && self.record(ledger)
    }

    /// Records what is counted, at the end of a process: the counts are in memory only. `false` when they are lost.
    pub fn record_at_the_end(&self, ledger: &Arc<Ledger>) -> bool {
        !self.is_open() || self.record(ledger)
    }

    fn record(&self, ledger: &Arc<Ledger>) -> bool {
        let now = CivilInstant::from_micros(ledger.last_now.load(Ordering::Relaxed));
        let (taken, opened) = {
            let mut counts = self.lock();
            (std::mem::take(&mut counts.messages), counts.opened)
        };
        let mut appender = ledger.appender();
        let mut gaps: Vec<Gap> = taken
            .iter()
            .map(|(account, (messages, from, to))| Gap { account: *account, messages: *messages, from: *from, to: *to })
            .collect();
        if gaps.is_empty() {
            gaps.push(Gap { account: NameId::NONE, messages: 0, from: opened, to: now.max(opened) });
        }
        let recorded = gaps.iter().all(|gap| appender.event(now, &Event::Gap(gap.clone()), None).is_ok())
            && appender.commit(now).is_ok_and(|done| ledger.events.wait_synced(done.events.end - 1, PATIENCE));
        let mut counts = self.lock();
        if !recorded {
            // Whether they were written or not is unknown: counted twice is honest, not counted is not.
            for (account, (messages, from, to)) in taken {
                let entry = counts.messages.entry(account).or_insert((0, from, to));
                *entry = (entry.0 + messages, entry.1.min(from), entry.2.max(to));
            }
            return false;
        }
        if !counts.messages.is_empty() {
            return false;
        }
        self.is_open.store(false, Ordering::Release);
        true
    }
}

/// Starts the thread that closes gaps. It ends with the ledger.
pub(super) fn watch(ledger: &Arc<Ledger>) -> std::io::Result<()> {
    let weak = Arc::downgrade(ledger);
    let bell = Arc::clone(&ledger.gaps.bell);
    std::thread::Builder::new().name("ledger-gap".into()).spawn(move || keep(&weak, &bell))?;
    Ok(())
}

fn keep(ledger: &Weak<Ledger>, bell: &Bell) {
    let mut state = bell.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let idle = |state: &mut (bool, bool)| !state.0 && !state.1;
        state = bell.rung.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.1 {
            return;
        }
        state.0 = false;
        drop(state);
        let Some(strong) = ledger.upgrade() else { return };
        let mended = !strong.gaps.is_open() || strong.gaps.mend(&strong);
        drop(strong);
        state = bell.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !mended {
            state.0 = true;
            let ending = |state: &mut (bool, bool)| !state.1;
            (state, _) = bell.rung.wait_timeout_while(state, AGAIN, ending).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Gaps {
    fn drop(&mut self) {
        self.close();
    }
}
