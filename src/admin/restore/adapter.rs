//! Owns the running gateway's answers about a restore: the `RestorePlane` of its handle.
//! Must never show more than the records say.

use super::super::pending::Pending;
use super::super::problem::{Problem, ProblemKind};
use super::{CheckpointShown, LossConfirmed, LossWaiting, RestoreAnswer, RestorePlane};
use crate::gateway::handle::{Closed, Handle, Loss, LossError};
use crate::ledger::event::NamedCheckpoint;

impl From<LossError> for Problem {
    fn from(error: LossError) -> Self {
        let what = error.to_string();
        match error {
            LossError::NotClosed => {
                Self::new(ProblemKind::Conflict, what, "nothing is to be done: commercial traffic flows")
            }
            LossError::Unknown => {
                Self::new(ProblemKind::NotFound, what, "`stopgate loss show` lists those that wait, for 72 hours each")
            }
            LossError::SamePerson => Self::new(
                ProblemKind::Conflict,
                what,
                "ask somebody else with the role compliance, with a token of their own",
            ),
            LossError::Record(error) => error.into(),
            LossError::Read(error) => error.into(),
        }
    }
}

fn shown(named: NamedCheckpoint) -> CheckpointShown {
    let NamedCheckpoint { epoch, at, events, verdicts } = named;
    CheckpointShown { at, epoch, events: events.size, verdicts: verdicts.size }
}

fn waiting(handle: &Handle, loss: &Loss) -> LossWaiting {
    let name = |id| handle.shared.ledger.name(id).map_or_else(|| "?".to_owned(), |name| name.to_string());
    LossWaiting { id: loss.id, by: name(loss.by), at: loss.at, until: loss.until(), words: name(loss.detail) }
}

impl RestorePlane for Handle {
    fn restored(&self) -> Pending<'_, RestoreAnswer> {
        Box::pin(async move {
            let Some(closed) = self.closed()? else {
                return Ok(RestoreAnswer {
                    closed: false,
                    epoch: None,
                    backup: None,
                    newest: None,
                    waiting: Vec::new(),
                });
            };
            let Closed { epoch, backup, newest, waiting: losses, .. } = closed;
            Ok(RestoreAnswer {
                closed: true,
                epoch: Some(epoch),
                backup: Some(shown(backup)),
                newest: newest.map(shown),
                waiting: losses.iter().map(|loss| waiting(self, loss)).collect(),
            })
        })
    }

    fn record_loss(&self, words: String, by: String) -> Pending<'_, LossWaiting> {
        Box::pin(async move { Ok(waiting(self, &Handle::record_loss(self, &words, &by).await?)) })
    }

    fn confirm_loss(&self, id: u64, by: String) -> Pending<'_, LossConfirmed> {
        Box::pin(async move {
            Handle::confirm_loss(self, id, &by).await?;
            Ok(LossConfirmed { id, opened: true })
        })
    }
}
