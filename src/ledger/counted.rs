//! Owns how the counts of R-FREQ outlive a restart: a snapshot, and the verdicts after it.
//! Must never count less than the verdicts say; an operator's rejection of which no record tells may count again after a crash.
//!
//! A file of blocks ([`dump`]): account u32, marks u32, (number u64, mark u64)….

use super::book::Ledger;
use super::error::OpenError;
use super::kept::Derived;
use super::leaf::{Fields, Unreadable};
use super::read::Verdicts;
use super::verdict::{VerdictKind, VerdictRecord};
use crate::compliance::class::TrafficClass;
use crate::compliance::frequency::{self, Cap, Counts, Mark};
use crate::journal::dump::{self, Head, Unusable};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

const MAGIC: &[u8; 8] = b"SGFREQU\x01";
/// Marks in one block, and looked at under one lock.
const CHUNK: usize = 4_096;

/// The counts of this process. Locked for accounts with a cap only.
#[derive(Debug)]
pub struct Tally {
    pub counts: Mutex<Counts>,
    /// Nothing before it counts at the start.
    since: CivilInstant,
}

impl Tally {
    /// Empty counts for these caps, at a start at `now`.
    pub fn new(caps: &[(NameId, Cap)], now: CivilInstant) -> Self {
        let mut counts = Counts::default();
        counts.set_caps(caps);
        let since = now.minus(counts.span().unwrap_or_default());
        Self { counts: Mutex::new(counts), since }
    }

    /// The counts.
    pub fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what counts no more. Never holds the lock for long.
    pub fn tidy(&self, now: CivilInstant) {
        self.walk(|account, marks| self.lock().forget_over(account, marks, now));
    }

    /// Shows all marks, some at a time.
    fn walk(&self, mut visit: impl FnMut(NameId, &[(u64, Mark)])) {
        let accounts = self.lock().accounts();
        for account in accounts {
            let mut after = None;
            loop {
                let marks = self.lock().chunk(account, after, CHUNK);
                let Some(last) = marks.last() else { break };
                after = Some(*last);
                visit(account, &marks);
            }
        }
    }

    fn take(&self, record: &VerdictRecord) {
        let (TrafficClass::Commercial, Some(tag)) = (record.class, record.tag) else { return };
        let name = frequency::name(record.segment, record.sender, record.message_ref);
        let in_parts = record.segment.is_some_and(|segment| segment.total > 1);
        match record.kind {
            VerdictKind::Permitted | VerdictKind::Observed(_) => {
                self.lock().add_recorded(record.account, &tag, Mark::new(record.at, name), in_parts);
            }
            // Of a message in parts only some may have been taken back: then it counts.
            kind if kind.came_to_nothing() && !in_parts => self.lock().take_back(record.account, &tag, name),
            VerdictKind::Withdrawn(_)
            | VerdictKind::Recalled(_)
            | VerdictKind::NotRecalled
            | VerdictKind::LateAnswer(_)
            | VerdictKind::Composed
            | VerdictKind::Refused(_)
            | VerdictKind::Unresolved => {}
        }
    }
}

impl Derived for Tally {
    const FILE: &'static str = "frequency.snapshot";
    const THREAD: &'static str = "frequency";

    fn load(&self, path: &Path, ledger: &Ledger) -> Result<u64, Unusable> {
        if self.lock().is_idle() {
            // What it holds would be old when a cap comes again.
            return ledger.disk().remove(path).map_or(Err(Unusable::Absent), |()| Err(Unusable::Absent));
        }
        let loaded = dump::read(path, MAGIC, &ledger.key_check(), |_, block| self.take_block(block))?;
        if loaded.position > ledger.verdicts_appended() {
            return Err(Unusable::Damaged("it knows more verdicts than there are"));
        }
        Ok(loaded.position)
    }

    fn write(&self, path: &Path, ledger: &Ledger, position: u64) -> io::Result<()> {
        let head = Head { magic: *MAGIC, label: ledger.key_check(), position, origin: ledger.origin() };
        dump::write(&**ledger.disk(), path, &head, |blocks| {
            self.walk(|account, marks| {
                blocks.put(marks.len() as u64, |out| {
                    out.extend_from_slice(&account.0.to_be_bytes());
                    out.extend_from_slice(&(marks.len() as u32).to_be_bytes());
                    for (number, mark) in marks {
                        out.extend_from_slice(&number.to_be_bytes());
                        out.extend_from_slice(&mark.0.to_be_bytes());
                    }
                });
            });
        })
    }

    fn catch_up(&self, ledger: &Ledger, from: u64) -> Result<u64, OpenError> {
        let upto = ledger.durable_verdicts();
        if self.is_idle() {
            return Ok(upto);
        }
        let mut verdicts: Verdicts =
            if from == 0 { ledger.verdicts_since(self.since)? } else { ledger.read_verdicts(from, upto) };
        while let Some(record) = verdicts.next_verdict()? {
            if record.at >= self.since {
                self.take(&record);
            }
        }
        Ok(upto)
    }

    /// What is durable was counted before it was written.
    fn settle(&self, ledger: &Ledger, _: u64) -> Result<u64, OpenError> {
        Ok(ledger.durable_verdicts())
    }

