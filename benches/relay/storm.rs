//! Owns the storm of STOPs: how long one takes from deliver_sm to its answer, alone and by tens of thousands, and what traffic feels.
//! Must never count a STOP that was not acknowledged ROK, nor overlook a message to a number after that.
//!
//! `STORM_STOPS` (100,000) can be set in the environment.

use crate::figures::Part;
use crate::figures::page::Table;
use crate::operator::{Operator, Stopped};
use crate::stage::gateway::{Gateway, Plan};
use crate::stage::home::Home;
use crate::stage::{environment, grouped, load, share};
use std::net::SocketAddr;
use std::time::Duration;
use stopgate::sim::load::{Load, LoadReport};

/// STOPs one after the other, each waited for.
const ALONE: u64 = 500;
/// STOPs that wait for their answer in a storm.
const WINDOW: usize = 1_000;
/// Traffic beside them, messages a second.
const RATE: u32 = 1_000;
/// The first number that says STOP, and that is written to.
const FIRST: u64 = 33_770_000_000;

/// Measures and writes the part.
pub async fn run() {
    let stops = environment("STORM_STOPS", 100_000);
    let how = format!(
        "STOPs from deliver_sm to deliver_sm_resp: {ALONE} one after the other, then {} with {WINDOW} unanswered at a time. Answered means: \
         durable, and no octets to that number left anywhere. The traffic, {RATE} messages a second, writes to the same numbers.",
        grouped(stops as f64)
    );
    println!("{how}\n");
    let mut part = Part::new("storm", "Storm of STOPs", &how);
    let home = Home::new();
    let listener = Operator::listen().await;
    let plan = Plan::new(listener.local_addr().expect("it is bound"));
    let (mut operator, gateway) = tokio::join!(Operator::accept(listener), Gateway::start(&home, &plan));
    let smpp = gateway.smpp();
    let mut next = FIRST;
    let mut numbers = |count: u64| {
        next += count;
        next - count..next
    };
    let before = beside(smpp, stops, Duration::from_secs(3));
    let (_, calm) = tokio::join!(operator.serve(Duration::from_millis(3_500)), before);
    let mut quiet = operator.stops(numbers(ALONE), 1).await;
    let during = beside(smpp, stops, Duration::from_secs(3));
    let (mut busy, _) = tokio::join!(operator.stops_for(numbers(ALONE), 1, Duration::from_millis(3_500)), during);
    let mut pure = operator.stops(numbers(stops), WINDOW).await;
    let during = beside(smpp, stops, Duration::from_secs(5));
    let (mut storm, stormed) =
        tokio::join!(operator.stops_for(numbers(stops), WINDOW, Duration::from_millis(5_500)), during);
    // The confirmations that are still owed.
    operator.serve(Duration::from_secs(2)).await;
    let mut table = Table::new(&["what", "STOP/s", "p50", "p99", "p99.9"]);
    let mut row = |what: &str, found: &mut Stopped| {
        let mut millis = |of| share(&mut found.millis, of);
        let cells = [what.to_owned(), grouped(found.rate), form(millis(0.5)), form(millis(0.99)), form(millis(0.999))];
        table.row(&cells);
    };
    row("one after the other, quiet", &mut quiet);
    row("one after the other, under traffic", &mut busy);
    row("storm", &mut pure);
    row("storm, under traffic", &mut storm);
    part.table(table);
    let mut felt = Table::new(&["traffic", "p50", "p99", "p99.9"]);
    for (what, report) in [("quiet", &calm), ("under the storm", &stormed)] {
        let millis = |of| form(report.latency(of).as_secs_f64() * 1e3);
        felt.row(&[what.to_owned(), millis(0.5), millis(0.99), millis(0.999)]);
    }
    part.table(felt);
    part.figure("quiet p99", share(&mut quiet.millis, 0.99), "ms");
    part.figure("busy p99", share(&mut busy.millis, 0.99), "ms");
    part.figure("rate", pure.rate, "STOP/s");
    part.figure("leaked", operator.leaked as f64, "messages");
    println!("{} confirmations, {} STOPs answered otherwise than ROK", operator.confirmations, operator.refused);
    assert_eq!(operator.refused, 0, "a STOP was not acknowledged");
    part.write();
}

fn form(millis: f64) -> String {
    format!("{millis:.2} ms")
}

/// Traffic to the numbers that say STOP.
async fn beside(smpp: SocketAddr, stops: u64, span: Duration) -> LoadReport {
    let numbers = 2 * (stops + ALONE);
    let load = Load { first_number: FIRST, numbers, ..load::paced(RATE, span) };
    stopgate::sim::load::run(smpp, &load).await.expect("the traffic flows")
}
