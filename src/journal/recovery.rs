//! Owns what happens to a stream's files at start: the chain of segments, the torn tail, what was never fsynced.
//! Must never cut a record that may have been acknowledged: only behind the last whole frame, only in the last segment.
//!
//! A segment gets its header when the segment before it is durable. So a segment without a header holds only records that
//! were never acknowledged: they are kept when they join on (kill -9), and dropped when something before them is torn (power cut).
//! A segment is wholly under one label. Where the newest one bears an older label than is given, the stream goes on in a new segment,
//! whose header is durable before anything is written to it: so a segment without a header is always under the label of the one before.

use super::disk::{Disk, SegmentFile};
use super::error::OpenError;
use super::frame::{self, Look};
use super::segment::{self, BODY, Blank, Header, HeaderLook};
use std::path::Path;
use std::sync::Arc;

/// A stretch of the stream: the part of one segment that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub index: u64,
    pub first_seq: u64,
    /// Where the part ends; `None` for the segment being written.
    pub end: Option<u64>,
    /// The label that all of it was written under.
    pub label: [u8; 16],
}

/// What recovery found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records in the stream.
    pub records: u64,
    /// Octets of torn frames that were cut.
    pub cut_octets: u64,
}

/// The stream as it can be written on.
pub(super) struct Recovered {
    pub stretches: Vec<Stretch>,
    pub current: Blank,
    pub offset: u64,
    pub next_seq: u64,
    pub spare: Option<Blank>,
    pub highest: u64,
    pub report: Recovery,
}

/// What names a stream.
#[derive(Clone, Copy)]
pub(super) struct Identity {
    pub stream: [u8; 8],
    pub label: [u8; 16],
    pub segment_octets: u64,
}

/// Opens the stream in `dir`, or makes its first segment. `older`: labels that its segments may bear too.
pub(super) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    identity: Identity,
    older: &[[u8; 16]],
) -> Result<Recovered, OpenError> {
    let mut indices = Vec::new();
    for name in disk.list(dir).map_err(OpenError::io(dir))? {
        if name.ends_with(".tmp") {
            disk.remove(&dir.join(&name)).map_err(OpenError::io(dir.join(&name)))?;
        } else if let Some(index) = segment::index_of(&name) {
            indices.push(index);
        }
    }
    indices.sort_unstable();
    let headers = read_headers(disk, dir, &indices, identity, older)?;
    let Some(last) = headers.iter().rev().find_map(|(_, look)| whole(look)) else {
        return begin(disk, dir, identity, &indices);
    };
    let mut stretches = chain(dir, &headers, last)?;
    if indices.last().is_some_and(|highest| *highest > last.index) && !indices.contains(&(last.index + 1)) {
        return Err(OpenError::Missing { path: segment::path(dir, last.index + 1) });
    }
    let (file, octets) = segment::load(disk, &segment::path(dir, last.index))?;
    let run = scan(&octets, last.first_seq);
    refuse_if_damaged(&segment::path(dir, last.index), &octets, &run)?;
    let mut cut_octets = torn_octets(&octets, run.end);
    let mut writing = Writing { index: last.index, file, octets, run };
    let its_own = Identity { label: last.label, ..identity };
    let (adopted, dropped_octets) = adopt(disk, dir, &headers, its_own, &writing)?;
    cut_octets += dropped_octets;
    if let Some((next, stretch_end)) = adopted {
        stretches.last_mut().expect("the chain holds its last").end = Some(stretch_end);
        stretches.push(Stretch { index: next.index, first_seq: next.run.first, end: None, label: last.label });
        writing = next;
        cut_octets = torn_octets(&writing.octets, writing.run.end);
    }
    settle(&segment::path(dir, writing.index), &writing)?;
    let spare = tidy(disk, dir, &indices, &stretches, identity.segment_octets)?;
    let highest = spare.as_ref().map_or(writing.index, |spare| spare.index);
    let found = Recovered {
        offset: writing.run.end,
        next_seq: writing.run.next,
        current: Blank { index: writing.index, octets: writing.octets.len() as u64, file: writing.file },
        stretches,
        spare,
        highest,
        report: Recovery { records: writing.run.next, cut_octets },
    };
    if last.label == identity.label { Ok(found) } else { go_on_under(disk, dir, identity, found) }
}

