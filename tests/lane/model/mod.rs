//! Owns the model test: random sequences of PDUs, replies, losses and time through a lane, every octet that leaves checked by
//! an independent reading of the law.
//! Must never pass because nothing left: what reached the operator is counted.

mod law;
mod octets;
mod step;

use super::rig::{Client, Fast, House, Stand, at};
use law::{ACCOUNTS, Law, Passed, View};
use std::sync::Arc;
use std::time::Duration;
use step::{Answering, BEGINNINGS, Step, draw};
use stopgate::gateway::esme::Closing;
use stopgate::gateway::lane::Lane;
use stopgate::gateway::settings::Settings;
use stopgate::message::instant::CivilInstant;
use stopgate::pdu::bind::BindKind;
use stopgate::sim::message::Message;
use stopgate::sim::wire::*;

/// Sequences of a run, and of a long one (`STOPGATE_LONG=1`); `STOPGATE_SEQUENCES` names any other number.
const SEQUENCES: u64 = 100_000;
const SEQUENCES_LONG: u64 = 3_000_000;
/// Sequences that share a house: each has numbers of its own, and the block reserved for fiction has ten thousand.
const SHARING: u64 = 4_000;
/// Runs spent on making a failing sequence smaller.
const ATTEMPTS: usize = 400;

const CONFIG: &str = r#"
node = "test-1"
[smpp]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[[smsc]]
name = "operator-a"
address = "127.0.0.1:1"
system_id = "stopgate"
password = "operator"
links = 2
window = 3
[[account]]
system_id = "acme"
password = "secret"
smsc = "operator-a"
class = "commercial"
senders = ["ACME"]
stop_codes = ["36111"]
pack = "PACK"
identity = "ACME SAS"
consent = "declared"
consent_statement = "Opt-in by web form, wording v3, signed 2026-10-01"
[[account]]
system_id = "other"
password = "secret"
smsc = "operator-a"
class = "commercial"
senders = ["OTHER"]
stop_codes = ["36222"]
pack = "PACK"
submit_multi = "filter"
identity = "OTHER SAS"
consent = "declared"
consent_statement = "Opt-in by web form, wording v3, signed 2026-10-01"
[[account]]
system_id = "mix"
password = "secret"
smsc = "operator-a"
class = "mixed"
senders = ["MIX"]
stop_codes = ["36111"]
pack = "PACK"
identity = "MIX SAS"
consent = "declared"
consent_statement = "Opt-in by web form, wording v3, signed 2026-10-01"
[account.transactional]
service_types = ["OTP"]
[[account]]
system_id = "bank"
password = "secret"
smsc = "operator-a"
class = "transactional"
senders = ["BANK"]
pack = "PACK"
consent = "off"
[[short_code]]
number = "36111"
accounts = ["acme", "mix"]
identity = "ACME SAS"
confirmation = "operator"
[[short_code]]
number = "36222"
accounts = ["other"]
confirmation = "operator"
"#;

/// The system_ids, in the order of `ACCOUNTS`.
const SYSTEM_IDS: [&str; 4] = ["acme", "other", "mix", "bank"];

/// A house and the two configurations that a reload goes between.
struct World {
    house: House,
    settings: [Arc<Settings>; 2],
}

impl World {
    fn build() -> Self {
        let now = at("2026-11-01T00:00:00Z");
        let narrow = CONFIG.replace("PACK", "fr-strict");
        let wide = CONFIG.replace("PACK", "fr-8-20");
        let house = House::open(&narrow, Arc::new(Fast), now);
        let settings = [house.shared.settings.load_full(), Arc::new(house.settings(&wide, now))];
        Self { house, settings }
    }

    /// The gateway's own audit of what left must see nothing; how many messages it has looked at.
    fn audit(&self) -> Result<u64, String> {
        match self.house.audited() {
            (audited, 0) => Ok(audited),
            (audited, leaks) => Err(format!("the self-audit sees {leaks} leaks in {audited} messages")),
        }
    }

    fn use_settings(&self, wide: bool) -> Arc<Settings> {
        let settings = Arc::clone(&self.settings[usize::from(wide)]);
        // The packs of both have the same keywords: what a reply means need not be compiled anew ten thousand times.
        self.house.shared.settings.store(Arc::clone(&settings));
        settings
    }
}

