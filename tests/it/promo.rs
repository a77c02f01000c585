//! Owns the way of a promo that may leave: to the operator as it was written, the answer back as it came.
//! Must never accept a change of an octet that nobody asked for.

use super::support::stage::Stage;
use super::support::{PROMO, SOON, phone};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{IdForm, Switches};
use stopgate::sim::wire::{Pdu, RESPONSE, SUBMIT_SM};

#[tokio::test(flavor = "current_thread")]
async fn a_promo_reaches_the_operator_octet_for_octet_and_its_id_comes_back_unchanged() {
    let stage = Stage::with(Switches { id_form: IdForm::HexUpper, ..Switches::default() }, |_| {}).await;
    let acme = stage.acme().await;
    let promo = Message::submit("ACME", &phone(12), PROMO).with_receipt();
    let sequence = acme.submit(&promo).await.unwrap();
    let answer = acme.answer(sequence, SOON).await.unwrap();
    let forwarded = stage.forwarded(&phone(12)).await;
    assert_eq!(answer, Pdu::new(SUBMIT_SM | RESPONSE, 0, sequence, format!("{}\0", forwarded.message_id).as_bytes()));
    assert_eq!(forwarded.pdu, promo.pdu(forwarded.pdu.sequence()), "only the sequence number may differ");
}

#[tokio::test(flavor = "current_thread")]
async fn texts_in_message_payload_and_data_sm_pass_too() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let long = format!("{} STOP 36111", "Tout doit disparaitre. ".repeat(20));
    for message in [Message::submit("ACME", &phone(13), &long), Message::data("ACME", &phone(14), PROMO)] {
        let answer = acme.submit_and_wait(&message).await.unwrap();
        assert_eq!(answer.status(), 0, "{answer:?}");
        let forwarded = stage.forwarded(&message.destination.as_text()).await;
        assert_eq!(forwarded.pdu, message.pdu(forwarded.pdu.sequence()));
        assert_eq!(answer.command(), forwarded.pdu.command() | RESPONSE);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn any_sequence_number_of_a_client_is_echoed_and_ours_stay_in_range() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    for sequence in [0, 1, 1, 0x7fff_ffff, 0x8000_0001, u32::MAX] {
        acme.send(Message::submit("ACME", &phone(15), PROMO).pdu(sequence).octets()).await.unwrap();
        assert_eq!(acme.answer(sequence, SOON).await.unwrap().status(), 0);
    }
    let ours: Vec<u32> = stage.smsc.records(|records| records.submitted.iter().map(|one| one.pdu.sequence()).collect());
    assert_eq!(ours.len(), 6);
    assert!(ours.iter().all(|sequence| (1..=0x7fff_ffff).contains(sequence)), "{ours:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn an_accepted_promo_is_counted_where_operators_look() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    acme.submit_and_wait(&Message::submit("ACME", &phone(16), PROMO)).await.unwrap();
    let labels = ["account=\"acme\"", "class=\"commercial\"", "verdict=\"permitted\""];
    stage.gateway.metric_becomes("stopgate_submit_total", &labels, |value| value == 1.0).await;
    stage.gateway.metric_becomes("stopgate_smsc_bound", &["smsc=\"operator-a\""], |value| value == 1.0).await;
    assert_eq!(stage.gateway.metric("stopgate_leak_total", &[]).await, 0.0);
    stage.gateway.readyz_becomes(200).await;
}
