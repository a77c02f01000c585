//! Owns what is done about a reply: STOP, START, CONTACT, or a message for its owner.
//! Must never acknowledge a STOP before it is durable and every lane has passed it.

use super::concerned::Concerned;
use super::deliver::From;
use super::duties::AwaitingOwed;
use super::esme::{Debt, ToClient};
use super::lane::Lane;
use super::reply_parts::Taken;
use super::route::Owners;
use super::settings::StopScope;
use super::starts::Question;
use crate::clock::Now;
use crate::compliance::duty;
use crate::compliance::optout::{InboundText, Joined, Matched, Reply};
use crate::ledger::event::Consent;
use crate::ledger::suppression_event::{Lift, Stop, StopSource, SuppressionEvent};
use crate::ledger::{Committed, Event, EventTicket, LedgerError, Personal};
use crate::message::inbound::Inbound;
use crate::message::instant::MonotonicInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::pdu::status::CommandStatus;
use crate::spool::duty::{Duty, DutyKind};
use crate::spool::shelf::{ItemKind, Ticket};
use crate::suppression::reach::scopes;
use crate::telemetry::events::{OptOutDurable, OptOutReceived};
use crate::telemetry::labels::{OptOutKind, RecordKind};
use std::time::Duration;

/// How long a STOP may wait for the disk before the operator is told to keep it.
const DURABLE_WITHIN: Duration = Duration::from_secs(5);

/// esm_class message type of an acknowledgement that a handset's software sends by itself (SMPP 3.4 §5.2.12); 0x10 is the one
/// that a person types.
pub(super) const DELIVERY_ACKNOWLEDGEMENT: u8 = 0x08;
pub(super) const MESSAGE_TYPE: u8 = 0x3C;

/// What is to be done once the record is durable.
#[derive(Clone, Debug)]
pub enum Act {
    /// Blocked in RAM since it was read; `transition` says that the number was not suppressed before.
    Stop {
        transition: bool,
        generation: u64,
    },
    /// Lifted in RAM only now: the reverse order of a STOP.
    Start {
        lift: Lift,
        renewals: Vec<Consent>,
    },
    /// Asked before anything is lifted.
    Ask(Question),
    Contact,
}

/// Where the record of an act stands.
#[derive(Clone, Copy, Debug)]
pub enum Record {
    /// In this turn's batch.
    Batch(EventTicket),
    /// In the stream.
    Event(u64),
    /// Nowhere: the act needs none.
    Unneeded,
}

/// How the operator hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The reply is answered when everything is done.
    Itself,
    /// It is a receipt, whose way to the client must be over too.
    WithItsReceipt,
}

/// A reply that waits for the disk, and for the other lanes.
pub struct AwaitingAct {
    pub act: Act,
    pub answers: Answers,
    pub record: Record,
    /// The last of the copies for the accounts that must know.
    pub spooled: Option<Ticket>,
    pub from: From,
    pub number: Msisdn,
    pub tag: NumberTag,
    pub code: Option<u32>,
    /// Whose message it answers; `NONE` = not known.
    pub account: NameId,
    pub since: MonotonicInstant,
}

impl AwaitingAct {
    /// Whether it is a STOP of this number that is not durable yet.
    pub fn is_stop_of(&self, tag: &NumberTag) -> bool {
        match self.act {
            Act::Stop { .. } => self.tag == *tag,
            Act::Start { .. } | Act::Ask(_) | Act::Contact => false,
        }
    }
}

/// The copies of a reply in the spool.
pub struct Copies {
    pub last: Option<Ticket>,
    /// Whether every account has its copy.
    pub whole: bool,
}

/// What a reply means now, and whether it asks who writes should the rest of it never come.
struct Meant {
    reply: Reply,
    asks_alone: bool,
}

