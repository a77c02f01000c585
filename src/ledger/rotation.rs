//! Owns the replacement of the signing key: a statement that the old and the new key have both signed, recorded, and then carried out.
//! Must never sign with a key that no record has brought in, nor lose the old one before the new one is on record.
//!
//! Steps, each durable before the next: `sign.key.new` · the `key` record · a last checkpoint by the old key · `checkpoints/rotations`
//! and `checkpoints/key` · `sign.key` replaced · a checkpoint by the new key. A start that finds `sign.key.new` looks whether its record
//! is there: then it goes on, else it takes the file away. So either key is whole whenever the power goes.

use super::book::Ledger;
use super::checkpoint::{Stream, log_name, origin};
use super::error::{LedgerError, OpenError};
use super::event::Event;
use super::event_code::{self, EventRecord};
use super::keys::{Keys, NEW_SIGN_KEY, SIGN_KEY, hex_secret};
use super::note::{NoteKey, base64, unbase64};
use super::open::OpenOptions;
use super::signed::Signed;
use super::signer::{Signer, Surroundings};
use crate::journal::copy::sync_dir;
use crate::journal::disk::{self, Disk, RealDisk};
use crate::journal::offline::Offline;
use crate::message::instant::CivilInstant;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The file in `checkpoints/` and in keys_dir: a line for each rotation, public.
pub const FILE: &str = "rotations";
const PATIENCE: Duration = Duration::from_secs(5);

/// One replacement of the signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// From 1.
    pub number: u32,
    pub old: [u8; 32],
    pub new: [u8; 32],
    /// By the old and by the new key, over [`Rotation::text`].
    pub signatures: [[u8; 64]; 2],
}

impl Rotation {
    /// Makes the statement of both keys.
    pub fn make(origin: &str, number: u32, seeds: [&[u8; 32]; 2]) -> Self {
        let [old, new] = seeds.map(SigningKey::from_bytes);
        let keys = [&old, &new].map(|key| key.verifying_key().to_bytes());
        let mut made = Self { number, old: keys[0], new: keys[1], signatures: [[0; 64]; 2] };
        let text = made.text(origin);
        made.signatures = [&old, &new].map(|key| key.sign(text.as_bytes()).to_bytes());
        made
    }

    /// What is signed.
    pub fn text(&self, origin: &str) -> String {
        format!("stopgate key rotation 1\n{origin}\n{}\n{}\n{}\n", self.number, base64(&self.old), base64(&self.new))
    }

    /// Whether both keys have signed it.
    pub fn holds(&self, origin: &str) -> bool {
        let text = self.text(origin);
        [&self.old, &self.new].into_iter().zip(&self.signatures).all(|(public, signature)| {
            VerifyingKey::from_bytes(public)
                .is_ok_and(|key| key.verify_strict(text.as_bytes(), &Signature::from_bytes(signature)).is_ok())
        })
    }

    fn line(&self) -> String {
        let [old, new] = self.signatures.map(|signature| base64(&signature));
        format!("{} {} {} {old} {new}\n", self.number, base64(&self.old), base64(&self.new))
    }

    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split(' ');
        let number = fields.next()?.parse().ok()?;
        let mut key = || -> Option<[u8; 32]> { unbase64(fields.next()?)?.try_into().ok() };
        let (old, new) = (key()?, key()?);
        let mut signature = || -> Option<[u8; 64]> { unbase64(fields.next()?)?.try_into().ok() };
        let made = Self { number, old, new, signatures: [signature()?, signature()?] };
        (made.line().trim_end() == line).then_some(made)
    }
}

/// The keys that have signed a log, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub rotations: Vec<Rotation>,
    /// The first, and the one that each rotation brought; never empty.
    pub keys: Vec<NoteKey>,
}

