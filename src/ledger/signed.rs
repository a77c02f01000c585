//! Owns the files of checkpoints that were signed: the newest, the recent ones, one for each hour, and the public key.
//! Must never keep what was torn, nor forget an hour's.
//!
//! In `checkpoints/`: `key` (public), `newest` and `newest-verdicts` (replaced as a whole), `recent` and `recent-old` (each at
//! most 1 MiB, the newer goes on as the older), `hourly` (grows by one an hour). All but the second are of the events' log,
//! and say the verdicts' root too.

use super::checkpoint::{Checkpoint, Stream, log_name};
use super::error::OpenError;
use super::note::{Note, NoteKey, NoteSigner};
use super::rotation::Chain;
use crate::journal::disk::{self, Disk, SegmentFile};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// When `recent` becomes `recent-old`.
pub const RECENT_OCTETS: u64 = 1 << 20;
/// The files of checkpoints of the events' log that grow.
pub const HISTORY: [&str; 3] = ["hourly", "recent-old", "recent"];

/// Signs checkpoints and keeps them.
pub struct Signed {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    signers: [NoteSigner; 2],
    recent: (Arc<dyn SegmentFile>, u64),
    hourly: (Arc<dyn SegmentFile>, u64),
    /// The newest that was found at the start.
    found: Option<Checkpoint>,
}

/// A checkpoint of both logs, as notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notes {
    pub events: String,
    pub verdicts: String,
}

impl Signed {
    /// Opens (or begins) `dir`, cutting what a power cut has torn behind the last whole note.
    ///
    /// # Errors
    /// When what was signed before was signed with another key.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, origin: &str, seed: &[u8; 32]) -> Result<Self, OpenError> {
        let signers = Stream::ALL.map(|stream| NoteSigner::new(&log_name(origin, stream), seed));
        let key = signers[0].key();
        let key_path = dir.join("key");
        let text = key.text() + "\n";
        match std::fs::read_to_string(&key_path) {
            Ok(known) if known == text => {}
            Ok(_) => {
                let what = "the checkpoints here were signed with another sign.key, or under another node's name (`stopgate key import` puts the keys of an \
                            escrow back)";
                return Err(OpenError::Checkpoints { path: key_path, what });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                disk::replace(&*disk, &key_path, text.as_bytes()).map_err(OpenError::io(&key_path))?;
            }
            Err(error) => return Err(OpenError::io(key_path)(error)),
        }
        // What an earlier key has signed is as true: the key may have been replaced right before this start.
        let keys = Chain::read(dir, &key).map_or_else(|| vec![key.clone()], |chain| chain.keys);
        let known = |octets: &[u8]| keys.iter().find_map(|key| read(octets, key));
        let mut found: Option<Checkpoint> = None;
        let mut note = |checkpoint: Checkpoint| {
            if found.as_ref().is_none_or(|known| known.at <= checkpoint.at) {
                found = Some(checkpoint);
            }
        };
        if let Ok(octets) = std::fs::read(dir.join("newest")) {
            known(&octets).into_iter().for_each(&mut note);
        }
        let mut grow = |name: &str| -> Result<(Arc<dyn SegmentFile>, u64), OpenError> {
            let path = dir.join(name);
            let octets = match std::fs::read(&path) {
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(OpenError::io(path)(error)),
            };
            let (notes, end) = Note::each(&octets);
            if let Some((_, octets)) = notes.last() {
                known(octets).into_iter().for_each(&mut note);
            }
            if end < octets.len() || octets.is_empty() {
                disk::replace(&*disk, &path, &octets[..end]).map_err(OpenError::io(&path))?;
            }
            Ok((disk.open(&path).map_err(OpenError::io(&path))?, end as u64))
        };
        let (hourly, recent) = (grow("hourly")?, grow("recent")?);
        Ok(Self { disk, dir: dir.to_owned(), signers, recent, hourly, found })
    }

    /// The newest checkpoint that was signed before this start.
    pub fn found(&self) -> Option<&Checkpoint> {
        self.found.as_ref()
    }

    /// The public key, under the name of the events' log.
    pub fn key(&self) -> NoteKey {
        self.signers[0].key()
    }

    /// Signs and keeps a checkpoint. In the page cache: one that a power cut takes was a true one all the same.
    pub fn sign(&mut self, checkpoint: &Checkpoint) -> io::Result<Notes> {
        let [events, verdicts] = Stream::ALL.map(|stream| self.signers[stream as usize].sign(&checkpoint.text(stream)));
        self.put("newest-verdicts", &verdicts)?;
        self.put("newest", &events)?;
        if self.recent.1 + events.len() as u64 > RECENT_OCTETS {
            let (path, old) = (self.dir.join("recent"), self.dir.join("recent-old"));
            self.disk.rename(&path, &old)?;
            self.recent = (self.disk.create(&path)?, 0);
        }
        append(&mut self.recent, &events)?;
        Ok(Notes { events, verdicts })
    }

    /// Keeps a note for ever: durable when it returns.
    pub fn keep(&mut self, notes: &Notes) -> io::Result<()> {
        append(&mut self.hourly, &notes.events)?;
        self.hourly.0.sync_data()
    }

    /// Makes the newest checkpoint durable: at the end of a process.
    pub fn settle(&mut self, notes: &Notes) -> io::Result<()> {
        disk::replace(&*self.disk, &self.dir.join("newest-verdicts"), notes.verdicts.as_bytes())?;
        disk::replace(&*self.disk, &self.dir.join("newest"), notes.events.as_bytes())?;
        self.recent.0.sync_data()
    }

    /// Replaces a file as a whole for whoever reads it; durable when the system likes.
    fn put(&self, name: &str, text: &str) -> io::Result<()> {
        let temp = self.dir.join("next.tmp");
        self.disk.create(&temp)?.write_all_at(text.as_bytes(), 0)?;
        self.disk.rename(&temp, &self.dir.join(name))
    }
}