/// A reply whose meaning is known.
pub struct Understood<'i, 'o> {
    pub from: From,
    pub smsc: usize,
    pub inbound: &'i Inbound<'o>,
    pub owners: Owners,
    /// Whose message it answers, and who is told.
    pub concerned: Concerned,
    pub number: Msisdn,
    pub tag: NumberTag,
    pub matched: Matched,
    /// The text of all parts, where this one was the last.
    pub whole: Option<String>,
}

impl Lane {
    /// A message that a person wrote.
    pub fn reply(&mut self, from: From, smsc: usize, inbound: &Inbound<'_>, now: Now) {
        let owners = self.owners(smsc, inbound.slice(inbound.destination.text));
        if let Some(code) = owners.code {
            self.kit.shared.heard_on(code, now.civil);
        }
        let source = &inbound.source;
        let country = self.country_of(smsc);
        let handset =
            duty::handset(&self.kit.settings.numbers, source.ton, source.npi, inbound.slice(source.text), country);
        let taken = handset.map_or(Taken::Whole, |number| self.take_part(inbound, number, now));
        let Meant { reply, asks_alone } = self.understand(smsc, inbound, taken.joined(), &owners);
        let kind = match reply {
            Reply::Stop(_) => OptOutKind::Stop,
            Reply::Start(_) => OptOutKind::Start,
            Reply::Contact(_) => OptOutKind::Contact,
            Reply::None => OptOutKind::None,
        };
        let matched = match &reply {
            Reply::Stop(matched) | Reply::Start(matched) | Reply::Contact(matched) => by(matched),
            Reply::None => "-".to_owned(),
        };
        let short_code = owners.code.unwrap_or(0);
        let name = &self.smscs[smsc].settings.name;
        OptOutReceived { smsc: name, kind, number: handset, short_code, matched: &matched }
            .emit(&self.smscs[smsc].metrics);
        let Some(number) = handset else {
            // Nobody can be suppressed by a name or a short code; its owner may want to read it.
            return self.forward(from, inbound, &owners.accounts, NumberTag::default(), now);
        };
        let tag = self.kit.shared.tags.tag(number);
        if let (Taken::Waits(key), false) = (&taken, matches!(reply, Reply::Stop(_)))
            && !self.keep_part(from, inbound, key, now)
        {
            return self.answer_deliver(from, self.temporary(from.link));
        }
        if matches!((&reply, &taken), (Reply::None, Taken::Whole | Taken::Completes(_))) {
            self.note_doubt(smsc, number, inbound, taken.joined(), &owners, now);
        }
        let whole = taken.joined().and_then(|joined| joined.text(self.smscs[smsc].settings.alphabet));
        if let (Taken::Waits(key), true, Some(short_code)) = (taken, asks_alone, owners.code) {
            let to = inbound.slice(inbound.destination.text);
            let account = self.concerned(smsc, &tag, to, &owners.accounts, now).writer();
            self.ask_alone_later(key, Duty { kind: DutyKind::Contact, number, tag, short_code, account }, now);
        }
        if matches!(reply, Reply::None) && owners.accounts.len() <= 1 {
            // Whatever has been written, there is one who may read it.
            return self.forward(from, inbound, &owners.accounts, tag, now);
        }
        let to = inbound.slice(inbound.destination.text);
        let concerned = self.concerned(smsc, &tag, to, &owners.accounts, now);
        let told = concerned.told.clone();
        let understood = |matched| Understood { from, smsc, inbound, owners, concerned, number, tag, matched, whole };
        match reply {
            Reply::Stop(matched) => self.stop(understood(matched), now),
            Reply::Start(matched) => self.start(understood(matched), now),
            Reply::Contact(matched) => self.contact(understood(matched), now),
            Reply::None => self.forward(from, inbound, &told, tag, now),
        }
    }

