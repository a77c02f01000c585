//! Owns what is remembered of messages in parts over time: ten minutes of texts, a day of what left, the hours they began in.
//! Must never wait for a clock: time passes by the test's hand.

use super::rig::{ACME, Client, Fast, House, Stand, at};
use std::sync::Arc;
use std::time::Duration;
use stopgate::compliance::optout::Engine;
use stopgate::pdu::bind::BindKind;
use stopgate::sim::message::Message;
use stopgate::sim::wire::{Pdu, RESPONSE, SUBMIT_SM};

const NUMBER: &str = "33639980050";
const MISSING: u32 = 0x65;
const OUT_OF_HOURS: u32 = 0x61;

struct Scene {
    house: House,
    stand: Stand,
    acme: Option<Client>,
    sequence: u32,
}

impl Scene {
    fn open(config: &str, now: &str) -> Self {
        let now = at(now);
        let house = House::open(config, Arc::new(Fast), now);
        let mut stand = Stand::new(&house, 0, now);
        stand.bind_link(0);
        let acme = stand.client("acme", BindKind::Transceiver);
        Self { house, stand, acme, sequence: 0 }
    }

    fn told(&mut self, message: &Message) -> u32 {
        self.sequence += 1;
        let acme = self.acme.as_ref().expect("bound");
        self.stand.client_says(acme, message.pdu(self.sequence).octets());
        for sent in self.stand.links[0].as_ref().expect("up").read() {
            let answer = Pdu::new(SUBMIT_SM | RESPONSE, 0, sent.sequence(), b"id\0");
            self.stand.smsc_says(0, &answer);
        }
        let answers = acme.tap.read();
        let answer = answers.iter().find(|pdu| pdu.command() == SUBMIT_SM | RESPONSE).expect("an answer");
        answer.status()
    }

    fn part(&mut self, text: &str, total: u8, at: u8) -> u32 {
        self.told(&Message::submit("ACME", NUMBER, text).as_part(7, total, at))
    }

    /// Time passes while nobody is connected.
    fn later(&mut self, by: Duration) {
        if let Some(gone) = self.acme.take() {
            self.stand.lose_client(gone);
        }
        self.stand.lose_link(0);
        self.stand.pass(by);
        self.stand.bind_link(0);
        self.acme = self.stand.client("acme", BindKind::Transceiver);
    }

    fn incomplete(&self) -> bool {
        self.house.shared.series.render().contains("stopgate_parts_incomplete_total{account=\"acme\"} 1\n")
    }
}

#[test]
fn a_message_that_never_becomes_whole_is_counted_after_ten_minutes_and_known_for_a_day() {
    let mut scene = Scene::open(ACME, "2026-11-24T09:00:00Z");
    assert_eq!(scene.part("-20% ce samedi ", 2, 1), 0);
    scene.later(Duration::from_secs(599));
    assert!(!scene.incomplete());
    scene.stand.pass(Duration::from_secs(1));
    assert!(scene.incomplete());
    assert_eq!(scene.part("-90% ce samedi ", 2, 1), MISSING, "another text for a part that left");
    assert_eq!(scene.part("venez nombreux", 2, 2), MISSING, "nobody knows the whole any more");
    scene.later(Duration::from_secs(24 * 3600 - 601));
    assert_eq!(scene.part("-90% ce samedi ", 2, 1), MISSING, "a second before a day is over");
    scene.stand.pass(Duration::from_secs(1));
    assert_eq!(scene.part("-90% ce samedi ", 2, 1), 0, "a day later another message begins");
    assert_eq!(scene.part("STOP 36111", 2, 2), 0);
}

#[test]
fn a_reload_that_closes_the_hours_between_two_parts_lets_the_second_follow_the_first() {
    let wide = format!("{ACME}pack = \"fr-8-20\"\n");
    // Half past eight on a Saturday morning in Paris: open from eight, or from ten.
    let mut scene = Scene::open(&wide, "2026-11-28T07:30:00Z");
    assert_eq!(scene.part("-20% ce samedi ", 2, 1), 0);
    let narrow = Arc::new(scene.house.settings(ACME, scene.stand.now.civil));
    scene.house.shared.renew(Arc::clone(&narrow), Engine::new(&narrow.packs()));
    scene.stand.turn(|lane, now| lane.reload(narrow, now));
    let alone = Message::submit("ACME", "33639980051", "-20% ce samedi. STOP 36111");
    assert_eq!(scene.told(&alone), OUT_OF_HOURS, "the new pack holds for what begins now");
    assert_eq!(scene.part("STOP 36111", 2, 2), 0);
}
