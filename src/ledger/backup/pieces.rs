//! Owns the pieces of a backup in the order in which they are copied: what was saved first, then the checkpoint, then what it covers.
//! Must never take a piece that knows more than the checkpoint it is cut at.

use super::super::checkpoint::{Checkpoint, Stream};
use super::super::note::Note;
use super::super::packs;
use super::super::rotation;
use super::super::signed::HISTORY;
use super::super::tiles::{self, FILE_HASHES, LEVELS, TILE_HEIGHT};
use super::{BackupError, Source};
use crate::journal::copy::{self, Copied, CopyError, private_dir, sync_dir, write_new};
use crate::journal::offline::{Fault, Offline};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// A running daemon signs each second: as often as this is looked for a checkpoint that is new enough.
const LOOKS: usize = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Octets of a hash.
const HASH: u64 = 32;

/// What was copied, and where it was cut.
pub struct Cut {
    pub checkpoint: Checkpoint,
    pub events: Copied,
    pub verdicts: Copied,
    pub beside: BTreeMap<String, u64>,
    pub left_out: Vec<String>,
    pub rehearsal: bool,
    pub key: String,
    pub label: [u8; 16],
}

/// Both notes of the newest checkpoint.
struct Newest {
    checkpoint: Checkpoint,
    notes: [Vec<u8>; 2],
}

/// Copies everything to `to`, which it makes.
pub fn copy(source: &Source<'_>, to: &Path) -> Result<Cut, BackupError> {
    let from = source.data_dir;
    private_dir(to).map_err(CopyError::target(to))?;
    // Saved before the checkpoint is looked for: so one that covers them comes.
    let mut saved = Vec::new();
    for derived in source.derived {
        if let Some(position) = copy_derived(from, to, derived.file)? {
            saved.push((derived, position));
        }
    }
    let covers = |checkpoint: &Checkpoint| {
        saved.iter().all(|(derived, position)| checkpoint.head(derived.stream).size >= *position)
    };
    let newest = newest(from, source.running, covers)?;
    let upto = |stream| if source.running { newest.checkpoint.head(stream).size } else { u64::MAX };
    let mut left_out = Vec::new();
    for (derived, position) in &saved {
        if *position > upto(derived.stream) {
            fs::remove_file(to.join(derived.file)).map_err(CopyError::target(to.join(derived.file)))?;
            left_out.push(derived.file.to_owned());
        }
    }
    // Verdicts first: the events they were judged at are then in the events.
    let verdicts = copy::copy(&from.join("verdicts"), &to.join("verdicts"), "verdicts", upto(Stream::Verdicts))?;
    let events = copy::copy(&from.join("events"), &to.join("events"), "events", upto(Stream::Events))?;
    for stream in Stream::ALL {
        copy_tree(source, to, stream, &newest.checkpoint)?;
    }
    let key = copy_checkpoints(from, to, &newest, source.running)?;
    copy_packs(from, to)?;
    let format = fs::read(from.join("format")).map_err(|error| vanished(&from.join("format"), &error))?;
    write_new(&to.join("format"), &[&format]).map_err(CopyError::target(to.join("format")))?;
    for file in source.plain {
        copy_file(from, to, file)?;
    }
    let mut beside = BTreeMap::new();
    for one in source.beside {
        let (from, to) = (from.join(one.dir), to.join(one.dir));
        if from.is_dir() {
            let copied = copy::copy(&from, &to, one.stream, u64::MAX)?;
            beside.insert(one.dir.to_owned(), copied.records - copied.first);
        }
    }
    let label = Offline::open(&to.join("events"), "events").map_err(CopyError::Source)?.label();
    let rehearsal = format.ends_with(b"rehearsal\n");
    Ok(Cut { checkpoint: newest.checkpoint, events, verdicts, beside, left_out, rehearsal, key, label })
}

/// A file that was there a moment ago.
fn vanished(path: &Path, error: &io::Error) -> BackupError {
    CopyError::Source(Fault { path: path.to_owned(), offset: 0, seq: None, what: error.to_string() }).into()
}

/// Copies a file that is only ever replaced whole; `false` when there is none.
fn copy_file(from: &Path, to: &Path, name: &str) -> Result<bool, BackupError> {
    let (from, to) = (from.join(name), to.join(name));
    let mut file = match File::open(&from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(vanished(&from, &error)),
    };
    let copied = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to).and_then(|mut target| {
        io::copy(&mut file, &mut target)?;
        target.flush()?;
        target.sync_all()
    });
    copied.map_err(CopyError::target(to))?;
    Ok(true)
}

/// Copies a derived file and reads its position from the copy.
fn copy_derived(from: &Path, to: &Path, name: &str) -> Result<Option<u64>, BackupError> {
    if !copy_file(from, to, name)? {
        return Ok(None);
    }
    let path = to.join(name);
    let mut head = [0; 32];
    let read = File::open(&path).and_then(|mut file| file.read_exact(&mut head));
    match (read, head.last_chunk::<8>()) {
        (Ok(()), Some(position)) => Ok(Some(u64::from_be_bytes(*position))),
        // What is too short to say its position is of no use to a start either.
        (Err(_), _) | (_, None) => {
            fs::remove_file(&path).map_err(CopyError::target(path))?;
            Ok(None)
        }
    }
}