    /// What a reply means. A part is read alone, since a STOP must not wait; anything else it says counts in the whole only.
    fn understand(&self, smsc: usize, inbound: &Inbound<'_>, joined: Option<&Joined>, owners: &Owners) -> Meant {
        if inbound.esm_class & MESSAGE_TYPE == DELIVERY_ACKNOWLEDGEMENT {
            return Meant { reply: Reply::None, asks_alone: false };
        }
        let short_codes: Vec<u32> = owners.code.into_iter().collect();
        let read = |text| {
            self.kit.engine.read(&InboundText {
                data_coding: inbound.data_coding,
                octets: inbound.slice(text),
                alphabet: self.smscs[smsc].settings.alphabet,
                short_codes: &short_codes,
            })
        };
        let alone = match (read(inbound.text), inbound.second_text.map(read)) {
            (stop @ Reply::Stop(_), _) | (_, Some(stop @ Reply::Stop(_))) => stop,
            (Reply::None, Some(second)) => second,
            (first, _) => first,
        };
        let in_parts = inbound.segment.is_some_and(|segment| segment.total > 1);
        let asks_alone = in_parts && joined.is_none() && matches!(alone, Reply::Contact(_));
        let reply = match (alone, joined) {
            (stop @ Reply::Stop(_), _) => stop,
            (_, Some(joined)) => joined.meaning(&self.kit.engine, self.smscs[smsc].settings.alphabet, &short_codes),
            (Reply::Start(_) | Reply::Contact(_), None) if in_parts => Reply::None,
            (alone, None) => alone,
        };
        Meant { reply, asks_alone }
    }

    /// Sends a reply to its owners; the SMSC is answered when one has it or all copies are kept.
    pub fn forward(&mut self, from: From, inbound: &Inbound<'_>, accounts: &[NameId], tag: NumberTag, now: Now) {
        let delivery = ToClient {
            debt: Debt::Smsc(from),
            kind: ItemKind::Mo,
            tag,
            octets: inbound.octets[..inbound.end as usize].into(),
        };
        match accounts {
            [] => self.to_client(NameId::NONE, delivery, now),
            [only] => self.to_client(*only, delivery, now),
            [_, ..] => match self.keep_copies(inbound, accounts, tag, now) {
                Copies { last: Some(ticket), whole: true } => self.await_spool(ticket, from),
                Copies { last: None, whole: true } => self.answer_deliver(from, CommandStatus::OK),
                Copies { whole: false, .. } => self.answer_deliver(from, self.temporary(from.link)),
            },
        }
    }

    /// Spools a copy for each account, and says of the last one taken where it stands. An account whose spool is full
    /// loses its copy, which is counted.
    pub fn keep_copies(&mut self, inbound: &Inbound<'_>, accounts: &[NameId], tag: NumberTag, now: Now) -> Copies {
        let mut copies = Copies { last: None, whole: true };
        for account in accounts {
            match self.keep(*account, ItemKind::Mo, &inbound.octets[..inbound.end as usize], tag, now) {
                Some(ticket) => copies.last = Some(ticket),
                None => copies.whole = false,
            }
        }
        copies
    }

