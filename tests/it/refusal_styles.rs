//! Owns the other ways a refusal is told: its reason in a TLV, or an acceptance and then a receipt.
//! Must never take a text from the code under test: they are written here again, from the contract.

use super::support::stage::Stage;
use super::support::{PROMO, SOON, left_over, phone};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::{Address, Message, Shape};
use stopgate::sim::smsc::switches::Switches;
use stopgate::sim::wire::{BIND_TRANSMITTER, Pdu};

const SUNDAY: &str = "2026-11-22T15:00:00+01:00";

/// A stage on which refusals are told like this.
async fn told(refusal: &str, clock: &str) -> Stage {
    Stage::with(Switches::default(), |config| {
        config.acme().set("refusal", refusal);
        config.clock = clock.into();
    })
    .await
}

async fn by_receipt() -> Stage {
    told("{ style = \"receipt\" }", "2026-11-24T10:00:00+01:00").await
}

fn unlawful(number: u32) -> Message {
    Message::submit("ACME", &phone(number), "Soldes: -20% samedi")
}

/// The id a refused message was accepted with.
fn own_id(answer: &Pdu) -> String {
    assert_eq!(answer.status(), 0, "accepted");
    let id = String::from_utf8(answer.first_string().to_vec()).expect("text");
    assert!(id.starts_with("stopgate-test-1-"), "{id}");
    id
}

async fn receipt(esme: &Esme) -> Message {
    Message::parse(&esme.next_delivery(SOON).await.expect("a receipt")).expect("readable")
}

#[tokio::test(flavor = "current_thread")]
async fn a_detail_gives_the_code_and_the_next_opening_behind_an_empty_id() {
    let stage = told("{ detail = \"tlv\" }", SUNDAY).await;
    let acme = stage.acme().await;
    for message in [Message::submit("ACME", &phone(600), PROMO), Message::data("ACME", &phone(600), PROMO)] {
        let answer = acme.submit_and_wait(&message).await.unwrap();
        let text = b"SG111 out_of_hours; next opening 2026-11-23T07:00:00Z\0";
        let body = [&[0, 0x00, 0x1d, 0, text.len() as u8], &text[..]].concat();
        assert_eq!((answer.status(), answer.body()), (0x61, &body[..]));
    }
    let answer = acme.submit_and_wait(&Message::submit("OTHER", &phone(600), PROMO)).await.unwrap();
    assert_eq!((answer.status(), answer.body()), (0x0a, &b"\0\x00\x1d\0\x19SG131 sender_not_allowed\0"[..]));
    assert_eq!(stage.smsc.records(|records| records.submitted_total), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_success_carries_no_detail() {
    let stage = told("{ detail = \"tlv\" }", "2026-11-24T10:00:00+01:00").await;
    let answer = stage.acme().await.submit_and_wait(&Message::submit("ACME", &phone(601), PROMO)).await.unwrap();
    assert_eq!(answer.status(), 0);
    assert_eq!(answer.body(), [answer.first_string(), b"\0"].concat());
}

#[tokio::test(flavor = "current_thread")]
async fn a_refusal_by_receipt_is_accepted_first_and_rejected_then() {
    let stage = by_receipt().await;
    let acme = stage.acme().await;
    let message = unlawful(602).with_receipt();
    let id = own_id(&acme.submit_and_wait(&message).await.unwrap());
    let got = receipt(&acme).await;
    assert_eq!((got.esm_class, &got.source, &got.destination), (0x04, &message.destination, &message.source));
    let text = String::from_utf8(got.short_message).unwrap();
    assert_eq!(
        text,
        format!(
            "id:{id} sub:001 dlvrd:000 submit date:2611240900 done date:2611240900 stat:REJECTD err:121 text:SG121 missing stop mention"
        )
    );
    let again = own_id(&acme.submit_and_wait(&message).await.unwrap());
    assert_ne!(id, again);
    assert_eq!(stage.smsc.records(|records| records.submitted_total), 0, "nothing left");
    assert_eq!(stage.gateway.metric("stopgate_submit_refused_total", &["missing_stop_mention"]).await, 2.0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_asked_for_on_failure_only_is_given_and_data_sm_gets_one_too() {
    let stage = by_receipt().await;
    let acme = stage.acme().await;
    let mut message = unlawful(603);
    message.registered_delivery = 2;
    let data = Message::data("ACME", &phone(603), "Soldes: -20% samedi").with_receipt();
    assert_eq!(data.shape, Shape::Data);
    for message in [message, data] {
        let id = own_id(&acme.submit_and_wait(&message).await.unwrap());
        assert!(receipt(&acme).await.text().starts_with(&format!("id:{id} ")));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_receipt_asked_for_the_status_says_it() {
    let stage = by_receipt().await;
    let answer = stage.acme().await.submit_and_wait(&unlawful(604)).await.unwrap();
    assert_eq!((answer.status(), answer.body()), (0x65, &b""[..]));
}

#[tokio::test(flavor = "current_thread")]
async fn what_may_be_tried_again_stays_a_status() {
    let stage = Stage::with(Switches::default(), |config| {
        config.acme().set("refusal", "{ style = \"receipt\" }").set("throughput", 1);
    })
    .await;
    let acme = stage.acme().await;
    let mut sequences = Vec::new();
    for _ in 0..20 {
        let lawful = Message::submit("ACME", &phone(605), PROMO).with_receipt();
        sequences.push(acme.submit(&lawful).await.unwrap());
    }
    let mut statuses = Vec::new();
    for sequence in sequences {
        statuses.push(acme.answer(sequence, SOON).await.unwrap().status());
    }
    assert!(statuses.contains(&0x58), "{statuses:x?}");
    assert!(left_over(&acme).await.is_empty(), "no receipt for what may be tried again");
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_waits_for_a_receiver_and_outlives_a_kill() {
    let mut stage = by_receipt().await;
    let sending = stage.bound(&Bind::transceiver("acme", "secret").of_kind(BIND_TRANSMITTER)).await;
    let id = own_id(&sending.submit_and_wait(&unlawful(606).with_receipt()).await.unwrap());
    assert!(left_over(&sending).await.is_empty(), "a transmitter gets none");
    stage.gateway.kill();
    stage.restart().await;
    let got = receipt(&stage.acme().await).await;
    assert_eq!(got.source, Address::of(&phone(606)));
    assert!(got.text().starts_with(&format!("id:{id} ")), "{}", got.text());
}
