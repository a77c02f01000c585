//! Owns the path of a submit_multi of an account with `submit_multi = "filter"`: one verdict each, one PDU, one answer.
//! Must never let a destination leave that was not released by itself, nor wait with what was judged.

use super::account::Contract;
use super::build;
use super::lane::Lane;
use super::leaks::notes::is_number;
use super::recall::is_ahead;
use super::refs::EsmeRef;
use super::smsc::{LATE_ANSWERS, Origin};
use super::submit::{Sender, leaving};
use crate::clock::Now;
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::compliance::facts::{Evidence, Facts};
use crate::compliance::judge::judge;
use crate::compliance::release::{recheck, release};
use crate::compliance::verdict::{Permitted, Refusal, Released, Ruling, Verdict};
use crate::ledger::VerdictKind;
use crate::message::address::{Npi, Ton};
use crate::message::name::NameId;
use crate::message::submission::Operation;
use crate::pdu::command::CommandId;
use crate::pdu::header::Header;
use crate::pdu::multi_answer::{self, Unsuccessful};
use crate::pdu::status::CommandStatus;
use crate::pdu::{answer, multi, response};
use crate::session::rate::ACCOUNT_WAIT_MAX;
use crate::telemetry::labels::SubmitResult;
use std::rc::Rc;

/// A destination of a submit_multi that left.
#[derive(Debug)]
struct Destination {
    ruling: Ruling,
    message_ref: u64,
    /// As the sender wrote it.
    address: Box<[u8]>,
}

/// A submit_multi whose answer is awaited.
#[derive(Debug)]
pub struct Batch {
    sender: Sender,
    left: Vec<Destination>,
    refused: Vec<Unsuccessful>,
}

impl Batch {
    /// Whose messages they are, one for each.
    pub fn accounts(&self) -> impl Iterator<Item = NameId> {
        self.left.iter().map(|one| one.ruling.account)
    }

    /// The destination that was written so, and the name of its message in the ledger.
    pub fn who_was_written_to(&self, digits: u64) -> Option<(&Ruling, u64)> {
        let written = |one: &&Destination| one.ruling.destination.is_some_and(|number| is_number(digits, number));
        self.left.iter().find(written).map(|one| (&one.ruling, one.message_ref))
    }
}

/// A submit_multi while its destinations are judged.
struct Sifting<'c> {
    contract: &'c Contract,
    refused: Vec<Unsuccessful>,
    /// Whose error is the whole answer when nothing leaves.
    first: Option<Refusal>,
}

/// Whether a frame is a submit_multi.
pub fn is_multi(frame: &[u8]) -> bool {
    Header::parse(frame).is_some_and(|header| header.id == CommandId::SubmitMulti)
}

impl Lane {
    /// A link that could carry one more PDU now, the account's operators in order.
    fn ready_link(&self, contract: &Contract, now: Now) -> Option<usize> {
        let links = contract.smscs.iter().flat_map(|smsc| &self.smscs[*smsc].links).copied();
        links.into_iter().find(|slot| self.links[*slot].queue.is_empty() && self.links[*slot].ready(now.monotonic))
    }

    /// Whether a submit_multi of this client could leave at once: it is held before it is judged, never after.
    pub fn has_room_for_multi(&self, slot: usize, now: Now) -> bool {
        self.ready_link(&self.esmes[slot].contract, now).is_some()
    }

