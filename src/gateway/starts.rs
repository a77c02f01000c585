//! Owns what is done about a START: lifted at once, asked first, or only passed on, as its short code says.
//! Must never lift in RAM before that is durable, nor for more than the accounts of the code.

use super::lane::Lane;
use super::optout::{Act, Record, Understood, by};
use super::settings::StartByMo;
use crate::clock::Now;
use crate::ledger::event::Admin;
use crate::ledger::suppression_event::{EventId, Lift, LiftSource, SuppressionEvent};
use crate::ledger::{Event, Personal};
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::suppression::questions::{ASKED, Questions};
use crate::telemetry::labels::RecordKind;
use std::sync::Arc;

/// A question that is put once its record is durable.
#[derive(Clone, Debug)]
pub struct Question {
    pub accounts: Vec<NameId>,
    pub seen: Vec<EventId>,
}

impl Lane {
    /// START: as the short code says.
    pub fn start(&mut self, said: Understood<'_, '_>, now: Now) {
        if self.kit.shared.ledger.is_behind() {
            // A lift names the stops it has seen, and not all of them are read yet: the operator brings it again.
            return self.answer_deliver(said.from, self.temporary(said.from.link));
        }
        let by_mo = said.owners.code.map_or(StartByMo::Off, |code| self.kit.settings.start_by_mo(code));
        let passed_on = said.owners.accounts.is_empty();
        match by_mo {
            StartByMo::On if !passed_on => self.lift_by_start(said, now),
            StartByMo::Confirm if !passed_on => {
                if self.is_stopped_for_owners(&said) && !self.is_an_answer(&said, now) {
                    self.ask_first(said, now);
                } else {
                    self.lift_by_start(said, now);
                }
            }
            StartByMo::On | StartByMo::Confirm | StartByMo::Off => {
                self.forward(said.from, said.inbound, &said.concerned.told, said.tag, now);
            }
        }
    }

    /// Whether any stop keeps an owner of the address from writing.
    fn is_stopped_for_owners(&self, said: &Understood<'_, '_>) -> bool {
        let detail = self.kit.shared.index.detail(&said.tag).unwrap_or_default();
        said.owners.accounts.iter().any(|account| detail.stops_any_way(&said.tag, *account))
    }

    /// Whether this START answers the question that an earlier one has raised.
    fn is_an_answer(&self, said: &Understood<'_, '_>, now: Now) -> bool {
        let shared = &self.kit.shared;
        let (seen, put) = (shared.stops_seen(&said.tag), shared.confirmations.last_question(&said.tag));
        shared.with_questions(|open| open.answered(&said.tag, &said.owners.accounts, &seen, put, now.civil))
    }

    /// Recorded and durable first, lifted in RAM only then, and only for the accounts of the code.
    fn lift_by_start(&mut self, said: Understood<'_, '_>, now: Now) {
        let shared = Arc::clone(&self.kit.shared);
        let lift = Lift {
            id: shared.ledger.next_event_id(),
            tag: said.tag,
            source: LiftSource::Handset,
            accounts: said.owners.accounts.clone(),
            seen: shared.stops_seen(&said.tag),
            smsc: self.smscs[said.smsc].settings.id,
            short_code: said.owners.code.unwrap_or(0),
            people: [NameId::NONE; 2],
            detail: shared.ledger.handle(&by(&said.matched)).unwrap_or(NameId::NONE),
        };
        let personal = self.personal(&said);
        let recorded =
            self.appender.event(now.civil, &Event::Suppression(SuppressionEvent::Lift(lift.clone())), Some(&personal));
        shared.metrics.records.one(RecordKind::Lift);
        let words = by(&said.matched);
        let renewals = self.renew_opt_ins(said.number, said.tag, &said.owners.accounts, &words, now);
        let copies = self.keep_copies(said.inbound, &said.concerned.told, said.tag, now);
        let Ok(ticket) = recorded else {
            return self.answer_deliver(said.from, self.temporary(said.from.link));
        };
        self.await_act(Act::Start { lift, renewals }, Record::Batch(ticket), copies.last, &said, now);
    }

    /// Nothing is lifted: the person is asked, and only another START lifts.
    fn ask_first(&mut self, said: Understood<'_, '_>, now: Now) {
        let shared = Arc::clone(&self.kit.shared);
        let question = Question { accounts: said.owners.accounts.clone(), seen: shared.stops_seen(&said.tag) };
        let name = |word: &str| shared.ledger.handle(word).unwrap_or(NameId::NONE);
        let admin = Admin {
            by: self.smscs[said.smsc].settings.id,
            action: name(ASKED),
            tag: Some(said.tag),
            detail: name(&by(&said.matched)),
        };
        let evidence = Some(Questions::sealed(&question.accounts, &question.seen));
        let personal = Personal { evidence, ..self.personal(&said) };
        let recorded = self.appender.event(now.civil, &Event::Admin(admin), Some(&personal));
        shared.metrics.records.one(RecordKind::Admin);
        let copies = self.keep_copies(said.inbound, &said.concerned.told, said.tag, now);
        let Ok(ticket) = recorded else {
            return self.answer_deliver(said.from, self.temporary(said.from.link));
        };
        self.await_act(Act::Ask(question), Record::Batch(ticket), copies.last, &said, now);
    }

    /// The record of a question is durable: it may be answered from now on.
    pub fn question_asked(&self, tag: NumberTag, question: Question, now: Now) {
        let Question { accounts, seen } = question;
        self.kit.shared.with_questions(|open| open.ask(tag, &accounts, seen, now.civil));
    }
}
