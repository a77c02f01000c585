//! Owns the counters read again from the records: what an account's counter says is what its verdicts add up to.
//! Must never hold a counter against records that are gone, or that a gap says were never made.

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
    /// Where each start's verdicts begin, and which starts had a gap.
    begins: BTreeMap<u32, u64>,
    gaps: Vec<u32>,
    boot: u32,
    sums: BTreeMap<NameId, Sums>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    permitted: u64,
    refused: u64,
    unresolved: u64,
    withdrawn: u64,
}

impl Counters {
    /// A start began when there were so many verdicts.
    pub fn begin(&mut self, boot: u32, verdicts: u64) {
        self.begins.insert(boot, verdicts);
    }

    /// In this start records are missing, and it was said.
    pub fn gap(&mut self, boot: u32) {
        self.gaps.push(boot);
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
        if record.boot != self.boot {
            self.boot = record.boot;
            self.sums.clear();
        }
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

    /// Compares the counters that hold up to (not with) the verdict `seq`.
    pub fn compare(&mut self, seq: u64, first: u64, report: &mut Report) -> Result<(), String> {
        let later = self.wanted.split_off(&(seq + 1));
        let due = std::mem::replace(&mut self.wanted, later);
        for (boot, event, counter) in due.into_values().flatten() {
            let from = self.begins.get(&boot).copied().unwrap_or_default();
            let lost = self.begins.get(&(boot + 1)).is_some_and(|next| *next < counter.verdicts);
            if from < first || lost || self.gaps.contains(&boot) {
                continue;
            }
            let none = Sums::default();
            let found = if boot == self.boot { self.sums.get(&counter.account).unwrap_or(&none) } else { &none };
            let said = Sums {
                permitted: counter.permitted,
                refused: counter.refused,
                unresolved: counter.unresolved,
                withdrawn: counter.withdrawn,
            };
            if said != *found {
                return Err(format!(
                    "up to here the verdicts add up to {found:?}, but the account's counter (event {event}) says {said:?}"
                ));
            }
            report.replayed.counters += 1;
        }
        Ok(())
    }
}
