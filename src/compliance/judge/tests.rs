//! Owns the tests of the ladder: each rule refuses for its own reason, the first refusal wins, and all others are recorded.
//! Must never test a rule's own details: those tests stand beside the rule.

use super::*;
use crate::compliance::fixture::{House, at};
use crate::compliance::policy::{Consent, Contract};
use crate::message::draft::Draft;
use crate::message::segment::{Segment, SegmentScheme};
use crate::message::submission::TimeField;
use std::time::Duration;

/// A Tuesday, 12:30 in Paris.
const OPEN: &str = "2026-01-13T11:30:00Z";
/// The Sunday before.
const SUNDAY: &str = "2026-01-11T11:30:00Z";
const PROMO: &str = "-20% ce samedi. STOP 36111";
const HANDSET: &str = "33639981234";

fn promo() -> Submission<'static> {
    Draft::new("ACME", HANDSET, PROMO).submission()
}

fn code_of(verdict: &Verdict<'_>) -> Option<RefusalCode> {
    match verdict {
        Verdict::Permitted(_) => None,
        Verdict::Refused(refusal) => Some(refusal.code),
    }
}

fn ruling_of(verdict: Verdict<'_>) -> Ruling {
    match verdict {
        Verdict::Permitted(permitted) => *permitted.ruling(),
        Verdict::Refused(refusal) => refusal.ruling,
    }
}

fn otp_house() -> House {
    House::with_contract(Contract::Transactional)
}

#[test]
fn what_looks_promotional_on_a_transactional_account_is_judged_as_the_account_asks() {
    let text = || Draft::new("ACME", HANDSET, "-20% ce samedi.").submission();
    for (wanted, class, code) in [
        (PromotionalText::Reclassify, TrafficClass::Commercial, Some(RefusalCode::MissingStopMention)),
        (PromotionalText::Log, TrafficClass::Transactional, None),
        (PromotionalText::Refuse, TrafficClass::Commercial, Some(RefusalCode::NoConsent)),
    ] {
        let mut house = otp_house();
        house.account.promotional_text = wanted;
        let verdict = judge(text(), &house.facts(), at(OPEN));
        assert_eq!(code_of(&verdict), code, "{wanted:?}");
        let ruling = ruling_of(verdict);
        assert_eq!((ruling.class, ruling.promotional), (class, Some(wanted)));
        assert_eq!(ruling.would_refuse.contains(Rule::Consent), wanted == PromotionalText::Refuse);
    }
}

#[test]
fn a_promo_inside_the_hours_with_its_mention_is_permitted() {
    let house = House::new();
    let verdict = judge(promo(), &house.facts(), at(OPEN));
    assert_eq!(code_of(&verdict), None);
    let ruling = ruling_of(verdict);
    assert_eq!(ruling.class, TrafficClass::Commercial);
    assert_eq!(ruling.destination.unwrap().as_u64(), 33_639_981_234);
    assert!(ruling.tag.is_some() && ruling.campaign != 0 && ruling.sender != 0);
    assert_eq!(house.account.pack.territories()[usize::from(ruling.territory)].id, "FR");
    assert!(ruling.would_refuse.is_empty());
    assert_eq!(ruling.judged_at, at(OPEN));
}

