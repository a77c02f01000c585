//! Owns the bench of octets: frame and scan a promo, and write it on with its sequence number patched.
//! Must never measure a copy that the gateway does not make.

mod fixture;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixture::{Fixture, NOW};
use std::hint::black_box;
use std::sync::Arc;
use stopgate::compliance::facts::SuppressionList;
use stopgate::compliance::judge::judge;
use stopgate::compliance::release::release;
use stopgate::compliance::verdict::{Released, Verdict};
use stopgate::message::name::NameId;
use stopgate::message::tag::NumberTag;
use stopgate::pdu::dialect::{Dialect, ValidityFormat};
use stopgate::pdu::frame::{self, Framing};
use stopgate::pdu::{scan, splice};

/// The list is another bench's matter.
struct Nobody;

impl SuppressionList for Nobody {
    fn is_suppressed(&self, _: &NumberTag, _: NameId, _: u64) -> bool {
        false
    }
}

fn octets(criterion: &mut Criterion) {
    let fixture = Fixture::new();
    let context = scan::Context { default_message_ids: &[], now: NOW };
    let stream: Vec<u8> = fixture.pdus.concat();
    let released = fixture.pdus.iter().map(|pdu| {
        let submission = scan::submit(pdu, &context).expect("well formed");
        let facts = fixture.facts(&Nobody);
        let Verdict::Permitted(permitted) = judge(submission, &facts, NOW) else { panic!("the promo is refused") };
        release(permitted, &facts, NOW).expect("still permitted")
    });
    let released: Vec<Released<'_>> = released.collect();
    let dialect = Dialect {
        destination_format: Default::default(),
        alphabet: Default::default(),
        validity: ValidityFormat::Absolute,
        numbers: Arc::clone(&fixture.plan),
    };
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Elements(fixture.pdus.len() as u64));
    group.bench_function("frame and scan a thousand", |bencher| {
        bencher.iter(|| {
            let mut rest = stream.as_slice();
            while let Framing::Whole(length) = frame::next(rest) {
                black_box(scan::submit(black_box(&rest[..length]), &context).expect("well formed"));
                rest = &rest[length..];
            }
        });
    });
    let mut out = Vec::with_capacity(stream.len());
    group.bench_function("patch and write a thousand", |bencher| {
        bencher.iter(|| {
            out.clear();
            for (sequence, released) in released.iter().enumerate() {
                splice::write(black_box(released), sequence as u32 + 1, &dialect, &[], &mut out);
            }
            black_box(&out);
        });
    });
    group.finish();
}

criterion_group!(benches, octets);
criterion_main!(benches);
