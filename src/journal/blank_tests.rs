//! Owns the tests of dropping blobs: nothing of them is left, everything else is, whenever the disk goes away.
//! Must never look only at what the journal reads back: the files are searched octet by octet.

use super::error::BlankError;
use super::faults::FaultyDisk;
use super::fixture::{PATIENCE, open, open_on};
use super::frame::Batch;
use super::stream::Journal;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

fn secret(n: u64) -> Vec<u8> {
    format!("<the secret of {n:04}>").repeat(4).into_bytes()
}

/// Appends records of about 120 octets, 30 to a segment, and waits until they are durable.
fn fill(journal: &Journal, count: u64) {
    for _ in 0..count {
        let n = journal.appended();
        let mut batch = Batch::default();
        assert!(batch.push(format!("leaf {n}").as_bytes(), &secret(n)));
        journal.append(&mut batch).expect("appended");
    }
    assert!(journal.wait_synced(journal.appended() - 1, PATIENCE));
}

/// What stands in place of each blob: whether it is the secret (else it is zeros).
fn read(journal: &Journal) -> Vec<bool> {
    let mut reader = journal.read(0, u64::MAX);
    let mut kept = Vec::new();
    while let Some(frame) = reader.next_frame().expect("readable") {
        let seq = frame.seq;
        assert_eq!(frame.leaf, format!("leaf {seq}").as_bytes());
        assert_eq!(frame.blob.len(), secret(seq).len());
        let whole = frame.blob == secret(seq);
        assert!(whole || frame.blob.iter().all(|octet| *octet == 0), "{seq}");
        kept.push(whole);
    }
    kept
}

/// The files that hold a part of this secret.
fn holding(dir: &Path, n: u64) -> Vec<String> {
    let needle = format!("<the secret of {n:04}>");
    let files = std::fs::read_dir(dir).expect("a directory").map(|file| file.expect("a file"));
    let holds = |path: &Path| {
        match std::fs::read(path) {
            Ok(octets) => octets.windows(needle.len()).any(|part| part == needle.as_bytes()),
            // The thread of the spare segment renames its file meanwhile; what it makes holds nothing yet.
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", path.display());
                false
            }
        }
    };
    files.filter(|file| holds(&file.path())).map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

/// Closes the segment with something durable behind it.
fn close_segment(journal: &Journal) {
    journal.roll_with_room(PATIENCE).expect("rolled");
    fill(journal, 1);
}

fn wait_for_spare(journal: &Journal) {
    let inner = &journal.inner;
    let waiting = |state: &mut super::stream::State| state.spare.is_none();
    drop(inner.progress.wait_timeout_while(inner.lock(), PATIENCE, waiting).expect("not poisoned"));
}

#[test]
fn blobs_are_gone_from_every_file_and_all_else_stays_also_after_a_restart() {
    let dir = tempfile::tempdir().expect("tempdir");
    let journal = open(dir.path());
    fill(&journal, 100);
    let mut behind = journal.read(0, u64::MAX);
    behind.next_frame().expect("readable").expect("there");
    let gone = BTreeSet::from([3, 40, 41, 99]);
    let refused = journal.blank(&gone).expect_err("the last one is in the segment being written");
    assert!(matches!(refused, BlankError::Open { seq: 99 }), "{refused}");
    assert_eq!(read(&journal), [true; 100], "nothing was begun");
    close_segment(&journal);
    assert_eq!(journal.blank(&gone).expect("blanked"), 3);
    assert_eq!(journal.blank(&gone).expect("again"), 0, "nothing is left to do");
    let expected: Vec<bool> = (0..101).map(|n| !gone.contains(&n)).collect();
    assert_eq!(read(&journal), expected);
    while behind.next_frame().expect("who reads meanwhile goes on").is_some() {}
    fill(&journal, 20);
    journal.close();
    drop((behind, journal));
    for n in 0..121 {
        assert_eq!(holding(dir.path(), n).len(), usize::from(!gone.contains(&n)), "{n}");
    }
    let journal = open(dir.path());
    assert_eq!(read(&journal), [expected, vec![true; 20]].concat());
}