    /// Judges each destination, and sends one submit_multi to those that may have it.
    pub fn filter_multi(&mut self, slot: usize, frame: &[u8], now: Now) {
        let kit = Rc::clone(&self.kit);
        let esme = &mut self.esmes[slot];
        let contract = Rc::clone(&esme.contract);
        let Some(header) = Header::parse(frame) else { return };
        let message = match multi::scan(frame, &contract.scan_context(now)) {
            Ok(message) => message,
            Err(rejection) => {
                esme.out.push(|out| answer::error(header.id, rejection.status, header.sequence, out));
                self.touch_esme(slot);
                return self.bad_body(slot, build::pdu_error(rejection.fault), now);
            }
        };
        if message.is_part() {
            // Its set would have to be kept whole for each destination, over one link: a long text goes in message_payload.
            esme.out.push(|out| answer::error(header.id, CommandStatus::SUBMIT_FAILED, header.sequence, out));
            return self.touch_esme(slot);
        }
        let full = esme.in_flight >= contract.settings.window;
        esme.in_flight += 1;
        let esme = EsmeRef { slot, generation: esme.generation };
        let operation = Operation::SubmitMulti;
        let (sequence, command, message_ref) = (header.sequence, header.id, self.last_message_ref + 1);
        let sender = Sender { esme, sequence, command, operation, message_ref };
        let link = self.ready_link(&contract, now);
        let bound = contract.smscs.iter().flat_map(|smsc| &self.smscs[*smsc].links);
        let bound = bound.into_iter().any(|slot| self.links[*slot].carries_submits());
        let mut sifting = Sifting { contract: &contract, refused: Vec::new(), first: None };
        let mut permitted = Vec::new();
        for submission in message.submissions() {
            self.counts.received(contract.settings.id);
            self.last_message_ref += 1;
            let message_ref = self.last_message_ref;
            let address: Box<[u8]> = submission.slice(submission.destination.whole).into();
            let road = match link {
                // A client that never pauses would otherwise never have all its answers.
                _ if self.draining => Some(RefusalCode::SmscUnavailable),
                _ if full => Some(RefusalCode::QueueFull),
                None if bound => Some(RefusalCode::QueueFull),
                None => Some(RefusalCode::SmscUnavailable),
                Some(_) => None,
            };
            match judge(submission, &kit.facts(&contract.settings.policy), now.civil) {
                Verdict::Refused(refusal) => self.sift_out(&mut sifting, refusal, address, message_ref, now),
                Verdict::Permitted(one) if self.cannot_be_remembered(one.ruling(), now) => {
                    let refusal = Refusal { code: RefusalCode::QueueFull, ruling: *one.ruling(), next_opening: None };
                    self.sift_out(&mut sifting, refusal, address, message_ref, now);
                }
                Verdict::Permitted(one) => match road.or_else(|| self.rate_refusal(&contract, now)) {
                    Some(code) => {
                        let refusal = Refusal { code, ruling: *one.ruling(), next_opening: None };
                        self.sift_out(&mut sifting, refusal, address, message_ref, now);
                    }
                    None => permitted.push((one, address, message_ref)),
                },
            }
        }
        self.send_multi(link, permitted, sifting, sender, now);
    }

    fn rate_refusal(&mut self, contract: &Contract, now: Now) -> Option<RefusalCode> {
        let account = self.accounts.get_mut(&contract.settings.id)?;
        let admitted = account.bucket.take_within(1, ACCOUNT_WAIT_MAX, now.monotonic).is_ok();
        (!admitted).then_some(RefusalCode::RateLimited)
    }

    /// Records a refused destination for the list of the answer.
    fn sift_out(
        &mut self,
        sifting: &mut Sifting<'_>,
        refusal: Refusal,
        address: Box<[u8]>,
        message_ref: u64,
        now: Now,
    ) {
        self.record(VerdictKind::Refused(refusal.code), &refusal.ruling, message_ref, NameId::NONE, now);
        self.tell(sifting.contract, &refusal.ruling, Some(&refusal));
        let status = sifting.contract.status(refusal.code, refusal.ruling.class);
        sifting.refused.push(Unsuccessful { address, status });
        sifting.first.get_or_insert(refusal);
    }

