//! Owns the tests of the queue on a real disk: order, bounds, restarts, crashes, access, erasure, space.
//! Must never wait for a time to pass.

use super::Keeping;
use super::SpoolKeys;
use super::queue::{Delivery, Limits, PushError, Spool};
use super::shelf::ItemKind::{self, Mo, Receipt};
use super::shelf::{ShelfCounts, Ticket};
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::faults::FaultyDisk;
use crate::message::instant::{CivilInstant, MonotonicInstant};
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const KEY: [u8; 32] = [1; 32];
const ACME: NameId = NameId(1);
const OTHER: NameId = NameId(2);
const T0: MonotonicInstant = MonotonicInstant::from_nanos(0);
const SMALL: Limits = Limits { per_account: 5_000, span: Duration::from_secs(72 * 3600) };

fn at(hours: i64) -> CivilInstant {
    CivilInstant::from_secs(1_790_000_000 + hours * 3_600)
}

fn keeping(disk: Arc<dyn Disk>, key: &[u8; 32]) -> Keeping {
    Keeping { disk, keys: SpoolKeys::of(key), segment_octets: 64 << 10, patience: Duration::from_secs(20) }
}

fn open(dir: &Path) -> Spool {
    Spool::open(&keeping(Arc::new(RealDisk), &KEY), dir, SMALL).unwrap()
}

fn push(spool: &Spool, account: NameId, kind: ItemKind, text: &str, tag: u8) -> Ticket {
    spool.push(account, kind, text.as_bytes(), NumberTag([tag; 16]), at(0)).unwrap()
}

fn sync(spool: &Spool) {
    spool.commit().unwrap();
    if let Some(last) = spool.journal.appended().checked_sub(1) {
        assert!(spool.journal.wait_synced(last, Duration::from_secs(20)));
    }
}

fn texts(spool: &Spool, account: NameId) -> Vec<String> {
    std::iter::from_fn(|| spool.next(account, T0)).map(text).collect()
}

fn text(delivery: Delivery) -> String {
    String::from_utf8(delivery.octets).unwrap()
}

/// What a kill -9 leaves: the files as they are, copied while the spool lives.
fn after_a_crash(dir: &Path, name: &str) -> PathBuf {
    let copy = dir.with_file_name(name);
    std::fs::create_dir(&copy).unwrap();
    for file in segments(dir) {
        std::fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
    }
    copy
}

/// The segments; the next one may be in the making under a temporary name, which may be gone by now.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "seg")).collect()
}

#[test]
fn what_waits_is_replayed_in_order_to_its_own_account_only() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(&dir.path().join("items"));
    for (account, kind, text) in
        [(ACME, Receipt, "r1"), (OTHER, Receipt, "x"), (ACME, Mo, "STOP"), (ACME, Receipt, "r2")]
    {
        push(&spool, account, kind, text, 1);
    }
    assert_eq!(spool.next(ACME, T0), None, "nothing is handed out before it is written");
    spool.commit().unwrap();
    assert_eq!(texts(&spool, ACME), ["STOP", "r1", "r2"]);
    spool.put_all_back(ACME);
    let first = spool.next(ACME, T0).unwrap();
    spool.done(first.ticket);
    let second = spool.next(ACME, T0).unwrap();
    spool.retry(second.ticket, MonotonicInstant::from_nanos(10));
    assert_eq!(texts(&spool, ACME), ["r2"]);
    assert_eq!(spool.counts(ACME), ShelfCounts { waiting: 0, out: 1, delayed: 1 });
    assert_eq!(spool.next_due(ACME), Some(MonotonicInstant::from_nanos(10)));
    assert_eq!(spool.next(ACME, MonotonicInstant::from_nanos(10)).map(text).as_deref(), Some("r1"));
}

#[test]
fn a_ticket_is_durable_after_the_fsync_and_somebody_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(&dir.path().join("items"));
    let (told, wait) = std::sync::mpsc::channel();
    spool.subscribe(Arc::new(move || {
        // The test may be over already.
        let _ = told.send(());
    }));
    let ticket = push(&spool, ACME, Mo, "STOP", 1);
    assert!(!spool.is_durable(ticket));
    spool.commit().unwrap();
    while !spool.is_durable(ticket) {
        wait.recv_timeout(Duration::from_secs(20)).unwrap();
    }
}