#[test]
fn wherever_the_disk_goes_away_every_record_is_whole_and_a_second_call_finishes() {
    let mut failed = 0;
    for calls in 0.. {
        let dir = tempfile::tempdir().expect("tempdir");
        let disk = FaultyDisk::default();
        let journal = open_on(Arc::new(disk.clone()), dir.path());
        fill(&journal, 70);
        close_segment(&journal);
        wait_for_spare(&journal);
        let gone = BTreeSet::from([3, 40]);
        disk.gone_after(calls);
        let outcome = journal.blank(&gone);
        // What stands on the disk at this moment is what a crash would leave.
        let crashed = tempfile::tempdir().expect("tempdir");
        for file in std::fs::read_dir(dir.path()).expect("a directory") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), crashed.path().join(file.file_name())).expect("copied");
        }
        let found = open(crashed.path());
        let kept = read(&found);
        assert_eq!(kept.len(), 71, "after {calls} calls");
        assert!((0..71).all(|n| kept[n as usize] || gone.contains(&n)), "after {calls} calls");
        close_segment(&found);
        found.blank(&gone).expect("a second call finishes");
        assert!(gone.iter().all(|n| holding(crashed.path(), *n).is_empty()), "after {calls} calls");
        match outcome {
            Ok(replaced) => {
                assert_eq!(replaced, 2);
                break;
            }
            Err(_) => failed += 1,
        }
    }
    assert!(failed >= 14, "{failed} places to fail at");
}

#[test]
fn copies_that_a_failed_fsync_left_behind_are_gone_too() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let journal = open_on(Arc::new(disk.clone()), dir.path());
    fill(&journal, 5);
    wait_for_spare(&journal);
    disk.fail_syncs(1);
    fill(&journal, 1);
    assert_eq!(holding(dir.path(), 5).len(), 2, "the record was written again");
    close_segment(&journal);
    journal.blank(&BTreeSet::from([5])).expect("blanked");
    assert_eq!(holding(dir.path(), 5), [""; 0]);
    assert_eq!(read(&journal), [true, true, true, true, true, false, true]);
    journal.close();
    drop(journal);
    assert_eq!(read(&open(dir.path())).len(), 7);
}

#[test]
fn a_full_disk_keeps_its_pre_written_segment_and_a_swallowed_write_replaces_nothing() {
    let dir = tempfile::tempdir().expect("tempdir");
    let disk = FaultyDisk::default();
    let journal = open_on(Arc::new(disk.clone()), dir.path());
    fill(&journal, 5);
    wait_for_spare(&journal);
    disk.switches.full.store(true, std::sync::atomic::Ordering::SeqCst);
    let error = journal.roll_with_room(PATIENCE).expect_err("full");
    assert!(matches!(error, BlankError::Room { room: 0, needed: 8192, .. }), "{error}");
    assert_eq!(journal.segment_starts(), [0], "nothing was begun");
    disk.switches.full.store(false, std::sync::atomic::Ordering::SeqCst);
    close_segment(&journal);
    disk.switches.swallow_copies.store(true, std::sync::atomic::Ordering::SeqCst);
    let error = journal.blank(&BTreeSet::from([2])).expect_err("it does not read back");
    assert!(error.to_string().contains("read back"), "{error}");
    assert_eq!(read(&journal), [true; 6]);
}

#[test]
fn records_go_on_being_appended_and_read_while_segments_are_replaced() {
    let dir = tempfile::tempdir().expect("tempdir");
    let journal = open(dir.path());
    fill(&journal, 300);
    close_segment(&journal);
    let writer = {
        let journal = journal.clone();
        std::thread::spawn(move || fill(&journal, 300))
    };
    let gone: BTreeSet<u64> = (0..300).filter(|n| n % 7 == 0).collect();
    for n in &gone {
        journal.blank(&BTreeSet::from([*n])).expect("blanked");
        assert!(read(&journal).len() >= 301);
    }
    writer.join().expect("appended");
    let expected: Vec<bool> = (0..601).map(|n| !gone.contains(&n)).collect();
    assert_eq!(read(&journal), expected);
}