fn append(file: &mut (Arc<dyn SegmentFile>, u64), text: &str) -> io::Result<()> {
    file.0.write_all_at(text.as_bytes(), file.1)?;
    file.1 += text.len() as u64;
    Ok(())
}

/// The checkpoint of the events' log in a note that the key has signed.
pub fn read(octets: &[u8], key: &NoteKey) -> Option<Checkpoint> {
    let note = Note::read(octets)?;
    match Checkpoint::read(note.text)? {
        (Stream::Events, checkpoint) if key.has_signed(&note) => Some(checkpoint),
        (Stream::Events | Stream::Verdicts, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Head;
    use super::*;
    use crate::journal::disk::RealDisk;
    use crate::message::instant::CivilInstant;

    const ORIGIN: &str = "stopgate/gw-1";

    fn open(dir: &Path, seed: u8) -> Result<Signed, OpenError> {
        Signed::open(Arc::new(RealDisk), dir, ORIGIN, &[seed; 32])
    }

    fn checkpoint(at: i64) -> Checkpoint {
        let head = Head { size: at as u64, root: [at as u8; 32] };
        let at = CivilInstant::from_secs(at);
        Checkpoint { origin: ORIGIN.into(), at, epoch: 0, events: head, verdicts: head }
    }

    #[test]
    fn the_newest_is_found_again_and_a_torn_tail_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut signed = open(dir.path(), 1).unwrap();
        assert_eq!(signed.found(), None);
        let first = signed.sign(&checkpoint(1)).unwrap();
        signed.keep(&first).unwrap();
        signed.sign(&checkpoint(2)).unwrap();
        assert_eq!(open(dir.path(), 1).unwrap().found(), Some(&checkpoint(2)));
        // A power cut: the newest is gone, the recent ones are torn.
        std::fs::write(dir.path().join("newest"), "").unwrap();
        let recent = std::fs::read(dir.path().join("recent")).unwrap();
        std::fs::write(dir.path().join("recent"), &recent[..recent.len() - 7]).unwrap();
        let mut signed = open(dir.path(), 1).unwrap();
        assert_eq!(signed.found(), Some(&checkpoint(1)));
        signed.sign(&checkpoint(3)).unwrap();
        let recent = std::fs::read(dir.path().join("recent")).unwrap();
        let (notes, end) = Note::each(&recent);
        assert_eq!((notes.len(), end), (2, recent.len()));
    }

    #[test]
    fn another_key_is_refused_and_the_recent_ones_stay_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let mut signed = open(dir.path(), 1).unwrap();
        assert!(matches!(open(dir.path(), 2), Err(OpenError::Checkpoints { .. })));
        signed.recent.1 = RECENT_OCTETS - 10;
        signed.sign(&checkpoint(1)).unwrap();
        let octets = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().len();
        assert!(octets("recent") > 0 && octets("recent") < 1000);
        assert_eq!(octets("recent-old"), 0);
    }
}
