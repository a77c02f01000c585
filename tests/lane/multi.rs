//! Owns what becomes of a submit_multi between its permit and its answer: withdrawn, answered late, met by a drain.
//! Must never call a destination spared because of an answer alone: what the operator's wire took is looked at.

use super::rig::{ACME, Client, House, Stand, at};
use std::sync::Arc;
use std::time::Duration;
use stopgate::gateway::lane::Lane;
use stopgate::journal::disk::RealDisk;
use stopgate::pdu::bind::BindKind;
use stopgate::sim::message::Message;
use stopgate::sim::wire::{Pdu, RESPONSE, SUBMIT_MULTI, UNBIND};

const PROMO: &str = "Soldes: -20% samedi. STOP 36111";

struct Scene {
    house: House,
    stand: Stand,
    acme: Client,
}

impl Scene {
    fn open() -> Self {
        let now = at("2026-11-24T09:00:00Z");
        // Its operator is another's too: receipts are routed by message id.
        let other = ACME.split_once("[[account]]").expect("an account").1.replace("acme", "other");
        let config = format!("{ACME}submit_multi = \"filter\"\n[[account]]{other}");
        let house = House::open(&config, Arc::new(RealDisk), now);
        let mut stand = Stand::new(&house, 0, now);
        stand.bind_link(0);
        let acme = stand.client("acme", BindKind::Transceiver).expect("bound");
        Self { house, stand, acme }
    }

    fn multi(&mut self, sequence: u32, numbers: &[&str]) {
        let mut body = b"\0\x05\0ACME\0".to_vec();
        body.push(numbers.len() as u8);
        numbers.iter().for_each(|number| body.extend_from_slice(&[b"\x01\x01\x01", number.as_bytes(), b"\0"].concat()));
        body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, PROMO.len() as u8]);
        body.extend_from_slice(PROMO.as_bytes());
        self.stand.client_says(&self.acme, Pdu::new(SUBMIT_MULTI, 0, sequence, &body).octets());
    }

    fn operator_got(&self) -> Vec<Pdu> {
        self.stand.links[0].as_ref().expect("up").read()
    }

    fn verdicts(&self) -> Vec<String> {
        let mut verdicts = self.house.shared.ledger.read_verdicts(0, u64::MAX);
        let kinds = std::iter::from_fn(|| verdicts.next_verdict().expect("readable"));
        kinds.map(|record| format!("{:?}", record.kind)).collect()
    }
}

#[test]
fn a_stop_between_permit_and_write_takes_the_whole_submit_multi_back() {
    let mut scene = Scene::open();
    let link = scene.stand.links[0].clone().expect("up");
    link.set_room(0);
    scene.multi(5, &["33639980010", "33639980011"]);
    assert!(scene.acme.tap.read().is_empty(), "it waits for the operator's socket");
    scene.stand.smsc_says(0, &Message::mo("33639980010", "36111", "STOP").pdu(1));
    let answers = scene.acme.tap.read();
    let answer = answers.iter().find(|pdu| pdu.command() == SUBMIT_MULTI | RESPONSE).expect("one answer");
    assert_eq!((answer.status(), answer.sequence()), (0x08, 5), "the other one may be tried again");
    link.set_room(usize::MAX);
    scene.stand.turn(|lane, _| lane.touch_link(0));
    let multis = |pdus: Vec<Pdu>| pdus.into_iter().filter(|pdu| pdu.command() == SUBMIT_MULTI).collect::<Vec<_>>();
    assert!(multis(scene.operator_got()).is_empty(), "no octet of it left");
    assert_eq!(
        scene.verdicts(),
        ["Permitted", "Permitted", "Withdrawn(OptedOut)", "Withdrawn(SmscUnavailable)"],
        "each destination has its reason"
    );
    scene.multi(6, &["33639980010", "33639980011"]);
    let [again] = &multis(scene.operator_got())[..] else { panic!("one submit_multi") };
    assert!(!again.body().windows(11).any(|part| part == b"33639980010"));
}

#[test]
fn a_late_answer_to_a_submit_multi_is_recorded_for_each_destination_and_never_told() {
    let mut scene = Scene::open();
    scene.multi(5, &["33639980012", "33639980013"]);
    let sent = scene.operator_got().pop().expect("forwarded");
    scene.stand.pass(Duration::from_secs(31));
    let answers = scene.acme.tap.read();
    let answer = answers.iter().find(|pdu| pdu.command() == SUBMIT_MULTI | RESPONSE).expect("one answer");
    assert_eq!(answer.status(), 0xff, "commercial: not to be sent again blindly");
    scene.stand.smsc_says(0, &Pdu::new(SUBMIT_MULTI | RESPONSE, 0, sent.sequence(), b"late-1\0\0"));
    assert!(scene.acme.tap.read().is_empty());
    assert_eq!(
        scene.verdicts(),
        ["Permitted", "Permitted", "Unresolved", "Unresolved", "LateAnswer(0)", "LateAnswer(0)"]
    );
    let shared = &scene.house.shared;
    let (acme, operator) =
        (shared.ledger.handle("acme").expect("a name"), shared.ledger.handle("operator-a").expect("a name"));
    assert!(shared.ids.belongs_to(operator, b"late-1", acme, scene.stand.now.civil), "its receipts find their way");
}

#[test]
fn a_submit_multi_that_meets_a_drain_is_told_to_come_again_and_keeps_its_refusals() {
    let mut scene = Scene::open();
    // A message in flight keeps the client bound while the lane drains.
    scene.multi(5, &["33639980014"]);
    assert_eq!(scene.operator_got().len(), 1);
    scene.stand.turn(Lane::begin_drain);
    scene.multi(6, &["33639980015", "33199001234"]);
    let answers = scene.acme.tap.read();
    let answer = answers.iter().find(|pdu| pdu.command() == SUBMIT_MULTI | RESPONSE).expect("an answer");
    assert_eq!((answer.status(), answer.sequence()), (0x08, 6));
    assert!(answers.iter().all(|pdu| pdu.command() != UNBIND), "it still waits for an answer");
    assert!(scene.operator_got().is_empty());
    assert_eq!(scene.verdicts(), ["Permitted", "Refused(SmscUnavailable)", "Refused(BadDestination)"]);
}
