//! Owns the path towards a client: receipts and replies, at once to a receiver or through the spool.
//! Must never lose one silently: a PDU is acknowledged to the SMSC once the client has it or the spool is durable.

use super::deliver::From;
use super::esme::{Debt, Esme, ToClient};
use super::lane::Lane;
use super::refs::LinkRef;
use crate::clock::Now;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::pdu::deliver;
use crate::pdu::header::Header;
use crate::pdu::status::CommandStatus;
use crate::spool::queue::PushError;
use crate::spool::shelf::{ItemKind, Ticket};
use crate::telemetry::labels::{PduError, SpoolLoss};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// An SMSC that waits until a spooled PDU is durable.
#[derive(Clone, Copy, Debug)]
pub struct AwaitingSpool {
    pub ticket: Ticket,
    pub from: From,
}

impl Lane {
    /// Sends a PDU to a receiver of the account, or spools it when there is none with room.
    pub fn to_client(&mut self, account: NameId, delivery: ToClient, now: Now) {
        let backlog = self.accounts.get(&account).is_some_and(|account| account.spooled > 0);
        match self.receiver(account) {
            Some(slot) if !backlog || matches!(delivery.debt, Debt::Spool(_)) => {
                self.send_to_client(slot, delivery, now)
            }
            Some(_) | None => self.spool(account, delivery, now),
        }
    }

    /// A bound receiver with room, in turn.
    pub fn receiver(&mut self, account: NameId) -> Option<usize> {
        let account = self.accounts.get_mut(&account)?;
        let count = account.binds.len();
        let found = (0..count)
            .map(|step| (account.next_receiver + step) % count)
            .find(|nth| self.esmes.get(account.binds[*nth]).is_some_and(Esme::receives))?;
        account.next_receiver = (found + 1) % count;
        Some(account.binds[found])
    }

    fn send_to_client(&mut self, slot: usize, delivery: ToClient, now: Now) {
        let octets = delivery.octets.clone();
        let esme = &mut self.esmes[slot];
        if let Ok(sequence) = esme.window.begin(Box::new(delivery), now.monotonic) {
            esme.timers.message(now.monotonic);
            esme.out.push(|out| deliver::write(&octets, sequence, out));
        }
        self.touch_esme(slot);
    }

    /// Puts a PDU into the spool; the SMSC is answered when it is durable.
    fn spool(&mut self, account: NameId, delivery: ToClient, now: Now) {
        let Debt::Smsc(from) = delivery.debt else { return };
        match self.keep(account, delivery.kind, &delivery.octets, delivery.tag, now) {
            Some(ticket) => self.awaiting_spool.push_back(AwaitingSpool { ticket, from }),
            None => self.answer_deliver(from, self.temporary(from.link)),
        }
    }

    /// Takes a copy into the spool; `None` when it takes no more.
    pub fn keep(&mut self, account: NameId, kind: ItemKind, octets: &[u8], tag: NumberTag, now: Now) -> Option<Ticket> {
        match self.kit.shared.spool.push(account, kind, octets, tag, now.civil) {
            Ok(ticket) => {
                if self.spool_refusing.ends(account) {
                    tracing::info!(event = "spool.takes_again", account = self.account_word(account));
                }
                match self.accounts.get_mut(&account) {
                    Some(account) => account.spooled += 1,
                    None => {
                        self.kit.shared.spooled_elsewhere.fetch_add(1, Ordering::Release);
                    }
                }
                Some(ticket)
            }
            Err(error) => {
                if let (PushError::Full, Some(account)) = (error, self.accounts.get(&account)) {
                    account.contract.metrics.spool_lost.one(SpoolLoss::Full);
                }
                if self.spool_refusing.begins(account) {
                    tracing::error!(event = "spool.refused", account = self.account_word(account), %error);
                }
                None
            }
        }
    }

    /// Who an account is, for the log; empty for one that is configured on another lane or no more.
    fn account_word(&self, account: NameId) -> &str {
        self.accounts.get(&account).map_or("", |account| &account.contract.settings.policy.system_id)
    }

    /// The SMSC is answered when this ticket is durable.
    pub fn await_spool(&mut self, ticket: Ticket, from: From) {
        self.awaiting_spool.push_back(AwaitingSpool { ticket, from });
    }

    /// What this operator is told when a PDU cannot be taken now.
    pub fn temporary(&self, link: LinkRef) -> CommandStatus {
        self.links.get(link.slot).map_or(CommandStatus::SYSTEM_ERROR, |found| {
            CommandStatus(self.smscs[found.smsc].settings.deliver_temporary)
        })
    }

