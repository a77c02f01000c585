//! Owns the refusals a sender meets: one status a reason, header only, nothing forwarded.
//! Must never take a status from the code under test: they are written here again, from the contract.

use super::support::stage::Stage;
use super::support::{PROMO, phone};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;
use stopgate::sim::wire::{Pdu, RESPONSE};

#[tokio::test(flavor = "current_thread")]
async fn each_reason_has_its_status_in_a_response_that_is_nothing_but_a_header() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let promo = |text: &str| Message::submit("ACME", &phone(20), text);
    let mut alphanumeric = promo(PROMO);
    (alphanumeric.destination.ton, alphanumeric.destination.text) = (5, b"SHOP".to_vec());
    let mut tomorrow_night = promo(PROMO);
    tomorrow_night.schedule = b"261124230000004+".to_vec();
    let cases = [
        ("no mention", promo("Soldes: -20% samedi"), 0x65),
        ("a mention of somebody else's code", promo("Soldes: -20% samedi. STOP 36999"), 0x65),
        ("a foreign sender", Message::submit("OTHER", &phone(20), PROMO), 0x0a),
        ("a number of no pack", Message::submit("ACME", "442079460000", PROMO), 0x0b),
        ("a landline", Message::submit("ACME", "33199001234", PROMO), 0x0b),
        ("a text nobody can read", promo(PROMO).with_octets(0x04, *b"\x00\xff\x10\x80"), 0x15),
        ("an alphanumeric destination", alphanumeric, 0x50),
        ("delivery scheduled for the night", tomorrow_night, 0x61),
    ];
    for (name, message, status) in cases {
        let answer = acme.submit_and_wait(&message).await.unwrap();
        assert_eq!(answer, Pdu::new(message.pdu(1).command() | RESPONSE, status, answer.sequence(), b""), "{name}");
    }
    assert_eq!(acme.submit_and_wait(&promo(PROMO)).await.unwrap().status(), 0, "the session goes on");
    assert_eq!(stage.smsc.records(|records| records.submitted_total), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn more_than_the_account_s_throughput_is_told_to_slow_down() {
    let stage = Stage::with(Switches::default(), |config| {
        config.acme().set("throughput", 1);
    })
    .await;
    let acme = stage.acme().await;
    let mut sequences = Vec::new();
    for _ in 0..20 {
        sequences.push(acme.submit(&Message::submit("ACME", &phone(21), PROMO)).await.unwrap());
    }
    let mut statuses = Vec::new();
    for sequence in sequences {
        statuses.push(acme.answer(sequence, super::support::SOON).await.unwrap().status());
    }
    assert_eq!(statuses[0], 0);
    assert!(statuses.contains(&0x58), "{statuses:x?}");
    assert!(statuses.iter().all(|status| [0, 0x58].contains(status)), "{statuses:x?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_wrong_login_and_one_bind_too_many_are_refused_as_documented() {
    use stopgate::sim::esme::{Bind, Esme, EsmeError};
    let stage = Stage::with(Switches::default(), |config| {
        config.acme().set("binds", 2);
    })
    .await;
    for (system_id, password) in [("acme", "wrong"), ("nobody", "secret")] {
        let refused = Esme::bind(stage.gateway.smpp, &Bind::transceiver(system_id, password)).await;
        assert!(matches!(refused, Err(EsmeError::Refused(0x0e))), "{system_id}");
    }
    let _two = (stage.acme().await, stage.acme().await);
    let third = Esme::bind(stage.gateway.smpp, &Bind::transceiver("acme", "secret")).await;
    assert!(matches!(third, Err(EsmeError::Refused(0x0d))));
}