/// Goes on in a new segment because the newest one bears an older label.
fn go_on_under(disk: &dyn Disk, dir: &Path, identity: Identity, found: Recovered) -> Result<Recovered, OpenError> {
    let Recovered { mut stretches, current, offset, next_seq, spare, report, .. } = found;
    let index = current.index + 1;
    let path = segment::path(dir, index);
    let next = match spare {
        Some(spare) => spare,
        None => segment::create(disk, dir, index, identity.segment_octets).map_err(OpenError::io(&path))?,
    };
    let header = Header {
        stream: identity.stream,
        index,
        first_seq: next_seq,
        previous: current.index,
        previous_end: offset,
        label: identity.label,
    };
    next.file.write_all_at(&header.encode(), 0).map_err(OpenError::io(&path))?;
    next.file.sync_data().map_err(OpenError::io(&path))?;
    if let Some(last) = stretches.last_mut() {
        last.end = Some(offset);
    }
    stretches.push(Stretch { index, first_seq: next_seq, end: None, label: identity.label });
    Ok(Recovered { stretches, current: next, offset: BODY, next_seq, spare: None, highest: index, report })
}

/// The whole frames at the head of a segment.
#[derive(Clone, Copy)]
struct Run {
    first: u64,
    /// Sequence number after the last whole frame.
    next: u64,
    /// Offset after it.
    end: u64,
}

struct Writing {
    index: u64,
    file: Arc<dyn SegmentFile>,
    octets: Vec<u8>,
    run: Run,
}

fn whole(look: &HeaderLook) -> Option<Header> {
    match look {
        HeaderLook::Whole(header) => Some(*header),
        HeaderLook::Blank | HeaderLook::Bad => None,
    }
}

/// A segment has its size before it has its name: one that ends in its header or in a frame has lost its end, and perhaps records
/// that were acknowledged.
fn cut_short(path: &Path, offset: u64) -> OpenError {
    OpenError::Damaged { path: path.into(), offset, what: "the file was cut short, or a frame's length does not hold" }
}

fn read_headers(
    disk: &dyn Disk,
    dir: &Path,
    indices: &[u64],
    identity: Identity,
    older: &[[u8; 16]],
) -> Result<Vec<(u64, HeaderLook)>, OpenError> {
    let mut headers = Vec::with_capacity(indices.len());
    for &index in indices {
        let path = segment::path(dir, index);
        let file = disk.open(&path).map_err(OpenError::io(&path))?;
        let mut page = [0; BODY as usize];
        let read = file.read_at(&mut page, 0).map_err(OpenError::io(&path))?;
        if read < page.len() {
            return Err(cut_short(&path, read as u64));
        }
        let look = Header::look(&page);
        if let HeaderLook::Whole(header) = look {
            if header.stream != identity.stream || header.index != index {
                return Err(OpenError::Foreign { path });
            }
            if header.label != identity.label && !older.contains(&header.label) {
                return Err(OpenError::Label { path, label: header.label });
            }
        }
        headers.push((index, look));
    }
    // A header that cannot be read is an activation torn by a power cut, but only in the last place.
    for (position, (index, look)) in headers.iter().enumerate() {
        let later = headers[position + 1..].iter().any(|(_, look)| whole(look).is_some());
        let followed = *look == HeaderLook::Bad && {
            let path = segment::path(dir, *index);
            let (_, octets) = segment::load(disk, &path)?;
            octets.get(BODY as usize..).is_some_and(|body| frame::any_whole(trimmed(body), 0))
        };
        if *look == HeaderLook::Bad && (later || followed) {
            return Err(OpenError::Damaged {
                path: segment::path(dir, *index),
                offset: 0,
                what: "the segment's header does not hold its checksum, and records follow it",
            });
        }
    }
    Ok(headers)
}

