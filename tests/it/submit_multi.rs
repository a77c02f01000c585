//! Owns submit_multi with `submit_multi = "filter"`: each destination judged, one PDU out, one answer back.
//! Must never count a destination as reached because the answer does not list it: the operator's octets are looked at.

use super::support::config::{Config, account};
use super::support::stage::Stage;
use super::support::{DELIVERED, PROMO, SOON, left_over, multi, phone, receipt_of, sme};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::{Address, Message, multi_destinations};
use stopgate::sim::smsc::records::Submitted;
use stopgate::sim::smsc::switches::{Switches, When};
use stopgate::sim::wire::{Pdu, RESPONSE, SUBMIT_MULTI};

async fn filtering(switches: Switches, change: impl FnOnce(&mut Config)) -> Stage {
    Stage::with(switches, |config| {
        config.acme().text("submit_multi", "filter");
        change(config);
    })
    .await
}

async fn ask(acme: &Esme, destinations: &[Vec<u8>], text: &str) -> Pdu {
    let destinations: Vec<&[u8]> = destinations.iter().map(Vec::as_slice).collect();
    let sequence = acme.request(SUBMIT_MULTI, &multi(&destinations, text)).await.unwrap();
    acme.answer(sequence, SOON).await.expect("an answer")
}

/// The submit_multi that reached the operator.
fn multis(stage: &Stage) -> Vec<Submitted> {
    let is_multi = |one: &&Submitted| one.pdu.command() == SUBMIT_MULTI;
    stage.smsc.records(|records| records.submitted.iter().filter(is_multi).cloned().collect())
}

/// An entry of unsuccess_sme.
fn failed(ton: u8, npi: u8, number: &str, status: u32) -> Vec<u8> {
    [&[ton, npi], number.as_bytes(), &[0], &status.to_be_bytes()[..]].concat()
}

#[tokio::test(flavor = "current_thread")]
async fn each_destination_is_judged_and_both_lists_of_failures_come_back_as_one() {
    let mut switches = Switches::default();
    switches.answers.statuses = vec![(When::To(phone(802)), 0x14)];
    let stage = filtering(switches, |_| {}).await;
    let acme = stage.acme().await;
    assert_eq!(stage.mo(&phone(801), "36111", "STOP").await, 0);
    // The one the operator will refuse is written nationally, and comes back so.
    let national = [b"\x01\x02\x01", &b"0639980802"[..], b"\0"].concat();
    let destinations = [sme(&phone(800)), sme(&phone(801)), national, sme("33199001234"), sme(&phone(803))];
    let answer = ask(&acme, &destinations, PROMO).await;
    let [forwarded] = &multis(&stage)[..] else { panic!("one PDU: {:?}", multis(&stage)) };
    let reached = multi_destinations(&forwarded.pdu).expect("readable");
    assert_eq!(reached, [800, 802, 803].map(|number| Address::of(&phone(number))));
    assert!(forwarded.pdu.body().ends_with(PROMO.as_bytes()));
    let expected = [
        forwarded.message_id.as_bytes(),
        b"\0\x03",
        &failed(1, 1, &phone(801), 0x66),
        &failed(1, 1, "33199001234", 0x0b),
        &failed(2, 1, "0639980802", 0x14),
    ]
    .concat();
    assert_eq!((answer.command(), answer.status(), answer.body()), (SUBMIT_MULTI | RESPONSE, 0, &expected[..]));
    let verdicts = async |name: &str| stage.gateway.metric(name, &["account=\"acme\""]).await;
    assert_eq!(verdicts("stopgate_submit_refused_total").await, 2.0, "one verdict each");
    assert_eq!(verdicts("stopgate_submit_total").await, 5.0);
}

#[tokio::test(flavor = "current_thread")]
async fn when_nobody_may_have_it_the_answer_is_the_error_of_the_first() {
    let stage = filtering(Switches::default(), |_| {}).await;
    let acme = stage.acme().await;
    assert_eq!(stage.mo(&phone(811), "36111", "STOP").await, 0);
    for (destinations, text, status) in [
        ([sme(&phone(811)), sme("33199001234")], PROMO, 0x66),
        ([sme("33199001234"), sme(&phone(811))], PROMO, 0x0b),
        ([sme(&phone(812)), sme(&phone(813))], "Soldes: -20% samedi", 0x65),
        ([sme(&phone(812)), b"\x02clients\0".to_vec()], PROMO, 0x44),
    ] {
        let answer = ask(&acme, &destinations, text).await;
        assert_eq!((answer.status(), answer.body()), (status, &[0, 0][..]));
    }
    assert!(multis(&stage).is_empty());
    assert_eq!(ask(&acme, &[sme(&phone(812))], PROMO).await.status(), 0, "the session goes on");
}

