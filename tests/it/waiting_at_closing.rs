//! Owns permission that goes stale: a message waiting for the operator's window is looked at again when it is written.
//! Must never let a message leave on an old yes.

use super::support::stage::Stage;
use super::support::{PROMO, SOON, phone};
use std::time::Duration;
use stopgate::sim::esme::Esme;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;
use tokio::time::{Instant, sleep};

/// A stage whose operator has a window of one, filled by a message it does not answer.
async fn full_window(clock: &str) -> (Stage, Esme, u32) {
    let mut switches = Switches::default();
    switches.answers.stalled = true;
    let stage = Stage::with(switches, |config| {
        config.operator().set("window", 1);
        config.clock = clock.to_owned();
    })
    .await;
    let acme = stage.acme().await;
    wait_until(&stage, "2026-11-24T18:59:5").await;
    let first = acme.submit(&Message::submit("ACME", &phone(400), PROMO)).await.unwrap();
    stage.forwarded(&phone(400)).await;
    (stage, acme, first)
}

/// Waits until the gateway's own civil time, in UTC, is not before what begins like this.
async fn wait_until(stage: &Stage, wanted: &str) {
    let until = Instant::now() + SOON;
    loop {
        let (out, error, code) = stage.gateway.command(&["--json", "status"]).await;
        assert_eq!(code, 0, "{out}{error}");
        let status: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        if status["now"].as_str().expect("an instant") >= wanted {
            return;
        }
        assert!(Instant::now() < until, "{wanted} does not come: {out}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_message_that_waits_across_closing_is_refused_at_its_release() {
    // Six seconds to closing: enough to start in, and less than the ten a message may wait for a window.
    let (stage, acme, first) = full_window("2026-11-24T19:59:54+01:00").await;
    let waiting = acme.submit(&Message::submit("ACME", &phone(401), PROMO)).await.unwrap();
    wait_until(&stage, "2026-11-24T19:00:00").await;
    stage.smsc.switch(|switches| switches.answers.stalled = false);
    assert_eq!(acme.answer(first, SOON).await.unwrap().status(), 0, "what had left before closing stays sent");
    assert_eq!(acme.answer(waiting, SOON).await.unwrap().status(), 0x61);
    assert_eq!(stage.count_to(&phone(401)), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_message_that_waits_across_a_stop_is_refused_at_its_release() {
    let mut switches = Switches::default();
    switches.answers.stalled = true;
    let stage = Stage::with(switches, |config| {
        config.operator().set("window", 1);
    })
    .await;
    let acme = stage.acme().await;
    let first = acme.submit(&Message::submit("ACME", &phone(402), PROMO)).await.unwrap();
    stage.forwarded(&phone(402)).await;
    let waiting = acme.submit(&Message::submit("ACME", &phone(403), PROMO)).await.unwrap();
    let control = acme.submit(&Message::submit("ACME", &phone(404), PROMO)).await.unwrap();
    assert_eq!(stage.mo(&phone(403), "36111", "STOP").await, 0);
    stage.smsc.switch(|switches| switches.answers.stalled = false);
    assert_eq!(acme.answer(first, SOON).await.unwrap().status(), 0);
    assert_eq!(acme.answer(waiting, SOON).await.unwrap().status(), 0x66);
    assert_eq!(acme.answer(control, SOON).await.unwrap().status(), 0, "what waited without a STOP leaves");
    let promos = stage.smsc.records(|records| records.to(&phone(403)).filter(|one| one.source() == "ACME").count());
    assert_eq!(promos, 0);
}
