//! Owns the end of a restore's closed time by two people: one records what was lost and what was done about it, another confirms it.
//! Must never open on one person's word, nor before the record that says why is durable.

use super::handle::{Handle, HandleError};
use crate::ledger::event::{Admin, Epoch, Event, NamedCheckpoint, Reopen, ReopenedBy};
use crate::ledger::{OpenError, verify};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::suppression::proposals::{PROPOSAL_KEPT, of_proposal};

/// The acts, as admin records name them.
const RECORD: &str = "restore.loss.record";
const CONFIRM: &str = "restore.loss.confirm";

/// How a restored ledger stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Position of the record of the restore.
    pub seq: u64,
    pub at: CivilInstant,
    pub epoch: u32,
    /// The newest checkpoint of the backup, and the newest one that was known of what is lost.
    pub backup: NamedCheckpoint,
    pub newest: Option<NamedCheckpoint>,
    /// What was recorded since and waits for a second person.
    pub waiting: Vec<Loss>,
}

/// A loss as one person recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Position of its record in the events.
    pub id: u64,
    pub by: NameId,
    pub at: CivilInstant,
    /// What is lost and what was done about it.
    pub detail: NameId,
}

impl Loss {
    /// When it is over.
    pub fn until(&self) -> CivilInstant {
        self.at.plus(PROPOSAL_KEPT)
    }
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    #[error("the gateway is not closed after a restore")]
    NotClosed,
    #[error("no such record waits")]
    Unknown,
    #[error("the person who recorded a loss may not confirm it")]
    SamePerson,
    #[error(transparent)]
    Record(#[from] HandleError),
    #[error(transparent)]
    Read(#[from] OpenError),
}

impl Handle {
    /// How it stands, when it is closed after a restore. Reads every event since then.
    ///
    /// # Errors
    /// The events cannot be read.
    pub fn closed(&self) -> Result<Option<Closed>, OpenError> {
        let ledger = &self.shared.ledger;
        let Some(seq) = ledger.closed_since() else { return Ok(None) };
        let Some((record, _)) = ledger.event(seq)? else { return Ok(None) };
        let Event::Epoch(Epoch { number: epoch, backup, newest }) = record.event else { return Ok(None) };
        let now = self.shared.clock.civil();
        let mut waiting = Vec::new();
        let mut events = ledger.read_events(seq, u64::MAX);
        while let Some((record, _)) = events.next_step_of_a_lift()? {
            if let Event::Admin(admin) = record.event
                && ledger.name(admin.action).as_deref() == Some(RECORD)
            {
                let loss = Loss { id: record.seq, by: admin.by, at: record.at, detail: admin.detail };
                waiting.extend(Some(loss).filter(|loss| now < loss.until()));
            }
        }
        Ok(Some(Closed { seq, at: record.at, epoch, backup, newest, waiting }))
    }

    /// Records what a restore has lost; durable when it returns. Opens nothing yet.
    ///
    /// # Errors
    /// `NotClosed`, `Record`.
    pub async fn record_loss(&self, words: &str, by: &str) -> Result<Loss, LossError> {
        if self.shared.ledger.closed_since().is_none() {
            return Err(LossError::NotClosed);
        }
        let names = self.intern_all(&[by, RECORD, words])?;
        let admin = Admin { by: names[0], action: names[1], tag: None, detail: names[2] };
        let at = self.shared.clock.civil();
        let id = self.record_first(&[Event::Admin(admin)], None).await?;
        Ok(Loss { id, by: names[0], at, detail: names[2] })
    }

    /// Confirms what somebody else recorded: the gateway is open when this returns.
    ///
    /// # Errors
    /// `NotClosed`, `Unknown` (none waits, or it is over), `SamePerson`, `Record`, `Read`.
    pub async fn confirm_loss(&self, id: u64, by: &str) -> Result<Loss, LossError> {
        let closed = self.closed()?.ok_or(LossError::NotClosed)?;
        let loss = closed.waiting.into_iter().find(|loss| loss.id == id).ok_or(LossError::Unknown)?;
        let names = self.intern_all(&[by, CONFIRM, &of_proposal(id)])?;
        if names[0] == loss.by {
            return Err(LossError::SamePerson);
        }
        let people = [loss.by, names[0]];
        let reopen = Reopen { epoch: closed.epoch, by: ReopenedBy::TwoPeople, people, detail: loss.detail };
        let admin = Admin { by: names[0], action: names[1], tag: None, detail: names[2] };
        self.record_first(&[Event::Reopen(reopen), Event::Admin(admin)], None).await?;
        self.shared.ledger.reopened();
        let name = |id| self.shared.ledger.name(id).unwrap_or_else(|| "?".into());
        tracing::warn!(event = "restore.opened", epoch = closed.epoch, first = %name(people[0]), second = %name(people[1]));
        Ok(loss)
    }

    /// Says in the log that commercial traffic is refused since a restore, when it is.
    pub fn say_closed(&self) {
        match self.closed() {
            Ok(Some(closed)) => tracing::warn!(
                event = "restore.closed",
                epoch = closed.epoch,
                backup = %verify::report::rfc3339(closed.backup.at),
                "commercial messages are refused: bring the missing STOPs, then two people record the loss (`stopgate loss`)"
            ),
            Ok(None) => {}
            Err(error) => tracing::error!(event = "restore.unreadable", %error),
        }
    }
}
