//! Owns the rehearsal's own rehearsal: simulated senders against the simulated operator, no gateway between.
//! Must never be the only test of a switch that a scenario relies on: scenarios assert what arrived.

use super::switches::{AnswerBody, Binds, IdForm, Receipts, When};
use super::*;
use crate::sim::esme::{Bind, Esme, EsmeError, Taking};
use crate::sim::phone::PhoneRule;
use crate::sim::wire::*;

const SOON: Duration = Duration::from_secs(10);
/// How long to look for something that must not come.
const NEVER: Duration = Duration::from_millis(60);

async fn pair(switches: Switches) -> (Smsc, Esme) {
    let smsc = Smsc::start("127.0.0.1:0".parse().unwrap(), switches).await.unwrap();
    let esme = Esme::bind(smsc.address(), &Bind::transceiver("acme", "secret")).await.unwrap();
    (smsc, esme)
}

fn promo(number: u32) -> Message {
    Message::submit("ACME", &format!("336399800{number:02}"), "Promo -20% STOP au 36111")
}

#[tokio::test(flavor = "current_thread")]
async fn a_submit_is_answered_with_an_id_and_recorded_as_it_came() {
    let (smsc, esme) = pair(Switches { id_form: IdForm::Hex, ..Switches::default() }).await;
    let sequence = esme.submit(&promo(12)).await.unwrap();
    let answer = esme.answer(sequence, SOON).await.unwrap();
    assert_eq!((answer.command(), answer.status()), (SUBMIT_SM | RESPONSE, 0));
    assert_eq!(answer.first_string(), b"10000001");
    let record = smsc.wait_for(SOON, |records| records.to("33639980012").next().cloned()).await.unwrap();
    assert_eq!(record.pdu, promo(12).pdu(sequence));
    assert_eq!((record.text().as_str(), record.fate), ("Promo -20% STOP au 36111", records::Fate::Answered(0)));
    assert_eq!(smsc.bound()[0].system_id, "acme");
}

#[tokio::test(flavor = "current_thread")]
async fn binds_are_accepted_refused_left_unanswered_or_closed_as_switched() {
    let credentials = Some(("acme".to_owned(), "secret".to_owned()));
    let smsc =
        Smsc::start("127.0.0.1:0".parse().unwrap(), Switches { credentials, ..Switches::default() }).await.unwrap();
    let wrong = Esme::bind(smsc.address(), &Bind::transceiver("acme", "nope")).await;
    assert!(matches!(wrong, Err(EsmeError::Refused(0x0e))));
    for kind in [BIND_TRANSMITTER, BIND_RECEIVER, BIND_TRANSCEIVER] {
        Esme::bind(smsc.address(), &Bind::transceiver("acme", "secret").of_kind(kind)).await.unwrap();
    }
    smsc.switch(|switches| switches.binds = Binds::Refuse(0x0d));
    let refused = Esme::bind(smsc.address(), &Bind::transceiver("acme", "secret")).await;
    assert!(matches!(refused, Err(EsmeError::Refused(0x0d))));
    smsc.switch(|switches| switches.binds = Binds::Close);
    let closed = Esme::bind(smsc.address(), &Bind::transceiver("acme", "secret")).await;
    assert!(matches!(closed, Err(EsmeError::Closed)));
    smsc.switch(|switches| switches.binds = Binds::Silent);
    let silent = Esme::connect(smsc.address()).await.unwrap();
    silent.send(Bind::transceiver("acme", "secret").pdu(1).octets()).await.unwrap();
    assert!(matches!(silent.answer(1, NEVER).await, Err(EsmeError::Timeout)));
}

#[tokio::test(flavor = "current_thread")]
async fn statuses_drops_doubles_and_nacks_hit_the_submits_they_name() {
    let mut switches = Switches::default();
    switches.answers.statuses = vec![(When::Only(1), 0x45), (When::To("33639980099".into()), 0x14)];
    switches.answers.drop = When::Only(2);
    switches.answers.double = When::Only(3);
    switches.answers.nack = (When::Only(4), 0x03);
    let (smsc, esme) = pair(switches).await;
    for number in 1..=4 {
        esme.submit(&promo(number)).await.unwrap();
    }
    esme.submit(&promo(99)).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let pdu = esme.next_answer(SOON).await.unwrap().1;
        seen.push((pdu.sequence(), pdu.command(), pdu.status()));
    }
    // The bind took sequence 1.
    let ok = SUBMIT_SM | RESPONSE;
    assert_eq!(seen, [(2, ok, 0x45), (4, ok, 0), (4, ok, 0), (5, GENERIC_NACK, 0x03), (6, ok, 0x14)]);
    let fate = smsc.records(|records| records.to("33639980002").next().map(|record| record.fate));
    assert_eq!(fate, Some(records::Fate::Dropped));
}

