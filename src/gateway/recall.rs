//! Owns the recall of promotions that operators hold for later: remembered when they are accepted, cancelled when a STOP comes.
//! Must never call back a message whose number is not suppressed for it, nor give one up before it is due.

use super::lane::Lane;
use super::smsc::Origin;
use crate::clock::Now;
use crate::compliance::class::TrafficClass;
use crate::compliance::facts::SuppressionList;
use crate::compliance::rule::RuleSet;
use crate::compliance::verdict::{Outgoing, Released, Ruling};
use crate::ledger::VerdictKind;
use crate::message::address::{Npi, Ton};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::pdu::link_command::{LinkCommand, MessageId};
use crate::pdu::query::Party;
use crate::pdu::status::CommandStatus;
use crate::spool::duty::Fate;
use crate::spool::scheduled::{Names, Recall, Scheduled};
use crate::telemetry::events::RecallDone;
use crate::telemetry::labels::RecallResult;
use std::sync::Arc;

/// Scheduled promotions that are written and not answered, at most, a lane.
pub const AHEAD_MAX: usize = 65_536;
/// Messages called back in one look: an import of stops must not hold up the turn that brings the next one.
const AT_ONCE: usize = 64;
/// Which part of an operator's windows recalls may take: the rest is the senders'.
const SHARE: usize = 4;

/// A scheduled promotion that is written and not answered yet.
pub struct Ahead {
    due: CivilInstant,
    service_type: Box<[u8]>,
    source: Box<[u8]>,
    destination: Box<[u8]>,
}

/// Whether a message is a promotion that its operator holds for later. One comparison for all that are not.
pub fn is_ahead(ruling: &Ruling, now: Now) -> bool {
    match ruling.class {
        TrafficClass::Commercial => ruling.judged_at > now.civil,
        TrafficClass::Transactional => false,
    }
}

impl Lane {
    /// Whether a message is scheduled and there is no room to remember it by: what cannot be called back may not wait elsewhere.
    pub fn cannot_be_remembered(&self, ruling: &Ruling, now: Now) -> bool {
        is_ahead(ruling, now) && (self.ahead.len() >= AHEAD_MAX || self.kit.shared.scheduled.is_full())
    }

    /// A scheduled promotion is being written over this link: keeps by what its operator will know it.
    pub fn remember_ahead(&mut self, slot: usize, released: &Released<'_>, message_ref: u64) {
        let (Outgoing::Forwarded(submission), Some(number)) = (released.outgoing(), released.destination()) else {
            return;
        };
        let service_type = submission.slice(submission.service_type);
        let source = submission.source;
        let ahead = Ahead {
            due: released.ruling().judged_at,
            service_type: service_type.strip_suffix(&[0]).unwrap_or(service_type).into(),
            source: [&[source.ton as u8, source.npi.0], submission.slice(source.text)].concat().into(),
            destination: self.links[slot].dialect.address(number),
        };
        self.ahead.insert(message_ref, ahead);
    }

    /// The operator has accepted a message: one that is scheduled is remembered until it is due.
    pub fn accepted_ahead(&mut self, smsc: NameId, message_id: &[u8], message_ref: u64, ruling: &Ruling, now: Now) {
        if self.ahead.is_empty() {
            return;
        }
        let (Some(Ahead { due, service_type, source, destination }), Some(tag)) =
            (self.ahead.remove(&message_ref), ruling.tag)
        else {
            return;
        };
        if MessageId::new(message_id).is_none() {
            tracing::error!(
                event = "recall.nameless",
                message_ref,
                "an operator gave a scheduled message no usable id"
            );
            return;
        }
        if due <= now.civil {
            return;
        }
        let shared = Arc::clone(&self.kit.shared);
        let scheduled = Scheduled {
            smsc,
            account: ruling.account,
            tag,
            due,
            message_ref,
            pack: ruling.pack,
            sender: ruling.sender,
            campaign: ruling.campaign,
            territory: ruling.territory,
            segment: ruling.segment,
        };
        let names = Names { message_id: message_id.into(), service_type, source, destination };
        shared.scheduled.keep(&scheduled, &names);
        // A STOP may have come while the answer was on its way.
        if shared.index.is_suppressed(&tag, ruling.account, ruling.sender) {
            shared.scheduled.stopped(&tag);
        }
    }

    /// Sends cancel_sm for what is wanted back, as far as links and windows allow. The rest follows with the next turns.
    pub fn call_back(&mut self, now: Now) {
        let shared = Arc::clone(&self.kit.shared);
        let mut left = AT_ONCE;
        for smsc in 0..self.smscs.len() {
            while left > 0
                && let Some(slot) = self.recalling_link(smsc, now)
                && let Some(recall) = shared.scheduled.next(self.smscs[smsc].settings.id, now.monotonic)
            {
                left -= 1;
                let Scheduled { tag, account, sender, .. } = recall.scheduled;
                if shared.index.is_suppressed(&tag, account, sender) {
                    self.cancel(slot, recall, now);
                } else {
                    // Another account's or sender's STOP, or lifted meanwhile.
                    shared.scheduled.leave(recall.id);
                }
            }
        }
    }

    /// A link that can carry one more cancel_sm now.
    fn recalling_link(&self, smsc: usize, now: Now) -> Option<usize> {
        let operator = self.smscs.get(smsc)?;
        let share = (operator.settings.window * operator.links.len() / SHARE).max(1);
        let mut links = operator.links.iter().copied();
        (operator.recalls < share).then(|| links.find(|slot| self.links[*slot].ready(now.monotonic)))?
    }

