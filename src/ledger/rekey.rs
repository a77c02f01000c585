//! Owns the replacement of the tag key and of the sealing key: a new one beside those that stay, and the record that says so.
//! Must never take a key away: without the old ones the list would be empty, and what they sealed could not be read nor told.
//!
//! One step commits: the new file's rename into keys_dir. Whoever opens the ledger next with keys that no record has brought in makes
//! the record, before it writes anything else under them ([`Ledger::open`]): this command, a daemon after a crash, or the start on a
//! backup from before. So whenever the power goes, the keys_dir is that from before or the new one, and both open the ledger.

use super::book::Ledger;
use super::error::{LedgerError, OpenError};
use super::generations::Secrets;
use super::keys::{GENERATIONS_MAX, Keys, fresh_secret, hex_secret};
use super::open::OpenOptions;
use super::rotation;
use super::signer::{Signer, Surroundings};
use crate::journal::disk::{self, RealDisk};
use crate::message::instant::CivilInstant;
use std::path::{Path, PathBuf};

/// Why a key was not replaced, or why nothing says so yet.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    /// Nothing was replaced.
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the {words} was replaced {count} times, and each replacement makes it slower", words = .0.words(), count = GENERATIONS_MAX - 1)]
    Full(Secrets),
    /// Nothing was replaced.
    #[error("the ledger cannot be closed: {0}")]
    NotClosed(#[from] LedgerError),
    /// The new key is in its place.
    #[error("{path} is in its place and not on record yet: {why}", path = path.display())]
    NotRecorded { path: PathBuf, why: OpenError },
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    pub path: PathBuf,
    /// From 2.
    pub generation: usize,
}

/// How far it goes: tests stop it in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The ledger was opened under the old keys, and is closed.
    Looked,
    /// The new key is in its place.
    Placed,
    /// The record is durable, and nothing is signed over it.
    Recorded,
    Signed,
}

/// Replaces a key of a data_dir that no daemon holds.
///
/// # Errors
/// See [`RekeyError`]. Whenever it ends, keys_dir opens the ledger.
pub fn replace(
    secret: Secrets,
    data_dir: &Path,
    keys_dir: &Path,
    options: OpenOptions,
    now: CivilInstant,
) -> Result<Rekeyed, RekeyError> {
    replace_to(Step::Signed, secret, (data_dir, keys_dir), options, now)
}

pub(super) fn replace_to(
    last: Step,
    secret: Secrets,
    (data_dir, keys_dir): (&Path, &Path),
    options: OpenOptions,
    now: CivilInstant,
) -> Result<Rekeyed, RekeyError> {
    // What does not open under the old keys is mended before it gets new ones.
    let (ledger, _) = Ledger::open(data_dir, &Keys::open(keys_dir, data_dir)?, options.clone(), now)?;
    rotation::settle(data_dir, keys_dir)?;
    let keys = Keys::open(keys_dir, data_dir)?;
    let generation = keys.generation(secret) + 1;
    let path = keys_dir.join(secret.file_of(generation));
    let done = Rekeyed { path: path.clone(), generation };
    // Before the new key is there, so that a failure leaves the keys as they were; no other process comes in until it is dropped.
    ledger.close(now)?;
    if generation > GENERATIONS_MAX {
        return Err(RekeyError::Full(secret));
    }
    if last >= Step::Placed {
        let fresh = fresh_secret(keys_dir)?;
        if let Err(source) = disk::replace(&RealDisk, &path, hex_secret(&fresh).as_bytes()) {
            let why = OpenError::Io { path: path.clone(), source };
            // Under its name, and perhaps not durable: then the next start finds it, or the ledger as it was.
            return Err(if path.exists() { RekeyError::NotRecorded { path, why } } else { why.into() });
        }
    }
    drop(ledger);
    if last <= Step::Placed {
        return Ok(done);
    }
    let not_recorded = |why| RekeyError::NotRecorded { path: path.clone(), why };
    let keys = Keys::open(keys_dir, data_dir).map_err(not_recorded)?;
    let (ledger, _) = Ledger::open(data_dir, &keys, options, now).map_err(not_recorded)?;
    if last == Step::Recorded {
        return Ok(done);
    }
    let signer = Signer::start(&ledger, &keys, Surroundings::silent(move || now)).map_err(not_recorded)?;
    // Its record is durable; only the end of this process may be missing.
    ledger.close(now).map_err(|_| not_recorded(OpenError::NotDurable))?;
    signer.finish();
    Ok(done)
}
