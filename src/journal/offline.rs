//! Owns reading a stream's files without opening the stream: nothing is locked, mended or written, and damage has a place.
//! Must never go on behind damage, nor need more than the right to read.

use super::error::OpenError;
use super::frame::{self, Frame, HEADER, Look};
use super::recovery::{self, Stretch};
use super::segment::{self, BODY, HeaderLook};
use std::fs;
use std::path::{Path, PathBuf};

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub path: PathBuf,
    pub offset: u64,
    /// The record that should be there.
    pub seq: Option<u64>,
    pub what: String,
}

/// A stream's files, in order.
#[derive(Clone, Debug)]
pub struct Offline {
    dir: PathBuf,
    stretches: Vec<Stretch>,
    /// Segments behind the last one with a header: pre-written, or not durable yet.
    beyond: Vec<PathBuf>,
}

/// Reads the records one after the other, a segment at a time in memory.
pub struct Walk<'o> {
    files: &'o Offline,
    place: usize,
    segment: Vec<u8>,
    at: usize,
    next: u64,
    open: bool,
    tail: Option<Tail>,
}

/// A record and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    pub frame: Frame<'a>,
    pub offset: u64,
    /// The mark of its segment.
    pub label: [u8; 16],
}

/// What follows the last record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    pub path: PathBuf,
    pub offset: u64,
    /// Octets up to the last one that is not zero.
    pub torn: u64,
}

impl Offline {
    /// Finds the segments of the stream in `dir`.
    pub fn open(dir: &Path, stream: &str) -> Result<Self, Fault> {
        let fault = |path: &Path, offset, what: String| Fault { path: path.to_owned(), offset, seq: None, what };
        let entries = fs::read_dir(dir).map_err(|error| fault(dir, 0, error.to_string()))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut indices: Vec<u64> = names.filter_map(|name| segment::index_of(&name)).collect();
        indices.sort_unstable();
        let mut headers = Vec::new();
        for index in indices {
            let path = segment::path(dir, index);
            let octets = read_head(&path).map_err(|error| fault(&path, 0, error.to_string()))?;
            let look = segment::Header::look(&octets);
            if let HeaderLook::Whole(header) = look {
                let name = header.stream;
                let same = name.iter().copied().eq(stream.bytes().chain(std::iter::repeat(0)).take(8));
                if header.index != index || !same {
                    return Err(fault(&path, 8, "this segment belongs to another stream or another place".into()));
                }
            }
            if look == HeaderLook::Bad {
                return Err(fault(&path, 0, "the segment's header does not hold its checksum".into()));
            }
            headers.push((index, look));
        }
        let whole = |look: &HeaderLook| match look {
            HeaderLook::Whole(header) => Some(*header),
            HeaderLook::Blank | HeaderLook::Bad => None,
        };
        let Some(last) = headers.iter().rev().find_map(|(_, look)| whole(look)) else {
            return Err(fault(dir, 0, format!("no segment of the stream {stream:?} is here")));
        };
        let stretches = recovery::chain(dir, &headers, last).map_err(|error| match error {
            OpenError::Missing { path } => fault(&path, 0, "this segment is missing, later ones are here".into()),
            OpenError::Foreign { path } => fault(&path, 0, "this segment does not join the one that follows it".into()),
            error => fault(dir, 0, error.to_string()),
        })?;
        let known = |index: &u64| stretches.iter().any(|stretch| stretch.index == *index);
        if let Some((index, _)) = headers.iter().find(|(index, look)| whole(look).is_some() && !known(index)) {
            return Err(fault(&segment::path(dir, *index), 0, "this segment is no part of the stream".into()));
        }
        let beyond =
            headers.iter().filter(|(index, _)| *index > last.index).map(|(index, _)| segment::path(dir, *index));
        Ok(Self { dir: dir.to_owned(), beyond: beyond.collect(), stretches })
    }

    /// The mark in the newest segment (for the ledger: the key-check value).
    pub fn label(&self) -> [u8; 16] {
        self.stretches.last().map(|stretch| stretch.label).unwrap_or_default()
    }

