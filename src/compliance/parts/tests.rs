//! Owns the tests of the completing-part gate, through the judge: what each part of a message is told.
//! Must never test the mention itself: its forms have their own tables.

use super::*;
use crate::compliance::code::RefusalCode;
use crate::compliance::fixture::{House, at};
use crate::compliance::judge::judge;
use crate::compliance::policy::Contract;
use crate::compliance::release::release;
use crate::compliance::verdict::{Refusal, Ruling, Verdict};
use crate::message::draft::Draft;
use crate::message::segment::SegmentScheme;
use crate::message::submission::Submission;
use crate::message::text;
use proptest::prelude::*;

/// A Tuesday, 12:30 in Paris.
const OPEN: &str = "2026-01-13T11:30:00Z";
const HANDSET: &str = "33639981234";
const MISSING: Option<RefusalCode> = Some(RefusalCode::MissingStopMention);

fn part(text: &str, reference: u16, total: u8, number: u8) -> Submission<'static> {
    let mut submission = Draft::new("ACME", HANDSET, text).submission();
    submission.segment = Some(Segment { scheme: SegmentScheme::Udh8, reference, total, number });
    submission
}

fn ask(house: &House, submission: Submission<'static>, now: CivilInstant) -> Option<RefusalCode> {
    match judge(submission, &house.facts(), now) {
        Verdict::Permitted(_) => None,
        Verdict::Refused(refusal) => Some(refusal.code),
    }
}

fn later(minutes: u64) -> CivilInstant {
    at(OPEN).plus(Duration::from_secs(60 * minutes))
}

#[test]
fn a_mention_that_straddles_two_parts_is_found_in_either_order() {
    for order in [[1, 2], [2, 1]] {
        let house = House::new();
        for number in order {
            let text = if number == 1 { "-20% ce samedi. ST" } else { "OP 36111" };
            assert_eq!(ask(&house, part(text, 7, 2, number), at(OPEN)), None, "{order:?} {number}");
        }
    }
}

#[test]
fn the_part_that_completes_a_text_without_a_mention_is_refused_until_it_brings_one() {
    let house = House::new();
    assert_eq!(ask(&house, part("-20% ce samedi ", 7, 3, 1), at(OPEN)), None);
    assert_eq!(ask(&house, part("venez nombreux", 7, 3, 3), at(OPEN)), None);
    assert_eq!(ask(&house, part("et dimanche ", 7, 3, 2), at(OPEN)), MISSING);
    assert_eq!(ask(&house, part("et dimanche ", 7, 3, 2), at(OPEN)), MISSING, "the same again");
    assert_eq!(ask(&house, part("STOP 36111 ", 7, 3, 2), at(OPEN)), None);
}

#[test]
fn a_repeated_part_has_its_verdict_and_other_octets_for_a_forwarded_one_are_refused() {
    let house = House::new();
    for minutes in [0, 1, 11, 300] {
        assert_eq!(ask(&house, part("-20% ce samedi ", 7, 2, 1), later(minutes)), None, "{minutes}");
        assert_eq!(ask(&house, part("-30% ce samedi ", 7, 2, 1), later(minutes)), MISSING, "{minutes}");
        assert_eq!(ask(&house, part("STOP 36111", 7, 2, 2), later(minutes)), None, "{minutes}");
        assert_eq!(ask(&house, part("sans suite", 7, 2, 2), later(minutes)), MISSING, "{minutes}");
    }
    let next_day = later(24 * 60 + 1);
    assert_eq!(ask(&house, part("-30% ce samedi ", 7, 2, 1), next_day), None, "a reference is free again after a day");
}

#[test]
fn a_part_from_another_account_is_refused_whatever_its_class() {
    for contract in [Contract::Commercial, Contract::Transactional] {
        let mut house = House::new();
        assert_eq!(ask(&house, part("-20% ce samedi ", 7, 2, 1), at(OPEN)), None);
        (house.account.account, house.account.contract) = (NameId(9), contract);
        assert_eq!(ask(&house, part("STOP 36111", 7, 2, 2), at(OPEN)), MISSING);
        house.account.account = NameId(1);
        house.account.contract = Contract::Commercial;
        assert_eq!(ask(&house, part("STOP 36111", 7, 2, 2), at(OPEN)), None);
    }
}

#[test]
fn a_set_whose_text_is_no_longer_known_is_completed_by_the_mention_alone() {
    let house = House::new();
    assert_eq!(ask(&house, part("-20% ce samedi. STOP 36111 ", 7, 2, 1), at(OPEN)), None);
    assert_eq!(ask(&house, part("venez nombreux", 7, 2, 2), later(11)), MISSING);
    assert_eq!(ask(&house, part("STOP 36111", 7, 2, 2), later(11)), None);
}

