//! Owns the running gateway's answers about opt-ins: the `ConsentPlane` of its handle, and consent in words for `why`.
//! Must never decide whether a message may leave: the judge does; here is said what it would find.

use super::super::answers::{RejectedRow, StopOutcome};
use super::super::named::{account, canonical};
use super::super::pending::Pending;
use super::super::plane::ConsentPlane;
use super::super::problem::Problem;
use super::super::requests::{PageRequest, WrittenNumber};
use super::{ConsentAnswer, ConsentBatch, ConsentEntry, ConsentWork};
use crate::compliance::policy::Consent;
use crate::consent::Standing;
use crate::consent::admission::{self, Admission};
use crate::consent::registry::ConsentFound;
use crate::consent::source::NAMES_MAX;
use crate::gateway::handle::Handle;
use crate::gateway::opt_ins::NewConsent;
use crate::gateway::settings::{AccountSettings, Settings};
use crate::ledger::event::ConsentAct;
use crate::ledger::keys::hex;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::collections::HashMap;

impl ConsentPlane for Handle {
    fn enter_consents(&self, batch: ConsentBatch) -> Pending<'_, StopOutcome> {
        Box::pin(async move {
            let settings = self.shared.settings.load_full();
            let account = account(&settings, &batch.account)?;
            let (acts, outcome) = sift(self, &settings, account, &batch);
            if !batch.dry_run {
                let act = match batch.work {
                    ConsentWork::Record => ConsentAct::Record,
                    ConsentWork::Revoke => ConsentAct::Revoke,
                };
                Handle::enter_consents(self, act, &acts, &batch.by).await?;
            }
            Ok(outcome)
        })
    }

    fn consents_of(&self, number: WrittenNumber) -> Pending<'_, Vec<ConsentEntry>> {
        Box::pin(async move {
            let settings = self.shared.settings.load_full();
            let tag = self.shared.tags.tag(canonical(&settings, &number)?);
            let mut entries = Vec::new();
            for account in &settings.accounts {
                if let Some(found) = self.shared.consents.of(&tag, account.id)? {
                    entries.push(entry(self, &settings, &found));
                }
            }
            Ok(entries)
        })
    }

    fn consents(&self, system_id: Option<String>, page: PageRequest) -> Pending<'_, ConsentAnswer> {
        Box::pin(async move {
            let settings = self.shared.settings.load_full();
            let account = system_id.map(|system_id| account(&settings, &system_id)).transpose()?;
            let from = match &page.after {
                None => 0,
                Some(after) => after
                    .parse()
                    .map_err(|_| Problem::invalid("this is not where a page ended", "give back `next` as it was"))?,
            };
            let found = self.shared.consents.page(account.map(|account| account.id), from, page.limit);
            let found = found?;
            let entries = found.found.iter().map(|one| entry(self, &settings, one)).collect();
            Ok(ConsentAnswer { entries, next: found.next.map(|next| next.to_string()) })
        })
    }
}

/// Which rows are to be entered, and what becomes of the others. A number that stands twice counts with its latest act.
fn sift(
    handle: &Handle,
    settings: &Settings,
    account: &AccountSettings,
    batch: &ConsentBatch,
) -> (Vec<NewConsent>, StopOutcome) {
    let now = handle.shared.clock.civil();
    let index = handle.shared.opt_ins.index();
    let mut outcome = StopOutcome::default();
    let mut acts: Vec<NewConsent> = Vec::with_capacity(batch.rows.len());
    // What this batch has said of a number already.
    let mut said: HashMap<NumberTag, CivilInstant> = HashMap::new();
    for row in &batch.rows {
        let mut reject = |error: String| outcome.rejected.push(RejectedRow { line: row.line, error });
        let number = match settings.numbers.read(&row.number.text, &row.number.country) {
            Ok(number) => number,
            Err(error) => {
                reject(error.to_string());
                continue;
            }
        };
        let (tag, given) = (handle.shared.tags.tag(number), row.at.unwrap_or(now));
        let standing = handle.consent_standing(&tag, account.id);
        let admission = match batch.work {
            ConsentWork::Record => admission::of_opt_in(standing, given, now, account.policy.pack.opt_ins),
            ConsentWork::Revoke => admission::of_revocation(standing, given, now),
        };
        match admission {
            Admission::Refused(why) => reject(why),
            Admission::Known => outcome.already += 1,
            Admission::New if said.get(&tag).is_some_and(|said| *said >= given) => outcome.already += 1,
            Admission::New if !row.wording.is_empty() && is_one_too_many(handle, &row.wording) => {
                reject("too many different wordings are on record: name one of those".to_owned());
            }
            Admission::New if standing.is_none() && !index.has_room_for(acts.len() + 1) => {
                reject("the registry is full: see docs/limits.md".to_owned());
            }
            Admission::New => {
                said.insert(tag, given);
                acts.push(NewConsent {
                    account: account.id,
                    number,
                    source: row.source,
                    wording: row.wording.clone(),
                    given,
                    evidence: row.evidence.clone(),
                });
            }
        }
    }
    outcome.added = acts.len() as u64;
    (acts, outcome)
}

