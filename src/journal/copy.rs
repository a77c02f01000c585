//! Owns the copy of a stream's records to another directory, as a stream that opens: nothing of the original is locked or waited for.
//! Must never copy what does not hold its checksum, nor change the original.

use super::frame::{self, Look};
use super::offline::{Fault, Offline};
use super::recovery::{self, Stretch};
use super::segment::{self, BODY, Header, HeaderLook};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The first record that is still in the stream.
    pub first: u64,
    /// The number behind the last one copied.
    pub records: u64,
    /// Octets of the files.
    pub octets: u64,
}

/// Why a stream was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The original: damaged, or rewritten at this moment. Trying again tells which.
    #[error("{path}: {what}", path = .0.path.display(), what = .0.what)]
    Source(Fault),
    #[error("{path}: {source}", path = path.display())]
    Target { path: PathBuf, source: io::Error },
}

impl CopyError {
    /// An error of the place that is written.
    pub fn target(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Target { path, source }
    }
}

/// Copies the records before `upto` of the stream in `from` to the directory `to`, which it makes. Segments keep their numbers; each
/// ends with its last record. What a writer appends meanwhile is not in it; what it rewrites or forgets shows as [`CopyError::Source`].
///
/// # Errors
/// See [`CopyError`]. What was written by then stays: the caller removes it.
pub fn copy(from: &Path, to: &Path, stream: &str, upto: u64) -> Result<Copied, CopyError> {
    let files = Offline::open(from, stream).map_err(CopyError::Source)?;
    private_dir(to).map_err(CopyError::target(to))?;
    let stretches = files.stretches();
    let first = files.first_seq();
    let mut copied = Copied { first, records: first, octets: 0 };
    for (place, stretch) in stretches.iter().enumerate() {
        if place > 0 && stretch.first_seq >= upto {
            break;
        }
        let path = segment::path(from, stretch.index);
        let octets = fs::read(&path).map_err(|error| fault(&path, 0, error.to_string()))?;
        let (end, next) = extent(&path, &octets, stretch, upto)?;
        let mut head = octets.get(..BODY as usize).map(<[u8]>::to_vec).unwrap_or_default();
        let HeaderLook::Whole(header) = Header::look(&head) else {
            return Err(fault(&path, 0, "the segment's header does not hold its checksum".into()));
        };
        if place == 0 && header.previous != header.index {
            // What stood before it was forgotten, and the header is rewritten at this moment.
            let header = Header { previous: header.index, previous_end: 0, ..header };
            head[..header.encode().len()].copy_from_slice(&header.encode());
        }
        let target = segment::path(to, stretch.index);
        write_new(&target, &[&head, &octets[BODY as usize..end]]).map_err(CopyError::target(&target))?;
        (copied.records, copied.octets) = (next, copied.octets + end as u64);
    }
    sync_dir(to).map_err(CopyError::target(to))?;
    Ok(copied)
}

fn fault(path: &Path, offset: u64, what: String) -> CopyError {
    CopyError::Source(Fault { path: path.to_owned(), offset, seq: None, what })
}

/// Where the part of a segment that is copied ends, and the number of the record that follows.
fn extent(path: &Path, octets: &[u8], stretch: &Stretch, upto: u64) -> Result<(usize, u64), CopyError> {
    let limit = stretch.end.map_or(octets.len(), |end| (end as usize).min(octets.len()));
    let (mut at, mut next) = (BODY as usize, stretch.first_seq);
    if octets.len() < at {
        return Err(fault(path, 0, "the segment is shorter than its header".into()));
    }
    while next < upto {
        match frame::look(octets.get(at..limit).unwrap_or_default()) {
            Look::Whole(frame) if frame.seq == next => (at, next) = (at + frame.octets, next + 1),
            Look::Whole(_) | Look::Blank | Look::Short(_) | Look::Bad => break,
        }
    }
    let short = match stretch.end {
        Some(end) => at as u64 != end,
        // A torn tail is left behind, as a start would cut it; whole records behind a torn one are damage.
        None if upto == u64::MAX => {
            frame::any_whole(recovery::trimmed(octets.get(at..limit).unwrap_or_default()), next)
        }
        None => true,
    };
    if next < upto && short {
        return Err(fault(path, at as u64, format!("record {next} does not hold its checksum, or is not there")));
    }
    Ok((at, next))
}

/// A directory (and its parents) that only its owner may enter.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Makes a durable file that only its owner may read, and that was not there.
pub fn write_new(path: &Path, pieces: &[&[u8]]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    for piece in pieces {
        file.write_all(piece)?;
    }
    file.sync_all()
}

/// Makes what was created in a directory durable.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{fill, numbers, open};
    use super::*;

    #[test]
    fn a_copy_holds_the_records_before_its_end_and_is_written_on() {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        fill(&journal, 200);
        let starts = journal.segment_starts();
        for upto in [1, starts[1] - 1, starts[1], starts[1] + 1, 199, 200, u64::MAX] {
            let room = tempfile::tempdir().unwrap();
            let to = room.path().join("copy");
            let copied = copy(dir.path(), &to, "test", upto).unwrap();
            let wanted = upto.min(200);
            assert_eq!((copied.first, copied.records), (0, wanted), "{upto}");
            let again = open(&to);
            assert_eq!(numbers(&again), (0..wanted).collect::<Vec<_>>(), "{upto}");
            fill(&again, 50);
            assert_eq!(numbers(&again).len() as u64, wanted + 50, "{upto}");
        }
    }

    #[test]
    fn what_was_forgotten_is_not_missed_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        fill(&journal, 200);
        let starts = journal.segment_starts();
        journal.forget_before(starts[2]).unwrap();
        let room = tempfile::tempdir().unwrap();
        let to = room.path().join("copy");
        assert_eq!(copy(dir.path(), &to, "test", 150).unwrap().first, starts[2]);
        assert_eq!(numbers(&open(&to)), (starts[2]..150).collect::<Vec<_>>());
        assert!(matches!(copy(dir.path(), &to, "test", 150), Err(CopyError::Target { .. })), "it is there already");
        journal.close();
        for (index, upto) in [(4, u64::MAX), (6, u64::MAX), (6, 200)] {
            let path = segment::path(dir.path(), index);
            let whole = fs::read(&path).unwrap();
            let mut octets = whole.clone();
            octets[700] ^= 1;
            fs::write(&path, octets).unwrap();
            let other = room.path().join(format!("other-{index}-{upto}"));
            assert!(matches!(copy(dir.path(), &other, "test", upto), Err(CopyError::Source(_))), "{index} {upto}");
            fs::write(&path, whole).unwrap();
        }
    }
}
