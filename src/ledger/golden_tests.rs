//! Owns the pinned octets of every kind of record under version 1.
//! Must never be edited to fit the code: a ledger written years ago must still be read.

use super::checkpoint::Head;
use super::event::{
    AccountCounter, Admin, Begin, Clock, Consent, ConsentAct, Contract, Epoch, Erase, Event, Gap, Import, LinkCounter,
    NamedCheckpoint, Rekey, Reopen, ReopenedBy, Retention,
};
use super::event_code::{self, EventRecord};
use super::generations::Secrets;
use super::keys::hex;
use super::rotation::Rotation;
use super::suppression_event::{Answered, EventId, Lift, LiftSource, Scope, Stop, StopSource, SuppressionEvent};
use super::verdict::{VERDICT_LEAF, VerdictEntry, VerdictKind, VerdictRecord};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::compliance::rule::{Rule, RuleSet};
use crate::compliance::verdict::Ruling;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::segment::{Segment, SegmentScheme};
use crate::message::tag::NumberTag;

const AT: CivilInstant = CivilInstant::from_micros(0x0006_5432_1098_7654);

pub(super) fn ruling() -> Ruling {
    let mut would_refuse = RuleSet::default();
    would_refuse.insert(Rule::Suppress);
    would_refuse.insert(Rule::Hours);
    Ruling {
        class: TrafficClass::Commercial,
        promotional: None,
        destination: None,
        tag: Some(NumberTag([0xaa; 16])),
        territory: 3,
        pack: NameId(0x11),
        account: NameId(0x12),
        campaign: 0x2222_2222_2222_2222,
        sender: 0x3333_3333_3333_3333,
        segment: Some(Segment { scheme: SegmentScheme::Udh16, reference: 0x4455, total: 3, number: 2 }),
        set: None,
        stop_code: None,
        counted: false,
        would_refuse,
        observed: RuleSet::default(),
        judged_at: AT,
    }
}

fn kinds() -> [VerdictKind; 10] {
    [
        VerdictKind::Permitted,
        VerdictKind::Composed,
        VerdictKind::Observed(RefusalCode::MissingStopMention),
        VerdictKind::Refused(RefusalCode::OptedOut),
        VerdictKind::Withdrawn(RefusalCode::OutOfHours),
        VerdictKind::Unresolved,
        VerdictKind::LateAnswer(0x0000_0058),
        VerdictKind::Recalled(0),
        VerdictKind::Recalled(0x0000_0011),
        VerdictKind::NotRecalled,
    ]
}

pub(super) fn verdict(kind: VerdictKind, ruling: &Ruling) -> Vec<u8> {
    let mut leaf = Vec::new();
    VerdictEntry { kind, ruling, message_ref: 0x77, smsc: NameId(0x13), at: AT }.write(5, false, 0x66, &mut leaf);
    leaf
}

#[test]
fn a_verdict_s_octets_are_pinned_and_at_most_112() {
    let leaf = verdict(VerdictKind::Refused(RefusalCode::OptedOut), &ruling());
    assert_eq!(
        hex(&leaf),
        "01040200000000000000000000065432109876540000000500000012aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01650050\
         000000113333333333333333222222222222222202020300445500030000000000000077000654321098765400000000\
         000000660000001300000000"
    );
    let mut named = ruling();
    named.stop_code = Some(36_111);
    let leaf = verdict(VerdictKind::Permitted, &named);
    assert_eq!(hex(&leaf[100..]), "0000001300008d0f");
    assert_eq!(VerdictRecord::read(&leaf).expect("readable").stop_code, Some(36_111));
    let late = VerdictRecord::read(&verdict(VerdictKind::LateAnswer(0x58), &named)).expect("readable");
    assert_eq!((late.kind, late.stop_code), (VerdictKind::LateAnswer(0x58), None));
    let mut bare = ruling();
    (bare.tag, bare.segment, bare.territory) = (None, None, u16::MAX);
    for kind in kinds() {
        for ruling in [ruling(), bare] {
            let leaf = verdict(kind, &ruling);
            assert!(leaf.len() == VERDICT_LEAF && VERDICT_LEAF <= 112);
            let record = VerdictRecord::read(&leaf).expect("readable");
            assert_eq!((record.kind, record.tag, record.segment), (kind, ruling.tag, ruling.segment));
            assert_eq!((record.events, record.message_ref, record.smsc), (0x66, 0x77, NameId(0x13)));
            assert_eq!((record.would_refuse, record.territory), (ruling.would_refuse, ruling.territory));
        }
    }
}

