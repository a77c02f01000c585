//! Owns a lane's way of writing: batches that are reused, one write for each touched stream.
//! Must never fsync nor wait for one: the lane goes on, and `durable_events` says what may be acknowledged.

use super::book::Ledger;
use super::error::LedgerError;
use super::event::Event;
use super::event_code;
use super::sealed::Personal;
use super::verdict::VerdictEntry;
use crate::journal::frame::Batch;
use crate::message::instant::CivilInstant;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How long a commit waits for a pre-written segment or for a disk that is behind: a lane stands still meanwhile, so not for
/// long. Beyond that the ledger is unusable until the disk is good again.
const PATIENCE: Duration = Duration::from_millis(250);

/// Which event of the batch: [`Committed::seq`] tells its sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTicket(u32);

/// What a commit appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub events: Range<u64>,
    pub verdicts: Range<u64>,
}

impl Committed {
    /// The sequence number of an event: durable when it is below `durable_events()`.
    pub fn seq(&self, ticket: EventTicket) -> u64 {
        self.events.start + u64::from(ticket.0)
    }
}

/// Writes for one lane (or one task).
pub struct Appender {
    ledger: Arc<Ledger>,
    events: Batch,
    verdicts: Batch,
    leaf: Vec<u8>,
    blob: Vec<u8>,
    position: u64,
}

impl Appender {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        let position = ledger.events_appended();
        Self {
            ledger,
            events: Batch::default(),
            verdicts: Batch::default(),
            leaf: Vec::with_capacity(256),
            blob: Vec::with_capacity(256),
            position,
        }
    }

    /// Notes how new the list is that the next verdicts are judged by. Call it before judging or releasing a batch;
    /// without it the verdicts claim no more than the last commit knew.
    pub fn mark(&mut self) {
        self.position = self.ledger.events_appended();
    }

    /// Adds a verdict to the batch. Allocates nothing once the batch has grown to its usual size.
    pub fn verdict(&mut self, entry: &VerdictEntry<'_>) {
        self.leaf.clear();
        entry.write(self.ledger.boot, self.ledger.rehearsal, self.position, &mut self.leaf);
        let taken = self.verdicts.push(&self.leaf, &[]);
        debug_assert!(taken, "a verdict's leaf is far shorter than the longest leaf");
    }

    /// Adds an event to the batch, with personal data sealed beside it.
    ///
    /// # Errors
    /// When the record is too long or the system gives no random octets; the batch is as before.
    pub fn event(
        &mut self,
        at: CivilInstant,
        event: &Event,
        personal: Option<&Personal>,
    ) -> Result<EventTicket, LedgerError> {
        self.blob.clear();
        let binding = match personal {
            None => None,
            Some(personal) => Some(self.ledger.sealer.seal(personal, &mut self.blob).ok_or(LedgerError::NotSealed)?),
        };
        self.leaf.clear();
        let (boot, rehearsal) = (self.ledger.boot, self.ledger.rehearsal);
        event_code::write(event, at, boot, rehearsal, binding.as_ref(), &mut self.leaf);
        let ticket = EventTicket(self.events.len() as u32);
        if self.events.push(&self.leaf, &self.blob) { Ok(ticket) } else { Err(LedgerError::TooLong) }
    }

    /// How many verdicts wait for the commit.
    pub fn waiting_verdicts(&self) -> usize {
        self.verdicts.len()
    }

    /// How many events wait for the commit.
    pub fn waiting_events(&self) -> usize {
        self.events.len()
    }

    /// Octets of the events that wait: a batch must fit into a segment.
    pub fn event_octets(&self) -> usize {
        self.events.octets()
    }

    /// Appends the batch: in the page cache when it returns, durable soon after. `now` is the civil instant.
    ///
    /// # Errors
    /// Nothing of the batch is recorded, except that [`LedgerError::OnlyEvents`] says which events are. The batch is
    /// emptied in every case: what was not recorded is to be answered as such.
    pub fn commit(&mut self, now: CivilInstant) -> Result<Committed, LedgerError> {
        let outcome = self.append(now);
        self.events.clear();
        self.verdicts.clear();
        self.position = self.ledger.events_appended();
        outcome
    }

    fn append(&mut self, now: CivilInstant) -> Result<Committed, LedgerError> {
        if self.events.is_empty() && self.verdicts.is_empty() {
            return Ok(Committed { events: 0..0, verdicts: 0..0 });
        }
        let ledger = &*self.ledger;
        ledger.last_now.store(now.as_micros(), Ordering::Relaxed);
        let _order = ledger.sequencer.lock().unwrap_or_else(PoisonError::into_inner);
        // Once it is known that the disk takes nothing, no lane stands still for it again.
        let patience = if ledger.gaps.is_open() { Duration::ZERO } else { PATIENCE };
        let events = match self.events.is_empty() {
            true => 0..0,
            false => ledger.events.append_within(&mut self.events, patience).inspect_err(|_| ledger.gaps.open(now))?,
        };
        let verdicts = match self.verdicts.is_empty() {
            true => Ok(0..0),
            false if ledger.gaps.is_open() => Err(LedgerError::GapOpen),
            false => {
                let appended = ledger.verdicts.append_within(&mut self.verdicts, PATIENCE);
                appended.inspect_err(|_| ledger.gaps.open(now)).map_err(LedgerError::from)
            }
        };
        match verdicts {
            Ok(verdicts) => Ok(Committed { events, verdicts }),
            Err(_) if !events.is_empty() => Err(LedgerError::OnlyEvents { events }),
            Err(error) => Err(error),
        }
    }
}