    /// The marks in its segments, oldest first.
    pub fn labels(&self) -> impl Iterator<Item = [u8; 16]> + '_ {
        self.stretches.iter().map(|stretch| stretch.label)
    }

    /// The sequence number of the first record that is still here.
    pub fn first_seq(&self) -> u64 {
        self.stretches.first().map_or(0, |stretch| stretch.first_seq)
    }

    /// The parts of segments that make up the stream, in order.
    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Reads from the first record.
    pub fn walk(&self) -> Walk<'_> {
        self.walk_from(0)
    }

    /// Reads from the first record of the segment that holds `seq`.
    pub fn walk_from(&self, seq: u64) -> Walk<'_> {
        let place = self.stretches.iter().rposition(|stretch| stretch.first_seq <= seq).unwrap_or(0);
        let next = self.stretches.get(place).map_or(0, |stretch| stretch.first_seq);
        Walk { files: self, place, segment: Vec::new(), at: 0, next, open: false, tail: None }
    }

    /// The first octet behind the stream that is not as it was pre-written, if there is one.
    pub fn beyond(&self) -> Option<(PathBuf, u64)> {
        self.beyond.iter().find_map(|path| {
            let octets = fs::read(path).ok()?;
            octets.iter().position(|octet| *octet != 0).map(|at| (path.clone(), at as u64))
        })
    }
}

fn read_head(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut octets = Vec::new();
    fs::File::open(path)?.take(BODY).read_to_end(&mut octets)?;
    Ok(octets)
}

impl Walk<'_> {
    /// The segment that is being read.
    pub fn path(&self) -> PathBuf {
        let place = self.place.min(self.files.stretches.len() - 1);
        segment::path(&self.files.dir, self.files.stretches[place].index)
    }

    /// The number of the record that comes next.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// What follows the last record, once it was read.
    pub fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { path: self.path(), offset: self.at as u64, seq: Some(self.next), what: what.into() }
    }

    /// The next record, or `None` behind the last.
    pub fn next_record(&mut self) -> Result<Option<Placed<'_>>, Fault> {
        let (octets, leaf, label) = loop {
            if self.tail.is_some() {
                return Ok(None);
            }
            let stretch = self.files.stretches[self.place];
            if !self.open {
                let path = self.path();
                self.segment = fs::read(path).map_err(|error| self.fault(error.to_string()))?;
                (self.at, self.open) = (BODY as usize, true);
                if stretch.first_seq != self.next {
                    let what =
                        format!("the segment begins with record {}, but {} follows", stretch.first_seq, self.next);
                    return Err(self.fault(what));
                }
            }
            if stretch.end.is_some_and(|end| self.at as u64 >= end) {
                (self.place, self.open) = (self.place + 1, false);
                continue;
            }
            let end = stretch.end.map_or(self.segment.len(), |end| (end as usize).min(self.segment.len()));
            let rest = self.segment.get(self.at..end).unwrap_or_default();
            match frame::look(rest) {
                Look::Whole(frame) if frame.seq == self.next => break (frame.octets, frame.leaf.len(), stretch.label),
                Look::Whole(frame) => {
                    return Err(self.fault(format!("record {} stands where {} follows", frame.seq, self.next)));
                }
                Look::Blank | Look::Short(_) | Look::Bad if stretch.end.is_some() => {
                    return Err(self.fault("the record does not hold its checksum, or is not there"));
                }
                Look::Blank | Look::Short(_) | Look::Bad => {
                    let torn = recovery::torn_octets(&self.segment, self.at as u64);
                    if torn > 0 && frame::any_whole(recovery::trimmed(rest), self.next) {
                        return Err(self.fault("the record does not hold its checksum, and whole records follow it"));
                    }
                    self.tail = Some(Tail { path: self.path(), offset: self.at as u64, torn });
                }
            }
        };
        let (at, seq) = (self.at, self.next);
        self.at += octets;
        self.next += 1;
        let (leaf, blob) = self.segment[at + HEADER..at + octets].split_at(leaf);
        Ok(Some(Placed { frame: Frame { seq, leaf, blob, octets }, offset: at as u64, label }))
    }
}
