//! Owns the walk along one stream: frames, numbers, the tree, the hashes on disk and the signed roots.
//! Must never stop at the first checkpoint that holds: every record up to the last is read.

use super::super::checkpoint::Stream;
use super::super::leaf::{Fields, Head, Unreadable};
use super::super::merkle::{Frontier, Hash, leaf_hash};
use super::super::tiles::{self, FILE_HASHES, TILE_HEIGHT, Tiles};
use super::epochs::Lineage;
use super::marks::Marks;
use super::report::{Finding, Report};
use crate::journal::frame::Frame;
use crate::journal::offline::{Fault, Offline};
use crate::journal::reader::Label;
use std::path::Path;

/// What is wrong with a record, in words.
pub type Wrong = String;

/// Walks a stream; `each` is told every record with the mark of its segment, and says what is wrong with it.
pub fn walk(
    dir: &Path,
    stream: Stream,
    marks: &Marks,
    report: &mut Report,
    mut each: impl FnMut(&Frame<'_>, &Label, &mut Report) -> Result<(), Wrong>,
) -> Option<Offline> {
    let place = |report: &mut Report, fault: Fault| {
        report.find(Finding {
            stream: Some(stream),
            seq: fault.seq,
            file: shown(dir, &fault.path),
            offset: Some(fault.offset),
            what: fault.what,
        });
    };
    let files = match Offline::open(&dir.join(stream.word()), stream.word()) {
        Ok(files) => files,
        Err(fault) => {
            place(report, fault);
            return None;
        }
    };
    let tree = dir.join("tree").join(stream.word());
    let mut hashes = KeptHashes::open(&tree);
    let first = files.first_seq();
    let mut frontier = Frontier::default();
    if let Err((seq, what)) =
        given_up(&Tiles::new(&tree), first, (stream, marks, &report.lineage), &mut frontier, &mut hashes)
    {
        report.find(Finding { stream: Some(stream), seq: Some(seq), file: shown(dir, &tree), offset: None, what });
        return None;
    }
    *report.stream_mut(stream) = super::report::StreamReport { first, ..Default::default() };
    let mut steps = files.walk();
    loop {
        let (offset, seq) = match steps.next_record() {
            Ok(Some(placed)) => {
                let (frame, offset, label) = (placed.frame, placed.offset, placed.label);
                let head = numbered(&frame);
                let mut wrong = head.as_ref().err().map(|what| (*what).to_owned());
                let hash = leaf_hash(frame.leaf);
                let mut kept = Ok(());
                frontier.push(hash, |level, index, node| kept = kept.and_then(|()| hashes.compare(level, index, node)));
                if wrong.is_none() {
                    wrong = each(&frame, &label, report).err();
                }
                if let (None, Err(level)) = (&wrong, kept) {
                    wrong = Some(hash_words(level));
                }
                let seq = frame.seq;
                if let (Ok(head), None, true) = (&head, &wrong, report.holds()) {
                    report.before[stream as usize] = Some(head.at);
                }
                if let Some(what) = wrong {
                    let file = shown(dir, &steps.path());
                    report.find(Finding { stream: Some(stream), seq: Some(seq), file, offset: Some(offset), what });
                }
                (offset, seq)
            }
            Ok(None) => break,
            Err(fault) => {
                place(report, fault);
                return None;
            }
        };
        // A checkpoint is rare, and then the root is computed for it.
        let other = marks.at(stream, seq + 1, &report.lineage).find(|(root, _)| *root != frontier.root()).cloned();
        if let Some((_, source)) = other {
            let what = format!(
                "the {} up to here are not those that were signed at {} ({} at octet {}): one of them was changed, \
                 left out or added",
                stream.word(),
                source.time,
                source.file,
                source.offset
            );
            let file = shown(dir, &steps.path());
            report.find(Finding { stream: Some(stream), seq: Some(seq), file, offset: Some(offset), what });
            return None;
        }
    }
    let records = steps.position();
    let signed = marks.largest(stream, &report.lineage).unwrap_or(0);
    *report.stream_mut(stream) =
        super::report::StreamReport { first, records, signed: signed.min(records), root: frontier.root() };
    if let (Some((size, source)), Some(tail)) = (marks.above(stream, records, &report.lineage), steps.tail()) {
        let what = if tail.torn > 0 {
            "the record does not hold its checksum, and it was signed".to_owned()
        } else {
            format!("{size} records were signed at {}, but only {records} are here", source.time)
        };
        let file = shown(dir, &tail.path);
        report.find(Finding { stream: Some(stream), seq: Some(records), file, offset: Some(tail.offset), what });
        return None;
    }
    // What was never signed need not have been hashed either.
    let never_hashed = signed == 0 && !tree.join("size").exists();
    if let Err(what) = hashes.finish(records)
        && !never_hashed
    {
        let file = shown(dir, &tree.join("size"));
        report.find(Finding { stream: Some(stream), seq: None, file, offset: None, what });
    }
    if let Some(tail) = steps.tail().filter(|tail| tail.torn > 0) {
        let stray = (tail.path.clone(), tail.offset, tail.torn);
        note_stray(dir, stream, &stray, report);
    }
    if let Some((path, offset)) = files.beyond() {
        note_stray(dir, stream, &(path, offset, 1), report);
    }
    Some(files)
}

/// Hashes again what stands for the records before `first`, which were given up: every root that was signed over them is compared.
fn given_up(
    tiles: &Tiles,
    first: u64,
    (stream, marks, lineage): (Stream, &Marks, &Lineage),
    frontier: &mut Frontier,
    hashes: &mut KeptHashes,
) -> Result<(), (u64, Wrong)> {
    while frontier.size() < first {
        let from = frontier.size();
        let count = (first - from).min(FILE_HASHES - from % FILE_HASHES).min(1 << 12);
        let octets = tiles.read(0, from, count as usize);
        let octets = octets
            .ok_or((first, "records before this one are gone, and the hashes that stand for them too".to_owned()))?;
        for leaf in octets.as_chunks::<32>().0 {
            let (seq, mut kept) = (frontier.size(), Ok(()));
            frontier.push(*leaf, |level, index, node| kept = kept.and_then(|()| hashes.compare(level, index, node)));
            if kept.is_err() {
                return Err((seq, "a hash that stands for records that were given up was changed".into()));
            }
            let other = marks.at(stream, seq + 1, lineage).find(|(root, _)| *root != frontier.root()).cloned();
            if let Some((_, source)) = other {
                let what = format!(
                    "the hashes of the {} that were given up are not those that were signed at {} ({} at octet {})",
                    stream.word(),
                    source.time,
                    source.file,
                    source.offset
                );
                return Err((seq, what));
            }
        }
    }
    Ok(())
}

/// Octets behind the last record: what a power cut tears. After an orderly end there are none.
fn note_stray(dir: &Path, stream: Stream, stray: &(std::path::PathBuf, u64, u64), report: &mut Report) {
    let (path, offset, octets) = stray;
    let file = shown(dir, path);
    if report.ended_in_order {
        let what = "octets stand behind the last record although the process ended in order".to_owned();
        report.find(Finding { stream: Some(stream), seq: None, file, offset: Some(*offset), what });
    } else {
        report.notes.push(format!(
            "{octets} octets behind the last {} record are no whole record ({file}, octet {offset}): a process that was \
             killed, or that is writing now; the next start cuts and records them",
            stream.word()
        ));
    }
}

fn numbered(frame: &Frame<'_>) -> Result<Head, Unreadable> {
    let head = Head::read(&mut Fields::new(frame.leaf))?;
    if head.seq == frame.seq { Ok(head) } else { Err("the record's own number is not that of its place") }
}

fn hash_words(level: u32) -> String {
    match level {
        0 => "the record is not the one whose hash was kept: it was changed, or the hash was".into(),
        _ => "the hash kept for the records up to here is not theirs: one of them was changed, or the hash was".into(),
    }
}

/// A path as it is shown: relative to the data_dir.
pub fn shown(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).display().to_string()
}

