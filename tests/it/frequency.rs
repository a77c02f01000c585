//! Owns the cap on promotions to one number: what counts, what gives its place back, and what a restart keeps.
//! Must never let two messages on their way share the last place.

use super::support::config::Config;
use super::support::stage::Stage;
use super::support::{PROMO, SOON, multi, phone, sme};
use stopgate::sim::esme::Esme;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{Switches, When};
use stopgate::sim::wire::SUBMIT_MULTI;

/// SG133 on the wire.
const CAP_REACHED: u32 = 0x55;

fn capped(messages: u32, per: &str) -> impl FnOnce(&mut Config) {
    let cap = format!("{{ messages = {messages}, per = \"{per}\" }}");
    move |config| {
        config.acme().set("frequency", cap);
    }
}

async fn promo(acme: &Esme, number: u32) -> u32 {
    acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap().status()
}

#[tokio::test(flavor = "current_thread")]
async fn a_cap_that_is_reached_refuses_until_the_span_has_moved_on() {
    let mut stage = Stage::with(Switches::default(), capped(2, "1d")).await;
    let acme = stage.acme().await;
    assert_eq!([promo(&acme, 740).await, promo(&acme, 740).await, promo(&acme, 740).await], [0, 0, CAP_REACHED]);
    assert_eq!(promo(&acme, 741).await, 0, "another number has its own count");
    assert_eq!(stage.count_to(&phone(740)), 2);
    let check = ["check", "--account", "acme", "--to", &phone(740), "--text", PROMO];
    let (out, error, code) = stage.gateway.command(&check).await;
    assert!(code == 3 && out.contains("SG133") && out.contains("next opening 2026-11-25T09:0"), "{out}{error}");
    let why = stage.gateway.command(&["why", &phone(740)]).await.0;
    assert!(why.contains("acme: 2 promotions of 2 in 1d"), "{why}");
    stage.gateway.metric_becomes("stopgate_frequency_entries", &[], |count| count == 3.0).await;
    // A restart in order, and the same evening: kept.
    assert!(stage.gateway.terminate().await.success());
    stage.config.clock = "2026-11-24T18:00:00+01:00".to_owned();
    stage.restart().await;
    let acme = stage.acme().await;
    assert_eq!(promo(&acme, 740).await, CAP_REACHED);
    assert!(stage.gateway.terminate().await.success());
    stage.config.clock = "2026-11-25T10:30:00+01:00".to_owned();
    stage.restart().await;
    let acme = stage.acme().await;
    assert_eq!(promo(&acme, 740).await, 0, "the next day");
}

#[tokio::test(flavor = "current_thread")]
async fn a_kill_keeps_the_counts() {
    let mut stage = Stage::with(Switches::default(), capped(3, "7d")).await;
    for sent in 1..=3 {
        let acme = stage.acme().await;
        assert_eq!(promo(&acme, 750).await, 0, "{sent}");
        stage.gateway.kill();
        stage.restart().await;
    }
    let acme = stage.acme().await;
    assert_eq!(promo(&acme, 750).await, CAP_REACHED);
    assert_eq!(promo(&acme, 751).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn what_the_operator_does_not_take_does_not_count_and_neither_does_what_was_refused() {
    let mut switches = Switches::default();
    switches.answers.statuses = vec![(When::To(phone(760)), 0x58)];
    let stage = Stage::with(switches, capped(1, "1d")).await;
    let acme = stage.acme().await;
    for _ in 0..3 {
        assert_eq!(promo(&acme, 760).await, 0x58, "throttled there, each time");
    }
    let silent = Message::submit("ACME", &phone(761), "Soldes: -20% samedi.");
    assert_eq!(acme.submit_and_wait(&silent).await.unwrap().status(), 0x65, "no mention: refused here");
    assert_eq!(promo(&acme, 761).await, 0);
    assert_eq!(promo(&acme, 761).await, CAP_REACHED);
}

#[tokio::test(flavor = "current_thread")]
async fn of_two_messages_that_wait_for_the_window_only_one_takes_the_last_place() {
    let mut switches = Switches::default();
    switches.answers.stalled = true;
    let stage = Stage::with(switches, |config| {
        capped(1, "1d")(config);
        config.operator().set("window", 1);
    })
    .await;
    let acme = stage.acme().await;
    let first = acme.submit(&Message::submit("ACME", &phone(770), PROMO)).await.unwrap();
    stage.forwarded(&phone(770)).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(acme.submit(&Message::submit("ACME", &phone(771), PROMO)).await.unwrap());
    }
    stage.smsc.switch(|switches| switches.answers.stalled = false);
    assert_eq!(acme.answer(first, SOON).await.unwrap().status(), 0);
    let mut statuses = Vec::new();
    for sequence in waiting {
        statuses.push(acme.answer(sequence, SOON).await.unwrap().status());
    }
    assert_eq!(statuses, [0, CAP_REACHED]);
    assert_eq!(stage.count_to(&phone(771)), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_message_in_parts_counts_once_and_one_number_twice_in_a_submit_multi_twice() {
    let mut stage = Stage::with(Switches::default(), |config| {
        capped(2, "1d")(config);
        config.acme().text("submit_multi", "filter");
    })
    .await;
    let acme = stage.acme().await;
    let long = format!("{} STOP 36111", "Soldes dans tous nos magasins. ".repeat(6));
    let (first, second) = long.split_at(150);
    for (number, text) in [(1, first), (2, second)] {
        let part = Message::submit("ACME", &phone(780), text).as_part(7, 2, number);
        assert_eq!(acme.submit_and_wait(&part).await.unwrap().status(), 0, "part {number}");
    }
    stage.gateway.kill();
    stage.restart().await;
    let acme = stage.acme().await;
    assert_eq!(promo(&acme, 780).await, 0, "the second message");
    assert_eq!(promo(&acme, 780).await, CAP_REACHED);
    let twice = [sme(&phone(781)), sme(&phone(781)), sme(&phone(781))];
    let body = multi(&[&twice[0], &twice[1], &twice[2]], PROMO);
    let sequence = acme.request(SUBMIT_MULTI, &body).await.unwrap();
    let answer = acme.answer(sequence, SOON).await.unwrap();
    let refused = [&b"\x01\x01"[..], phone(781).as_bytes(), &[0], &CAP_REACHED.to_be_bytes()[..]].concat();
    assert_eq!(answer.status(), 0);
    assert!(answer.body().ends_with(&[&b"\x01"[..], &refused].concat()), "the third of three: {:?}", answer.body());
    assert_eq!(promo(&acme, 781).await, CAP_REACHED);
}
