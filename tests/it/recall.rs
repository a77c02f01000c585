//! Owns the recall of promotions that an operator holds for later, when their number says STOP.
//! Must never take a promotion for recalled because of a metric alone: the cancel_sm that the operator got is read.

use super::support::config::{bank, other};
use super::support::stage::Stage;
use super::support::{PROMO, SOON, multi, phone, sme};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::{Binds, Switches};
use stopgate::sim::wire::{CANCEL_SM, Pdu, SUBMIT_MULTI};

const SCHEDULED: &str = "stopgate_scheduled_messages";
const RECALLS: &str = "stopgate_recall_total";
/// This afternoon: it is ten in the morning.
const LATER: &str = "261124150000004+";

fn later(message: Message) -> Message {
    Message { schedule: LATER.into(), ..message }
}

/// Submits; gives the operator's id of it.
async fn accepted(esme: &Esme, message: &Message) -> String {
    let answer = esme.submit_and_wait(message).await.expect("an answer");
    assert_eq!(answer.status(), 0, "{message:?}");
    String::from_utf8(answer.first_string().to_vec()).expect("digits")
}

/// The cancel_sm that the operator has: message id, source and destination.
fn cancelled(pdu: &Pdu) -> (String, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).expect("text");
    let mut rest = pdu.body();
    let mut string = |skip: usize| {
        let end = skip + rest[skip..].iter().position(|octet| *octet == 0).expect("a NUL");
        let field = text(&rest[skip..end]);
        rest = &rest[end + 1..];
        field
    };
    string(0);
    (string(0), string(2), string(2))
}

/// Waits until the operator has `count` cancel_sm.
async fn cancels(stage: &Stage, count: usize) -> Vec<(String, String, String)> {
    let found = stage.smsc.wait_for(SOON, |records| {
        let cancels: Vec<_> = records.other.iter().filter(|(_, pdu)| pdu.command() == CANCEL_SM).collect();
        (cancels.len() >= count).then(|| cancels.iter().map(|(_, pdu)| cancelled(pdu)).collect::<Vec<_>>())
    });
    found.await.unwrap_or_else(|| panic!("no {count} cancel_sm\n{}", stage.gateway.log()))
}

