//! Owns the parts of replies on disk: each sealed and durable before its operator is told that we have it.
//! Must never join them, nor keep one longer than it can still be of use.

use super::Keeping;
use super::blanking;
use super::error::SpoolError;
use super::keys;
use super::seal::Sealer;
use crate::journal::error::AppendError;
use crate::journal::frame::Batch;
use crate::journal::stream::{Journal, Wake};
use crate::message::instant::CivilInstant;
use crate::message::segment::{Segment, SegmentScheme};
use crate::message::tag::NumberTag;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name of its journal.
pub const STREAM: &str = "parts";
/// How long a part is of use to the others of its message.
pub const KEPT: Duration = Duration::from_secs(10 * 60);
/// A segment is left after this long, so that no text stays on disk much longer than it is of use.
const SEGMENT_SPAN: Duration = Duration::from_secs(10 * 60);
/// How long a roll may wait for the disk; not on a lane.
const PATIENCE: Duration = Duration::from_secs(10);
/// First octet of a part's leaf: the form of what follows.
const FORM: u8 = 1;
/// The leaf that a new segment begins with: a segment must hold something before the one in front of it can go.
const MARK: &[u8] = &[2];
const LEAF: usize = 30;

/// A part as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyPart {
    pub from: NumberTag,
    /// The destination as the operator writes it: at most 64 octets.
    pub to: Box<[u8]>,
    pub segment: Segment,
    pub data_coding: u8,
    /// The text's octets, header stripped.
    pub octets: Box<[u8]>,
    pub at: CivilInstant,
}

/// The journal of parts. Shared by all lanes; parts are rare, so each is written by itself.
pub struct ReplyPartJournal {
    journal: Journal,
    sealer: Sealer,
    patience: Duration,
    /// How long a part is of use.
    kept: Duration,
    state: Mutex<State>,
}

struct State {
    /// The newest part.
    last: CivilInstant,
    /// When the segment being written was begun, and its first record.
    rolled: (CivilInstant, u64),
}

impl ReplyPartJournal {
    /// Opens the journal in `dir` (made if it is missing); gives the parts that may still be joined at `now`, oldest first.
    pub fn open(
        keeping: &Keeping,
        dir: &Path,
        kept: Duration,
        now: CivilInstant,
    ) -> Result<(Self, Vec<ReplyPart>), SpoolError> {
        let journal = keeping.open(dir, STREAM, Duration::ZERO)?;
        let sealer = keeping.keys.sealer()?;
        let mut parts = Vec::new();
        let mut reader = journal.read(journal.segment_starts().first().copied().unwrap_or(0), u64::MAX);
        while let Some((label, frame)) = reader.next_labelled_where(|_, _| true)? {
            if frame.leaf == MARK {
                continue;
            }
            let leaf: &[u8; LEAF] = frame.leaf.try_into().map_err(|_| SpoolError::Unknown { record: frame.seq })?;
            if instant(leaf).plus(kept) <= now {
                continue;
            }
            if blanking::is_blank(frame.blob) {
                continue;
            }
            let sealed = || SpoolError::Sealed { record: frame.seq };
            let opened = sealer.open(leaf, frame.blob).map_err(|_| sealed())?;
            let part = read(leaf, &opened).ok_or(SpoolError::Unknown { record: frame.seq })?;
            let from = keeping.keys.carry(&label, part.from);
            parts.push(ReplyPart { from, ..part });
        }
        let first = journal.segment_starts().last().copied().unwrap_or(0);
        let state = Mutex::new(State { last: now, rolled: (now, first) });
        let mut opened = Self { journal, sealer, patience: keys::PATIENCE, kept, state };
        if opened.journal.has_older_labels() {
            opened.write_anew(&parts)?;
        }
        opened.patience = keeping.patience;
        Ok((opened, parts))
    }

    /// Writes a part: in the page cache when this returns, durable once [`Self::is_durable`] says so of its record.
    ///
    /// # Errors
    /// The disk takes nothing now: the operator is to be told to bring the part again.
    pub fn keep(&self, part: &ReplyPart) -> Result<u64, AppendError> {
        let leaf = leaf(part);
        let mut plain = Vec::with_capacity(1 + part.to.len() + part.octets.len());
        // A destination of SMPP has at most 21 octets.
        plain.push(part.to.len() as u8);
        plain.extend_from_slice(&part.to);
        plain.extend_from_slice(&part.octets);
        let mut batch = Batch::default();
        batch.push(&leaf, &self.sealer.seal(&leaf, &plain));
        let mut state = self.lock();
        let records = self.journal.append_within(&mut batch, self.patience)?;
        state.last = state.last.max(part.at);
        Ok(records.start)
    }

    /// Whether a record is on disk.
    pub fn is_durable(&self, record: u64) -> bool {
        record < self.journal.synced()
    }

