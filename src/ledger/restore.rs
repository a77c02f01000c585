//! Owns putting a backup back: into an empty data_dir, as a new epoch that names what it was restored from and what is known to be lost.
//! Must never let a restored ledger look like one that lost nothing, nor be opened half made.

use super::backup::manifest::Manifest;
use super::book::Ledger;
use super::checkpoint::{Checkpoint, Stream, log_name};
use super::erasure::EraseError;
use super::error::{LedgerError, OpenError};
use super::event::{Epoch, Event, NamedCheckpoint, Reopen, ReopenedBy};
use super::keys::{Keys, hex, private_dir};
use super::note::{Note, NoteKey, NoteSigner};
use super::open::{OpenOptions, RESTORING};
use super::rotation::{self, Chain};
use super::signed;
use super::signer::{Signer, Surroundings};
use super::verify::report::Finding;
use super::verify::{self, Asked};
use crate::journal::copy::sync_dir;
use crate::journal::disk::{self, RealDisk};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the record of the new epoch may take to be durable.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is to be restored, and where.
#[derive(Clone, Debug)]
pub struct Wanted<'r> {
    pub backup: &'r Path,
    pub data_dir: &'r Path,
    pub keys_dir: &'r Path,
    /// The node's name in the configuration: the backup must be of this node.
    pub node: &'r str,
    /// Files of checkpoints that left the house, with their names.
    pub newest: Vec<(String, Vec<u8>)>,
    /// The civil instant; a rehearsal goes on from its backup's.
    pub now: CivilInstant,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    pub manifest: Manifest,
    pub epoch: Epoch,
    /// Records that were kept: events and verdicts.
    pub kept: [u64; 2],
    /// Commercial traffic is refused until somebody has looked.
    pub closed: bool,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("{path} is not empty", path = .0.display())]
    NotEmpty(PathBuf),
    #[error("{path} is no backup: {what}", path = path.display())]
    NoBackup { path: PathBuf, what: String },
    #[error("the backup does not hold: {0}")]
    DoesNotHold(Box<Finding>),
    #[error("the backup is of {found}, and this node's log is called {wanted}")]
    OtherNode { found: String, wanted: String },
    #[error("{file}: {what}")]
    Newest { file: String, what: String },
    #[error("the keys in {path} are not those that the backup was made with", path = .0.display())]
    OtherKeys(PathBuf),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the restore cannot be recorded: {0}")]
    NotRecorded(#[from] LedgerError),
    #[error("an erasure that was cut off cannot be noted: {0}")]
    Erasure(#[from] EraseError),
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl RestoreError {
    fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Restores a backup. When it returns the data_dir is whole and closed; before that a start refuses it.
///
/// # Errors
/// See [`RestoreError`]. What was written by then stays, marked as not finished: empty the data_dir and try again.
pub fn restore(wanted: &Wanted<'_>) -> Result<Restored, RestoreError> {
    let Wanted { backup, data_dir, keys_dir, node, newest, now } = wanted;
    let manifest = Manifest::read(backup).map_err(|what| RestoreError::NoBackup { path: backup.into(), what })?;
    let report = verify::ledger(backup, &Asked::default());
    if let Some(finding) = report.findings.into_iter().next() {
        return Err(RestoreError::DoesNotHold(Box::new(finding)));
    }
    let origin = super::checkpoint::origin(node, manifest.rehearsal);
    if manifest.origin != origin {
        return Err(RestoreError::OtherNode { found: manifest.origin, wanted: origin });
    }
    let keys = Keys::open(keys_dir, backup)?;
    let key = NoteSigner::new(&log_name(&origin, Stream::Events), keys.sign_seed()).key();
    let other = || RestoreError::OtherKeys((*keys_dir).into());
    let generations = keys.generations();
    if ![generations.older(), vec![generations.newest()]].concat().iter().any(|mark| hex(mark) == manifest.key_check) {
        return Err(other());
    }
    // The signing key may have been replaced since: then the statements of both keys lead from the backup's to ours.
    let chain = Chain::read(keys_dir, &key).ok_or_else(other)?;
    let signed_with = NoteKey::read(&manifest.key).and_then(|known| chain.place(&known)).ok_or_else(other)?;
    let reached = newest_of(&fs::read(backup.join("checkpoints/newest")).unwrap_or_default(), &chain.keys, &origin);
    let what = || "its newest checkpoint cannot be read".to_owned();
    let reached = reached.ok_or_else(|| RestoreError::NoBackup { path: backup.into(), what: what() })?;
    let newest = newest_known(newest, &chain.keys, &origin)?;
    let kept = [manifest.events.records, manifest.verdicts.records];
    let is_reached = match &newest {
        Some((file, note, checkpoint)) => holds(backup, (file, note), checkpoint, &reached, kept)?,
        None => false,
    };
    let known = newest.as_ref().map(|(_, _, checkpoint)| NamedCheckpoint::from(checkpoint));
    let number = reached.epoch.max(known.map_or(0, |known| known.epoch)) + 1;
    let epoch = Epoch { number, backup: NamedCheckpoint::from(&reached), newest: known };
    fill(backup, data_dir, &manifest)?;
    let at = if manifest.rehearsal { reached.at } else { *now };
    let by = "the restore of a backup from before".to_owned();
    let options = OpenOptions { restored: Some(epoch), by, ..OpenOptions::new(node, manifest.rehearsal) };
    let options = options.with_segment_octets(segment_octets(manifest.rehearsal));
    let begun = Begun { data_dir, keys_dir, keys: &keys, chain: &chain, signed_with, is_reached };
    begin(&begun, options, at)?;
    let marker = data_dir.join(RESTORING);
    fs::remove_file(&marker).and_then(|()| sync_dir(data_dir)).map_err(RestoreError::io(marker))?;
    Ok(Restored { manifest, epoch, kept, closed: !is_reached })
}

/// The newest checkpoint in a file of them: of the latest epoch the one over most records.
fn newest_of(octets: &[u8], keys: &[NoteKey], origin: &str) -> Option<Checkpoint> {
    let (notes, _) = Note::each(octets);
    let read = notes.into_iter().filter_map(|(_, note)| keys.iter().find_map(|key| signed::read(note, key)));
    let own = read.filter(|checkpoint| checkpoint.origin == origin);
    own.max_by_key(|one| (one.epoch, one.events.size, one.verdicts.size, one.at))
}

/// A file's name, a note in it, and what it says.
type Known<'n> = (&'n str, &'n [u8], Checkpoint);

fn newest_known<'n>(
    files: &'n [(String, Vec<u8>)],
    keys: &[NoteKey],
    origin: &str,
) -> Result<Option<Known<'n>>, RestoreError> {
    let mut best: Option<Known<'n>> = None;
    for (file, octets) in files {
        let Some(checkpoint) = newest_of(octets, keys, origin) else {
            let what = format!("it holds no checkpoint of {origin} that this node's key has signed");
            return Err(RestoreError::Newest { file: file.clone(), what });
        };
        let newer = |known: &Checkpoint| {
            (known.epoch, known.events.size, known.verdicts.size)
                < (checkpoint.epoch, checkpoint.events.size, checkpoint.verdicts.size)
        };
        if best.as_ref().is_none_or(|(_, _, known)| newer(known)) {
            best = Some((file, octets, checkpoint));
        }
    }
    Ok(best)
}

/// Whether the backup holds everything up to the newest checkpoint: proved by its records, not by the size alone.
fn holds(
    backup: &Path,
    (file, octets): (&str, &[u8]),
    newest: &Checkpoint,
    reached: &Checkpoint,
    kept: [u64; 2],
) -> Result<bool, RestoreError> {
    if newest.epoch > reached.epoch || newest.events.size > kept[0] || newest.verdicts.size > kept[1] {
        return Ok(false);
    }
    let asked = Asked { since: Some((file.to_owned(), octets.to_vec())), ..Asked::default() };
    match verify::ledger(backup, &asked).findings.into_iter().next() {
        None => Ok(true),
        Some(finding) => Err(RestoreError::Newest { file: file.to_owned(), what: finding.to_string() }),
    }
}

/// Copies the files into the empty data_dir, which says meanwhile that it is not whole.
fn fill(backup: &Path, data_dir: &Path, manifest: &Manifest) -> Result<(), RestoreError> {
    private_dir(data_dir)?;
    let mut entries = fs::read_dir(data_dir).map_err(RestoreError::io(data_dir))?;
    // What a fresh file system holds is nothing.
    if entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != "lost+found")) {
        return Err(RestoreError::NotEmpty(data_dir.to_owned()));
    }
    let marker = data_dir.join(RESTORING);
    let words = format!("from {}\n", backup.display());
    disk::replace(&RealDisk, &marker, words.as_bytes()).map_err(RestoreError::io(marker))?;
    let mut rooms = vec![data_dir.to_owned()];
    for file in &manifest.files {
        let (from, to) = (backup.join(&file.path), data_dir.join(&file.path));
        if let Some(room) = to.parent()
            && !rooms.iter().any(|known| known == room)
        {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(room).map_err(RestoreError::io(room))?;
            rooms.push(room.to_owned());
        }
        let copied = fs::File::open(&from).and_then(|mut source| {
            let mut target = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to)?;
            io::copy(&mut source, &mut target)?;
            target.sync_all()
        });
        copied.map_err(RestoreError::io(to))?;
    }
    for room in &rooms {
        prewrite(room, manifest.rehearsal).map_err(RestoreError::io(room))?;
    }
    for room in rooms.iter().rev() {
        sync_dir(room).map_err(RestoreError::io(room))?;
    }
    Ok(())
}

