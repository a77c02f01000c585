//! Owns a small ledger of every kind of record, written by the library as the daemon writes it.
//! Must never hold a number outside the block reserved for fiction.

use std::path::Path;
use std::sync::Arc;
use stopgate::compliance::class::TrafficClass;
use stopgate::compliance::code::RefusalCode;
use stopgate::compliance::rule::RuleSet;
use stopgate::compliance::verdict::Ruling;
use stopgate::ledger::event::{Erase, Event, Gap};
use stopgate::ledger::signer::{Signer, Surroundings};
use stopgate::ledger::suppression_event::{Scope, Stop, StopSource, SuppressionEvent};
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

/// Writes a session of `verdicts` verdicts and a few events into `dir`, and ends in order.
pub fn session(dir: &Path, verdicts: u64) {
    let options = OpenOptions::new("gw-1", false).with_segment_octets(16 << 10);
    let (ledger, _) = Ledger::open(dir, &keys(), options, NOW).expect("opened");
    let signer = Signer::start(&ledger, &keys(), Surroundings::silent(|| NOW)).expect("started");
    write(&ledger, verdicts);
    ledger.close(NOW).expect("closed");
    signer.finish();
}

fn write(ledger: &Arc<Ledger>, verdicts: u64) {
    let acme = ledger.intern("acmé", NOW).expect("interned");
    let tag = |last| keys().tag_key().tag(number(last));
    let mut appender = ledger.appender();
    let stop = Stop {
        id: ledger.next_event_id(),
        tag: tag(12),
        scope: Scope::Global,
        source: StopSource::Handset,
        account: acme,
        smsc: NameId::NONE,
        short_code: 36111,
        answers: None,
        detail: NameId::NONE,
    };
    let personal = Personal { text: Some("Stop \"ça\"".into()), ..Personal::of(number(12)) };
    appender.event(NOW, &Event::Suppression(SuppressionEvent::Stop(stop)), Some(&personal)).expect("taken");
    let erase = Erase { tag: tag(13), reason: acme, by: acme, events: vec![] };
    appender.event(NOW, &Event::Erase(erase), None).expect("taken");
    appender.event(NOW, &Event::Gap(Gap { account: acme, messages: 3, from: NOW, to: NOW }), None).expect("taken");
    appender.commit(NOW).expect("committed");
    for at in 0..verdicts {
        let kind = if at % 3 == 0 { VerdictKind::Refused(RefusalCode::OutOfHours) } else { VerdictKind::Permitted };
        let ruling = Ruling {
            class: TrafficClass::Transactional,
            destination: None,
            tag: Some(tag(at % 100)),
            territory: 3,
            pack: NameId::NONE,
            account: acme,
            campaign: at,
            sender: 7,
            segment: None,
            set: None,
            promotional: None,
            stop_code: None,
            counted: false,
            would_refuse: RuleSet::default(),
            observed: RuleSet::default(),
            judged_at: NOW,
        };
        appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: at, smsc: NameId::NONE, at: NOW });
        if at % 7 == 0 {
            appender.commit(NOW).expect("committed");
        }
    }
    appender.commit(NOW).expect("committed");
}