#[test]
fn what_only_the_records_know_after_a_restart_is_not_whole() {
    let house = House::new();
    let Verdict::Permitted(first) = judge(part("-20% ce samedi ", 7, 2, 1), &house.facts(), at(OPEN)) else {
        panic!("the first part is refused")
    };
    let ruling = *first.ruling();
    let restarted = House::new();
    let key = Key::of(ruling.segment, ruling.sender, ruling.tag).unwrap();
    let pinned = Pinned { class: Some(ruling.class), pack: None, opened_at: Some(ruling.judged_at) };
    restarted.parts.lock().unwrap().restore(key, 1, ruling.account, pinned, at(OPEN));
    assert_eq!(ask(&restarted, part("-30% ce samedi ", 7, 2, 1), later(1)), None, "it completes nothing");
    assert_eq!(ask(&restarted, part("venez nombreux", 7, 2, 2), later(1)), MISSING);
    assert_eq!(ask(&restarted, part("STOP 36111", 7, 2, 2), later(1)), None);
    assert_eq!(ask(&restarted, part("-40% ce samedi ", 7, 2, 1), later(1)), MISSING, "the first may be replaced by it");
}

#[test]
fn the_first_part_is_refused_just_before_closing_and_later_ones_follow_it() {
    let house = House::new();
    // 20:00 in Paris.
    let closing = at("2026-01-13T19:00:00Z");
    let before = |secs| closing.minus(Duration::from_secs(secs));
    let late = judge(part("-20% ", 6, 2, 1), &house.facts(), before(9));
    let Verdict::Refused(Refusal { code, next_opening, .. }) = late else { panic!("nine seconds before closing") };
    assert_eq!((code, next_opening), (RefusalCode::OutOfHours, Some(at("2026-01-14T07:00:00Z"))));
    assert_eq!(ask(&house, part("-20% ", 7, 2, 1), before(10)), None);
    let after = closing.plus(Duration::from_secs(5));
    let Verdict::Permitted(permitted) = judge(part("STOP 36111", 7, 2, 2), &house.facts(), after) else {
        panic!("a later part follows the hours of the first")
    };
    assert!(release(permitted, &house.facts(), after).is_ok());
    // It may leave until twenty seconds after the first part, however it came to wait so long.
    let Verdict::Permitted(late) = judge(part("STOP 36111", 7, 2, 2), &house.facts(), after) else { panic!("again") };
    assert!(release(late.clone(), &house.facts(), closing.plus(Duration::from_secs(10))).is_ok());
    let refused = release(late, &house.facts(), closing.plus(Duration::from_secs(11)));
    assert_eq!(refused.expect_err("closed").code, RefusalCode::OutOfHours);
    let much_later = closing.plus(Duration::from_secs(11));
    assert_eq!(ask(&house, part("STOP 36111", 7, 2, 2), much_later), Some(RefusalCode::OutOfHours));
    house.suppress(HANDSET);
    assert_eq!(ask(&house, part("STOP 36111", 7, 2, 2), after), Some(RefusalCode::OptedOut), "never its opt-out");
    assert_eq!(ask(&house, part("-20% ", 8, 2, 1), after), Some(RefusalCode::OptedOut));
    let other = Draft::new("ACME", "33639981235", "-20%");
    let mut other = other.submission();
    other.segment = Some(Segment { scheme: SegmentScheme::Sar, reference: 9, total: 2, number: 2 });
    assert_eq!(ask(&house, other, after), Some(RefusalCode::OutOfHours), "a set that begins now follows nothing");
}

#[test]
fn a_part_scheduled_for_the_night_follows_no_hours_of_the_day() {
    use crate::message::submission::TimeField;
    let house = House::new();
    assert_eq!(ask(&house, part("-20% ", 7, 2, 1), at(OPEN)), None);
    let mut night = part("STOP 36111", 7, 2, 2);
    night.schedule = TimeField::Absolute(at("2026-01-13T23:00:00Z"));
    assert_eq!(ask(&house, night, at(OPEN)), Some(RefusalCode::OutOfHours));
}