impl Chain {
    /// Of a log that `last` signs now. `None` when the statements do not lead from one to the next, and to it.
    pub fn new(rotations: Vec<Rotation>, last: &NoteKey) -> Option<Self> {
        let origin = last.name.strip_suffix("/events")?;
        let mut keys = Vec::with_capacity(rotations.len() + 1);
        for (at, rotation) in rotations.iter().enumerate() {
            let follows = at == 0 || rotations[at - 1].new == rotation.old;
            if rotation.number as usize != at + 1 || !follows || !rotation.holds(origin) {
                return None;
            }
            keys.push(NoteKey::new(&last.name, &rotation.old)?);
        }
        if rotations.last().is_some_and(|newest| newest.new != *last.public()) {
            return None;
        }
        keys.push(last.clone());
        Some(Self { rotations, keys })
    }

    /// As the file in `dir` tells it, for a log that `last` signs now. A log whose key was never replaced has no file.
    pub fn read(dir: &Path, last: &NoteKey) -> Option<Self> {
        Self::new(read_file(&dir.join(FILE))?, last)
    }

    /// The place of a key among them.
    pub fn place(&self, key: &NoteKey) -> Option<usize> {
        self.keys.iter().position(|known| known.public() == key.public())
    }
}

/// The rotations in a file; none when it is absent, `None` when it is damaged.
pub fn read_file(path: &Path) -> Option<Vec<Rotation>> {
    match fs::read_to_string(path) {
        Ok(text) => text.lines().map(Rotation::read).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(Vec::new()),
        Err(_) => None,
    }
}

/// Why the key was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the rotation cannot be recorded: {0}")]
    NotRecorded(#[from] LedgerError),
    #[error("the system gives no random octets")]
    NoRandom,
    #[error("the rotations on record do not lead to the key that is here")]
    Broken,
}

/// How far a rotation goes: tests stop it in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Made,
    Recorded,
    Closed,
    Published,
    Carried,
    Signed,
}

/// Replaces the signing key of a data_dir that no daemon holds. Gives the new public key.
///
/// # Errors
/// See [`RotateError`]. Whenever it ends, the old or the new key is whole; the next start says which.
pub fn rotate(
    data_dir: &Path,
    keys_dir: &Path,
    options: OpenOptions,
    now: CivilInstant,
) -> Result<NoteKey, RotateError> {
    rotate_to(Step::Signed, data_dir, keys_dir, options, now)
}

pub(super) fn rotate_to(
    last: Step,
    data_dir: &Path,
    keys_dir: &Path,
    options: OpenOptions,
    now: CivilInstant,
) -> Result<NoteKey, RotateError> {
    let name = log_name(&origin(&options.node, options.rehearsal), Stream::Events);
    let (ledger, _) = Ledger::open(data_dir, &Keys::open(keys_dir, data_dir)?, options, now)?;
    settle(data_dir, keys_dir)?;
    let keys = Keys::open(keys_dir, data_dir)?;
    let signer = Signer::start(&ledger, &keys, Surroundings::silent(move || now))?;
    let recorded = recorded(data_dir)?;
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|_| RotateError::NoRandom)?;
    let new_path = keys_dir.join(NEW_SIGN_KEY);
    disk::replace(&RealDisk, &new_path, hex_secret(&seed).as_bytes()).map_err(OpenError::io(&new_path))?;
    let rotation = Rotation::make(ledger.log_origin(), recorded.len() as u32 + 1, [keys.sign_seed(), &seed]);
    let new = NoteKey::new(&name, &rotation.new).ok_or(RotateError::Broken)?;
    let all = [recorded, vec![rotation]].concat();
    if Chain::new(all.clone(), &new).is_none() {
        fs::remove_file(&new_path).map_err(OpenError::io(&new_path))?;
        return Err(RotateError::Broken);
    }
    if last == Step::Made {
        return Ok(new);
    }
    let mut appender = ledger.appender();
    appender.event(now, &Event::Key(rotation), None)?;
    let committed = appender.commit(now)?;
    if !ledger.wait_durable(committed.events.end - 1, PATIENCE) {
        return Err(LedgerError::NotDurable.into());
    }
    if last == Step::Recorded {
        return Ok(new);
    }
    ledger.close(now)?;
    // The old key's last word covers the record that ends it.
    signer.finish();
    if last == Step::Closed {
        return Ok(new);
    }
    publish(data_dir, keys_dir, &all, &new)?;
    if last == Step::Published {
        return Ok(new);
    }
    carry(keys_dir)?;
    if last == Step::Carried {
        return Ok(new);
    }
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut signed = Signed::open(disk, &data_dir.join("checkpoints"), ledger.log_origin(), &seed)?;
    if let Some(found) = signed.found().cloned() {
        let failed = OpenError::io(data_dir.join("checkpoints"));
        let notes = signed.sign(&super::checkpoint::Checkpoint { at: now.max(found.at), ..found });
        let kept = notes.and_then(|notes| signed.keep(&notes).and_then(|()| signed.settle(&notes)));
        kept.map_err(failed)?;
    }
    Ok(new)
}

