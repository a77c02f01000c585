//! Owns the four pieces of work whose instructions are counted: each in a function of its own, which callgrind is told by name.
//! Must never have a closure in a counted function: its name would hold the function's, and stop the count.

use crate::fixture::{Fixture, NOW};
use crate::list_fixture::filled;
use std::hint::black_box;
use std::sync::Arc;
use stopgate::compliance::facts::{Facts, SuppressionList};
use stopgate::compliance::judge::judge;
use stopgate::compliance::release::release;
use stopgate::compliance::verdict::{Permitted, Released, Ruling, Verdict};
use stopgate::ledger::{Appender, Keys, Ledger, OpenOptions, VerdictEntry, VerdictKind};
use stopgate::message::name::NameId;
use stopgate::message::submission::Submission;
use stopgate::pdu::dialect::{Dialect, ValidityFormat};
use stopgate::pdu::frame::{self, Framing};
use stopgate::pdu::{scan, splice};
use stopgate::suppression::index::Index;

/// Messages that each piece of work handles.
pub const MESSAGES: u64 = 1_000;
/// Numbers on the list that the judge asks: enough for several levels of cache, few enough for valgrind.
const SUPPRESSED: u64 = 100_000;
/// Verdicts in a batch of the ledger.
const BATCH: usize = 64;

/// What is counted: its name, and what does it.
pub const PIECES: [(&str, fn()); 4] =
    [("scan", scanning), ("judge", judging), ("splice", splicing), ("record", recording)];

/// What callgrind is to collect for a piece of work.
pub fn pattern(piece: &str) -> String {
    format!("*counted_{piece}*")
}

fn scanning() {
    let fixture = Fixture::new();
    let context = scan::Context { default_message_ids: &[], now: NOW };
    assert_eq!(counted_scan(&fixture.pdus.concat(), &context), MESSAGES);
}

#[inline(never)]
fn counted_scan(stream: &[u8], context: &scan::Context<'_>) -> u64 {
    let (mut rest, mut count) = (stream, 0);
    while let Framing::Whole(length) = frame::next(rest) {
        let submission = scan::submit(black_box(&rest[..length]), context);
        count += u64::from(black_box(&submission).is_ok());
        rest = &rest[length..];
    }
    count
}

fn submissions(fixture: &Fixture) -> Vec<Submission<'_>> {
    let context = scan::Context { default_message_ids: &[], now: NOW };
    fixture.pdus.iter().map(|pdu| scan::submit(pdu, &context).expect("well formed")).collect()
}

fn judging() {
    let fixture = Fixture::new();
    let list = filled(SUPPRESSED);
    let mut out = Vec::with_capacity(MESSAGES as usize);
    counted_judge(submissions(&fixture), &fixture.facts(&list), &mut out);
    assert_eq!(out.len() as u64, MESSAGES, "the promo is refused");
}

#[inline(never)]
fn counted_judge<'a>(submissions: Vec<Submission<'a>>, facts: &Facts<'_, Index>, out: &mut Vec<Released<'a>>) {
    for submission in submissions {
        if let Verdict::Permitted(permitted) = judge(submission, facts, NOW)
            && let Ok(released) = release(permitted, facts, NOW)
        {
            out.push(released);
        }
    }
}

/// The list is another piece's matter.
struct Nobody;

impl SuppressionList for Nobody {
    fn is_suppressed(&self, _: &stopgate::message::tag::NumberTag, _: NameId, _: u64) -> bool {
        false
    }
}

fn permitted(fixture: &Fixture) -> impl Iterator<Item = Permitted<'_>> {
    submissions(fixture).into_iter().map(|submission| match judge(submission, &fixture.facts(&Nobody), NOW) {
        Verdict::Permitted(permitted) => permitted,
        Verdict::Refused(refusal) => panic!("the promo is refused: {refusal:?}"),
    })
}

fn splicing() {
    let fixture = Fixture::new();
    let facts = fixture.facts(&Nobody);
    let released: Vec<_> = permitted(&fixture).map(|one| release(one, &facts, NOW).expect("still permitted")).collect();
    let dialect = Dialect {
        destination_format: Default::default(),
        alphabet: Default::default(),
        validity: ValidityFormat::Absolute,
        numbers: Arc::clone(&fixture.plan),
    };
    let mut out = Vec::with_capacity(fixture.pdus.concat().len());
    counted_splice(&released, &dialect, &mut out);
    assert_eq!(out.len(), fixture.pdus.concat().len());
}

#[inline(never)]
fn counted_splice(released: &[Released<'_>], dialect: &Dialect, out: &mut Vec<u8>) {
    let mut sequence = 0;
    for one in released {
        sequence += 1;
        splice::write(black_box(one), sequence, dialect, &[], out);
    }
}

fn recording() {
    let fixture = Fixture::new();
    let home = tempfile::tempdir().expect("a temporary directory");
    let keys = Keys::from_octets([1; 32], [2; 32], [3; 32]);
    let (ledger, _) = Ledger::open(home.path(), &keys, OpenOptions::new("gw-1", false), NOW).expect("opened");
    let rulings: Vec<Ruling> = permitted(&fixture).map(|one| *one.ruling()).collect();
    let mut appender = ledger.appender();
    counted_record(&mut appender, &rulings);
    // Records of the ledger's own (its begin, its counters) stand among them.
    assert!(ledger.verdicts_appended() >= MESSAGES);
    ledger.close(NOW).expect("closed");
}

#[inline(never)]
fn counted_record(appender: &mut Appender, rulings: &[Ruling]) {
    let (kind, smsc) = (VerdictKind::Permitted, NameId::NONE);
    for batch in rulings.chunks(BATCH) {
        for ruling in batch {
            appender.verdict(&VerdictEntry { kind, ruling, message_ref: 7, smsc, at: NOW });
        }
        assert!(appender.commit(NOW).is_ok(), "the ledger takes the batch");
    }
}