/// Octets of the ledger's segments.
const fn segment_octets(rehearsal: bool) -> u64 {
    if rehearsal { 4 << 20 } else { 64 << 20 }
}

/// Gives the last segment of a stream its full size again, so that the first records need not wait for a new one.
fn prewrite(room: &Path, rehearsal: bool) -> io::Result<()> {
    let names = fs::read_dir(room)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let Some(last) = names.filter(|name| name.ends_with(".seg")).max() else { return Ok(()) };
    let evidence = Stream::ALL.iter().any(|stream| room.ends_with(stream.word()));
    let octets = if evidence { segment_octets(rehearsal) } else { 4 << 20 };
    let mut file = fs::OpenOptions::new().append(true).open(room.join(last))?;
    let zeros = vec![0; 1 << 20];
    let mut left = octets.saturating_sub(file.metadata()?.len());
    while left > 0 {
        let piece = left.min(zeros.len() as u64);
        file.write_all(&zeros[..piece as usize])?;
        left -= piece;
    }
    file.sync_all()
}

/// What a restored ledger begins with.
struct Begun<'b> {
    data_dir: &'b Path,
    keys_dir: &'b Path,
    keys: &'b Keys,
    chain: &'b Chain,
    /// The place in the chain of the key that the backup was signed with.
    signed_with: usize,
    is_reached: bool,
}

