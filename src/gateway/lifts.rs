//! Owns the lift by two people: proposed by one with evidence, decided by another, recorded at each step.
//! Must never lift in RAM what is not durable, nor more than the stops that stood when it was proposed.

use super::handle::{Handle, HandleError};
use super::shared::Shared;
use crate::ledger::event::Admin;
use crate::ledger::suppression_event::{Lift, LiftSource, SuppressionEvent};
use crate::ledger::{Event, OpenError, Personal};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::suppression::proposals::{Blocked, PROPOSAL_KEPT, Proposal, Proposals, Step, of_proposal};
use crate::suppression::questions::Questions;
use crate::telemetry::labels::RecordKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whom the record of an expiry names.
const NOBODY: &str = "stopgate";

/// A lift as it is proposed.
#[derive(Clone, Debug)]
pub struct NewLift {
    pub number: Msisdn,
    pub accounts: Vec<NameId>,
    /// What proves that the person wants it. Sealed, as the reason.
    pub evidence: String,
    pub reason: String,
}

/// A proposal that waits, with what is sealed beside its record.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub proposal: Proposal,
    pub personal: Option<Personal>,
}

/// Why a step was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiftError {
    Blocked(Blocked),
    /// Nothing stands against these accounts writing to the number.
    NothingToLift,
    /// The records of the last days are still being read after the start.
    StillReading,
    Record(HandleError),
}

impl From<HandleError> for LiftError {
    fn from(error: HandleError) -> Self {
        Self::Record(error)
    }
}

impl From<Blocked> for LiftError {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked(blocked)
    }
}

/// The proposals of a node: none are known before they are read back.
#[derive(Debug, Default)]
pub struct Lifts(Mutex<Option<Proposals>>);

impl Lifts {
    fn lock(&self) -> MutexGuard<'_, Option<Proposals>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, ask: impl FnOnce(&mut Proposals) -> T) -> Result<T, LiftError> {
        self.lock().as_mut().map(ask).ok_or(LiftError::StillReading)
    }
}

/// Reads back what waited, and which STARTs were asked about, on a thread of its own: a start does not wait for it.
///
/// # Errors
/// No thread can be made.
pub fn recall(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let work = move || match read_back(&shared) {
        Ok((found, questions)) => {
            *shared.lifts.lock() = Some(found);
            shared.with_questions(|open| open.join(questions));
        }
        Err(error) => tracing::error!(event = "lifts.unreadable", %error),
    };
    std::thread::Builder::new().name("lifts".to_owned()).spawn(work).map(drop)
}

fn read_back(shared: &Shared) -> Result<(Proposals, Questions), OpenError> {
    let (mut found, mut questions) = (Proposals::default(), Questions::default());
    // What is older has expired, give or take a step of the clock: then it has to be proposed again.
    let mut events = shared.ledger.events_since(shared.clock.civil().minus(PROPOSAL_KEPT))?;
    while let Some((record, blob)) = events.next_step_of_a_lift()? {
        let name = |id| shared.ledger.name(id);
        let personal = record.binding.and_then(|binding| shared.ledger.sealer().open(blob, &binding));
        found.replay(&record, name);
        questions.replay(&record, personal.as_ref(), name);
    }
    Ok((found, questions))
}

impl Shared {
    /// Ends the proposals that nobody decided in time, and says so in the ledger.
    pub fn expire_lifts(&self, now: CivilInstant) {
        let over = self.lifts.lock().as_mut().map(|proposals| proposals.expire(now)).unwrap_or_default();
        for proposal in over {
            if let Err(error) = self.record_expiry(&proposal, now) {
                // It is over all the same: its own record says since when it waits.
                tracing::warn!(event = "lift.expiry_unrecorded", proposal = proposal.id, %error);
            }
        }
    }

    fn record_expiry(&self, proposal: &Proposal, now: CivilInstant) -> Result<(), crate::ledger::LedgerError> {
        let names = self.ledger.intern_all(&[NOBODY, Step::Expire.word(), &of_proposal(proposal.id)], now)?;
        let admin = Admin { by: names[0], action: names[1], tag: Some(proposal.tag), detail: names[2] };
        let mut appender = self.ledger.appender();
        appender.event(now, &Event::Admin(admin), None)?;
        appender.commit(now).map(drop)
    }
}