    fn cancel(&mut self, slot: usize, recall: Recall, now: Now) {
        let id = recall.id;
        let smsc = self.links[slot].smsc;
        let names = recall.names.clone();
        let parties = (party(&names.source), party(&names.destination));
        let (Some(message_id), (Some(source), Some(destination))) = (MessageId::new(&names.message_id), parties) else {
            // Written by us and checked when it was: only a damaged disk brings something else.
            return self.recalled(smsc, &recall, VerdictKind::NotRecalled, RecallResult::GivenUp, 0, now);
        };
        let place = self.recalls.insert(recall);
        let link = &mut self.links[slot];
        let Ok(sequence) = link.window.begin(Origin::Recall { recall: place }, now.monotonic) else {
            self.recalls.remove(place);
            return self.kit.shared.scheduled.again(id, now.monotonic);
        };
        link.pace.take(1, now.monotonic);
        let service_type = &names.service_type;
        link.out.command(&LinkCommand::Cancel { service_type, message_id, source, destination }, sequence);
        self.smscs[smsc].recalls += 1;
        self.touch_link(slot);
    }

    /// The operator's answer to one of our cancel_sm.
    pub fn recall_answered(&mut self, slot: usize, recall: usize, status: CommandStatus, now: Now) {
        let Some(recall) = self.recall_over(slot, recall) else { return };
        let smsc = self.links[slot].smsc;
        match Fate::of_status(status.0) {
            Fate::Accepted => {
                self.recalled(smsc, &recall, VerdictKind::Recalled(0), RecallResult::Recalled, 0, now);
            }
            Fate::Final => {
                self.recalled(smsc, &recall, VerdictKind::Recalled(status.0), RecallResult::Refused, status.0, now);
            }
            Fate::Temporary | Fate::Unknown | Fate::NotWritten => {
                self.tell_recall(smsc, &recall.scheduled, RecallResult::Deferred, status.0);
                self.kit.shared.scheduled.again(recall.id, now.monotonic);
            }
        }
    }

    /// No answer came, or the link is gone: asked again, which does no harm where it was heard.
    pub fn recall_unanswered(&mut self, slot: usize, recall: usize, now: Now) {
        let Some(recall) = self.recall_over(slot, recall) else { return };
        self.tell_recall(self.links[slot].smsc, &recall.scheduled, RecallResult::Deferred, 0);
        self.kit.shared.scheduled.again(recall.id, now.monotonic);
    }

    fn recall_over(&mut self, slot: usize, recall: usize) -> Option<Recall> {
        let recall = self.recalls.try_remove(recall)?;
        let operator = &mut self.smscs[self.links[slot].smsc];
        operator.recalls = operator.recalls.saturating_sub(1);
        Some(recall)
    }

    /// Forgets what is due; what was wanted back until then is recorded as delivered all the same.
    pub fn tick_recalls(&mut self, now: Now) {
        if !self.ahead.is_empty() {
            self.ahead.retain(|_, ahead| ahead.due > now.civil);
        }
        for recall in self.kit.shared.scheduled.expire(now.civil) {
            let operator = self.smscs.iter().position(|smsc| smsc.settings.id == recall.scheduled.smsc);
            match operator {
                Some(smsc) => self.recalled(smsc, &recall, VerdictKind::NotRecalled, RecallResult::GivenUp, 0, now),
                // Of another lane, or of an operator that the configuration has lost.
                None => {
                    self.record_recall(&recall.scheduled, VerdictKind::NotRecalled, now);
                    let message_ref = recall.scheduled.message_ref;
                    tracing::error!(event = "recall", message_ref, result = "given_up");
                }
            }
        }
    }

    /// The end of a recall: recorded, counted, and not tried again.
    fn recalled(
        &mut self,
        smsc: usize,
        recall: &Recall,
        kind: VerdictKind,
        result: RecallResult,
        status: u32,
        now: Now,
    ) {
        self.kit.shared.scheduled.end(recall.id);
        self.record_recall(&recall.scheduled, kind, now);
        self.tell_recall(smsc, &recall.scheduled, result, status);
    }

    fn record_recall(&mut self, scheduled: &Scheduled, kind: VerdictKind, now: Now) {
        self.record(kind, &ruling(scheduled), scheduled.message_ref, scheduled.smsc, now);
    }

    fn tell_recall(&self, smsc: usize, scheduled: &Scheduled, result: RecallResult, status: u32) {
        let Scheduled { account, message_ref, .. } = *scheduled;
        let operator = &self.smscs[smsc];
        let account = self.kit.shared.ledger.name(account);
        let account = account.as_deref().unwrap_or("-");
        RecallDone { smsc: &operator.settings.name, account, message_ref, result, status }.emit(&operator.metrics);
    }
}

/// What the ledger says of a scheduled message: as its permit did, but for what was of use then only.
fn ruling(scheduled: &Scheduled) -> Ruling {
    Ruling {
        promotional: None,
        class: TrafficClass::Commercial,
        destination: None,
        tag: Some(scheduled.tag),
        territory: scheduled.territory,
        pack: scheduled.pack,
        account: scheduled.account,
        campaign: scheduled.campaign,
        sender: scheduled.sender,
        segment: scheduled.segment,
        set: None,
        stop_code: None,
        counted: scheduled.segment.is_none_or(|segment| segment.total <= 1),
        would_refuse: RuleSet::default(),
        observed: RuleSet::default(),
        judged_at: scheduled.due,
    }
}

fn party(written: &[u8]) -> Option<Party<'_>> {
    let [ton, npi, text @ ..] = written else { return None };
    Some(Party { ton: Ton::from_octet(*ton)?, npi: Npi(*npi), text })
}