/// Ends a rotation that was cut off, forwards or backwards. `true` when there was one. The data_dir must be held.
///
/// # Errors
/// Files that cannot be read or written.
pub fn settle(data_dir: &Path, keys_dir: &Path) -> Result<bool, OpenError> {
    let path = keys_dir.join(NEW_SIGN_KEY);
    if !path.exists() {
        return Ok(false);
    }
    let public = Keys::public_of(&path).map(|public| public.to_bytes()).ok();
    let all = recorded(data_dir)?;
    match all.last().filter(|newest| Some(newest.new) == public) {
        None => {
            fs::remove_file(&path).and_then(|()| sync_dir(keys_dir)).map_err(OpenError::io(&path))?;
        }
        Some(newest) => {
            let key_path = data_dir.join("checkpoints/key");
            let text = fs::read_to_string(&key_path).map_err(OpenError::io(&key_path))?;
            let name = NoteKey::read(&text).map(|key| key.name).unwrap_or_default();
            let what = "the public key beside the checkpoints is none";
            let new = NoteKey::new(&name, &newest.new).ok_or(OpenError::Checkpoints { path: key_path, what })?;
            publish(data_dir, keys_dir, &all, &new)?;
            carry(keys_dir)?;
        }
    }
    Ok(true)
}

/// The rotations that are on record, in order.
fn recorded(data_dir: &Path) -> Result<Vec<Rotation>, OpenError> {
    let seq = |fault: &crate::journal::offline::Fault| fault.seq.unwrap_or_default();
    let what = "the events cannot be read; `stopgate verify` says why";
    let unreadable = |fault| OpenError::Record { stream: "events", seq: seq(&fault), what };
    let files = Offline::open(&data_dir.join("events"), "events").map_err(unreadable)?;
    let (mut walk, mut found) = (files.walk(), Vec::new());
    while let Some(placed) = walk.next_record().map_err(unreadable)? {
        if event_code::kind_of(placed.frame.leaf) == Some(event_code::KEY)
            && let Ok(EventRecord { event: Event::Key(rotation), .. }) = EventRecord::read(placed.frame.leaf)
        {
            found.push(rotation);
        }
    }
    Ok(found)
}

/// Writes what everybody may know: the chain, and the key that signs from now on.
pub(super) fn publish(data_dir: &Path, keys_dir: &Path, all: &[Rotation], new: &NoteKey) -> Result<(), OpenError> {
    let lines: String = all.iter().map(Rotation::line).collect();
    let dir = data_dir.join("checkpoints");
    for (path, text) in
        [(keys_dir.join(FILE), &lines), (dir.join(FILE), &lines), (dir.join("key"), &(new.text() + "\n"))]
    {
        disk::replace(&RealDisk, &path, text.as_bytes()).map_err(OpenError::io(&path))?;
    }
    Ok(())
}