    /// Has `wake` called after each fsync. It must not block.
    pub fn subscribe(&self, wake: Wake) {
        self.journal.subscribe(wake);
    }

    /// The parts that a number wrote and that stand here, oldest first: the person's right of access.
    ///
    /// # Errors
    /// A part cannot be read or opened.
    pub fn by_tag(&self, tag: &NumberTag) -> Result<Vec<ReplyPart>, SpoolError> {
        let first = self.journal.segment_starts().first().copied().unwrap_or(0);
        let mut reader = self.journal.read(first, u64::MAX);
        let mut parts = Vec::new();
        while let Some(frame) = reader.next_frame_where(|leaf| is_of(leaf, tag))? {
            if blanking::is_blank(frame.blob) {
                continue;
            }
            let record = frame.seq;
            let leaf: &[u8; LEAF] = frame.leaf.try_into().map_err(|_| SpoolError::Unknown { record })?;
            let opened = self.sealer.open(leaf, frame.blob).map_err(|_| SpoolError::Sealed { record })?;
            parts.push(read(leaf, &opened).ok_or(SpoolError::Unknown { record })?);
        }
        Ok(parts)
    }

    /// Drops what stands here of a number; gives how many parts those were. Waits for fsyncs: not for a lane.
    ///
    /// # Errors
    /// The disk: call it again.
    pub fn erase(&self, tag: &NumberTag) -> Result<usize, SpoolError> {
        blanking::blank(&self.journal, MARK, |leaf| is_of(leaf, tag))
    }

    /// Writes the parts again under the newest keys, and forgets all that stands before.
    fn write_anew(&self, parts: &[ReplyPart]) -> Result<(), SpoolError> {
        let fresh = self.leave_segment()?;
        for part in parts {
            self.keep(part)?;
        }
        let last = self.journal.appended() - 1;
        if !self.journal.wait_synced(last, PATIENCE) {
            return Err(AppendError::Stalled.into());
        }
        self.lock().rolled.1 = fresh;
        self.journal.forget_before(fresh - 1).map(|_| ()).map_err(SpoolError::Forget)
    }

    /// Goes on in a new segment; gives the record behind its mark.
    fn leave_segment(&self) -> Result<u64, SpoolError> {
        self.journal.roll(PATIENCE)?;
        let mut mark = Batch::default();
        mark.push(MARK, &[]);
        let record = self.journal.append_within(&mut mark, self.patience)?.start;
        if self.journal.wait_synced(record, PATIENCE) { Ok(record + 1) } else { Err(AppendError::Stalled.into()) }
    }

