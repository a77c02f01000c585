//! Owns how opt-ins are entered and revoked from the control plane, and renewed by a reply.
//! Must never let an opt-in count before it is durable, nor a revocation be acknowledged while octets without consent wait.

use super::handle::{Handle, HandleError};
use super::lane::Lane;
use crate::clock::Now;
use crate::compliance::facts::OptIns;
use crate::consent::source::Source;
use crate::consent::{self, Standing};
use crate::ledger::event::{Consent, ConsentAct};
use crate::ledger::{Event, Personal};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use crate::telemetry::labels::RecordKind;

/// One act to be entered.
#[derive(Clone, Debug)]
pub struct NewConsent {
    pub account: NameId,
    pub number: Msisdn,
    pub source: Source,
    /// The wording's version; empty for a revocation.
    pub wording: String,
    /// When the person opted in or revoked; to the second.
    pub given: CivilInstant,
    /// What proves it. Sealed.
    pub evidence: String,
}

impl Handle {
    /// Enters acts of one kind: durable and in force when this returns; after a revocation every lane has passed it.
    ///
    /// # Errors
    /// `NotRecorded` and `NotDurable`: no opt-in counts, revocations hold in memory; none may be called entered.
    pub async fn enter_consents(&self, act: ConsentAct, acts: &[NewConsent], by: &str) -> Result<(), HandleError> {
        if acts.is_empty() {
            return Ok(());
        }
        let by = self.intern(by)?;
        let now = self.shared.clock.civil();
        let index = self.shared.opt_ins.index();
        let mut consents = Vec::with_capacity(acts.len());
        for new in acts {
            let wording = if new.wording.is_empty() { NameId::NONE } else { self.intern(&new.wording)? };
            consents.push(Consent {
                id: self.shared.ledger.next_event_id(),
                act,
                tag: self.shared.tags.tag(new.number),
                account: new.account,
                source: self.intern(new.source.word())?,
                wording,
                given_at: CivilInstant::from_secs(new.given.as_secs()),
                by,
            });
        }
        let generation = match act {
            ConsentAct::Revoke => {
                for one in &consents {
                    consent::apply(index, one, None);
                }
                // Messages that were released and not begun are looked at again, as after a STOP.
                self.shared.index.raise()
            }
            ConsentAct::Record | ConsentAct::Renew => 0,
        };
        let end = self.record(|appender| {
            for (one, new) in consents.iter().zip(acts) {
                let personal = Personal { evidence: Some(new.evidence.clone()), ..Personal::of(new.number) };
                appender
                    .event(now, &Event::Consent(one.clone()), Some(&personal))
                    .map_err(|_| HandleError::NotRecorded)?;
            }
            Ok(())
        })?;
        self.shared.wake_other_lanes(usize::MAX);
        self.wait(|| self.shared.ledger.durable_events() >= end && self.shared.passed_by_all() >= generation).await?;
        for (seq, one) in (end - consents.len() as u64..).zip(&consents) {
            consent::apply(index, one, Some(seq));
            self.shared.metrics.records.one(RecordKind::Consent);
        }
        Ok(())
    }

    /// What is known of a number's consent to an account.
    pub fn consent_standing(&self, tag: &NumberTag, account: NameId) -> Option<Standing> {
        self.shared.opt_ins.index().standing(tag, account)
    }
}

impl Lane {
    /// A person wrote to a short code that they want messages: the opt-ins to its accounts that hold are renewed.
    /// Their records stand in this turn's batch. A reply makes no opt-in: nobody showed the person a wording.
    pub fn renew_opt_ins(
        &mut self,
        number: Msisdn,
        tag: NumberTag,
        accounts: &[NameId],
        by: &str,
        now: Now,
    ) -> Vec<Consent> {
        let kit = std::rc::Rc::clone(&self.kit);
        let shared = &kit.shared;
        let mut renewals = Vec::new();
        for account in accounts {
            let Some(contact) = shared.opt_ins.index().last_contact(&tag, *account) else { continue };
            let settings = kit.settings.accounts.iter().find(|settings| settings.id == *account);
            if !settings.is_some_and(|settings| settings.policy.pack.opt_ins.hold(contact, now.civil)) {
                continue;
            }
            let renewal = Consent {
                id: shared.ledger.next_event_id(),
                act: ConsentAct::Renew,
                tag,
                account: *account,
                source: shared.ledger.handle(Source::Handset.word()).unwrap_or(NameId::NONE),
                wording: NameId::NONE,
                given_at: CivilInstant::from_secs(now.civil.as_secs()),
                by: shared.ledger.handle(by).unwrap_or(NameId::NONE),
            };
            let personal = Personal::of(number);
            if self.appender.event(now.civil, &Event::Consent(renewal.clone()), Some(&personal)).is_ok() {
                shared.metrics.records.one(RecordKind::Consent);
                renewals.push(renewal);
            }
        }
        renewals
    }

    /// The renewals are durable.
    pub fn renewed_opt_ins(&self, renewals: &[Consent]) {
        for renewal in renewals {
            consent::apply(self.kit.shared.opt_ins.index(), renewal, None);
        }
    }
}
