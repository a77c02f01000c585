//! Owns query_sm, cancel_sm, replace_sm and submit_multi: the requests about messages rather than with one.
//! Must never touch a message of another account: foreign and absent ids get the same answer.

use super::build;
use super::lane::Lane;
use super::refs::EsmeRef;
use super::settings::SubmitMulti;
use super::smsc::Origin;
use crate::clock::Now;
use crate::pdu::command::CommandId;
use crate::pdu::header::Header;
use crate::pdu::link_command::LinkCommand;
use crate::pdu::status::CommandStatus;
use crate::pdu::{answer, multi, query};

impl Lane {
    /// query_sm or cancel_sm: only for an id of the account's own, only by that id.
    pub fn query(&mut self, slot: usize, header: &Header, frame: &[u8], now: Now) {
        let failed = failure(header.id);
        let asked = match query::parse(frame) {
            Ok(asked) => asked,
            Err(rejection) => {
                self.answer_query(slot, header, rejection.status);
                return self.bad_body(slot, build::pdu_error(rejection.fault), now);
            }
        };
        let account = self.esmes[slot].contract.settings.id;
        // An empty id addresses every message to a number: on a shared link that could be another account's.
        let link =
            (!asked.message_id().is_empty()).then(|| self.link_of_id(account, asked.message_id(), now)).flatten();
        let (Some(link), Some(command)) = (link, LinkCommand::scoped(&asked)) else {
            return self.answer_query(slot, header, failed);
        };
        let esme = EsmeRef { slot, generation: self.esmes[slot].generation };
        let origin = Origin::Query { esme, sequence: header.sequence, command: header.id };
        match self.links[link].window.begin(origin, now.monotonic) {
            Ok(sequence) => {
                self.links[link].out.command(&command, sequence);
                self.touch_link(link);
            }
            Err(_) => self.answer_query(slot, header, CommandStatus::SYSTEM_ERROR),
        }
    }

    /// A bound link of the operator that gave this id to this account.
    fn link_of_id(&self, account: crate::message::name::NameId, message_id: &[u8], now: Now) -> Option<usize> {
        let contract = &self.accounts.get(&account)?.contract;
        let smsc = contract.smscs.iter().copied().find(|smsc| {
            let id = self.smscs[*smsc].settings.id;
            self.kit.shared.ids.belongs_to(id, message_id, account, now.civil)
        })?;
        self.smscs[smsc]
            .links
            .iter()
            .copied()
            .find(|slot| self.links[*slot].carries_submits() && !self.links[*slot].window.is_full())
    }

    fn answer_query(&mut self, slot: usize, header: &Header, status: CommandStatus) {
        self.esmes[slot].out.push(|out| answer::error(header.id, status, header.sequence, out));
        self.touch_esme(slot);
    }

    /// The operator never answered, or its link died.
    pub fn query_failed(&mut self, esme: EsmeRef, sequence: u32, command: CommandId) {
        if let Some(found) = self.esme(esme) {
            found.out.push(|out| answer::error(command, failure(command), sequence, out));
            self.touch_esme(esme.slot);
        }
    }

    /// replace_sm: a new text and time for a message that was judged with the old ones. Always refused.
    pub fn replace(&mut self, slot: usize, header: &Header, frame: &[u8], now: Now) {
        match query::parse(frame) {
            Ok(_) => self.answer_query(slot, header, CommandStatus::REPLACE_FAILED),
            Err(rejection) => {
                self.answer_query(slot, header, rejection.status);
                self.bad_body(slot, build::pdu_error(rejection.fault), now);
            }
        }
    }

    /// submit_multi: refused as a whole, unless the account has its destinations judged one by one.
    pub fn submit_multi(&mut self, slot: usize, header: &Header, frame: &[u8], now: Now) {
        match self.esmes[slot].contract.settings.submit_multi {
            SubmitMulti::Refuse => {}
            SubmitMulti::Filter => return self.take_submit(slot, frame, now),
        }
        let context = self.esmes[slot].contract.scan_context(now);
        match multi::scan(frame, &context) {
            Ok(_) => self.answer_query(slot, header, CommandStatus::SUBMIT_FAILED),
            Err(rejection) => {
                self.answer_query(slot, header, rejection.status);
                self.bad_body(slot, build::pdu_error(rejection.fault), now);
            }
        }
    }
}

/// What a request about an unknown message is answered with.
fn failure(command: CommandId) -> CommandStatus {
    if command == CommandId::CancelSm { CommandStatus::CANCEL_FAILED } else { CommandStatus::QUERY_FAILED }
}
