//! Owns the erasure of a person's data from everything this node keeps: ledger, spool and memory, in that order, once at a time.
//! Must never make a number writable again: its tag stays on the list, and opt-ins whose proof goes end with it.

use super::handle::{Handle, HandleError};
use super::shared::Shared;
use crate::consent::source::Source;
use crate::consent::{self, Standing};
use crate::ledger::Event;
use crate::ledger::erasure::{EraseError, EraseOrder};
use crate::ledger::event::{Consent, ConsentAct};
use crate::ledger::event_code::EventRecord;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::telemetry::labels::RecordKind;
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a record may take to become durable.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an order waits for another one, or for the minute's housekeeping.
const TURN: Duration = Duration::from_secs(30);

/// What an erasure found and dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Events of the ledger whose sealed data are gone.
    pub events: usize,
    /// Where the ledger says so.
    pub record: u64,
    /// Receipts and messages that waited for a sender.
    pub waiting: usize,
    /// Answers that were owed to the handset.
    pub confirmations: usize,
    /// Parts of replies.
    pub parts: usize,
    /// Messages that an operator holds for later.
    pub scheduled: usize,
    /// Replies that were kept for an officer.
    pub review: usize,
    /// The accounts whose opt-in ended because nothing proves it any more.
    pub ended_opt_ins: Vec<NameId>,
    /// Whether the number is on the list, and stays there.
    pub suppressed: bool,
    /// The list's generation behind the opt-ins that ended.
    generation: u64,
}

/// Why an erasure was not carried out, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErasureError {
    /// Another one has run for as long as this one waited.
    Running,
    /// Nothing was done.
    NotBegun(String),
    /// It is noted, and goes on by itself: every minute, and at a start.
    Unfinished(String),
    Record(HandleError),
}

impl From<HandleError> for ErasureError {
    fn from(error: HandleError) -> Self {
        Self::Record(error)
    }
}

impl Handle {
    /// Erases what is held of a number. When this returns it stands in no file of this node.
    ///
    /// # Errors
    /// As [`ErasureError`] says; it does no harm to ask again.
    pub async fn erase(&self, number: Msisdn, reason: &str, by: &str) -> Result<Erasure, ErasureError> {
        let shared = Arc::clone(&self.shared);
        let turn = timeout(TURN, Arc::clone(&shared.erasing).lock_owned()).await;
        let Ok(alone) = turn else { return Err(ErasureError::Running) };
        let names = self.intern_all(&[reason, by])?;
        let (tag, at) = (shared.tags.tag(number), shared.clock.civil());
        let order = EraseOrder { tag, reason: names[0], by: names[1], at };
        let work = tokio::task::spawn_blocking(move || {
            // Held until all is done, whether or not somebody still waits for it.
            let _alone = alone;
            let begun = shared.ledger.begin_erasure(order);
            begun.map_err(|error| ErasureError::NotBegun(error.to_string()))?;
            shared.erase_everywhere(&order).map_err(|error| ErasureError::Unfinished(error.to_string()))
        });
        let erased = work.await.unwrap_or_else(|error| Err(ErasureError::Unfinished(error.to_string())))?;
        self.wait(|| self.shared.passed_by_all() >= erased.generation).await?;
        Ok(erased)
    }
}

impl Shared {
    /// Carries out the erasures that were begun and are not over. Not on a lane.
    pub fn finish_erasures(&self) {
        // One that runs is finished by whoever began it.
        let Ok(_alone) = self.erasing.try_lock() else { return };
        let pending = match self.ledger.pending_erasures() {
            Ok(pending) => pending,
            Err(error) => return tracing::error!(event = "erasure.unreadable", %error),
        };
        if pending.torn {
            let error = "one place of erase.pending is damaged, or was torn: order the erasures of the last days again";
            tracing::error!(event = "erasure.unreadable", error);
            if let Err(error) = self.ledger.mend_pending(&pending) {
                tracing::error!(event = "erasure.unreadable", %error);
            }
        }
        for order in pending.orders {
            match self.erase_everywhere(&order) {
                Ok(erased) => {
                    tracing::info!(event = "erasure.finished", events = erased.events, record = erased.record)
                }
                Err(error) => tracing::error!(event = "erasure.unfinished", %error),
            }
        }
    }

    /// Erases in every place, and notes that it is over. Each place may be asked twice.
    fn erase_everywhere(&self, order: &EraseOrder) -> Result<Erasure, Box<dyn Error + Send + Sync>> {
        let (tag, now) = (&order.tag, self.clock.civil());
        let (ended_opt_ins, generation) = self.end_opt_ins(order, now)?;
        let erased = self.ledger.erase(order, now)?;
        self.metrics.records.one(RecordKind::Erase);
        let (waiting, confirmations) = (self.spool.erase(tag)?, self.confirmations.erase(tag, now)?);
        self.forget_ready_duties(tag);
        let (parts, scheduled) = (self.part_journal.erase(tag)?, self.scheduled.erase(tag)?);
        self.reply_parts().forget(tag);
        let review = self.review().erase(|number| self.tags.tag(number) == *tag);
        self.ledger.end_erasure(tag)?;
        let suppressed = self.index.detail(tag).is_some_and(|detail| !detail.stops.is_empty());
        Ok(Erasure {
            events: erased.events.len(),
            record: erased.record,
            waiting,
            confirmations,
            parts,
            scheduled,
            review,
            ended_opt_ins,
            suppressed,
            generation,
        })
    }

    /// Revokes the opt-ins of a number: nothing will prove them. In force at once, durable when this returns.
    fn end_opt_ins(&self, order: &EraseOrder, now: CivilInstant) -> Result<(Vec<NameId>, u64), EraseError> {
        let mut accounts = BTreeSet::new();
        self.ledger.events_about(&order.tag, (0, u64::MAX), |_, leaf, _| {
            if let Ok(EventRecord { event: Event::Consent(consent), .. }) = EventRecord::read(leaf) {
                accounts.insert(consent.account);
            }
        })?;
        let index = self.opt_ins.index();
        let mut appender = self.ledger.appender();
        let mut ended = Vec::new();
        for account in accounts {
            let Some(Standing::OptedIn { given, .. }) = index.standing(&order.tag, account) else { continue };
            let revocation = Consent {
                id: self.ledger.next_event_id(),
                act: ConsentAct::Revoke,
                tag: order.tag,
                account,
                source: self.ledger.intern(Source::Erasure.word(), now)?,
                wording: NameId::NONE,
                given_at: CivilInstant::from_secs(given.max(now).as_secs()),
                by: order.by,
            };
            consent::apply(index, &revocation, None);
            appender.event(now, &Event::Consent(revocation), None)?;
            ended.push(account);
        }
        if ended.is_empty() {
            return Ok((ended, 0));
        }
        // Messages that were released and not begun are looked at again, as after a STOP.
        let generation = self.index.raise();
        let recorded = appender.commit(now)?.events;
        self.wake_other_lanes(usize::MAX);
        if !self.ledger.wait_durable(recorded.end - 1, PATIENCE) {
            return Err(crate::ledger::LedgerError::NotDurable.into());
        }
        ended.iter().for_each(|_| self.metrics.records.one(RecordKind::Consent));
        Ok((ended, generation))
    }

    fn forget_ready_duties(&self, tag: &NumberTag) {
        drop(self.take_ready_duties(|duty| duty.tag == *tag));
    }
}
