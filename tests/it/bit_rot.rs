//! Owns what time does to files: flipped bits, cut ends and lost files, in everything a data_dir holds. Each is found: mended with
//! everybody still blocked, or refused with the next step, or named by `verify`.
//! Must never call a start good that lost somebody's STOP, nor a difference said that nobody said.

use super::support::config::{Config, account};
use super::support::figures::{Figures, cycles};
use super::support::gateway::{Gateway, Home};
use super::support::stage::operator;
use super::support::status::OPTED_OUT;
use super::support::{PROMO, SOON, phone};
use std::path::{Path, PathBuf};
use stopgate::ledger::verify;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::{Smsc, switches::Switches};

const SEED: u64 = 20_261_122;
/// Numbers that have said STOP, from 0 on; the one behind them has said START again.
const STOPPED: u32 = 60;
/// Promos: their verdicts fill several segments.
const PROMOS: u32 = 9_000;
/// Messages that wait for an account that is away.
const WAITING: f64 = 3.0;

/// What is damaged, by where it stands in data_dir.
const PLACES: &[&str] = &[
    "store",
    "suppression.snapshot",
    "events",
    "verdicts",
    "spool",
    "consent.snapshot",
    "tree",
    "events",
    "checkpoints",
    "frequency.snapshot",
    "verdicts",
    "names",
    "spool",
    "store",
    "packs",
    "format",
];

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// The bit of this octet.
    Flip(u64, u8),
    /// Only so many octets are left.
    Cut(u64),
    Lost,
}

/// A data_dir as a node leaves it, and what it knows.
struct Template {
    home: Home,
    config: Config,
    smsc: Smsc,
    since: Vec<u8>,
    records: (u64, u64),
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It did not start, and said what to do.
    Refused,
    /// `verify` names it; everybody is blocked.
    Verify,
    /// It was mended, and said so.
    Mended,
    /// Nothing that matters was different.
    Harmless,
    /// Something was, and nobody says it.
    Undetected,
}

/// What a try did, and what came of it.
struct Tried {
    what: String,
    ending: Ending,
    /// STOPs that hold no more.
    lost: u32,
}

fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}

/// Every file below a place, in order.
fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = std::fs::read_dir(place).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> = entries.flat_map(|entry| files(&entry.path())).collect();
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("readable").filter_map(Result::ok) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// The damage of this try to one of these files: mostly to what is used of it.
fn damage(found: &[PathBuf], number: u64) -> (PathBuf, Damage) {
    let draw = |what: u64| scatter(SEED ^ (number << 8) ^ what);
    let used = |octets: &[u8]| octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last as u64 + 1);
    // Seldom one that is only pre-written.
    let any = draw(5).is_multiple_of(16);
    let written = |file: &&PathBuf| any || used(&std::fs::read(file).expect("readable")) > 0;
    let found: Vec<&PathBuf> = found.iter().filter(written).collect();
    let file = found[draw(1) as usize % found.len()];
    let octets = std::fs::read(file).expect("readable");
    let used = if used(&octets) == 0 { octets.len().max(1) as u64 } else { used(&octets) };
    let damage = match draw(2) % 20 {
        0..14 => Damage::Flip(draw(3) % used, 1 << (draw(4) % 8)),
        14..17 => Damage::Cut(draw(3) % used),
        17.. => Damage::Lost,
    };
    let damage = if octets.is_empty() { Damage::Lost } else { damage };
    match damage {
        Damage::Flip(at, bit) => {
            let mut octets = octets;
            octets[at as usize] ^= bit;
            std::fs::write(file, octets).expect("written");
        }
        Damage::Cut(length) => {
            std::fs::File::options().write(true).open(file).and_then(|open| open.set_len(length)).expect("cut");
        }
        Damage::Lost => std::fs::remove_file(file).expect("removed"),
    }
    (file.clone(), damage)
}

