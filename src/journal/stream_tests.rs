//! Owns the tests of a stream that is open: group commit, turning to the next segment, and what happens when the disk fails.
//! Must never wait by sleeping.

use super::error::AppendError;
use super::faults::FaultyDisk;
use super::fixture::{PATIENCE, open, open_on};
use super::frame::Batch;
use super::stream::Journal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn batch(from: u64, count: u64) -> Batch {
    let mut batch = Batch::default();
    for n in from..from + count {
        assert!(batch.push(format!("record {n}").as_bytes(), &[]));
    }
    batch
}

fn append(journal: &Journal, from: u64, count: u64) {
    assert_eq!(journal.append(&mut batch(from, count)).expect("appended"), from..from + count);
}

fn assert_reads(dir: &Path, count: u64) {
    let journal = open(dir);
    assert_eq!(journal.appended(), count);
    let mut reader = journal.read(0, u64::MAX);
    for n in 0..count {
        let frame = reader.next_frame().expect("readable").expect("there");
        assert_eq!((frame.seq, frame.leaf), (n, format!("record {n}").as_bytes()));
    }
    assert_eq!(reader.next_frame().expect("readable"), None);
}

#[test]
fn a_reader_goes_on_over_new_segments_and_forgotten_ones() {
    let dir = tempfile::tempdir().expect("tempdir");
    let journal = open(dir.path());
    append(&journal, 0, 3);
    let mut reader = journal.read(1, u64::MAX);
    let mut next = 1;
    let mut follow = |upto: u64, expected: u64| {
        reader.go_on(upto);
        assert_eq!(reader.ends_at(), expected);
        while let Some(frame) = reader.next_frame().expect("readable") {
            assert_eq!((frame.seq, frame.leaf), (next, format!("record {next}").as_bytes()));
            next += 1;
        }
        assert_eq!((reader.position(), next), (expected, expected));
    };
    follow(2, 2);
    follow(u64::MAX, 3);
    for round in 0..50 {
        append(&journal, 3 + round * 10, 10);
        follow(u64::MAX, 13 + round * 10);
        if round == 30 {
            assert!(journal.wait_synced(312, PATIENCE));
            assert!(journal.forget_before(300).expect("forgotten") > 0);
        }
    }
    assert!(journal.segment_starts().len() > 2);
}

#[test]
fn many_segments_read_back_in_order_while_they_are_written() {
    let dir = tempfile::tempdir().expect("tempdir");
    let journal = open(dir.path());
    for round in 0..50 {
        append(&journal, round * 10, 10);
    }
    assert!(journal.segment_starts().len() > 3);
    let mut reader = journal.read(333, 340);
    let mut seen = Vec::new();
    while let Some(frame) = reader.next_frame().expect("readable") {
        seen.push(frame.seq);
    }
    assert_eq!(seen, (333..340).collect::<Vec<_>>());
    journal.close();
    assert_eq!(journal.synced(), 500);
    assert!(matches!(journal.append(&mut batch(500, 1)), Err(AppendError::Closed)));
    drop(journal);
    assert_reads(dir.path(), 500);
}

#[test]
fn subscribers_hear_of_what_is_durable() {
    let dir = tempfile::tempdir().expect("tempdir");
    let journal = open(dir.path());
    let heard = Arc::new(AtomicU64::new(0));
    let (count, seen) = (Arc::clone(&heard), journal.clone());
    let (tell, told) = std::sync::mpsc::channel();
    journal.subscribe(Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let _ = tell.send(seen.synced());
    }));
    append(&journal, 0, 3);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(3));
    assert!(heard.load(Ordering::SeqCst) >= 1);
}

#[test]
fn after_a_failed_fsync_the_records_go_to_a_new_segment_with_the_numbers_they_had() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let journal = open_on(Arc::new(disk.clone()), dir.path());
    append(&journal, 0, 5);
    assert!(journal.wait_synced(4, PATIENCE));
    for round in 1..4 {
        disk.fail_syncs(1);
        append(&journal, round * 5, 5);
        assert!(journal.wait_synced(round * 5 + 4, PATIENCE), "round {round}");
        assert_eq!(journal.segment_starts().len() as u64, round + 1);
        assert_eq!(journal.segment_starts().last(), Some(&(round * 5)));
    }
    append(&journal, 20, 5);
    drop(journal);
    assert_reads(dir.path(), 25);
}

