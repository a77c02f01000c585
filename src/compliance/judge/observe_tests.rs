//! Owns the tests of observe mode on the ladder: what it lets pass, what it never does, and until when.
//! Must never test the policy's own dates: those tests stand beside it.

use super::*;
use crate::compliance::fixture::{House, at};
use crate::compliance::observe::{Observable, Observe, first_code};
use crate::compliance::policy::{Consent, Contract};
use crate::compliance::release::{recheck, release};
use crate::message::draft::Draft;
use crate::message::segment::{Segment, SegmentScheme};
use chrono::NaiveDate;

/// A Tuesday, 12:30 in Paris.
const OPEN: &str = "2026-01-13T11:30:00Z";
const HANDSET: &str = "33639981234";

fn through_january(rules: &[Observable]) -> Observe {
    Observe::through(rules, NaiveDate::from_ymd_opt(2026, 1, 31).unwrap())
}

fn observing(rules: &[Observable]) -> House {
    let mut house = House::new();
    house.account.observe = through_january(rules);
    house
}

/// The refusal's code; or of what passes, what it would be refused with.
fn outcome(verdict: &Verdict<'_>) -> Result<Option<RefusalCode>, RefusalCode> {
    match verdict {
        Verdict::Permitted(permitted) => Ok(first_code(permitted.ruling().observed)),
        Verdict::Refused(refusal) => Err(refusal.code),
    }
}

#[test]
fn an_observed_rule_lets_pass_and_the_record_says_what_it_would_refuse() {
    type Change = fn(&mut House, &mut Submission<'static>);
    let cases: [(&[Observable], Change); 4] = [
        (&[Observable::Mention], |_, s| *s = Draft::new("ACME", HANDSET, "-20% ce samedi.").submission()),
        (&[Observable::Consent], |house, _| house.account.consent = Consent::Off),
        (&[Observable::Sender], |_, s| *s = Draft::new("AMCE", HANDSET, "-20%. STOP 36111").submission()),
        // An unreadable text shows no mention either.
        (&[Observable::Text, Observable::Mention], |_, s| s.data_coding = 0x04),
    ];
    for (rules, change) in cases {
        let (mut house, mut submission) =
            (observing(rules), Draft::new("ACME", HANDSET, "-20% ce samedi. STOP 36111").submission());
        change(&mut house, &mut submission);
        let code = rules[0].code();
        let verdict = judge(submission.clone(), &house.facts(), at(OPEN));
        assert_eq!(outcome(&verdict), Ok(Some(code)), "{rules:?}");
        let Verdict::Permitted(permitted) = verdict else { unreachable!("permitted") };
        assert!(rules.iter().all(|rule| permitted.ruling().would_refuse.contains(rule.rule())), "{rules:?}");
        assert!(release(permitted, &house.facts(), at(OPEN)).is_ok());
        let after = judge(submission.clone(), &house.facts(), at("2026-02-03T11:30:00Z"));
        assert_eq!(outcome(&after), Err(code), "{rules:?}: the last day is over");
        house.account.observe = Observe::default();
        assert_eq!(outcome(&judge(submission, &house.facts(), at(OPEN))), Err(code), "{rules:?}: not observed");
    }
}

#[test]
fn list_hours_and_evidence_refuse_whatever_is_observed() {
    let house = observing(&Observable::ALL);
    house.suppress("06 39 98 00 01");
    let to = |number| Draft::new("ACME", number, "-20% ce samedi.").submission();
    assert_eq!(outcome(&judge(to("33639980001"), &house.facts(), at(OPEN))), Err(RefusalCode::OptedOut));
    assert_eq!(outcome(&judge(to(HANDSET), &house.facts(), at("2026-01-11T11:30:00Z"))), Err(RefusalCode::OutOfHours));
    assert_eq!(outcome(&judge(to("36111"), &house.facts(), at(OPEN))), Err(RefusalCode::BadDestination));
    let closed = House { evidence: Evidence::LedgerUnusable, ..observing(&Observable::ALL) };
    assert_eq!(outcome(&judge(to(HANDSET), &closed.facts(), at(OPEN))), Err(RefusalCode::EvidenceUnavailable));
}

#[test]
fn what_waits_across_the_last_midnight_is_refused_when_it_is_to_leave() {
    // At midnight UTC it is afternoon where this pack holds.
    let mut house = observing(&[Observable::Mention]);
    house.account.pack = Pack::embedded("us-ctia").unwrap();
    house.account.default_country = "US".into();
    house.numbers = crate::compliance::numbers::NumberPlan::new(&[Arc::clone(&house.account.pack)]);
    let submission = Draft::new("36111", "12125550142", "20% off this Saturday").submission();
    let evening = at("2026-01-31T23:59:59Z");
    let verdict = judge(submission, &house.facts(), evening);
    assert_eq!(outcome(&verdict), Ok(Some(RefusalCode::MissingStopMention)));
    let Verdict::Permitted(waiting) = verdict else { unreachable!("permitted") };
    let ruling = *waiting.ruling();
    assert_eq!(recheck(&ruling, &house.facts(), evening), Ok(()));
    let midnight = at("2026-02-01T00:00:00Z");
    assert_eq!(recheck(&ruling, &house.facts(), midnight), Err(RefusalCode::MissingStopMention));
    let refusal = release(waiting.clone(), &house.facts(), midnight).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::MissingStopMention);
    house.account.observe = Observe::default();
    let refusal = release(waiting, &house.facts(), evening).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::MissingStopMention, "a reload ended it");
}

#[test]
fn a_transactional_source_may_be_observed_too() {
    let mut house = House::with_contract(Contract::Transactional);
    let code = || Draft::new("AMCE", HANDSET, "Votre code est 123456").submission();
    assert_eq!(outcome(&judge(code(), &house.facts(), at(OPEN))), Err(RefusalCode::SenderNotAllowed));
    house.account.observe = through_january(&[Observable::Sender]);
    let verdict = judge(code(), &house.facts(), at(OPEN));
    assert_eq!(outcome(&verdict), Ok(Some(RefusalCode::SenderNotAllowed)));
    let Verdict::Permitted(permitted) = verdict else { unreachable!("permitted") };
    let over = release(permitted, &house.facts(), at("2026-02-01T00:00:00Z")).unwrap_err();
    assert_eq!(over.code, RefusalCode::SenderNotAllowed);
}

#[test]
fn the_completing_part_without_a_mention_passes_observed_and_an_altered_part_does_not() {
    let house = observing(&[Observable::Mention]);
    let part = |text: &'static str, number| {
        let mut submission = Draft::new("ACME", HANDSET, text).submission();
        submission.segment = Some(Segment { scheme: SegmentScheme::Udh8, reference: 7, total: 2, number });
        judge(submission, &house.facts(), at(OPEN))
    };
    assert_eq!(outcome(&part("-20% ce", 1)), Ok(None));
    assert_eq!(outcome(&part("-30% ce", 1)), Err(RefusalCode::MissingStopMention), "it would change what was sent");
    assert_eq!(outcome(&part(" samedi", 2)), Ok(Some(RefusalCode::MissingStopMention)));
}
