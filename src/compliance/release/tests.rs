//! Owns the tests of the second look: what was permitted is refused when the world has changed before the write.
//! Must never test the first look: those tests stand with the judge.

use super::*;
use crate::compliance::duty::{self, Duty};
use crate::compliance::fixture::{House, List, at};
use crate::compliance::frequency::{Cap, Mark};
use crate::compliance::judge::judge;
use crate::compliance::observe::{Observable, Observe};
use crate::compliance::pack::Pack;
use crate::compliance::policy::{Consent, Contract, ValidityRule};
use crate::compliance::verdict::Verdict;
use crate::message::draft::Draft;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use std::time::Duration;

/// A Tuesday, half an hour before closing in Paris.
const EVENING: &str = "2026-01-13T18:30:00Z";
const HANDSET: &str = "33639981234";

fn permit(house: &House, draft: &Draft<'_>, now: &str) -> Permitted<'static> {
    match judge(draft.submission(), &house.facts(), at(now)) {
        Verdict::Permitted(permitted) => permitted,
        Verdict::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

fn promo() -> Draft<'static> {
    Draft::new("ACME", HANDSET, "-20% ce samedi. STOP 36111")
}

fn code(result: Result<Released<'_>, Refusal>) -> Option<RefusalCode> {
    result.err().map(|refusal| refusal.code)
}

#[test]
fn a_promo_that_waited_across_closing_is_refused_with_the_next_opening() {
    let house = House::new();
    let waiting = permit(&house, &promo(), EVENING);
    assert_eq!(code(release(waiting.clone(), &house.facts(), at("2026-01-13T18:59:59Z"))), None);
    let refusal = release(waiting, &house.facts(), at("2026-01-13T19:00:00Z")).unwrap_err();
    assert_eq!((refusal.code, refusal.next_opening), (RefusalCode::OutOfHours, Some(at("2026-01-14T07:00:00Z"))));
    assert!(refusal.ruling.would_refuse.contains(Rule::Hours));
}

#[test]
fn a_promo_that_waited_across_a_stop_is_refused() {
    let house = House::new();
    let waiting = permit(&house, &promo(), EVENING);
    let ruling = *waiting.ruling();
    assert_eq!(recheck(&ruling, &house.facts(), at(EVENING)), Ok(()));
    house.suppress(HANDSET);
    assert_eq!(recheck(&ruling, &house.facts(), at(EVENING)), Err(RefusalCode::OptedOut));
    assert_eq!(code(release(waiting, &house.facts(), at(EVENING))), Some(RefusalCode::OptedOut));
}

#[test]
fn a_promo_that_waited_across_the_end_of_its_opt_in_is_refused() {
    let mut house = House::new();
    house.account.consent = Consent::Proof;
    house.opt_in(HANDSET, house.account.account, "2023-01-13T18:45:00Z");
    let waiting = permit(&house, &promo(), EVENING);
    let ruling = *waiting.ruling();
    assert_eq!(code(release(waiting.clone(), &house.facts(), at("2026-01-13T18:44:59Z"))), None);
    let refusal = release(waiting.clone(), &house.facts(), at("2026-01-13T18:45:00Z")).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NoConsent, "three years after the last contact");
    assert!(refusal.ruling.would_refuse.contains(Rule::Consent));
    house.opt_ins.0.borrow_mut().clear();
    assert_eq!(code(release(waiting.clone(), &house.facts(), at(EVENING))), Some(RefusalCode::NoConsent), "revoked");
    assert_eq!(recheck(&ruling, &house.facts(), at(EVENING)), Err(RefusalCode::NoConsent));
    let last = chrono::NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
    house.account.observe = Observe::through(&[Observable::Consent], last);
    let released = release(waiting, &house.facts(), at(EVENING)).unwrap();
    assert!(released.ruling().observed.contains(Rule::Consent), "observed only: forwarded, and said");
}

#[test]
fn of_two_promos_on_their_way_to_one_number_a_cap_of_one_lets_only_the_first_leave() {
    let mut house = House::new();
    let cap = Cap { messages: 1, per: Duration::from_secs(24 * 3600) };
    house.account.frequency = Some(cap);
    house.counts.lock().unwrap().set_caps(&[(house.account.account, cap)]);
    let (first, second) = (permit(&house, &promo(), EVENING), permit(&house, &promo(), EVENING));
    let other = permit(&house, &Draft::new("ACME", "33639981235", "-20% ce samedi. STOP 36111"), EVENING);
    let left = release(first, &house.facts(), at(EVENING)).unwrap();
    assert!(left.ruling().counted);
    let tag = left.ruling().tag.unwrap();
    house.counts.lock().unwrap().add(house.account.account, tag.prefix(), Mark::new(at(EVENING), 1));
    assert_eq!(recheck(left.ruling(), &house.facts(), at(EVENING)), Ok(()), "what was counted is not in its own way");
    let refusal = release(second.clone(), &house.facts(), at(EVENING)).unwrap_err();
    // A day later to the second: the hours are open then.
    assert_eq!((refusal.code, refusal.next_opening), (RefusalCode::FrequencyCap, Some(at("2026-01-14T18:30:01Z"))));
    assert!(refusal.ruling.would_refuse.contains(Rule::Freq));
    assert_eq!(code(release(other, &house.facts(), at(EVENING))), None);
    match judge(promo().submission(), &house.facts(), at(EVENING)) {
        Verdict::Refused(refusal) => assert_eq!(refusal.code, RefusalCode::FrequencyCap),
        Verdict::Permitted(_) => panic!("the cap is reached"),
    }
    // Rehearsed only: it leaves, and is recorded as observed.
    let last = chrono::NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
    house.account.observe = Observe::through(&[Observable::Freq], last);
    let observed = release(second, &house.facts(), at(EVENING)).unwrap();
    assert!(observed.ruling().observed.contains(Rule::Freq) && observed.ruling().counted);
    // A transactional message is nobody's promotion.
    house.account.observe = Observe::default();
    house.account.contract = Contract::Transactional;
    let code = permit(&house, &Draft::new("ACME", HANDSET, "Votre code: 482913"), EVENING);
    assert!(!release(code, &house.facts(), at(EVENING)).unwrap().ruling().counted);
}

#[test]
fn a_promo_is_refused_when_the_evidence_became_unusable() {
    let mut house = House::new();
    let waiting = permit(&house, &promo(), EVENING);
    for evidence in [Evidence::ListNotWhole, Evidence::LedgerUnusable, Evidence::Restored] {
        house.evidence = evidence;
        let result = release(waiting.clone(), &house.facts(), at(EVENING));
        assert_eq!(code(result), Some(RefusalCode::EvidenceUnavailable));
    }
}

#[test]
fn after_a_clock_step_both_readings_must_be_open_at_the_write() {
    let mut house = House::new();
    let waiting = permit(&house, &promo(), EVENING);
    house.also_now[0] = Some(at("2026-01-13T19:30:00Z"));
    assert_eq!(code(release(waiting, &house.facts(), at(EVENING))), Some(RefusalCode::OutOfHours));
}

#[test]
fn a_transactional_message_is_released_whatever_happened() {
    let mut house = House::with_contract(Contract::Transactional);
    let waiting = permit(&house, &Draft::new("ACME", HANDSET, "Votre code: 482913"), EVENING);
    house.evidence = Evidence::LedgerUnusable;
    house.suppress(HANDSET);
    assert_eq!(code(release(waiting, &house.facts(), at("2026-01-11T02:00:00Z"))), None);
}

#[test]
fn a_confirmation_is_released_to_a_suppressed_number_at_night() {
    let mut house = House::new();
    house.suppress(HANDSET);
    house.evidence = Evidence::LedgerUnusable;
    let night = at("2026-01-11T02:00:00Z");
    let context = duty::Context {
        pack: &house.account.pack,
        pack_name: NameId(2),
        account: NameId::NONE,
        short_code: 36_111,
        identity: "ACME SAS",
        tags: &house.tags,
        now: night,
    };
    let to = Msisdn::from_canonical(33_639_981_234).unwrap();
    let confirmation = duty::compose(Duty::StopConfirmation, to, &context);
    assert_eq!(recheck(confirmation.ruling(), &house.facts(), night), Ok(()));
    assert_eq!(code(release(confirmation, &house.facts(), night)), None);
}

#[test]
fn a_scheduled_promo_is_released_at_night_for_the_morning() {
    let house = House::new();
    let mut draft = promo();
    draft.schedule = TimeField::Absolute(at("2026-01-14T09:00:00Z"));
    let night = "2026-01-13T22:00:00Z";
    let waiting = permit(&house, &draft, night);
    assert_eq!(recheck(waiting.ruling(), &house.facts(), at(night)), Ok(()));
    // Waiting until the instant has passed: it would be delivered at once, so now decides.
    assert_eq!(recheck(waiting.ruling(), &house.facts(), at("2026-01-14T20:00:00Z")), Err(RefusalCode::OutOfHours));
    let released = release(waiting, &house.facts(), at(night)).unwrap();
    assert_eq!(released.ruling().judged_at, at("2026-01-14T09:00:00Z"));
}

#[test]
fn a_reload_between_judging_and_writing_counts() {
    let mut house = House::new();
    let waiting = permit(&house, &promo(), EVENING);
    house.account.pack = Pack::embedded("fr-af2m-2024").unwrap();
    house.account.pack_name = NameId(9);
    let released = release(waiting, &house.facts(), at("2026-01-13T20:59:59Z")).unwrap();
    assert_eq!(released.ruling().pack, NameId(9));
}

#[test]
fn validity_is_clamped_to_closing_and_never_under_a_quarter_of_an_hour() {
    let mut house = House::new();
    house.account.validity = ValidityRule::Closing;
    let closing = at("2026-01-13T19:00:00Z");
    for (validity, now, expected) in [
        (TimeField::Absent, EVENING, Some(closing)),
        (TimeField::Relative(Duration::from_secs(86_400)), EVENING, Some(closing)),
        (TimeField::Relative(Duration::from_secs(600)), EVENING, None),
        (TimeField::Absolute(closing), EVENING, None),
        (TimeField::Absolute(at("2026-01-13T19:00:01Z")), EVENING, Some(closing)),
        (TimeField::Absent, "2026-01-13T18:50:00Z", Some(at("2026-01-13T19:05:00Z"))),
    ] {
        let draft = Draft { validity, ..promo() };
        let released: Released<'_> = release(permit(&house, &draft, now), &house.facts(), at(now)).unwrap();
        assert_eq!(released.validity(), expected, "{validity:?} at {now}");
    }
    house.account.validity = ValidityRule::Keep;
    let released = release(permit(&house, &promo(), EVENING), &house.facts(), at(EVENING)).unwrap();
    assert_eq!(released.validity(), None);
}

#[test]
fn what_was_not_begun_goes_back_to_a_permit_and_is_looked_at_again() {
    let house = House::new();
    let facts: Facts<'_, List> = house.facts();
    let released = release(permit(&house, &promo(), EVENING), &facts, at(EVENING)).unwrap();
    house.suppress(HANDSET);
    assert_eq!(code(release(released.into_permitted(), &facts, at(EVENING))), Some(RefusalCode::OptedOut));
}