/// One sequence while it is played.
struct Play<'w> {
    world: &'w World,
    stand: Stand,
    clients: Vec<Option<Client>>,
    law: Law,
    numbers: [String; 3],
    /// Requests of the lane that the operator has not answered, by link.
    unanswered: [Vec<Pdu>; 2],
    /// What held when the first octet of a PDU left whose last has not.
    begun: [Option<View>; 2],
    /// Since when the first part of a torn STOP is known, by number and part.
    torn: [[Option<CivilInstant>; 2]; 3],
    wide: bool,
    sequence: u32,
}

impl<'w> Play<'w> {
    fn open(world: &'w World, index: u64, beginning: usize) -> Self {
        world.use_settings(false);
        let now = at(BEGINNINGS[beginning]);
        let mut stand = Stand::new(&world.house, 0, now);
        for slot in 0..2 {
            stand.bind_link(slot);
        }
        let clients = SYSTEM_IDS.iter().map(|name| stand.client(name, BindKind::Transceiver)).collect();
        let index = index % SHARING;
        let numbers =
            [format!("3363998{:04}", 2 * index), format!("3363998{:04}", 2 * index + 1), format!("262692{index:06}")];
        let mut law = Law::default();
        law.view.now = now;
        Self {
            world,
            stand,
            clients,
            law,
            numbers,
            unanswered: Default::default(),
            begun: Default::default(),
            torn: Default::default(),
            wide: false,
            sequence: 1,
        }
    }

    fn play(&mut self, steps: &[Step]) -> Result<(), String> {
        for (at, step) in steps.iter().enumerate() {
            self.step(*step);
            self.observe().map_err(|what| format!("step {at}: {what}"))?;
        }
        // What waits may still leave: sockets open, answers come, time passes.
        for _ in 0..2 {
            self.step(Step::Pass { millis: 900 });
            for link in 0..2 {
                self.step(Step::Room { link, octets: usize::MAX });
                self.step(Step::Answer { link, how: Answering::Ok });
                self.observe().map_err(|what| format!("at the end: {what}"))?;
            }
        }
        self.stand.lane.hand_over_left();
        Ok(())
    }

    fn step(&mut self, step: Step) {
        self.sequence += 1;
        let reference = self.sequence as u16;
        let sources = ACCOUNTS.map(|account| account.source);
        match step {
            Step::Submit(shot) => {
                self.law.submitted_by.insert(reference, shot.client);
                let pdu = shot.pdu(&sources, &self.numbers, self.sequence, reference);
                self.send(shot.client, pdu.octets());
            }
            Step::Damaged(shot, damage) => {
                // No flip of a bit makes this the number of another step.
                let pdu = shot.pdu(&sources, &self.numbers, self.sequence, reference | 0x8000);
                self.send(shot.client, &damage.of(&pdu));
            }
            Step::Foreign { client, command, number } => {
                let body = match command {
                    DELIVER_SM => Message::mo(&self.numbers[number], "36111", "START").pdu(1).body().to_vec(),
                    REPLACE_SM => [&b"1\0\x05\0ACME\0\0\0\0\0\x13"[..], b"Soldes: -20% samedi"].concat(),
                    _ => [b"\0\0\x05\0ACME\0\x01\x01", self.numbers[number].as_bytes(), b"\0"].concat(),
                };
                self.send(client, Pdu::new(command, 0, self.sequence, &body).octets());
            }
            Step::Reply { link, number, word, code } => {
                let message = Message::mo(&self.numbers[number], code, word);
                self.hear(link, &message, number, word, code);
            }
            Step::Torn { link, number, at } => {
                let text = ["Bonjour, merci de ne plus m'en", "voyer de messages"][usize::from(at) - 1];
                let part = Message::mo(&self.numbers[number], "36111", text).as_part(9, 2, at);
                if self.stand.links[link].is_some() {
                    self.torn[number][usize::from(at) - 1] = Some(self.stand.now.civil);
                }
                let [first, second] = self.torn[number];
                let whole = first
                    .zip(second)
                    .is_some_and(|(one, other)| one.max(other).since(one.min(other)) < Duration::from_secs(600));
                self.hear(link, &part, number, if whole { "STOP" } else { "" }, "36111");
            }
            Step::Pass { millis } => {
                self.stand.pass(Duration::from_millis(millis));
                self.law.view.now = self.stand.now.civil;
            }
            Step::Answer { link, how } => self.answer(link, how),
            Step::Lose { link } => self.lose(link),
            Step::Bind { link } => {
                if self.stand.links[link].is_none() {
                    self.stand.bind_link(link);
                }
            }
            Step::Room { link, octets } => {
                if let Some(tap) = &self.stand.links[link] {
                    tap.set_room(octets);
                    self.stand.turn(|lane, _| lane.touch_link(link));
                }
            }
            Step::Reload => {
                self.wide = !self.wide;
                self.law.view.wide_hours = self.wide;
                let settings = self.world.use_settings(self.wide);
                self.stand.turn(|lane, now| lane.reload(settings, now));
            }
            Step::Rebind { client } => {
                if let Some(gone) = self.clients[client].take() {
                    self.stand.lose_client(gone);
                }
                self.clients[client] = self.stand.client(SYSTEM_IDS[client], BindKind::Transceiver);
            }
        }
    }

