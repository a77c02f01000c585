//! Owns the end-to-end bench: the same load through nothing, through a TCP copy, through the gateway, in turns.
//! Must never print a figure without the floor of the same run beside it: absolute figures hold on no two machines.
//!
//! `RELAY_ROUNDS` (5), `RELAY_MILLIS` a run (700) and `RELAY_SUPPRESSED` numbers on the list (1,000,000; the target's own
//! figure is 10,000,000) can be set in the environment.

mod floor;
mod gateway;
mod measure;

use measure::{Child, Round, Shape, environment, median};
use std::net::SocketAddr;
use std::time::Duration;
use stopgate::sim::esme::Bind;
use stopgate::sim::load::{self, Load};
use stopgate::sim::quick::QuickSmsc;

/// Binds and window of each shape of load.
const SHAPES: [Shape; 4] = [
    Shape { name: "1c w1", binds: 1, window: 1, must: 0.6, target: 0.9 },
    Shape { name: "1c w10", binds: 1, window: 10, must: 0.4, target: 0.6 },
    Shape { name: "1c w100", binds: 1, window: 100, must: 0.10, target: 0.20 },
    Shape { name: "10c w100", binds: 10, window: 100, must: 0.06, target: 0.12 },
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match arguments.get(1).map(String::as_str) {
        Some("--floor") => runtime.block_on(floor::run(arguments[2].parse().expect("an address"))),
        Some("--smsc") => runtime.block_on(smsc()),
        _ if arguments.iter().any(|argument| argument == "--bench") => runtime.block_on(bench()),
        _ => println!("relay is a bench: cargo bench --bench relay"),
    }
}

async fn smsc() {
    let smsc = QuickSmsc::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    println!("listening on {}", smsc.address());
    std::future::pending::<()>().await;
}

async fn bench() {
    let rounds = environment("RELAY_ROUNDS", 5).max(1);
    let at_most = Duration::from_millis(environment("RELAY_MILLIS", 700));
    let suppressed = environment("RELAY_SUPPRESSED", 1_000_000);
    let smsc = Child::of_this_binary(&["--smsc"]);
    let floor = Child::of_this_binary(&["--floor", &smsc.address.to_string()]);
    let gateway = gateway::Gateway::start(smsc.address, suppressed).await;
    println!("{rounds} rounds of {at_most:?} each, in turns; {suppressed} numbers suppressed\n");
    let contestants = [
        ("nothing", smsc.address, &smsc),
        ("floor", floor.address, &floor),
        ("stopgate", gateway.smpp(), gateway.child()),
    ];
    let mut results: Vec<Vec<Vec<Round>>> = vec![vec![Vec::new(); contestants.len()]; SHAPES.len()];
    for round in 0..=rounds {
        for (shape, results) in SHAPES.iter().zip(&mut results) {
            for ((name, address, child), results) in contestants.iter().zip(results) {
                let outcome = run(*address, shape, at_most, child).await;
                // The first round only warms up.
                if round > 0 {
                    results.push(outcome.unwrap_or_else(|error| panic!("{name}, {}: {error}", shape.name)));
                }
            }
        }
    }
    measure::print(&SHAPES, &results);
    let refused = results.iter().flatten().flatten().map(|round| round.refused).sum::<u64>();
    println!("\nanswers that were not ROK: {refused} (must be 0: a refusal is cheaper than a message)");
    let paced = |address| paced(address, rounds, at_most);
    let (under_floor, under_gateway) = (paced(floor.address).await, paced(gateway.smpp()).await);
    println!(
        "at 1,000 messages a second: floor p99 {under_floor:?}, stopgate p99 {under_gateway:?}, ratio {:.2} (must 1.5, target 1.1)",
        under_gateway.as_secs_f64() / under_floor.as_secs_f64()
    );
}

async fn run(address: SocketAddr, shape: &Shape, at_most: Duration, child: &Child) -> Result<Round, String> {
    let load = Load { binds: shape.binds, window: shape.window, at_most, latencies: shape.window == 1, ..load_of() };
    let before = child.cpu();
    let report = load::run(address, &load).await.map_err(|error| error.to_string())?;
    let cpu = child.cpu().saturating_sub(before);
    Ok(Round {
        rate: report.rate(),
        cpu: cpu.div_f64(report.total().max(1) as f64),
        p50: report.latency(0.5),
        p99: report.latency(0.99),
        refused: report.total() - report.answered.get(&0).copied().unwrap_or(0),
    })
}

async fn paced(address: SocketAddr, rounds: u64, at_most: Duration) -> Duration {
    let mut all = Vec::new();
    for _ in 0..rounds {
        let load = Load { window: 1, rate: 1_000, at_most, latencies: true, ..load_of() };
        let report = load::run(address, &load).await.expect("the load runs");
        all.push(report.latency(0.99).as_secs_f64());
    }
    Duration::from_secs_f64(median(&mut all))
}

/// Commercial, about 100 octets on the wire, a valid mention, ten million numbers; none of them is on the list.
fn load_of() -> Load {
    Load {
        first_number: 33_760_000_000,
        numbers: 10_000_000,
        ..Load::promo(Bind::transceiver("acme", "secret"), u64::MAX / 2)
    }
}
