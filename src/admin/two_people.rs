//! Owns what the running gateway answers about lifts by two people, and how they are shown.
//! Must never approve what the same person proposed: the data plane refuses, and this says so.

use super::answers::{LiftOutcome, LiftWaiting, PastLift};
use super::named::canonical;
use super::problem::{Problem, ProblemKind};
use super::requests::{LiftDecision, LiftRequest};
use crate::gateway::handle::{Handle, LiftError, NewLift, Waiting};
use crate::ledger::suppression_event::LiftSource;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::suppression::proposals::Blocked;
use crate::suppression::registry::LiftFound;

impl From<LiftError> for Problem {
    fn from(error: LiftError) -> Self {
        let conflict = |what: String, next: &str| Self::new(ProblemKind::Conflict, what, next);
        match error {
            LiftError::Record(error) => error.into(),
            LiftError::StillReading => Self::unavailable(
                "the records of the last days are still being read after the start",
                "ask again in a moment; if it lasts, see the log for lifts.unreadable",
            ),
            LiftError::NothingToLift => conflict(
                "nothing to lift: no stop keeps these accounts from writing to the number".to_owned(),
                "see `stopgate why NUMBER`",
            ),
            LiftError::Blocked(Blocked::SamePerson) => conflict(
                "the person who proposed a lift may not approve it".to_owned(),
                "ask somebody else with the role compliance, with a token of their own",
            ),
            LiftError::Blocked(Blocked::Waiting(id)) => conflict(
                format!("proposal {id} waits for this number and account already"),
                "a second person approves it with `stopgate stop lift --approve ID`",
            ),
            LiftError::Blocked(Blocked::Full) => conflict(
                "too many lifts wait for a second person".to_owned(),
                "decide some of them: `stopgate stop lift --list`",
            ),
            LiftError::Blocked(Blocked::Unknown) => Self::new(
                ProblemKind::NotFound,
                "no such proposal waits: it was decided, is over, or never was",
                "`stopgate stop lift --list` shows those that wait",
            ),
        }
    }
}

fn names(handle: &Handle, ids: &[NameId]) -> Vec<String> {
    ids.iter().map(|id| name(handle, *id)).collect()
}

fn name(handle: &Handle, id: NameId) -> String {
    handle.shared.ledger.name(id).map_or_else(|| "?".to_owned(), |name| name.to_string())
}

/// Proposes a lift.
pub async fn propose(handle: &Handle, request: LiftRequest) -> Result<LiftWaiting, Problem> {
    let settings = handle.shared.settings.load_full();
    let number = canonical(&settings, &request.number)?;
    let mut accounts = Vec::with_capacity(request.accounts.len());
    for system_id in &request.accounts {
        let known = settings.accounts.iter().find(|account| account.policy.system_id == *system_id);
        let known = known.ok_or_else(|| {
            Problem::new(ProblemKind::NotFound, format!("no account {system_id:?}"), "`stopgate status` lists them")
        })?;
        if !accounts.contains(&known.id) {
            accounts.push(known.id);
        }
    }
    let LiftRequest { evidence, reason, by, .. } = request;
    let lift = NewLift { number, accounts, evidence: evidence.clone(), reason: reason.clone() };
    let proposal = handle.propose_lift(&lift, &by).await?;
    Ok(LiftWaiting {
        id: proposal.id,
        number: Some(number),
        accounts: names(handle, &proposal.accounts),
        stops: proposal.seen.len(),
        by,
        at: proposal.at,
        until: proposal.until(),
        evidence: Some(evidence),
        reason: Some(reason),
    })
}

/// Approves or refuses.
pub async fn decide(handle: &Handle, decision: LiftDecision) -> Result<LiftOutcome, Problem> {
    let LiftDecision { id, refused, by } = decision;
    let (proposal, lifted, still) = match refused {
        None => {
            let (proposal, still) = handle.approve_lift(id, &by).await?;
            (proposal, true, still)
        }
        Some(reason) => (handle.refuse_lift(id, &by, &reason).await?, false, Vec::new()),
    };
    let accounts = names(handle, &proposal.accounts);
    Ok(LiftOutcome { id, lifted, accounts, still_stopped: names(handle, &still) })
}

/// Those that wait.
pub fn waiting(handle: &Handle) -> Result<Vec<LiftWaiting>, Problem> {
    Ok(handle.waiting_lifts()?.into_iter().map(|waiting| show(handle, waiting)).collect())
}

/// Those that wait for one number; none while the records of the last days are still being read.
pub fn waiting_for(handle: &Handle, tag: &NumberTag) -> Vec<LiftWaiting> {
    let all = handle.waiting_lifts().unwrap_or_default().into_iter();
    all.filter(|waiting| waiting.proposal.tag == *tag).map(|waiting| show(handle, waiting)).collect()
}

fn show(handle: &Handle, Waiting { proposal, personal }: Waiting) -> LiftWaiting {
    LiftWaiting {
        id: proposal.id,
        number: personal.as_ref().and_then(|personal| personal.number),
        accounts: names(handle, &proposal.accounts),
        stops: proposal.seen.len(),
        by: name(handle, proposal.by),
        at: proposal.at,
        until: proposal.until(),
        evidence: personal.as_ref().and_then(|personal| personal.evidence.clone()),
        reason: personal.and_then(|personal| personal.text),
    }
}

/// Every lift of a number.
pub fn past(handle: &Handle, tag: &NumberTag) -> Result<Vec<PastLift>, Problem> {
    let found = handle.shared.registry.lifts(tag)?;
    let show = |LiftFound { seq, at, lift, personal }| PastLift {
        at,
        source: lift.source.word(),
        accounts: names(handle, &lift.accounts),
        people: match lift.source {
            LiftSource::Handset => Vec::new(),
            LiftSource::TwoPeople => names(handle, &lift.people),
        },
        evidence: personal.as_ref().and_then(|personal| personal.evidence.clone()),
        text: personal.and_then(|personal| personal.text),
        event: seq,
    };
    Ok(found.into_iter().map(show).collect())
}
