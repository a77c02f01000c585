//! Owns the suppression list of a running node: how its index follows from the events.
//! Must never start with less than the events say: a snapshot that cannot be used is rebuilt from all of them.

use super::apply::apply;
use super::index::Index;
use super::snapshot;
use crate::journal::dump::Unusable;
use crate::ledger::book::Ledger;
use crate::ledger::error::OpenError;
use crate::ledger::event::Event;
use crate::ledger::kept::{Derived, Found, Kept, SnapshotRule};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The list: the index that lanes ask, and the thread that keeps its snapshot.
pub type List = Kept<Index>;

/// What was found at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListRecovered {
    /// Numbers in the list.
    pub numbers: usize,
    /// Events read after the snapshot (all of them when there was none).
    pub events_read: u64,
    /// Why the snapshot was not used, when one was there.
    pub damaged: Option<&'static str>,
    /// What the start says of the snapshot.
    pub found: Found,
}

impl List {
    /// Reads the snapshot and the events after it, and starts the keeper.
    ///
    /// # Errors
    /// When events cannot be read, or the snapshot knows more events than there are: segments are missing then.
    pub fn open(ledger: &Arc<Ledger>, rule: SnapshotRule) -> Result<(Self, ListRecovered), OpenError> {
        let (list, found) = Self::start(ledger, || Index::new(ledger.origin()), rule)?;
        let numbers = list.index().len();
        Ok((list, ListRecovered { numbers, events_read: found.records_read, damaged: found.damaged, found }))
    }
}

impl Derived for Index {
    const FILE: &'static str = "suppression.snapshot";
    const THREAD: &'static str = "list-snapshot";
    const MAY_LAG: bool = true;

    fn load(&self, path: &Path, ledger: &Ledger) -> Result<u64, Unusable> {
        snapshot::load(path, &ledger.key_check(), self).map(|loaded| loaded.position)
    }

    fn write(&self, path: &Path, ledger: &Ledger, position: u64) -> io::Result<()> {
        snapshot::write(&**ledger.disk(), path, &ledger.key_check(), self, position)?;
        ledger.save_names()
    }

    /// Most events are known already: applying twice changes nothing. So a snapshot holds every event before its position, also a
    /// lift that its lane had not come round to.
    fn catch_up(&self, ledger: &Ledger, from: u64) -> Result<u64, OpenError> {
        let mut events = ledger.read_events(from, ledger.durable_events());
        while let Some(record) = events.next_suppression()? {
            if let Event::Suppression(event) = &record.event {
                apply(self, event);
            }
        }
        Ok(events.position())
    }

