//! Owns dropping the blobs of records for good: the segments they stand in are replaced by copies without them.
//! Must never change a leaf, a number or a place, nor touch the segment being written; never holds up a writer.
//!
//! A segment is replaced as a whole: temp, fsync, read back, rename; fsync of the directory when all are. A crash leaves each
//! segment as it was or as it is to be, and both are whole. What stands behind a segment's last record goes with it: after a
//! failed fsync those are copies of records that were written again.

use super::disk::{self, SegmentFile};
use super::error::BlankError;
use super::frame::{self, Look};
use super::recovery::Stretch;
use super::segment::{self, BODY};
use super::stream::Journal;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

/// Octets of one write, and of what is compared at once.
const PIECE: usize = 1 << 20;

impl Journal {
    /// Whether the disk has room for what `roll_with_room` and `blank` need: two segments. One that cannot be asked has none.
    pub fn has_room(&self) -> bool {
        let inner = &self.inner;
        inner.disk.room(&inner.dir).is_ok_and(|room| room >= inner.identity.segment_octets * 2)
    }

    /// Goes on in a new segment, so that `blank` reaches every record there is as soon as one has been appended behind them and is
    /// durable. Returns the number of the next record. Takes no segment from a disk that has no room for two more: the one that is
    /// pre-written is what keeps a full disk durable.
    ///
    /// # Errors
    /// The disk has no room, or no segment is ready; nothing has changed.
    pub fn roll_with_room(&self, patience: Duration) -> Result<u64, BlankError> {
        let inner = &self.inner;
        let room = inner.disk.room(&inner.dir).map_err(|source| BlankError::Io { path: inner.dir.clone(), source })?;
        let needed = inner.identity.segment_octets * 2;
        if room < needed {
            return Err(BlankError::Room { path: inner.dir.clone(), room, needed });
        }
        Ok(self.roll(patience)?)
    }

    /// Replaces the blobs of these records by zeros, and removes what failed writes have left beside and behind the records.
    /// Returns how many segments were replaced. All of it is durable when this returns. Reads and writes whole segments: not on a lane.
    ///
    /// # Errors
    /// A record stands in the segment being written; the disk; a segment is damaged. Call it again: nothing is lost or half done.
    pub fn blank(&self, records: &BTreeSet<u64>) -> Result<usize, BlankError> {
        let inner = &self.inner;
        let _alone = inner.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
        let (closed, durable) = {
            let state = inner.lock();
            let durable = state.synced_end.0;
            let stretches = state.stretches.iter().enumerate().map(|(at, stretch)| {
                let next = state.stretches.get(at + 1).map_or(state.next_seq, |next| next.first_seq);
                (*stretch, stretch.first_seq..next)
            });
            (stretches.filter(|(stretch, _)| stretch.index < durable).collect::<Vec<_>>(), durable)
        };
        let reached = closed.last().map_or(0, |(_, held)| held.end);
        if let Some(&seq) = records.iter().next_back().filter(|seq| **seq >= reached) {
            return Err(BlankError::Open { seq });
        }
        let mut replaced = 0;
        for (stretch, held) in &closed {
            let Some(end) = stretch.end else { continue };
            replaced += usize::from(self.replace(stretch, end, &records.range(held.clone()).copied().collect())?);
        }
        let gone = self.remove_abandoned(durable, &closed)?;
        if replaced > 0 || gone > 0 {
            let io = |source| BlankError::Io { path: inner.dir.clone(), source };
            inner.disk.sync_dir(&inner.dir).map_err(io)?;
        }
        Ok(replaced)
    }

    /// Replaces one segment, if it holds anything that must go.
    fn replace(&self, stretch: &Stretch, end: u64, records: &BTreeSet<u64>) -> Result<bool, BlankError> {
        let inner = &self.inner;
        let path = segment::path(&inner.dir, stretch.index);
        let io = |source| BlankError::Io { path: path.clone(), source };
        let file = inner.disk.open(&path).map_err(io)?;
        if records.is_empty() && is_zero(&*file, end).map_err(io)? {
            return Ok(false);
        }
        let mut octets = vec![0; end as usize];
        let read = file.read_at(&mut octets, 0).map_err(io)?;
        octets.truncate(read);
        let changed = blank_frames(&mut octets, end, records);
        let changed = changed.map_err(|offset| BlankError::Damaged { path: path.clone(), offset })?;
        if !changed && is_zero(&*file, end).map_err(io)? {
            return Ok(false);
        }
        drop(file);
        let temp = path.with_extension("tmp");
        let copied = self.copy(&temp, &octets).and_then(|()| inner.disk.rename(&temp, &path));
        disk::unmade(&*inner.disk, &temp, copied).map_err(io)?;
        Ok(true)
    }

    /// A durable file with these octets, each of them read back.
    fn copy(&self, temp: &Path, octets: &[u8]) -> io::Result<()> {
        let file = self.inner.disk.create(temp)?;
        file.reserve(octets.len() as u64)?;
        for (piece, octets) in octets.chunks(PIECE).enumerate() {
            file.write_all_at(octets, (piece * PIECE) as u64)?;
        }
        file.sync_data()?;
        let mut copy = vec![0; PIECE];
        for (piece, octets) in octets.chunks(PIECE).enumerate() {
            let copy = &mut copy[..octets.len()];
            if file.read_at(copy, (piece * PIECE) as u64)? != octets.len() || copy != octets {
                return Err(io::Error::other("what was written does not read back"));
            }
        }
        Ok(())
    }

    /// Removes the segments that a failed write or fsync has left behind, where one that follows them is durable.
    fn remove_abandoned(&self, durable: u64, closed: &[(Stretch, std::ops::Range<u64>)]) -> Result<usize, BlankError> {
        let inner = &self.inner;
        let mut gone = 0;
        for name in inner.disk.list(&inner.dir).map_err(|source| BlankError::Io { path: inner.dir.clone(), source })? {
            let Some(index) = segment::index_of(&name).filter(|index| *index < durable) else { continue };
            if closed.iter().all(|(stretch, _)| stretch.index != index) {
                let path = segment::path(&inner.dir, index);
                inner.disk.remove(&path).map_err(|source| BlankError::Io { path, source })?;
                gone += 1;
            }
        }
        Ok(gone)
    }
}

/// Blanks the frames of these records; whether there was anything to blank. The error is the offset of what is no frame.
fn blank_frames(octets: &mut [u8], end: u64, records: &BTreeSet<u64>) -> Result<bool, u64> {
    let mut at = BODY as usize;
    let mut changed = false;
    while at < end as usize {
        let Some(Look::Whole(found)) = octets.get(at..).map(frame::look) else { return Err(at as u64) };
        let (seq, length, blank) = (found.seq, found.octets, found.blob.iter().all(|octet| *octet == 0));
        if !blank && records.contains(&seq) {
            let copy = frame::blanked(&octets[at..at + length]).ok_or(at as u64)?;
            octets[at..at + length].copy_from_slice(&copy);
            changed = true;
        }
        at += length;
    }
    if at as u64 == end { Ok(changed) } else { Err(end) }
}

/// Whether nothing but zeros stands in a file from this offset on.
fn is_zero(file: &dyn SegmentFile, from: u64) -> io::Result<bool> {
    let (mut buffer, mut at) = (vec![0; PIECE], from);
    loop {
        let read = file.read_at(&mut buffer, at)?;
        if buffer[..read].iter().any(|octet| *octet != 0) {
            return Ok(false);
        }
        if read < buffer.len() {
            return Ok(true);
        }
        at += read as u64;
    }
}
