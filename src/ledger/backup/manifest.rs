//! Owns what a backup says of itself: the checkpoint it reaches, what it holds, and the hash of every file.
//! Must never be believed over the files: whoever reads it hashes them again.

use super::super::checkpoint::Checkpoint;
use super::super::keys::hex;
use super::super::verify::report::{Finding, Report, rfc3339};
use crate::journal::copy::write_new;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// Its name in the backup.
pub const FILE: &str = "backup.json";
/// What its first field says.
pub const FORMAT: &str = "stopgate backup 1";

/// A backup's description of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    /// `stopgate/NODE`.
    pub origin: String,
    /// When it was made, RFC 3339.
    pub made: String,
    pub software: String,
    pub rehearsal: bool,
    /// The public key of the checkpoints.
    pub key: String,
    /// The key-check value of the keys it can be opened with, in hexadecimal.
    pub key_check: String,
    /// The newest checkpoint in it.
    pub checkpoint: Reached,
    pub events: Held,
    pub verdicts: Held,
    /// Records of the streams beside the ledger, by directory.
    pub waiting: BTreeMap<String, u64>,
    /// What a start makes again from the records.
    pub left_out: Vec<String>,
    pub files: Vec<FileHeld>,
}

/// A checkpoint in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    pub time: String,
    pub epoch: u32,
    pub events: u64,
    pub verdicts: u64,
}

impl Reached {
    /// Of a checkpoint.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let (events, verdicts) = (checkpoint.events.size, checkpoint.verdicts.size);
        Self { time: rfc3339(checkpoint.at), epoch: checkpoint.epoch, events, verdicts }
    }
}

/// Records of a stream: from `first` to before `records`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    pub first: u64,
    pub records: u64,
}

/// A file of the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHeld {
    /// Relative, with `/`.
    pub path: String,
    pub octets: u64,
    pub sha256: String,
}

impl Manifest {
    /// Reads the manifest of a backup.
    ///
    /// # Errors
    /// In words: it is none, or of another format.
    pub fn read(dir: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(dir.join(FILE)).map_err(|error| error.to_string())?;
        let manifest: Self = serde_json::from_str(&text).map_err(|error| format!("it is no manifest: {error}"))?;
        if manifest.format != FORMAT {
            return Err(format!("{:?} is not a format that this version reads", manifest.format));
        }
        Ok(manifest)
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)? + "\n";
        write_new(path, &[text.as_bytes()])
    }
}

/// Every file of a backup but the manifest, in order.
pub(super) fn files(dir: &Path) -> io::Result<Vec<FileHeld>> {
    let mut found = Vec::new();
    let mut rooms = vec![dir.to_owned()];
    while let Some(room) = rooms.pop() {
        for entry in fs::read_dir(&room)? {
            let path = entry?.path();
            if path.is_dir() {
                rooms.push(path);
                continue;
            }
            let relative = path.strip_prefix(dir).map_err(io::Error::other)?.to_string_lossy().into_owned();
            if relative == FILE {
                continue;
            }
            let (octets, sha256) = hashed(&path)?;
            found.push(FileHeld { path: relative, octets, sha256 });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn hashed(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut octets) = (fs::File::open(path)?, Sha256::new(), 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((octets, hex(&hash.finalize())));
        }
        hash.update(&piece[..read]);
        octets += read as u64;
    }
}

/// Holds the files of a backup against its manifest; a directory without one is no backup, and nothing is said.
pub fn check(dir: &Path, report: &mut Report) {
    if !dir.join(FILE).exists() {
        return;
    }
    let mut wrong = |file: &str, what: &str| {
        report.find(Finding { stream: None, seq: None, file: file.to_owned(), offset: None, what: what.to_owned() });
    };
    let manifest = match Manifest::read(dir) {
        Ok(manifest) => manifest,
        Err(what) => return wrong(FILE, &what),
    };
    let found = match files(dir) {
        Ok(found) => found,
        Err(error) => return wrong(FILE, &format!("the files of the backup cannot be read: {error}")),
    };
    let found: BTreeMap<&str, &FileHeld> = found.iter().map(|file| (file.path.as_str(), file)).collect();
    let said: BTreeMap<&str, &FileHeld> = manifest.files.iter().map(|file| (file.path.as_str(), file)).collect();
    for (path, file) in &said {
        match found.get(path) {
            None => wrong(path, "the backup says that it holds this file, and it does not"),
            Some(known) if known != file => wrong(path, "the file is not the one that was backed up"),
            Some(_) => {}
        }
    }
    for path in found.keys().filter(|path| !said.contains_key(*path)) {
        wrong(path, "the file is no part of the backup");
    }
    let (events, verdicts) = (report.events, report.verdicts);
    let held = |held: &Held| (held.first, held.records);
    if [(events.first, events.records), (verdicts.first, verdicts.records)]
        != [held(&manifest.events), held(&manifest.verdicts)]
        && report.findings.is_empty()
    {
        let what = "the backup says that it holds other records than are here".to_owned();
        report.find(Finding { stream: None, seq: None, file: FILE.to_owned(), offset: None, what });
    }
    report
        .notes
        .push(format!("a backup, made {}, that reaches the checkpoint of {}", manifest.made, manifest.checkpoint.time));
}
