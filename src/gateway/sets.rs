//! Owns messages in parts on their way: recalled at a start, given back when a part does not leave, counted with time.
//! Must never judge a part: it only tells the table what became of one.

use super::lane::Lane;
use crate::clock::Now;
use crate::compliance::class::TrafficClass;
use crate::compliance::parts::{Key, Pinned, TEXTS_KEPT, Table};
use crate::compliance::verdict::Ruling;
use crate::ledger::verdict::Way;
use crate::ledger::{Ledger, OpenError};
use crate::message::instant::CivilInstant;
use crate::session::route::SetKey;
use std::sync::{MutexGuard, PoisonError};

/// The table as the verdicts of the last ten minutes tell it: which parts were forwarded, not what they said.
///
/// # Errors
/// The ledger cannot be read.
pub fn recall(ledger: &Ledger, now: CivilInstant) -> Result<Table, OpenError> {
    let mut table = Table::default();
    let mut verdicts = ledger.verdicts_since(now.minus(TEXTS_KEPT))?;
    while let Some(record) = verdicts.next_verdict()? {
        let (Some(segment), Some(key)) = (record.segment, Key::of(record.segment, record.sender, record.tag)) else {
            continue;
        };
        match record.kind.way() {
            Some(Way::Released) => {
                let opened_at = match record.class {
                    TrafficClass::Commercial => Some(record.judged_at),
                    TrafficClass::Transactional => None,
                };
                let pinned = Pinned { class: Some(record.class), pack: None, opened_at };
                table.restore(key, segment.number, record.account, pinned, record.at);
            }
            Some(Way::TakenBack) => table.take_back(&key, segment.number),
            // That a part was called back makes nothing of the rest of its set lawful.
            None => {}
        }
    }
    Ok(table)
}

impl Lane {
    fn parts(&self) -> MutexGuard<'_, Table> {
        self.kit.shared.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part that was permitted does not leave: its set does not have it.
    pub fn give_back_part(&self, ruling: &Ruling) {
        if let (Some(segment), Some(key)) = (ruling.segment, Key::of(ruling.segment, ruling.sender, ruling.tag)) {
            self.parts().take_back(&key, segment.number);
        }
    }

    /// Forgets what is over, and counts the sets of this lane's accounts that never became whole.
    pub fn tick_sets(&self, now: Now) {
        let mut parts = self.parts();
        parts.sweep(now.civil);
        for (id, account) in &self.accounts {
            let given_up = parts.take_given_up(*id);
            if given_up > 0 {
                account.contract.metrics.parts_incomplete.increment(given_up);
            }
        }
    }
}

/// The key by which a set keeps its link; `None` for a message in one piece.
pub fn road(ruling: &Ruling) -> Option<SetKey> {
    let segment = ruling.segment.filter(|segment| segment.total > 1)?;
    let destination = ruling.destination?.as_u64();
    Some(SetKey { sender: ruling.sender, destination, reference: segment.reference, total: segment.total })
}