    /// A client's answer to a deliver_sm.
    pub fn client_answered(&mut self, slot: usize, header: &Header, now: Now) {
        let esme = &mut self.esmes[slot];
        let account = esme.contract.settings.id;
        let Some(delivery) = esme.window.complete(header.sequence) else {
            return self.esme_error(slot, PduError::UnmatchedResponse);
        };
        if is_temporary(header.status) {
            return self.keep_for_later(account, *delivery, now);
        }
        match delivery.debt {
            Debt::Smsc(from) => self.answer_deliver(from, CommandStatus::OK),
            Debt::Spool(ticket) => self.spool_done(account, ticket),
        }
        self.replay(account, now);
    }

    /// A PDU that the client did not take goes (back) to the spool.
    pub fn keep_for_later(&mut self, account: NameId, delivery: ToClient, now: Now) {
        match delivery.debt {
            Debt::Smsc(_) => self.spool(account, delivery, now),
            Debt::Spool(ticket) => self.kit.shared.spool.retry(ticket, now.monotonic.plus(RETRY)),
        }
    }

    /// What a client has not answered for a while is kept as well, so that the SMSC can be answered: its next PDU may be a STOP.
    pub fn spare_the_smsc(&mut self, slot: usize, now: Now) {
        let esme = &self.esmes[slot];
        let account = esme.contract.settings.id;
        for sequence in esme.window.waiting_for(CLIENT_PATIENCE, now.monotonic).collect::<Vec<_>>() {
            let Some(delivery) = self.esmes[slot].window.get(sequence) else { continue };
            let Debt::Smsc(from) = delivery.debt else { continue };
            let (kind, tag, octets) = (delivery.kind, delivery.tag, delivery.octets.clone());
            let Some(ticket) = self.keep(account, kind, &octets, tag, now) else { return };
            self.kit.shared.spool.hand_out(ticket);
            self.await_spool(ticket, from);
            if let Some(delivery) = self.esmes[slot].window.get_mut(sequence) {
                delivery.debt = Debt::Spool(ticket);
            }
        }
    }

    fn spool_done(&mut self, account: NameId, ticket: Ticket) {
        self.kit.shared.spool.done(ticket);
        if let Some(account) = self.accounts.get_mut(&account) {
            account.spooled = account.spooled.saturating_sub(1);
        }
    }

    /// What waits may have expired or been erased meanwhile.
    pub fn recount_spool(&mut self, account: NameId) {
        let Some(found) = self.accounts.get_mut(&account) else { return };
        found.spooled = self.kit.shared.spool_len(account);
    }

    /// Sends what waits in the spool, as far as receivers have room.
    pub fn replay(&mut self, account: NameId, now: Now) {
        while self.accounts.get(&account).is_some_and(|account| account.spooled > 0) {
            let Some(slot) = self.receiver(account) else { return };
            let Some(item) = self.kit.shared.spool.next(account, now.monotonic) else { return };
            if self.awaits_its_answer(item.ticket) {
                // Its sender does not know the id yet.
                return self.kit.shared.spool.put_back(item.ticket);
            }
            let debt = Debt::Spool(item.ticket);
            let delivery = ToClient { debt, kind: item.kind, tag: item.tag, octets: item.octets.into() };
            self.send_to_client(slot, delivery, now);
        }
    }

    /// The spool is durable further on: SMSCs get their answers.
    pub fn spool_durable(&mut self) {
        let shared = std::sync::Arc::clone(&self.kit.shared);
        while self.awaiting_spool.front().is_some_and(|waiting| shared.spool.is_durable(waiting.ticket)) {
            if let Some(waiting) = self.awaiting_spool.pop_front() {
                self.answer_deliver(waiting.from, CommandStatus::OK);
            }
        }
    }

    /// The batch could not be written: what is not durable is not taken, and the SMSC keeps it.
    pub fn spool_failed(&mut self) {
        let shared = std::sync::Arc::clone(&self.kit.shared);
        for waiting in std::mem::take(&mut self.awaiting_spool) {
            let taken = shared.spool.is_durable(waiting.ticket);
            let status = if taken { CommandStatus::OK } else { self.temporary(waiting.from.link) };
            self.answer_deliver(waiting.from, status);
        }
        // A STOP is not refused because the copy for its owner found no room: its own record stands elsewhere.
        for act in &mut self.awaiting_acts {
            if act.spooled.is_some_and(|ticket| !shared.spool.is_taken(ticket)) {
                act.spooled = None;
                tracing::error!(event = "spool.refused", number = act.number.masked(), "an opt-out's copy is lost");
            }
        }
    }
}

/// How long an SMSC waits for a client's answer before the spool answers in its place.
const CLIENT_PATIENCE: Duration = Duration::from_secs(1);

/// How long a PDU rests that a client could not take.
const RETRY: Duration = Duration::from_secs(10);

/// Statuses after which a client may take the same PDU later.
fn is_temporary(status: CommandStatus) -> bool {
    [
        CommandStatus::SYSTEM_ERROR,
        CommandStatus::QUEUE_FULL,
        CommandStatus::THROTTLED,
        CommandStatus::RECEIVER_TEMPORARY,
    ]
    .contains(&status)
}