#[test]
fn a_crash_loses_nothing_that_was_written_and_repeats_at_most_what_was_handed_out() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("items");
    let spool = open(&home);
    for n in 0..300 {
        push(&spool, ACME, if n % 3 == 0 { Mo } else { Receipt }, &format!("item {n}"), 1);
    }
    spool.commit().unwrap();
    for _ in 0..150 {
        let delivery = spool.next(ACME, T0).unwrap();
        if delivery.kind == Mo {
            spool.done(delivery.ticket);
        }
    }
    spool.commit().unwrap();
    let again = open(&after_a_crash(&home, "crashed"));
    let left = texts(&again, ACME);
    assert_eq!(left.len(), 200, "the hundred messages are done, the fifty receipts handed out come again");
    assert!(
        left.iter().zip(left.iter().skip(1)).all(|(a, b)| a != b) && left[0] == "item 1" && left[199] == "item 299"
    );
    let newer = push(&again, ACME, Mo, "newer", 1);
    assert!(newer.id > 300, "ids go on");
}

#[test]
fn a_full_account_is_refused_and_another_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { per_account: 3, ..SMALL };
    let spool = Spool::open(&keeping(Arc::new(RealDisk), &KEY), &dir.path().join("items"), limits).unwrap();
    for _ in 0..3 {
        push(&spool, ACME, Receipt, "r", 1);
    }
    assert_eq!(spool.push(ACME, Mo, b"STOP", NumberTag([1; 16]), at(0)), Err(PushError::Full));
    push(&spool, OTHER, Receipt, "r", 1);
    spool.commit().unwrap();
    spool.done(spool.next(ACME, T0).unwrap().ticket);
    push(&spool, ACME, Mo, "STOP", 1);
}

#[test]
fn what_waits_three_days_expires_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("items");
    let spool = open(&home);
    let old = push(&spool, ACME, Receipt, "old", 1);
    let new = spool.push(ACME, Mo, b"new", NumberTag([1; 16]), at(10)).unwrap();
    spool.commit().unwrap();
    assert_eq!(spool.expire(at(72)), []);
    assert_eq!(spool.expire(at(73)), [(old, Receipt)]);
    spool.commit().unwrap();
    let again = open(&after_a_crash(&home, "crashed"));
    assert_eq!(again.next(ACME, T0).map(|delivery| delivery.ticket), Some(new));
    assert_eq!(again.next(ACME, T0), None);
}

#[test]
fn a_person_sees_what_waits_and_has_it_erased() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("items");
    let spool = open(&home);
    for (text, tag) in [("mine 1", 7), ("theirs", 8), ("mine 2", 7)] {
        push(&spool, ACME, Mo, text, tag);
    }
    let mine = NumberTag([7; 16]);
    let seen: Vec<_> = spool.by_tag(&mine).unwrap().into_iter().map(text).collect();
    assert_eq!(seen, ["mine 1", "mine 2"]);
    assert_eq!(spool.erase(&mine).unwrap(), 2);
    assert!(spool.by_tag(&mine).unwrap().is_empty());
    let again = open(&after_a_crash(&home, "crashed"));
    assert_eq!(texts(&again, ACME), ["theirs"]);
    assert_eq!(texts(&spool, ACME), ["theirs"]);
}

