//! Owns the parts of replies over time: acknowledged behind the disk, alone after a minute, forgotten after ten.
//! Must never wait for a clock: time passes by the test's hand.

use super::rig::{ACME, House, Stand, at};
use std::sync::Arc;
use std::time::Duration;
use stopgate::compliance::facts::SuppressionList;
use stopgate::gateway::lane::Lane;
use stopgate::journal::disk::RealDisk;
use stopgate::message::msisdn::Msisdn;
use stopgate::message::name::NameId;
use stopgate::sim::message::Message;
use stopgate::sim::wire::{DELIVER_SM, Pdu, RESPONSE, SUBMIT_SM};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(20);

struct Scene {
    house: House,
    stand: Stand,
    /// What the operator got and no test has asked for yet.
    got: Vec<Pdu>,
}

impl Scene {
    fn open() -> Self {
        let now = at("2026-11-24T09:00:00Z");
        let house = House::open(ACME, Arc::new(RealDisk), now);
        house.shared.ring_when_durable();
        let mut stand = Stand::new(&house, 0, now);
        stand.bind_link(0);
        Self { house, stand, got: Vec::new() }
    }

    /// A part comes, and is acknowledged in its turn or in one to come.
    fn hears(&mut self, number: &str, text: &str, (reference, total, at): (u8, u8, u8)) {
        let part = Message::mo(number, "36111", text).as_part(reference, total, at);
        self.stand.smsc_says(0, &part.pdu(77));
        let answer = self.waits_for(DELIVER_SM | RESPONSE);
        assert_eq!(answer.status(), 0, "{text}");
    }

    fn waits_for(&mut self, command: u32) -> Pdu {
        let until = Instant::now() + SOON;
        loop {
            self.got.extend(self.stand.links[0].as_ref().expect("up").read());
            if let Some(found) = self.got.extract_if(.., |pdu| pdu.command() == command).next() {
                return found;
            }
            assert!(Instant::now() < until, "nothing comes");
            self.stand.turn(Lane::durable_further);
        }
    }

    fn is_stopped(&self, number: &str) -> bool {
        let number = Msisdn::from_canonical(number.parse().expect("digits")).expect("a number");
        let tag = self.house.shared.tags.tag(number);
        self.house.shared.index.is_suppressed(&tag, NameId::NONE, 0)
    }

    fn sends_nothing(&mut self) {
        self.stand.turn(Lane::durable_further);
        self.got.extend(self.stand.links[0].as_ref().expect("up").read());
        assert!(self.got.iter().all(|pdu| pdu.command() != SUBMIT_SM), "{:?}", self.got);
    }
}

#[test]
fn a_part_is_not_acknowledged_before_it_is_on_the_disk() {
    let mut scene = Scene::open();
    let part = Message::mo("33639980030", "36111", "Bonjour, ").as_part(1, 2, 1);
    scene.stand.smsc_says(0, &part.pdu(77));
    // Its own turn cannot have waited for the disk; whatever comes later does.
    let record = scene.house.shared.part_journal.is_durable(0);
    let got = scene.stand.links[0].as_ref().expect("up").read();
    assert!(record || got.is_empty(), "{got:?}");
    assert_eq!(scene.waits_for(DELIVER_SM | RESPONSE).status(), 0);
    assert!(scene.house.shared.part_journal.is_durable(0));
}

#[test]
fn a_part_that_asks_who_writes_is_answered_alone_after_a_minute_and_half_a_start_lifts_nothing() {
    let mut scene = Scene::open();
    scene.hears("33639980031", "CONTACT", (1, 2, 1));
    scene.hears("33639980032", "STOP", (2, 2, 1));
    assert!(scene.is_stopped("33639980032"), "a STOP does not wait");
    assert_eq!(scene.waits_for(SUBMIT_SM).status(), 0, "its confirmation");
    scene.hears("33639980032", "START", (3, 2, 1));
    scene.hears("33639980033", "CONTACT", (4, 2, 1));
    scene.hears("33639980033", "ez mon conseiller demain", (4, 2, 2));
    scene.sends_nothing();
    scene.stand.pass(Duration::from_secs(59));
    scene.sends_nothing();
    scene.stand.pass(Duration::from_secs(1));
    let answer = scene.waits_for(SUBMIT_SM);
    let answer = Message::parse(&answer).expect("readable");
    assert_eq!((answer.destination.as_text(), answer.source.as_text()), ("33639980031".into(), "36111".into()));
    assert!(answer.text().contains("ACME SAS"), "{}", answer.text());
    scene.stand.pass(Duration::from_secs(60));
    scene.sends_nothing();
    assert!(scene.is_stopped("33639980032"));
}

#[test]
fn parts_are_joined_for_ten_minutes_and_not_after() {
    let texts = ["Bonjour, merci de ne plus m'en", "voyer de messages"];
    for (wait, stopped) in [(599, true), (600, false)] {
        let mut scene = Scene::open();
        scene.hears("33639980034", texts[0], (1, 2, 1));
        scene.stand.pass(Duration::from_secs(wait));
        scene.stand.lose_link(0);
        scene.stand.pass(Duration::from_millis(1));
        scene.stand.now.civil = scene.stand.now.civil.minus(Duration::from_millis(1));
        scene.stand.now.monotonic = scene.stand.now.monotonic.plus(Duration::from_secs(60));
        scene.stand.bind_link(0);
        scene.hears("33639980034", texts[1], (1, 2, 2));
        assert_eq!(scene.is_stopped("33639980034"), stopped, "after {wait} s");
    }
}
