//! Owns receipts that say that the recipient opted out at the operator: each is a STOP, and is acknowledged like one.
//! Must never acknowledge such a receipt before its STOP is durable and every lane has passed it.

use super::build;
use super::deliver::From;
use super::lane::Lane;
use super::optout::{Act, Answers, AwaitingAct, Record};
use super::refs::LinkRef;
use crate::clock::Now;
use crate::compliance::sender_rules::Source;
use crate::ledger::suppression_event::{Scope, Stop, StopSource, SuppressionEvent};
use crate::ledger::{Event, Personal};
use crate::message::inbound::Inbound;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::pdu::receipt::Receipt;
use crate::pdu::status::CommandStatus;
use crate::spool::id_index::Match;
use crate::suppression::reach::scopes;
use crate::telemetry::labels::RecordKind;
use std::collections::HashMap;
use std::sync::Arc;

/// What an operator's receipt waits for before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// Its STOP is not durable yet; the answer that its way to the client has earned meanwhile, if any.
    Shut(Option<CommandStatus>),
    /// The operator was told to bring it again; what its way to the client earns is not said any more.
    Refused,
}

/// The receipts whose STOP decides when they are answered, by link and sequence number.
#[derive(Debug, Default)]
pub struct Gates(HashMap<(LinkRef, u32), Gate>);

impl Gates {
    /// Whether an answer may be written now; otherwise it is kept, or dropped because another was given.
    pub fn may_answer(&mut self, from: &From, status: CommandStatus) -> bool {
        let key = (from.link, from.sequence);
        match self.0.get_mut(&key) {
            None => true,
            Some(Gate::Shut(earned)) => {
                *earned = Some(status);
                false
            }
            Some(Gate::Refused) => {
                self.0.remove(&key);
                false
            }
        }
    }

    /// What `from` has brought is not to be answered yet.
    pub fn shut(&mut self, from: &From) {
        self.0.insert((from.link, from.sequence), Gate::Shut(None));
    }

    /// The STOP stands: the answer that is due now.
    fn open(&mut self, from: &From) -> Option<CommandStatus> {
        match self.0.remove(&(from.link, from.sequence)) {
            Some(Gate::Shut(earned)) => earned,
            Some(Gate::Refused) | None => None,
        }
    }

    /// The STOP could not be made durable in time: whether the operator is still to be told.
    fn refuse(&mut self, from: &From) -> bool {
        let key = (from.link, from.sequence);
        match self.0.remove(&key) {
            // Its way to the client is over: nothing more will be said about it.
            Some(Gate::Shut(Some(_))) => true,
            Some(Gate::Shut(None)) => {
                self.0.insert(key, Gate::Refused);
                true
            }
            Some(Gate::Refused) | None => false,
        }
    }
}

impl Lane {
    /// A receipt whose error says that the recipient opted out at the operator is a STOP: effective at once, and the receipt
    /// is not answered before it is durable.
    pub fn stop_by_receipt(&mut self, from: From, smsc: usize, inbound: &Inbound<'_>, found: &Receipt<'_>, now: Now) {
        let settings = &self.smscs[smsc].settings;
        if !settings.optout_errors.iter().any(|error| error.as_bytes() == found.error()) {
            return;
        }
        let Some(number) = self.number_of(smsc, inbound) else { return };
        let shared = Arc::clone(&self.kit.shared);
        let tag = shared.tags.tag(number);
        let account = self.account_of(smsc, found, number, now);
        let scope = self.scope_of_receipt(smsc, account, inbound);
        let pending = self.awaiting_acts.iter().any(|act| act.is_stop_of(&tag));
        if !pending && shared.stands_on_record(&tag, scope) {
            return;
        }
        let account = account.unwrap_or(NameId::NONE);
        let to = inbound.slice(inbound.destination.text);
        let event = SuppressionEvent::Stop(Stop {
            id: shared.ledger.next_event_id(),
            tag,
            scope,
            source: StopSource::Operator,
            account,
            smsc: settings.id,
            short_code: 0,
            answers: self.last_written(account, &tag, to, now),
            detail: NameId::NONE,
        });
        shared.suppress_in_ram(&event);
        let generation = shared.index.generation();
        let evidence = format!("receipt error {}", String::from_utf8_lossy(found.error()));
        let personal = Personal { evidence: Some(evidence), ..Personal::of(number) };
        let recorded = self.appender.event(now.civil, &Event::Suppression(event), Some(&personal));
        shared.metrics.records.one(RecordKind::Stop);
        shared.count_optout(account);
        shared.wake_other_lanes(self.number);
        self.gates.shut(&from);
        let Ok(ticket) = recorded else {
            shared.stop_unrecorded(tag);
            return self.stop_of_receipt_fails(from);
        };
        self.awaiting_acts.push_back(AwaitingAct {
            act: Act::Stop { transition: true, generation },
            answers: Answers::WithItsReceipt,
            record: Record::Batch(ticket),
            spooled: None,
            from,
            number,
            tag,
            code: None,
            account,
            since: now.monotonic,
        });
    }