#[test]
fn what_was_erased_or_is_long_over_stands_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("items");
    let spool = open(&home);
    spool.tidy(at(0)).unwrap();
    let sealed_as = |text: &str, tag: u8| {
        push(&spool, ACME, Receipt, text, tag);
        sync(&spool);
        // The last octets written to the segment are the authentication tag of this item.
        let newest = std::fs::read(segments(&home).into_iter().min().unwrap()).unwrap();
        let end = newest.iter().rposition(|octet| *octet != 0).unwrap();
        newest[end - 12..end].to_vec()
    };
    let stands = |needle: &[u8]| {
        segments(&home).iter().any(|file| std::fs::read(file).unwrap().windows(needle.len()).any(|w| w == needle))
    };
    let (mine, theirs) = (sealed_as("mine", 7), sealed_as("theirs", 8));
    assert!(stands(&mine) && stands(&theirs));
    spool.done(spool.next(ACME, T0).unwrap().ticket);
    assert_eq!(spool.erase(&NumberTag([7; 16])).unwrap(), 0, "it was delivered already");
    assert!(!stands(&mine) && stands(&theirs));
    spool.done(spool.next(ACME, T0).unwrap().ticket);
    spool.commit().unwrap();
    spool.tidy(at(23)).unwrap();
    assert!(stands(&theirs), "the segment is less than a day old");
    spool.tidy(at(24)).unwrap();
    assert!(!stands(&theirs));
    let last = push(&spool, ACME, Mo, "new", 1);
    spool.commit().unwrap();
    let again = open(&after_a_crash(&home, "crashed"));
    assert_eq!(again.next(ACME, T0).map(|delivery| delivery.ticket), Some(last));
    assert_eq!(push(&again, ACME, Mo, "newer", 1).id, last.id + 1);
}

#[test]
fn no_octet_of_a_text_stands_readable_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("items");
    let spool = open(&home);
    push(&spool, ACME, Mo, "canary-33639980001", 1);
    sync(&spool);
    for file in segments(&home) {
        let octets = std::fs::read(file).unwrap();
        assert!(!octets.windows(6).any(|window| window == b"canary"));
    }
    let other = Spool::open(&keeping(Arc::new(RealDisk), &[2; 32]), &after_a_crash(&home, "crashed"), SMALL);
    assert!(other.is_err(), "another key refuses to open");
}

#[test]
fn disk_space_comes_back_while_one_account_is_absent() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("items");
    let spool = open(&home);
    let text = "x".repeat(200);
    for n in 0..20 {
        push(&spool, OTHER, Receipt, &format!("absent {n}"), 1);
    }
    let mut largest = 0;
    for _ in 0..120 {
        for _ in 0..200 {
            push(&spool, ACME, Receipt, &text, 1);
        }
        sync(&spool);
        while let Some(delivery) = spool.next(ACME, T0) {
            spool.done(delivery.ticket);
        }
        sync(&spool);
        spool.tidy(at(0)).unwrap();
        largest = largest.max(segments(&home).len());
    }
    let all = 120 * 200 * 300 / (64 << 10);
    assert!(largest * 2 < all, "at most {largest} segments at once of {all} that were filled");
    let again = open(&after_a_crash(&home, "crashed"));
    let left = texts(&again, OTHER);
    assert_eq!((left.len(), left[0].as_str(), left[19].as_str()), (20, "absent 0", "absent 19"));
    assert_eq!(again.totals(), (20, 0));
    assert_eq!(texts(&spool, OTHER), left, "and while running");
}

#[test]
fn a_disk_that_fails_takes_nothing_and_loses_nothing_that_it_took() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("items");
    let disk = FaultyDisk::default();
    let spool = Spool::open(&keeping(Arc::new(disk.clone()), &KEY), &home, SMALL).unwrap();
    let taken = push(&spool, ACME, Mo, "taken", 1);
    sync(&spool);
    push(&spool, ACME, Mo, "refused", 1);
    disk.fail_writes(1_000);
    assert!(spool.commit().is_err());
    assert_eq!(texts(&spool, ACME), ["taken"]);
    disk.fail_writes(0);
    spool.put_all_back(ACME);
    push(&spool, ACME, Mo, "again", 1);
    sync(&spool);
    assert_eq!(texts(&open(&after_a_crash(&home, "crashed")), ACME), ["taken", "again"]);
    disk.fail_syncs(1_000);
    let unsure = push(&spool, ACME, Mo, "unsure", 1);
    // Whether the stream is found broken by this write or by the next, this item is never called durable.
    spool.commit().ok();
    assert!(!spool.journal.wait_synced(spool.journal.appended(), Duration::from_secs(20)));
    assert!(spool.journal.is_broken());
    assert!(spool.is_durable(taken) && !spool.is_durable(unsure));
    assert_eq!(spool.push(ACME, Mo, b"late", NumberTag([1; 16]), at(0)), Err(PushError::Unusable));
}