    fn durable(ledger: &Ledger) -> u64 {
        ledger.durable_events()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::facts::SuppressionList;
    use crate::ledger::fixture::{NEVER, NOW, ledger};
    use crate::ledger::suppression_event::{Lift, LiftSource, Scope, Stop, StopSource, SuppressionEvent};
    use crate::message::name::NameId;
    use crate::message::tag::NumberTag;
    use std::time::Duration;

    const A: NameId = NameId(1);

    fn tag(n: u8) -> NumberTag {
        NumberTag([n; 16])
    }

    fn record(ledger: &Arc<Ledger>, event: SuppressionEvent) -> u64 {
        let mut appender = ledger.appender();
        let ticket = appender.event(NOW, &Event::Suppression(event), None).expect("taken");
        let seq = appender.commit(NOW).expect("appended").seq(ticket);
        assert!(ledger.wait_durable(seq, Duration::from_secs(5)));
        seq
    }

    fn stop(ledger: &Arc<Ledger>, tag: NumberTag) -> SuppressionEvent {
        SuppressionEvent::Stop(Stop {
            id: ledger.next_event_id(),
            tag,
            scope: Scope::Global,
            source: StopSource::Handset,
            account: NameId::NONE,
            smsc: NameId::NONE,
            short_code: 36111,
            answers: None,
            detail: NameId::NONE,
        })
    }

    fn lift(ledger: &Arc<Ledger>, list: &List, tag: NumberTag) -> SuppressionEvent {
        SuppressionEvent::Lift(Lift {
            id: ledger.next_event_id(),
            tag,
            source: LiftSource::Handset,
            accounts: vec![A],
            seen: list.index().seen(&tag),
            smsc: NameId::NONE,
            short_code: 36111,
            people: [NameId::NONE; 2],
            detail: NameId::NONE,
        })
    }

    fn stop_now(ledger: &Arc<Ledger>, list: &List, n: u8) {
        let event = stop(ledger, tag(n));
        apply(list.index(), &event);
        record(ledger, event);
    }

    #[test]
    fn a_start_reads_the_snapshot_and_only_the_events_after_it() {
        let dir = tempfile::tempdir().expect("tempdir");
        let ledger_one = ledger(dir.path(), 16);
        let (list, found) = List::open(&ledger_one, NEVER).expect("opened");
        assert_eq!((found.numbers, found.damaged), (0, None));
        for n in 1..=20 {
            stop_now(&ledger_one, &list, n);
        }
        list.save().expect("saved");
        let saved = list.snapshot_position();
        stop_now(&ledger_one, &list, 21);
        drop((list, ledger_one));

        let ledger_two = ledger(dir.path(), 16);
        let (list, found) = List::open(&ledger_two, NEVER).expect("opened");
        assert_eq!((found.numbers, found.damaged), (21, None));
        assert_eq!(found.events_read, ledger_two.events_appended() - saved);
        assert!((1..=21).all(|n| list.index().is_suppressed(&tag(n), A, 0)));
        assert!(!list.index().is_suppressed(&tag(22), A, 0));
    }

    #[test]
    fn a_lift_that_is_on_disk_and_not_yet_in_ram_is_in_the_snapshot() {
        let dir = tempfile::tempdir().expect("tempdir");
        let ledger_one = ledger(dir.path(), 16);
        let (list, _) = List::open(&ledger_one, NEVER).expect("opened");
        stop_now(&ledger_one, &list, 1);
        record(&ledger_one, lift(&ledger_one, &list, tag(1)));
        list.close().expect("closed");
        drop((list, ledger_one));
        let ledger_two = ledger(dir.path(), 16);
        let (list, _) = List::open(&ledger_two, NEVER).expect("opened");
        assert!(!list.index().is_suppressed(&tag(1), A, 0));
        assert!(list.index().is_suppressed(&tag(1), NameId(2), 0));
    }

    #[test]
    fn a_damaged_snapshot_is_said_and_rebuilt_from_all_events() {
        let dir = tempfile::tempdir().expect("tempdir");
        let ledger_one = ledger(dir.path(), 16);
        let (list, _) = List::open(&ledger_one, NEVER).expect("opened");
        for n in 1..=20 {
            stop_now(&ledger_one, &list, n);
        }
        list.close().expect("closed");
        drop((list, ledger_one));
        let path = dir.path().join("suppression.snapshot");
        let mut octets = std::fs::read(&path).expect("read");
        let middle = octets.len() / 2;
        octets[middle] ^= 1;
        std::fs::write(&path, octets).expect("write");
        let ledger_two = ledger(dir.path(), 16);
        let (list, found) = List::open(&ledger_two, NEVER).expect("opened");
        assert!(found.damaged.is_some());
        assert_eq!(found.events_read, ledger_two.events_appended());
        assert!((1..=20).all(|n| list.index().is_suppressed(&tag(n), A, 0)));
    }

    #[test]
    fn snapshot_and_tail_give_what_all_events_give() {
        let dir = tempfile::tempdir().expect("tempdir");
        let ledger_one = ledger(dir.path(), 16);
        let (list, _) = List::open(&ledger_one, NEVER).expect("opened");
        for step in 0..120u8 {
            let n = step % 7 + 1;
            if step % 5 == 4 {
                let event = lift(&ledger_one, &list, tag(n));
                record(&ledger_one, event.clone());
                apply(list.index(), &event);
            } else {
                stop_now(&ledger_one, &list, n);
            }
            if step == 60 {
                list.save().expect("saved");
            }
        }
        let live: Vec<_> = (1..=8).map(|n| list.index().detail(&tag(n)).map(|d| d.sorted())).collect();
        drop((list, ledger_one));
        let ledger_two = ledger(dir.path(), 16);
        let (tail, found) = List::open(&ledger_two, NEVER).expect("opened");
        assert!(found.events_read > 0 && found.events_read < ledger_two.events_appended());
        let from_tail: Vec<_> = (1..=8).map(|n| tail.index().detail(&tag(n)).map(|d| d.sorted())).collect();
        std::fs::remove_file(dir.path().join("suppression.snapshot")).expect("removed");
        let (all, found) = List::open(&ledger_two, NEVER).expect("opened");
        assert_eq!(found.events_read, ledger_two.events_appended());
        let from_all: Vec<_> = (1..=8).map(|n| all.index().detail(&tag(n)).map(|d| d.sorted())).collect();
        assert_eq!(live, from_tail);
        assert_eq!(live, from_all);
    }
}