    fn send(&mut self, client: usize, octets: &[u8]) {
        if let Some(client) = &self.clients[client] {
            self.stand.client_says(client, octets);
        }
    }

    /// A person writes. The law takes a STOP at its word at once, and a START before it is heard.
    fn hear(&mut self, link: usize, message: &Message, number: usize, word: &str, code: &str) {
        if self.stand.links[link].is_none() {
            return;
        }
        let number = self.numbers[number].clone();
        if word == "START" {
            let lifted: &[usize] = if code == "36111" { &[0, 2] } else { &[1] };
            self.law.view.stopped.entry(number).and_modify(|accounts| accounts.extend(lifted));
        } else if !word.is_empty() {
            self.law.view.stopped.insert(number, Vec::new());
        }
        self.stand.smsc_says(link, &message.pdu(self.sequence));
        // The disk of this test is quick: what waits for it is done before time passes.
        for _ in 0..10_000 {
            if self.stand.lane.awaiting_acts.is_empty() {
                return;
            }
            std::thread::yield_now();
            self.stand.turn(Lane::durable_further);
        }
    }

    fn answer(&mut self, link: usize, how: Answering) {
        if self.stand.links[link].is_none() {
            return;
        }
        let asked = std::mem::take(&mut self.unanswered[link]);
        for pdu in &asked {
            let (command, sequence) = (pdu.command() | RESPONSE, pdu.sequence());
            let body: &[u8] = if pdu.command() == SUBMIT_MULTI { b"id\0\0" } else { b"id\0" };
            let ok = Pdu::new(command, 0, sequence, body);
            let answers = match how {
                Answering::Ok => vec![ok],
                Answering::Error(status) => vec![Pdu::new(command, status, sequence, b"")],
                Answering::Nack => vec![Pdu::new(GENERIC_NACK, 0x03, sequence, b"")],
                Answering::Twice => vec![ok.clone(), ok],
                Answering::Unasked => vec![Pdu::new(command, 0, sequence ^ 0x4000, body)],
            };
            for answer in &answers {
                if self.stand.links[link].is_some() {
                    self.stand.smsc_says(link, answer);
                }
            }
        }
        if matches!(how, Answering::Unasked) {
            self.unanswered[link].extend(asked);
        }
    }

    fn lose(&mut self, link: usize) {
        if self.stand.links[link].is_some() {
            self.unanswered[link].clear();
            self.begun[link] = None;
            self.stand.lose_link(link);
        }
    }

    /// Reads what left, has the law look at it, and does what peers and drivers do by themselves.
    fn observe(&mut self) -> Result<(), String> {
        for link in 0..2 {
            let Some(tap) = self.stand.links[link].clone() else { continue };
            for pdu in tap.read() {
                let view = self.begun[link].take().unwrap_or_else(|| self.law.view.clone());
                match pdu.command() {
                    ENQUIRE_LINK | UNBIND => {
                        let answer = Pdu::new(pdu.command() | RESPONSE, 0, pdu.sequence(), b"");
                        self.stand.smsc_says(link, &answer);
                    }
                    CANCEL_SM | QUERY_SM => self.unanswered[link].push(pdu),
                    command if command & RESPONSE != 0 => {}
                    _ => {
                        self.law.check(&pdu, &view).map_err(|what| format!("{what}\n  {pdu:?}"))?;
                        self.unanswered[link].push(pdu);
                    }
                }
            }
            if tap.is_torn() && self.begun[link].is_none() {
                self.begun[link] = Some(self.law.view.clone());
            }
            if self.stand.lane.links[link].closing {
                self.lose(link);
            }
        }
        for (at, name) in SYSTEM_IDS.iter().enumerate() {
            let Some(client) = self.clients[at].take() else { continue };
            for pdu in client.tap.read() {
                if matches!(pdu.command(), DELIVER_SM | ENQUIRE_LINK | UNBIND) {
                    let body: &[u8] = if pdu.command() == DELIVER_SM { b"\0" } else { b"" };
                    let answer = Pdu::new(pdu.command() | RESPONSE, 0, pdu.sequence(), body);
                    self.stand.client_says(&client, answer.octets());
                }
            }
            let closing = self.stand.lane.esme(client.at).is_none_or(|esme| esme.closing == Closing::Now);
            if closing {
                self.stand.lose_client(client);
                self.clients[at] = self.stand.client(name, BindKind::Transceiver);
            } else {
                self.clients[at] = Some(client);
            }
        }
        Ok(())
    }
}

