//! Owns the self-audit played through a lane: what it must count as a leak, made to happen, and what it must not.
//! Must never tell the audit anything: the faults are in what it audits, in the list or behind the gate.

use super::rig::{ACME, Client, Fast, House, Stand, at};
use std::sync::Arc;
use std::time::Duration;
use stopgate::gateway::lane::Lane;
use stopgate::ledger::Event;
use stopgate::ledger::suppression_event::{EventId, Lift, LiftSource, Scope, Stop, StopSource, SuppressionEvent};
use stopgate::message::msisdn::Msisdn;
use stopgate::message::name::NameId;
use stopgate::message::tag::NumberTag;
use stopgate::net::wire::Wire;
use stopgate::pdu::bind::BindKind;
use stopgate::sim::message::Message;
use stopgate::sim::wire::{DELIVER_SM, Pdu, RESPONSE, SUBMIT_SM};

const PROMO: &str = "Soldes: -20% samedi. STOP 36111";
const NUMBER: &str = "33639980040";
const OTHER: &str = "33639980041";
const OPTED_OUT: u32 = 0x66;

struct Scene {
    house: House,
    stand: Stand,
    acme: Client,
}

impl Scene {
    fn open(more: &str) -> Self {
        let now = at("2026-11-24T09:00:00Z");
        let house = House::open(&format!("{ACME}{more}"), Arc::new(Fast), now);
        let mut stand = Stand::new(&house, 0, now);
        stand.bind_link(0);
        let acme = stand.client("acme", BindKind::Transceiver).expect("bound");
        Self { house, stand, acme }
    }

    /// Submits as acme; the status when it is answered at once.
    fn submit(&mut self, message: &Message) -> Option<u32> {
        self.stand.client_says(&self.acme, message.pdu(5).octets());
        self.answered()
    }

    fn promo(&mut self, number: &str) -> Option<u32> {
        self.submit(&Message::submit("ACME", number, PROMO))
    }

    fn answered(&self) -> Option<u32> {
        let answers = self.acme.tap.read();
        answers.iter().find(|pdu| pdu.command() == SUBMIT_SM | RESPONSE).map(Pdu::status)
    }

    /// What a person writes, acknowledged.
    fn says(&mut self, number: &str, text: &str) {
        self.stand.smsc_says(0, &Message::mo(number, "36111", text).pdu(1));
        self.wait_for_ack();
    }

    fn wait_for_ack(&mut self) {
        let link = self.stand.links[0].clone().expect("up");
        let acked = |pdus: Vec<Pdu>| pdus.iter().any(|pdu| pdu.command() == DELIVER_SM | RESPONSE && pdu.status() == 0);
        while !acked(link.read()) {
            std::thread::yield_now();
            self.stand.turn(Lane::durable_further);
        }
    }

    fn audited(&mut self) -> (u64, u64) {
        self.stand.lane.hand_over_left();
        self.house.audited()
    }

    fn tag(&self, number: &str) -> NumberTag {
        self.house.shared.tags.tag(Msisdn::from_canonical(number.parse().expect("digits")).expect("a number"))
    }

    /// Breaks the list: a lift in RAM that no event records. The judge and the gate believe it.
    fn forget_the_stop(&self, number: &str) {
        let (shared, tag) = (&self.house.shared, self.tag(number));
        let lift = Lift {
            id: EventId { origin: 1, number: 1 },
            tag,
            source: LiftSource::Handset,
            accounts: vec![shared.ledger.handle("acme").expect("a name")],
            seen: shared.stops_seen(&tag),
            smsc: NameId::NONE,
            short_code: 36_111,
            people: [NameId::NONE; 2],
            detail: NameId::NONE,
        };
        assert!(shared.lift_in_ram(&SuppressionEvent::Lift(lift)));
    }
}

#[test]
fn a_promo_that_a_broken_list_lets_through_after_an_acknowledged_stop_is_counted() {
    let mut scene = Scene::open("");
    scene.says(NUMBER, "STOP");
    assert_eq!(scene.promo(NUMBER), Some(OPTED_OUT));
    // The confirmation has left, and nothing else.
    assert_eq!(scene.audited().1, 0);
    scene.forget_the_stop(NUMBER);
    assert_eq!(scene.promo(NUMBER), None, "it leaves");
    assert_eq!(scene.promo(OTHER), None);
    assert_eq!(scene.audited(), (2, 1));
    assert_eq!(scene.promo(NUMBER), None, "once more");
    assert_eq!(scene.audited(), (3, 2));
}

#[test]
fn octets_that_reach_the_socket_past_the_gate_are_counted() {
    let mut scene = Scene::open("");
    scene.says(NUMBER, "STOP");
    let rogue = Message::submit("ACME", NUMBER, PROMO).pdu(0x7000_0000);
    let wire = scene.stand.lane.links[0].wire.clone().expect("up");
    // Half of it, and then the rest: it has left with its last octet.
    let (half, rest) = rogue.octets().split_at(30);
    wire.try_write(half).expect("taken");
    scene.stand.turn(|lane, _| lane.touch_link(0));
    assert_eq!(scene.audited().1, 0);
    wire.try_write(rest).expect("taken");
    wire.try_write(Message::submit("ACME", OTHER, PROMO).pdu(0x7000_0001).octets()).expect("taken");
    scene.stand.turn(|lane, _| lane.touch_link(0));
    assert_eq!(scene.audited(), (2, 1), "one to a number that said STOP, one to one that did not");
}