    /// Releases the permitted destinations and writes them as one PDU; answers when none is left.
    fn send_multi(
        &mut self,
        link: Option<usize>,
        permitted: Vec<(Permitted<'_>, Box<[u8]>, u64)>,
        mut sifting: Sifting<'_>,
        sender: Sender,
        now: Now,
    ) {
        let kit = Rc::clone(&self.kit);
        let contract = sifting.contract;
        let policy = &contract.settings.policy;
        let mut released: Vec<Released<'_>> = Vec::new();
        let mut left = Vec::new();
        for (one, address, message_ref) in permitted {
            match release(one, &kit.facts(policy), now.civil) {
                Ok(one) => {
                    // Before the next destination is released: it may be the same number.
                    self.count(leaving(one.ruling()), one.ruling(), message_ref, now);
                    left.push(Destination { ruling: *one.ruling(), message_ref, address });
                    released.push(one);
                }
                Err(refusal) => self.sift_out(&mut sifting, refusal, address, message_ref, now),
            }
        }
        let (Some(slot), Some(_)) = (link, released.first()) else {
            // submit_multi has at least one destination, so one was refused.
            let Some(first) = sifting.first else { return };
            return self.answer_refusal(&sender, contract, &first);
        };
        let smsc = self.smscs[self.links[slot].smsc].settings.id;
        for (one, released) in left.iter().zip(&released) {
            if is_ahead(&one.ruling, now) {
                self.remember_ahead(slot, released, one.message_ref);
            }
            self.record(leaving(&one.ruling), &one.ruling, one.message_ref, smsc, now);
            self.tell(contract, &one.ruling, None);
            match (one.ruling.class, one.ruling.stop_code) {
                (TrafficClass::Transactional, _) => self.unrecorded.push(one.ruling.account),
                (TrafficClass::Commercial, Some(code)) => contract.named(code),
                (TrafficClass::Commercial, None) => {}
            }
        }
        let count = left.len() as u32;
        let batch = self.batches.insert(Batch { sender, left, refused: sifting.refused });
        let link = &mut self.links[slot];
        link.pace.take(count, now.monotonic);
        link.timers.message(now.monotonic);
        let sequence =
            link.window.begin(Origin::Multi { batch }, now.monotonic).expect("a ready link has room in its window");
        link.out.multi(&released, sequence, &link.dialect, &policy.vendor_tlvs);
        self.touch_link(slot);
    }

    /// The SMSC's answer: its own unsuccessful destinations join those that were refused here.
    pub fn multi_answered(&mut self, slot: usize, batch: usize, frame: &[u8], now: Now) {
        let Some(Batch { sender, left, mut refused }) = self.batches.try_remove(batch) else { return };
        let smsc = self.links[slot].smsc;
        self.counts.answered(left.first().map_or(NameId::NONE, |one| one.ruling.account), left.len() as u64);
        let Some(answered) = response::read(frame) else { return };
        let (ok, message_id) = (answered.status.is_ok(), answered.message_id);
        let result = if ok { SubmitResult::Accepted } else { SubmitResult::Rejected };
        self.smscs[smsc].metrics.responses.one(result);
        let settings = &self.smscs[smsc].settings;
        let map =
            |status: CommandStatus| CommandStatus(settings.status_map.get(&status.0).copied().unwrap_or(status.0));
        if !ok {
            left.iter().for_each(|one| self.uncount(&one.ruling, one.message_ref));
            let status = map(answered.status);
            let status = if status.is_ok() { answered.status } else { status };
            return self.answer_sender(&sender, |out| answer::error(sender.command, status, sender.sequence, out));
        }
        let failed: Vec<_> = multi_answer::unsuccessful(frame)
            .into_iter()
            .filter_map(|one| Some((self.written_number(smsc, &one.address)?, map(one.status))))
            .collect();
        for one in left {
            match failed.iter().find(|(number, _)| Some(*number) == one.ruling.destination) {
                Some((_, status)) => {
                    self.uncount(&one.ruling, one.message_ref);
                    refused.push(Unsuccessful { address: one.address, status: *status });
                }
                None => self.remember_id(smsc, message_id, one.message_ref, &one.ruling, now),
            }
        }
        self.answer_sender(&sender, |out| multi_answer::write(message_id, &refused, sender.sequence, out));
    }

    /// The number an operator names in its answer: written as we wrote it, or as it writes numbers.
    fn written_number(&self, smsc: usize, address: &[u8]) -> Option<crate::message::msisdn::Msisdn> {
        let [ton, npi, text @ .., _] = address else { return None };
        let ton = Ton::from_octet(*ton)?;
        self.kit.settings.numbers.canonical(ton, Npi(*npi), text, self.country_of(smsc)).ok()
    }

    /// Whether a destination of this batch may not have the message any more.
    pub fn batch_has_gone_stale(&self, batch: usize, evidence: Evidence, now: Now) -> bool {
        let stale = |one: &Destination| self.stale(&one.ruling, evidence, now).is_some();
        self.batches.get(batch).is_some_and(|batch| batch.left.iter().any(stale))
    }

    fn stale(&self, ruling: &Ruling, evidence: Evidence, now: Now) -> Option<RefusalCode> {
        let account = self.accounts.get(&ruling.account)?;
        recheck(ruling, &Facts { evidence, ..self.kit.facts(&account.contract.settings.policy) }, now.civil).err()
    }

    /// A submit_multi of which no octet left: each destination is recorded with its reason, and the sender may try again
    /// unless every one of them is refused for good.
    pub fn multi_withdrawn(&mut self, batch: usize, smsc: NameId, evidence: Evidence, now: Now) {
        let Some(Batch { sender, left, .. }) = self.batches.try_remove(batch) else { return };
        let reasons: Vec<_> = left
            .iter()
            .map(|one| self.stale(&one.ruling, evidence, now).unwrap_or(RefusalCode::SmscUnavailable))
            .collect();
        let mut told = None;
        for (one, code) in left.iter().zip(reasons) {
            self.record(VerdictKind::Withdrawn(code), &one.ruling, one.message_ref, smsc, now);
            if told.is_none() || code == RefusalCode::SmscUnavailable {
                told = Some((code, one.ruling));
            }
            if let Some(contract) = self.contract_of(&sender, &one.ruling) {
                contract.metrics.refused_after_permit(code);
                contract.metrics.withdrawn.increment(1);
            }
        }
        self.answer_batch(&sender, told);
    }

    /// Nobody knows what became of a submit_multi: told once for all, never sent again.
    pub fn multi_unresolved(&mut self, slot: usize, late: Option<u32>, batch: usize, now: Now) {
        let Some(Batch { sender, left, .. }) = self.batches.try_remove(batch) else { return };
        let smsc = &self.smscs[self.links[slot].smsc];
        smsc.metrics.responses.one(SubmitResult::Unresolved);
        let id = smsc.settings.id;
        let code = RefusalCode::FateUnknown;
        for one in &left {
            if let Some(sequence) = late {
                let link = &mut self.links[slot];
                if link.late.len() >= LATE_ANSWERS {
                    link.late.pop_front();
                }
                link.late.push_back((sequence, Sender { message_ref: one.message_ref, ..sender }, one.ruling));
            }
            self.record(VerdictKind::Unresolved, &one.ruling, one.message_ref, id, now);
            if let Some(contract) = self.contract_of(&sender, &one.ruling) {
                contract.metrics.refused_after_permit(code);
            }
        }
        self.answer_batch(&sender, left.first().map(|one| (code, one.ruling)));
    }

    fn answer_batch(&mut self, sender: &Sender, told: Option<(RefusalCode, Ruling)>) {
        let Some((code, ruling)) = told else { return };
        if let Some(contract) = self.contract_of(sender, &ruling) {
            self.answer_refusal(sender, &contract, &Refusal { code, ruling, next_opening: None });
        }
    }
}
