//! Owns the running gateway's answers about a person's data: the `GdprPlane` of its handle.
//! Must never reach past the handle, nor leave out a place where data may stand.

use super::super::consent::ConsentEntry;
use super::super::named::canonical;
use super::super::pending::Pending;
use super::super::plane::ConsentPlane;
use super::super::problem::{Problem, ProblemKind};
use super::super::requests::WrittenNumber;
use super::super::suppressions;
use super::access::{self, AccessAnswer};
use super::{EraseAnswer, EraseRequest, ErasedCounts, GdprPlane, words};
use crate::gateway::handle::{ErasureError, Handle};

impl From<ErasureError> for Problem {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Record(error) => error.into(),
            ErasureError::Running => Self::new(
                ProblemKind::Conflict,
                "another erasure has run for 30 s, or the minute's housekeeping: one at a time",
                "ask again in a minute",
            ),
            ErasureError::NotBegun(why) => Self::unavailable(
                format!("nothing was erased: {why}"),
                "make room on the disk of data_dir, or look at /readyz?verbose, and ask again",
            ),
            ErasureError::Unfinished(why) => Self::unavailable(
                format!("the erasure is noted and not over: {why}"),
                "make room on the disk of data_dir; it goes on by itself, also after a restart. Ask again to see it done",
            ),
        }
    }
}

/// For how long the verdicts are kept, in words.
fn kept(handle: &Handle) -> String {
    let days = handle.shared.settings.load().verdicts_kept.as_secs() / 86_400;
    let years = days / 365;
    // With its leap days.
    if years > 0 && days - years * 365 <= years / 4 + 1 { format!("{years} years") } else { format!("{days} days") }
}

impl GdprPlane for Handle {
    fn held(&self, written: WrittenNumber) -> Pending<'_, AccessAnswer> {
        Box::pin(async move {
            let number = canonical(&self.shared.settings.load(), &written)?;
            let held = Handle::held(self, number).await.map_err(|error| {
                Problem::new(
                    ProblemKind::Failed,
                    format!("what is held cannot be read: {error}"),
                    "`stopgate verify DATA_DIR` says what is wrong",
                )
            })?;
            let stops = suppressions::entries(self, number)?;
            let consents: Vec<ConsentEntry> = self.consents_of(written).await?;
            let name = |id| self.shared.ledger.name(id).map_or_else(|| "?".to_owned(), |name| name.to_string());
            let now = self.shared.clock.civil();
            let mut answer = access::answer((number, now), held, (stops, consents), &kept(self), name);
            answer.answer = access::words(&answer);
            Ok(answer)
        })
    }

    fn erase(&self, request: EraseRequest) -> Pending<'_, EraseAnswer> {
        Box::pin(async move {
            let number = canonical(&self.shared.settings.load(), &request.number)?;
            let erased = Handle::erase(self, number, &request.reason, &request.by).await?;
            let name = |id| self.shared.ledger.name(id).map_or_else(|| "?".to_owned(), |name| name.to_string());
            let mut answer = EraseAnswer {
                number: Some(number),
                at: self.shared.clock.civil(),
                record: erased.record,
                erased: ErasedCounts {
                    records: erased.events,
                    waiting: erased.waiting,
                    confirmations: erased.confirmations,
                    reply_parts: erased.parts,
                    scheduled: erased.scheduled,
                    review: erased.review,
                },
                ended_opt_ins: erased.ended_opt_ins.into_iter().map(name).collect(),
                suppressed: erased.suppressed,
                stays: words::stays(erased.suppressed, &kept(self)),
                answer: String::new(),
            };
            answer.answer = words::answer(&answer);
            Ok(answer)
        })
    }
}
