//! Owns how a refusal is recorded and told: by the response's status, with its reason in a TLV, or by a receipt.
//! Must never accept a refused message before the receipt that takes it back is durable.

use super::account::Contract;
use super::lane::Lane;
use super::settings::{RefusalDetail, RefusalStyle};
use super::submit::{Sender, Waiting};
use crate::clock::Now;
use crate::compliance::code::RefusalCode;
use crate::compliance::verdict::{Outgoing, Permitted, Refusal};
use crate::ledger::VerdictKind;
use crate::message::name::NameId;
use crate::message::submission::Submission;
use crate::pdu::rejection::{self, Addresses};
use crate::pdu::status::CommandStatus;
use crate::pdu::{answer, response};
use crate::spool::shelf::{ItemKind, Ticket};

/// A refused message whose sender is answered once its receipt is durable.
pub struct AwaitingReceipt {
    ticket: Ticket,
    sender: Sender,
    /// Our own: no operator has ever given it.
    message_id: String,
    refusal: Refusal,
}

impl Lane {
    /// Refuses a permitted message for a reason of the road, not of the law.
    pub fn refuse_because(
        &mut self,
        code: RefusalCode,
        permitted: &Permitted<'_>,
        sender: &Sender,
        contract: &Contract,
        now: Now,
    ) {
        let refusal = Refusal { code, ruling: *permitted.ruling(), next_opening: None };
        self.give_back_part(&refusal.ruling);
        self.refuse(sender, contract, &refusal, None, now);
    }

    /// Refuses a message that waited.
    pub fn refuse_waiting(&mut self, code: RefusalCode, waiting: Waiting, now: Now) {
        if let Some(contract) = self.contract_of(&waiting.sender, waiting.permitted.ruling()) {
            self.refuse_because(code, &waiting.permitted, &waiting.sender, &contract, now);
        }
    }

    /// Records a refusal and answers it: by a receipt when there are `addresses` for one and the reason is final.
    pub fn refuse(
        &mut self,
        sender: &Sender,
        contract: &Contract,
        refusal: &Refusal,
        addresses: Option<&Addresses>,
        now: Now,
    ) {
        self.record(VerdictKind::Refused(refusal.code), &refusal.ruling, sender.message_ref, NameId::NONE, now);
        self.tell(contract, &refusal.ruling, Some(refusal));
        let is_final = !refusal.code.is_temporary(refusal.ruling.class);
        match addresses.filter(|_| is_final).and_then(|addresses| self.keep_receipt(sender, refusal, addresses, now)) {
            Some(awaiting) => self.awaiting_receipts.push_back(awaiting),
            None => self.answer_refusal(sender, contract, refusal),
        }
    }

    /// Answers a refusal by its status, with the reason in a TLV when the account asks for it.
    pub fn answer_refusal(&mut self, sender: &Sender, contract: &Contract, refusal: &Refusal) {
        let Refusal { code, ruling, next_opening } = refusal;
        let status = contract.status(*code, ruling.class);
        self.answer_sender(sender, |out| match contract.settings.refusal_detail {
            RefusalDetail::None => answer::error(sender.command, status, sender.sequence, out),
            RefusalDetail::Tlv => {
                answer::refusal_with_detail(sender.operation, status, *code, *next_opening, sender.sequence, out);
            }
        });
    }

    /// Puts the receipt of a refusal into the spool; `None` when it takes no more.
    fn keep_receipt(
        &mut self,
        sender: &Sender,
        refusal: &Refusal,
        addresses: &Addresses,
        now: Now,
    ) -> Option<AwaitingReceipt> {
        let message_id = own_id(&self.kit.settings.node, sender.message_ref);
        let mut octets = Vec::new();
        rejection::receipt(addresses, &message_id, refusal.code, now.civil, 0, &mut octets);
        let tag = refusal.ruling.tag.unwrap_or_default();
        let ticket = self.keep(refusal.ruling.account, ItemKind::Receipt, &octets, tag, now)?;
        Some(AwaitingReceipt { ticket, sender: *sender, message_id, refusal: refusal.clone() })
    }

    /// Receipts of refusals are durable: their messages are accepted, and the receipts follow.
    pub fn refusals_durable(&mut self, now: Now) {
        let shared = std::sync::Arc::clone(&self.kit.shared);
        while self.awaiting_receipts.front().is_some_and(|waiting| shared.spool.is_durable(waiting.ticket)) {
            let Some(AwaitingReceipt { sender, message_id, refusal, .. }) = self.awaiting_receipts.pop_front() else {
                return;
            };
            self.answer_sender(&sender, |out| {
                let id = message_id.as_bytes();
                response::write(sender.operation, CommandStatus::OK, id, sender.sequence, out);
            });
            self.replay(refusal.ruling.account, now);
        }
    }

    /// The spool's batch could not be written: what was to be told by a receipt is told by its status.
    pub fn refusals_not_kept(&mut self) {
        for waiting in std::mem::take(&mut self.awaiting_receipts) {
            // An earlier batch may have brought it to the disk: a message that is refused by its status gets no receipt.
            self.kit.shared.spool.done(waiting.ticket);
            if let Some(contract) = self.contract_of(&waiting.sender, &waiting.refusal.ruling) {
                self.answer_refusal(&waiting.sender, &contract, &waiting.refusal);
            }
        }
    }

    /// Whether this item is a receipt whose message is not accepted yet.
    pub fn awaits_its_answer(&self, ticket: Ticket) -> bool {
        self.awaiting_receipts.iter().any(|waiting| waiting.ticket == ticket)
    }
}

impl Contract {
    /// What a receipt would be made from, when this account gets its refusals by receipt.
    pub fn receipt_addresses(&self, submission: &Submission<'_>) -> Option<Addresses> {
        match self.settings.refusal_style {
            RefusalStyle::Status => None,
            RefusalStyle::Receipt => Addresses::of(submission),
        }
    }

    /// The same for a message that was permitted once.
    pub fn receipt_addresses_of(&self, permitted: &Permitted<'_>) -> Option<Addresses> {
        match permitted.outgoing() {
            Outgoing::Forwarded(submission) => self.receipt_addresses(submission),
            Outgoing::Composed(_) => None,
        }
    }
}

/// A message_id in our own name. Operators give digits, hexadecimal or a UUID: none begins like this. The node stands in
/// it because an operator may be a stopgate too. At most 56 octets.
fn own_id(node: &str, message_ref: u64) -> String {
    // Only signs that are the same in ASCII and GSM 03.38: a client reads the id back from the receipt's text.
    let node: String = node.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect();
    format!("stopgate-{node:.30}-{message_ref:x}")
}

#[cfg(test)]
mod tests {
    use super::own_id;

    #[test]
    fn an_id_of_ours_fits_and_is_no_number() {
        let id = own_id(&"n".repeat(40), u64::MAX);
        assert_eq!(id.len(), 56, "SMPP has room for 64");
        assert_ne!(own_id("gw-1", 1), own_id("gw-1", 2));
        assert_ne!(own_id("gw-1", 1), own_id("gw-2", 1));
        assert_eq!(own_id("gw_1@a", 255), "stopgate-gw-1-a-ff");
        assert!(!id.bytes().all(|octet| octet.is_ascii_hexdigit() || octet == b'-'));
    }
}