/// The new key takes the old one's place.
fn carry(keys_dir: &Path) -> Result<(), OpenError> {
    let (from, to) = (keys_dir.join(NEW_SIGN_KEY), keys_dir.join(SIGN_KEY));
    fs::rename(&from, &to).and_then(|()| sync_dir(keys_dir)).map_err(OpenError::io(to))
}

#[cfg(test)]
mod tests {
    use super::super::verify::tests::{NOW, keys, number, session, some_records};
    use super::super::verify::{self, Asked};
    use super::*;

    fn options() -> OpenOptions {
        OpenOptions::new("gw-1", false).with_segment_octets(16 << 10)
    }

    /// A ledger with records, and its keys in a keys_dir.
    fn house(room: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
        let (data_dir, keys_dir) = (room.join("data"), room.join("keys"));
        Keys::import(&keys().export(), &keys_dir).unwrap();
        session(&data_dir, some_records);
        (data_dir, keys_dir)
    }

    /// A start and an orderly end with whatever keys are there; gives the public key.
    fn start(data_dir: &Path, keys_dir: &Path) -> NoteKey {
        let (ledger, _) = Ledger::open(data_dir, &Keys::open(keys_dir, data_dir).unwrap(), options(), NOW).unwrap();
        settle(data_dir, keys_dir).unwrap();
        let signer =
            Signer::start(&ledger, &Keys::open(keys_dir, data_dir).unwrap(), Surroundings::silent(|| NOW)).unwrap();
        ledger.close(NOW).unwrap();
        signer.finish();
        NoteKey::read(&fs::read_to_string(data_dir.join("checkpoints/key")).unwrap()).unwrap()
    }

    #[test]
    fn whoever_holds_the_first_key_follows_to_the_last_one() {
        let room = tempfile::tempdir().unwrap();
        let (data_dir, keys_dir) = house(room.path());
        let first = start(&data_dir, &keys_dir);
        let kept = fs::read(data_dir.join("checkpoints/newest")).unwrap();
        for _ in 0..2 {
            let new = rotate(&data_dir, &keys_dir, options(), NOW).unwrap();
            assert_eq!(start(&data_dir, &keys_dir), new);
        }
        let asked =
            |key: NoteKey| Asked { key: Some(key), since: Some(("kept".into(), kept.clone())), ..Asked::default() };
        let report = verify::ledger(&data_dir, &asked(first.clone()));
        assert_eq!(report.findings, []);
        assert_eq!(report.rotations.len(), 2);
        assert!(report.notes.iter().any(|note| note.contains("was replaced 2 times")), "{:?}", report.notes);
        assert!(report.anchored.is_some());
        let stranger = NoteKey::new(&first.name, &[9; 32]).or(NoteKey::new(&first.name, &[1; 32]));
        if let Some(stranger) = stranger {
            assert!(!verify::ledger(&data_dir, &asked(stranger)).holds());
        }
        // The proof of a number leads from the first key too.
        let (text, _) =
            super::super::proof::make(&data_dir, &Keys::open(&keys_dir, &data_dir).unwrap(), number(12)).unwrap();
        let asked = Asked { key: Some(first), ..Asked::default() };
        let (report, _) = verify::proof_file::proof("p", text.as_bytes(), &asked);
        assert_eq!(report.findings, []);
    }

