//! Owns receipts and MOs for a client that is away: kept, and delivered when it binds.
//! Must never lose one silently, nor give it to somebody else.

use super::support::config::{account, operator as operator_table};
use super::support::stage::{Stage, operator};
use super::support::{PROMO, SOON, phone};
use stopgate::sim::esme::{Bind, Taking};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{Receipts, Switches};
use stopgate::sim::wire::{BIND_TRANSMITTER, DELIVER_SM};

#[tokio::test(flavor = "current_thread")]
async fn what_arrives_while_nobody_can_receive_is_delivered_at_the_next_bind() {
    let stage = Stage::with(Switches { receipts: Some(Receipts::default()), ..Switches::default() }, |_| {}).await;
    let sending = stage.bound(&Bind::transceiver("acme", "secret").of_kind(BIND_TRANSMITTER)).await;
    let promo = Message::submit("ACME", &phone(90), PROMO).with_receipt();
    assert_eq!(sending.submit_and_wait(&promo).await.unwrap().status(), 0);
    assert_eq!(stage.mo(&phone(91), "36111", "Bonjour, à quelle heure ouvrez-vous ?").await, 0);
    assert_eq!(stage.mo(&phone(92), "36111", "STOP").await, 0);
    let acked = stage.smsc.wait_for(SOON, |records| (records.answered_total >= 3).then_some(())).await;
    assert!(acked.is_some(), "the operator is answered although the client is away");
    let acme = stage.acme().await;
    let mut from = Vec::new();
    for _ in 0..3 {
        let pdu = acme.next_delivery(SOON).await.unwrap();
        assert_eq!(pdu.command(), DELIVER_SM);
        from.push(Message::parse(&pdu).unwrap().source.as_text());
    }
    from.sort();
    assert_eq!(from, [phone(90), phone(91), phone(92)]);
}

#[tokio::test(flavor = "current_thread")]
async fn what_waits_outlives_a_kill() {
    let mut stage = Stage::start().await;
    assert_eq!(stage.mo(&phone(93), "36111", "Bonjour").await, 0);
    stage.gateway.kill();
    stage.restart().await;
    let acme = stage.acme().await;
    let got = Message::parse(&acme.next_delivery(SOON).await.unwrap()).unwrap();
    assert_eq!((got.source.as_text(), got.text()), (phone(93), "Bonjour".into()));
}

#[tokio::test(flavor = "current_thread")]
async fn what_a_client_did_not_acknowledge_is_offered_to_it_again() {
    let stage = Stage::start().await;
    let deaf = stage.acme().await;
    deaf.taking(Taking::Silent);
    stage.smsc.post(Message::mo(&phone(94), "36111", "Bonjour"), std::time::Duration::ZERO);
    deaf.next_delivery(SOON).await.unwrap();
    drop(deaf);
    let again = stage.acme().await.next_delivery(SOON).await.unwrap();
    assert_eq!(Message::parse(&again).unwrap().source.as_text(), phone(94));
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_that_does_not_answer_does_not_keep_the_operator_waiting() {
    let stage = Stage::start().await;
    let deaf = stage.acme().await;
    deaf.taking(Taking::Silent);
    let within = std::time::Duration::from_secs(15);
    let answer =
        stage.smsc.deliver(Message::mo(&phone(95), "36111", "Bonjour"), within).await.expect("kept, and answered");
    assert_eq!(answer.status, 0);
    deaf.next_delivery(SOON).await.expect("the client has it all the same");
    drop(deaf);
    let again = stage.acme().await.next_delivery(SOON).await.expect("it was not acknowledged by the client");
    assert_eq!(Message::parse(&again).unwrap().source.as_text(), phone(95));
}

#[tokio::test(flavor = "current_thread")]
async fn a_reply_that_arrives_on_another_lane_reaches_its_owner() {
    let second = operator(Switches::default()).await;
    let stage = Stage::with(Switches::default(), |config| {
        config.top.set("lanes", 2);
        config.smscs.push(operator_table("operator-b", second.address()));
        let mut shop = account("shop", "secret2", "operator-b");
        shop.set("senders", "[\"36222\"]").set("stop_codes", "[]").text("class", "transactional");
        shop.text("consent", "off").unset("consent_statement");
        config.accounts.push(shop);
    })
    .await;
    let shop = stage.bound(&Bind::transceiver("shop", "secret2")).await;
    assert_eq!(stage.mo(&phone(96), "36222", "Bonjour").await, 0);
    let got = shop.next_delivery(SOON).await.expect("it came over the first operator, and is the shop's");
    assert_eq!(Message::parse(&got).unwrap().source.as_text(), phone(96));
}
