//! Owns what the gateway promised before a crash, and whether it kept it: STOPs acknowledged, promos forwarded, answers given.
//! Must never count what the gateway had not acknowledged yet, nor hold against it what nobody promised.

use super::gateway::Gateway;
use super::status::OPTED_OUT;
use super::{SOON, phone};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use stopgate::ledger::verify;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::Smsc;
use stopgate::sim::wire::{RESPONSE, SUBMIT_SM};
use tokio::time::Instant;

/// Numbers that write STOP: 0 to this. Promos of the load go to the numbers from here to [`PROMOS`].
pub const STOPS: u32 = 2_500;
/// The numbers from here on are the scenario's own.
pub const PROMOS: u32 = 5_000;
/// Promos of one load, at most: the operator remembers all of a house.
const LOAD_MAX: u64 = 5_000;
/// Numbers of what was promised that are asked after each crash, at most.
const ASKED_MAX: usize = 200;

/// What is known of one house: an operator, directories, and every crash in them.
pub struct Witness {
    smsc: Smsc,
    /// By number, what a promo must be answered: suppressed, or not any more.
    promised: BTreeMap<String, u32>,
    /// The last answer of the operator's records that was taken down.
    taken: u64,
    sent: u64,
    /// Promos that were answered ROK.
    accepted: BTreeSet<Promo>,
    toll: Toll,
}

/// What was counted, and what went wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Toll {
    pub stops: u64,
    pub forwarded: u64,
    pub broken: u64,
    pub doubled: u64,
    pub confirmed_twice: u64,
    pub answered_twice: u64,
    pub accepted_unsent: u64,
    pub unverified: u64,
}

impl Toll {
    pub fn add(&mut self, other: Self) {
        self.stops += other.stops;
        self.forwarded += other.forwarded;
        self.broken += other.broken;
        self.doubled += other.doubled;
        self.confirmed_twice += other.confirmed_twice;
        self.answered_twice += other.answered_twice;
        self.accepted_unsent += other.accepted_unsent;
        self.unverified += other.unverified;
    }
}

/// Number and text of a promo.
type Promo = (String, String);

/// Senders of a load, and what each has sent, by sequence number.
pub struct Load(Vec<(Esme, BTreeMap<u32, Promo>)>);

impl Witness {
    pub fn new(smsc: &Smsc) -> Self {
        let toll = Toll::default();
        Self { smsc: smsc.clone(), promised: BTreeMap::new(), taken: 0, sent: 0, accepted: BTreeSet::new(), toll }
    }

    /// Promos on two binds, and STOPs spread over `lasting`. The crash is the caller's.
    pub async fn load(&mut self, gateway: &Gateway, stops: std::ops::Range<u32>, lasting: Duration) -> Load {
        let mut load = Load(Vec::new());
        for _ in 0..2 {
            let bind = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
            load.0.push((bind, BTreeMap::new()));
        }
        let count = stops.len() as u32;
        for (place, number) in stops.enumerate() {
            self.smsc.post(Message::mo(&phone(number % STOPS), "36111", "STOP"), lasting * place as u32 / count);
        }
        let (until, enough) = (Instant::now() + lasting, self.sent + LOAD_MAX);
        while Instant::now() < until {
            if self.sent >= enough {
                tokio::time::sleep_until(until).await;
                break;
            }
            for (bind, sent) in &mut load.0 {
                self.sent += 1;
                let number = phone(STOPS + (self.sent % u64::from(PROMOS - STOPS)) as u32);
                let text = format!("Offre {}. STOP 36111", self.sent);
                // The gateway may be gone in the middle of a write: that is the point.
                if let Ok(sequence) = bind.submit(&Message::submit("ACME", &number, &text)).await {
                    sent.insert(sequence, (number, text));
                }
            }
            tokio::task::yield_now().await;
        }
        load
    }

