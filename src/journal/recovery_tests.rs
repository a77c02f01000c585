//! Owns the tables of damage: what recovery does about each torn, flipped, truncated or missing piece.
//! Must never accept an outcome in which a record changed or vanished without being said.

use super::disk::RealDisk;
use super::error::OpenError;
use super::fixture::{OCTETS, OPTIONS, PATIENCE};
use super::frame::Batch;
use super::recovery::Recovery;
use super::segment::{self, BODY};
use super::stream::{Journal, Options};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn options(sync_within: Duration) -> Options {
    Options { sync_within, ..OPTIONS }
}

fn open(dir: &Path) -> Result<(Journal, Recovery), OpenError> {
    Journal::open(Arc::new(RealDisk), dir, options(Duration::ZERO))
}

fn leaf(n: u64) -> Vec<u8> {
    format!("record number {n} of the test, with some length to it").into_bytes()
}

fn append(journal: &Journal, from: u64, count: u64) {
    for n in from..from + count {
        let mut batch = Batch::default();
        assert!(batch.push(&leaf(n), b"blob"));
        assert_eq!(journal.append(&mut batch).expect("appended"), n..n + 1);
    }
}

fn assert_reads(journal: &Journal, count: u64) {
    let mut reader = journal.read(0, u64::MAX);
    for n in 0..count {
        let frame = reader.next_frame().expect("readable").expect("there");
        assert_eq!((frame.seq, frame.leaf, frame.blob), (n, &leaf(n)[..], &b"blob"[..]));
    }
    assert_eq!(reader.next_frame().expect("readable"), None);
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("tempdir");
    for entry in fs::read_dir(from).expect("dir") {
        let entry = entry.expect("entry");
        fs::copy(entry.path(), to.path().join(entry.file_name())).expect("copied");
    }
    to
}

/// A stream of `count` records, closed, and where its last frame stands.
fn stream(count: u64) -> (tempfile::TempDir, usize, usize) {
    let dir = tempfile::tempdir().expect("tempdir");
    let (journal, _) = open(dir.path()).expect("begun");
    append(&journal, 0, count);
    journal.close();
    let size = 20 + leaf(count - 1).len() + 4;
    let end = BODY as usize + (0..count).map(|n| 20 + leaf(n).len() + 4).sum::<usize>();
    (dir, end - size, end)
}

#[test]
fn a_last_frame_torn_at_any_octet_is_cut_and_said_and_writing_goes_on() {
    let (dir, start, end) = stream(5);
    let whole = fs::read(segment::path(dir.path(), 1)).expect("read");
    for torn_at in start..end {
        let torn = copy(dir.path());
        let mut octets = whole.clone();
        octets[torn_at..].fill(0);
        fs::write(segment::path(torn.path(), 1), octets).expect("write");
        let (journal, found) = open(torn.path()).expect("opens");
        assert_eq!(found.records, 4, "torn at {torn_at}");
        assert_eq!(found.cut_octets > 0, whole[start..torn_at].iter().any(|octet| *octet != 0), "torn at {torn_at}");
        append(&journal, 4, 2);
        assert!(journal.wait_synced(5, PATIENCE));
        drop(journal);
        let (journal, found) = open(torn.path()).expect("opens again");
        assert_eq!(found, Recovery { records: 6, cut_octets: 0 });
        assert_reads(&journal, 6);
    }
}

#[test]
fn a_file_cut_short_in_a_frame_or_in_its_header_is_refused_and_nothing_is_changed() {
    let (dir, start, end) = stream(3);
    // At a frame's end a file may end: a backup's does.
    for length in (0..BODY as usize).step_by(60).chain((start + 1..end).step_by(3)) {
        let torn = copy(dir.path());
        let path = segment::path(torn.path(), 1);
        fs::OpenOptions::new().write(true).open(&path).expect("open").set_len(length as u64).expect("truncated");
        match open(torn.path()) {
            Err(OpenError::Damaged { what, .. }) => assert!(what.starts_with("the file was cut short"), "{what}"),
            other => panic!("cut at {length}: {other:?}", other = other.map(|(_, found)| found)),
        }
        assert_eq!(fs::metadata(&path).expect("there").len(), length as u64);
    }
}

