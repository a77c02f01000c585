//! Owns an operator's socket that takes nothing for long: what waits in front of it can be taken back all the time.
//! Must never wait for a clock: time passes by the test's hand.

use super::rig::{ACME, Client, Fast, House, Stand, at};
use std::sync::Arc;
use std::time::Duration;
use stopgate::pdu::bind::BindKind;
use stopgate::sim::message::Message;
use stopgate::sim::wire::{Pdu, RESPONSE, SUBMIT_SM};

const PROMO: &str = "Soldes: -20% samedi. STOP 36111";
const NUMBER: &str = "33639980040";

struct Scene {
    // Its directories go last.
    _house: House,
    stand: Stand,
    acme: Client,
}

impl Scene {
    /// The operator's socket takes nothing, and a promotion waits in front of it.
    fn open(room: usize) -> Self {
        let now = at("2026-11-24T09:00:00Z");
        let house = House::open(ACME, Arc::new(Fast), now);
        let mut stand = Stand::new(&house, 0, now);
        stand.bind_link(0);
        let acme = stand.client("acme", BindKind::Transceiver).expect("bound");
        stand.links[0].as_ref().expect("up").set_room(room);
        stand.client_says(&acme, Message::submit("ACME", NUMBER, PROMO).pdu(5).octets());
        assert!(acme.tap.read().is_empty());
        Self { _house: house, stand, acme }
    }

    fn answer(&self) -> Option<u32> {
        let answers = self.acme.tap.read();
        answers.iter().find(|pdu| pdu.command() == SUBMIT_SM | RESPONSE).map(Pdu::status)
    }
}

#[test]
fn a_promo_that_has_waited_longer_than_any_answer_may_take_is_still_taken_back_by_a_stop() {
    let mut scene = Scene::open(0);
    scene.stand.pass(Duration::from_secs(31));
    scene.stand.smsc_says(0, &Message::mo(NUMBER, "36111", "STOP").pdu(1));
    let link = scene.stand.links[0].clone().expect("up");
    link.set_room(usize::MAX);
    scene.stand.turn(|lane, _| lane.touch_link(0));
    assert!(link.read().iter().all(|pdu| pdu.command() != SUBMIT_SM), "it left after the STOP");
    assert_eq!(scene.answer(), Some(0x66), "and its sender knows that it did not");
}

#[test]
fn a_link_that_takes_nothing_for_as_long_as_an_answer_may_take_is_given_up_and_nothing_is_in_doubt() {
    for (room, status) in [(0, 0x08), (20, 0xff)] {
        let mut scene = Scene::open(room);
        scene.stand.pass(Duration::from_secs(29));
        assert!(!scene.stand.lane.links[0].closing);
        scene.stand.pass(Duration::from_secs(1));
        assert!(scene.stand.lane.links[0].closing, "the driver closes it");
        scene.stand.lose_link(0);
        assert_eq!(scene.answer(), Some(status), "of {room} octets that were taken");
    }
}

#[test]
fn an_answer_to_what_has_not_left_is_no_answer() {
    let mut scene = Scene::open(0);
    for sequence in 1..10 {
        scene.stand.smsc_says(0, &Pdu::new(SUBMIT_SM | RESPONSE, 0, sequence, b"id\0"));
    }
    assert_eq!(scene.answer(), None);
    scene.stand.smsc_says(0, &Message::mo(NUMBER, "36111", "STOP").pdu(1));
    assert_eq!(scene.answer(), Some(0x66));
    let link = scene.stand.links[0].clone().expect("up");
    link.set_room(usize::MAX);
    scene.stand.turn(|lane, _| lane.touch_link(0));
    assert!(link.read().iter().all(|pdu| pdu.command() != SUBMIT_SM));
}
