//! Owns the tests of what is remembered of scheduled messages.
//! Must never be compiled into the product.

use super::*;
use crate::journal::disk::RealDisk;
use crate::journal::faults::FaultyDisk;
use crate::spool::SpoolKeys;
use std::sync::Arc;

const OPERATOR: NameId = NameId(9);

fn at(seconds: i64) -> CivilInstant {
    CivilInstant::from_secs(1_790_000_000 + seconds)
}

fn mono(seconds: u64) -> MonotonicInstant {
    MonotonicInstant::from_nanos(seconds * 1_000_000_000)
}

fn open_on(
    disk: Arc<dyn crate::journal::disk::Disk>,
    dir: &Path,
    patience: Duration,
    now: CivilInstant,
) -> ScheduledMessages {
    let keeping = Keeping { disk, keys: SpoolKeys::of(&[1; 32]), segment_octets: 16 << 10, patience };
    ScheduledMessages::open(&keeping, dir, 1_000, now).unwrap()
}

fn open(dir: &Path, now: CivilInstant) -> ScheduledMessages {
    open_on(Arc::new(RealDisk), dir, Duration::from_secs(20), now)
}

fn message(n: u8, due: i64) -> (Scheduled, Names) {
    let scheduled = Scheduled {
        smsc: OPERATOR,
        account: NameId(1),
        tag: NumberTag([n; 16]),
        due: at(due),
        message_ref: n.into(),
        pack: NameId(2),
        sender: 3,
        campaign: 4,
        territory: 0,
        segment: None,
    };
    let names = Names {
        message_id: format!("id-{n}").into_bytes().into(),
        service_type: b"CMT"[..].into(),
        source: b"\x05\0ACME"[..].into(),
        destination: b"\x01\x0133639980001"[..].into(),
    };
    (scheduled, names)
}

fn keep(messages: &ScheduledMessages, n: u8, due: i64) -> ScheduledId {
    let (scheduled, names) = message(n, due);
    messages.keep(&scheduled, &names)
}

fn next(messages: &ScheduledMessages, now: u64) -> Option<u64> {
    messages.next(OPERATOR, mono(now)).map(|recall| {
        assert_eq!((recall.scheduled, recall.names), {
            let n = recall.scheduled.message_ref as u8;
            let (scheduled, names) = message(n, 0);
            (Scheduled { due: recall.scheduled.due, ..scheduled }, names)
        });
        recall.scheduled.message_ref
    })
}

#[test]
fn a_stop_wants_every_message_of_its_number_back_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let messages = open(&dir.path().join("scheduled"), at(0));
    let ids: Vec<_> = [1, 2, 1].into_iter().map(|n| keep(&messages, n, 100)).collect();
    assert!(!messages.wants());
    messages.stopped(&NumberTag([1; 16]));
    assert!(messages.wants());
    assert_eq!(next(&messages, 1), Some(1), "before it is written");
    messages.commit().unwrap();
    assert_eq!(next(&messages, 1), Some(1), "and after");
    assert_eq!(next(&messages, 1), None);
    assert!(messages.next(NameId(8), mono(1)).is_none(), "another operator");
    messages.end(ids[0]);
    messages.leave(ids[2]);
    assert!(!messages.wants());
    assert_eq!(messages.len(), 2);
    messages.stopped(&NumberTag([1; 16]));
    assert_eq!(next(&messages, 1), Some(1), "a later stop wants what was left");
}

#[test]
fn what_could_not_be_asked_is_asked_again_after_a_rest_until_it_is_due() {
    let dir = tempfile::tempdir().unwrap();
    let messages = open(&dir.path().join("scheduled"), at(0));
    let id = keep(&messages, 1, 100);
    messages.stopped(&NumberTag([1; 16]));
    let mut now = 10;
    for rest in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(next(&messages, now), Some(1));
        messages.again(id, mono(now));
        assert_eq!(next(&messages, now + rest - 1), None);
        now += rest;
    }
    assert!(messages.expire(at(99)).is_empty());
    assert_eq!(next(&messages, now), Some(1));
    assert!(messages.expire(at(100)).is_empty(), "its answer may still come");
    messages.again(id, mono(now));
    let in_vain = messages.expire(at(100));
    assert_eq!(in_vain.iter().map(|recall| recall.id).collect::<Vec<_>>(), [id]);
    assert!(messages.is_empty() && !messages.wants());
}

