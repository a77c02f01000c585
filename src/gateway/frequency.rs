//! Owns the counting of what left, for accounts with a cap: added when it is released, given back when it comes to nothing.
//! Must never decide whether a message may leave: the judge asks the counts.

use super::lane::Lane;
use crate::clock::Now;
use crate::compliance::frequency::{self, Mark};
use crate::compliance::verdict::Ruling;
use crate::ledger::VerdictKind;

impl Lane {
    /// Counts a message by what its record says. The same record again changes nothing.
    pub fn count(&self, kind: VerdictKind, ruling: &Ruling, message_ref: u64, now: Now) {
        let Some(tag) = ruling.tag else { return };
        let name = frequency::name(ruling.segment, ruling.sender, message_ref);
        if kind.has_left() {
            let mut counts = self.kit.shared.frequency.index().lock();
            counts.add(ruling.account, tag.prefix(), Mark::new(now.civil, name));
        } else if kind.came_to_nothing() {
            self.uncount(ruling, message_ref);
        }
    }

    /// The operator did not take it: no record says so, but it does not count.
    pub fn uncount(&self, ruling: &Ruling, message_ref: u64) {
        if let Some(tag) = ruling.tag.filter(|_| ruling.counted) {
            let name = frequency::name(ruling.segment, ruling.sender, message_ref);
            self.kit.shared.frequency.index().lock().take_back(ruling.account, &tag, name);
        }
    }
}