#[test]
fn a_part_that_did_not_leave_is_none() {
    let house = House::new();
    let first = part("-20% ce samedi ", 7, 2, 1);
    let Verdict::Permitted(permitted) = judge(first.clone(), &house.facts(), at(OPEN)) else { panic!("refused") };
    let ruling: Ruling = *permitted.ruling();
    assert_eq!(ruling.set.map(|set| (set.begins, set.tokens)), Some((true, 2)));
    let key = Key::of(ruling.segment, ruling.sender, ruling.tag).unwrap();
    // Permitted twice, given back once: it still stands there.
    assert_eq!(ask(&house, first, at(OPEN)), None);
    house.parts.lock().unwrap().take_back(&key, 1);
    assert_eq!(ask(&house, part("-30% ce samedi ", 7, 2, 1), at(OPEN)), MISSING);
    house.parts.lock().unwrap().take_back(&key, 1);
    assert_eq!(ask(&house, part("-30% ce samedi ", 7, 2, 1), at(OPEN)), None);
    assert_eq!(ask(&house, part("STOP 36111", 7, 2, 2), at(OPEN)), None);
}

#[test]
fn a_full_table_refuses_commercial_parts_for_now_and_lets_others_pass() {
    for (sets_max, octets_max) in [(1, 1 << 20), (9, PART_ROOM)] {
        let mut house = House::new();
        house.parts = Mutex::new(Table::new(sets_max, octets_max));
        assert_eq!(ask(&house, part("-20% ce samedi ", 7, 2, 1), at(OPEN)), None);
        assert_eq!(ask(&house, part("-20% ce samedi ", 8, 2, 1), at(OPEN)), Some(RefusalCode::QueueFull));
        house.account.contract = Contract::Transactional;
        assert_eq!(ask(&house, part("Votre commande ", 8, 2, 1), at(OPEN)), None);
        assert_eq!(
            ask(&house, part("STOP 36111 ", 8, 2, 1), at(OPEN)),
            Some(RefusalCode::QueueFull),
            "it is commercial"
        );
    }
}

/// Room for one part of 15 octets.
const PART_ROOM: usize = 64 + 15;

#[test]
fn complete_sets_give_way_when_their_texts_are_gone_and_incomplete_ones_are_counted_and_stay() {
    let mut house = House::new();
    house.parts = Mutex::new(Table::new(2, 1 << 20));
    assert_eq!(ask(&house, part("-20% ", 1, 2, 1), at(OPEN)), None);
    assert_eq!(ask(&house, part("STOP 36111", 1, 2, 2), at(OPEN)), None);
    assert_eq!(ask(&house, part("-20% ", 2, 2, 1), at(OPEN)), None);
    assert_eq!(ask(&house, part("-20% ", 3, 2, 1), at(OPEN)), Some(RefusalCode::QueueFull));
    assert_eq!(ask(&house, part("-20% ", 3, 2, 1), later(10)), None, "the complete one gave way");
    assert_eq!(house.parts.lock().unwrap().take_given_up(NameId(1)), 1);
    assert_eq!(ask(&house, part("-20% ", 4, 2, 1), later(20)), Some(RefusalCode::QueueFull), "none is complete");
    assert_eq!(house.parts.lock().unwrap().take_given_up(NameId(1)), 1);
    house.parts.lock().unwrap().sweep(later(60 * 25));
    let table = house.parts.lock().unwrap();
    assert_eq!((table.len(), table.octets(), table.is_empty()), (0, 0, true));
}

#[test]
fn a_transactional_set_is_judged_whole_and_its_parts_may_be_replaced() {
    let house = House::with_contract(Contract::Transactional);
    let night = at("2026-01-13T02:00:00Z");
    assert_eq!(ask(&house, part("Votre colis ", 7, 2, 1), night), None);
    assert_eq!(ask(&house, part("arrive demain.", 7, 2, 2), night), None);
    assert_eq!(ask(&house, part("part demain.", 7, 2, 2), night), None, "another text under an old reference");
    assert_eq!(ask(&house, part("-20% ce samedi. ST", 8, 2, 1), night), None, "nothing shows what it is");
    assert_eq!(ask(&house, part("OP 36111", 8, 2, 2), night), Some(RefusalCode::OutOfHours), "joined it is marketing");
}

