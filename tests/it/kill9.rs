//! Owns kill -9 under load: no acknowledged STOP is lost, no message is forwarded twice, and it starts again.
//! Must never count what the gateway had not acknowledged yet.

use super::support::figures::{self, Figures};
use super::support::gateway::{Gateway, Home};
use super::support::stage::operator;
use super::support::{SOON, phone};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::Smsc;
use stopgate::sim::smsc::switches::Switches;

/// Cycles in CI, and in the long form.
const CYCLES: (u32, u32) = (50, 1_000);
/// STOPs offered in one cycle: more than 5 to 80 ms leave time for.
const STOPS: u32 = 100;
const OPTED_OUT: u32 = 0x66;

#[tokio::test(flavor = "current_thread")]
async fn kills_lose_no_acknowledged_stop_and_forward_nothing_twice() {
    let cycles = figures::cycles(CYCLES.0, CYCLES.1);
    // What is not acknowledged is not offered again by itself: the next cycle's own STOPs are enough.
    let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
    let config = super::support::config::Config::new(smsc.address());
    let home = Home::new();
    let mut acked: BTreeSet<String> = BTreeSet::new();
    let mut sent = 0;
    for cycle in 0..cycles {
        let mut gateway = Gateway::start_in(home.clone(), &config).await;
        gateway.ready().await;
        check(&gateway, &acked).await;
        sent = run_until_killed(&mut gateway, &smsc, cycle, sent).await;
        acked.extend(acknowledged(&smsc));
    }
    let mut gateway = Gateway::start_in(home, &config).await;
    gateway.ready().await;
    check(&gateway, &acked).await;
    assert!(gateway.terminate().await.success(), "{}", gateway.log());
    assert!(acked.len() > cycles as usize, "only {} STOPs were acknowledged: the load was none", acked.len());
    let (forwarded, doubled) = smsc.records(|records| {
        let mut texts: BTreeMap<(String, String), u32> = BTreeMap::new();
        let promos = records.submitted.iter().filter(|one| one.source() == "ACME");
        promos.for_each(|one| *texts.entry((one.destination(), one.text())).or_default() += 1);
        assert!(texts.len() > cycles as usize, "only {} promos were forwarded: the load was none", texts.len());
        let forwarded = texts.len();
        (forwarded, texts.into_iter().filter(|(_, count)| *count > 1).collect::<Vec<_>>())
    });
    assert!(doubled.is_empty(), "forwarded twice: {doubled:?}");
    let confirmed = smsc.records(|records| {
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        let confirmations = records.submitted.iter().filter(|one| one.source() == "36111");
        confirmations.for_each(|one| *numbers.entry(one.destination()).or_default() += 1);
        numbers.into_iter().filter(|(_, count)| *count > 1).collect::<Vec<_>>()
    });
    assert!(confirmed.is_empty(), "confirmed twice: {confirmed:?}");
    Figures::of("kill9", cycles, 0)
        .counted("STOPs acknowledged", acked.len() as u64)
        .counted("promos forwarded", forwarded as u64)
        .lost("acknowledged STOPs lost", 0)
        .lost("forwarded twice", doubled.len() as u64)
        .lost("confirmed twice", confirmed.len() as u64)
        .report(None);
}

/// Every number whose STOP was acknowledged is refused.
async fn check(gateway: &Gateway, acked: &BTreeSet<String>) {
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
    // All of the last cycles, and a scatter of the older ones.
    let step = acked.len() / 300 + 1;
    let mut asked = Vec::new();
    for number in acked.iter().step_by(step) {
        let text = "Encore. STOP 36111";
        asked.push((number, acme.submit(&Message::submit("ACME", number, text)).await.unwrap()));
    }
    for (number, sequence) in asked {
        let status = acme.answer(sequence, SOON).await.unwrap().status();
        assert_eq!(status, OPTED_OUT, "the acknowledged STOP of {number} is lost\n{}", gateway.log());
    }
}

/// Promos on two binds and STOPs from the operator, until the kill at some instant of 5 to 80 ms; gives the promos so far.
async fn run_until_killed(gateway: &mut Gateway, smsc: &Smsc, cycle: u32, mut sent: u64) -> u64 {
    let binds = [
        Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap(),
        Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap(),
    ];
    let after = Duration::from_micros(5_000 + scatter(u64::from(cycle)) % 75_000);
    for number in 0..STOPS {
        let from = phone((cycle * STOPS + number) % 5_000);
        smsc.post(Message::mo(&from, "36111", "STOP"), after * number / STOPS);
    }
    let kill_at = tokio::time::Instant::now() + after;
    while tokio::time::Instant::now() < kill_at {
        for bind in &binds {
            sent += 1;
            let promo =
                Message::submit("ACME", &phone(5_000 + (sent % 5_000) as u32), &format!("Offre {sent}. STOP 36111"));
            // The gateway may be gone in the middle of a write: that is the point.
            drop(bind.submit(&promo).await);
        }
        tokio::task::yield_now().await;
    }
    gateway.kill();
    smsc.close(None);
    sent
}

/// Numbers whose STOP has been acknowledged so far.
fn acknowledged(smsc: &Smsc) -> Vec<String> {
    smsc.records(|records| {
        let acked = records.answered.iter().filter(|one| one.status == 0 && one.message.text() == "STOP");
        acked.map(|one| one.message.source.as_text()).collect()
    })
}

fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}