#[tokio::test(flavor = "current_thread")]
async fn a_stalled_window_is_answered_in_order_when_it_moves_again() {
    let (smsc, esme) = pair(Switches::default()).await;
    smsc.switch(|switches| switches.answers.stalled = true);
    for number in 1..=3 {
        esme.submit(&promo(number)).await.unwrap();
    }
    smsc.wait_for(SOON, |records| (records.submitted_total == 3).then_some(())).await.unwrap();
    assert!(matches!(esme.next_answer(NEVER).await, Err(EsmeError::Timeout)));
    smsc.switch(|switches| switches.answers.stalled = false);
    for sequence in 2..=4 {
        assert_eq!(esme.next_answer(SOON).await.unwrap().1.sequence(), sequence);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_late_answer_comes_after_those_that_were_submitted_behind_it() {
    let mut switches = Switches::default();
    switches.answers.late = (When::Only(1), Duration::from_millis(30));
    let (_smsc, esme) = pair(switches).await;
    for number in 1..=3 {
        esme.submit(&promo(number)).await.unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(esme.next_answer(SOON).await.unwrap().1.sequence());
    }
    assert_eq!(order, [3, 4, 2]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_follows_a_submit_that_asks_for_one() {
    let receipts = Receipts { id_form: IdForm::Decimal, ..Receipts::default() };
    let (_smsc, esme) =
        pair(Switches { receipts: Some(receipts), id_form: IdForm::HexUpper, ..Switches::default() }).await;
    esme.submit(&promo(1)).await.unwrap();
    esme.submit(&promo(2).with_receipt()).await.unwrap();
    let receipt = Message::parse(&esme.next_delivery(SOON).await.unwrap()).unwrap();
    assert_eq!((receipt.source.as_text().as_str(), receipt.esm_class), ("33639980002", 0x04));
    assert!(receipt.text().starts_with("id:268435458 sub:001 dlvrd:001 "), "{}", receipt.text());
    assert_eq!(receipt.tlv(0x001e), Some(&b"268435458\0"[..]));
    assert!(matches!(esme.next_delivery(NEVER).await, Err(EsmeError::Timeout)));
}

#[tokio::test(flavor = "current_thread")]
async fn a_phone_answers_a_promo_with_stop_and_the_answer_to_it_is_recorded() {
    let (smsc, esme) = pair(Switches::default()).await;
    smsc.phones(|phones| phones.rules.push(PhoneRule::once("33639980012", "promo", "STOP", "36111")));
    esme.submit(&promo(12)).await.unwrap();
    let stop = Message::parse(&esme.next_delivery(SOON).await.unwrap()).unwrap();
    assert_eq!((stop.text().as_str(), stop.destination.as_text().as_str()), ("STOP", "36111"));
    let answered = smsc.wait_for(SOON, |records| records.answered.front().cloned()).await.unwrap();
    assert_eq!((answered.status, answered.message.text().as_str()), (0, "STOP"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_delivery_refused_for_now_is_offered_again_and_one_refused_for_good_is_not() {
    let (smsc, esme) = pair(Switches { redeliver: Some(Duration::from_millis(5)), ..Switches::default() }).await;
    esme.taking(Taking::Answer(0x08));
    smsc.post(Message::mo("33639980012", "36111", "STOP"), Duration::ZERO);
    esme.next_delivery(SOON).await.unwrap();
    esme.next_delivery(SOON).await.unwrap();
    esme.taking(Taking::Answer(0x65));
    smsc.wait_for(SOON, |records| records.answered.iter().any(|one| one.status == 0x65).then_some(())).await.unwrap();
    esme.drain();
    assert!(matches!(esme.next_delivery(NEVER).await, Err(EsmeError::Timeout)));
}

#[tokio::test(flavor = "current_thread")]
async fn unbind_close_and_raw_octets_reach_the_client_and_a_message_waits_for_a_bind() {
    let (smsc, esme) = pair(Switches::default()).await;
    let odd = Pdu::new(SUBMIT_SM | RESPONSE, 0, 0x7fff_fff1, b"abc");
    smsc.write_raw(None, odd.octets());
    assert_eq!(esme.next_answer(SOON).await.unwrap().1, odd);
    smsc.unbind(None);
    assert_eq!(esme.next_request(SOON).await.unwrap().command(), UNBIND);
    assert!(esme.closed(SOON).await);
    smsc.post(Message::mo("33639980012", "36111", "STOP"), Duration::ZERO);
    let again = Esme::bind(smsc.address(), &Bind::transceiver("acme", "secret")).await.unwrap();
    assert_eq!(again.next_delivery(SOON).await.unwrap().command(), DELIVER_SM);
    smsc.close(None);
    assert!(again.closed(SOON).await);
}

#[tokio::test(flavor = "current_thread")]
async fn an_operator_that_leaves_out_the_body_or_throttles_does_so() {
    let mut switches = Switches::default();
    switches.answers.body = AnswerBody::Missing;
    let (smsc, esme) = pair(switches).await;
    assert_eq!(esme.submit_and_wait(&promo(1)).await.unwrap().octets().len(), 16);
    smsc.switch(|switches| switches.answers.body = AnswerBody::WithoutNul);
    assert_eq!(esme.submit_and_wait(&promo(2)).await.unwrap().body(), b"268435458");
    smsc.switch(|switches| switches.answers.throughput = 1);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(esme.submit_and_wait(&promo(3)).await.unwrap().status());
    }
    assert!(statuses.contains(&0x58), "{statuses:?}");
}