#[test]
fn after_a_restart_what_is_not_over_is_known_and_wanted_where_it_is_suppressed() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("scheduled");
    let messages = open(&home, at(0));
    let ids: Vec<_> = (1..=4).map(|n| keep(&messages, n, 100 * i64::from(n))).collect();
    messages.commit().unwrap();
    messages.end(ids[1]);
    messages.commit().unwrap();
    drop(messages);
    let messages = open(&home, at(150));
    assert_eq!(messages.len(), 2, "the first was due, the second had ended");
    messages.want_back(|scheduled| scheduled.tag == NumberTag([3; 16])).unwrap();
    assert_eq!(next(&messages, 0), Some(3));
    assert_eq!(next(&messages, 0), None);
    assert!(keep(&messages, 5, 500) > ids[3], "ids go on");
}

#[test]
fn what_the_disk_does_not_take_is_kept_in_memory_and_written_later() {
    let disk = FaultyDisk::default();
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("scheduled");
    let messages = open_on(Arc::new(disk.clone()), &home, Duration::ZERO, at(0));
    disk.fail_writes(i64::MAX);
    keep(&messages, 1, 100);
    assert!(messages.commit().is_err());
    disk.fail_writes(0);
    messages.stopped(&NumberTag([1; 16]));
    assert_eq!(next(&messages, 0), Some(1));
    let until = std::iter::repeat_with(|| messages.commit()).take(1_000_000).find(Result::is_ok);
    assert!(until.is_some(), "the disk takes it again");
    drop(messages);
    assert_eq!(open(&home, at(1)).len(), 1);
}

#[test]
fn memory_and_disk_are_given_back_when_messages_are_due_and_the_bound_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("scheduled");
    let messages = open(&home, at(0));
    for hour in 0..40 {
        for n in 0..50 {
            keep(&messages, n, (hour + 1) * 3_600);
        }
        messages.commit().unwrap();
        assert!(messages.journal.wait_synced(messages.journal.appended() - 1, Duration::from_secs(20)));
        assert!(messages.expire(at((hour + 1) * 3_600)).is_empty());
        messages.tidy().unwrap();
    }
    assert!(messages.is_empty());
    let files = std::fs::read_dir(&home).unwrap().count();
    assert!(files <= 4, "{files} files of 16 KiB for messages that are all over");
    for n in 0..1_000 {
        assert!(!messages.is_full(), "{n}");
        keep(&messages, n as u8, 1_000_000);
    }
    assert!(messages.is_full());
}

#[test]
fn what_is_erased_is_gone_from_the_disk_and_is_still_called_back_until_the_process_ends() {
    let dir = tempfile::tempdir().unwrap();
    let messages = open(dir.path(), at(0));
    for n in [1, 2, 1] {
        keep(&messages, n, 1_000);
    }
    messages.commit().unwrap();
    messages.end(ScheduledId(3));
    let tag = NumberTag([1; 16]);
    assert_eq!(messages.by_tag(&tag).iter().map(|one| one.id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(messages.erase(&tag).unwrap(), 2, "one that is over stood on the disk too");
    assert_eq!(messages.erase(&tag).unwrap(), 0);
    keep(&messages, 1, 1_000);
    messages.commit().unwrap();
    messages.stopped(&tag);
    assert_eq!(
        (next(&messages, 0), next(&messages, 0), next(&messages, 0)),
        (Some(1), Some(1), None),
        "both bear the same handle"
    );
    messages.end(ScheduledId(1));
    messages.commit().unwrap();
    drop(messages);
    let messages = open(dir.path(), at(0));
    assert_eq!((messages.len(), messages.by_tag(&tag).len(), messages.by_tag(&NumberTag([2; 16])).len()), (2, 1, 1));
}
