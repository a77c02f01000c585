//! Owns giving up the oldest segments of a stream whose records are no longer needed.
//! Must never remove a segment before the one that follows says that the stream begins with it.

use super::error::AppendError;
use super::segment::{self, BODY, Header, HeaderLook};
use super::stream::Journal;
use std::io;
use std::sync::PoisonError;
use std::time::Duration;

impl Journal {
    /// Goes on in a new segment, so that `forget_before` can reach what stands in this one once something has been appended.
    /// Returns the number of the next record; does nothing in a segment that holds none.
    pub fn roll(&self, patience: Duration) -> Result<u64, AppendError> {
        let state = self.inner.lock();
        if state.offset == BODY {
            return Ok(state.next_seq);
        }
        Ok(self.inner.go_on(state, patience, |state| state.offset == BODY)?.next_seq)
    }

    /// Removes the whole segments that hold only records before `seq`, oldest first, and returns how many. The segment being
    /// written, and those whose header is not durable yet, stay. Waits for an fsync: not for a lane.
    pub fn forget_before(&self, seq: u64) -> io::Result<usize> {
        let inner = &self.inner;
        let _alone = inner.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
        let (removed, first) = {
            let state = inner.lock();
            let durable = state.stretches.iter().filter(|stretch| stretch.index <= state.synced_end.0);
            let kept = durable.enumerate().filter(|(_, stretch)| stretch.first_seq <= seq).last();
            let Some((place, first)) = kept.filter(|(place, _)| *place > 0) else { return Ok(0) };
            (state.stretches[..place].to_vec(), *first)
        };
        let path = segment::path(&inner.dir, first.index);
        let file = inner.disk.open(&path)?;
        let mut page = [0; BODY as usize];
        let read = file.read_at(&mut page, 0)?;
        let HeaderLook::Whole(header) = Header::look(&page[..read]) else { return Ok(0) };
        // One sector, rewritten: the stream begins here from now on. Recovery removes what stands before, if we do not come to it.
        file.write_all_at(&Header { previous: header.index, previous_end: 0, ..header }.encode(), 0)?;
        file.sync_data()?;
        inner.lock().stretches.retain(|stretch| stretch.index >= first.index);
        for stretch in &removed {
            inner.disk.remove(&segment::path(&inner.dir, stretch.index))?;
        }
        inner.disk.sync_dir(&inner.dir)?;
        Ok(removed.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::RealDisk;
    use super::super::fixture::{OPTIONS, PATIENCE, append_number, fill, numbers, open};
    use super::super::stream::Options;
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    fn segments(dir: &Path) -> Vec<u64> {
        let names = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut indices: Vec<_> = names.filter_map(|name| segment::index_of(&name)).collect();
        indices.sort_unstable();
        indices
    }

    #[test]
    fn only_whole_segments_of_what_is_not_needed_go_and_the_rest_stays_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        assert_eq!(journal.forget_before(u64::MAX).unwrap(), 0, "the only segment is being written");
        fill(&journal, 200);
        let starts = journal.segment_starts();
        assert_eq!(journal.forget_before(starts[2] + 5).unwrap(), 2);
        assert_eq!(journal.forget_before(starts[2] + 5).unwrap(), 0);
        assert_eq!(numbers(&journal), (starts[2]..200).collect::<Vec<_>>());
        fill(&journal, 10);
        journal.close();
        drop(journal);
        let journal = open(dir.path());
        assert_eq!(numbers(&journal), (starts[2]..210).collect::<Vec<_>>());
        assert!(journal.forget_before(u64::MAX).unwrap() > 0);
        fill(&journal, 100);
        assert_eq!(*numbers(&journal).last().unwrap(), 309, "numbers go on");
    }

    #[test]
    fn after_a_roll_everything_before_it_can_go() {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        assert_eq!(journal.roll(PATIENCE).unwrap(), 0);
        assert_eq!(segments(dir.path())[0], 1);
        fill(&journal, 10);
        assert_eq!(journal.roll(PATIENCE).unwrap(), 10);
        assert_eq!(journal.roll(PATIENCE).unwrap(), 10, "an empty segment is not left");
        assert_eq!(journal.forget_before(10).unwrap(), 0, "nothing durable stands in the new one yet");
        fill(&journal, 1);
        assert_eq!(journal.forget_before(10).unwrap(), 1);
        journal.close();
        drop(journal);
        assert_eq!(numbers(&open(dir.path())), [10]);
    }

    #[test]
    fn a_roll_before_the_fsync_of_what_stands_before_it_breaks_no_chain() {
        let dir = tempfile::tempdir().unwrap();
        let slow = Options { sync_within: Duration::from_millis(30), ..OPTIONS };
        let journal = Journal::open(Arc::new(RealDisk), dir.path(), slow).unwrap().0;
        for round in 0..4 {
            append_number(&journal);
            // The fsync of that record comes after the roll: the new segment holds nothing that it could make durable.
            assert_eq!(journal.roll(PATIENCE).unwrap(), round + 1);
            assert!(journal.wait_synced(round, PATIENCE));
        }
        fill(&journal, 1);
        let copy = tempfile::tempdir().unwrap();
        for index in segments(dir.path()) {
            std::fs::copy(segment::path(dir.path(), index), segment::path(copy.path(), index)).unwrap();
        }
        assert_eq!(numbers(&open(copy.path())), [0, 1, 2, 3, 4]);
        assert_eq!(journal.forget_before(4).unwrap(), 4);
        assert_eq!(numbers(&journal), [4]);
    }

    #[test]
    fn a_crash_before_the_files_are_removed_leaves_a_whole_stream() {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        fill(&journal, 200);
        let starts = journal.segment_starts();
        let gone = std::fs::read(segment::path(dir.path(), 1)).unwrap();
        assert!(journal.forget_before(starts[1]).unwrap() == 1);
        journal.close();
        drop(journal);
        std::fs::write(segment::path(dir.path(), 1), gone).unwrap();
        let journal = open(dir.path());
        assert_eq!(numbers(&journal), (starts[1]..200).collect::<Vec<_>>());
        assert_eq!(segments(dir.path())[0], 2, "recovery has removed it");
    }
}
