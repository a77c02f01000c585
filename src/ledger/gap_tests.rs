//! Owns the tests of a ledger whose disk fails: nothing is called recorded that is not, and the gap is told first.
//! Must never wait by sleeping.

use super::book::Ledger;
use super::error::LedgerError;
use super::event::Event;
use super::keys::Keys;
use super::open::OpenOptions;
use super::verdict::{VerdictEntry, VerdictKind};
use crate::compliance::class::TrafficClass;
use crate::compliance::facts::Evidence;
use crate::compliance::rule::RuleSet;
use crate::compliance::verdict::Ruling;
use crate::journal::faults::FaultyDisk;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn ruling(tag: u8) -> Ruling {
    Ruling {
        class: TrafficClass::Transactional,
        promotional: None,
        destination: None,
        tag: Some(NumberTag([tag; 16])),
        territory: 0,
        pack: NameId(1),
        account: NameId(2),
        campaign: 0,
        sender: 0,
        segment: None,
        set: None,
        stop_code: None,
        counted: false,
        would_refuse: RuleSet::default(),
        observed: RuleSet::default(),
        judged_at: NOW,
    }
}

fn open(dir: &Path, disk: &FaultyDisk) -> Arc<Ledger> {
    let mut options = OpenOptions::new("gw-1", false).with_segment_octets(16 << 10);
    options.disk = Arc::new(disk.clone());
    Ledger::open(dir, &Keys::from_octets([1; 32], [2; 32], [3; 32]), options, NOW).expect("opened").0
}

fn entry(ruling: &Ruling, message_ref: u64) -> VerdictEntry<'_> {
    VerdictEntry { kind: VerdictKind::Permitted, ruling, message_ref, smsc: NameId(3), at: NOW }
}

#[test]
fn what_left_without_a_record_is_told_before_the_next_verdict() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let ledger = open(dir.path(), &disk);
    let mut appender = ledger.appender();
    let ruling = ruling(7);
    appender.verdict(&entry(&ruling, 1));
    assert_eq!(appender.commit(NOW).expect("appended").verdicts, 0..1);
    let (tell, told) = std::sync::mpsc::channel();
    ledger.subscribe(Arc::new(move || {
        let _ = tell.send(());
    }));
    disk.fail_writes(1000);
    appender.verdict(&entry(&ruling, 2));
    assert!(matches!(appender.commit(NOW), Err(LedgerError::Unusable(_))));
    assert_eq!(appender.waiting_verdicts(), 0);
    assert_eq!(ledger.evidence(), Evidence::LedgerUnusable);
    for _ in 0..3 {
        ledger.count_unrecorded(NameId(2), NOW);
    }
    appender.verdict(&entry(&ruling, 3));
    assert!(matches!(appender.commit(NOW), Err(LedgerError::GapOpen)));
    disk.fail_writes(0);
    // The gap closes by itself: events become durable, and then verdicts are taken again.
    // The bell rings a moment before the gap counts as closed, and perhaps for the last time: hence the short waits.
    let closed = (0..3_000).any(|_| {
        let _ = told.recv_timeout(Duration::from_millis(10));
        ledger.evidence() == Evidence::Whole
    });
    assert!(closed, "the gap is recorded");
    appender.verdict(&entry(&ruling, 4));
    assert_eq!(appender.commit(NOW).expect("appended").verdicts, 1..2);
    let mut messages = 0;
    let mut events = ledger.read_events(0, u64::MAX);
    while let Some(record) = events.next_event().expect("readable") {
        if let Event::Gap(gap) = record.event {
            messages += gap.messages;
        }
    }
    assert_eq!(messages, 3);
    let verdicts = ledger.last_verdicts(NumberTag([7; 16]), 10, 10).expect("readable");
    assert_eq!(verdicts.iter().map(|verdict| verdict.message_ref).collect::<Vec<_>>(), [4, 1]);
}

fn gaps(ledger: &Ledger) -> Vec<u64> {
    let (mut gaps, mut events) = (Vec::new(), ledger.read_events(0, u64::MAX));
    while let Some(record) = events.next_event().expect("readable") {
        if let Event::Gap(gap) = record.event {
            gaps.push(gap.messages);
        }
    }
    gaps
}