pub(super) fn events() -> Vec<(Event, &'static str)> {
    let id = EventId { origin: 0x0102_0304, number: EventId::first_of(5) + 6 };
    let tag = NumberTag([0xaa; 16]);
    let stop = Stop {
        id,
        tag,
        scope: Scope::Sender(0x3333_3333_3333_3333),
        source: StopSource::Handset,
        account: NameId(1),
        smsc: NameId(2),
        short_code: 36111,
        answers: Some(Answered { verdict: 9, sender: 0x4444_4444_4444_4444, campaign: 0x5555_5555_5555_5555 }),
        detail: NameId(3),
    };
    let lift = Lift {
        id,
        tag,
        source: LiftSource::TwoPeople,
        accounts: vec![NameId(1), NameId(4)],
        seen: vec![id],
        smsc: NameId(2),
        short_code: 36111,
        people: [NameId(5), NameId(6)],
        detail: NameId(7),
    };
    let consent = Consent {
        id,
        act: ConsentAct::Record,
        tag,
        account: NameId(1),
        source: NameId(2),
        wording: NameId(3),
        given_at: AT,
        by: NameId(4),
    };
    let begin = Begin {
        node: "gw-1".into(),
        software: "stopgate 0".into(),
        tag_commitment: [0xbb; 32],
        verdict_sync_ms: 20,
        verdicts: 7,
        cut_octets: [1, 2],
        epoch: 3,
    };
    let contract = Contract { account: NameId(1), class: 1, statement: NameId(2), pack: NameId(3), digest: [0xcc; 32] };
    let import = Import { name: NameId(1), by: NameId(2), digest: [0xdd; 32], rows: 3, bad_rows: 4 };
    let counter = AccountCounter {
        account: NameId(1),
        verdicts: 2,
        received: 3,
        permitted: 4,
        refused: 5,
        waiting: 6,
        answered: 7,
        unresolved: 8,
        withdrawn: 9,
        in_flight: 10,
    };
    let link = LinkCounter { smsc: NameId(1), link: 2, received: 3, acked: 4, refused: 5, unanswered: 6 };
    let named = |epoch, size: u64| NamedCheckpoint {
        epoch,
        at: AT,
        events: Head { size, root: [0xee; 32] },
        verdicts: Head { size: size + 1, root: [0xdd; 32] },
    };
    let epoch = Epoch { number: 2, backup: named(1, 3), newest: Some(named(1, 5)) };
    let rotation = Rotation { number: 1, old: [0xa0; 32], new: [0xa1; 32], signatures: [[0xb0; 64], [0xb1; 64]] };
    let rekey =
        Rekey { secret: Secrets::Sealing, generation: 2, old: [0xa2; 32], new: [0xa3; 32], by: "key rotate".into() };
    let people = [NameId(1), NameId(2)];
    let reopen = Reopen { epoch: 2, by: ReopenedBy::TwoPeople, people, detail: NameId(3) };
    vec![
        (Event::Begin(begin), BEGIN),
        (Event::End { verdicts: 8 }, END),
        (Event::Config { id: NameId(9), name: "acmé".into() }, CONFIG),
        (Event::Contract(contract), CONTRACT),
        (Event::Suppression(SuppressionEvent::Stop(stop)), STOP),
        (Event::Suppression(SuppressionEvent::Lift(lift)), LIFT),
        (Event::Consent(consent), CONSENT),
        (Event::Erase(Erase { tag, reason: NameId(1), by: NameId(2), events: vec![5, 6] }), ERASE),
        (Event::Admin(Admin { by: NameId(1), action: NameId(2), tag: Some(tag), detail: NameId(3) }), ADMIN),
        (Event::Clock(Clock { expected: AT, found: AT, synchronised: true }), CLOCK),
        (Event::Gap(Gap { account: NameId(1), messages: 2, from: AT, to: AT }), GAP),
        (Event::Import(import), IMPORT),
        (Event::Epoch(epoch), EPOCH),
        (Event::Reopen(reopen), REOPEN),
        (Event::Key(rotation), KEY),
        (Event::Retention(Retention { before: 7, older_than: AT, kept_s: 9 }), RETENTION),
        (Event::Rekey(rekey), REKEY),
        (Event::AccountCounter(counter), ACCOUNT_COUNTER),
        (Event::LinkCounter(link), LINK_COUNTER),
    ]
}

