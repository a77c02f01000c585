//! Owns the recall of scheduled promotions over time: rests, links that go, instants that come, people who change their mind.
//! Must never wait for a clock: time passes by the test's hand.

use super::rig::{ACME, Client, House, Stand, at};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use stopgate::gateway::lane::Lane;
use stopgate::journal::disk::RealDisk;
use stopgate::pdu::bind::BindKind;
use stopgate::sim::message::Message;
use stopgate::sim::wire::{CANCEL_SM, DELIVER_SM, GENERIC_NACK, Pdu, RESPONSE, SUBMIT_SM};
use tokio::time::Instant;

const PROMO: &str = "Soldes: -20% samedi. STOP 36111";
const NUMBER: &str = "33639980020";

struct Scene {
    house: House,
    stand: Stand,
    acme: Client,
    /// What the operator got and no test has asked for yet.
    got: RefCell<Vec<Pdu>>,
}

impl Scene {
    /// A promotion for three in the afternoon is accepted at nine in the morning (UTC).
    fn open() -> Self {
        let now = at("2026-11-24T09:00:00Z");
        let house = House::open(ACME, Arc::new(RealDisk), now);
        let mut stand = Stand::new(&house, 0, now);
        stand.bind_link(0);
        let acme = stand.client("acme", BindKind::Transceiver).expect("bound");
        let mut scene = Self { house, stand, acme, got: RefCell::default() };
        let message = Message { schedule: b"261124150000000+".to_vec(), ..Message::submit("ACME", NUMBER, PROMO) };
        scene.stand.client_says(&scene.acme, message.pdu(3).octets());
        let [sent] = &scene.sent(SUBMIT_SM)[..] else { panic!("forwarded") };
        let answer = Pdu::new(SUBMIT_SM | RESPONSE, 0, sent.sequence(), b"later-1\0");
        scene.stand.smsc_says(0, &answer);
        scene
    }

    /// What the operator got of this kind since the last call.
    fn sent(&self, command: u32) -> Vec<Pdu> {
        let mut got = self.got.borrow_mut();
        got.extend(self.stand.links[0].as_ref().map(|link| link.read()).unwrap_or_default());
        got.extract_if(.., |pdu| pdu.command() == command).collect()
    }

    /// A person writes, and the gateway acknowledges it: time must not pass before.
    fn hears(&mut self, text: &str) {
        self.stand.smsc_says(0, &Message::mo(NUMBER, "36111", text).pdu(77));
        let until = Instant::now() + Duration::from_secs(20);
        while self.sent(DELIVER_SM | RESPONSE).is_empty() {
            assert!(Instant::now() < until, "{text} is not acknowledged");
            self.stand.turn(Lane::durable_further);
        }
    }

    fn answer_cancel(&mut self, cancel: &Pdu, status: u32) {
        self.stand.smsc_says(0, &Pdu::new(CANCEL_SM | RESPONSE, status, cancel.sequence(), b""));
    }

    fn verdicts(&self) -> Vec<String> {
        let mut verdicts = self.house.shared.ledger.read_verdicts(0, u64::MAX);
        let kinds = std::iter::from_fn(|| verdicts.next_verdict().expect("readable"));
        kinds.map(|record| format!("{:?}", record.kind)).filter(|kind| kind != "Composed").collect()
    }
}

#[test]
fn an_operator_that_cannot_say_is_asked_again_after_a_rest() {
    let mut scene = Scene::open();
    scene.hears("STOP");
    for (round, rest) in [1, 2, 4].into_iter().enumerate() {
        let [cancel] = &scene.sent(CANCEL_SM)[..] else { panic!("round {round}") };
        match round {
            0 => scene.answer_cancel(cancel, 0x08),
            1 => scene.answer_cancel(cancel, 0x58),
            // Never answered: its place in the window comes back with the timeout.
            _ => scene.stand.pass(Duration::from_secs(31)),
        }
        scene.stand.pass(Duration::from_millis(rest * 1_000 - 100));
        assert!(scene.sent(CANCEL_SM).is_empty(), "round {round}: it rests");
        scene.stand.pass(Duration::from_millis(100));
    }
    let [cancel] = &scene.sent(CANCEL_SM)[..] else { panic!("the last round") };
    scene.answer_cancel(cancel, 0);
    scene.stand.pass(Duration::from_secs(120));
    assert!(scene.sent(CANCEL_SM).is_empty());
    assert_eq!(scene.verdicts(), ["Permitted", "Recalled(0)"]);
}

#[test]
fn an_operator_that_does_not_know_cancel_sm_has_refused() {
    let mut scene = Scene::open();
    scene.hears("STOP");
    let [cancel] = &scene.sent(CANCEL_SM)[..] else { panic!("asked") };
    let nack = Pdu::new(GENERIC_NACK, 0x03, cancel.sequence(), b"");
    scene.stand.smsc_says(0, &nack);
    scene.stand.pass(Duration::from_secs(120));
    assert!(scene.sent(CANCEL_SM).is_empty());
    assert_eq!(scene.verdicts(), ["Permitted", "Recalled(3)"]);
}

#[test]
fn a_link_that_goes_with_the_question_is_asked_again_when_it_is_back_until_the_message_is_due() {
    let mut scene = Scene::open();
    scene.hears("STOP");
    assert_eq!(scene.sent(CANCEL_SM).len(), 1);
    scene.stand.lose_link(0);
    scene.stand.pass(Duration::from_secs(3600));
    scene.stand.bind_link(0);
    assert_eq!(scene.sent(CANCEL_SM).len(), 1, "again");
    scene.stand.lose_link(0);
    scene.stand.pass(Duration::from_secs(5 * 3600));
    assert_eq!(scene.verdicts(), ["Permitted", "NotRecalled"], "it is three in the afternoon");
    scene.stand.bind_link(0);
    assert!(scene.sent(CANCEL_SM).is_empty());
    assert!(scene.house.shared.scheduled.is_empty());
}

#[test]
fn who_starts_again_before_the_operator_could_be_asked_gets_the_message() {
    let mut scene = Scene::open();
    scene.stand.lose_link(0);
    scene.stand.pass(Duration::from_secs(60));
    scene.stand.bind_link(0);
    // The operator answers nothing: what the STOP asks for waits for a place in its window.
    for sequence in 0..100 {
        let message = Message::submit("ACME", &format!("336399801{sequence:02}"), PROMO);
        scene.stand.client_says(&scene.acme, message.pdu(100 + sequence).octets());
    }
    let full = scene.sent(SUBMIT_SM);
    assert_eq!(full.len(), 100);
    scene.hears("STOP");
    scene.hears("START");
    for pdu in &full {
        scene.stand.smsc_says(0, &Pdu::new(SUBMIT_SM | RESPONSE, 0, pdu.sequence(), b"x\0"));
    }
    scene.stand.pass(Duration::from_secs(1));
    assert!(scene.sent(CANCEL_SM).is_empty());
    assert_eq!(scene.house.shared.scheduled.len(), 1, "a later STOP would still find it");
    scene.hears("STOP");
    assert_eq!(scene.sent(CANCEL_SM).len(), 1);
}
