//! Owns reading a stream back, in order, from any sequence number, while it is being written.
//! Must never return a record whose checksum does not hold.

use super::disk::SegmentFile;
use super::error::ReadError;
use super::frame::{self, FRAME_MAX, Frame, HEADER, Look};
use super::recovery::Stretch;
use super::segment::{self, BODY};
use super::stream::Journal;
use std::sync::Arc;

const CHUNK: usize = 1 << 18;

/// The mark of a segment.
pub type Label = [u8; 16];

/// Reads records `from..upto`. Holds its own view of the segments: `go_on` brings it to what was appended since.
pub struct Reader {
    journal: Journal,
    stretches: Vec<Stretch>,
    /// The stretch after the one that is open.
    place: usize,
    open: Option<Open>,
    next: u64,
    upto: u64,
}

struct Open {
    file: Arc<dyn SegmentFile>,
    index: u64,
    label: [u8; 16],
    /// Offset of `buffer[at]` in the file.
    offset: u64,
    end: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl Journal {
    /// A reader of the records `from..upto` (at most what is appended).
    pub fn read(&self, from: u64, upto: u64) -> Reader {
        let (stretches, appended) = self.stretches();
        // The last segment that begins at or before `from`; a rewritten record stands in the later one.
        let place = stretches.iter().rposition(|stretch| stretch.first_seq <= from).unwrap_or(0);
        Reader { journal: self.clone(), stretches, place, open: None, next: from, upto: upto.min(appended) }
    }

    /// Where the records stand now, and how many there are.
    fn stretches(&self) -> (Vec<Stretch>, u64) {
        let state = self.inner.lock();
        let mut stretches = state.stretches.clone();
        if let Some(last) = stretches.last_mut() {
            last.end = Some(state.offset);
        }
        (stretches, state.next_seq)
    }

    /// Whether a segment bears another label than the one that is written now.
    pub fn has_older_labels(&self) -> bool {
        self.segment_labels().iter().any(|label| *label != self.inner.identity.label)
    }

    /// The labels of its segments, oldest first; never empty.
    pub fn segment_labels(&self) -> Vec<Label> {
        self.inner.lock().stretches.iter().map(|stretch| stretch.label).collect()
    }

    /// The sequence numbers at which segments begin, oldest first: places where a reader starts without searching.
    pub fn segment_starts(&self) -> Vec<u64> {
        self.inner.lock().stretches.iter().map(|stretch| stretch.first_seq).collect()
    }
}

impl Reader {
    /// The sequence number of the record that comes next.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The sequence number behind the last record that it reads.
    pub fn ends_at(&self) -> u64 {
        self.upto
    }

    /// Another reader of the same stream, from `from` on or from the first record that is still there, up to what is appended now.
    pub fn again_from(&self, from: u64) -> Self {
        let first = self.journal.segment_starts().first().copied().unwrap_or(0);
        self.journal.read(from.max(first), u64::MAX)
    }

    /// Goes on from its place up to `upto` (at most what is appended now), over segments begun or forgotten since.
    pub fn go_on(&mut self, upto: u64) {
        let (stretches, appended) = self.journal.stretches();
        self.upto = upto.min(appended);
        let same = self.open.as_ref().and_then(|open| stretches.iter().position(|stretch| stretch.index == open.index));
        match (&mut self.open, same) {
            (Some(open), Some(place)) => {
                open.end = stretches[place].end.unwrap_or(BODY);
                self.place = place + 1;
            }
            (open @ (Some(_) | None), _) => {
                *open = None;
                self.place = stretches.iter().rposition(|stretch| stretch.first_seq <= self.next).unwrap_or(0);
            }
        }
        self.stretches = stretches;
    }

    /// The next record, or `None` behind the last.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        self.next_frame_where(|_| true)
    }

