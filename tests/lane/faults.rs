//! Owns what a lane does when its disk fails in the middle of a turn.
//! Must never call a STOP kept that is not in the events, nor let a promo leave whose verdict is not recorded.

use super::rig::{ACME, Client, House, NoRoomFor, Stand, at};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stopgate::compliance::facts::{Evidence, SuppressionList};
use stopgate::gateway::lane::Lane;
use stopgate::message::msisdn::Msisdn;
use stopgate::message::name::NameId;
use stopgate::pdu::bind::BindKind;
use stopgate::sim::message::Message;
use stopgate::sim::wire::{DELIVER_SM, Pdu, RESPONSE, SUBMIT_SM};
use tokio::time::Instant;

const PROMO: &str = "Soldes: -20% samedi. STOP 36111";
const LONGER_THAN_A_DISK_TAKES: Duration = Duration::from_secs(20);

struct Scene {
    house: House,
    stand: Stand,
    acme: Client,
    full: NoRoomFor,
}

impl Scene {
    fn open() -> Self {
        Self::without_room_for("verdicts")
    }

    fn without_room_for(what: &'static str) -> Self {
        let full = NoRoomFor(what, Arc::default());
        let now = at("2026-11-24T09:00:00Z");
        let house = House::open(ACME, Arc::new(full.clone()), now);
        let mut stand = Stand::new(&house, 0, now);
        stand.bind_link(0);
        let acme = stand.client("acme", BindKind::Transceiver).expect("bound");
        Self { house, stand, acme, full }
    }

    fn submitted(&self) -> Vec<Pdu> {
        let link = self.stand.links[0].as_ref().expect("up").read();
        link.into_iter().filter(|pdu| pdu.command() == SUBMIT_SM).collect()
    }

    fn ledger_is_whole_again(&self) {
        let until = Instant::now() + LONGER_THAN_A_DISK_TAKES;
        while self.house.shared.ledger.evidence() != Evidence::Whole {
            assert!(Instant::now() < until, "the gap is not closed");
            std::thread::yield_now();
        }
    }

    /// The next answer to a deliver_sm, once the disk has what it waits for: the shell's bell would ring.
    fn answer_to_the_operator(&mut self) -> Pdu {
        let link = self.stand.links[0].clone().expect("up");
        let until = Instant::now() + LONGER_THAN_A_DISK_TAKES;
        loop {
            self.stand.turn(Lane::durable_further);
            if let Some(answer) = link.read().into_iter().find(|pdu| pdu.command() == DELIVER_SM | RESPONSE) {
                return answer;
            }
            assert!(Instant::now() < until, "the STOP is not acknowledged");
            std::thread::yield_now();
        }
    }

    /// The tags and kinds of all verdicts.
    fn verdicts(&self) -> Vec<String> {
        let mut verdicts = self.house.shared.ledger.read_verdicts(0, u64::MAX);
        std::iter::from_fn(|| verdicts.next_verdict().expect("readable"))
            .map(|record| format!("{:?}", record.kind))
            .collect()
    }
}

fn number(text: &str) -> Msisdn {
    Msisdn::from_canonical(text.parse().expect("digits")).expect("a number")
}

#[test]
fn a_stop_whose_event_is_recorded_is_acknowledged_although_the_verdicts_beside_it_are_not() {
    let mut scene = Scene::open();
    scene.full.1.store(true, Ordering::SeqCst);
    let stop = Message::mo("33639980001", "36111", "STOP").pdu(7);
    let promo = Message::submit("ACME", "33639980002", PROMO).pdu(9);
    scene.stand.turn(|lane, now| {
        lane.link_octets(0, stop.octets(), now);
        lane.esme_octets(scene.acme.at.slot, promo.octets(), now);
    });
    // The promo has no record, so it did not leave, and its sender knows.
    let link = scene.stand.links[0].clone().expect("up");
    assert!(link.read().is_empty(), "neither the promo nor an answer to the STOP, which is not durable yet");
    let answers = scene.acme.tap.read();
    let [refused] = &answers[..] else { panic!("one answer: {answers:?}") };
    assert_eq!((refused.command(), refused.status(), refused.sequence()), (SUBMIT_SM | RESPONSE, 0x08, 9));
    let shared = Arc::clone(&scene.house.shared);
    let tag = shared.tags.tag(number("33639980001"));
    assert!(shared.index.is_suppressed(&tag, NameId::NONE, 0));
    assert!(shared.ledger.wait_durable(shared.ledger.events_appended() - 1, LONGER_THAN_A_DISK_TAKES));
    let answer = scene.answer_to_the_operator();
    assert_eq!((answer.status(), answer.sequence()), (0, 7));
}

