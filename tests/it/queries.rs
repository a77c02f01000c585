//! Owns query_sm and cancel_sm through the gateway: only for ids of the account's own messages, never for ours or another's.
//! Must never tell a foreign id from one that does not exist.

use super::support::config::account;
use super::support::stage::Stage;
use super::support::{PROMO, SOON, phone};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;
use stopgate::sim::wire::{CANCEL_SM, Pdu, QUERY_SM};

/// The status that a query_sm or cancel_sm for this id is answered with.
async fn ask(esme: &Esme, command: u32, id: &[u8]) -> u32 {
    let mut body = Vec::new();
    if command == CANCEL_SM {
        body.push(0);
    }
    body.extend_from_slice(id);
    // Source address; a cancel_sm has a destination too (SMPP 3.4 §4.8, §4.9).
    body.extend_from_slice(b"\0\x05\0ACME\0");
    if command == CANCEL_SM {
        body.extend_from_slice(b"\0\0\0");
    }
    let sequence = esme.request(command, &body).await.unwrap();
    esme.answer(sequence, SOON).await.unwrap().status()
}

async fn promo(esme: &Esme, number: u32) -> Pdu {
    esme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap()
}

/// What the operator was asked by cancel_sm.
fn cancelled(stage: &Stage) -> usize {
    stage.smsc.records(|records| records.other.iter().filter(|(_, pdu)| pdu.command() == CANCEL_SM).count())
}

#[tokio::test(flavor = "current_thread")]
async fn an_account_alone_with_its_operator_asks_for_its_messages_and_never_for_ours() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let own = promo(&acme, 700).await;
    assert_eq!(ask(&acme, CANCEL_SM, own.first_string()).await, 0);
    assert_eq!(cancelled(&stage), 1);
    assert_eq!(ask(&acme, CANCEL_SM, b"").await, 0x11, "no message is named");
    assert_eq!(stage.mo(&phone(700), "36111", "STOP").await, 0);
    let confirmation = stage
        .smsc
        .wait_for(SOON, |records| records.to(&phone(700)).find(|submitted| submitted.source() == "36111").cloned());
    let confirmation = confirmation.await.expect("the STOP is confirmed");
    stage.gateway.metric_becomes("stopgate_confirmation_total", &["result=\"accepted\""], |count| count >= 1.0).await;
    assert_eq!(
        ask(&acme, CANCEL_SM, confirmation.message_id.as_bytes()).await,
        0x11,
        "the confirmation is not the account's"
    );
    assert_eq!(ask(&acme, QUERY_SM, confirmation.message_id.as_bytes()).await, 0x67);
    assert_eq!(cancelled(&stage), 1, "nothing else reached the operator");
}

#[tokio::test(flavor = "current_thread")]
async fn accounts_that_share_an_operator_ask_only_for_their_own() {
    let stage =
        Stage::with(Switches::default(), |config| config.accounts.push(account("other", "pass", "operator-a"))).await;
    let (acme, other) = (stage.acme().await, stage.bound(&Bind::transceiver("other", "pass")).await);
    let own = promo(&acme, 701).await;
    for (command, refused) in [(CANCEL_SM, 0x11), (QUERY_SM, 0x67)] {
        assert_eq!(ask(&other, command, own.first_string()).await, refused, "another's");
        assert_eq!(ask(&other, command, b"ffff").await, refused, "nobody's");
    }
    assert_eq!(cancelled(&stage), 0);
    assert_eq!(ask(&acme, CANCEL_SM, own.first_string()).await, 0);
}
