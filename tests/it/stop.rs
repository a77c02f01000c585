//! Owns the whole way of a STOP: understood, durable, acknowledged, confirmed, told to the owner, obeyed.
//! Must never count a STOP as kept before the gateway acknowledged it.

use super::support::config::{self, bank, other};
use super::support::stage::{Stage, operator};
use super::support::status::OPTED_OUT;
use super::support::{PROMO, SOON, phone};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

async fn promo(acme: &Esme, number: &str) -> u32 {
    acme.submit_and_wait(&Message::submit("ACME", number, PROMO)).await.unwrap().status()
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_is_acknowledged_confirmed_told_to_the_owner_and_obeyed() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let number = phone(30);
    assert_eq!(promo(&acme, &number).await, 0);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(promo(&acme, &number).await, OPTED_OUT);
    let told = Message::parse(&acme.next_delivery(SOON).await.unwrap()).unwrap();
    assert_eq!(
        (told.source.as_text(), told.destination.as_text(), told.text()),
        (number.clone(), "36111".into(), "STOP".into())
    );
    let confirmation = stage
        .smsc
        .wait_for(SOON, |records| records.to(&number).find(|one| one.source() == "36111").cloned())
        .await
        .expect("a confirmation");
    assert!(!confirmation.text().is_empty() && !confirmation.text().contains('%'), "{}", confirmation.text());
    assert_eq!(stage.count_to(&number), 2, "the promo and the confirmation, nothing else");
    stage.gateway.metric_becomes("stopgate_suppressed_numbers", &[], |value| value == 1.0).await;
    stage.gateway.metric_becomes("stopgate_optout_total", &["kind=\"stop\""], |value| value == 1.0).await;
    stage.gateway.metric_becomes("stopgate_confirmation_total", &["result=\"sent\""], |value| value == 1.0).await;
}