impl Template {
    async fn new() -> Self {
        let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
        let mut config = Config::new(smsc.address());
        config.segment_mib = 1;
        config.acme().set("frequency", "{ messages = 1000, per = \"7d\" }");
        let mut away = account("away", "away", "operator-a");
        away.set("senders", "[\"AWAY\", \"36222\"]").set("stop_codes", "[\"36222\"]");
        let mut asked = account("asked", "asked", "operator-a");
        asked.set("senders", "[\"ASKED\", \"36333\"]").set("stop_codes", "[\"36333\"]").text("consent", "proof");
        asked.unset("consent_statement");
        config.accounts.extend([away, asked]);
        let home = Home::in_memory();
        let mut template = Self { home, config, smsc, since: Vec::new(), records: (0, 0) };
        // The promos are older than what a start reads again.
        template.config.clock = "2026-11-24T10:00:00+01:00".to_owned();
        template.fill(0..STOPPED / 2, true).await;
        // A second run that ends without a word: snapshots, and records after them.
        template.config.clock = "2026-11-24T14:00:00+01:00".to_owned();
        template.fill(STOPPED / 2..STOPPED, false).await;
        let data = template.home.path().join("data");
        template.since = std::fs::read(data.join("checkpoints/newest")).expect("signed");
        let report = verify::ledger(&data, &verify::Asked::default());
        assert!(report.holds(), "{:?}", report.findings);
        template.records = (report.events.records, report.verdicts.records);
        template.config.clock = "2026-11-24T16:00:00+01:00".to_owned();
        template
    }

    async fn fill(&self, stopped: std::ops::Range<u32>, first: bool) {
        let mut gateway = Gateway::start_in(self.home.clone(), &self.config).await;
        gateway.ready().await;
        let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.expect("bound");
        if first {
            let mut asked = Vec::new();
            for number in 0..PROMOS {
                let promo = Message::submit("ACME", &phone(1_000 + number % 4_000), PROMO);
                asked.push(acme.submit(&promo).await.expect("written"));
                if asked.len() == 500 {
                    for sequence in asked.drain(..) {
                        assert_eq!(acme.answer(sequence, SOON).await.expect("an answer").status(), 0);
                    }
                }
            }
            let record = [
                "consent",
                "record",
                &phone(9_000),
                "--account",
                "asked",
                "--source",
                "web",
                "--wording",
                "v3",
                "--evidence",
                "form 1",
            ];
            let (said, error, code) = gateway.command(&record).await;
            assert_eq!(code, 0, "{said}{error}");
            for number in 0..WAITING as u32 {
                let mo = Message::mo(&phone(8_000 + number), "36222", "Bonjour");
                assert_eq!(self.smsc.deliver(mo, SOON).await.expect("an answer").status, 0);
            }
        }
        for number in stopped {
            let stop = Message::mo(&phone(number), "36111", "STOP");
            assert_eq!(self.smsc.deliver(stop, SOON).await.expect("an answer").status, 0);
        }
        if first {
            for text in ["STOP", "START"] {
                let mo = Message::mo(&phone(STOPPED), "36111", text);
                assert_eq!(self.smsc.deliver(mo, SOON).await.expect("an answer").status, 0);
            }
            assert!(gateway.terminate().await.success(), "{}", gateway.log());
        } else {
            // What is acknowledged is signed within a second: from then on nothing can be torn off unseen.
            let signed = gateway.metric("stopgate_ledger_last_checkpoint_timestamp_seconds", &[]).await;
            let later = |at: f64| at >= signed + 2.0;
            gateway.metric_becomes("stopgate_ledger_last_checkpoint_timestamp_seconds", &[], later).await;
            gateway.kill();
        }
        self.smsc.close(None);
    }

