//! Owns the messages stopgate itself writes: confirmations of STOP and START, answers to CONTACT, on their way to a link.
//! Must never write one whose intent is not durable, nor write one again whose fate is unknown.

use super::deliver::From;
use super::lane::Lane;
use super::settings::{Confirmation, ShortCodeSettings};
use super::smsc::Origin;
use crate::clock::Now;
use crate::compliance::duty::{self, Context};
use crate::compliance::release::release;
use crate::ledger::VerdictKind;
use crate::message::instant::MonotonicInstant;
use crate::message::name::NameId;
use crate::pdu::status::CommandStatus;
use crate::session::route::pick_link;
use crate::spool::duty::{Duty, DutyId, DutyKind, Fate, Next, Quiet};
use crate::telemetry::events::ConfirmationDone;
use crate::telemetry::labels::ConfirmationResult;
use std::rc::Rc;
use std::time::Duration;

/// Duties taken up in one look.
const AT_ONCE: usize = 256;

/// How long a reply is kept from its operator for the sake of what it is owed.
const OWED_WITHIN: Duration = Duration::from_secs(1);

/// A reply that was done as it asked, and waits only for the record of what it is owed.
pub struct AwaitingOwed {
    pub id: DutyId,
    pub from: From,
    pub since: MonotonicInstant,
}

impl Lane {
    /// A STOP, START or CONTACT took effect: the person is owed an answer, unless there is a reason to stay quiet.
    /// What is owed now is told.
    pub fn owe(&mut self, duty: Duty, transition: bool, now: Now) -> Option<DutyId> {
        let due = self
            .code(duty.short_code)
            .is_some_and(|code| code.confirmation != Confirmation::Operator || duty.kind == DutyKind::Contact);
        if !due {
            self.confirmed(&duty, ConfirmationResult::NotDue);
            return None;
        }
        match self.kit.shared.confirmations.owe(duty, transition, now.civil) {
            Ok(id) => return Some(id),
            Err(Quiet::RepeatedStop | Quiet::DailyLimit | Quiet::UnderWay) => {
                self.confirmed(&duty, ConfirmationResult::LoopGuard)
            }
            Err(Quiet::Full) => self.confirmed(&duty, ConfirmationResult::GivenUp),
        }
        None
    }

    /// Answers the replies whose own answers are owed for good: a power cut would not lose them any more. The disk that does
    /// not say so in time is not waited for: what the reply itself asked for has been durable before.
    pub fn answer_owed(&mut self, now: Now) {
        let shared = std::sync::Arc::clone(&self.kit.shared);
        let over = |owed: &mut AwaitingOwed| {
            !shared.confirmations.awaits_disk(owed.id) || now.monotonic.since(owed.since) >= OWED_WITHIN
        };
        while let Some(owed) = self.awaiting_owed.pop_front_if(over) {
            self.answer_deliver(owed.from, CommandStatus::OK);
        }
    }

    /// The settings of a short code.
    pub fn code(&self, number: u32) -> Option<&ShortCodeSettings> {
        self.kit.settings.short_codes.iter().find(|code| code.number == number)
    }

    fn confirmed(&self, duty: &Duty, result: ConfirmationResult) {
        ConfirmationDone { number: Some(duty.number), short_code: duty.short_code, result }
            .emit(&self.kit.shared.metrics);
    }

    /// Takes up what is due, and writes what is ready.
    pub fn tick_duties(&mut self, now: Now) {
        let shared = std::sync::Arc::clone(&self.kit.shared);
        if shared.confirmations.next_due().is_some_and(|due| due <= now.civil) {
            shared.confirmations.intend_due(AT_ONCE, now.civil);
        }
        let mine = shared.take_ready_duties(|duty| self.smsc_of_code(duty.short_code).is_some());
        for (id, duty) in mine {
            self.write_duty(id, &duty, now);
        }
    }

    /// The operator of this lane over which a short code writes.
    fn smsc_of_code(&self, number: u32) -> Option<usize> {
        let code = self.code(number)?;
        let by_accounts = code
            .accounts
            .iter()
            .filter_map(|account| self.accounts.get(account))
            .flat_map(|account| &account.contract.settings.smsc);
        let ids: Vec<NameId> = if code.smsc.is_empty() { by_accounts.copied().collect() } else { code.smsc.clone() };
        ids.iter().find_map(|id| self.smscs.iter().position(|smsc| smsc.settings.id == *id))
    }