/// The hashes that were kept on disk, a file of each level at a time.
struct KeptHashes {
    tiles: Tiles,
    /// Leaves they cover; `None` when nothing says so.
    covered: Option<u64>,
    levels: Vec<(u64, Vec<u8>)>,
    /// A level whose file is gone although `size` covers it.
    absent: Option<u32>,
}

impl KeptHashes {
    fn open(dir: &Path) -> Self {
        Self { tiles: Tiles::new(dir), covered: tiles::covered(dir), levels: Vec::new(), absent: None }
    }

    /// Compares a node with the kept one. `Err` is the level of the one that differs.
    fn compare(&mut self, level: u32, index: u64, node: &Hash) -> Result<(), u32> {
        let kept = level / TILE_HEIGHT;
        if !level.is_multiple_of(TILE_HEIGHT) || kept >= tiles::LEVELS {
            return Ok(());
        }
        let count = self.covered.unwrap_or(0) >> level;
        if index >= count {
            return Ok(());
        }
        let file = index / FILE_HASHES;
        let slot = kept as usize;
        if self.levels.len() <= slot {
            self.levels.resize(slot + 1, (u64::MAX, Vec::new()));
        }
        if self.levels[slot].0 != file {
            let hashes = (count - file * FILE_HASHES).min(FILE_HASHES);
            let octets = self.tiles.read(kept, file * FILE_HASHES, hashes as usize);
            if octets.is_none() {
                self.absent = Some(kept);
            }
            self.levels[slot] = (file, octets.unwrap_or_default());
        }
        let at = (index % FILE_HASHES) as usize * node.len();
        match self.levels[slot].1.get(at..at + node.len()) {
            Some(known) if known != node => Err(level),
            Some(_) | None => Ok(()),
        }
    }

    fn finish(&self, records: u64) -> Result<(), String> {
        match (self.covered, self.absent) {
            (None, _) if records > 0 => {
                Err("the file is missing or damaged; the next start of the daemon makes it again".into())
            }
            (Some(covered), _) if covered > records => {
                Err(format!("hashes of {covered} records were kept, but only {records} are here"))
            }
            (_, Some(level)) => Err(format!("the hashes of level {level} are missing or cut short")),
            (_, None) => Ok(()),
        }
    }
}