const BEGIN: &str = "000467772d31000a73746f70676174652030bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\
    bbbb0000001400000000000000070000000000000001000000000000000200000003";
const END: &str = "0000000000000008";
const CONFIG: &str = "00000009000561636dc3a9";
const CONTRACT: &str = "00000001010000000200000003cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
const STOP: &str = "010203040000050000000006aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0233333333333333330100000001000000020000\
    8d0f00000000000000094444444444444444555555555555555500000003";
const LIFT: &str = "010203040000050000000006aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0200020000000100000004000101020304000005\
    00000000060000000200008d0f000000050000000600000007";
const CONSENT: &str = "01020304000005000000000601aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000001000000020000000300000004000654\
    3210987654";
const ERASE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0000000100000002000200000000000000050000000000000006";
const ADMIN: &str = "000000010000000201aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000003";
const CLOCK: &str = "0006543210987654000654321098765401";
const RETENTION: &str = "000000000000000700065432109876540000000000000009";
const REKEY: &str = "0200000002a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a3a3a3a3a3a3a3a3a3a3a3a3\
    a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3000a6b657920726f74617465";
const GAP: &str = "00000001000000000000000200065432109876540006543210987654";
const IMPORT: &str = "0000000100000002dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd0000000000000003\
    0000000000000004";
const EPOCH: &str = "000000020000000100065432109876540000000000000003eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\
    eeeeeeeeeeeeeeeeeeee0000000000000004dddddddddddddddddddddddddddddddddddddddddddddddddddddddd\
    dddddddd010000000100065432109876540000000000000005eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\
    eeeeeeeeeeeeeeeeeeeeee0000000000000006dddddddddddddddddddddddddddddddddddddddddddddddddddddd\
    dddddddddd";
const REOPEN: &str = "0000000202000000010000000200000003";
const KEY: &str = "00000001a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a1a1a1a1a1a1a1a1a1a1\
    a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0\
    b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b1b1b1b1b1b1\
    b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1\
    b1b1b1b1b1b1b1b1b1b1b1b1";

const ACCOUNT_COUNTER: &str = "0000000100000000000000020000000000000003000000000000000400000000000000050000000000000006\
    000000000000000700000000000000080000000000000009000000000000000a";
const LINK_COUNTER: &str = "00000001000000020000000000000003000000000000000400000000000000050000000000000006";

#[test]
fn every_event_s_octets_are_pinned_and_read_back() {
    let all = events();
    assert_eq!(all.len(), 19);
    for (event, expected) in all {
        for binding in [None, Some([0xee; 32])] {
            let mut leaf = Vec::new();
            event_code::write(&event, AT, 5, true, binding.as_ref(), &mut leaf);
            if binding.is_none() {
                assert_eq!(hex(&leaf[24..]), expected, "{}", event.word());
            }
            let record = EventRecord::read(&leaf).expect("readable");
            assert_eq!((&record.event, record.binding, record.rehearsal, record.boot), (&event, binding, true, 5));
        }
    }
}

#[test]
fn no_shortened_or_lengthened_leaf_is_read() {
    let mut leaves: Vec<Vec<u8>> = kinds().into_iter().map(|kind| verdict(kind, &ruling())).collect();
    for length in 0..VERDICT_LEAF {
        assert!(VerdictRecord::read(&leaves[0][..length]).is_err(), "{length}");
    }
    leaves[0].push(0);
    assert!(VerdictRecord::read(&leaves[0]).is_err());
    for (event, _) in events() {
        let mut leaf = Vec::new();
        event_code::write(&event, AT, 5, false, Some(&[0xee; 32]), &mut leaf);
        for length in 0..leaf.len() {
            assert!(EventRecord::read(&leaf[..length]).is_err(), "{} {length}", event.word());
        }
        leaf.push(0);
        assert!(EventRecord::read(&leaf).is_err(), "{}", event.word());
    }
}

#[test]
fn the_tag_of_a_suppression_event_is_found_without_reading_the_rest() {
    for (event, _) in events() {
        for binding in [None, Some([0xee; 32])] {
            let Event::Suppression(inner) = &event else { continue };
            let mut leaf = Vec::new();
            event_code::write(&event, AT, 5, false, binding.as_ref(), &mut leaf);
            assert_eq!(event_code::suppression_tag(&leaf), Some(inner.tag()));
            let kind = event_code::kind_of(&leaf);
            assert!(matches!(kind, Some(event_code::STOP | event_code::LIFT)));
        }
    }
}
