//! Owns the second look: a permit goes stale while it waits, so evidence, list, opt-in and hours are asked again at the write.
//! Must never release a commercial message on what was true when it was judged.

use super::class::TrafficClass;
use super::code::RefusalCode;
use super::consent;
use super::facts::{Evidence, Facts, SuppressionList};
use super::frequency::{self, Room};
use super::instants;
use super::observe;
use super::rule::Rule;
use super::verdict::{Outgoing, Permitted, Refusal, Released, Ruling};
use crate::message::instant::CivilInstant;
use crate::message::submission::TimeField;
use std::sync::PoisonError;

/// Releases a permitted message at the instant its octets are written, or refuses it after all.
///
/// What stopgate composed itself is released whatever list and hours say: it is the one message a suppressed number gets.
///
/// # Errors
/// The refusal to answer: SG153, SG101, SG111, SG132 when a reload has left no territory for the number, or what a rule
/// that was observed refuses with since its last day is over.
pub fn release<'a, L: SuppressionList + ?Sized>(
    permitted: Permitted<'a>,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) -> Result<Released<'a>, Refusal> {
    let Permitted { outgoing, mut ruling } = permitted;
    let submission = match &outgoing {
        Outgoing::Composed(_) => return Ok(Released { outgoing, ruling, validity: None }),
        Outgoing::Forwarded(submission) => submission,
    };
    let looked = look_again(&mut ruling, submission.schedule, facts, now);
    match looked.and_then(|closing| still_room(&mut ruling, facts, now).map(|()| closing)) {
        Ok(closing) => {
            let validity = closing
                .and_then(|closing| instants::clamped_validity(submission, facts.account.validity, closing, now));
            Ok(Released { outgoing, ruling, validity })
        }
        Err((code, next_opening)) => Err(Refusal { code, ruling, next_opening }),
    }
}

/// R-FREQ again: of two messages on their way to one number the cap may let only the first leave. The caller counts what is
/// released before it releases the next.
fn still_room<L: SuppressionList + ?Sized>(
    ruling: &mut Ruling,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) -> Result<(), (RefusalCode, Option<CivilInstant>)> {
    let (Some(cap), Some(tag)) = (facts.account.frequency, ruling.tag) else { return Ok(()) };
    if !frequency::counts(ruling) {
        return Ok(());
    }
    ruling.counted = true;
    let counts = facts.counts.lock().unwrap_or_else(PoisonError::into_inner);
    let (code, next) = match counts.room(ruling.account, &tag, cap, now) {
        Room::Free => return Ok(()),
        Room::Reached { until } => {
            (RefusalCode::FrequencyCap, frequency::next_chance(&facts.account.pack, ruling.territory, until))
        }
        Room::Full => (RefusalCode::QueueFull, None),
    };
    ruling.would_refuse.insert(Rule::Freq);
    if code == RefusalCode::FrequencyCap && facts.account.observe.at(now).contains(Rule::Freq) {
        ruling.observed.insert(Rule::Freq);
        return Ok(());
    }
    Err((code, next))
}

/// Looks again at a message that was released but of which no octet has been written yet.
///
/// # Errors
/// Why it may not leave any more.
pub fn recheck<L: SuppressionList + ?Sized>(
    ruling: &Ruling,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) -> Result<(), RefusalCode> {
    // A message scheduled ahead was judged at an instant that is still to come.
    let schedule = if ruling.judged_at > now { TimeField::Absolute(ruling.judged_at) } else { TimeField::Absent };
    look_again(&mut ruling.clone(), schedule, facts, now).map(|_| ()).map_err(|(code, _)| code)
}

/// Evidence, list, opt-in and hours at `now`; the ruling is brought up to date. The closing instant of a commercial message.
fn look_again<L: SuppressionList + ?Sized>(
    ruling: &mut Ruling,
    schedule: TimeField,
    facts: &Facts<'_, L>,
    now: CivilInstant,
) -> Result<Option<CivilInstant>, (RefusalCode, Option<CivilInstant>)> {
    ruling.judged_at = instants::judged_at(schedule, now);
    // The last day of observing may have ended meanwhile, or a reload may have ended it.
    let observing = facts.account.observe.at(now);
    let enforced = observe::first_code(ruling.observed.without(observing));
    match (ruling.class, enforced) {
        (TrafficClass::Transactional, None) => return Ok(None),
        (TrafficClass::Transactional, Some(code)) => return Err((code, None)),
        (TrafficClass::Commercial, _) => {}
    }
    let mut first = enforced.map(|code| (code, None));
    // Revoked meanwhile, or too long ago by now.
    let (policy, tag) = (facts.account, ruling.tag);
    let unproved = !consent::stands(policy, &policy.pack, tag.as_ref(), facts.opt_ins, ruling.judged_at);
    if unproved && observing.contains(Rule::Consent) {
        ruling.observed.insert(Rule::Consent);
        ruling.would_refuse.insert(Rule::Consent);
    }
    let mut refuse = |rule: Rule, code: RefusalCode, next: Option<CivilInstant>| {
        ruling.would_refuse.insert(rule);
        first.get_or_insert((code, next));
    };
    match facts.evidence {
        Evidence::Whole => {}
        Evidence::ListNotWhole | Evidence::LedgerUnusable | Evidence::Restored => {
            refuse(Rule::FailClosed, RefusalCode::EvidenceUnavailable, None);
        }
    }
    // A reload may have brought another pack meanwhile.
    let territory = ruling.destination.and_then(|number| facts.account.pack.territory(number));
    let (Some(tag), Some(territory)) = (ruling.tag, territory) else {
        refuse(Rule::Dest, RefusalCode::BadDestination, None);
        return Err(first.unwrap_or((RefusalCode::BadDestination, None)));
    };
    if facts.list.is_suppressed(&tag, ruling.account, ruling.sender) {
        refuse(Rule::Suppress, RefusalCode::OptedOut, None);
    }
    if unproved && !observing.contains(Rule::Consent) {
        refuse(Rule::Consent, RefusalCode::NoConsent, None);
    }
    let hours = match instants::check(schedule, &facts.account.pack, territory, facts, now) {
        // A part follows the hours of the part its set began with.
        Err(_) if ruling.set.is_some_and(|set| set.follows(ruling.judged_at)) => Ok(ruling.judged_at),
        hours => hours,
    };
    if let Err(closed) = hours {
        refuse(Rule::Hours, RefusalCode::OutOfHours, closed.next_opening);
    }
    if ruling.set.is_none_or(|set| set.begins) {
        // The pack of a set is its first part's.
        ruling.territory = territory;
        ruling.pack = facts.account.pack_name;
    }
    match (first, hours) {
        (None, Ok(closing)) => Ok(Some(closing)),
        (first, _) => Err(first.unwrap_or((RefusalCode::OutOfHours, None))),
    }
}

#[cfg(test)]
mod tests;
