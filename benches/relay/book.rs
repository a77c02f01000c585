//! Owns the bench of the ledger: what a verdict costs, how soon a STOP is durable, how fast all of it is verified.
//! Must never verify what it did not write itself: law, counters and trees are checked as for a real one.

use crate::figures::Part;
use crate::figures::page::Table;
use crate::fixture::{Fixture, NOW};
use crate::list_fixture;
use crate::stage::gateway::now;
use crate::stage::{environment, grouped, median, share};
use std::time::Duration;
use stopgate::compliance::facts::SuppressionList;
use stopgate::compliance::judge::judge;
use stopgate::compliance::verdict::{Ruling, Verdict};
use stopgate::ledger::event::Event;
use stopgate::ledger::signer::{Signer, Surroundings};
use stopgate::ledger::verdict::VERDICT_LEAF;
use stopgate::ledger::verify::{self, Asked};
use stopgate::ledger::{Keys, Ledger, OpenOptions, Personal, VerdictEntry, VerdictKind};
use stopgate::message::msisdn::Msisdn;
use stopgate::message::name::NameId;
use stopgate::message::tag::NumberTag;
use stopgate::pdu::scan;

/// Verdicts in a batch: what one read of a busy link brings.
const BATCH: usize = 64;
/// STOPs that are waited for one by one.
const STOPS: u64 = 1_000;
const ROUNDS: usize = 5;

/// Nobody is suppressed here.
struct Nobody;

impl SuppressionList for Nobody {
    fn is_suppressed(&self, _: &NumberTag, _: NameId, _: u64) -> bool {
        false
    }
}

/// Measures and writes the part.
pub fn run() {
    let verdicts = environment("LEDGER_VERDICTS", 1_000_000);
    let how = format!(
        "{} verdicts of real rulings appended in batches of {BATCH} while the fsync and signing threads run; {STOPS} STOPs with a sealed \
         number, each fsynced before the next; then the whole verified {ROUNDS} times, on one core.",
        grouped(verdicts as f64)
    );
    println!("{how}\n");
    let mut part = Part::new("ledger", "Ledger", &how);
    let home = crate::stage::home::Home::new();
    let dir = home.path().join("data");
    std::fs::create_dir_all(&dir).expect("a directory");
    let keys = Keys::from_octets([1; 32], [2; 32], [3; 32]);
    let (ledger, _) = Ledger::open(&dir, &keys, OpenOptions::new("gw-1", false), NOW).expect("opened");
    let signer = Signer::start(&ledger, &keys, Surroundings::silent(|| NOW)).expect("started");
    let fixture = Fixture::new();
    let handles = ledger.intern_all(&["acme", &fixture.policy.pack.full_name()], NOW).expect("interned");
    ledger.keep_pack(&fixture.policy.pack).expect("the pack is kept");
    let rulings: Vec<Ruling> = rulings(&fixture, handles[0], handles[1]);
    let mut appender = ledger.appender();
    let began = now();
    let mut written = 0;
    while written < verdicts {
        for ruling in rulings.iter().cycle().skip(written as usize % rulings.len()).take(BATCH) {
            written += 1;
            let (kind, smsc) = (VerdictKind::Permitted, NameId::NONE);
            appender.verdict(&VerdictEntry { kind, ruling, message_ref: written, smsc, at: NOW });
        }
        appender.commit(NOW).expect("the disk keeps up");
    }
    let micros = began.elapsed().as_secs_f64() * 1e6 / written as f64;
    let mut millis = Vec::new();
    for at in 0..STOPS {
        let number = Msisdn::from_canonical(33_639_980_000 + at).expect("a number");
        let began = now();
        let ticket = appender
            .event(NOW, &Event::Suppression(list_fixture::stop(at)), Some(&Personal::of(number)))
            .expect("the event is taken");
        let seq = appender.commit(NOW).expect("appended").seq(ticket);
        assert!(ledger.wait_durable(seq, Duration::from_secs(5)), "the disk does not answer");
        millis.push(began.elapsed().as_secs_f64() * 1e3);
    }
    drop(appender);
    ledger.close(NOW).expect("closed");
    signer.finish();
    drop(ledger);
    let rates = (0..ROUNDS).map(|_| {
        let began = now();
        let report = verify::ledger(&dir, &Asked::default());
        assert!(report.holds(), "{:?}", report.findings);
        (report.events.records + report.verdicts.records) as f64 / began.elapsed().as_secs_f64()
    });
    let rate = median(rates.collect::<Vec<_>>());
    let mut table = Table::new(&["what", "measured"]);
    let mut row = |what: &str, value: String| table.row(&[what.to_owned(), value]);
    row("a verdict appended, one thread", format!("{micros:.2} µs"));
    row("a verdict's leaf", format!("{VERDICT_LEAF} octets"));
    row(
        "a verdict on disk, segments that are written out",
        format!("{:.0} octets", home.octets("data/verdicts") as f64 / written as f64),
    );
    row("a STOP durable, p50/p99", format!("{:.2}/{:.2} ms", share(&mut millis, 0.5), share(&mut millis, 0.99)));
    row("verified", format!("{} records/s", grouped(rate)));
    part.table(table);
    part.figure("verify", rate, "records/s");
    part.figure("octets a verdict", VERDICT_LEAF as f64, "octets");
    part.write();
}

fn rulings(fixture: &Fixture, account: NameId, pack: NameId) -> Vec<Ruling> {
    let context = scan::Context { default_message_ids: &[], now: NOW };
    let facts = fixture.facts(&Nobody);
    let ruled = fixture.pdus.iter().map(|pdu| {
        let submission = scan::submit(pdu, &context).expect("well formed");
        let Verdict::Permitted(permitted) = judge(submission, &facts, NOW) else { panic!("the promo is refused") };
        Ruling { account, pack, ..*permitted.ruling() }
    });
    ruled.collect()
}