    fn durable(ledger: &Ledger) -> u64 {
        ledger.durable_verdicts()
    }

    fn is_idle(&self) -> bool {
        self.lock().is_idle()
    }
}

impl Tally {
    fn take_block(&self, block: &[u8]) -> Result<u64, Unreadable> {
        let mut fields = Fields::new(block);
        let account = fields.name()?;
        let marks = fields.u32()?;
        let mut counts = self.lock();
        for _ in 0..marks {
            let (number, mark) = (fields.u64()?, Mark(fields.u64()?));
            if mark >= Mark::new(self.since, 0) {
                counts.add(account, number, mark);
            }
        }
        fields.end()?;
        Ok(u64::from(marks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::verdict::Ruling;
    use crate::ledger::fixture::{NEVER, NOW, ledger};
    use crate::ledger::gap_tests;
    use crate::ledger::kept::Kept;
    use crate::ledger::verdict::VerdictEntry;
    use crate::message::tag::NumberTag;
    use std::sync::Arc;
    use std::time::Duration;

    const CAP: Cap = Cap { messages: 9, per: Duration::from_secs(1_000) };

    fn open(ledger: &Arc<Ledger>, caps: &[(NameId, Cap)], secs: u64) -> Kept<Tally> {
        Kept::start(ledger, || Tally::new(caps, NOW.plus(Duration::from_secs(secs))), NEVER).expect("opened").0
    }

    fn ruling() -> Ruling {
        Ruling { class: TrafficClass::Commercial, ..gap_tests::ruling(0) }
    }

    /// Records a verdict of this account's and number's, and counts it as a lane does.
    fn record(ledger: &Arc<Ledger>, kept: &Kept<Tally>, kind: VerdictKind, n: u8, message_ref: u64, secs: u64) {
        let mut ruling = ruling();
        ruling.tag = Some(NumberTag([n; 16]));
        let at = NOW.plus(Duration::from_secs(secs));
        let name = frequency::name(None, ruling.sender, message_ref);
        let number = NumberTag([n; 16]);
        if kind.has_left() {
            kept.index().lock().add(ruling.account, number.prefix(), Mark::new(at, name));
        } else if kind.came_to_nothing() {
            kept.index().lock().take_back(ruling.account, &number, name);
        }
        let mut appender = ledger.appender();
        appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref, smsc: NameId(1), at });
        let committed = appender.commit(at).expect("appended");
        while ledger.durable_verdicts() < committed.verdicts.end {
            std::thread::yield_now();
        }
    }

    fn counts(kept: &Kept<Tally>) -> Vec<u32> {
        let account = ruling().account;
        let now = NOW.plus(Duration::from_secs(500));
        (1..=4).map(|n| kept.index().lock().of(account, &NumberTag([n; 16]), CAP, now)).collect()
    }

    #[test]
    fn a_start_counts_what_the_verdicts_say_with_a_snapshot_without_and_with_a_damaged_one() {
        let dir = tempfile::tempdir().expect("tempdir");
        let caps = [(ruling().account, CAP)];
        let first = ledger(dir.path(), 64);
        let kept = open(&first, &caps, 0);
        for (n, message_ref) in [(1, 1), (1, 2), (2, 3), (3, 4)] {
            record(&first, &kept, VerdictKind::Permitted, n, message_ref, message_ref);
        }
        kept.save().expect("saved");
        assert_eq!(kept.snapshot_position(), 4);
        record(&first, &kept, VerdictKind::Withdrawn(crate::compliance::code::RefusalCode::OptedOut), 3, 4, 10);
        record(&first, &kept, VerdictKind::Permitted, 1, 5, 11);
        record(&first, &kept, VerdictKind::Unresolved, 1, 5, 12);
        assert_eq!(counts(&kept), [3, 1, 0, 0]);
        drop((kept, first));
        let second = ledger(dir.path(), 64);
        assert_eq!(counts(&open(&second, &caps, 20)), [3, 1, 0, 0], "the snapshot and the verdicts after it");
        let path = dir.path().join("frequency.snapshot");
        let mut octets = std::fs::read(&path).expect("read");
        let middle = octets.len() / 2;
        octets[middle] ^= 1;
        std::fs::write(&path, octets).expect("write");
        assert_eq!(counts(&open(&second, &caps, 20)), [3, 1, 0, 0], "all of them");
        let later = open(&second, &caps, 1_005);
        assert_eq!(later.index().lock().len(), 1, "only what is in the span: {:?}", counts(&later));
        assert!(open(&second, &[], 20).index().lock().is_empty());
        assert!(!path.exists(), "without a cap nothing is kept");
    }

    #[test]
    fn nothing_is_written_while_no_account_has_a_cap() {
        let dir = tempfile::tempdir().expect("tempdir");
        let ledger = ledger(dir.path(), 64);
        let kept = open(&ledger, &[], 0);
        record(&ledger, &kept, VerdictKind::Permitted, 1, 1, 1);
        kept.save().expect("saved");
        assert!(!dir.path().join("frequency.snapshot").exists());
    }
}