/// Writes the start of the new epoch, the replacements of the signing key that the backup lacks, and why it is open again if it is;
/// signs it.
fn begin(begun: &Begun<'_>, options: OpenOptions, now: CivilInstant) -> Result<(), RestoreError> {
    let Begun { data_dir, keys_dir, keys, chain, signed_with, is_reached } = begun;
    let (ledger, _) = Ledger::open(data_dir, keys, options, now)?;
    // The backup was made between the record of an erasure and its end: the next start carries it out.
    for order in ledger.recorded_and_not_done().map_err(EraseError::from)? {
        ledger.begin_erasure(order)?;
    }
    let mut appender = ledger.appender();
    for rotation in &chain.rotations[*signed_with..] {
        appender.event(now, &Event::Key(*rotation), None)?;
    }
    if *is_reached {
        let detail = ledger.intern("the newest checkpoint is reached", now)?;
        let people = [NameId::NONE; 2];
        let reopen = Reopen { epoch: ledger.epoch(), by: ReopenedBy::Reached, people, detail };
        appender.event(now, &Event::Reopen(reopen), None)?;
    }
    if appender.waiting_events() > 0 {
        let committed = appender.commit(now)?;
        if !ledger.wait_durable(committed.events.end - 1, PATIENCE) {
            return Err(LedgerError::NotDurable.into());
        }
    }
    if *is_reached {
        ledger.reopened();
    }
    if let Some(key) = chain.keys.last().filter(|_| !chain.rotations.is_empty()) {
        rotation::publish(data_dir, keys_dir, &chain.rotations, key)?;
    }
    let signer = Signer::start(&ledger, keys, Surroundings::silent(move || now))?;
    ledger.close(now)?;
    signer.finish();
    Ok(())
}