#[test]
fn each_rule_refuses_a_commercial_message_for_its_own_reason() {
    type Change = fn(&mut House, &mut Submission<'static>);
    let cases: [(Change, Rule, RefusalCode); 12] = [
        (|house, _| house.evidence = Evidence::ListNotWhole, Rule::FailClosed, RefusalCode::EvidenceUnavailable),
        (|house, _| house.evidence = Evidence::LedgerUnusable, Rule::FailClosed, RefusalCode::EvidenceUnavailable),
        (|house, _| house.evidence = Evidence::Restored, Rule::FailClosed, RefusalCode::EvidenceUnavailable),
        (|_, s| *s = Draft::new("ACME", "33142345678", PROMO).submission(), Rule::Dest, RefusalCode::BadDestination),
        (
            |_, s| *s = Draft::new("ACME", "337001234567890", PROMO).submission(),
            Rule::Dest,
            RefusalCode::BadDestination,
        ),
        (|_, s| *s = Draft::new("ACME", "+4915123456789", PROMO).submission(), Rule::Dest, RefusalCode::BadDestination),
        (|_, s| *s = Draft::new("AMCE", HANDSET, PROMO).submission(), Rule::Sender, RefusalCode::SenderNotAllowed),
        (|house, _| house.suppress("06 39 98 12 34"), Rule::Suppress, RefusalCode::OptedOut),
        (|house, _| house.account.consent = Consent::Off, Rule::Consent, RefusalCode::NoConsent),
        (|house, _| house.account.consent = Consent::Proof, Rule::Consent, RefusalCode::NoConsent),
        (|_, s| s.schedule = TimeField::Absolute(at("2026-01-13T19:00:00Z")), Rule::Hours, RefusalCode::OutOfHours),
        (
            |_, s| *s = Draft::new("ACME", HANDSET, "-20% ce samedi.").submission(),
            Rule::Mention,
            RefusalCode::MissingStopMention,
        ),
    ];
    for (index, (change, rule, code)) in cases.into_iter().enumerate() {
        let (mut house, mut submission) = (House::new(), promo());
        change(&mut house, &mut submission);
        let verdict = judge(submission, &house.facts(), at(OPEN));
        assert_eq!(code_of(&verdict), Some(code), "case {index}");
        assert_eq!(ruling_of(verdict).would_refuse.iter().collect::<Vec<_>>(), [rule], "case {index}");
    }
}

#[test]
fn a_text_that_cannot_be_read_is_refused_and_so_is_an_empty_one() {
    let house = House::new();
    for change in [
        (|s: &mut Submission<'static>| s.data_coding = 0x04) as fn(&mut Submission<'static>),
        |s| s.ports = true,
        |s| *s = Draft::new("ACME", HANDSET, "").submission(),
        |s| *s = Draft::new("ACME", HANDSET, " \n ").submission(),
    ] {
        let mut submission = promo();
        change(&mut submission);
        let verdict = judge(submission, &house.facts(), at(OPEN));
        assert_eq!(code_of(&verdict), Some(RefusalCode::UndecodableText));
        assert!(ruling_of(verdict).would_refuse.contains(Rule::Mention), "what cannot be read carries no mention");
    }
}

#[test]
fn the_first_refusal_wins_and_every_other_is_in_the_record() {
    let mut house = House::new();
    house.evidence = Evidence::LedgerUnusable;
    house.account.consent = Consent::Off;
    house.suppress(HANDSET);
    let submission = Draft::new("INFO", HANDSET, "-20% ce samedi").submission();
    let verdict = judge(submission, &house.facts(), at(SUNDAY));
    assert_eq!(code_of(&verdict), Some(RefusalCode::EvidenceUnavailable));
    let all = [Rule::FailClosed, Rule::Sender, Rule::Suppress, Rule::Consent, Rule::Hours, Rule::Mention];
    assert_eq!(ruling_of(verdict).would_refuse.iter().collect::<Vec<_>>(), all);
}

#[test]
fn a_sunday_promo_is_told_when_the_next_opening_is() {
    let house = House::new();
    let Verdict::Refused(refusal) = judge(promo(), &house.facts(), at(SUNDAY)) else { panic!("a Sunday is closed") };
    assert_eq!(refusal.code, RefusalCode::OutOfHours);
    assert_eq!(refusal.next_opening, Some(at("2026-01-12T07:00:00Z")));
}

#[test]
fn a_schedule_is_judged_at_its_own_instant_and_at_most_a_day_ahead() {
    let house = House::new();
    for (schedule, now, expected) in [
        // Submitted on Sunday night for Monday morning: fine. Submitted by day for the night: not.
        (TimeField::Absolute(at("2026-01-12T07:00:00Z")), "2026-01-11T20:00:00Z", None),
        (TimeField::Relative(Duration::from_secs(11 * 3600)), "2026-01-11T20:00:00Z", None),
        (
            TimeField::Relative(Duration::from_secs(10 * 3600)),
            "2026-01-11T20:00:00Z",
            Some(Some("2026-01-12T07:00:00Z")),
        ),
        (TimeField::Absolute(at("2026-01-13T22:00:00Z")), OPEN, Some(Some("2026-01-14T07:00:00Z"))),
        // A past instant is now.
        (TimeField::Absolute(at("2026-01-13T03:00:00Z")), OPEN, None),
        (TimeField::Absolute(at("2026-01-12T11:00:00Z")), SUNDAY, None),
        // 24 hours and a second ahead: may be sent a second later.
        (TimeField::Absolute(at("2026-01-14T11:30:00Z")), OPEN, None),
        (TimeField::Absolute(at("2026-01-14T11:30:01Z")), OPEN, Some(Some("2026-01-13T11:30:01Z"))),
    ] {
        let mut submission = promo();
        submission.schedule = schedule;
        let verdict = judge(submission, &house.facts(), at(now));
        let refused = match &verdict {
            Verdict::Permitted(_) => None,
            Verdict::Refused(refusal) => {
                assert_eq!(refusal.code, RefusalCode::OutOfHours);
                Some(refusal.next_opening)
            }
        };
        assert_eq!(refused, expected.map(|next| next.map(at)), "{schedule:?} at {now}");
    }
}

#[test]
fn after_a_clock_step_both_readings_must_be_open() {
    let mut house = House::new();
    house.also_now[1] = Some(at("2026-01-13T06:30:00Z"));
    let verdict = judge(promo(), &house.facts(), at(OPEN));
    assert_eq!(code_of(&verdict), Some(RefusalCode::OutOfHours));
    house.also_now[1] = Some(at("2026-01-13T09:30:00Z"));
    assert_eq!(code_of(&judge(promo(), &house.facts(), at(OPEN))), None);
}

#[test]
fn a_transactional_message_passes_where_marketing_may_not() {
    let mut house = otp_house();
    house.evidence = Evidence::LedgerUnusable;
    house.account.consent = Consent::Off;
    house.suppress(HANDSET);
    let night = at("2026-01-11T02:00:00Z");
    for submission in [
        Draft::new("ACME", HANDSET, "Votre code de verification est 482913.").submission(),
        Draft::new("ACME", "+4915123456789", "Votre code de verification est 482913.").submission(),
        Draft::new("38055", "33142345678", "Votre code de verification est 482913.").submission(),
        Draft { data_coding: 4, ..Draft::new("ACME", HANDSET, "?") }.submission(),
    ] {
        let verdict = judge(submission, &house.facts(), night);
        assert_eq!(code_of(&verdict), None);
        let ruling = ruling_of(verdict);
        assert_eq!(ruling.class, TrafficClass::Transactional);
        assert!(ruling.would_refuse.is_empty());
    }
}

#[test]
fn a_transactional_message_still_needs_a_number_and_a_source_of_the_account() {
    let house = otp_house();
    for (source, destination, code) in [
        ("ACME", "36111", RefusalCode::BadDestination),
        ("ACME", "063998", RefusalCode::BadDestination),
        ("BANQUE", HANDSET, RefusalCode::SenderNotAllowed),
    ] {
        let verdict =
            judge(Draft::new(source, destination, "Votre code: 482913").submission(), &house.facts(), at(OPEN));
        assert_eq!(code_of(&verdict), Some(code), "{source} {destination}");
    }
}

#[test]
fn a_mixed_contract_is_transactional_only_where_it_says_so() {
    let contract =
        Contract::Mixed { service_types: vec!["OTP".into()], sources: vec!["38055".into()], tlvs: vec![0x1401] };
    let house = House::with_contract(contract);
    let text = "Votre code de verification est 482913.";
    for (submission, class) in [
        (Draft::new("ACME", HANDSET, text).submission(), TrafficClass::Commercial),
        (Draft { service_type: "OTP", ..Draft::new("ACME", HANDSET, text) }.submission(), TrafficClass::Transactional),
        (Draft { service_type: "OTPX", ..Draft::new("ACME", HANDSET, text) }.submission(), TrafficClass::Commercial),
        (Draft::new("38055", HANDSET, text).submission(), TrafficClass::Transactional),
    ] {
        assert_eq!(ruling_of(judge(submission, &house.facts(), at(OPEN))).class, class);
    }
}

#[test]
fn every_spelling_of_a_suppressed_number_is_refused() {
    let house = House::new();
    house.suppress("262692123456");
    for spelling in [
        "262692123456",
        "+262692123456",
        "00262692123456",
        "0692123456",
        "33692123456",
        "+33 (0)6 92 12 34 56",
        "2620692123456",
    ] {
        let verdict =
            judge(Draft::new("ACME", spelling, PROMO).submission(), &house.facts(), at("2026-07-08T10:00:00Z"));
        assert_eq!(code_of(&verdict), Some(RefusalCode::OptedOut), "{spelling}");
    }
}

#[test]
fn a_whole_text_in_a_single_segment_is_whole() {
    let house = House::new();
    let mut submission = promo();
    submission.segment = Some(Segment { scheme: SegmentScheme::Sar, reference: 1, total: 1, number: 1 });
    assert_eq!(code_of(&judge(submission, &house.facts(), at(OPEN))), None);
}

#[test]
fn what_a_message_shows_only_tightens_its_class() {
    let mixed = |sources: &[&str]| Contract::Mixed {
        service_types: vec!["OTP".into()],
        sources: sources.iter().map(|&source| source.into()).collect(),
        tlvs: Vec::new(),
    };
    for (contract, service_type, source, text, class) in [
        (Contract::Transactional, "", "ACME", "Votre code: 482913", TrafficClass::Transactional),
        // A way out of marketing is offered: it is marketing.
        (Contract::Transactional, "", "ACME", PROMO, TrafficClass::Commercial),
        // The promotional family, unless the contract names the source.
        (Contract::Transactional, "", "36111", "Votre code: 482913", TrafficClass::Commercial),
        (mixed(&["38055"]), "OTP", "36111", "Votre code: 482913", TrafficClass::Commercial),
        (mixed(&["36111"]), "", "36111", "Votre code: 482913", TrafficClass::Transactional),
        (mixed(&["36111"]), "", "36111", PROMO, TrafficClass::Commercial),
        // A service code makes nothing transactional.
        (Contract::Commercial, "OTP", "38055", "Votre code: 482913", TrafficClass::Commercial),
    ] {
        let house = House::with_contract(contract.clone());
        let submission = Draft { service_type, ..Draft::new(source, HANDSET, text) }.submission();
        let ruling = ruling_of(judge(submission, &house.facts(), at(OPEN)));
        assert_eq!(ruling.class, class, "{contract:?} {service_type:?} {source} {text}");
    }
}