    #[test]
    fn cut_off_at_any_step_the_old_or_the_new_key_is_whole() {
        for step in [Step::Made, Step::Recorded, Step::Closed, Step::Published, Step::Carried, Step::Signed] {
            let room = tempfile::tempdir().unwrap();
            let (data_dir, keys_dir) = house(room.path());
            let first = start(&data_dir, &keys_dir);
            let new = rotate_to(step, &data_dir, &keys_dir, options(), NOW).unwrap();
            let found = start(&data_dir, &keys_dir);
            let wanted = if step == Step::Made { &first } else { &new };
            assert_eq!(&found, wanted, "{step:?}");
            assert!(!keys_dir.join(NEW_SIGN_KEY).exists(), "{step:?}");
            let report = verify::ledger(&data_dir, &Asked { key: Some(first), ..Asked::default() });
            assert_eq!(report.findings, [], "{step:?}");
            // And once more.
            rotate(&data_dir, &keys_dir, options(), NOW).unwrap();
            assert_eq!(verify::ledger(&data_dir, &Asked::default()).findings, [], "{step:?}");
        }
    }

    #[test]
    fn a_backup_from_before_a_rotation_is_restored_under_the_new_key() {
        use super::super::backup::{self, Source};
        use super::super::restore::{self, Wanted};
        let room = tempfile::tempdir().unwrap();
        let (data_dir, keys_dir) = house(room.path());
        let first = start(&data_dir, &keys_dir);
        rotate(&data_dir, &keys_dir, options(), NOW).unwrap();
        start(&data_dir, &keys_dir);
        let target = room.path().join("backup");
        let derived = [backup::Derived { file: "names", stream: Stream::Events }];
        let source =
            Source { data_dir: &data_dir, beside: &[], derived: &derived, plain: &[], running: false, now: NOW };
        backup::take(&source, &target).unwrap();
        let new = rotate(&data_dir, &keys_dir, options(), NOW).unwrap();
        let newest = fs::read(data_dir.join("checkpoints/newest")).unwrap();
        let (backup, again) = (target.as_path(), room.path().join("again"));
        let newest = vec![("newest".to_owned(), newest)];
        let wanted = Wanted { backup, data_dir: &again, keys_dir: &keys_dir, node: "gw-1", newest, now: NOW };
        let restored = restore::restore(&wanted).unwrap();
        assert!(restored.closed, "the second rotation is lost, and recorded again");
        assert_eq!(start(&again, &keys_dir), new);
        let report = verify::ledger(&again, &Asked { key: Some(first), ..Asked::default() });
        assert_eq!((report.findings, report.rotations.len()), (vec![], 2));
        // Without the statements the backup's key is a stranger's.
        fs::remove_file(keys_dir.join(FILE)).unwrap();
        let other = room.path().join("other");
        let refused = restore::restore(&Wanted { data_dir: &other, ..wanted });
        assert!(matches!(refused, Err(restore::RestoreError::OtherKeys(_))));
    }

    #[test]
    fn a_statement_that_one_key_did_not_sign_and_the_old_key_afterwards_are_found() {
        let room = tempfile::tempdir().unwrap();
        let (data_dir, keys_dir) = house(room.path());
        start(&data_dir, &keys_dir);
        rotate(&data_dir, &keys_dir, options(), NOW).unwrap();
        start(&data_dir, &keys_dir);
        let path = data_dir.join("checkpoints").join(FILE);
        let whole = fs::read_to_string(&path).unwrap();
        let mut wrong = Rotation::read(whole.trim_end()).unwrap();
        wrong.signatures[0][5] ^= 1;
        for text in [wrong.line(), String::new(), whole.replace("1 ", "2 ")] {
            fs::write(&path, text).unwrap();
            assert!(!verify::ledger(&data_dir, &Asked::default()).holds());
        }
        fs::write(&path, &whole).unwrap();
        // Whoever has the old key signs what is there now.
        let newest = data_dir.join("checkpoints/newest");
        let octets = fs::read(&newest).unwrap();
        let note = super::super::note::Note::read(&octets).unwrap();
        let old = super::super::note::NoteSigner::new("stopgate/gw-1/events", keys().sign_seed());
        let forged = old.sign(note.text);
        fs::write(&newest, forged).unwrap();
        let report = verify::ledger(&data_dir, &Asked::default());
        assert!(report.findings[0].what.contains("had been replaced"), "{:?}", report.findings);
    }
}