fn begin(disk: &dyn Disk, dir: &Path, identity: Identity, indices: &[u64]) -> Result<Recovered, OpenError> {
    if indices.first().is_some_and(|lowest| *lowest != 1) {
        return Err(OpenError::Missing { path: segment::path(dir, 1) });
    }
    // Segments without any header hold nothing that was ever acknowledged, unless a header was destroyed.
    for &index in indices {
        let path = segment::path(dir, index);
        let (_, octets) = segment::load(disk, &path)?;
        if octets.get(BODY as usize..).is_some_and(|body| frame::any_whole(trimmed(body), 0)) {
            return Err(OpenError::Damaged { path, offset: 0, what: "records without a segment header" });
        }
        disk.remove(&path).map_err(OpenError::io(&path))?;
    }
    let path = segment::path(dir, 1);
    let current = segment::create(disk, dir, 1, identity.segment_octets).map_err(OpenError::io(&path))?;
    let header =
        Header { stream: identity.stream, index: 1, first_seq: 0, previous: 1, previous_end: 0, label: identity.label };
    current.file.write_all_at(&header.encode(), 0).map_err(OpenError::io(&path))?;
    current.file.sync_data().map_err(OpenError::io(&path))?;
    Ok(Recovered {
        stretches: vec![Stretch { index: 1, first_seq: 0, end: None, label: identity.label }],
        current,
        offset: BODY,
        next_seq: 0,
        spare: None,
        highest: 1,
        report: Recovery::default(),
    })
}

/// The segments from the first record to `last`, each ending where its successor says.
pub(super) fn chain(dir: &Path, headers: &[(u64, HeaderLook)], last: Header) -> Result<Vec<Stretch>, OpenError> {
    let mut stretches = vec![Stretch { index: last.index, first_seq: last.first_seq, end: None, label: last.label }];
    let mut at = last;
    while at.previous != at.index {
        let found = headers.iter().find(|(index, _)| *index == at.previous).and_then(|(_, look)| whole(look));
        let Some(before) = found else {
            return Err(OpenError::Missing { path: segment::path(dir, at.previous) });
        };
        if before.first_seq > at.first_seq || before.index >= at.index {
            return Err(OpenError::Foreign { path: segment::path(dir, before.index) });
        }
        let (index, first_seq, label) = (before.index, before.first_seq, before.label);
        stretches.push(Stretch { index, first_seq, end: Some(at.previous_end), label });
        at = before;
    }
    stretches.reverse();
    Ok(stretches)
}

fn scan(octets: &[u8], first: u64) -> Run {
    let mut run = Run { first, next: first, end: BODY };
    while let Some(rest) = octets.get(run.end as usize..)
        && let Look::Whole(frame) = frame::look(rest)
        && frame.seq == run.next
    {
        run.next += 1;
        run.end += frame.octets as u64;
    }
    run
}

pub(super) fn trimmed(octets: &[u8]) -> &[u8] {
    // A frame may end in zeros: leave it room.
    &octets[..octets.len().min(segment::written(octets) + frame::FRAME_MAX)]
}

pub(super) fn torn_octets(octets: &[u8], end: u64) -> u64 {
    segment::written(octets.get(end as usize..).unwrap_or_default()) as u64
}

fn refuse_if_damaged(path: &Path, octets: &[u8], run: &Run) -> Result<(), OpenError> {
    let rest = octets.get(run.end as usize..).unwrap_or_default();
    let torn = torn_octets(octets, run.end);
    // A frame has always found room in its segment; and a segment that ends behind its last frame is a copy, which ends right there,
    // or as it was pre-written.
    let stump = !rest.is_empty() && rest.len() < frame::HEADER && !octets.len().is_multiple_of(BODY as usize);
    if stump || matches!(frame::look(rest), Look::Short(_)) {
        return Err(cut_short(path, run.end));
    }
    if torn > 0 && frame::any_whole(&rest[..rest.len().min(torn as usize + frame::FRAME_MAX)], run.next) {
        return Err(OpenError::Damaged {
            path: path.into(),
            offset: run.end,
            what: "a frame does not hold its checksum, and whole frames follow it",
        });
    }
    Ok(())
}

