//! Owns the roots that were signed, by stream and size: what the recomputed roots are held against.
//! Must never take a root whose signature does not hold.

use super::super::checkpoint::{Checkpoint, Head, Stream};
use super::super::merkle::Hash;
use super::super::note::{Note, NoteKey};
use super::super::signed::HISTORY;
use super::report::{Finding, Report, rfc3339};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where a signed root was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub file: String,
    pub offset: u64,
    pub time: String,
}

/// The signed roots of both streams.
#[derive(Debug, Default)]
pub struct Marks {
    by_size: [BTreeMap<u64, (Hash, Source)>; 2],
}

impl Marks {
    /// The root that was signed for this size.
    pub fn at(&self, stream: Stream, size: u64) -> Option<&(Hash, Source)> {
        self.by_size[stream as usize].get(&size)
    }

    /// The largest size that was signed.
    pub fn largest(&self, stream: Stream) -> Option<(u64, &Source)> {
        self.by_size[stream as usize].last_key_value().map(|(size, (_, source))| (*size, source))
    }

    /// Sizes that were signed above `size`, the smallest first.
    pub fn above(&self, stream: Stream, size: u64) -> Option<(u64, &Source)> {
        self.by_size[stream as usize].range(size + 1..).next().map(|(size, (_, source))| (*size, source))
    }

    fn add(&mut self, stream: Stream, head: Head, source: &Source) -> Result<(), String> {
        match self.by_size[stream as usize].get(&head.size) {
            Some((root, other)) if *root != head.root => Err(format!(
                "two checkpoints sign different roots over the same {} {}: the other is in {} at octet {}",
                head.size,
                stream.word(),
                other.file,
                other.offset
            )),
            Some(_) => Ok(()),
            None => {
                self.by_size[stream as usize].insert(head.size, (head.root, source.clone()));
                Ok(())
            }
        }
    }

    /// Checks one note and takes its roots. `why` says which note when it is at fault.
    pub fn take(
        &mut self,
        octets: &[u8],
        key: &NoteKey,
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
        if !key.renamed(&log).has_signed(&note) {
            report.find(finding("the signature of the checkpoint does not hold under this key".into()));
            return None;
        }
        let source = Source { file: file.to_owned(), offset, time: rfc3339(checkpoint.at) };
        for of in Stream::ALL {
            if let Err(what) = self.add(of, checkpoint.head(of), &source) {
                report.find(finding(what));
            }
        }
        report.checkpoints += 1;
        report.newest = report.newest.max(Some(checkpoint.at));
        Some(checkpoint)
    }

    /// Reads the checkpoints beside a ledger.
    pub fn read(dir: &Path, key: &NoteKey, report: &mut Report) -> Self {
        let mut marks = Self::default();
        for (name, of) in [("newest", Stream::Events), ("newest-verdicts", Stream::Verdicts)] {
            let file = format!("checkpoints/{name}");
            let missing = |what: String| Finding { stream: None, seq: None, file: file.clone(), offset: None, what };
            match fs::read(dir.join(&file)) {
                Ok(octets) => {
                    let one = Note::each(&octets).0.first().is_some_and(|(_, first)| first.len() == octets.len());
                    let taken = one.then(|| marks.take(&octets, key, (&file, 0), report)).flatten();
                    if !one {
                        report.find(missing("this is not one signed checkpoint and nothing else".into()));
                    } else if taken.is_some() && !octets.starts_with(own_name(&report.origin, of).as_bytes()) {
                        report.find(missing(format!("the checkpoint is not of the {} log", of.word())));
                    }
                }
                Err(error) => {
                    report.find(missing(format!("no checkpoint: nothing says that this ledger is whole ({error})")));
                }
            }
        }
        for name in HISTORY {
            let file = format!("checkpoints/{name}");
            let Ok(octets) = fs::read(dir.join(&file)) else { continue };
            let (notes, end) = Note::each(&octets);
            for (at, note) in notes {
                marks.take(note, key, (&file, at as u64), report);
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
        marks
    }
}

fn own_name(origin: &str, stream: Stream) -> String {
    super::super::checkpoint::log_name(origin, stream) + "\n"
}