#[test]
fn a_set_keeps_its_class_and_its_pack() {
    let mixed = Contract::Mixed { service_types: vec!["OTP".into()], sources: Vec::new(), tlvs: Vec::new() };
    let mut house = House::with_contract(mixed);
    assert_eq!(ask(&house, part("-20% ce samedi ", 7, 2, 1), at(OPEN)), None);
    let named = |text| {
        let mut named = Draft { service_type: "OTP", ..Draft::new("ACME", HANDSET, text) }.submission();
        named.segment = Some(Segment { scheme: SegmentScheme::Udh16, reference: 7, total: 2, number: 2 });
        named
    };
    assert_eq!(ask(&house, named("venez nombreux"), at(OPEN)), MISSING, "the second part's contract changes nothing");
    house.account.pack_name = NameId(77);
    house.account.pack = Pack::embedded("fr-8-20").unwrap();
    let Verdict::Permitted(permitted) = judge(named("STOP 36111"), &house.facts(), at(OPEN)) else { panic!("refused") };
    let released = release(permitted, &house.facts(), at(OPEN)).unwrap();
    assert_eq!(released.ruling().pack, NameId(2), "a reload does not change the pack of a set");
}

#[test]
fn half_a_character_at_an_edge_does_not_make_a_part_unreadable() {
    let cases: [(u8, &[u8], &[u8]); 6] = [
        (8, &[0, 65, 0xD8, 0x3D], &[0, 65]),
        (8, &[0xDE, 0x00, 0, 65], &[0, 65]),
        (8, &[0xD8, 0x3D], &[]),
        (8, &[0xD8, 0x3D, 0xDE, 0x00], &[0xD8, 0x3D, 0xDE, 0x00]),
        (8, &[0, 65, 0], &[0, 65, 0]),
        (0, &[0xD8, 0x3D], &[0xD8, 0x3D]),
    ];
    for (data_coding, octets, expected) in cases {
        assert_eq!(readable_alone(data_coding, octets), expected, "{data_coding} {octets:02x?}");
    }
}

#[test]
fn parts_of_several_codings_are_joined_as_they_are_read() {
    let parts: [(u8, &[u8]); 3] = [(0, b"-20% ST"), (8, b"\0O\0P"), (0, b" 36111")];
    assert_eq!(read_joined(parts.into_iter(), Alphabet::Gsm).as_deref(), Some("-20% STOP 36111"));
    assert_eq!(read_joined([(4, &b"?"[..])].into_iter(), Alphabet::Gsm), None);
    let packed: [(u8, &[u8]); 2] = [(0, &[0x53, 0xea, 0x13, 0x0a]), (0, &[0x53, 0xea, 0x13, 0x0a])];
    assert_eq!(read_joined(packed.into_iter(), Alphabet::GsmPacked).as_deref(), Some("STOPSTOP"));
    let mut whole = String::new();
    text::decode(0, b"a\x1b", Alphabet::Gsm, &mut whole).expect("an escape alone is read");
    assert_eq!(read_joined([(0, &b"a\x1b"[..]), (0, &b"\x65"[..])].into_iter(), Alphabet::Gsm).as_deref(), Some("a€"));
}

proptest! {
    #[test]
    fn every_way_of_cutting_a_text_in_every_order_gives_the_verdict_of_the_whole(
        text in prop::sample::select(vec![
            "-20% ce samedi. STOP 36111", "STOP au 36111. Soldes, tout à 5€ {vite}", "Soldes 🎉 ce soir 🎉 STOP 36111",
            "-20% ce samedi. STOP 36222", "Soldes non stop 36111", "Tout à 5€ [fin]", "Soldes 🎉🎉🎉", "ST0P 36111",
        ]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
        order in any::<u64>(),
        scheme in prop::sample::select(vec![SegmentScheme::Udh8, SegmentScheme::Udh16, SegmentScheme::Sar]),
    ) {
        let whole = Draft::new("ACME", HANDSET, text);
        let unit = if whole.data_coding == 8 { 2 } else { 1 };
        let mut edges: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.text.len() / unit + 1) * unit).collect();
        edges.extend([0, whole.text.len()]);
        edges.sort_unstable();
        let total = edges.len() as u8 - 1;
        let mut parts: Vec<Submission<'static>> = edges.windows(2).zip(1..=total).map(|(edge, number)| {
            let draft = Draft { text: whole.text[edge[0]..edge[1]].into(), ..whole.clone() };
            let mut submission = draft.submission();
            submission.segment = Some(Segment { scheme, reference: 99, total, number });
            submission
        }).collect();
        let (house, mut order) = (House::new(), order);
        let expected = ask(&House::new(), whole.submission(), at(OPEN));
        while !parts.is_empty() {
            let part = parts.swap_remove((order % parts.len() as u64) as usize);
            order = order.rotate_right(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let verdict = ask(&house, part, at(OPEN));
            prop_assert_eq!(verdict, if parts.is_empty() { expected } else { None });
        }
    }
}
