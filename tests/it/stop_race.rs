//! Owns the race of a STOP against submits to the same number: ten thousand of them, over many binds and lanes.
//! Must never compare clocks: order on one link is the order of its octets, and an answer seen is an answer given.

use super::support::config::account;
use super::support::stage::Stage;
use super::support::status::OPTED_OUT;
use super::support::{SOON, phone};
use std::collections::BTreeMap;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

/// One race for each number of the block reserved for fiction.
const RACES: u32 = 10_000;
/// Races that run at once.
const BATCH: u32 = 100;

#[tokio::test(flavor = "current_thread")]
async fn no_promo_is_written_after_the_stop_s_ack_in_ten_thousand_races() {
    let stage = Stage::with(Switches::default(), |config| {
        config.top.set("lanes", 2);
        for name in ["two", "three"] {
            let mut other = account(name, "pass", "operator-a");
            other.set("senders", "[\"ACME\"]").set("stop_codes", "[\"36111\"]");
            config.accounts.push(other);
        }
        config.operator().set("window", 1000);
    })
    .await;
    let mut binds: Vec<Esme> = Vec::new();
    for (name, password) in [("acme", "secret"), ("two", "pass"), ("three", "pass")] {
        for _ in 0..2 {
            binds.push(stage.bound(&Bind::transceiver(name, password)).await);
        }
    }
    let mut statuses: BTreeMap<u32, u32> = BTreeMap::new();
    for batch in 0..RACES / BATCH {
        race(&stage, &binds, batch * BATCH, &mut statuses).await;
        for bind in &binds {
            bind.drain();
        }
    }
    assert!(statuses.keys().all(|status| [0, OPTED_OUT].contains(status)), "{statuses:x?}");
    assert!(statuses[&0] > 0 && statuses[&OPTED_OUT] > 0, "no race was one: {statuses:x?}");
    let late = late_promos(&stage);
    assert!(late.is_empty(), "{} promos written after the ack: {:?}", late.len(), &late[..late.len().min(5)]);
    // The gateway's own audit has looked at each of them: all that left, but the confirmations.
    let left = stage.smsc.records(|records| records.submitted.iter().filter(|one| one.source() == "ACME").count());
    stage.gateway.metric_becomes("stopgate_leak_audited_total", &[], |audited| audited >= left as f64).await;
    stage.gateway.metric_becomes("stopgate_leak_audit_waiting", &[], |waiting| waiting == 0.0).await;
    assert_eq!(stage.gateway.metric("stopgate_leak_audited_total", &[]).await, left as f64);
    assert_eq!(stage.gateway.metric("stopgate_leak_audit_skipped_total", &[]).await, 0.0);
    assert_eq!(stage.gateway.metric("stopgate_leak_total", &[]).await, 0.0);
}

/// Submits on every bind around the STOPs of a batch of numbers; then, with every ack seen, once more.
async fn race(stage: &Stage, binds: &[Esme], first: u32, statuses: &mut BTreeMap<u32, u32>) {
    let promo = |number: u32| Message::submit("ACME", &phone(number), "Soldes. STOP 36111");
    let mut waiting = Vec::new();
    let acks_before = stage.smsc.records(|records| records.answered_total);
    for number in first..first + BATCH {
        // The binds take turns at being before and behind the STOP.
        let turn = number as usize % binds.len();
        for place in 0..binds.len() {
            if place == 3 {
                stage.smsc.post(Message::mo(&phone(number), "36111", "STOP"), std::time::Duration::ZERO);
            }
            let bind = (turn + place) % binds.len();
            waiting.push((bind, binds[bind].submit(&promo(number)).await.unwrap()));
        }
    }
    let wanted = acks_before + u64::from(BATCH);
    let acked = stage.smsc.wait_for(SOON, |records| (records.answered_total >= wanted).then_some(())).await;
    assert!(acked.is_some(), "STOPs without an ack\n{}", stage.gateway.log());
    for (bind, sequence) in waiting {
        *statuses.entry(binds[bind].answer(sequence, SOON).await.unwrap().status()).or_default() += 1;
    }
    let mut after = Vec::new();
    for number in first..first + BATCH {
        let bind = number as usize % binds.len();
        after.push((bind, number, binds[bind].submit(&promo(number)).await.unwrap()));
    }
    for (bind, number, sequence) in after {
        let status = binds[bind].answer(sequence, SOON).await.unwrap().status();
        assert_eq!(status, OPTED_OUT, "{} was submitted after its STOP's ack was seen", phone(number));
    }
}

/// Promos that came behind the ack of their number's STOP on the very link that carried the ack.
fn late_promos(stage: &Stage) -> Vec<String> {
    stage.smsc.records(|records| {
        assert_eq!(records.answered_total, u64::from(RACES));
        assert!(records.answered.iter().all(|one| one.status == 0), "a STOP was not acknowledged");
        let acks: BTreeMap<String, (u64, u64)> =
            records.answered.iter().map(|one| (one.message.source.as_text(), (one.link, one.order))).collect();
        assert_eq!(acks.len(), RACES as usize);
        let promos = records.submitted.iter().filter(|one| one.source() == "ACME");
        let late =
            promos.filter(|one| acks.get(&one.destination()).is_some_and(|ack| ack.0 == one.link && one.order > ack.1));
        late.map(|one| one.destination()).collect()
    })
}
