//! Owns delivery receipts: to the account that submitted, on a bind that can receive, after a restart too.
//! Must never show one account another's receipt.

use super::support::config::account;
use super::support::stage::Stage;
use super::support::{DELIVERED, OPTED_OUT_THERE, PROMO, SOON, left_over, phone, receipt_of};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{IdForm, Receipts, Switches};
use stopgate::sim::wire::{BIND_RECEIVER, BIND_TRANSMITTER};

fn with_receipts() -> Switches {
    Switches { receipts: Some(Receipts::default()), ..Switches::default() }
}

fn promo(number: u32) -> Message {
    Message::submit("ACME", &phone(number), PROMO).with_receipt()
}

async fn receipt(esme: &Esme) -> Message {
    Message::parse(&esme.next_delivery(SOON).await.expect("a receipt")).expect("readable")
}

/// The id of an answer, as text.
fn id(answer: &stopgate::sim::wire::Pdu) -> String {
    String::from_utf8(answer.first_string().to_vec()).unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_reaches_the_account_that_submitted_and_no_other() {
    let stage = Stage::with(with_receipts(), |config| {
        config.accounts.push(second());
    })
    .await;
    let (acme, other) = (stage.acme().await, stage.bound(&Bind::transceiver("other", "pass")).await);
    let answer = acme.submit_and_wait(&promo(80)).await.unwrap();
    let got = receipt(&acme).await;
    assert_eq!((got.source.as_text(), got.esm_class & 0x3c), (phone(80), 0x04));
    assert!(got.text().starts_with(&format!("id:{} ", id(&answer))), "{}", got.text());
    let theirs = Message::submit("OTHER", &phone(81), PROMO).with_receipt();
    other.submit_and_wait(&theirs).await.unwrap();
    assert_eq!(receipt(&other).await.source.as_text(), phone(81));
    assert!(left_over(&acme).await.is_empty(), "acme saw something of other");
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_goes_to_a_receiver_when_the_transmitter_cannot_take_it() {
    let stage = Stage::with(with_receipts(), |_| {}).await;
    let login = Bind::transceiver("acme", "secret");
    let sending = stage.bound(&login.clone().of_kind(BIND_TRANSMITTER)).await;
    let receiving = stage.bound(&login.of_kind(BIND_RECEIVER)).await;
    sending.submit_and_wait(&promo(82)).await.unwrap();
    assert_eq!(receipt(&receiving).await.source.as_text(), phone(82));
    assert!(left_over(&sending).await.is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn ids_in_hexadecimal_and_receipts_in_decimal_are_matched_when_configured() {
    let mut switches = with_receipts();
    switches.id_form = IdForm::HexUpper;
    let stage = Stage::with(switches, |config| {
        config.operator().text("message_id_match", "hex_to_dec");
        config.accounts.push(second());
    })
    .await;
    let acme = stage.acme().await;
    acme.submit_and_wait(&promo(83)).await.unwrap();
    assert_eq!(receipt(&acme).await.source.as_text(), phone(83));
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_whose_error_is_an_opt_out_stops_for_good_even_after_a_start() {
    let mut stage = Stage::with(Switches::default(), |config| {
        config.operator().set("optout_errors", "[\"53\"]");
    })
    .await;
    let number = phone(85);
    let acme = stage.acme().await;
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(stage.mo(&number, "36111", "START").await, 0);
    assert_eq!(acme.submit_and_wait(&promo(85)).await.unwrap().status(), 0);
    assert_eq!(
        stage.smsc.deliver(receipt_of(&number, "36111", "1", OPTED_OUT_THERE), SOON).await.expect("an answer").status,
        0
    );
    stage.gateway.kill();
    stage.restart().await;
    assert_eq!(stage.acme().await.submit_and_wait(&promo(85)).await.unwrap().status(), 0x66, "a later stop clears it");
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_that_comes_after_a_restart_still_finds_its_account() {
    let mut stage = Stage::with(Switches::default(), |config| {
        config.accounts.push(second());
    })
    .await;
    let answer = stage.acme().await.submit_and_wait(&promo(84)).await.unwrap();
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    stage.restart().await;
    let acme = stage.acme().await;
    let other = stage.bound(&Bind::transceiver("other", "pass")).await;
    stage.smsc.post(late_receipt(84, &answer), std::time::Duration::ZERO);
    assert_eq!(receipt(&acme).await.source.as_text(), phone(84));
    assert!(left_over(&other).await.is_empty());
}

/// A receipt as the operator writes it, to ACME, for the message that was answered like this.
fn late_receipt(number: u32, answer: &stopgate::sim::wire::Pdu) -> Message {
    receipt_of(&phone(number), "ACME", &id(answer), DELIVERED)
}

/// A second sender on acme's operator.
fn second() -> super::support::config::Table {
    let mut other = account("other", "pass", "operator-a");
    other.set("senders", "[\"OTHER\"]");
    other
}

#[tokio::test(flavor = "current_thread")]
async fn receipts_of_before_a_second_account_came_go_to_the_first_across_a_restart() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    let (one, two) = (acme.submit_and_wait(&promo(85)).await.unwrap(), acme.submit_and_wait(&promo(86)).await.unwrap());
    stage.config.accounts.push(second());
    stage.reload().await;
    let other = stage.bound(&Bind::transceiver("other", "pass")).await;
    stage.smsc.post(late_receipt(85, &one), std::time::Duration::ZERO);
    assert_eq!(receipt(&acme).await.source.as_text(), phone(85));
    let theirs = other.submit_and_wait(&Message::submit("OTHER", &phone(87), PROMO)).await.unwrap();
    stage.smsc.post(late_receipt(87, &theirs), std::time::Duration::ZERO);
    assert_eq!(receipt(&other).await.source.as_text(), phone(87));
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    stage.restart().await;
    let acme = stage.acme().await;
    let other = stage.bound(&Bind::transceiver("other", "pass")).await;
    stage.smsc.post(late_receipt(86, &two), std::time::Duration::ZERO);
    assert_eq!(receipt(&acme).await.source.as_text(), phone(86));
    assert!(left_over(&other).await.is_empty() && left_over(&acme).await.is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_of_an_account_that_left_is_not_shown_to_the_one_that_stayed() {
    let mut stage = Stage::with(Switches::default(), |config| config.accounts.push(second())).await;
    let other = stage.bound(&Bind::transceiver("other", "pass")).await;
    let theirs = other.submit_and_wait(&Message::submit("OTHER", &phone(88), PROMO)).await.unwrap();
    stage.config.accounts.truncate(1);
    stage.reload().await;
    let acme = stage.acme().await;
    stage.smsc.post(late_receipt(88, &theirs), std::time::Duration::ZERO);
    let own = acme.submit_and_wait(&promo(89)).await.unwrap();
    stage.smsc.post(late_receipt(89, &own), std::time::Duration::ZERO);
    assert_eq!(receipt(&acme).await.source.as_text(), phone(89), "only its own");
    assert!(left_over(&acme).await.is_empty());
}
