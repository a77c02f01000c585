//! Owns kill -9 under load: no acknowledged STOP is lost, no message is forwarded twice, the ledger verifies, and it starts again.
//! Must never count what the gateway had not acknowledged yet.

use super::support::config::Config;
use super::support::figures::{self, Figures};
use super::support::gateway::{Gateway, Home};
use super::support::stage::operator;
use super::support::witness::{Toll, Witness, scatter};
use std::time::Duration;
use stopgate::sim::smsc::switches::Switches;

/// Cycles in CI, and in the long form.
const CYCLES: (u32, u32) = (100, 1_000);
/// Kills of one house: directories and an operator.
const HOUSE: u32 = 20;
/// STOPs offered in one cycle: more than 5 to 80 ms leave time for.
const STOPS: u32 = 100;
const SEED: u64 = 20_261_122;

#[tokio::test(flavor = "current_thread")]
async fn kills_lose_no_acknowledged_stop_and_forward_nothing_twice() {
    let cycles = figures::cycles(CYCLES.0, CYCLES.1);
    let mut toll = Toll::default();
    for first in (0..cycles).step_by(HOUSE as usize) {
        toll.add(house(first..cycles.min(first + HOUSE)).await);
    }
    assert!(toll.stops > u64::from(cycles) && toll.forwarded > u64::from(cycles), "the load was none: {toll:?}");
    Figures::of("kill9", cycles, SEED)
        .counted("STOPs acknowledged", toll.stops)
        .counted("promos forwarded", toll.forwarded)
        .lost("acknowledged STOPs lost", toll.broken)
        .lost("forwarded twice", toll.doubled)
        .lost("answered twice", toll.answered_twice)
        .lost("answered ROK and not forwarded", toll.accepted_unsent)
        .lost("confirmed twice", toll.confirmed_twice)
        .lost("ledgers that do not verify", toll.unverified)
        .report(None);
}

/// So many kills in one house.
async fn house(cycles: std::ops::Range<u32>) -> Toll {
    // What is not acknowledged is not offered again by itself: the next cycle's own STOPs are enough.
    let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
    let (home, config) = (Home::new(), Config::new(smsc.address()));
    let data = home.path().join("data");
    let mut witness = Witness::new(&smsc);
    for cycle in cycles {
        let mut gateway = Gateway::start_in(home.clone(), &config).await;
        gateway.ready().await;
        witness.check(&gateway).await;
        let lasting = Duration::from_micros(5_000 + scatter(SEED + u64::from(cycle)) % 75_000);
        let stops = cycle * STOPS..(cycle + 1) * STOPS;
        let load = witness.load(&gateway, stops, lasting).await;
        gateway.kill();
        witness.take_down(&load).await;
        witness.verify(&data, None);
    }
    let mut gateway = Gateway::start_in(home, &config).await;
    gateway.ready().await;
    witness.check(&gateway).await;
    assert!(gateway.terminate().await.success(), "{}", gateway.log());
    witness.settle()
}

#[tokio::test(flavor = "current_thread")]
async fn a_node_killed_in_its_first_moment_has_a_ledger_that_verifies() {
    let smsc = operator(Switches::default()).await;
    for _ in 0..5 {
        let mut gateway = Gateway::start_in(Home::in_memory(), &Config::new(smsc.address())).await;
        gateway.kill();
        Witness::new(&smsc).verify(&gateway.home.path().join("data"), None);
    }
}