    /// The account that a receipt is for, where that is known yet.
    fn account_of(&self, smsc: usize, found: &Receipt<'_>, number: Msisdn, now: Now) -> Option<NameId> {
        let operator = &self.smscs[smsc];
        let how = build::id_match(operator.settings.message_id_match);
        let (ids, tags) = (&self.kit.shared.ids, &self.kit.shared.tags);
        let (tag, earlier) = (tags.tag(number), tags.before(number));
        match ids.find(operator.settings.id, (found.message_id, how), &tag, &earlier, now.civil) {
            Match::One(owner) => Some(owner.account),
            Match::Ambiguous | Match::Unknown => operator.mirrored,
        }
    }

    /// How far the STOP of a receipt reaches: as its account says; everybody where nobody knows whose it is.
    fn scope_of_receipt(&self, smsc: usize, account: Option<NameId>, inbound: &Inbound<'_>) -> Scope {
        let Some((id, account)) = account.and_then(|id| Some((id, self.accounts.get(&id)?))) else {
            return Scope::Global;
        };
        // A receipt goes back to the address that the message came from.
        let to = &inbound.destination;
        let plan = &self.kit.settings.numbers;
        let sender = Source::read(to.ton, to.npi, inbound.slice(to.text), plan, self.country_of(smsc)).fingerprint();
        let known = (sender != 0).then_some(sender);
        scopes(account.contract.settings.stop_scope, &[id], known.as_slice()).first().copied().unwrap_or(Scope::Global)
    }

    /// The STOP of a receipt is durable everywhere: the receipt may be answered.
    pub fn stop_of_receipt_stands(&mut self, from: From) {
        self.open_gate(from);
    }

    /// What an answer waited for is done: it is written if it is earned already.
    pub fn open_gate(&mut self, from: From) {
        if let Some(status) = self.gates.open(&from) {
            self.answer_deliver(from, status);
        }
    }

    /// The STOP of a receipt is not durable: the operator keeps the receipt and brings it again.
    pub fn stop_of_receipt_fails(&mut self, from: From) {
        self.refuse_at_gate(from);
    }

    /// What an answer waited for cannot be done: the operator is told to bring it again, whatever is earned meanwhile.
    pub fn refuse_at_gate(&mut self, from: From) {
        if self.gates.refuse(&from) {
            self.write_deliver_answer(from, self.temporary(from.link));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::submission::Operation;

    fn from(sequence: u32) -> From {
        From { link: LinkRef { slot: 0, generation: 1 }, sequence, operation: Operation::SubmitSm }
    }

    #[test]
    fn a_receipt_is_answered_once_and_not_before_both_its_stop_and_its_way_are_over() {
        let (ok, one) = (CommandStatus::OK, from(1));
        let mut gates = Gates::default();
        assert!(gates.may_answer(&one, ok), "no STOP, no gate");
        gates.shut(&one);
        assert!(!gates.may_answer(&one, ok));
        assert_eq!(gates.open(&one), Some(ok), "the client was first");
        gates.shut(&one);
        assert_eq!(gates.open(&one), None);
        assert!(gates.may_answer(&one, ok), "the STOP was first");
        gates.shut(&one);
        assert!(gates.refuse(&one));
        assert!(!gates.may_answer(&one, ok), "it was told already");
        assert!(gates.may_answer(&one, ok), "a new receipt under the old sequence number");
        gates.shut(&one);
        assert!(!gates.may_answer(&one, ok) && gates.refuse(&one));
        assert!(gates.0.is_empty(), "nothing is kept");
    }
}