/// The newest checkpoint, and of a running daemon one that covers what was saved, where it signs at all.
fn newest(from: &Path, running: bool, covers: impl Fn(&Checkpoint) -> bool) -> Result<Newest, BackupError> {
    let dir = from.join("checkpoints");
    let mut best = None;
    for look in 0..LOOKS {
        if look > 0 {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        // Each is replaced whole, the verdicts' first: of two instants when it falls between them.
        let notes = ["newest-verdicts", "newest"].map(|name| fs::read(dir.join(name)).unwrap_or_default());
        let [verdicts, events] = &notes;
        let read = |octets: &[u8]| Note::read(octets).and_then(|note| Checkpoint::read(note.text));
        let (Some((Stream::Verdicts, other)), Some((Stream::Events, checkpoint))) = (read(verdicts), read(events))
        else {
            continue;
        };
        if other != checkpoint {
            continue;
        }
        let enough = !running || covers(&checkpoint);
        let [verdicts, events] = notes;
        best = Some(Newest { checkpoint, notes: [events, verdicts] });
        if enough {
            break;
        }
    }
    best.ok_or(BackupError::Unsigned)
}

/// Copies the kept hashes of a stream's tree as far as they are covered.
fn copy_tree(source: &Source<'_>, to: &Path, stream: Stream, checkpoint: &Checkpoint) -> Result<(), BackupError> {
    let from = source.data_dir.join("tree").join(stream.word());
    let to = to.join("tree").join(stream.word());
    let covered = if source.running { Some(checkpoint.head(stream).size) } else { tiles::covered(&from) };
    // Made again from the records when it is missing.
    let Some(covered) = covered else { return Ok(()) };
    private_dir(&to).map_err(CopyError::target(&to))?;
    for level in 0..LEVELS {
        let hashes = covered >> (TILE_HEIGHT * level);
        for file in 0..hashes.div_ceil(FILE_HASHES) {
            let (path, _) = tiles::place(&from, level, file * FILE_HASHES);
            let octets = (hashes - file * FILE_HASHES).min(FILE_HASHES) * HASH;
            let mut piece = vec![0; octets as usize];
            match File::open(&path).and_then(|file| file.read_exact_at(&mut piece, 0)) {
                Ok(()) => {}
                // Gone with the records it stands for; the roots above stay.
                Err(error) if level == 0 && error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(vanished(&path, &error)),
            }
            let (target, _) = tiles::place(&to, level, file * FILE_HASHES);
            write_new(&target, &[&piece]).map_err(CopyError::target(target))?;
        }
    }
    let size = to.join("size");
    write_new(&size, &[&tiles::size_octets(covered)]).map_err(CopyError::target(size))?;
    sync_dir(&to).map_err(CopyError::target(&to))?;
    Ok(())
}

/// Copies what was signed up to the newest checkpoint; gives the public key.
fn copy_checkpoints(from: &Path, to: &Path, newest: &Newest, running: bool) -> Result<String, BackupError> {
    let (from, to) = (from.join("checkpoints"), to.join("checkpoints"));
    private_dir(&to).map_err(CopyError::target(&to))?;
    let put =
        |name: &str, pieces: &[&[u8]]| write_new(&to.join(name), pieces).map_err(CopyError::target(to.join(name)));
    let [events, verdicts] = &newest.notes;
    put("newest", &[events])?;
    put("newest-verdicts", &[verdicts])?;
    let key = fs::read_to_string(from.join("key")).map_err(|error| vanished(&from.join("key"), &error))?;
    put("key", &[key.as_bytes()])?;
    copy_file(&from, &to, rotation::FILE)?;
    for name in HISTORY {
        let octets = match fs::read(from.join(name)) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(vanished(&from.join(name), &error)),
        };
        let covered = |note: &&[u8]| {
            let checkpoint = Note::read(note).and_then(|note| Checkpoint::read(note.text));
            !running
                || checkpoint.is_some_and(|(_, one)| {
                    Stream::ALL.iter().all(|stream| one.head(*stream).size <= newest.checkpoint.head(*stream).size)
                })
        };
        let (notes, _) = Note::each(&octets);
        let notes: Vec<&[u8]> = notes.into_iter().map(|(_, note)| note).filter(covered).collect();
        put(name, &notes)?;
    }
    sync_dir(&to).map_err(CopyError::target(&to))?;
    Ok(key.trim().to_owned())
}

fn copy_packs(from: &Path, to: &Path) -> Result<(), BackupError> {
    let Ok(entries) = fs::read_dir(from.join(packs::ROOM)) else { return Ok(()) };
    let target = to.join(packs::ROOM);
    private_dir(&target).map_err(CopyError::target(&target))?;
    for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        if name.ends_with(".pack") {
            copy_file(&from.join(packs::ROOM), &target, &name)?;
        }
    }
    sync_dir(&target).map_err(CopyError::target(&target))?;
    Ok(())
}
