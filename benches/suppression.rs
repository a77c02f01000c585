//! Owns the bench of the list in memory: asked for numbers that are free and suppressed, at 1 and at 10 million; filled.
//! Must never load numbers that a real key would not scatter: tags are scattered like HMACs.

#[path = "fixture/list.rs"]
mod list_fixture;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use list_fixture::{ORIGIN, filled, stop, tag};
use std::hint::black_box;
use stopgate::compliance::facts::SuppressionList;
use stopgate::ledger::suppression_event::SuppressionEvent;
use stopgate::message::name::NameId;
use stopgate::message::tag::NumberTag;
use stopgate::suppression::apply::apply;
use stopgate::suppression::index::Index;

const ASKED: u64 = 1_000;

fn list(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("suppression");
    for millions in [1u64, 10] {
        let numbers = millions * 1_000_000;
        let index = filled(numbers);
        println!("{millions} M numbers: {:.1} octets a number", index.octets() as f64 / numbers as f64);
        group.throughput(Throughput::Elements(ASKED));
        let ask = |name: &str, first: u64, step: u64, wanted: bool, group: &mut criterion::BenchmarkGroup<'_, _>| {
            let tags: Vec<NumberTag> = (0..ASKED).map(|at| tag(first + at * step)).collect();
            group.bench_function(format!("{name} of {millions} M"), |bencher| {
                bencher.iter(|| {
                    for tag in &tags {
                        let suppressed = index.is_suppressed(black_box(tag), NameId(1), 7);
                        assert_eq!(black_box(suppressed), wanted);
                    }
                });
            });
        };
        ask("ask for a thousand free numbers", numbers, 1, false, &mut group);
        ask("ask for a thousand suppressed numbers", 0, numbers / ASKED, true, &mut group);
    }
    group.throughput(Throughput::Elements(100_000));
    group.sample_size(10);
    let stops: Vec<SuppressionEvent> = (0..100_000).map(stop).collect();
    group.bench_function("apply a hundred thousand stops", |bencher| {
        let fresh = || Index::new(ORIGIN);
        bencher.iter_batched(
            fresh,
            |index| {
                stops.iter().for_each(|event| assert!(black_box(apply(&index, event))));
                index
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, list);
criterion_main!(benches);
