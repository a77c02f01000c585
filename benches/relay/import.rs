//! Owns the import of a long list while traffic flows, what that does to the traffic, and the starts that follow.
//! Must never measure an import that nobody waits for: a number counts when it is durable and effective.
//!
//! `IMPORT_NUMBERS` (10,000,000) can be set in the environment.

use crate::figures::Part;
use crate::figures::page::Table;
use crate::stage::child::Child;
use crate::stage::gateway::{Gateway, Plan};
use crate::stage::home::Home;
use crate::stage::{environment, grouped, load, median, share};
use std::net::SocketAddr;
use std::time::Duration;

/// Traffic beside the import, messages a second.
const RATE: u32 = 1_000;
/// Numbers that come after the snapshot, before the kill: as many as a snapshot may be behind.
const LATER: u64 = 250_000;
/// Starts of each kind.
const STARTS: usize = 3;

/// Measures and writes the part.
pub async fn run() {
    let numbers = environment("IMPORT_NUMBERS", 10_000_000);
    let how = format!(
        "One import of {} numbers by `stopgate stop import` while {RATE} messages a second flow; then {STARTS} starts after an \
         orderly end and {STARTS} after a kill with {} numbers behind the snapshot, medians.",
        grouped(numbers as f64),
        grouped(LATER as f64)
    );
    println!("{how}\n");
    let mut part = Part::new("import", "Import and start", &how);
    let smsc = Child::of_this_binary(&["--smsc"]);
    let plan = Plan::new(smsc.addresses[0]);
    let home = Home::new();
    let gateway = Gateway::start(&home, &plan).await;
    let mut quiet = latencies(gateway.smpp(), Duration::from_secs(5)).await;
    let list = home.list(0..numbers);
    let (took, mut under) = beside(&gateway, gateway.import(&list)).await;
    let after = gateway.child().resident();
    gateway.wait_for("stopgate_suppressed_numbers", numbers as f64).await;
    part.figure(if numbers == 10_000_000 { "10 M" } else { "of another size" }, took.as_secs_f64(), "s");
    let mut table = Table::new(&["what", "measured"]);
    let mut row = |what: &str, value: String| table.row(&[what.to_owned(), value]);
    row("import", format!("{:.1} s, {} numbers/s", took.as_secs_f64(), grouped(numbers as f64 / took.as_secs_f64())));
    let spans =
        |all: &mut Vec<f64>| format!("{:.0}/{:.0}/{:.0} µs", share(all, 0.5), share(all, 0.99), share(all, 0.999));
    row("traffic before it, p50/p99/p99.9", spans(&mut quiet));
    row("traffic under it, p50/p99/p99.9", spans(&mut under));
    row("RSS right after it", format!("{:.1} MB", after as f64 / 1e6));
    let lag = gateway.metric("stopgate_suppression_store_lag_events");
    row("behind in the embedded store then", format!("{} events", grouped(lag)));
    assert!(gateway.end(), "the gateway does not end well");
    let orderly = starts(&home, &plan, true).await;
    row("ready after an orderly end", format!("{:.2} s, RSS {:.1} MB", orderly.0, orderly.1));
    let gateway = Gateway::start(&home, &plan).await;
    gateway.import(&home.list(numbers..numbers + LATER)).await;
    drop(gateway);
    let killed = starts(&home, &plan, false).await;
    row("ready after a kill", format!("{:.2} s, RSS {:.1} MB", killed.0, killed.1));
    part.figure(if numbers == 10_000_000 { "ready with 10 M" } else { "ready with another size" }, killed.0, "s");
    part.table(table);
    part.write();
}

/// How long an import took, and the latencies of the traffic beside it.
async fn beside(gateway: &Gateway, import: impl Future<Output = Duration>) -> (Duration, Vec<f64>) {
    tokio::pin!(import);
    let mut under = Vec::new();
    loop {
        tokio::select! {
            took = &mut import => return (took, under),
            more = latencies(gateway.smpp(), Duration::from_secs(5)) => {
                let (resident, numbers) = (gateway.child().resident(), gateway.metric("stopgate_suppressed_numbers"));
                println!("{} MB resident, {} numbers on the list", resident / 1_000_000, grouped(numbers));
                under.extend(more);
            }
        }
    }
}

/// Medians of several starts on these directories: seconds until ready, megabytes resident then.
async fn starts(home: &Home, plan: &Plan, orderly: bool) -> (f64, f64) {
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let gateway = Gateway::start(home, plan).await;
        ready.push(gateway.ready_after.as_secs_f64());
        resident.push(gateway.child().resident() as f64 / 1e6);
        if orderly {
            assert!(gateway.end(), "the gateway does not end well");
        }
    }
    (median(ready), median(resident))
}

/// Latencies of a while of traffic, in microseconds.
async fn latencies(address: SocketAddr, span: Duration) -> Vec<f64> {
    let report = stopgate::sim::load::run(address, &load::paced(RATE, span)).await.expect("the traffic flows");
    report.latencies.iter().map(|latency| latency.as_secs_f64() * 1e6).collect()
}
