//! Owns reading a stream's durable records again, a little at a time, to find what the disk has lost since they were written.
//! Must never call damage what was only replaced, given up or left meanwhile, nor write anything.

use super::error::ReadError;
use super::offline::Offline;
use super::reader::Reader;
use super::stream::Journal;
use std::sync::PoisonError;

/// One reading of everything that was durable when it began.
pub struct Scrub {
    journal: Journal,
    reader: Reader,
    next: u64,
    upto: u64,
}

/// What a step of it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more.
    On,
    /// From this record to the end of its segment nothing was read: file, octet and what is wrong are in the words.
    Damaged { seq: u64, what: String },
    /// Everything was read.
    End,
}

impl Journal {
    /// Begins to read everything again that is durable now.
    pub fn scrub(&self) -> Scrub {
        let (next, upto) = (self.first_seq(), self.synced());
        Scrub { journal: self.clone(), reader: self.read(next, upto), next, upto }
    }

    fn first_seq(&self) -> u64 {
        self.segment_starts().first().copied().unwrap_or(0)
    }

    /// What is wrong with the segments' headers and their order, in words; `None` when nothing is. A segment that is begun at this
    /// moment may look wrong once; those that are given up or replaced are waited for.
    pub fn headers_fault(&self) -> Option<String> {
        let _alone = self.inner.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = Offline::open(&self.inner.dir, self.inner.options.stream).err()?;
        Some(format!("{}: octet {}: {}", fault.path.display(), fault.offset, fault.what))
    }
}

impl Scrub {
    /// Reads on, for about so many octets. Reads files: not on a lane.
    pub fn step(&mut self, octets: u64) -> Step {
        let mut read = 0;
        loop {
            match self.reader.next_frame() {
                Ok(Some(frame)) => (self.next, read) = (frame.seq + 1, read + frame.octets as u64),
                Ok(None) => return Step::End,
                Err(_) => return self.look_again(),
            }
            if read >= octets {
                return Step::On;
            }
        }
    }

