//! Owns the load of the end-to-end benches and one measured run of it.
//! Must never measure answers that are refusals in silence: a refusal is cheaper than a message.

use super::child::Child;
use std::net::SocketAddr;
use std::time::Duration;
use stopgate::sim::esme::Bind;
use stopgate::sim::load::{self, Load};

/// One run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub rate: f64,
    /// Microseconds of processor time of the process in between, per message.
    pub cpu: f64,
    /// Microseconds.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub answered: u64,
    /// Answers that were not ROK.
    pub refused: u64,
}

/// Commercial, about 100 octets on the wire, a valid mention, ten million numbers; none of them is on an imported list.
pub fn promo() -> Load {
    Load {
        first_number: 33_760_000_000,
        numbers: 10_000_000,
        ..Load::promo(Bind::transceiver("acme0", "secret"), u64::MAX / 2)
    }
}

/// Runs a load against what listens at `address`, and looks at `child` meanwhile.
///
/// # Errors
/// In words, when a bind or an answer does not come.
pub async fn run(address: SocketAddr, load: &Load, child: &Child) -> Result<Run, String> {
    let before = child.cpu();
    let report = load::run(address, load).await.map_err(|error| error.to_string())?;
    let cpu = child.cpu().saturating_sub(before);
    let micros = |share| report.latency(share).as_secs_f64() * 1e6;
    Ok(Run {
        rate: report.rate(),
        cpu: cpu.as_secs_f64() * 1e6 / report.total().max(1) as f64,
        p50: micros(0.5),
        p99: micros(0.99),
        p999: micros(0.999),
        answered: report.total(),
        refused: report.total() - report.answered.get(&0).copied().unwrap_or(0),
    })
}

/// Runs loads beside each other; latencies are not kept.
///
/// # Panics
/// When one of them is not answered.
pub async fn run_all(address: SocketAddr, loads: &[Load], child: &Child) -> Run {
    let (before, began) = (child.cpu(), super::gateway::now());
    let running: Vec<_> = loads
        .iter()
        .cloned()
        .map(|load| tokio::spawn(async move { load::run(address, &load).await.expect("the load is answered") }))
        .collect();
    let mut run = Run::default();
    for load in running {
        let report = load.await.expect("the load runs");
        run.answered += report.total();
        run.refused += report.total() - report.answered.get(&0).copied().unwrap_or(0);
    }
    let cpu = child.cpu().saturating_sub(before);
    run.rate = run.answered as f64 / began.elapsed().as_secs_f64();
    run.cpu = cpu.as_secs_f64() * 1e6 / run.answered.max(1) as f64;
    run
}

/// A load of so many messages a second on one bind.
pub fn paced(rate: u32, at_most: Duration) -> Load {
    // The window is never what holds it back.
    Load { window: 1_000, rate, at_most, latencies: true, ..promo() }
}
