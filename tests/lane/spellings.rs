//! Owns the way of a number from its spelling to the operator: one key in the records, one form on the wire for each operator.
//! Must never know how numbers are read: what comes out is compared, spelling by spelling.

use super::rig::{Fast, House, Stand, at};
use proptest::prelude::*;
use std::cell::RefCell;
use std::sync::Arc;
use stopgate::pdu::bind::BindKind;
use stopgate::sim::message::{Address, MESSAGE_PAYLOAD, Message, Shape};
use stopgate::sim::wire::{Pdu, RESPONSE};

const PROMO: &str = "Soldes: -20% samedi. STOP 36111";
const FORMATS: [&str; 4] = ["e164", "plus", "00", "national"];

/// Four operators, each with its own way of writing numbers, and an account on each.
fn config() -> String {
    let mut config =
        "node = \"test-1\"\n[smpp]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    for format in FORMATS {
        config += &format!(
            "[[smsc]]\nname = \"smsc-{format}\"\naddress = \"127.0.0.1:1\"\nsystem_id = \"stopgate\"\npassword = \"operator\"\n\
             links = 1\nwindow = 10\ndestination_format = \"{format}\"\n"
        );
    }
    for format in FORMATS {
        config += &format!(
            "[[account]]\nsystem_id = \"by-{format}\"\npassword = \"secret\"\nsmsc = \"smsc-{format}\"\nclass = \"commercial\"\n\
             senders = [\"ACME\"]\nstop_codes = [\"36111\"]\nidentity = \"ACME SAS\"\nconsent = \"declared\"\n\
             consent_statement = \"Opt-in by web form, wording v3, signed 2026-10-01\"\n"
        );
    }
    config
        + "[[short_code]]\nnumber = \"36111\"\naccounts = [\"by-e164\", \"by-plus\", \"by-00\", \"by-national\"]\nidentity = \"ACME SAS\"\n"
}

/// What of the destination reached the operator, and under which tag the ledger has it.
#[derive(Debug, PartialEq, Eq)]
struct Arrived {
    destination: Address,
    tag: [u8; 16],
}

struct Scene {
    house: House,
    stand: Stand,
    sequence: u32,
}

impl Scene {
    fn open() -> Self {
        // Open in Paris, Reunion, Mayotte and the Antilles alike.
        let now = at("2026-11-24T13:00:00Z");
        let house = House::open(&config(), Arc::new(Fast), now);
        let mut stand = Stand::new(&house, 0, now);
        for slot in 0..stand.links.len() {
            stand.bind_link(slot);
        }
        Self { house, stand, sequence: 0 }
    }

    fn send(&mut self, format: usize, shape: Shape, ton: u8, text: &str) -> Arrived {
        self.sequence += 1;
        let name = format!("by-{}", FORMATS[format]);
        let client = self.stand.client(&name, BindKind::Transceiver).expect("bound");
        let mut message = Message::submit("ACME", "33639980000", PROMO);
        if shape == Shape::Data {
            message = Message { shape, short_message: Vec::new(), ..message }.with_tlv(MESSAGE_PAYLOAD, PROMO);
        }
        message.destination = Address { ton, npi: 1, text: text.into() };
        self.stand.client_says(&client, message.pdu(self.sequence).octets());
        let slot = (0..FORMATS.len()).find(|slot| {
            let smsc = self.stand.lane.links[*slot].smsc;
            self.stand.lane.smscs[smsc].settings.name == format!("smsc-{}", FORMATS[format])
        });
        let slot = slot.expect("a link of its operator");
        let got = self.stand.links[slot].as_ref().expect("up").read();
        let [sent] = &got[..] else { panic!("{ton} {text}: {:?}", client.tap.read()) };
        let arrived = Message::parse(sent).expect("readable");
        let answer = Pdu::new(sent.command() | RESPONSE, 0, sent.sequence(), b"id\0");
        self.stand.smsc_says(slot, &answer);
        self.stand.lose_client(client);
        let ledger = &self.house.shared.ledger;
        let mut last = ledger.read_verdicts(ledger.verdicts_appended() - 1, u64::MAX);
        let record = last.next_verdict().expect("readable").expect("a verdict");
        Arrived { destination: arrived.destination, tag: record.tag.expect("a number").0 }
    }
}

/// A mobile number: its country's code and what stands behind it. The block reserved for fiction, and overseas ranges.
fn any_mobile() -> impl Strategy<Value = (&'static str, String)> {
    prop_oneof![
        3 => (0u32..10_000).prop_map(|number| ("33", format!("63998{number:04}"))),
        1 => (0u32..10_000).prop_map(|number| ("262", format!("69200{number:04}"))),
        1 => (0u32..10_000).prop_map(|number| ("262", format!("63900{number:04}"))),
        1 => (0u32..10_000).prop_map(|number| ("590", format!("69000{number:04}"))),
        1 => (0u32..10_000).prop_map(|number| ("594", format!("69400{number:04}"))),
        1 => (0u32..10_000).prop_map(|number| ("596", format!("69600{number:04}"))),
    ]
}

thread_local! {
    /// One house for all cases: numbers come again, and nothing is remembered of them.
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_spelling_of_a_number_has_one_key_and_reaches_each_operator_in_one_form((code, national) in any_mobile()) {
        let canonical = format!("{code}{national}");
        let (two, rest) = national.split_at(2);
        let spellings: Vec<(u8, String)> = vec![
            (1, canonical.clone()),
            (0, canonical.clone()),
            (1, format!("+{canonical}")),
            (0, format!("+{canonical}")),
            (1, format!("00{canonical}")),
            (0, format!("00{canonical}")),
            (0, format!("0{national}")),
            (2, format!("0{national}")),
            (2, national.clone()),
            (1, format!("{code}0{national}")),
            (1, format!("+{code}(0){national}")),
            (1, format!("+{code} (0){two} {rest}")),
            (1, format!("{code} {two} {rest}")),
            (1, format!("{code}-{two}-{rest}")),
            (1, format!("33{national}")),
            (0, format!("0033{national}")),
            (1, format!("+33(0){national}")),
            (1, format!("330{national}")),
        ];
        SCENE.with_borrow_mut(|scene| {
            let scene = scene.get_or_insert_with(Scene::open);
            let mut tags = Vec::new();
            for (format, name) in FORMATS.iter().enumerate() {
                let expected = scene.send(format, Shape::Submit, 1, &canonical);
                let written = String::from_utf8(expected.destination.text.clone()).expect("digits");
                let ends = written.ends_with(&national) && (written.contains(code) || *name == "national");
                prop_assert!(ends, "{} of {}: {}", name, canonical, written);
                for (ton, text) in &spellings {
                    for shape in [Shape::Submit, Shape::Data] {
                        let arrived = scene.send(format, shape, *ton, text);
                        prop_assert_eq!(&arrived, &expected, "{} {:?} by {}", ton, text, name);
                    }
                }
                tags.push(expected.tag);
            }
            prop_assert!(tags.windows(2).all(|pair| pair[0] == pair[1]), "one key, whatever the operator");
            Ok(())
        })?;
    }
}