    /// What could not be read may have been replaced or given up since the reader looked where it stands.
    fn look_again(&mut self) -> Step {
        self.next = self.next.max(self.journal.first_seq());
        self.reader = self.journal.read(self.next, self.upto);
        let error = match self.reader.next_frame() {
            Ok(Some(frame)) => {
                self.next = frame.seq + 1;
                return Step::On;
            }
            Ok(None) => return Step::End,
            Err(error) => error,
        };
        let seq = self.next;
        if seq < self.journal.first_seq() {
            return Step::On;
        }
        // What stands behind it in its segment cannot be told from rubbish.
        self.next = self.journal.segment_starts().into_iter().find(|start| *start > seq).unwrap_or(self.upto);
        self.reader = self.journal.read(self.next, self.upto);
        let what = match &error {
            ReadError::Damaged { .. } => format!("{error}: the record does not hold its checksum, or is not there"),
            ReadError::Io { .. } | ReadError::Absent { .. } => error.to_string(),
        };
        Step::Damaged { seq, what }
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::RealDisk;
    use super::super::frame::Batch;
    use super::super::segment;
    use super::super::stream::Options;
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    const OPTIONS: Options = Options {
        stream: "scrub",
        segment_octets: 4096,
        sync_within: Duration::ZERO,
        label: [1; 16],
        older: Vec::new(),
        leaf_seq_at: None,
        read_back: false,
    };
    const SOON: Duration = Duration::from_secs(20);

    /// Records of 100 octets, 35 to a segment.
    fn stream(dir: &Path, records: u64) -> Journal {
        let (journal, _) = Journal::open(Arc::new(RealDisk), dir, OPTIONS).unwrap();
        more(&journal, records);
        journal
    }

    fn more(journal: &Journal, records: u64) {
        for _ in 0..records {
            let mut batch = Batch::default();
            batch.push(&journal.appended().to_be_bytes(), &[7; 72]);
            journal.append(&mut batch).unwrap();
        }
        assert!(journal.wait_synced(journal.appended() - 1, SOON));
    }

    /// Where damage was found, by record; and how many steps it took.
    fn whole(journal: &Journal) -> (Vec<u64>, u32) {
        let (mut scrub, mut found, mut steps) = (journal.scrub(), Vec::new(), 0);
        loop {
            steps += 1;
            match scrub.step(1000) {
                Step::On => {}
                Step::Damaged { seq, what } => {
                    assert!(what.contains(".seg"), "{what}");
                    found.push(seq);
                }
                Step::End => return (found, steps),
            }
        }
    }

    #[test]
    fn a_flip_of_any_octet_of_a_record_is_found_once_a_segment_and_the_other_segments_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let journal = stream(dir.path(), 200);
        assert_eq!(whole(&journal).0, [0; 0]);
        let starts = journal.segment_starts();
        let path = segment::path(dir.path(), 3);
        let octets = std::fs::read(&path).unwrap();
        for at in 512..712 {
            let mut flipped = octets.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, flipped).unwrap();
            let (found, _) = whole(&journal);
            let first = starts[2] + (at as u64 - 512) / 100;
            assert!(found.len() == 1 && (first..first + 2).contains(&found[0]), "{at}: {found:?}");
        }
        std::fs::write(&path, &octets[..2000]).unwrap();
        assert_eq!(whole(&journal).0.len(), 1, "cut short");
        std::fs::remove_file(&path).unwrap();
        let other = segment::path(dir.path(), 5);
        let mut cut = std::fs::read(&other).unwrap();
        cut[600] ^= 1;
        std::fs::write(&other, cut).unwrap();
        assert_eq!(whole(&journal).0, [starts[2], starts[4]], "one is missing, and one is damaged");
        assert!(journal.headers_fault().is_some_and(|fault| fault.contains("missing")));
        std::fs::write(&path, octets).unwrap();
        assert_eq!(journal.headers_fault(), None);
    }

    #[test]
    fn a_header_that_does_not_hold_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let journal = stream(dir.path(), 100);
        let path = segment::path(dir.path(), 2);
        let mut octets = std::fs::read(&path).unwrap();
        octets[25] ^= 1;
        std::fs::write(&path, octets).unwrap();
        assert!(journal.headers_fault().is_some_and(|fault| fault.contains("header")));
        assert_eq!(whole(&journal).0, [0; 0], "its records are whole");
    }

    #[test]
    fn segments_that_are_being_given_up_are_not_called_damage_however_long_that_takes() {
        let dir = tempfile::tempdir().unwrap();
        let journal = stream(dir.path(), 100);
        let path = segment::path(dir.path(), 2);
        let aside = dir.path().join("aside");
        let (told, tells) = std::sync::mpsc::channel();
        let giving_up = journal.inner.rewriting.lock().unwrap();
        std::fs::rename(&path, &aside).unwrap();
        let asked = journal.clone();
        let look = std::thread::spawn(move || told.send(asked.headers_fault()));
        assert!(tells.recv_timeout(Duration::from_millis(100)).is_err(), "it waits");
        std::fs::rename(&aside, &path).unwrap();
        drop(giving_up);
        assert_eq!(tells.recv_timeout(SOON).unwrap(), None);
        look.join().unwrap().unwrap();
    }

    #[test]
    fn it_goes_by_small_steps_and_what_is_replaced_given_up_or_appended_meanwhile_is_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        let journal = stream(dir.path(), 350);
        assert!(whole(&journal).1 >= 32, "about 1,000 octets a step");
        let starts = journal.segment_starts();
        let mut scrub = journal.scrub();
        assert_eq!(scrub.step(1000), Step::On);
        journal.blank(&BTreeSet::from([1, 40, 100])).unwrap();
        assert_eq!(scrub.step(1000), Step::On);
        journal.forget_before(starts[5]).unwrap();
        more(&journal, 100);
        let mut steps = 0;
        loop {
            match scrub.step(1000) {
                Step::On => steps += 1,
                Step::Damaged { seq, what } => panic!("{seq}: {what}"),
                Step::End => break,
            }
        }
        assert!(steps >= 10, "{steps}");
        assert_eq!(scrub.next, 350, "what came meanwhile is for the next reading");
        assert_eq!((whole(&journal).0, journal.headers_fault()), (vec![], None));
    }
}