fn play(world: &World, index: u64, beginning: usize, steps: &[Step]) -> Result<Passed, String> {
    let mut play = Play::open(world, index, beginning);
    play.play(steps).map(|()| play.law.passed)
}

/// The fewest steps that still break the law, each attempt in a house of its own.
fn smallest(index: u64, beginning: usize, mut steps: Vec<Step>) -> Vec<Step> {
    let fails = |steps: &[Step]| play(&World::build(), index, beginning, steps).is_err();
    let (mut attempts, mut size) = (0, steps.len() / 2);
    while size > 0 {
        let mut from = 0;
        while from < steps.len() && attempts < ATTEMPTS {
            attempts += 1;
            let end = (from + size).min(steps.len());
            let fewer = [&steps[..from], &steps[end..]].concat();
            if fails(&fewer) { steps = fewer } else { from = end }
        }
        size /= 2;
    }
    steps
}

/// Plays the sequences `from..to`; what passed, or the first that broke the law, made small.
fn run(from: u64, to: u64) -> Result<Passed, String> {
    let mut passed = Passed::default();
    let mut world = World::build();
    for seed in from..to {
        if (seed - from) % SHARING == SHARING - 1 {
            passed.audited += world.audit()?;
            world = World::build();
        }
        let (beginning, steps) = draw(seed);
        match play(&world, seed - from, beginning, &steps) {
            Ok(more) => passed.add(&more),
            Err(what) => {
                let steps = smallest(seed - from, beginning, steps);
                let again = play(&World::build(), seed - from, beginning, &steps).err();
                let again = again.unwrap_or_else(|| "(not again in a house of its own)".to_owned());
                let listed: String = steps.iter().map(|step| format!("\n  {step:?}")).collect();
                let begins = BEGINNINGS[beginning];
                return Err(format!("seed {seed}: {what}\nat its smallest: {again}\nfrom {begins}:{listed}"));
            }
        }
    }
    passed.audited += world.audit()?;
    Ok(passed)
}

#[test]
fn no_sequence_of_pdus_lets_a_text_reach_an_operator_that_the_law_forbids() {
    let long = std::env::var_os("STOPGATE_LONG").is_some();
    let usual = if long { SEQUENCES_LONG } else { SEQUENCES };
    let named = std::env::var("STOPGATE_SEQUENCES").ok();
    let sequences = named.map_or(usual, |named| named.parse().expect("STOPGATE_SEQUENCES is a number"));
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = sequences.div_ceil(threads);
    let ran = std::thread::scope(|scope| {
        let parts: Vec<_> =
            (0..threads).map(|nth| scope.spawn(move || run(nth * share, ((nth + 1) * share).min(sequences)))).collect();
        parts.into_iter().map(|part| part.join().expect("a part that ends")).collect::<Vec<_>>()
    });
    let mut passed = Passed::default();
    for part in ran {
        match part {
            Ok(more) => passed.add(&more),
            Err(what) => panic!("{what}"),
        }
    }
    println!("{sequences} sequences: {passed:?}");
    let Passed { commercial, transactional, parts, completed, scheduled, several, overseas, left, audited } = passed;
    for (what, count, least) in [
        ("promotions", commercial, sequences / 3),
        ("transactional messages", transactional, sequences / 8),
        ("parts", parts, sequences / 10),
        ("messages in parts that became whole", completed, sequences / 200),
        ("scheduled messages", scheduled, sequences / 100),
        ("submit_multi", several, sequences / 100),
        ("messages overseas", overseas, sequences / 20),
    ] {
        assert!(count >= least, "only {count} {what} passed in {sequences} sequences: {passed:?}");
    }
    assert_eq!(audited, left, "the self-audit has not looked at every message");
}
