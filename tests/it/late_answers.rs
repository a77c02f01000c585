//! Owns answers that come late, twice, never, or to nothing: each submit has one fate, and it is told once.
//! Must never let a submit be sent a second time because its answer did not come.

use super::support::config::bank;
use super::support::stage::Stage;
use super::support::{PROMO, SOON, left_over, phone};
use std::time::Duration;
use stopgate::sim::esme::Bind;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{Receipts, Switches, When};
use stopgate::sim::wire::{Pdu, RESPONSE, SUBMIT_SM};

fn impatient(config: &mut super::support::config::Config) {
    config.operator().text("response_timeout", "1s");
    config.accounts.push(bank());
}

#[tokio::test(flavor = "current_thread")]
async fn a_submit_without_an_answer_is_told_its_fate_is_unknown_by_class() {
    let mut switches = Switches::default();
    switches.answers.drop = When::Always;
    let stage = Stage::with(switches, impatient).await;
    let (acme, bank) = (stage.acme().await, stage.bound(&Bind::transceiver("bank", "pass")).await);
    let promo = acme.submit_and_wait(&Message::submit("ACME", &phone(300), PROMO)).await.unwrap();
    assert_eq!((promo.status(), promo.octets().len()), (0xff, 16), "a promo is not sent blindly a second time");
    let otp = bank.submit_and_wait(&Message::submit("BANK", &phone(301), "Votre code est 123456")).await.unwrap();
    assert_eq!((otp.status(), otp.octets().len()), (0x08, 16));
    assert_eq!(stage.smsc.records(|records| records.submitted_total), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_link_that_dies_after_the_write_leaves_the_fate_unknown_too() {
    let mut switches = Switches::default();
    switches.answers.stalled = true;
    let stage = Stage::with(switches, |_| {}).await;
    let acme = stage.acme().await;
    let sequence = acme.submit(&Message::submit("ACME", &phone(302), PROMO)).await.unwrap();
    stage.forwarded(&phone(302)).await;
    stage.smsc.close(None);
    assert_eq!(acme.answer(sequence, SOON).await.unwrap().status(), 0xff);
    assert!(stage.smsc.wait_bound(1, SOON).await);
    stage.smsc.switch(|switches| switches.answers.stalled = false);
    let next = acme.submit_and_wait(&Message::submit("ACME", &phone(303), PROMO)).await.unwrap();
    assert_eq!(next.status(), 0);
    assert_eq!(stage.count_to(&phone(302)), 1, "never sent again");
}

#[tokio::test(flavor = "current_thread")]
async fn a_late_answer_is_not_told_but_its_receipt_still_finds_the_account() {
    let mut switches = Switches::default();
    switches.answers.late = (When::Only(1), Duration::from_millis(1500));
    switches.receipts = Some(Receipts { after: Duration::from_millis(2500), ..Receipts::default() });
    let stage = Stage::with(switches, impatient).await;
    let acme = stage.acme().await;
    let promo = Message::submit("ACME", &phone(304), PROMO).with_receipt();
    assert_eq!(acme.submit_and_wait(&promo).await.unwrap().status(), 0xff);
    let receipt = Message::parse(&acme.next_delivery(SOON).await.unwrap()).unwrap();
    assert_eq!(receipt.source.as_text(), phone(304));
    assert!(left_over(&acme).await.is_empty(), "the late answer was told");
}

#[tokio::test(flavor = "current_thread")]
async fn doubled_unknown_and_foreign_answers_are_ignored_and_counted() {
    let mut switches = Switches::default();
    switches.answers.double = When::Always;
    let stage = Stage::with(switches, |_| {}).await;
    let acme = stage.acme().await;
    let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(305), PROMO)).await.unwrap();
    assert_eq!(answer.status(), 0);
    stage.smsc.write_raw(None, Pdu::new(SUBMIT_SM | RESPONSE, 0, 0x7fff_fff0, b"x\0").octets());
    stage.smsc.write_raw(None, Pdu::new(0x8000_0000, 0x03, 0x7fff_fff1, b"").octets());
    stage.gateway.metric_becomes("stopgate_pdu_error_total", &["side=\"smsc\""], |value| value >= 3.0).await;
    assert!(left_over(&acme).await.is_empty(), "one submit, one answer");
    assert_eq!(acme.submit_and_wait(&Message::submit("ACME", &phone(306), PROMO)).await.unwrap().status(), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_generic_nack_is_the_final_error_of_the_submit_it_answers() {
    let mut switches = Switches::default();
    switches.answers.nack = (When::Only(1), 0x03);
    let stage = Stage::with(switches, |_| {}).await;
    let acme = stage.acme().await;
    let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(307), PROMO)).await.unwrap();
    assert_eq!(answer.command(), SUBMIT_SM | RESPONSE);
    assert_eq!(answer.status(), 0x03, "the status that the operator gave");
    assert_eq!(stage.count_to(&phone(307)), 1);
}
