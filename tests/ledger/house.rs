//! Owns a small ledger of every kind of record, written by the library as the daemon writes it.
//! Must never hold a number outside the block reserved for fiction.

use std::path::Path;
use std::sync::Arc;
use stopgate::compliance::class::TrafficClass;
use stopgate::compliance::code::RefusalCode;
use stopgate::compliance::rule::RuleSet;
use stopgate::compliance::verdict::Ruling;
use stopgate::ledger::event::{Admin, Clock, Consent, ConsentAct, Contract, Erase, Event, Gap, Import, LinkCounter};
use stopgate::ledger::generations::Secrets;
use stopgate::ledger::signer::{Signer, Surroundings};
use stopgate::ledger::suppression_event::{Lift, LiftSource, Scope, Stop, StopSource, SuppressionEvent};
use stopgate::ledger::{Keys, Ledger, OpenOptions, Personal, VerdictEntry, VerdictKind};
use stopgate::message::instant::CivilInstant;
use stopgate::message::msisdn::Msisdn;
use stopgate::message::name::NameId;

/// Wednesday 2026-11-18, 12:06 in Paris.
pub const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);

pub fn keys() -> Keys {
    Keys::from_octets([1; 32], [2; 32], [3; 32])
}

pub fn number(last: u64) -> Msisdn {
    Msisdn::from_canonical(33_639_980_000 + last).expect("a number")
}

/// The keys after the tag key and the sealing key were replaced.
pub fn later_keys() -> Keys {
    keys().replaced(Secrets::Tags, [4; 32]).replaced(Secrets::Sealing, [5; 32])
}

/// Writes a session of `verdicts` verdicts and a few events into `dir`, and ends in order.
pub fn session(dir: &Path, verdicts: u64) {
    session_of(dir, |ledger| write(ledger, verdicts));
}

/// The same with anything written into it.
pub fn session_of(dir: &Path, write: impl FnOnce(&Arc<Ledger>)) {
    session_under(&keys(), dir, write);
}

/// The same under these keys.
pub fn session_under(keys: &Keys, dir: &Path, write: impl FnOnce(&Arc<Ledger>)) {
    let options = OpenOptions::new("gw-1", false).with_segment_octets(16 << 10);
    let (ledger, _) = Ledger::open(dir, keys, options, NOW).expect("opened");
    let signer = Signer::start(&ledger, keys, Surroundings::silent(|| NOW)).expect("started");
    write(&ledger);
    ledger.close(NOW).expect("closed");
    signer.finish();
}

/// A few events of several kinds, and so many verdicts.
pub fn write(ledger: &Arc<Ledger>, verdicts: u64) {
    let acme = ledger.intern("acmé", NOW).expect("interned");
    let mut appender = ledger.appender();
    let stop = a_stop(ledger, acme, 12);
    let personal = Personal { text: Some("Stop \"ça\"".into()), ..Personal::of(number(12)) };
    appender.event(NOW, &Event::Suppression(SuppressionEvent::Stop(stop)), Some(&personal)).expect("taken");
    let erase = Erase { tag: keys().tag_key().tag(number(13)), reason: acme, by: acme, events: vec![] };
    appender.event(NOW, &Event::Erase(erase), None).expect("taken");
    appender.event(NOW, &Event::Gap(Gap { account: acme, messages: 3, from: NOW, to: NOW }), None).expect("taken");
    for event in other_events(ledger, acme) {
        appender.event(NOW, &event, None).expect("taken");
    }
    appender.commit(NOW).expect("committed");
    for at in 0..verdicts {
        let kind = KINDS[at as usize % KINDS.len()];
        let ruling = a_ruling(acme, at % 100);
        appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: at, smsc: NameId::NONE, at: NOW });
        if at % 7 == 0 {
            appender.commit(NOW).expect("committed");
        }
    }
    appender.commit(NOW).expect("committed");
}

/// Every kind of verdict.
const KINDS: [VerdictKind; 9] = [
    VerdictKind::Refused(RefusalCode::OutOfHours),
    VerdictKind::Permitted,
    VerdictKind::Composed,
    VerdictKind::Observed(RefusalCode::MissingStopMention),
    VerdictKind::Withdrawn(RefusalCode::OptedOut),
    VerdictKind::Unresolved,
    VerdictKind::LateAnswer(0x58),
    VerdictKind::Recalled(0),
    VerdictKind::NotRecalled,
];

/// The kinds of events that no other test here writes.
fn other_events(ledger: &Arc<Ledger>, acme: NameId) -> Vec<Event> {
    let tag = keys().tag_key().tag(number(14));
    let lift = Lift {
        id: ledger.next_event_id(),
        tag,
        source: LiftSource::TwoPeople,
        accounts: vec![acme],
        seen: vec![a_stop(ledger, acme, 14).id],
        smsc: NameId::NONE,
        short_code: 0,
        people: [acme, NameId::NONE],
        detail: acme,
    };
    let (id, act, given_at) = (ledger.next_event_id(), ConsentAct::Record, NOW);
    let consent = Consent { id, act, tag, account: acme, source: acme, wording: acme, given_at, by: acme };
    vec![
        Event::Contract(Contract { account: acme, class: 1, statement: acme, pack: NameId::NONE, digest: [7; 32] }),
        Event::Suppression(SuppressionEvent::Lift(lift)),
        Event::Consent(consent),
        Event::Admin(Admin { by: acme, action: acme, tag: None, detail: acme }),
        Event::Clock(Clock { expected: NOW, found: NOW, synchronised: true }),
        Event::Import(Import { name: acme, by: acme, digest: [8; 32], rows: 3, bad_rows: 1 }),
        Event::LinkCounter(LinkCounter { smsc: acme, link: 1, received: 3, acked: 1, refused: 1, unanswered: 1 }),
    ]
}

/// A STOP of a number's handset.
pub fn a_stop(ledger: &Arc<Ledger>, account: NameId, last: u64) -> Stop {
    Stop {
        id: ledger.next_event_id(),
        tag: keys().tag_key().tag(number(last)),
        scope: Scope::Global,
        source: StopSource::Handset,
        account,
        smsc: NameId::NONE,
        short_code: 36111,
        answers: None,
        detail: NameId::NONE,
    }
}

/// A transactional message to a number.
pub fn a_ruling(account: NameId, last: u64) -> Ruling {
    Ruling {
        class: TrafficClass::Transactional,
        destination: None,
        tag: Some(keys().tag_key().tag(number(last))),
        territory: 3,
        pack: NameId::NONE,
        account,
        campaign: last,
        sender: 7,
        segment: None,
        set: None,
        promotional: None,
        stop_code: None,
        counted: false,
        would_refuse: RuleSet::default(),
        observed: RuleSet::default(),
        judged_at: NOW,
    }
}

/// Retention as the daemon does it: the first two segments of verdicts are given up, and a record says so.
pub fn forget_two_segments(dir: &Path) {
    session_of(dir, |ledger| {
        let (third, span) = (ledger.verdict_segments()[2], std::time::Duration::from_secs(86_400));
        let left = ledger.forget_verdicts((NOW.plus(span), span), third, NOW).expect("given up");
        assert_eq!(left, Some(third));
    });
}