#[test]
fn a_gap_stays_one_gap_while_the_verdicts_have_no_room_although_events_have() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let ledger = open(dir.path(), &disk);
    let (tell, told) = std::sync::mpsc::channel();
    ledger.subscribe(Arc::new(move || {
        let _ = tell.send(());
    }));
    disk.switches.full.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut appender = ledger.appender();
    let ruling = ruling(7);
    let full = (0..10_000).any(|message_ref| {
        appender.verdict(&entry(&ruling, message_ref));
        appender.commit(NOW).is_err()
    });
    assert!(full, "two segments of 16 KiB are full");
    for round in 1..=20 {
        ledger.count_unrecorded(NameId(2), NOW);
        let ticket = appender.event(NOW, &Event::End { verdicts: 0 }, None).expect("taken");
        let seq = appender.commit(NOW).expect("the events have room").seq(ticket);
        assert!(ledger.wait_durable(seq, PATIENCE));
        told.recv_timeout(PATIENCE).expect("told");
        assert_eq!((ledger.evidence(), gaps(&ledger).len()), (Evidence::LedgerUnusable, 0), "round {round}");
        assert!(ledger.obstacle().is_some_and(|why| why.starts_with("verdicts: no pre-written segment")));
    }
    assert!(ledger.trouble().is_some(), "and why there is none is known");
    disk.switches.full.store(false, std::sync::atomic::Ordering::SeqCst);
    let closed = (0..3_000).any(|_| {
        let _ = told.recv_timeout(Duration::from_millis(10));
        ledger.evidence() == Evidence::Whole
    });
    assert!(closed && gaps(&ledger) == [20], "{:?}", gaps(&ledger));
}

#[test]
fn a_gap_that_is_open_at_the_end_is_recorded_before_the_end() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let ledger = open(dir.path(), &disk);
    disk.switches.full.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut appender = ledger.appender();
    let ruling = ruling(7);
    assert!((0..10_000).any(|message_ref| {
        appender.verdict(&entry(&ruling, message_ref));
        appender.commit(NOW).is_err()
    }));
    ledger.count_unrecorded(NameId(2), NOW);
    ledger.close(NOW).expect("closed in order");
    drop((appender, ledger));
    disk.switches.full.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(gaps(&open(dir.path(), &disk)), [1]);
}

#[test]
fn a_ledger_whose_fsyncs_fail_stays_unusable_and_calls_nothing_durable() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let ledger = open(dir.path(), &disk);
    let durable = ledger.durable_events();
    disk.fail_syncs(1000);
    let mut appender = ledger.appender();
    let ticket = appender.event(NOW, &Event::End { verdicts: 0 }, None).expect("taken");
    let seq = appender.commit(NOW).expect("appended").seq(ticket);
    assert!(!ledger.wait_durable(seq, PATIENCE));
    assert_eq!(ledger.durable_events(), durable);
    assert_eq!(ledger.evidence(), Evidence::LedgerUnusable);
    appender.event(NOW, &Event::End { verdicts: 0 }, None).expect("taken");
    assert!(appender.commit(NOW).is_err());
}

#[test]
fn verdicts_name_an_event_position_no_newer_than_what_the_lane_marked() {
    let dir = tempfile::tempdir().expect("tempdir");
    let ledger = open(dir.path(), &FaultyDisk::default());
    let ruling = ruling(1);
    let (mut lane, mut other) = (ledger.appender(), ledger.appender());
    lane.mark();
    let marked = ledger.events_appended();
    other.event(NOW, &Event::End { verdicts: 0 }, None).expect("taken");
    other.commit(NOW).expect("appended");
    lane.verdict(&entry(&ruling, 1));
    lane.commit(NOW).expect("appended");
    lane.verdict(&entry(&ruling, 2));
    lane.commit(NOW).expect("appended");
    let found = ledger.last_verdicts(NumberTag([1; 16]), 10, 10).expect("readable");
    assert_eq!(found.iter().map(|verdict| verdict.events).collect::<Vec<_>>(), [marked + 1, marked]);
}

#[test]
fn the_last_verdicts_of_a_number_and_of_the_last_minutes_come_back_over_segments() {
    let dir = tempfile::tempdir().expect("tempdir");
    let ledger = open(dir.path(), &FaultyDisk::default());
    let mut appender = ledger.appender();
    for n in 0..400u64 {
        let ruling = ruling((n % 4) as u8);
        let at = NOW.plus(Duration::from_secs(n));
        appender.verdict(&VerdictEntry { at, ..entry(&ruling, n) });
        appender.commit(at).expect("appended");
    }
    let found = ledger.last_verdicts(NumberTag([3; 16]), 60, 10).expect("readable");
    let expected: Vec<u64> = (0..400).rev().filter(|n| n % 4 == 3).take(60).collect();
    assert_eq!(found.iter().map(|verdict| verdict.message_ref).collect::<Vec<_>>(), expected);
    let mut recent = ledger.verdicts_since(NOW.plus(Duration::from_secs(150))).expect("readable");
    let mut seen = Vec::new();
    while let Some(verdict) = recent.next_verdict().expect("readable") {
        seen.push(verdict.message_ref);
    }
    assert_eq!(seen, (150..400).collect::<Vec<_>>());
}