    /// STOP: RAM first, then the ledger; the answer waits for the disk and for every lane.
    fn stop(&mut self, said: Understood<'_, '_>, now: Now) {
        let shared = std::sync::Arc::clone(&self.kit.shared);
        let senders: Vec<u64> = said.concerned.writers.iter().map(|written| written.sender).collect();
        let reach = scopes(self.stop_scope(&said.owners), &said.concerned.told, &senders);
        let transition = reach.iter().any(|scope| !shared.index.stands(&said.tag, *scope));
        let personal = self.personal(&said);
        let smsc = self.smscs[said.smsc].settings.id;
        let detail = shared.ledger.handle(&by(&said.matched)).unwrap_or(NameId::NONE);
        // All of them block from now on, whatever becomes of a record.
        let each: Vec<_> = reach
            .into_iter()
            .map(|scope| {
                let (account, answers) = said.concerned.of(scope);
                let event = SuppressionEvent::Stop(Stop {
                    id: shared.ledger.next_event_id(),
                    tag: said.tag,
                    scope,
                    source: StopSource::Handset,
                    account,
                    smsc,
                    short_code: said.owners.code.unwrap_or(0),
                    answers,
                    detail,
                });
                shared.suppress_in_ram(&event);
                shared.metrics.records.one(RecordKind::Stop);
                self.appender.event(now.civil, &Event::Suppression(event), Some(&personal))
            })
            .collect();
        let recorded = each.into_iter().reduce(|all, one| all.and(one)).unwrap_or(Err(LedgerError::NotDurable));
        let generation = shared.index.generation();
        let copies = self.keep_copies(said.inbound, &said.concerned.told, said.tag, now);
        shared.count_optout(said.concerned.account());
        shared.wake_other_lanes(self.number);
        let Ok(ticket) = recorded else {
            // It blocks from now on; the operator keeps it until it can be recorded.
            shared.stop_unrecorded(said.tag);
            return self.answer_deliver(said.from, self.temporary(said.from.link));
        };
        // A STOP is not refused because a client does not read what it is told.
        self.await_act(Act::Stop { transition, generation }, Record::Batch(ticket), copies.last, &said, now);
    }

    /// CONTACT: answered with the identity, and forwarded.
    fn contact(&mut self, said: Understood<'_, '_>, now: Now) {
        let copies = self.keep_copies(said.inbound, &said.concerned.told, said.tag, now);
        self.await_act(Act::Contact, Record::Unneeded, copies.last, &said, now);
    }

    /// How far a STOP to this address reaches: as its short code says, else the widest of its accounts.
    fn stop_scope(&self, owners: &Owners) -> StopScope {
        let code = owners.code.and_then(|code| self.code(code));
        let accounts = owners.accounts.iter().filter_map(|account| self.accounts.get(account));
        let widest = accounts.map(|account| account.contract.settings.stop_scope).max().unwrap_or_default();
        code.map_or(widest, |code| code.stop_scope)
    }

    /// What is sealed beside the event: the number, and what was written.
    pub fn personal(&self, said: &Understood<'_, '_>) -> Personal {
        let mut text = String::new();
        let octets = said.inbound.slice(said.inbound.text);
        let alphabet = self.smscs[said.smsc].settings.alphabet;
        let readable = crate::message::text::decode(said.inbound.data_coding, octets, alphabet, &mut text).is_ok();
        let text = said.whole.clone().or(readable.then_some(text));
        Personal { text, octets: Some(octets.to_vec()), ..Personal::of(said.number) }
    }

    pub fn await_act(
        &mut self,
        act: Act,
        record: Record,
        spooled: Option<Ticket>,
        said: &Understood<'_, '_>,
        now: Now,
    ) {
        let Understood { from, number, tag, .. } = *said;
        let (code, account) = (said.owners.code, said.concerned.writer());
        self.awaiting_acts.push_back(AwaitingAct {
            act,
            answers: Answers::Itself,
            record,
            spooled,
            from,
            number,
            tag,
            code,
            account,
            since: now.monotonic,
        });
    }

    /// The batch is in the stream: acts learn where their records stand.
    pub fn acts_recorded(&mut self, committed: &Committed) {
        for act in self.awaiting_acts.iter_mut().rev() {
            match act.record {
                Record::Batch(ticket) => act.record = Record::Event(committed.seq(ticket)),
                Record::Event(_) => break,
                Record::Unneeded => {}
            }
        }
    }

    /// The batch could not be recorded: the operator keeps what it brought. The numbers stay blocked in RAM.
    pub fn acts_unrecorded(&mut self) {
        let (lost, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.awaiting_acts).into_iter().partition(|act| matches!(act.record, Record::Batch(_)));
        self.awaiting_acts = kept.into();
        for act in lost {
            if act.is_stop_of(&act.tag) {
                self.kit.shared.stop_unrecorded(act.tag);
            }
            self.act_fails(&act);
        }
    }