/// A segment after the last one with a header: written, never fsynced as part of the stream. Adopted when it joins on,
/// the newest first. Beside it: the octets of frames that were dropped because they do not join.
fn adopt(
    disk: &dyn Disk,
    dir: &Path,
    headers: &[(u64, HeaderLook)],
    identity: Identity,
    before: &Writing,
) -> Result<(Option<(Writing, u64)>, u64), OpenError> {
    let mut dropped = 0;
    for (index, _) in headers.iter().rev().filter(|(index, look)| *index > before.index && whole(look).is_none()) {
        let path = segment::path(dir, *index);
        let (file, octets) = segment::load(disk, &path)?;
        let Some(Look::Whole(first)) = octets.get(BODY as usize..).map(frame::look) else { continue };
        let run = scan(&octets, first.seq);
        let joins = first.seq <= before.run.next && first.seq >= before.run.first && run.next > before.run.next;
        let end = if joins { offset_of(&before.octets, &before.run, first.seq) } else { None };
        let Some(previous_end) = end else {
            dropped += run.end - BODY;
            continue;
        };
        // What is adopted must stand behind something durable: the segment before first.
        settle(&segment::path(dir, before.index), before)?;
        let header = Header {
            stream: identity.stream,
            index: *index,
            first_seq: first.seq,
            previous: before.index,
            previous_end,
            label: identity.label,
        };
        file.write_all_at(&header.encode(), 0).map_err(OpenError::io(&path))?;
        file.sync_data().map_err(OpenError::io(&path))?;
        return Ok((Some((Writing { index: *index, file, octets, run }, previous_end)), dropped));
    }
    Ok((None, dropped))
}

fn offset_of(octets: &[u8], run: &Run, seq: u64) -> Option<u64> {
    let (mut at, mut next) = (BODY, run.first);
    while next < seq {
        let Look::Whole(frame) = frame::look(octets.get(at as usize..)?) else { return None };
        at += frame.octets as u64;
        next += 1;
    }
    Some(at)
}

/// Blanks the torn tail and writes the rest again, so that what is readable now is durable: an fsync that failed
/// before the crash may have left pages that look clean and are not on the disk.
fn settle(path: &Path, writing: &Writing) -> Result<(), OpenError> {
    let end = writing.run.end;
    let torn = torn_octets(&writing.octets, end);
    let body = &writing.octets[BODY as usize..end as usize];
    for (piece, octets) in body.chunks(1 << 20).enumerate() {
        writing.file.write_all_at(octets, BODY + (piece << 20) as u64).map_err(OpenError::io(path))?;
    }
    if torn > 0 {
        writing.file.write_all_at(&vec![0; torn as usize], end).map_err(OpenError::io(path))?;
    }
    writing.file.sync_data().map_err(OpenError::io(path))
}

/// Removes what is not part of the stream; returns the pre-written segment, when a good one is there.
fn tidy(
    disk: &dyn Disk,
    dir: &Path,
    indices: &[u64],
    stretches: &[Stretch],
    octets: u64,
) -> Result<Option<Blank>, OpenError> {
    let current = stretches.last().map_or(0, |stretch| stretch.index);
    let mut spare = None;
    for &index in indices {
        if stretches.iter().any(|stretch| stretch.index == index) {
            continue;
        }
        let path = segment::path(dir, index);
        // Indices go on without a gap: so a missing file shows.
        if index == current + 1 {
            let (file, content) = segment::load(disk, &path)?;
            if content.len() as u64 == octets && content.iter().all(|octet| *octet == 0) {
                spare = Some(Blank { index, file, octets });
                continue;
            }
        }
        disk.remove(&path).map_err(OpenError::io(&path))?;
    }
    Ok(spare)
}