#[test]
fn what_may_leave_is_no_leak() {
    let bank = ACME.split_once("[[account]]").expect("an account").1;
    let bank = bank.replace("acme", "bank").replace("\"ACME\", \"36111\"", "\"BANK\"");
    let bank = bank.replace("class = \"commercial\"", "class = \"transactional\"");
    let bank = bank.replace("stop_codes = [\"36111\"]", "");
    let mut scene = Scene::open(&format!("[[account]]{bank}"));
    assert_eq!(scene.promo(NUMBER), None, "before the STOP");
    scene.says(NUMBER, "STOP");
    let bank = scene.stand.client("bank", BindKind::Transceiver).expect("bound");
    scene.stand.client_says(&bank, Message::submit("BANK", NUMBER, "Votre code: 123456").pdu(1).octets());
    let confirmed = scene.stand.links[0].as_ref().expect("up").read();
    assert!(confirmed.iter().any(|pdu| pdu.command() == SUBMIT_SM), "the code, after the STOP");
    assert_eq!(scene.promo(NUMBER), Some(OPTED_OUT));
    scene.says(NUMBER, "START");
    assert_eq!(scene.promo(NUMBER), None, "START reopens");
    for part in 1..=2 {
        let half = if part == 1 { "Soldes: -20% " } else { "samedi. STOP 36111" };
        assert_eq!(scene.submit(&Message::submit("ACME", NUMBER, half).as_part(9, 2, part)), None, "part {part}");
    }
    let (audited, leaks) = scene.audited();
    assert_eq!((audited, leaks), (5, 0));
    scene.says(NUMBER, "STOP");
    assert_eq!(scene.promo(NUMBER), Some(OPTED_OUT));
    assert_eq!(scene.audited(), (5, 0));
}

#[test]
fn a_stop_of_one_account_s_scope_stops_that_account_in_the_audit_too() {
    let other = ACME.split_once("[[account]]").expect("an account").1;
    let other = other.replace("acme", "other").replace("\"ACME\", \"36111\"", "\"OTHER\"").replace("36111", "36222");
    let mut scene = Scene::open(&format!("stop_scope = \"account\"\n[[account]]{other}"));
    assert_eq!(scene.promo(NUMBER), None);
    scene.says(NUMBER, "STOP");
    assert_eq!(scene.promo(NUMBER), Some(OPTED_OUT));
    let other = scene.stand.client("other", BindKind::Transceiver).expect("bound");
    scene.stand.client_says(&other, Message::submit("OTHER", NUMBER, "Soldes. STOP 36222").pdu(1).octets());
    assert_eq!(scene.audited(), (2, 0), "the other account may");
    scene.forget_the_stop(NUMBER);
    assert_eq!(scene.promo(NUMBER), None);
    assert_eq!(scene.audited(), (3, 1));
}

#[test]
fn a_promo_that_was_half_written_when_the_stop_came_is_finished_before_the_ack_and_is_no_leak() {
    let mut scene = Scene::open("");
    let link = scene.stand.links[0].clone().expect("up");
    link.set_room(20);
    assert_eq!(scene.promo(NUMBER), None);
    assert!(link.is_torn());
    scene.stand.smsc_says(0, &Message::mo(NUMBER, "36111", "STOP").pdu(1));
    scene.stand.pass(Duration::from_millis(100));
    assert_eq!(scene.audited(), (0, 0), "it has not left");
    link.set_room(usize::MAX);
    scene.stand.turn(|lane, _| lane.touch_link(0));
    scene.wait_for_ack();
    assert_eq!(scene.audited(), (1, 0));
    assert_eq!(scene.promo(NUMBER), Some(OPTED_OUT));
}

#[test]
fn a_stop_that_came_another_way_counts_once_every_lane_knows_it() {
    let mut scene = Scene::open("");
    assert_eq!(scene.promo(OTHER), None);
    // As an import does: the list first, then the disk.
    let (shared, tag) = (Arc::clone(&scene.house.shared), scene.tag(OTHER));
    let event = SuppressionEvent::Stop(Stop {
        id: shared.ledger.next_event_id(),
        tag,
        scope: Scope::Global,
        source: StopSource::Import,
        account: NameId::NONE,
        smsc: NameId::NONE,
        short_code: 0,
        answers: None,
        detail: NameId::NONE,
    });
    shared.suppress_in_ram(&event);
    let mut appender = shared.ledger.appender();
    let ticket = appender.event(scene.stand.now.civil, &Event::Suppression(event), None).expect("taken");
    let seq = appender.commit(scene.stand.now.civil).expect("appended").seq(ticket);
    assert!(shared.ledger.wait_durable(seq, Duration::from_secs(60)));
    scene.stand.pass(Duration::from_millis(100));
    assert_eq!(scene.audited(), (1, 0));
    scene.forget_the_stop(OTHER);
    assert_eq!(scene.promo(OTHER), None);
    assert_eq!(scene.audited(), (2, 1));
}

#[test]
fn a_stop_of_an_earlier_run_counts_from_the_start() {
    let mut scene = Scene::open("");
    scene.says(NUMBER, "STOP");
    let (home, now) = (scene.house.home.clone(), scene.stand.now.civil);
    drop(scene);
    let house = House::open_again(home, ACME, Arc::new(Fast), now);
    let mut stand = Stand::new(&house, 0, now);
    stand.bind_link(0);
    let acme = stand.client("acme", BindKind::Transceiver).expect("bound");
    let mut scene = Scene { house, stand, acme };
    assert_eq!(scene.promo(NUMBER), Some(OPTED_OUT));
    assert_eq!(scene.audited(), (0, 0));
    scene.forget_the_stop(NUMBER);
    assert_eq!(scene.promo(NUMBER), None);
    assert_eq!(scene.audited(), (1, 1));
}
