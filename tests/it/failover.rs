//! Owns operators that go and come back: binds of senders stand, messages move to the next operator, or are told to wait.
//! Must never accept a message twice because an operator went.

use super::support::config::{Config, operator as operator_table};
use super::support::gateway::Gateway;
use super::support::stage::{Stage, operator};
use super::support::{PROMO, SOON, phone};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{Binds, Switches};

#[tokio::test(flavor = "current_thread")]
async fn messages_move_to_the_second_operator_while_the_first_is_away_and_back_again() {
    let (first, second) = (operator(Switches::default()).await, operator(Switches::default()).await);
    let mut config = Config::new(first.address());
    config.smscs.push(operator_table("operator-b", second.address()));
    config.acme().set("smsc", "[\"operator-a\", \"operator-b\"]");
    let mut gateway = Gateway::start(&config).await;
    gateway.ready().await;
    assert!(first.wait_bound(1, SOON).await && second.wait_bound(1, SOON).await);
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
    let send =
        async |number| acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap().status();
    assert_eq!(send(70).await, 0);
    assert_eq!(first.records(|records| records.submitted_total), 1);
    first.switch(|switches| switches.binds = Binds::Close);
    first.close(None);
    gateway.metric_becomes("stopgate_smsc_bound", &["smsc=\"operator-a\""], |value| value == 0.0).await;
    assert_eq!(send(71).await, 0);
    assert_eq!(second.records(|records| records.to(&phone(71)).count()), 1);
    first.switch(|switches| switches.binds = Binds::Accept);
    gateway.metric_becomes("stopgate_smsc_bound", &["smsc=\"operator-a\""], |value| value == 1.0).await;
    assert_eq!(send(72).await, 0);
    assert_eq!(first.records(|records| records.to(&phone(72)).count()), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn without_any_operator_senders_bind_and_are_told_to_try_again() {
    let smsc = operator(Switches { binds: Binds::Refuse(0x0d), ..Switches::default() }).await;
    let mut config = Config::new(smsc.address());
    config.operator().text("grace", "200ms");
    let gateway = Gateway::start(&config).await;
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
    let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(73), PROMO)).await.unwrap();
    assert_eq!((answer.status(), answer.octets().len()), (0x08, 16));
    gateway.readyz_becomes(503).await;
    smsc.switch(|switches| switches.binds = Binds::Accept);
    gateway.readyz_becomes(200).await;
    let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(74), PROMO)).await.unwrap();
    assert_eq!(answer.status(), 0);
    assert_eq!(smsc.records(|records| records.submitted_total), 1, "what was told to try again was not kept");
}

#[tokio::test(flavor = "current_thread")]
async fn a_message_waits_out_a_short_absence_of_the_operator() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    stage.smsc.close(None);
    stage.gateway.metric_becomes("stopgate_smsc_bound", &[], |value| value == 0.0).await;
    let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(75), PROMO)).await.unwrap();
    assert_eq!(answer.status(), 0);
    assert_eq!(stage.count_to(&phone(75)), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn an_operator_s_unbind_is_answered_and_the_link_comes_back() {
    let stage = Stage::start().await;
    let before = stage.smsc.records(|records| records.binds_total);
    stage.smsc.unbind(None);
    let again = stage.smsc.wait_for(SOON, |records| (records.binds_total > before).then_some(())).await;
    assert!(again.is_some(), "{}", stage.gateway.log());
    let answer = stage.acme().await.submit_and_wait(&Message::submit("ACME", &phone(76), PROMO)).await.unwrap();
    assert_eq!(answer.status(), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_message_that_waits_for_the_first_operator_goes_to_the_second_when_that_comes_back_first() {
    let away = Switches { binds: Binds::Close, ..Switches::default() };
    let (first, second) = (operator(away.clone()).await, operator(away).await);
    let mut config = Config::new(first.address());
    config.operator().text("grace", "10s");
    config.smscs.push(operator_table("operator-b", second.address()));
    config.acme().set("smsc", "[\"operator-a\", \"operator-b\"]");
    let gateway = Gateway::start(&config).await;
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
    let waits = acme.submit(&Message::submit("ACME", &phone(77), PROMO)).await.unwrap();
    gateway.metric_becomes("stopgate_submit_waiting", &[], |value| value == 1.0).await;
    second.switch(|switches| switches.binds = Binds::Accept);
    assert_eq!(acme.answer(waits, SOON).await.unwrap().status(), 0);
    assert_eq!(second.records(|records| records.to(&phone(77)).count()), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn what_waits_for_the_window_of_an_operator_that_unbinds_goes_to_the_second() {
    let (first, second) = (operator(Switches::default()).await, operator(Switches::default()).await);
    first.switch(|switches| switches.answers.stalled = true);
    let mut config = Config::new(first.address());
    config.operator().set("window", 1);
    config.smscs.push(operator_table("operator-b", second.address()));
    config.acme().set("smsc", "[\"operator-a\", \"operator-b\"]");
    let gateway = Gateway::start(&config).await;
    assert!(first.wait_bound(1, SOON).await && second.wait_bound(1, SOON).await);
    gateway.metric_becomes("stopgate_smsc_bound", &[], |value| value == 2.0).await;
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
    acme.submit(&Message::submit("ACME", &phone(78), PROMO)).await.unwrap();
    let waits = acme.submit(&Message::submit("ACME", &phone(79), PROMO)).await.unwrap();
    gateway.metric_becomes("stopgate_submit_waiting", &[], |value| value == 1.0).await;
    first.unbind(None);
    assert_eq!(acme.answer(waits, SOON).await.unwrap().status(), 0);
    assert_eq!(second.records(|records| records.to(&phone(79)).count()), 1);
    assert_eq!(first.records(|records| records.to(&phone(79)).count()), 0);
}