    /// When the segment being written was begun, its first record, and whether no part is of use any more.
    fn standing(&self, now: CivilInstant) -> (CivilInstant, u64, bool) {
        let state = self.lock();
        (state.rolled.0, state.rolled.1, state.last.plus(self.kept) <= now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves segments whose parts are of no use any more, and removes them. Waits for an fsync: not for a lane; about once a minute.
    pub fn tidy(&self, now: CivilInstant) -> Result<(), SpoolError> {
        let (since, first, idle) = self.standing(now);
        let over = self.journal.appended() > first && (idle || now.since(since) >= SEGMENT_SPAN);
        let fresh = if over { self.leave_segment()? } else { first };
        // A part may have come meanwhile: it stands before the roll then.
        let (_, _, idle) = self.standing(now);
        // What the segment before holds may still be of use: it goes with the next roll.
        let needed = if idle { fresh } else { first }.saturating_sub(1);
        if over {
            self.lock().rolled = (now, fresh);
        }
        let forgotten = self.journal.forget_before(needed.min(self.journal.synced()));
        forgotten.map(|_| ()).map_err(SpoolError::Forget)
    }
}

fn is_of(leaf: &[u8], tag: &NumberTag) -> bool {
    leaf.len() == LEAF && leaf[1..17] == tag.0
}

fn leaf(part: &ReplyPart) -> [u8; LEAF] {
    let mut leaf = [0; LEAF];
    leaf[0] = FORM;
    leaf[1..17].copy_from_slice(&part.from.0);
    leaf[17..19].copy_from_slice(&part.segment.reference.to_be_bytes());
    leaf[19..22].copy_from_slice(&[part.segment.total, part.segment.number, part.data_coding]);
    leaf[22..].copy_from_slice(&part.at.as_micros().to_be_bytes());
    leaf
}

fn instant(leaf: &[u8; LEAF]) -> CivilInstant {
    let [.., a, b, c, d, e, f, g, h] = *leaf;
    CivilInstant::from_micros(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

fn read(leaf: &[u8; LEAF], plain: &[u8]) -> Option<ReplyPart> {
    if leaf[0] != FORM {
        return None;
    }
    let (length, rest) = plain.split_first()?;
    let (to, octets) = rest.split_at_checked(usize::from(*length))?;
    // How the segmentation was written plays no part in joining.
    let scheme = SegmentScheme::Udh8;
    let segment =
        Segment { scheme, reference: u16::from_be_bytes([leaf[17], leaf[18]]), total: leaf[19], number: leaf[20] };
    Some(ReplyPart {
        from: NumberTag(*leaf[1..17].first_chunk()?),
        to: to.into(),
        segment,
        data_coding: leaf[21],
        octets: octets.into(),
        at: instant(leaf),
    })
}

#[cfg(test)]
mod tests {
    use super::super::SpoolKeys;
    use super::*;
    use crate::journal::disk::RealDisk;
    use std::sync::Arc;

    fn at(seconds: i64) -> CivilInstant {
        CivilInstant::from_secs(1_790_000_000 + seconds)
    }

    fn open(dir: &Path, now: CivilInstant) -> (ReplyPartJournal, Vec<ReplyPart>) {
        let patience = Duration::from_secs(20);
        let keeping =
            Keeping { disk: Arc::new(RealDisk), keys: SpoolKeys::of(&[1; 32]), segment_octets: 16 << 10, patience };
        ReplyPartJournal::open(&keeping, dir, KEPT, now).unwrap()
    }

    fn part(number: u8, seconds: i64) -> ReplyPart {
        ReplyPart {
            from: NumberTag([7; 16]),
            to: b"36111"[..].into(),
            segment: Segment { scheme: SegmentScheme::Udh8, reference: 0x0102, total: 3, number },
            data_coding: 8,
            octets: b"\0S\0T"[..].into(),
            at: at(seconds),
        }
    }

    #[test]
    fn parts_come_back_after_a_restart_until_they_are_of_no_use() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("parts");
        let (journal, found) = open(&home, at(0));
        assert!(found.is_empty());
        let record = journal.keep(&part(1, 0)).unwrap();
        journal.keep(&part(2, 300)).unwrap();
        assert!(journal.journal.wait_synced(record, Duration::from_secs(20)) && journal.is_durable(record));
        drop(journal);
        let (journal, found) = open(&home, at(300));
        assert_eq!(found, [part(1, 0), part(2, 300)]);
        drop(journal);
        assert_eq!(open(&home, at(600)).1, [part(2, 300)]);
    }

    #[test]
    fn texts_leave_the_disk_soon_after_they_are_of_no_use() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("parts");
        let (journal, _) = open(&home, at(0));
        for minute in 0..120 {
            let last = journal.keep(&part(1, minute * 60)).unwrap();
            assert!(journal.journal.wait_synced(last, Duration::from_secs(20)));
            journal.tidy(at(minute * 60)).unwrap();
        }
        let records = journal.journal.appended() - journal.journal.segment_starts()[0];
        assert!(records <= 34, "{records} parts of two hours, one a minute");
        journal.tidy(at(140 * 60)).unwrap();
        assert_eq!(open_after(journal, &home), 1, "nothing but a mark is left when nobody writes");
    }

    fn open_after(journal: ReplyPartJournal, home: &Path) -> usize {
        drop(journal);
        let (journal, _) = open(home, at(0));
        (journal.journal.appended() - journal.journal.segment_starts()[0]) as usize
    }

    #[test]
    fn a_person_sees_the_parts_they_wrote_and_has_them_erased() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("parts");
        let (journal, _) = open(&home, at(0));
        let (mine, other) = (part(1, 0), ReplyPart { from: NumberTag([8; 16]), ..part(2, 1) });
        journal.keep(&mine).unwrap();
        let last = journal.keep(&other).unwrap();
        assert!(journal.journal.wait_synced(last, Duration::from_secs(20)));
        assert_eq!(journal.by_tag(&mine.from).unwrap(), std::slice::from_ref(&mine));
        assert_eq!(journal.erase(&mine.from).unwrap(), 1);
        assert_eq!(journal.erase(&mine.from).unwrap(), 0);
        assert_eq!((journal.by_tag(&mine.from).unwrap(), journal.by_tag(&other.from).unwrap().len()), (vec![], 1));
        journal.tidy(at(60)).unwrap();
        journal.keep(&part(3, 60)).unwrap();
        drop(journal);
        assert_eq!(open(&home, at(60)).1, [other, part(3, 60)], "and what comes later is kept");
    }

    #[test]
    fn another_key_does_not_open_it() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("parts");
        drop(open(&home, at(0)));
        let keeping = Keeping {
            disk: Arc::new(RealDisk),
            keys: SpoolKeys::of(&[2; 32]),
            segment_octets: 16 << 10,
            patience: Duration::from_secs(20),
        };
        assert!(ReplyPartJournal::open(&keeping, &home, KEPT, at(0)).is_err());
    }
}