    /// Releases an answer into a link. With every window full it waits for the next look; without a bound link it is
    /// tried again in a minute.
    fn write_duty(&mut self, id: DutyId, duty: &Duty, now: Now) {
        if self.try_write_duty(id, duty, now) {
            return;
        }
        let bound = |smsc: usize| self.smscs[smsc].links.iter().any(|slot| self.links[*slot].carries_submits());
        if self.smsc_of_code(duty.short_code).is_some_and(bound) {
            self.kit.shared.give_back_duty(id, *duty);
        } else {
            self.settle_duty(id, duty, Fate::NotWritten, now);
        }
    }

    fn try_write_duty(&mut self, id: DutyId, duty: &Duty, now: Now) -> bool {
        let kit = Rc::clone(&self.kit);
        let Some(smsc) = self.smsc_of_code(duty.short_code) else { return false };
        let Some(code) = self.code(duty.short_code).cloned() else { return false };
        let owner = code.accounts.iter().find_map(|account| self.accounts.get(account));
        let Some(contract) = owner.map(|account| Rc::clone(&account.contract)) else { return false };
        let policy = &contract.settings.policy;
        // Who wrote last; else who runs the code, which a shared one has to say.
        let named = kit.settings.accounts.iter().find(|account| account.id == duty.account);
        let own = named.map(|account| account.policy.identity.as_str());
        let identities = [own.unwrap_or_default(), &code.identity, &policy.identity];
        let identity = identities.into_iter().find(|identity| !identity.is_empty()).unwrap_or_default();
        let account = match (named, &code.accounts[..]) {
            (None, [only]) => *only,
            (None | Some(_), _) => duty.account,
        };
        let permitted = duty::compose(
            match duty.kind {
                DutyKind::Stop => duty::Duty::StopConfirmation,
                DutyKind::Start => duty::Duty::StartAnswer,
                DutyKind::StartQuestion => duty::Duty::StartQuestion,
                DutyKind::Contact => duty::Duty::ContactAnswer,
            },
            duty.number,
            &Context {
                pack: &policy.pack,
                pack_name: policy.pack_name,
                account,
                short_code: duty.short_code,
                identity,
                tags: &kit.shared.tags,
                now: now.civil,
            },
        );
        let carrying = self.smscs[smsc].links.iter().copied().filter(|slot| self.links[*slot].ready(now.monotonic));
        let Some(slot) = pick_link(duty.number.as_u64(), carrying) else { return false };
        let Ok(released) = release(permitted, &kit.facts(policy), now.civil) else { return false };
        self.last_message_ref += 1;
        let message_ref = self.last_message_ref;
        self.record(VerdictKind::Composed, released.ruling(), message_ref, self.smscs[smsc].settings.id, now);
        let link = &mut self.links[slot];
        link.pace.take(1, now.monotonic);
        let Ok(sequence) = link.window.begin(Origin::Duty { id, duty: *duty }, now.monotonic) else { return false };
        link.out.message(&released, sequence, &link.dialect, &[]);
        self.touch_link(slot);
        self.confirmed(duty, ConfirmationResult::Sent);
        true
    }

    /// The operator answered one of our own messages.
    pub fn duty_answered(&mut self, id: DutyId, duty: &Duty, status: CommandStatus, now: Now) {
        self.settle_duty(id, duty, Fate::of_status(status.0), now);
    }

    /// What became of one of our own messages.
    pub fn settle_duty(&mut self, id: DutyId, duty: &Duty, fate: Fate, now: Now) {
        let result = match self.kit.shared.confirmations.settle(id, fate, now.civil) {
            Some(Next::Again(_)) => ConfirmationResult::Deferred,
            Some(Next::Over(Fate::Accepted)) => ConfirmationResult::Accepted,
            Some(Next::Over(Fate::Final)) => ConfirmationResult::Rejected,
            Some(Next::Over(Fate::Temporary | Fate::Unknown | Fate::NotWritten)) => ConfirmationResult::GivenUp,
            None => return,
        };
        self.confirmed(duty, result);
    }
}
