//! Owns the cutting of texts: every segmentation, in every order, over several binds, some parts twice, one verdict.
//! Must never expect a verdict by itself: the whole text's own is what all cuttings are compared with.

use super::rig::{ACME, Client, Fast, House, Stand, at};
use proptest::prelude::*;
use std::cell::RefCell;
use std::sync::Arc;
use stopgate::pdu::bind::BindKind;
use stopgate::sim::message::{MESSAGE_PAYLOAD, Message, Shape};
use stopgate::sim::wire::{Pdu, RESPONSE};

const TEXTS: [&str; 8] = [
    "-20% ce samedi. STOP 36111",
    "STOP au 36111. Soldes, tout doit partir",
    "Soldes \u{1f389} ce soir \u{1f389} STOP 36111",
    "-20% ce samedi. STOP 36222",
    "Soldes non stop 36111",
    "Tout doit partir",
    "Soldes \u{1f389}\u{1f389}\u{1f389}",
    "ST0P 36111",
];

#[derive(Clone, Copy, Debug)]
enum Way {
    Udh8,
    Udh16,
    Sar,
    Udh8InPayload,
    SarInPayload,
    Udh16InDataSm,
    SarInDataSm,
}

const WAYS: [Way; 7] =
    [Way::Udh8, Way::Udh16, Way::Sar, Way::Udh8InPayload, Way::SarInPayload, Way::Udh16InDataSm, Way::SarInDataSm];

struct Scene {
    // Its directories go last.
    _house: House,
    stand: Stand,
    binds: Vec<Client>,
    sequence: u32,
    /// Each case has a number of its own.
    number: u32,
}

impl Scene {
    fn open() -> Self {
        let now = at("2026-11-24T09:00:00Z");
        let house = House::open(ACME, Arc::new(Fast), now);
        let mut stand = Stand::new(&house, 0, now);
        stand.bind_link(0);
        let binds = (0..3).map(|_| stand.client("acme", BindKind::Transceiver).expect("bound")).collect();
        Self { _house: house, stand, binds, sequence: 0, number: 0 }
    }

    /// Sends over a bind; the status, and the text's octets that reached the operator.
    fn send(&mut self, bind: usize, message: &Message) -> (u32, Option<Vec<u8>>) {
        self.sequence += 1;
        self.stand.client_says(&self.binds[bind], message.pdu(self.sequence).octets());
        let got = self.stand.links[0].as_ref().expect("up").read();
        for sent in &got {
            let answer = Pdu::new(sent.command() | RESPONSE, 0, sent.sequence(), b"id\0");
            self.stand.smsc_says(0, &answer);
        }
        let answers = self.binds[bind].tap.read();
        let [answer] = &answers[..] else { panic!("one answer: {answers:?}") };
        let octets = got.first().map(|sent| {
            let message = Message::parse(sent).expect("readable");
            let user_data = match message.short_message.is_empty() {
                true => message.tlv(MESSAGE_PAYLOAD).unwrap_or(&[]).to_vec(),
                false => message.short_message.clone(),
            };
            let header = if message.esm_class & 0x40 == 0 { 0 } else { usize::from(user_data[0]) + 1 };
            user_data[header..].to_vec()
        });
        (answer.status(), octets)
    }
}

/// Part `at` of `total`, these octets under this data_coding.
fn part(to: &str, coding: u8, octets: &[u8], way: Way, reference: u8, total: u8, at: u8) -> Message {
    let header: &[u8] = match way {
        Way::Udh8 | Way::Udh8InPayload => &[5, 0, 3, reference, total, at],
        Way::Udh16 | Way::Udh16InDataSm => &[6, 8, 4, 1, reference, total, at],
        Way::Sar | Way::SarInPayload | Way::SarInDataSm => &[],
    };
    let user_data = [header, octets].concat();
    let mut message = Message::submit("ACME", to, "").with_octets(coding, Vec::new());
    if !header.is_empty() {
        message.esm_class = 0x40;
    } else {
        message = message.with_tlv(0x020c, [1, reference]).with_tlv(0x020e, [total]).with_tlv(0x020f, [at]);
    }
    match way {
        Way::Udh8 | Way::Udh16 | Way::Sar => message.short_message = user_data,
        Way::Udh8InPayload | Way::SarInPayload => message = message.with_tlv(MESSAGE_PAYLOAD, user_data),
        Way::Udh16InDataSm | Way::SarInDataSm => {
            message.shape = Shape::Data;
            message = message.with_tlv(MESSAGE_PAYLOAD, user_data);
        }
    }
    message
}

thread_local! {
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn every_way_of_cutting_in_every_order_over_several_binds_and_with_parts_twice_has_the_verdict_of_the_whole(
        text in prop::sample::select(TEXTS.to_vec()),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        way in prop::sample::select(WAYS.to_vec()),
        order in prop::collection::vec((any::<prop::sample::Index>(), 0usize..3, prop::bool::weighted(0.3), 0usize..3), 5),
    ) {
        SCENE.with_borrow_mut(|scene| {
            let scene = scene.get_or_insert_with(Scene::open);
            scene.number += 2;
            let (to, other) = (format!("3363998{:04}", scene.number), format!("3363998{:04}", scene.number + 1));
            let whole = Message::submit("ACME", &other, text);
            let (coding, octets) = (whole.data_coding, whole.short_message.clone());
            let (expected, _) = scene.send(0, &whole);
            prop_assert!(expected == 0 || expected == 0x65, "{:#x}", expected);
            let unit = if coding == 8 { 2 } else { 1 };
            // No part is empty: an empty payload is no text.
            let places = octets.len() / unit - 1;
            let mut edges: Vec<usize> = cuts.iter().map(|cut| (cut.index(places) + 1) * unit).collect();
            edges.extend([0, octets.len()]);
            edges.sort_unstable();
            edges.dedup();
            let total = edges.len() as u8 - 1;
            let cut: Vec<&[u8]> = edges.windows(2).map(|edge| &octets[edge[0]..edge[1]]).collect();
            let message = |at: usize| part(&to, coding, cut[at], way, 7, total, at as u8 + 1);
            let mut left: Vec<usize> = (0..cut.len()).collect();
            let mut arrived: Vec<Option<Vec<u8>>> = vec![None; cut.len()];
            let mut told: Vec<(usize, u32)> = Vec::new();
            for (pick, bind, twice, again) in order {
                if left.is_empty() {
                    break;
                }
                let at = left.swap_remove(pick.index(left.len()));
                let (status, got) = scene.send(bind, &message(at));
                let verdict = if left.is_empty() { expected } else { 0 };
                prop_assert_eq!(status, verdict, "part {} of {} by {:?}", at + 1, total, way);
                arrived[at] = got;
                told.push((at, status));
                if twice {
                    // A part that was told, over another bind: the same verdict, whatever has come since.
                    let (at, status) = told[pick.index(told.len())];
                    let (repeated, _) = scene.send(again, &message(at));
                    prop_assert_eq!(repeated, status, "part {} again", at + 1);
                }
            }
            let reached: Option<Vec<u8>> = arrived.into_iter().collect::<Option<Vec<_>>>().map(|parts| parts.concat());
            prop_assert_eq!(reached, (expected == 0).then_some(octets), "whole at the operator only if it may be");
            Ok(())
        })?;
    }
}
