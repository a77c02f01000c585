//! Owns giving up verdicts whose retention is over: whole segments, oldest first, recorded before they go.
//! Must never give up a hash: what stays proves itself, and every checkpoint ever signed can still be held against it.

use super::book::{Ledger, PATIENCE};
use super::erasure::EraseError;
use super::error::{LedgerError, OpenError};
use super::event::{Event, Retention};
use super::tiles;
use crate::message::instant::CivilInstant;
use std::sync::Arc;
use std::time::Duration;

/// A segment of verdicts is left after this long, so that a quiet gateway does not keep the oldest for years beyond their time.
pub const SEGMENT_SPAN: Duration = Duration::from_secs(31 * 24 * 3600);

/// Why verdicts were not given up.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    #[error(transparent)]
    Read(#[from] OpenError),
    #[error(transparent)]
    Rewrite(#[from] EraseError),
    #[error(transparent)]
    Record(#[from] LedgerError),
    #[error("segments cannot be removed: {0}")]
    Remove(#[from] std::io::Error),
}

impl Ledger {
    /// Goes on in a new segment of verdicts when the one being written began long ago; whether it did.
    ///
    /// # Errors
    /// The disk has no room, or cannot be read; nothing has changed.
    pub fn leave_old_segment(&self, now: CivilInstant) -> Result<bool, ForgetError> {
        let Some(&start) = self.verdict_segments().last() else { return Ok(false) };
        match self.read_verdicts(start, start + 1).next_verdict()? {
            Some(first) if now.since(first.at) >= SEGMENT_SPAN => {
                self.verdicts.roll_with_room(PATIENCE).map_err(EraseError::from)?;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        }
    }

    /// Gives up the whole segments in which every verdict was recorded before `older_than`, of those before the verdict `needed`.
    /// An event says so first, durably; the hashes stay. Gives the first verdict that is left, when any went.
    ///
    /// # Errors
    /// The disk: what the event says is carried out by the next call.
    pub fn forget_verdicts(
        self: &Arc<Self>,
        (older_than, kept): (CivilInstant, Duration),
        needed: u64,
        now: CivilInstant,
    ) -> Result<Option<u64>, ForgetError> {
        // Without their hashes nothing could be proved of those that stay.
        let hashed = tiles::covered(&self.dir().join("tree").join("verdicts")).unwrap_or(0);
        let needed = needed.min(hashed).min(self.verdicts.synced());
        let starts = self.verdict_segments();
        let mut before = None;
        for pair in starts.windows(2) {
            if pair[1] > needed || !self.all_older(pair[0], pair[1], older_than)? {
                break;
            }
            before = Some(pair[1]);
        }
        let Some(before) = before else { return Ok(None) };
        let record = Retention { before, older_than, kept_s: kept.as_secs() };
        let mut appender = self.appender();
        appender.event(now, &Event::Retention(record), None)?;
        let seq = appender.commit(now)?.events.end - 1;
        if !self.events.wait_synced(seq, PATIENCE) {
            return Err(LedgerError::NotDurable.into());
        }
        self.verdicts.forget_before(before)?;
        Ok(Some(self.first_verdict()))
    }

    /// Whether all of these were recorded before an instant. Instants need not rise: every one is looked at.
    fn all_older(&self, from: u64, upto: u64, older_than: CivilInstant) -> Result<bool, OpenError> {
        let mut verdicts = self.read_verdicts(from, upto);
        while let Some(record) = verdicts.next_verdict()? {
            if record.at >= older_than {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