#[test]
fn two_failed_fsyncs_in_a_row_close_the_stream_and_nothing_is_called_durable() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let journal = open_on(Arc::new(disk.clone()), dir.path());
    append(&journal, 0, 5);
    assert!(journal.wait_synced(4, PATIENCE));
    let (tell, told) = std::sync::mpsc::channel();
    journal.subscribe(Arc::new(move || {
        let _ = tell.send(());
    }));
    disk.fail_syncs(2);
    append(&journal, 5, 5);
    assert!(!journal.wait_synced(9, PATIENCE));
    assert!(journal.is_broken());
    assert_eq!(journal.synced(), 5);
    assert!(told.recv_timeout(PATIENCE).is_ok(), "whoever waits for durability hears that it will not come");
    assert!(matches!(journal.append(&mut batch(10, 1)), Err(AppendError::Broken)));
    drop(journal);
    let after = open(dir.path());
    assert!((5..=10).contains(&after.appended()), "{}", after.appended());
}

#[test]
fn a_failed_write_goes_to_the_next_segment_and_a_second_one_is_told_to_the_caller() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let journal = open_on(Arc::new(disk.clone()), dir.path());
    append(&journal, 0, 5);
    assert!(journal.wait_synced(4, PATIENCE));
    disk.fail_writes(1);
    append(&journal, 5, 5);
    assert!(journal.wait_synced(9, PATIENCE));
    disk.fail_writes(2);
    let mut refused = batch(10, 5);
    assert!(matches!(journal.append(&mut refused), Err(AppendError::Write(_))));
    assert_eq!((refused.len(), journal.appended()), (5, 10), "nothing of it is in the stream");
    append(&journal, 10, 1);
    append(&journal, 11, 30);
    assert!(journal.wait_synced(40, PATIENCE));
    drop(journal);
    assert_reads(dir.path(), 41);
}

#[test]
fn a_write_that_was_swallowed_is_found_before_it_is_called_durable() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let journal = open_on(Arc::new(disk.clone()), dir.path());
    append(&journal, 0, 2);
    assert!(journal.wait_synced(1, PATIENCE));
    disk.switches.swallow_next_write.store(true, Ordering::SeqCst);
    append(&journal, 2, 3);
    assert!(journal.wait_synced(4, PATIENCE));
    assert_eq!(journal.segment_starts().len(), 2);
    drop(journal);
    assert_reads(dir.path(), 5);
}

#[test]
fn a_full_disk_does_not_stop_what_fits_the_pre_written_segments_and_ends_when_there_is_room() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let journal = open_on(Arc::new(disk.clone()), dir.path());
    // The first turn waits for the spare; from then on there is none to be had.
    let mut n = 0;
    while journal.segment_starts().len() < 2 {
        append(&journal, n, 10);
        n += 10;
    }
    disk.switches.full.store(true, Ordering::SeqCst);
    append(&journal, n, 10);
    n += 10;
    disk.switches.full.store(false, Ordering::SeqCst);
    while journal.segment_starts().len() < 4 {
        append(&journal, n, 10);
        n += 10;
    }
    drop(journal);
    assert_reads(dir.path(), n);
}

#[test]
fn a_batch_larger_than_a_segment_is_refused_whole() {
    let dir = tempfile::tempdir().expect("tempdir");
    let journal = open(dir.path());
    let mut large = Batch::default();
    assert!(large.push(&[1; 4000], &[]));
    assert!(matches!(journal.append(&mut large), Err(AppendError::TooLarge)));
    assert!(!Batch::default().push(&[0; 70_000], &[]), "a leaf has at most 65,535 octets");
    append(&journal, 0, 1);
}

#[test]
fn writers_on_many_threads_get_every_number_once() {
    let dir = tempfile::tempdir().expect("tempdir");
    let journal = open(dir.path());
    let mut all: Vec<u64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    for _ in 0..40 {
                        let mut batch = batch(0, 3);
                        mine.extend(journal.append(&mut batch).expect("appended"));
                    }
                    mine
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    all.sort_unstable();
    assert_eq!(all, (0..480).collect::<Vec<_>>());
    assert!(journal.wait_synced(479, PATIENCE));
}