/// Whether a wording would be a name more than the ledger may keep.
fn is_one_too_many(handle: &Handle, wording: &str) -> bool {
    let ledger = &handle.shared.ledger;
    ledger.handle(wording).is_none() && ledger.names_known() >= NAMES_MAX
}

fn name(handle: &Handle, id: NameId) -> String {
    if id == NameId::NONE {
        return String::new();
    }
    handle.shared.ledger.name(id).map_or_else(|| "?".to_owned(), |name| name.to_string())
}

/// From when on an opt-in with this last contact holds no more, by the pack its account has today.
fn end(settings: &Settings, account: NameId, last_contact: CivilInstant) -> Option<CivilInstant> {
    let account = settings.accounts.iter().find(|settings| settings.id == account)?;
    account.policy.pack.opt_ins.ends(last_contact)
}

fn entry(handle: &Handle, settings: &Settings, found: &ConsentFound) -> ConsentEntry {
    let (act, personal) = (&found.act.consent, found.act.personal.as_ref());
    let now = handle.shared.clock.civil();
    let (state, last_contact, ends) = match found.standing {
        Standing::Revoked { .. } => ("revoked", None, None),
        Standing::OptedIn { last_contact, .. } => {
            let ends = end(settings, act.account, last_contact);
            (if ends.is_some_and(|end| end <= now) { "expired" } else { "live" }, Some(last_contact), ends)
        }
    };
    ConsentEntry {
        account: name(handle, act.account),
        number: personal.and_then(|personal| personal.number),
        tag: hex(&act.tag.0),
        state,
        at: act.given_at,
        last_contact,
        ends,
        source: name(handle, act.source),
        wording: name(handle, act.wording),
        by: name(handle, act.by),
        recorded: found.act.at,
        evidence: personal.and_then(|personal| personal.evidence.clone()),
        event: found.act.seq,
    }
}

/// What an account's consent to write to a number rests on, in words.
pub fn in_words(handle: &Handle, account: &AccountSettings, tag: &NumberTag) -> Result<String, Problem> {
    let system_id = &account.policy.system_id;
    let how = match &account.policy.consent {
        Consent::Declared { statement } => return Ok(format!("{system_id}: declared: {statement}")),
        Consent::Off => return Ok(format!("{system_id}: not asked (transactional)")),
        Consent::Proof => handle.shared.consents.of(tag, account.id)?,
    };
    let settings = handle.shared.settings.load();
    let Some(found) = how.map(|found| entry(handle, &settings, &found)) else {
        return Ok(format!(
            "{system_id}: proof: no opt-in is recorded, promotions are refused SG102; `stopgate consent record` enters one"
        ));
    };
    let ConsentEntry { at, source, wording, by, event, .. } = &found;
    let until = found.ends.map_or_else(|| "until it is revoked".to_owned(), |end| format!("until {end}"));
    let contact = match found.last_contact {
        Some(contact) if contact > *at => format!(", last contact {contact}"),
        Some(_) | None => String::new(),
    };
    let evidence = found.evidence.as_ref().map_or_else(|| "erased".to_owned(), Clone::clone);
    let entered = format!("entered by {by}, event {event}; evidence: {evidence}");
    Ok(match found.state {
        "live" => format!(
            "{system_id}: proof: opted in on {at} ({source}, wording {wording}){contact}, holds {until}; {entered}"
        ),
        "expired" => format!(
            "{system_id}: proof: the opt-in of {at} ({source}, wording {wording}){contact} has ended {}, promotions are refused SG102; {entered}",
            until.replace("until", "on")
        ),
        _ => format!("{system_id}: proof: revoked on {at}, promotions are refused SG102; {entered}"),
    })
}
