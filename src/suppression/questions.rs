//! Owns the questions that a START has raised where a code asks before it lifts, until the person answers START.
//! Must never take for an answer what came before the question, after a STOP, or too late.

use crate::ledger::event::Event;
use crate::ledger::event_code::EventRecord;
use crate::ledger::sealed::Personal;
use crate::ledger::suppression_event::EventId;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::suppression::proposals::Proposal;
use std::collections::HashMap;
use std::time::Duration;

/// How long the person may take to answer.
pub const QUESTION_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Questions open at once.
pub const QUESTIONS_MAX: usize = 100_000;
/// The `action` of the record of a question.
pub const ASKED: &str = "start.ask";

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    /// The stops that stood: with any other, the answer is none.
    seen: Vec<EventId>,
    at: CivilInstant,
}

/// The open questions, by number and by the accounts that would be lifted for.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    open: HashMap<(NumberTag, Vec<NameId>), Question>,
}

impl Questions {
    /// A question whose record is durable. With too many open it is not remembered: the next START asks again.
    pub fn ask(&mut self, tag: NumberTag, accounts: &[NameId], seen: Vec<EventId>, at: CivilInstant) {
        if self.open.len() >= QUESTIONS_MAX {
            self.expire(at);
        }
        let key = (tag, accounts.to_vec());
        if self.open.len() < QUESTIONS_MAX || self.open.contains_key(&key) {
            self.open.insert(key, Question { seen, at });
        }
    }

    /// Whether a START answers a question: `put` is when the question last left towards this number. If so, it is no longer open.
    pub fn answered(
        &mut self,
        tag: &NumberTag,
        accounts: &[NameId],
        seen: &[EventId],
        put: Option<CivilInstant>,
        now: CivilInstant,
    ) -> bool {
        let key = (*tag, accounts.to_vec());
        let answers = self.open.get(&key).is_some_and(|question| {
            let heard = put.is_some_and(|put| put >= question.at);
            heard && question.seen == seen && now.since(question.at) < QUESTION_KEPT
        });
        if answers {
            self.open.remove(&key);
        }
        answers
    }

    /// Takes in what was read back: what was asked since stands.
    pub fn join(&mut self, earlier: Self) {
        for (key, question) in earlier.open {
            self.open.entry(key).or_insert(question);
        }
    }

    /// Forgets what was not answered in time.
    pub fn expire(&mut self, now: CivilInstant) {
        self.open.retain(|_, question| now.since(question.at) < QUESTION_KEPT);
    }

    /// What the record of a question seals beside the number: handles and ids.
    pub fn sealed(accounts: &[NameId], seen: &[EventId]) -> String {
        Proposal::detail(accounts, seen)
    }

    /// Takes in a record as it is read back, with what it seals.
    pub fn replay<N: AsRef<str>>(
        &mut self,
        record: &EventRecord,
        personal: Option<&Personal>,
        name: impl Fn(NameId) -> Option<N>,
    ) {
        let Event::Admin(admin) = &record.event else { return };
        if name(admin.action).is_none_or(|action| action.as_ref() != ASKED) {
            return;
        }
        let sealed = personal.and_then(|personal| Proposal::read_detail(personal.evidence.as_deref()?));
        if let (Some(tag), Some((accounts, seen))) = (admin.tag, sealed) {
            self.ask(tag, &accounts, seen, record.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::Admin;

    const ACME: NameId = NameId(3);
    const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);
    const TAG: NumberTag = NumberTag([7; 16]);

    fn stop(number: u64) -> Vec<EventId> {
        vec![EventId { origin: 0xab, number }]
    }

    #[test]
    fn only_a_start_after_the_question_with_no_stop_between_and_in_time_answers_it() {
        let later = |secs| NOW.plus(Duration::from_secs(secs));
        let day = QUESTION_KEPT.as_secs();
        for (accounts, seen, put, now, expected) in [
            (&[ACME][..], stop(1), Some(later(1)), later(60), true),
            (&[ACME], stop(1), Some(NOW), later(60), true),
            (&[ACME], stop(1), None, later(60), false),
            (&[ACME], stop(1), Some(NOW.minus(Duration::from_secs(1))), later(60), false),
            (&[ACME], stop(2), Some(later(1)), later(60), false),
            (&[ACME], stop(1), Some(later(1)), later(day), false),
            (&[ACME], stop(1), Some(later(1)), later(day - 1), true),
            (&[NameId(9)], stop(1), Some(later(1)), later(60), false),
        ] {
            let mut questions = Questions::default();
            questions.ask(TAG, &[ACME], stop(1), NOW);
            let found = questions.answered(&TAG, accounts, &seen, put, now);
            assert_eq!(found, expected, "{accounts:?} {seen:?} {put:?} {now}");
            assert!(!found || !questions.answered(&TAG, accounts, &seen, put, now), "answered once");
        }
    }

    #[test]
    fn a_question_is_read_back_from_its_record_and_void_without_what_it_seals() {
        let admin = Admin { by: NameId::NONE, action: NameId(5), tag: Some(TAG), detail: NameId::NONE };
        let record =
            EventRecord { seq: 1, at: NOW, boot: 1, rehearsal: false, binding: None, event: Event::Admin(admin) };
        let sealed = Personal { evidence: Some(Questions::sealed(&[ACME], &stop(1))), ..Personal::default() };
        for (action, personal, expected) in
            [(ASKED, Some(&sealed), true), ("reload", Some(&sealed), false), (ASKED, None, false)]
        {
            let mut questions = Questions::default();
            questions.replay(&record, personal, |_| Some(action));
            assert_eq!(questions.answered(&TAG, &[ACME], &stop(1), Some(NOW), NOW), expected, "{action}");
        }
    }
}