impl Handle {
    /// Proposes a lift; durable when it returns. It sees the stops that stand now.
    ///
    /// # Errors
    /// `Blocked` (one waits already, too many wait), `NothingToLift`, `StillReading`, `Record`.
    pub async fn propose_lift(&self, lift: &NewLift, by: &str) -> Result<Proposal, LiftError> {
        let shared = &self.shared;
        if shared.ledger.is_behind() {
            return Err(LiftError::StillReading);
        }
        let (tag, now) = (shared.tags.tag(lift.number), shared.clock.civil());
        shared.lifts.with(|proposals| proposals.may_propose(&tag, &lift.accounts, now))??;
        let detail = shared.index.detail(&tag).unwrap_or_default();
        if !lift.accounts.iter().any(|account| detail.stops_any_way(&tag, *account)) {
            return Err(LiftError::NothingToLift);
        }
        let seen = shared.stops_seen(&tag);
        let names = self.intern_all(&[by, Step::Propose.word(), &Proposal::detail(&lift.accounts, &seen)])?;
        let admin = Admin { by: names[0], action: names[1], tag: Some(tag), detail: names[2] };
        let (evidence, text) = (Some(lift.evidence.clone()), Some(lift.reason.clone()));
        let personal = Personal { evidence, text, ..Personal::of(lift.number) };
        let id = self.record_first(&[Event::Admin(admin)], Some(&personal)).await?;
        let proposal = Proposal { id, tag, accounts: lift.accounts.clone(), seen, by: names[0], at: now };
        shared.lifts.with(|proposals| proposals.add(proposal.clone()))?;
        Ok(proposal)
    }

    /// Approves a proposal: its lift is durable, and in force, when this returns. Gives what was approved, and the accounts
    /// for which a stop stands all the same because it came later.
    ///
    /// # Errors
    /// `Blocked` (no such proposal waits, or the same person proposed it), `StillReading`, `Record`: then it waits on.
    pub async fn approve_lift(&self, id: u64, by: &str) -> Result<(Proposal, Vec<NameId>), LiftError> {
        let shared = &self.shared;
        if shared.ledger.is_behind() {
            return Err(LiftError::StillReading);
        }
        // What is erased meanwhile must not be sealed again beside the lift.
        let _alone = shared.erasing.lock().await;
        let now = shared.clock.civil();
        let names = self.intern_all(&[by, Step::Approve.word(), &of_proposal(id)])?;
        let proposal = shared.lifts.with(|proposals| proposals.approve(id, names[0], now))??;
        let lift = SuppressionEvent::Lift(Lift {
            id: shared.ledger.next_event_id(),
            tag: proposal.tag,
            source: LiftSource::TwoPeople,
            accounts: proposal.accounts.clone(),
            seen: proposal.seen.clone(),
            smsc: NameId::NONE,
            short_code: 0,
            people: [proposal.by, names[0]],
            detail: names[2],
        });
        let admin = Admin { by: names[0], action: names[1], tag: Some(proposal.tag), detail: names[2] };
        let events = [Event::Suppression(lift.clone()), Event::Admin(admin)];
        // The blob of the proposal is sealed beside the lift too: it is what `why` shows of it.
        let personal = shared.ledger.event(proposal.id).ok().flatten().and_then(|(_, personal)| personal);
        if let Err(error) = self.record_first(&events, personal.as_ref()).await {
            shared.lifts.with(|proposals| proposals.add(proposal))?;
            return Err(error.into());
        }
        shared.metrics.records.one(RecordKind::Lift);
        shared.lift_in_ram(&lift);
        let detail = shared.index.detail(&proposal.tag).unwrap_or_default();
        let stopped = |account: &&NameId| detail.stops_any_way(&proposal.tag, **account);
        let still = proposal.accounts.iter().filter(stopped).copied().collect();
        Ok((proposal, still))
    }

    /// Refuses a proposal, or takes one's own back; durable when it returns.
    ///
    /// # Errors
    /// `Blocked` (no such proposal waits), `StillReading`, `Record`: then it waits on.
    pub async fn refuse_lift(&self, id: u64, by: &str, reason: &str) -> Result<Proposal, LiftError> {
        let shared = &self.shared;
        let names = self.intern_all(&[by, Step::Refuse.word(), &of_proposal(id)])?;
        let now = shared.clock.civil();
        let proposal = shared.lifts.with(|proposals| proposals.refuse(id, now))??;
        let admin = Admin { by: names[0], action: names[1], tag: Some(proposal.tag), detail: names[2] };
        let personal = Personal { text: Some(reason.to_owned()), ..Personal::default() };
        if let Err(error) = self.record_first(&[Event::Admin(admin)], Some(&personal)).await {
            shared.lifts.with(|proposals| proposals.add(proposal))?;
            return Err(error.into());
        }
        Ok(proposal)
    }

    /// The proposals that wait, oldest first. Reads files.
    ///
    /// # Errors
    /// `StillReading`.
    pub fn waiting_lifts(&self) -> Result<Vec<Waiting>, LiftError> {
        let now = self.shared.clock.civil();
        let waiting: Vec<Proposal> = self.shared.lifts.with(|proposals| proposals.waiting(now).cloned().collect())?;
        let with_blob = |proposal: Proposal| {
            // A blob that was erased or cannot be read leaves the rest.
            let personal = self.shared.ledger.event(proposal.id).ok().flatten().and_then(|(_, personal)| personal);
            Waiting { proposal, personal }
        };
        Ok(waiting.into_iter().map(with_blob).collect())
    }
}