    /// Damages a copy, and looks what comes of it.
    async fn attempt(&self, number: u64) -> Tried {
        let home = Home::in_memory();
        copy(&self.home.path().join("keys"), &home.path().join("keys"));
        copy(&self.home.path().join("data"), &home.path().join("data"));
        let data = home.path().join("data");
        let found = files(&data.join(PLACES[number as usize % PLACES.len()]));
        assert!(!found.is_empty(), "nothing at {}", PLACES[number as usize % PLACES.len()]);
        let (file, damage) = damage(&found, number);
        let name = file.strip_prefix(&data).expect("in data_dir").display().to_string();
        let what = format!("{number}: {damage:?} of {name}");
        let before = verify::ledger(&data, &verify::Asked::default());
        let gateway = match Gateway::try_start_in(home.clone(), &self.config).await {
            Ok(gateway) => gateway,
            Err(said) => {
                assert!(!said.contains("panicked"), "{what}: {said}");
                assert!(said.contains("error: ") && said.contains("next: "), "{what}: {said}");
                return Tried { what, ending: Ending::Refused, lost: 0 };
            }
        };
        let standing = self.standing(&gateway, &what, name.starts_with("spool/")).await;
        let mut gateway = gateway;
        gateway.kill();
        self.smsc.close(None);
        let log = gateway.log();
        assert!(!log.contains("panicked"), "{what}\n{log}");
        let asked = verify::Asked { since: Some(("before".to_owned(), self.since.clone())), ..Default::default() };
        let after = verify::ledger(&data, &asked);
        let shorter = after.events.records < self.records.0 || after.verdicts.records < self.records.1;
        let differs = !after.holds() || shorter || standing.spool_differs || !standing.consent_stands;
        let said = log.lines().any(|line| line.contains(r#""level":"WARN""#) || line.contains(r#""level":"ERROR""#))
            || standing.said;
        let found = !before.holds();
        // Evidence that was whole stays whole.
        assert!(found || after.holds(), "{what}: {:?}\n{log}", after.findings);
        let ending = match (found, said) {
            (true, _) => Ending::Verify,
            (false, true) => Ending::Mended,
            (false, false) if differs => Ending::Undetected,
            (false, false) => Ending::Harmless,
        };
        if standing.lost > 0 || ending == Ending::Undetected {
            println!("{what}: {} STOPs lost, {:?}\n{log}", standing.lost, after.findings);
        }
        Tried { what, ending, lost: standing.lost }
    }

    /// What the started gateway knows.
    async fn standing(&self, gateway: &Gateway, what: &str, spool: bool) -> Standing {
        assert!(self.smsc.wait_bound(1, SOON).await, "{what}\n{}", gateway.log());
        let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.expect("bound");
        let mut asked = Vec::new();
        for number in 0..=STOPPED {
            asked.push(acme.submit(&Message::submit("ACME", &phone(number), PROMO)).await.expect("written"));
        }
        let mut lost = 0;
        for (number, sequence) in asked.into_iter().enumerate() {
            let status = acme.answer(sequence, SOON).await.expect("an answer").status();
            let wanted = if number as u32 == STOPPED { 0 } else { OPTED_OUT };
            assert!([0, OPTED_OUT].contains(&status), "{what}: {status:#x}\n{}", gateway.log());
            lost += u32::from(wanted == OPTED_OUT && status != OPTED_OUT);
        }
        let esme = Esme::bind(gateway.smpp, &Bind::transceiver("asked", "asked")).await.expect("bound");
        let promo = Message::submit("ASKED", &phone(9_000), "Soldes: -20% samedi. STOP 36333");
        let consent_stands = esme.submit_and_wait(&promo).await.expect("an answer").status() == 0;
        let until = tokio::time::Instant::now() + SOON;
        let words = loop {
            let (_, words) = gateway.get("/readyz?verbose").await;
            if words.contains("store: following") {
                break words;
            }
            assert!(tokio::time::Instant::now() < until, "{what}: {words}\n{}", gateway.log());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        let mut spool_differs = false;
        if spool {
            let labels = ["account=\"away\""];
            // The gauge is set twice a second, on a machine that others use too.
            for _ in 0..500 {
                spool_differs = gateway.metric("stopgate_spool_entries", &labels).await != WAITING;
                if !spool_differs {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
        Standing { lost, consent_stands, spool_differs, said: words.contains("moved aside") }
    }
}

struct Standing {
    lost: u32,
    consent_stands: bool,
    spool_differs: bool,
    said: bool,
}

#[tokio::test(flavor = "current_thread")]
async fn no_damage_to_a_file_passes_unseen_or_lets_anybody_through() {
    let tries = cycles(100, 1_000);
    let template = Template::new().await;
    let (mut endings, mut lost) = (Vec::new(), 0);
    println!("seed {SEED}");
    for number in 0..u64::from(tries) {
        let tried = template.attempt(number).await;
        println!("{}: {:?}", tried.what, tried.ending);
        endings.push(tried.ending);
        lost += u64::from(tried.lost);
    }
    let count = |wanted: Ending| endings.iter().filter(|ending| **ending == wanted).count() as u64;
    Figures::of("bit_rot", tries, SEED)
        .counted("refused to start, with the next step", count(Ending::Refused))
        .counted("named by verify, everybody blocked", count(Ending::Verify))
        .counted("mended and said", count(Ending::Mended))
        .counted("of no consequence", count(Ending::Harmless))
        .lost("undetected", count(Ending::Undetected))
        .lost("STOPs lost", lost)
        .report(None);
}
