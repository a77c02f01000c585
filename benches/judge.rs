//! Owns the bench of the decision: judge and release a scanned promo with every rule of the pack on and 10 million numbers suppressed.
//! Must never leave the tag in or out silently: it is measured beside the judge.

mod fixture;
#[path = "fixture/list.rs"]
mod list_fixture;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixture::{Fixture, NOW};
use list_fixture::filled;
use std::hint::black_box;
use stopgate::compliance::judge::judge;
use stopgate::compliance::release::release;
use stopgate::compliance::verdict::Verdict;
use stopgate::message::msisdn::Msisdn;
use stopgate::message::submission::Submission;
use stopgate::pdu::scan;

/// Numbers on the list.
const SUPPRESSED: u64 = 10_000_000;

fn decision(criterion: &mut Criterion) {
    let fixture = Fixture::new();
    let context = scan::Context { default_message_ids: &[], now: NOW };
    let submissions: Vec<Submission<'_>> =
        fixture.pdus.iter().map(|pdu| scan::submit(pdu, &context).expect("well formed")).collect();
    let number = |at: u64| Msisdn::from_canonical(33_750_000_000 + at).expect("eleven digits");
    let list = filled(SUPPRESSED);
    let facts = fixture.facts(&list);
    let mut group = criterion.benchmark_group("judge");
    group.throughput(Throughput::Elements(submissions.len() as u64));
    group.bench_function("judge a thousand", |bencher| {
        bencher.iter(|| {
            for submission in &submissions {
                let verdict = judge(black_box(submission).clone(), &facts, NOW);
                assert!(matches!(black_box(verdict), Verdict::Permitted(_)), "the promo is refused");
            }
        });
    });
    group.bench_function("judge and release a thousand", |bencher| {
        bencher.iter(|| {
            for submission in &submissions {
                let verdict = judge(black_box(submission).clone(), &facts, NOW);
                let Verdict::Permitted(permitted) = verdict else { panic!("the promo is refused") };
                drop(black_box(release(permitted, &facts, NOW).expect("still permitted")));
            }
        });
    });
    group.bench_function("the tags of a thousand (part of the above)", |bencher| {
        bencher.iter(|| {
            for at in 0..submissions.len() as u64 {
                black_box(fixture.tags.tag(black_box(number(at))));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