#[test]
fn a_flip_of_any_octet_is_cut_at_the_end_and_refused_before_it() {
    let (dir, start, end) = stream(4);
    let whole = fs::read(segment::path(dir.path(), 1)).expect("read");
    let mut tried = 0;
    for at in 0..end {
        if (68..BODY as usize).contains(&at) && at % 50 != 0 {
            continue;
        }
        let flipped = copy(dir.path());
        let mut octets = whole.clone();
        octets[at] ^= 1 << (at % 8);
        fs::write(segment::path(flipped.path(), 1), octets).expect("write");
        match open(flipped.path()) {
            Ok((journal, found)) => {
                assert!(at >= start, "a flip at {at} was not seen");
                assert_eq!(found.records, 3);
                assert!(found.cut_octets > 0);
                assert_reads(&journal, 3);
            }
            // A length that leads out of the file is no tear of a power cut.
            Err(OpenError::Damaged { offset, .. }) => {
                assert!(at < start + 4 && offset as usize <= at, "at {at}: {offset}");
            }
            Err(error) => panic!("at {at}: {error}"),
        }
        tried += 1;
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn what_follows_a_hole_refuses_to_start_and_changes_nothing() {
    let (dir, ..) = stream(4);
    let path = segment::path(dir.path(), 1);
    let mut octets = fs::read(&path).expect("read");
    let first = 20 + leaf(0).len() + 4;
    octets[BODY as usize + first..BODY as usize + 2 * first].fill(0);
    fs::write(&path, &octets).expect("write");
    let error = open(dir.path()).err().expect("refused");
    assert!(matches!(error, OpenError::Damaged { .. }));
    assert!(error.to_string().contains("restore this file from a backup"), "{error}");
    assert_eq!(fs::read(&path).expect("read"), octets);
}

#[test]
fn a_killed_process_loses_no_record_it_had_appended_also_across_segments() {
    // Nothing is synced within the hour: the second segment has no header when the process is killed.
    let (dir, ..) = stream(30);
    let (journal, _) =
        Journal::open(Arc::new(RealDisk), dir.path(), options(Duration::from_secs(3600))).expect("opens");
    let count = 60;
    append(&journal, 30, 30);
    assert_eq!(journal.segment_starts().len(), 2);
    let killed = copy(dir.path());
    let (revived, found) = open(killed.path()).expect("opens");
    assert_eq!(found, Recovery { records: count, cut_octets: 0 });
    append(&revived, count, 60);
    drop(revived);
    let (revived, found) = open(killed.path()).expect("opens again");
    assert_eq!(found.records, count + 60);
    assert_reads(&revived, count + 60);
    drop(journal);
}

#[test]
fn a_power_cut_that_tore_the_segment_before_cuts_what_was_never_acknowledged_behind_it() {
    let (dir, ..) = stream(30);
    let (journal, _) =
        Journal::open(Arc::new(RealDisk), dir.path(), options(Duration::from_secs(3600))).expect("opens");
    append(&journal, 30, 30);
    let in_first = journal.segment_starts()[1];
    let cut = copy(dir.path());
    drop(journal);
    let path = segment::path(cut.path(), 1);
    let mut octets = fs::read(&path).expect("read");
    let torn_from = octets.iter().rposition(|octet| *octet != 0).expect("used") - 30;
    octets[torn_from..].fill(0);
    fs::write(&path, octets).expect("write");
    let (revived, found) = open(cut.path()).expect("opens");
    assert_eq!(found.records, in_first - 1);
    assert!(found.cut_octets > 0);
    append(&revived, in_first - 1, 3);
    drop(revived);
    assert_reads(&open(cut.path()).expect("opens again").0, in_first + 2);
}

#[test]
fn a_missing_segment_is_named_wherever_it_is_missing() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (journal, _) = open(dir.path()).expect("begun");
    append(&journal, 0, 150);
    assert!(journal.wait_synced(149, PATIENCE));
    let written = journal.segment_starts().len() as u64;
    assert!(written >= 3, "{written}");
    drop(journal);
    drop(open(dir.path()).expect("whole"));
    for index in 1..=written {
        let without = copy(dir.path());
        // The pre-written segment stands behind: else the last one would be missed only by whoever knows how much there was.
        if !segment::path(without.path(), written + 1).exists() {
            fs::write(segment::path(without.path(), written + 1), vec![0; OCTETS as usize]).expect("write");
        }
        fs::remove_file(segment::path(without.path(), index)).expect("removed");
        match open(without.path()) {
            Err(OpenError::Missing { path }) => assert_eq!(path, segment::path(without.path(), index)),
            Err(error) => panic!("{index}: {error}"),
            Ok((_, found)) => panic!("{index}: opened with {} records", found.records),
        }
    }
}

#[test]
fn another_label_and_another_stream_are_refused() {
    let (dir, ..) = stream(2);
    let mut other = options(Duration::ZERO);
    other.label = [8; 16];
    assert!(matches!(Journal::open(Arc::new(RealDisk), dir.path(), other), Err(OpenError::Label { .. })));
    let mut other = options(Duration::ZERO);
    other.stream = "others";
    assert!(matches!(Journal::open(Arc::new(RealDisk), dir.path(), other), Err(OpenError::Foreign { .. })));
}

/// The labels of the records, in order.
fn labels(journal: &Journal) -> Vec<u8> {
    let mut reader = journal.read(0, u64::MAX);
    let mut found = Vec::new();
    while let Some((label, frame)) = reader.next_labelled_where(|_, _| true).expect("readable") {
        assert_eq!(frame.leaf, leaf(frame.seq));
        found.push(label[0]);
    }
    found
}

fn open_under(dir: &Path, label: u8, older: &[u8]) -> Result<Journal, OpenError> {
    let older = older.iter().map(|label| [*label; 16]).collect();
    let options = Options { label: [label; 16], older, ..options(Duration::ZERO) };
    Journal::open(Arc::new(RealDisk), dir, options).map(|(journal, _)| journal)
}

#[test]
fn a_segment_of_an_older_label_is_read_and_never_written_on() {
    let (dir, ..) = stream(3);
    for (at, label) in [8u8, 9].into_iter().enumerate() {
        let older = &[7, 8][..=at];
        let journal = open_under(dir.path(), label, older).expect("known");
        assert!(journal.has_older_labels());
        let from = 3 + 2 * at as u64;
        append(&journal, from, 2);
        assert!(journal.wait_synced(from + 1, PATIENCE));
        journal.close();
    }
    let journal = open_under(dir.path(), 9, &[7, 8]).expect("its own");
    assert_eq!(labels(&journal), [7, 7, 7, 8, 8, 9, 9]);
    assert_reads(&journal, 7);
    assert_eq!(journal.segment_labels(), [[7; 16], [8; 16], [9; 16]], "no segment more than labels");
    journal.close();
    drop(journal);
    let refused = open_under(dir.path(), 9, &[7]);
    assert!(matches!(refused, Err(OpenError::Label { label, .. }) if label == [8; 16]));
    let refused = open_under(dir.path(), 8, &[7]);
    assert!(matches!(refused, Err(OpenError::Label { label, .. }) if label == [9; 16]), "nobody goes back");
}

#[test]
fn a_stream_that_was_opened_under_a_new_label_and_not_written_goes_on_there() {
    let (dir, ..) = stream(3);
    for _ in 0..3 {
        open_under(dir.path(), 8, &[7]).expect("known").close();
    }
    let journal = open_under(dir.path(), 8, &[7]).expect("known");
    assert_eq!(journal.segment_labels(), [[7; 16], [8; 16]]);
    append(&journal, 3, 1);
    assert_eq!(labels(&journal), [7, 7, 7, 8]);
}

/// A killed process leaves a segment without a header: its records are of the label that it was written under, whatever is given now.
#[test]
fn a_segment_without_a_header_is_under_the_label_of_the_one_before_it() {
    let (dir, ..) = stream(30);
    let slow = options(Duration::from_secs(3600));
    let (journal, _) = Journal::open(Arc::new(RealDisk), dir.path(), slow).expect("opens");
    append(&journal, 30, 30);
    let killed = copy(dir.path());
    let blank =
        |index: u64| fs::read(segment::path(killed.path(), index)).expect("read")[..512].iter().all(|o| *o == 0);
    assert!(blank(2) && segment::written(&fs::read(segment::path(killed.path(), 2)).expect("read")) > 512);
    for _ in 0..2 {
        let journal = open_under(killed.path(), 8, &[7]).expect("known");
        let found = labels(&journal);
        assert!(found.len() == 60 && found.iter().all(|label| *label == 7), "{found:?}");
        journal.close();
    }
    drop(journal);
}