    /// The next record whose leaf is wanted, or `None` behind the last. Those passed over are checked too.
    pub fn next_frame_where(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<Option<Frame<'_>>, ReadError> {
        Ok(self.next_labelled_where(|_, leaf| wanted(leaf))?.map(|(_, frame)| frame))
    }

    /// The next record whose label and leaf are wanted, with the label of its segment, or `None` behind the last.
    pub fn next_labelled_where(
        &mut self,
        wanted: impl Fn(&Label, &[u8]) -> bool,
    ) -> Result<Option<(Label, Frame<'_>)>, ReadError> {
        let (at, leaf, octets) = loop {
            if self.next >= self.upto {
                return Ok(None);
            }
            if self.open.is_none() {
                self.open_next()?;
            }
            let Some(open) = self.open.as_mut() else { continue };
            let Some(head) = open.peek(HEADER, &self.journal)? else {
                self.open = None;
                continue;
            };
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let seq =
                u64::from_be_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]);
            if !(HEADER..=FRAME_MAX).contains(&length) || seq > self.next {
                return Err(open.damaged(&self.journal));
            }
            if seq < self.next {
                // Hopping to the place asked for: only the lengths are read.
                open.skip(length);
                continue;
            }
            let label = open.label;
            let Some(octets) = open.peek(length, &self.journal)? else { return Err(open.damaged(&self.journal)) };
            let Look::Whole(frame) = frame::look(octets) else { return Err(open.damaged(&self.journal)) };
            let (take, leaf) = (wanted(&label, frame.leaf), frame.leaf.len());
            let at = open.at;
            open.skip(length);
            self.next += 1;
            if take {
                break (at, leaf, length);
            }
        };
        let seq = self.next - 1;
        let Some(open) = self.open.as_ref() else { return Ok(None) };
        let whole = &open.buffer[at..at + octets];
        let frame = Frame { seq, leaf: &whole[HEADER..HEADER + leaf], blob: &whole[HEADER + leaf..], octets };
        Ok(Some((open.label, frame)))
    }

    fn open_next(&mut self) -> Result<(), ReadError> {
        let Some(stretch) = self.stretches.get(self.place).copied() else {
            return Err(ReadError::Absent { seq: self.next });
        };
        self.place += 1;
        let path = segment::path(&self.journal.inner.dir, stretch.index);
        let file = match self.journal.inner.disk.open(&path) {
            Ok(file) => file,
            Err(source) => return Err(ReadError::Io { path, source }),
        };
        self.open = Some(Open {
            file,
            index: stretch.index,
            label: stretch.label,
            offset: BODY,
            end: stretch.end.unwrap_or(BODY),
            buffer: Vec::with_capacity(CHUNK),
            at: 0,
        });
        Ok(())
    }
}

impl Open {
    /// At least `octets` octets at the place, or `None` when the stretch ends before.
    fn peek(&mut self, octets: usize, journal: &Journal) -> Result<Option<&[u8]>, ReadError> {
        if self.offset + octets as u64 > self.end {
            return Ok(None);
        }
        if self.at + octets > self.buffer.len() {
            let size = CHUNK.max(octets).min((self.end - self.offset) as usize);
            self.buffer.resize(size, 0);
            self.at = 0;
            let read = self.file.read_at(&mut self.buffer, self.offset);
            match read {
                Ok(read) => self.buffer.truncate(read),
                Err(source) => {
                    return Err(ReadError::Io { path: segment::path(&journal.inner.dir, self.index), source });
                }
            }
            if self.buffer.len() < octets {
                return Err(self.damaged(journal));
            }
        }
        Ok(Some(&self.buffer[self.at..self.at + octets]))
    }

    fn skip(&mut self, octets: usize) {
        self.offset += octets as u64;
        self.at = (self.at + octets).min(self.buffer.len());
    }

    fn damaged(&self, journal: &Journal) -> ReadError {
        ReadError::Damaged { path: segment::path(&journal.inner.dir, self.index), offset: self.offset }
    }
}