    /// The operator is to bring it again.
    fn act_fails(&mut self, act: &AwaitingAct) {
        match act.answers {
            Answers::Itself => self.answer_deliver(act.from, self.temporary(act.from.link)),
            Answers::WithItsReceipt => self.stop_of_receipt_fails(act.from),
        }
    }

    /// Looks which acts are durable and passed by every lane, and finishes them.
    pub fn finish_acts(&mut self, now: Now) {
        let shared = std::sync::Arc::clone(&self.kit.shared);
        let durable = shared.ledger.durable_events();
        let passed = shared.passed_by_all();
        for act in std::mem::take(&mut self.awaiting_acts) {
            let recorded = match act.record {
                Record::Batch(_) => false,
                Record::Event(seq) => seq < durable,
                Record::Unneeded => true,
            };
            let everywhere = match act.act {
                Act::Stop { generation, .. } => generation <= passed,
                Act::Start { .. } | Act::Ask(_) | Act::Contact => true,
            };
            if recorded && everywhere && act.spooled.is_none_or(|ticket| shared.spool.is_durable(ticket)) {
                self.finish_act(act, now);
            } else {
                self.awaiting_acts.push_back(act);
            }
        }
    }

    fn finish_act(&mut self, act: AwaitingAct, now: Now) {
        let (kind, transition) = match act.act {
            Act::Stop { transition, .. } => {
                self.kit.shared.stop_recorded(&act.tag);
                if let Record::Event(seq) = act.record {
                    self.kit.shared.leaks.acknowledged(act.tag, seq);
                }
                let after = now.monotonic.since(act.since);
                self.kit.shared.metrics.ledger_commit.record(after.as_secs_f64());
                OptOutDurable { number: Some(act.number), after }.emit(&self.kit.shared.metrics);
                (DutyKind::Stop, transition)
            }
            Act::Start { lift, renewals } => {
                self.renewed_opt_ins(&renewals);
                (DutyKind::Start, self.kit.shared.lift_in_ram(&SuppressionEvent::Lift(lift)))
            }
            Act::Ask(question) => {
                self.question_asked(act.tag, question, now);
                (DutyKind::StartQuestion, false)
            }
            Act::Contact => (DutyKind::Contact, true),
        };
        let owed = act.code.and_then(|short_code| {
            let duty = Duty { kind, number: act.number, tag: act.tag, short_code, account: act.account };
            self.owe(duty, transition, now)
        });
        match (act.answers, owed) {
            (Answers::WithItsReceipt, _) => self.stop_of_receipt_stands(act.from),
            (Answers::Itself, None) => self.answer_deliver(act.from, CommandStatus::OK),
            (Answers::Itself, Some(id)) => {
                self.awaiting_owed.push_back(AwaitingOwed { id, from: act.from, since: now.monotonic });
            }
        }
    }

    /// What is not durable in time goes back to the operator, and the link that brought it unbinds so that MOs are stored there.
    pub fn tick_acts(&mut self, now: Now) {
        let broken = self.kit.shared.ledger.events_are_broken();
        let late = |act: &AwaitingAct| broken || now.monotonic.since(act.since) >= DURABLE_WITHIN;
        if !self.awaiting_acts.iter().any(late) {
            return;
        }
        let (over, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.awaiting_acts).into_iter().partition(late);
        self.awaiting_acts = kept.into();
        for act in over {
            self.act_fails(&act);
            if self.links.get(act.from.link.slot).is_some_and(|link| link.generation == act.from.link.generation) {
                tracing::error!(event = "optout.not_durable", number = act.number.masked());
                self.unbind_link(act.from.link.slot, now);
            }
        }
    }
}

/// What a reply was understood by, as the ledger names it: `fr/STOP`.
pub fn by(matched: &Matched) -> String {
    format!("{}/{}", matched.language, matched.id)
}
