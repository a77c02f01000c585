//! Owns the roots that were signed, by stream and size: what the recomputed roots are held against.
//! Must never take a root whose signature does not hold.

use super::super::checkpoint::{Checkpoint, Head, Stream};
use super::super::merkle::Hash;
use super::super::note::{Note, NoteKey};
use super::super::signed::HISTORY;
use super::epochs::Lineage;
use super::report::{Finding, Report, rfc3339};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Where a signed root was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub file: String,
    pub offset: u64,
    pub time: String,
    /// Kept by somebody else, who holds the ledger against it.
    pub outside: bool,
}

/// The signed roots of both streams.
#[derive(Debug, Default)]
pub struct Marks {
    /// By size and epoch.
    by_size: [BTreeMap<(u64, u32), (Hash, Source)>; 2],
    /// What is taken now was kept by somebody else.
    pub outside: bool,
    /// Which of the log's keys signed what: place of the key, events covered, epoch.
    signed_by: Vec<(usize, u64, u32, Source)>,
}

impl Marks {
    /// The roots that were signed for this size, in an epoch of this ledger.
    pub fn at(&self, stream: Stream, size: u64, lineage: &Lineage) -> impl Iterator<Item = &(Hash, Source)> {
        let of_size = self.by_size[stream as usize].range((size, 0)..=(size, u32::MAX));
        of_size.filter(move |((_, epoch), _)| lineage.holds(stream, *epoch, size)).map(|(_, signed)| signed)
    }

    /// The largest size that was signed in an epoch of this ledger.
    pub fn largest(&self, stream: Stream, lineage: &Lineage) -> Option<u64> {
        let mut sizes = self.by_size[stream as usize].keys().rev();
        sizes.find(|(size, epoch)| lineage.holds(stream, *epoch, *size)).map(|(size, _)| *size)
    }

    /// The next size above `size` that was signed in an epoch of this ledger.
    pub fn above(&self, stream: Stream, size: u64, lineage: &Lineage) -> Option<(u64, &Source)> {
        let mut above = self.by_size[stream as usize].range((size + 1, 0)..);
        let found = above.find(|((size, epoch), _)| lineage.holds(stream, *epoch, *size));
        found.map(|((size, _), (_, source))| (*size, source))
    }

    /// Names the checkpoints that are none of this ledger: of what a restore has lost, or of what is not here at all. Once all is read.
    pub fn name_lost(&self, report: &mut Report) {
        for stream in Stream::ALL {
            let mut lost: Option<(u64, &Source, u64, u32)> = None;
            for ((size, epoch), (_, source)) in &self.by_size[stream as usize] {
                if report.lineage.holds(stream, *epoch, *size) {
                    continue;
                }
                let Some(kept) = report.lineage.kept_of(stream, *epoch) else {
                    let current = report.lineage.current();
                    report.find(Finding {
                        stream: Some(stream),
                        seq: None,
                        file: source.file.clone(),
                        offset: Some(source.offset),
                        what: format!(
                            "{size} records were signed in epoch {epoch} at {}: this ledger, of epoch {current}, is not the one it was restored to",
                            source.time
                        ),
                    });
                    continue;
                };
                if lost.is_none_or(|(_, known, _, _)| known.outside <= source.outside) {
                    lost = Some((*size, source, kept, *epoch));
                }
            }
            let Some((size, source, kept, epoch)) = lost else { continue };
            let what = format!(
                "the checkpoint of {} (epoch {epoch}) is over {size} records, of which a restore has kept at most {kept}: the rest are LOST",
                source.time
            );
            if source.outside {
                let (file, offset) = (source.file.clone(), Some(source.offset));
                report.anchored = None;
                report.find(Finding { stream: Some(stream), seq: Some(kept), file, offset, what });
            } else {
                report.notes.push(format!("{}: {what} ({})", stream.word(), source.file));
            }
        }
    }

    /// Names the checkpoints that a key signed which was not yet, or no longer, the log's. Once the events are read.
    pub fn name_out_of_turn(&self, report: &mut Report) {
        for (by, size, epoch, source) in &self.signed_by {
            if !report.lineage.holds(Stream::Events, *epoch, *size) {
                continue;
            }
            let early =
                by.checked_sub(1).and_then(|before| report.rotations.get(before)).is_some_and(|seq| size <= seq);
            // The old key's last checkpoint covers the record and the end of the process that wrote it.
            let late = report.rotations.get(*by).is_some_and(|seq| *size > seq + 2);
            if early || late {
                let when = if late { "had been replaced" } else { "had not been brought in yet" };
                report.find(Finding {
                    stream: None,
                    seq: None,
                    file: source.file.clone(),
                    offset: Some(source.offset),
                    what: format!("the checkpoint over {size} events was signed with a key that {when}"),
                });
            }
        }
    }

