//! Owns durable state that is not evidence: what waits for absent senders, whose message an id names, which answers are owed.
//! Must never hold a number or a text unsealed, nor lose what it said is durable.

pub mod attribution;
pub mod blanking;
pub mod confirmations;
pub mod duty;
pub mod early;
pub mod erasure;
pub mod error;
pub mod id_index;
pub mod idmap;
pub mod keys;
pub mod message_id;
pub mod queue;
pub mod record;
pub mod refusing;
pub mod reply_parts;
pub mod scheduled;
pub mod scheduled_leaf;
pub mod seal;
pub mod shelf;

#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod rekey_tests;

pub use attribution::Attribution;
pub use confirmations::Confirmations;
pub use idmap::IdMap;
pub use keys::SpoolKeys;
pub use queue::Spool;
pub use reply_parts::ReplyPartJournal;
pub use scheduled::ScheduledMessages;

use crate::journal::disk::Disk;
use crate::journal::stream::{Journal, Options};
use crate::message::instant::CivilInstant;
use error::SpoolError;
use std::fs::DirBuilder;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a backup takes along, by directory in `data_dir/spool` and stream. Not the answers owed to handsets: they are a matter of
/// minutes, and one sent twice is worse than one not sent. Not the attribution: it follows from the verdicts.
pub const KEPT_IN_BACKUPS: [(&str, &str); 4] = [
    ("spool/items", queue::STREAM),
    ("spool/ids", idmap::STREAM),
    ("spool/scheduled", scheduled::STREAM),
    ("spool/reply_parts", reply_parts::STREAM),
];

/// Everything durable that is not evidence, in `data_dir/spool`.
pub struct SpoolRoom {
    /// What waits for slow or absent senders.
    pub items: Spool,
    /// Whose message an operator's id names.
    pub ids: IdMap,
    /// The answers that are owed.
    pub confirmations: Confirmations,
    /// Whom replies answer.
    pub attribution: Attribution,
    /// The promotions that operators hold for later.
    pub scheduled: ScheduledMessages,
    /// The parts of replies, and those that may still be joined.
    pub part_journal: ReplyPartJournal,
    pub parts_at_start: Vec<reply_parts::ReplyPart>,
    /// Answers that may have been sent before a crash: their fate is unknown, and they are not repeated.
    pub unknown_at_start: usize,
}

impl SpoolRoom {
    /// Opens all of it. `keys` are those of `keys_dir`: others than before refuse to open, and what was written under one that was
    /// replaced since is written anew. `verdicts`: those that the ledger has.
    pub fn open(
        disk: Arc<dyn Disk>,
        data_dir: &Path,
        keys: SpoolKeys,
        verdicts: Range<u64>,
        now: CivilInstant,
    ) -> Result<Self, SpoolError> {
        let dir = data_dir.join("spool");
        let keeping = Keeping { disk, keys, segment_octets: 4 << 20, patience: Duration::ZERO };
        let items = Spool::open(&keeping, &dir.join("items"), queue::Limits::default())?;
        let ids = IdMap::open(&keeping, &dir.join("ids"), idmap::IDS_MAX)?;
        let attribution =
            Attribution::open(&keeping, &dir.join("attribution"), attribution::Limits::default(), verdicts)?;
        let duties = Keeping { segment_octets: 1 << 20, ..keeping.clone() };
        let (confirmations, unknown_at_start) = Confirmations::open(&duties, &dir.join("duties"), now)?;
        let scheduled = ScheduledMessages::open(&keeping, &dir.join("scheduled"), scheduled::SCHEDULED_MAX, now)?;
        let (part_journal, parts_at_start) =
            ReplyPartJournal::open(&duties, &dir.join("reply_parts"), reply_parts::KEPT, now)?;
        Ok(Self { items, ids, confirmations, attribution, scheduled, part_journal, parts_at_start, unknown_at_start })
    }

    /// Gives back what is no longer needed, in memory and on disk. Waits for fsyncs: from a housekeeping thread, about once a minute.
    pub fn tidy(&self, now: CivilInstant) -> Result<(), SpoolError> {
        self.items.tidy(now)?;
        self.ids.tidy(now)?;
        self.scheduled.tidy()?;
        self.part_journal.tidy(now)?;
        self.confirmations.tidy(now).map(|_| ())
    }
}

/// How a part of the spool is kept.
#[derive(Clone)]
pub struct Keeping {
    pub disk: Arc<dyn Disk>,
    /// The keys of `keys_dir`; others than before refuse to open.
    pub keys: SpoolKeys,
    /// Octets of a segment; at least 2 MiB in operation, so that a batch fits.
    pub segment_octets: u64,
    /// How long a write may wait for the disk to give room. Zero in operation: a lane is not held up by a disk that is full or stalls.
    pub patience: Duration,
}

impl Keeping {
    /// Opens the journal in `dir`, making the directory if it is missing.
    fn open(&self, dir: &Path, stream: &'static str, sync_within: Duration) -> Result<Journal, SpoolError> {
        self.open_under(self.keys.label(), dir, stream, sync_within)
    }

    /// The same under another mark than that of the newest keys.
    fn open_under(
        &self,
        label: [u8; 16],
        dir: &Path,
        stream: &'static str,
        sync_within: Duration,
    ) -> Result<Journal, SpoolError> {
        let options = Options {
            stream,
            segment_octets: self.segment_octets,
            sync_within,
            label,
            older: self.keys.older(),
            leaf_seq_at: None,
            read_back: false,
        };
        open_journal(Arc::clone(&self.disk), dir, options)
    }
}

fn open_journal(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<Journal, SpoolError> {
    let io = |source| SpoolError::Io { path: dir.to_path_buf(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
    if let Some(parent) = dir.parent() {
        disk.sync_dir(parent).map_err(io)?;
    }
    let (journal, found) = Journal::open(disk, dir, options)?;
    if found.cut_octets > 0 {
        // A power cut tears what nobody was told is kept. A flip in the last record looks the same: hence said.
        tracing::warn!(event = "spool.cut", path = %dir.display(), octets = found.cut_octets);
    }
    Ok(journal)
}