#[test]
fn what_was_withdrawn_for_want_of_a_record_leaves_no_record_behind_that_nothing_explains() {
    let mut scene = Scene::open();
    scene.full.1.store(true, Ordering::SeqCst);
    scene.stand.client_says(&scene.acme, Message::submit("ACME", "33639980003", PROMO).pdu(9).octets());
    assert_eq!(scene.acme.tap.read()[0].status(), 0x08);
    scene.full.1.store(false, Ordering::SeqCst);
    scene.ledger_is_whole_again();
    scene.stand.client_says(&scene.acme, Message::submit("ACME", "33639980004", PROMO).pdu(10).octets());
    assert_eq!(scene.submitted().len(), 1, "the second alone");
    assert_eq!(scene.verdicts(), ["Permitted"]);
}

#[test]
fn a_stop_is_acknowledged_although_the_spool_has_no_room_for_the_copy_of_its_owner() {
    let mut scene = Scene::without_room_for("items");
    scene.full.1.store(true, Ordering::SeqCst);
    for (number, sequence) in [("33639980001", 7), ("33639980002", 8)] {
        let stop = Message::mo(number, "36111", "STOP").pdu(sequence);
        scene.stand.turn(|lane, now| lane.link_octets(0, stop.octets(), now));
        let shared = Arc::clone(&scene.house.shared);
        assert!(shared.ledger.wait_durable(shared.ledger.events_appended() - 1, LONGER_THAN_A_DISK_TAKES));
        let answer = scene.answer_to_the_operator();
        assert_eq!((answer.status(), answer.sequence()), (0, sequence));
    }
}

#[test]
fn while_the_list_is_made_again_promos_wait_stops_are_kept_and_starts_come_again() {
    let mut scene = Scene::without_room_for("nothing");
    let shared = Arc::clone(&scene.house.shared);
    shared.ledger.set_behind(true);
    scene.stand.client_says(&scene.acme, Message::submit("ACME", "33639980005", PROMO).pdu(9).octets());
    assert_eq!(scene.acme.tap.read()[0].status(), 0x08, "SG153: who is on the list is not known yet");
    let says = |scene: &mut Scene, text: &str, sequence| {
        let mo = Message::mo("33639980006", "36111", text).pdu(sequence);
        scene.stand.turn(|lane, now| lane.link_octets(0, mo.octets(), now));
        let answer = scene.answer_to_the_operator();
        assert_eq!(answer.sequence(), sequence);
        answer.status()
    };
    assert_eq!(says(&mut scene, "STOP", 7), 0);
    assert_eq!(says(&mut scene, "START", 8), 0x08, "a lift names the stops it has seen");
    shared.ledger.set_behind(false);
    let tag = shared.tags.tag(number("33639980006"));
    assert!(shared.index.is_suppressed(&tag, NameId::NONE, 0));
    assert_eq!(says(&mut scene, "START", 9), 0);
    scene.stand.client_says(&scene.acme, Message::submit("ACME", "33639980005", PROMO).pdu(10).octets());
    assert!(scene.submitted().iter().any(|pdu| Message::parse(pdu).is_some_and(|one| one.source.as_text() == "ACME")));
}
