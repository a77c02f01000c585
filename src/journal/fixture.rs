//! Owns a small journal for the tests of this room: segments of 4 KiB, every append made durable at once.
//! Must never be built into the program.

use super::disk::{Disk, RealDisk};
use super::frame::Batch;
use super::stream::{Journal, Options};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Longer than a disk takes.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const OCTETS: u64 = 4096;
pub const OPTIONS: Options = Options {
    stream: "test",
    segment_octets: OCTETS,
    sync_within: Duration::ZERO,
    label: [7; 16],
    older: Vec::new(),
    leaf_seq_at: None,
    read_back: true,
};

pub fn open_on(disk: Arc<dyn Disk>, dir: &Path) -> Journal {
    Journal::open(disk, dir, OPTIONS).expect("opens").0
}

pub fn open(dir: &Path) -> Journal {
    open_on(Arc::new(RealDisk), dir)
}

/// Appends a record of 100 octets that holds its number.
pub fn append_number(journal: &Journal) {
    let mut batch = Batch::default();
    assert!(batch.push(&journal.appended().to_be_bytes(), &[7; 72]));
    journal.append(&mut batch).expect("appended");
}

/// Appends so many of these, 34 to a segment, and waits until they are durable.
pub fn fill(journal: &Journal, records: u64) {
    (0..records).for_each(|_| append_number(journal));
    assert!(journal.wait_synced(journal.appended() - 1, PATIENCE));
}

/// The numbers of all records, which hold them.
pub fn numbers(journal: &Journal) -> Vec<u64> {
    let mut reader = journal.read(journal.segment_starts()[0], u64::MAX);
    let mut found = Vec::new();
    while let Some(frame) = reader.next_frame().expect("readable") {
        assert_eq!(frame.leaf, frame.seq.to_be_bytes());
        found.push(frame.seq);
    }
    found
}
