//! Owns the bench of `verify`: a ledger of 300,000 commercial verdicts and 10,000 stops, read whole, law included.
//! Must never verify what lies in the page cache only by luck: it is written by the same run.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use stopgate::compliance::class::TrafficClass;
use stopgate::compliance::pack::Pack;
use stopgate::compliance::rule::RuleSet;
use stopgate::compliance::verdict::Ruling;
use stopgate::ledger::event::Event;
use stopgate::ledger::merkle::{Frontier, leaf_hash};
use stopgate::ledger::signer::{Signer, Surroundings};
use stopgate::ledger::suppression_event::{Scope, Stop, StopSource, SuppressionEvent};
use stopgate::ledger::verify::{self, Asked};
use stopgate::ledger::{Keys, Ledger, OpenOptions, VerdictEntry, VerdictKind};
use stopgate::message::instant::CivilInstant;
use stopgate::message::msisdn::Msisdn;
use stopgate::message::name::NameId;

/// Wednesday 2026-11-18, 12:06 in Paris.
const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);
const VERDICTS: u64 = 300_000;
const STOPS: u64 = 10_000;

fn fill(dir: &std::path::Path) {
    let keys = Keys::from_octets([1; 32], [2; 32], [3; 32]);
    let (ledger, _) = Ledger::open(dir, &keys, OpenOptions::new("gw-1", false), NOW).expect("opened");
    let signer = Signer::start(&ledger, &keys, Surroundings::silent(|| NOW)).expect("started");
    let shop = Pack::embedded("fr-strict").expect("embedded");
    let handles = ledger.intern_all(&["acme", &shop.full_name()], NOW).expect("interned");
    let tag = |last: u64| keys.tag_key().tag(Msisdn::from_canonical(33_639_800_000 + last).expect("a number"));
    let territory = shop.territory(Msisdn::from_canonical(33_639_980_012).expect("a number")).expect("in France");
    let mut appender = ledger.appender();
    for last in 0..STOPS {
        let stop = Stop {
            id: ledger.next_event_id(),
            tag: tag(100_000 + last),
            scope: Scope::Global,
            source: StopSource::Import,
            account: handles[0],
            smsc: NameId::NONE,
            short_code: 36111,
            answers: None,
            detail: NameId::NONE,
        };
        appender.event(NOW, &Event::Suppression(SuppressionEvent::Stop(stop)), None).expect("taken");
    }
    appender.commit(NOW).expect("committed");
    for at in 0..VERDICTS {
        let ruling = Ruling {
            class: TrafficClass::Commercial,
            destination: None,
            tag: Some(tag(at % 100_000)),
            territory,
            pack: handles[1],
            account: handles[0],
            campaign: at,
            sender: 7,
            segment: None,
            set: None,
            promotional: None,
            counted: false,
            stop_code: Some(36111),
            would_refuse: RuleSet::default(),
            observed: RuleSet::default(),
            judged_at: NOW,
        };
        let (kind, smsc) = (VerdictKind::Permitted, NameId::NONE);
        appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: at, smsc, at: NOW });
        if at % 64 == 0 {
            appender.commit(NOW).expect("committed");
        }
    }
    appender.commit(NOW).expect("committed");
    ledger.close(NOW).expect("closed");
    signer.finish();
}

fn ledger(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("tempdir");
    fill(dir.path());
    let report = verify::ledger(dir.path(), &Asked::default());
    assert!(report.holds(), "{:?}", report.findings);
    assert_eq!((report.replayed.against_stops, report.replayed.against_hours), (VERDICTS, VERDICTS));
    let mut group = c.benchmark_group("ledger");
    group.sample_size(10);
    group.throughput(Throughput::Elements(report.events.records + report.verdicts.records));
    group.bench_function("verify", |b| b.iter(|| black_box(verify::ledger(dir.path(), &Asked::default()))));
    group.throughput(Throughput::Elements(1));
    let (mut frontier, leaf) = (Frontier::default(), [7; 108]);
    group.bench_function("hash one verdict into the tree", |b| {
        b.iter(|| {
            frontier.push(leaf_hash(black_box(&leaf)), |_, _, hash| {
                black_box(*hash);
            });
        });
    });
    group.finish();
}

criterion_group!(benches, ledger);
criterion_main!(benches);