    fn add(&mut self, stream: Stream, epoch: u32, head: Head, source: &Source) -> Result<(), String> {
        match self.by_size[stream as usize].get_mut(&(head.size, epoch)) {
            Some((root, other)) if *root != head.root => Err(format!(
                "two checkpoints sign different roots over the same {} {}: the other is in {} at octet {}",
                head.size,
                stream.word(),
                other.file,
                other.offset
            )),
            Some((_, known)) => {
                known.outside |= source.outside;
                Ok(())
            }
            None => {
                self.by_size[stream as usize].insert((head.size, epoch), (head.root, source.clone()));
                Ok(())
            }
        }
    }

    /// Checks one note and takes its roots. `why` says which note when it is at fault.
    pub fn take(
        &mut self,
        octets: &[u8],
        keys: &[NoteKey],
        source: (&str, u64),
        report: &mut Report,
    ) -> Option<Checkpoint> {
        let (file, offset) = source;
        let finding =
            |what: String| Finding { stream: None, seq: None, file: file.to_owned(), offset: Some(offset), what };
        let Some(note) = Note::read(octets) else {
            report.find(finding("this is no signed checkpoint (damaged, or cut short)".into()));
            return None;
        };
        let Some((stream, checkpoint)) = Checkpoint::read(note.text) else {
            report.find(finding("the signed text is no checkpoint of stopgate".into()));
            return None;
        };
        let log = super::super::checkpoint::log_name(&checkpoint.origin, stream);
        if checkpoint.origin != report.origin {
            report.find(finding(format!("the checkpoint is of another log: {log}")));
            return None;
        }
        let Some(by) = keys.iter().position(|key| key.renamed(&log).has_signed(&note)) else {
            report.find(finding("the signature of the checkpoint does not hold under this key".into()));
            return None;
        };
        let outside = self.outside;
        let source = Source { file: file.to_owned(), offset, time: rfc3339(checkpoint.at), outside };
        self.signed_by.push((by, checkpoint.events.size, checkpoint.epoch, source.clone()));
        for of in Stream::ALL {
            if let Err(what) = self.add(of, checkpoint.epoch, checkpoint.head(of), &source) {
                report.find(finding(what));
            }
        }
        report.checkpoints += 1;
        report.newest = report.newest.max(Some(checkpoint.at));
        Some(checkpoint)
    }

    /// Reads the checkpoints beside a ledger. `absent` takes the files that are not there.
    pub fn read(dir: &Path, keys: &[NoteKey], report: &mut Report, absent: &mut Vec<(String, String)>) -> Self {
        let mut marks = Self::default();
        let mut blank = Vec::new();
        for (name, of) in [("newest", Stream::Events), ("newest-verdicts", Stream::Verdicts)] {
            let file = format!("checkpoints/{name}");
            let missing = |what: String| Finding { stream: None, seq: None, file: file.clone(), offset: None, what };
            match fs::read(dir.join(&file)) {
                // No flip makes it so: replaced without an fsync, its octets were not on the disk when the power failed.
                Ok(octets) if octets.iter().all(|octet| *octet == 0) => blank.push(file),
                Ok(octets) => {
                    let one = Note::each(&octets).0.first().is_some_and(|(_, first)| first.len() == octets.len());
                    let taken = one.then(|| marks.take(&octets, keys, (&file, 0), report)).flatten();
                    if !one {
                        report.find(missing("this is not one signed checkpoint and nothing else".into()));
                    } else if taken.is_some() && !octets.starts_with(own_name(&report.origin, of).as_bytes()) {
                        report.find(missing(format!("the checkpoint is not of the {} log", of.word())));
                    }
                }
                Err(error) if error.kind() != ErrorKind::NotFound => report.find(missing(error.to_string())),
                Err(error) => {
                    absent.push((file, format!("no checkpoint: nothing says that this ledger is whole ({error})")));
                }
            }
        }
        for name in HISTORY {
            let file = format!("checkpoints/{name}");
            let Ok(octets) = fs::read(dir.join(&file)) else { continue };
            let (notes, end) = Note::each(&octets);
            for (at, note) in notes {
                marks.take(note, keys, (&file, at as u64), report);
            }
            if end < octets.len() && Note::is_torn(&octets, end) {
                report.notes.push(format!(
                    "{file}, octet {end}: the power failed before the last checkpoints were on the disk; the next start cuts this"
                ));
            } else if end < octets.len() {
                let what = "this is no signed checkpoint (damaged, or cut short)".to_owned();
                report.find(Finding { stream: None, seq: None, file, offset: Some(end as u64), what });
            }
        }
        let elsewhere = report.checkpoints > 0;
        for file in blank {
            if elsewhere {
                report
                    .notes
                    .push(format!("{file}: the power failed before it was on the disk; the next start writes it anew"));
            } else {
                absent.push((file, "no checkpoint: nothing says that this ledger is whole (it is empty)".to_owned()));
            }
        }
        marks
    }
}

fn own_name(origin: &str, stream: Stream) -> String {
    super::super::checkpoint::log_name(origin, stream) + "\n"
}
