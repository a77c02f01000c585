//! Owns durable state that is not evidence: what waits for absent senders, whose message an id names, which answers are owed.
//! Must never hold a number or a text unsealed, nor lose what it said is durable.

pub mod confirmations;
pub mod duty;
pub mod early;
pub mod erasure;
pub mod error;
pub mod id_index;
pub mod idmap;
pub mod message_id;
pub mod queue;
pub mod record;
pub mod seal;
pub mod shelf;

#[cfg(test)]
mod queue_tests;

pub use confirmations::Confirmations;
pub use idmap::IdMap;
pub use queue::Spool;

use crate::journal::disk::Disk;
use crate::journal::stream::{Journal, Options};
use crate::message::instant::CivilInstant;
use error::SpoolError;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

/// Everything durable that is not evidence, in `data_dir/spool`.
pub struct SpoolRoom {
    /// What waits for slow or absent senders.
    pub items: Spool,
    /// Whose message an operator's id names.
    pub ids: IdMap,
    /// The answers that are owed.
    pub confirmations: Confirmations,
    /// Answers that may have been sent before a crash: their fate is unknown, and they are not repeated.
    pub unknown_at_start: usize,
}

impl SpoolRoom {
    /// Opens all three. `key` is the sealing key of `keys_dir`; another one than before refuses to open.
    pub fn open(disk: Arc<dyn Disk>, data_dir: &Path, key: &[u8; 32], now: CivilInstant) -> Result<Self, SpoolError> {
        let dir = data_dir.join("spool");
        let items = Spool::open(Arc::clone(&disk), &dir.join("items"), key, queue::Limits::default())?;
        let ids = IdMap::open(Arc::clone(&disk), &dir.join("ids"), key, idmap::IDS_MAX, 1 << 20)?;
        let (confirmations, unknown_at_start) = Confirmations::open(disk, &dir.join("duties"), key, 1 << 20, now)?;
        Ok(Self { items, ids, confirmations, unknown_at_start })
    }

    /// Gives back what is no longer needed, in memory and on disk. Waits for fsyncs: from a housekeeping thread, about once a minute.
    pub fn tidy(&self, now: CivilInstant) -> Result<(), SpoolError> {
        self.items.tidy()?;
        self.ids.tidy(now)?;
        self.confirmations.tidy(now).map(|_| ())
    }
}

/// Opens a journal of the spool, making its directory if it is missing.
fn open_journal(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<Journal, SpoolError> {
    let io = |source| SpoolError::Io { path: dir.to_path_buf(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
    if let Some(parent) = dir.parent() {
        disk.sync_dir(parent).map_err(io)?;
    }
    let (journal, _) = Journal::open(disk, dir, options)?;
    Ok(journal)
}