#[tokio::test(flavor = "current_thread")]
async fn every_way_of_writing_the_number_and_the_word_counts() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let words = ["STOP", "stop", "Stop.", " STOP ! ", "STOP 36111", "stop svp", "ARRÊT", "Stop merci"];
    for (at, word) in words.iter().enumerate() {
        let number = phone(100 + at as u32);
        assert_eq!(stage.mo(&number, "36111", word).await, 0, "{word}");
        for spelling in [number.clone(), format!("+{number}"), format!("00{number}"), format!("0{}", &number[2..])] {
            let mut message = Message::submit("ACME", &number, PROMO);
            message.destination.text = spelling.clone().into_bytes();
            message.destination.ton = if spelling.starts_with("06") { 2 } else { 1 };
            let status = acme.submit_and_wait(&message).await.unwrap().status();
            assert_eq!(status, OPTED_OUT, "{word}, {spelling}");
        }
    }
    assert_eq!(stage.mo(&phone(120), "36111", "Merci, à samedi !").await, 0);
    assert_eq!(promo(&acme, &phone(120)).await, 0, "not a STOP");
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_holds_for_every_account_and_every_bind_but_not_for_transactional_traffic() {
    let stage = Stage::with(Switches::default(), |config| {
        config.accounts.extend([other(), bank()]);
    })
    .await;
    let (first, second) = (stage.acme().await, stage.acme().await);
    let other = stage.bound(&Bind::transceiver("other", "pass")).await;
    let bank = stage.bound(&Bind::transceiver("bank", "pass")).await;
    let number = phone(31);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(promo(&first, &number).await, OPTED_OUT);
    assert_eq!(promo(&second, &number).await, OPTED_OUT);
    let elsewhere = Message::submit("OTHER", &number, "Soldes samedi. STOP 36222");
    assert_eq!(other.submit_and_wait(&elsewhere).await.unwrap().status(), OPTED_OUT);
    let code = Message::submit("BANK", &number, "Votre code est 123456");
    assert_eq!(bank.submit_and_wait(&code).await.unwrap().status(), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_start_from_the_handset_lifts_what_its_stop_did() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let number = phone(32);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(promo(&acme, &number).await, OPTED_OUT);
    assert_eq!(stage.mo(&number, "36111", "START").await, 0);
    assert_eq!(promo(&acme, &number).await, 0);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(promo(&acme, &number).await, OPTED_OUT, "a later STOP clears the exception");
}

#[tokio::test(flavor = "current_thread")]
async fn contact_is_answered_with_the_identity_and_suppresses_nobody() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let number = phone(33);
    assert_eq!(stage.mo(&number, "36111", "CONTACT").await, 0);
    let answer = stage.forwarded(&number).await;
    assert_eq!(answer.source(), "36111");
    assert!(answer.text().contains("ACME SAS"), "{}", answer.text());
    assert_eq!(promo(&acme, &number).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn the_same_stop_again_is_confirmed_once() {
    let stage = Stage::start().await;
    let number = phone(34);
    for _ in 0..3 {
        assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    }
    // What a further STOP caused would be in front of what the last CONTACT causes: one link, in order.
    assert_eq!(stage.mo(&phone(35), "36111", "CONTACT").await, 0);
    stage.forwarded(&phone(35)).await;
    assert_eq!(stage.count_to(&number), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_that_quotes_a_stop_is_no_stop_and_one_typed_by_a_person_is() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let mut receipt = Message::mo(&phone(36), "36111", "id:1 stat:DELIVRD err:000 text:STOP");
    receipt.esm_class = 0x04;
    stage.smsc.deliver(receipt, SOON).await.expect("answered");
    assert_eq!(promo(&acme, &phone(36)).await, 0);
    let mut typed = Message::mo(&phone(37), "36111", "STOP");
    typed.esm_class = 0x10;
    assert_eq!(stage.smsc.deliver(typed, SOON).await.expect("answered").status, 0);
    assert_eq!(promo(&acme, &phone(37)).await, OPTED_OUT);
    let mut by_software = Message::mo(&phone(33), "36111", "STOP");
    by_software.esm_class = 0x08;
    assert_eq!(stage.smsc.deliver(by_software, SOON).await.expect("answered").status, 0);
    assert_eq!(promo(&acme, &phone(33)).await, 0);
    let by_data_sm = Message::data(&phone(38), "36111", "STOP");
    assert_eq!(stage.smsc.deliver(by_data_sm, SOON).await.expect("answered").status, 0);
    assert_eq!(promo(&acme, &phone(38)).await, OPTED_OUT);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_in_a_payload_beside_another_text_is_a_stop() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let both = Message::mo(&phone(42), "36111", "bonjour").with_tlv(0x0424, b"STOP");
    assert_eq!(stage.smsc.deliver(both, SOON).await.expect("answered").status, 0);
    assert_eq!(promo(&acme, &phone(42)).await, OPTED_OUT);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_torn_over_parts_is_one_in_any_order_and_over_several_links() {
    let stage = Stage::with(Switches::default(), |config| {
        config.operator().set("links", 3);
    })
    .await;
    let acme = stage.acme().await;
    let texts = ["Bonjour, merci de ne plus m'en", "voyer de messages"];
    for (turn, order) in [[1u8, 2], [2, 1]].into_iter().enumerate() {
        let number = phone(50 + turn as u32);
        for (nth, at) in order.into_iter().enumerate() {
            assert_eq!(promo(&acme, &number).await, 0, "{order:?}: part {nth} is not there yet");
            let part = Message::mo(&number, "36111", texts[usize::from(at) - 1]).as_part(7, 2, at);
            assert_eq!(stage.smsc.deliver(part.clone(), SOON).await.expect("answered").status, 0);
            let told = Message::parse(&acme.next_delivery(SOON).await.unwrap()).unwrap();
            assert_eq!((told.source.as_text(), told.short_message), (number.clone(), part.short_message), "{order:?}");
        }
        assert_eq!(promo(&acme, &number).await, OPTED_OUT, "{order:?}");
    }
    let number = phone(52);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    let start = Message::mo(&number, "36111", "START").as_part(8, 2, 2);
    assert_eq!(stage.smsc.deliver(start, SOON).await.expect("answered").status, 0);
    assert_eq!(promo(&acme, &number).await, OPTED_OUT, "a part alone lifts nothing");
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_torn_over_a_kill_is_one() {
    let mut stage = Stage::start().await;
    let texts = ["Bonjour, merci de ne plus m'en", "voyer de messages"];
    let number = phone(53);
    let part = |at: u8| Message::mo(&number, "36111", texts[usize::from(at) - 1]).as_part(7, 2, at);
    assert_eq!(stage.smsc.deliver(part(1), SOON).await.expect("answered").status, 0);
    // Not a moment later: what is acknowledged is on disk.
    stage.gateway.kill();
    stage.restart().await;
    let acme = stage.acme().await;
    assert_eq!(promo(&acme, &number).await, 0);
    assert_eq!(stage.smsc.deliver(part(2), SOON).await.expect("answered").status, 0);
    assert_eq!(promo(&acme, &number).await, OPTED_OUT);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_torn_over_the_operators_of_two_lanes_is_one_in_either_order() {
    let second = operator(Switches::default()).await;
    let address = second.address();
    let stage = Stage::with(Switches::default(), |config| {
        config.top.set("lanes", 2);
        config.smscs.push(config::operator("operator-b", address));
        let mut elsewhere = other();
        elsewhere.text("smsc", "operator-b");
        config.accounts.push(elsewhere);
    })
    .await;
    assert!(second.wait_bound(1, SOON).await);
    let acme = stage.acme().await;
    let other = stage.bound(&Bind::transceiver("other", "pass")).await;
    let texts = ["Bonjour, merci de ne plus m'en", "voyer de messages"];
    for (turn, order) in [[1u8, 2], [2, 1]].into_iter().enumerate() {
        let number = phone(54 + turn as u32);
        let part = |at: u8| Message::mo(&number, "36111", texts[usize::from(at) - 1]).as_part(7, 2, at);
        assert_eq!(stage.smsc.deliver(part(order[0]), SOON).await.expect("answered").status, 0);
        assert_eq!(promo(&acme, &number).await, 0, "{order:?}");
        assert_eq!(second.deliver(part(order[1]), SOON).await.expect("answered").status, 0);
        assert_eq!(promo(&acme, &number).await, OPTED_OUT, "{order:?}");
        let elsewhere = Message::submit("OTHER", &number, "Soldes samedi. STOP 36222");
        assert_eq!(other.submit_and_wait(&elsewhere).await.unwrap().status(), OPTED_OUT, "{order:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_outlives_a_kill_and_a_clean_restart() {
    let mut stage = Stage::start().await;
    let number = phone(39);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    stage.gateway.kill();
    stage.restart().await;
    assert_eq!(promo(&stage.acme().await, &number).await, OPTED_OUT);
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    stage.restart().await;
    assert_eq!(promo(&stage.acme().await, &number).await, OPTED_OUT);
    assert_eq!(promo(&stage.acme().await, &phone(40)).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_by_command_holds_and_is_explained() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let number = phone(41);
    let (out, error, code) =
        stage.gateway.command(&["stop", "add", &format!("+{number}"), "--evidence", "telephone call"]).await;
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(promo(&acme, &number).await, OPTED_OUT);
    let (out, error, code) = stage.gateway.command(&["--json", "why", &format!("+{number}")]).await;
    assert_eq!(code, 0, "{out}{error}");
    let why: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(why["suppressions"].as_array().map(Vec::len), Some(1), "{out}");
}
