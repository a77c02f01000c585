//! Owns the counters read again from the records: what an account's counter says is what its verdicts add up to.
//! Must never hold a counter against records that are gone, nor let one run ahead of the records where no gap says why.

use super::super::event::AccountCounter;
use super::super::verdict::{VerdictKind, VerdictRecord};
use super::report::Report;
use crate::message::name::NameId;
use std::collections::BTreeMap;

/// The counters of all starts, and what the verdicts add up to.
#[derive(Debug, Default)]
pub struct Counters {
    /// By the verdict at which they hold: start, event and counter.
    wanted: BTreeMap<u64, Vec<(u32, u64, AccountCounter)>>,
    last: BTreeMap<(u32, NameId), AccountCounter>,
    /// Where each start's verdicts begin, and whether it ended in order.
    begins: BTreeMap<u32, (u64, bool)>,
    /// The events that say that records are missing, by their start.
    gaps: BTreeMap<u32, Vec<u64>>,
    boot: u32,
    sums: BTreeMap<NameId, Sums>,
    /// By how much the counter of an account is ahead of its records since a gap, and the event of its last counter.
    ahead: BTreeMap<NameId, (Sums, u64)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    permitted: u64,
    refused: u64,
    unresolved: u64,
    withdrawn: u64,
}

impl Sums {
    fn of(counter: &AccountCounter) -> Self {
        let AccountCounter { permitted, refused, unresolved, withdrawn, .. } = *counter;
        Self { permitted, refused, unresolved, withdrawn }
    }

    /// What is missing from `other` to be these; `None` when some of it is more.
    fn beyond(self, other: Self) -> Option<Self> {
        Some(Self {
            permitted: self.permitted.checked_sub(other.permitted)?,
            refused: self.refused.checked_sub(other.refused)?,
            unresolved: self.unresolved.checked_sub(other.unresolved)?,
            withdrawn: self.withdrawn.checked_sub(other.withdrawn)?,
        })
    }

    const fn total(self) -> u64 {
        self.permitted + self.refused + self.unresolved + self.withdrawn
    }
}

impl std::fmt::Display for Sums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { permitted, refused, unresolved, withdrawn } = self;
        write!(f, "{permitted} permitted, {refused} refused, {unresolved} unresolved and {withdrawn} withdrawn")
    }
}

impl Counters {
    /// A start began when there were so many verdicts.
    pub fn begin(&mut self, boot: u32, verdicts: u64) {
        self.begins.insert(boot, (verdicts, false));
    }

    /// This start ended in order: every gap it had is on record.
    pub fn end(&mut self, boot: u32) {
        if let Some((_, ended)) = self.begins.get_mut(&boot) {
            *ended = true;
        }
    }

    /// This event of this start says that records are missing before it.
    pub fn gap(&mut self, boot: u32, seq: u64) {
        self.gaps.entry(boot).or_default().push(seq);
    }

    /// Takes a counter: its own sums, and that it never falls.
    pub fn take(&mut self, boot: u32, seq: u64, counter: &AccountCounter) -> Result<(), String> {
        let c = counter;
        if c.received != c.permitted + c.refused + c.waiting {
            return Err(format!(
                "{} received are not {} permitted, {} refused and {} waiting",
                c.received, c.permitted, c.refused, c.waiting
            ));
        }
        if c.permitted != c.answered + c.unresolved + c.withdrawn + c.in_flight {
            return Err(format!(
                "{} permitted are not {} answered, {} unresolved, {} withdrawn and {} in flight",
                c.permitted, c.answered, c.unresolved, c.withdrawn, c.in_flight
            ));
        }
        if let Some(last) = self.last.insert((boot, c.account), c.clone())
            && (last.received > c.received || last.permitted > c.permitted || last.verdicts > c.verdicts)
        {
            return Err("the counter is smaller than the one before".into());
        }
        self.wanted.entry(c.verdicts).or_default().push((boot, seq, counter.clone()));
        Ok(())
    }

    /// What the verdict `seq` finds: counters that hold at it are compared before it is added.
    pub fn verdict(&mut self, record: &VerdictRecord, first: u64, report: &mut Report) -> Result<(), String> {
        self.compare(record.seq, first, report)?;
        self.enter(record.boot);
        let sums = self.sums.entry(record.account).or_default();
        match record.kind {
            VerdictKind::Permitted | VerdictKind::Observed(_) => sums.permitted += 1,
            VerdictKind::Refused(_) => sums.refused += 1,
            VerdictKind::Unresolved => sums.unresolved += 1,
            VerdictKind::Withdrawn(_) => sums.withdrawn += 1,
            VerdictKind::Composed
            | VerdictKind::LateAnswer(_)
            | VerdictKind::Recalled(_)
            | VerdictKind::NotRecalled => {}
        }
        Ok(())
    }

    /// Sums count from the beginning of a start.
    fn enter(&mut self, boot: u32) {
        if boot != self.boot {
            self.boot = boot;
            self.sums.clear();
            self.ahead.clear();
        }
    }

    /// Compares the counters that hold up to (not with) the verdict `seq`.
    pub fn compare(&mut self, seq: u64, first: u64, report: &mut Report) -> Result<(), String> {
        let later = self.wanted.split_off(&(seq + 1));
        let due = std::mem::replace(&mut self.wanted, later);
        for (boot, event, counter) in due.into_values().flatten() {
            let (from, ended) = self.begins.get(&boot).copied().unwrap_or_default();
            let lost = self.begins.get(&(boot + 1)).is_some_and(|(next, _)| *next < counter.verdicts);
            if from < first || lost {
                report.replayed.counters_apart += 1;
                continue;
            }
            self.enter(boot.max(self.boot));
            let found = if boot == self.boot { self.sums.get(&counter.account).copied() } else { None };
            self.weigh(boot, event, ended, &counter, found.unwrap_or_default(), report)?;
        }
        Ok(())
    }

    fn weigh(
        &mut self,
        boot: u32,
        event: u64,
        ended: bool,
        counter: &AccountCounter,
        found: Sums,
        report: &mut Report,
    ) -> Result<(), String> {
        let said = Sums::of(counter);
        let (ahead, last) = self.ahead.get(&counter.account).copied().unwrap_or_default();
        let missing = said.beyond(found);
        // While a gap is open the events may still take a counter: the gap's own record then follows it.
        let gap = self.gaps.get(&boot).is_some_and(|gaps| gaps.iter().any(|gap| *gap > last));
        let now = match missing {
            Some(missing) if missing == ahead => missing,
            Some(missing) if missing.beyond(ahead).is_some() && (gap || !ended) => {
                let more = missing.beyond(ahead).unwrap_or_default();
                let why = if gap { "a gap record says why" } else { "that start was killed, and cannot say why" };
                report.note(format!(
                    "the counter of event {event} is {} records ahead of the verdicts ({more}): {why}; from there on it is held \
                     against them again",
                    more.total()
                ));
                missing
            }
            Some(_) | None => {
                return Err(format!(
                    "up to here the verdicts add up to {found}, but the account's counter (event {event}) says {said}"
                ));
            }
        };
        self.ahead.insert(counter.account, (now, event));
        report.replayed.counters += 1;
        Ok(())
    }
}