#[tokio::test(flavor = "current_thread")]
async fn a_part_of_a_long_message_is_refused_as_a_whole() {
    let stage = filtering(Switches::default(), |_| {}).await;
    let acme = stage.acme().await;
    let mut body = multi(&[&sme(&phone(815))], "");
    for (tag, value) in [(0x020c, &[0, 9][..]), (0x020e, &[2]), (0x020f, &[1])] {
        body.extend_from_slice(&u16::to_be_bytes(tag));
        body.extend_from_slice(&[0, value.len() as u8]);
        body.extend_from_slice(value);
    }
    body.extend_from_slice(&[0x04, 0x24, 0, PROMO.len() as u8]);
    body.extend_from_slice(PROMO.as_bytes());
    let sequence = acme.request(SUBMIT_MULTI, &body).await.unwrap();
    let answer = acme.answer(sequence, SOON).await.unwrap();
    assert_eq!((answer.status(), answer.body()), (0x45, &[0, 0][..]));
    assert!(multis(&stage).is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn an_error_of_the_operator_for_all_is_the_answer() {
    let mut switches = Switches::default();
    switches.answers.statuses = vec![(When::Always, 0x58)];
    let stage = filtering(switches, |_| {}).await;
    let answer = ask(&stage.acme().await, &[sme(&phone(820)), sme(&phone(821))], PROMO).await;
    assert_eq!((answer.status(), answer.body()), (0x58, &[0, 0][..]));
}

#[tokio::test(flavor = "current_thread")]
async fn several_destinations_take_one_place_in_the_window_and_the_next_ones_wait_for_it() {
    let stage = filtering(Switches::default(), |config| {
        config.operator().set("window", 1);
    })
    .await;
    let acme = stage.acme().await;
    let mut sequences = Vec::new();
    for round in 0..5 {
        let destinations: Vec<_> = (0..4).map(|one| sme(&phone(830 + 4 * round + one))).collect();
        let destinations: Vec<&[u8]> = destinations.iter().map(Vec::as_slice).collect();
        sequences.push(acme.request(SUBMIT_MULTI, &multi(&destinations, PROMO)).await.unwrap());
        sequences.push(acme.submit(&Message::submit("ACME", &phone(860 + round), PROMO)).await.unwrap());
    }
    for sequence in sequences {
        assert_eq!(acme.answer(sequence, SOON).await.expect("an answer").status(), 0);
    }
    assert_eq!(multis(&stage).len(), 5);
}

#[tokio::test(flavor = "current_thread")]
async fn an_operator_that_never_answers_leaves_the_fate_unknown() {
    let mut switches = Switches::default();
    switches.answers.drop = When::Always;
    let stage = filtering(switches, |config| {
        config.operator().text("response_timeout", "1s");
    })
    .await;
    let answer = ask(&stage.acme().await, &[sme(&phone(870)), sme(&phone(871))], PROMO).await;
    assert_eq!((answer.status(), answer.body()), (0xff, &[0, 0][..]), "commercial: not to be sent again blindly");
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_of_each_destination_finds_its_account_on_a_shared_link() {
    let stage = filtering(Switches::default(), |config| {
        let mut other = account("other", "pass", "operator-a");
        other.set("senders", "[\"OTHER\"]");
        config.accounts.push(other);
    })
    .await;
    let (acme, other) = (stage.acme().await, stage.bound(&Bind::transceiver("other", "pass")).await);
    let answer = ask(&acme, &[sme(&phone(880)), sme(&phone(881))], PROMO).await;
    let id = String::from_utf8(answer.first_string().to_vec()).unwrap();
    for number in [880, 881] {
        let receipt = receipt_of(&phone(number), "ACME", &id, DELIVERED);
        stage.smsc.post(receipt, std::time::Duration::ZERO);
        let got = Message::parse(&acme.next_delivery(SOON).await.expect("a receipt")).expect("readable");
        assert_eq!(got.source, Address::of(&phone(number)));
    }
    assert!(left_over(&other).await.is_empty());
}
