//! Owns what grows beyond a build machine's patience: the judge and the relay at 1, 10 and 100 million numbers.
//! Must never pretend that a list was imported: these are made in memory and written as a snapshot, which the page says.
//!
//! `LONG_MILLIONS` ("1 10 100") and `LONG_ROUNDS` (5) can be set in the environment. 100 million need some 6 GB of memory.

use crate::figures::Part;
use crate::figures::page::Table;
use crate::fixture::{Fixture, NOW};
use crate::list_fixture;
use crate::stage::child::Child;
use crate::stage::gateway::{Gateway, Plan, now};
use crate::stage::home::Home;
use crate::stage::load::{self, promo};
use crate::stage::{environment, grouped, median};
use std::hint::black_box;
use std::time::Duration;
use stopgate::compliance::judge::judge;
use stopgate::compliance::release::release;
use stopgate::compliance::verdict::Verdict;
use stopgate::message::msisdn::Msisdn;
use stopgate::pdu::scan;
use stopgate::sim::load::Load;
use stopgate::suppression::Index;

/// Different destinations: more than any cache holds of a list.
const NUMBERS: u64 = 100_000;

/// Measures and writes the part.
pub async fn run() {
    let wanted = std::env::var("LONG_MILLIONS").unwrap_or_else(|_| "1 10 100".to_owned());
    let millions: Vec<u64> = wanted.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let rounds = environment("LONG_ROUNDS", 5);
    let how = format!(
        "Lists made in memory and started from as a snapshot, not imported. Judge and release without the tag over {} different \
         numbers; relay with 10 binds and window 100; medians of {rounds} rounds, the judge's in turns.",
        grouped(NUMBERS as f64)
    );
    println!("{how}\n");
    let mut part = Part::new("long", "Long lists", &how);
    let judged = judged(&millions, rounds);
    let mut table = Table::new(&["numbers", "judge and release", "ready", "RSS", "messages/s", "CPU a message"]);
    let smsc = Child::of_this_binary(&["--smsc"]);
    for (millions, nanos) in millions.iter().zip(&judged) {
        let home = Home::with_list(millions * 1_000_000).await;
        let gateway = Gateway::start(&home, &Plan::new(smsc.addresses[0])).await;
        gateway.settle().await;
        let load = Load { binds: 10, window: 100, at_most: Duration::from_secs(1), ..promo() };
        let mut runs = Vec::new();
        for _ in 0..=rounds {
            runs.push(load::run(gateway.smpp(), &load, gateway.child()).await.expect("the load runs"));
        }
        table.row(&[
            format!("{millions} M"),
            format!("{nanos:.0} ns"),
            format!("{:.2} s", gateway.ready_after.as_secs_f64()),
            format!("{:.0} MB", gateway.child().resident() as f64 / 1e6),
            grouped(median(runs.iter().skip(1).map(|run| run.rate))),
            format!("{:.2} µs", median(runs.iter().skip(1).map(|run| run.cpu))),
        ]);
        println!("{millions} M: done");
    }
    part.table(table);
    let at = |size: u64| millions.iter().position(|millions| *millions == size).map(|at| judged[at]);
    if let (Some(few), Some(many)) = (at(1), at(100)) {
        part.figure("judge 100 M to 1 M", many / few, "x");
    }
    part.write();
}

/// Nanoseconds of judge and release, the tag taken off, by size of list.
fn judged(millions: &[u64], rounds: u64) -> Vec<f64> {
    let fixture = Fixture::of((0..NUMBERS).map(|at| 33_760_000_000 + at * 97));
    let lists: Vec<Index> = millions.iter().map(|millions| list_fixture::filled(millions * 1_000_000)).collect();
    let context = scan::Context { default_message_ids: &[], now: NOW };
    let mut all = vec![Vec::new(); lists.len()];
    let mut tags = Vec::new();
    for _ in 0..=rounds {
        let began = now();
        for at in 0..NUMBERS {
            black_box(fixture.tags.tag(black_box(Msisdn::from_canonical(33_760_000_000 + at * 97).expect("a number"))));
        }
        tags.push(began.elapsed().as_nanos() as f64 / NUMBERS as f64);
        for (list, kept) in lists.iter().zip(&mut all) {
            let submissions: Vec<_> =
                fixture.pdus.iter().map(|pdu| scan::submit(pdu, &context).expect("well formed")).collect();
            let facts = fixture.facts(list);
            let began = now();
            for submission in submissions {
                let Verdict::Permitted(permitted) = judge(submission, &facts, NOW) else {
                    panic!("the promo is refused")
                };
                drop(black_box(release(permitted, &facts, NOW).expect("still permitted")));
            }
            kept.push(began.elapsed().as_nanos() as f64 / NUMBERS as f64);
        }
    }
    let tag = median(tags.into_iter().skip(1));
    all.into_iter().map(|kept| median(kept.into_iter().skip(1)) - tag).collect()
}