    /// Takes down what was acknowledged and answered, once the gateway is dead and all it wrote has arrived.
    pub async fn take_down(&mut self, load: &Load) {
        for (bind, _) in &load.0 {
            assert!(bind.closed(SOON).await, "a dead gateway's connection stays open");
        }
        let until = Instant::now() + SOON;
        while !self.smsc.bound().is_empty() {
            assert!(Instant::now() < until, "a dead gateway's link stays bound");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (taken, promised) = (&mut self.taken, &mut self.promised);
        let mut stops = 0;
        self.smsc.records(|records| {
            for one in records.answered.iter().filter(|one| one.order > *taken && one.status == 0) {
                match one.message.text().as_str() {
                    "STOP" => promised.insert(one.message.source.as_text(), OPTED_OUT),
                    "START" => promised.insert(one.message.source.as_text(), 0),
                    other => panic!("nobody says {other} here"),
                };
                stops += u64::from(one.message.text() == "STOP");
            }
            *taken = records.answered.back().map_or(*taken, |last| last.order);
        });
        self.toll.stops += stops;
        let mut again = 0;
        for (bind, sent) in &load.0 {
            let mut seen = BTreeSet::new();
            for pdu in bind.drain().into_iter().filter(|pdu| pdu.command() == SUBMIT_SM | RESPONSE) {
                again += u64::from(!seen.insert(pdu.sequence()));
                if let (0, Some(promo)) = (pdu.status(), sent.get(&pdu.sequence())) {
                    self.accepted.insert(promo.clone());
                }
            }
        }
        self.toll.answered_twice += again;
    }

    /// From now on a promo to this number must be answered so.
    pub fn promise(&mut self, number: &str, status: u32) {
        self.promised.insert(number.to_owned(), status);
    }

    /// So many numbers whose STOP was acknowledged, and that nothing has lifted since.
    pub fn stopped(&self, count: usize) -> Vec<String> {
        let stopped = self.promised.iter().filter(|(_, status)| **status == OPTED_OUT);
        stopped.map(|(number, _)| number.clone()).take(count).collect()
    }

    /// What was asked to be changed and not acknowledged: both are right from now on.
    pub fn forget(&mut self, number: &str) {
        self.promised.remove(number);
    }

    /// The promises that the gateway does not keep. All of the last crash, and a scatter of the older ones.
    pub async fn broken(&mut self, gateway: &Gateway) -> Vec<String> {
        let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
        let step = self.promised.len() / ASKED_MAX + 1;
        let (skip, mut asked) = (self.sent as usize % step, Vec::new());
        for (number, status) in self.promised.iter().skip(skip).step_by(step) {
            self.sent += 1;
            let text = format!("Encore {}. STOP 36111", self.sent);
            asked.push((number, *status, acme.submit(&Message::submit("ACME", number, &text)).await.unwrap()));
        }
        let mut broken = Vec::new();
        for (number, promised, sequence) in asked {
            let status = acme.answer(sequence, SOON).await.unwrap().status();
            if status != promised {
                broken.push(format!("{number} is answered {status:#x}, not {promised:#x}"));
            }
        }
        self.toll.broken += broken.len() as u64;
        broken
    }

    /// Holds the gateway to what was promised, loudly.
    pub async fn check(&mut self, gateway: &Gateway) {
        let broken = self.broken(gateway).await;
        assert!(broken.is_empty(), "{broken:?}\n{}", gateway.log());
    }

    /// Verifies the ledger at rest, against a checkpoint that was kept outside when there is one.
    pub fn verify(&mut self, data: &Path, since: Option<&[u8]>) {
        let since = since.map(|octets| ("kept before the crash".to_owned(), octets.to_vec()));
        let report = verify::ledger(data, &verify::Asked { since, ..verify::Asked::default() });
        self.toll.unverified += u64::from(!report.holds());
        assert!(report.holds(), "{:?}", report.findings);
    }

    /// Records of the ledger: events and verdicts.
    pub fn records(&self, data: &Path) -> (u64, u64) {
        let report = verify::ledger(data, &verify::Asked::default());
        assert!(report.holds(), "{:?}", report.findings);
        (report.events.records, report.verdicts.records)
    }

    /// The end of the house: everything the operator has, compared with what was answered.
    pub fn settle(mut self) -> Toll {
        let mut promos: BTreeMap<Promo, u64> = BTreeMap::new();
        // A STOP's and a START's are two, and say other things.
        let mut confirmations: BTreeMap<Promo, u64> = BTreeMap::new();
        self.smsc.records(|records| {
            assert_eq!(records.submitted_total, records.submitted.len() as u64, "the operator has forgotten some");
            for one in &records.submitted {
                match one.source().as_str() {
                    "36111" => *confirmations.entry((one.destination(), one.text())).or_default() += 1,
                    "ACME" => *promos.entry((one.destination(), one.text())).or_default() += 1,
                    // The scenario's own.
                    _ => {}
                }
            }
        });
        let unsent: Vec<_> = self.accepted.iter().filter(|promo| !promos.contains_key(promo)).collect();
        self.toll.accepted_unsent += unsent.len() as u64;
        let doubled: Vec<_> = promos.iter().filter(|(_, count)| **count > 1).collect();
        self.toll.doubled += doubled.len() as u64;
        let confirmed: Vec<_> = confirmations.iter().filter(|(_, count)| **count > 1).collect();
        self.toll.confirmed_twice += confirmed.len() as u64;
        assert!(unsent.is_empty(), "answered ROK and never forwarded: {unsent:?}");
        assert!(doubled.is_empty(), "forwarded twice: {doubled:?}");
        assert!(confirmed.is_empty(), "confirmed twice: {confirmed:?}");
        self.toll.forwarded += promos.len() as u64;
        self.toll
    }
}

/// A fixed scatter of counters (splitmix64): instants that look random and repeat from run to run.
pub fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