fn cancels_now(stage: &Stage) -> usize {
    stage.smsc.records(|records| records.other.iter().filter(|(_, pdu)| pdu.command() == CANCEL_SM).count())
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_recalls_what_operators_hold_for_the_number_and_nothing_else() {
    let stage = Stage::with(Switches::default(), |config| {
        config.acme().text("submit_multi", "filter");
        config.operator().text("destination_format", "plus");
        config.accounts.extend([other(), bank()]);
    })
    .await;
    let acme = stage.acme().await;
    let other = stage.bound(&Bind::transceiver("other", "pass")).await;
    let bank = stage.bound(&Bind::transceiver("bank", "pass")).await;
    let (number, spared) = (phone(900), phone(901));
    let written = format!("+{number}");
    let mut expected = Vec::new();
    let one = Message { service_type: b"CMT".to_vec(), ..later(Message::submit("ACME", &number, PROMO)) };
    expected.push((accepted(&acme, &one).await, "ACME".to_owned(), written.clone()));
    for (at, text) in [(1, "-20% ce samedi. ST"), (2, "OP 36111")] {
        let part = later(Message::submit("ACME", &number, text).as_part(7, 2, at));
        expected.push((accepted(&acme, &part).await, "ACME".to_owned(), written.clone()));
    }
    let elsewhere = later(Message::submit("OTHER", &number, "Soldes samedi. STOP 36222"));
    expected.push((accepted(&other, &elsewhere).await, "OTHER".to_owned(), written.clone()));
    let mut body = multi(&[&sme(&number), &sme(&spared)], PROMO);
    let schedule =
        body.windows(10).position(|part| part == [0; 10]).expect("a NUL, then the fields before the text") + 4;
    body.splice(schedule..schedule, LATER.bytes());
    let sequence = acme.request(SUBMIT_MULTI, &body).await.unwrap();
    let answer = acme.answer(sequence, SOON).await.expect("an answer");
    assert_eq!(answer.status(), 0);
    let id = String::from_utf8(answer.first_string().to_vec()).unwrap();
    expected.push((id, "ACME".to_owned(), written.clone()));
    // Not to be recalled: another number's, a code of the bank, and what went out at once.
    accepted(&acme, &later(Message::submit("ACME", &spared, PROMO))).await;
    accepted(&bank, &later(Message::submit("BANK", &number, "Votre code est 123456"))).await;
    accepted(&acme, &Message::submit("ACME", &number, PROMO)).await;
    stage.gateway.metric_becomes(SCHEDULED, &[], |value| value == 7.0).await;

    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    let mut got = cancels(&stage, 5).await;
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
    stage.gateway.metric_becomes(RECALLS, &["result=\"recalled\""], |value| value == 5.0).await;
    stage.gateway.metric_becomes(SCHEDULED, &[], |value| value == 2.0).await;
    let (out, error, code) = stage.gateway.command(&["--json", "why", &written]).await;
    assert_eq!(code, 0, "{out}{error}");
    let why: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let verdicts = why["verdicts"].as_array().expect("verdicts").iter();
    assert_eq!(verdicts.filter(|verdict| verdict["verdict"] == "recalled").count(), 5, "{out}");

    // Said again, nothing is left to be called back; a number of its own is.
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(stage.mo(&spared, "36111", "STOP").await, 0);
    stage.gateway.metric_becomes(RECALLS, &["result=\"recalled\""], |value| value == 7.0).await;
    assert_eq!(cancels_now(&stage), 7);
}

#[tokio::test(flavor = "current_thread")]
async fn a_recall_that_the_operator_refuses_is_on_record_and_not_repeated() {
    let switches = Switches { cancels: Some(0x11), ..Switches::default() };
    let stage = Stage::with(switches, |_| {}).await;
    let acme = stage.acme().await;
    let number = phone(910);
    accepted(&acme, &later(Message::submit("ACME", &number, PROMO))).await;
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    stage.gateway.metric_becomes(RECALLS, &["result=\"refused\""], |value| value == 1.0).await;
    stage.gateway.metric_becomes(SCHEDULED, &[], |value| value == 0.0).await;
    let (out, _, _) = stage.gateway.command(&["--json", "why", &format!("+{number}")]).await;
    assert!(out.contains("recall_refused"), "{out}");
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    // What a second cancel_sm would be, stands before the answer to this CONTACT: one link, in order.
    assert_eq!(stage.mo(&phone(911), "36111", "CONTACT").await, 0);
    stage.forwarded(&phone(911)).await;
    assert_eq!(cancels_now(&stage), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_recall_outlives_a_kill_and_an_operator_that_is_away() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    let (number, other) = (phone(920), phone(921));
    let id = accepted(&acme, &later(Message::submit("ACME", &number, PROMO))).await;
    accepted(&acme, &later(Message::submit("ACME", &other, PROMO))).await;
    stage.smsc.switch(|switches| switches.binds = Binds::Refuse(0x0d));
    stage.smsc.close(None);
    stage.gateway.readyz_becomes(503).await;
    let stop = ["stop", "add", &format!("+{number}"), "--evidence", "telephone call"];
    let (out, error, code) = stage.gateway.command(&stop).await;
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(cancels_now(&stage), 0);
    stage.gateway.kill();
    stage.smsc.switch(|switches| switches.binds = Binds::Accept);
    stage.restart().await;
    let got = cancels(&stage, 1).await;
    assert_eq!(got, [(id, "ACME".to_owned(), number)]);
    stage.gateway.metric_becomes(RECALLS, &["result=\"recalled\""], |value| value == 1.0).await;
    stage.gateway.metric_becomes(SCHEDULED, &[], |value| value == 1.0).await;
    // Neither is it called back again by the next start.
    stage.gateway.kill();
    stage.restart().await;
    stage.gateway.metric_becomes(SCHEDULED, &[], |value| value == 1.0).await;
    assert_eq!(stage.mo(&other, "36111", "STOP").await, 0);
    assert_eq!(cancels(&stage, 2).await[1].2, other);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_that_overtakes_the_operator_s_answer_recalls_the_message_when_it_comes() {
    let mut switches = Switches::default();
    switches.answers.stalled = true;
    let stage = Stage::with(switches, |_| {}).await;
    let acme = stage.acme().await;
    let number = phone(930);
    let waiting = acme.submit(&later(Message::submit("ACME", &number, PROMO))).await.unwrap();
    stage.forwarded(&number).await;
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(cancels_now(&stage), 0, "nobody knows its id yet");
    stage.smsc.switch(|switches| switches.answers.stalled = false);
    let answer = acme.answer(waiting, SOON).await.unwrap();
    assert_eq!(answer.status(), 0);
    assert_eq!(cancels(&stage, 1).await[0].0.as_bytes(), answer.first_string());
}

#[tokio::test(flavor = "current_thread")]
async fn an_import_recalls_at_a_bounded_pace_and_leaves_the_senders_their_window() {
    let stage = Stage::with(Switches { cancels: None, ..Switches::default() }, |config| {
        config.operator().set("window", 8);
    })
    .await;
    let acme = stage.acme().await;
    for number in 940..980 {
        accepted(&acme, &later(Message::submit("ACME", &phone(number), PROMO))).await;
    }
    let file = stage.gateway.home.path().join("stops.csv");
    let rows: String = (940..980).map(|number| format!("+{}\n", phone(number))).collect();
    std::fs::write(&file, format!("msisdn\n{rows}")).expect("written");
    let file = file.to_str().expect("a path").to_owned();
    let (out, error, code) = stage.gateway.command(&["stop", "import", &file, "--evidence", "list of the brand"]).await;
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(cancels(&stage, 2).await.len(), 2, "a quarter of the window");
    // None of them is answered: a message still finds its place.
    accepted(&acme, &Message::submit("ACME", &phone(985), PROMO)).await;
    assert_eq!(cancels_now(&stage), 2);
}
