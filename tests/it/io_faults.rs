//! Owns system calls that fail under the running gateway: no acknowledgement behind a failed fsync, no panic, an answer to
//! everybody, and everything acknowledged is there afterwards.
//! Must never pass silently where strace is missing, nor count a fault that did not happen.

use super::support::config::{Config, bank};
use super::support::figures::{Figures, cycles};
use super::support::gateway::{Gateway, Home};
use super::support::injected::{self, Effect, Fault, Seen, When};
use super::support::stage::operator;
use super::support::status::OPTED_OUT;
use super::support::{PROMO, SOON, phone};
use std::collections::BTreeSet;
use stopgate::ledger::verify;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::{Smsc, switches::Switches};

const SEED: u64 = 20_261_122;
/// STOPs of one cycle.
const STOPS: u32 = 4;
/// Cycles on one data_dir: the next ones begin with an empty one.
const CYCLES_OF_A_HOME: u32 = 10;

/// What is done to which call; `true`: to all that follow, too.
const FAULTS: &[(&str, Effect, bool)] = &[
    ("fdatasync", Effect::Error("EIO"), false),
    ("fdatasync", Effect::Error("EIO"), true),
    ("pwrite64", Effect::Error("EIO"), false),
    ("pwrite64", Effect::Error("ENOSPC"), true),
    ("fdatasync", Effect::Error("ENOSPC"), false),
    ("pwrite64", Effect::Swallows(5), false),
    ("fsync", Effect::Error("EIO"), false),
    ("rename", Effect::Error("ENOSPC"), true),
    ("openat", Effect::Error("EIO"), false),
    ("pwrite64", Effect::Error("EROFS"), true),
    ("fdatasync", Effect::Error("EROFS"), true),
    ("fallocate", Effect::Error("ENOSPC"), true),
    ("openat", Effect::Error("EMFILE"), true),
    ("sync_file_range", Effect::Error("EIO"), true),
    ("rename", Effect::Error("EIO"), false),
    ("fsync", Effect::Error("EIO"), true),
    ("pread64", Effect::Error("EIO"), false),
    ("unlink", Effect::Error("EIO"), false),
    ("fallocate", Effect::Error("EIO"), false),
    ("mkdir", Effect::Error("ENOSPC"), true),
];

struct Run {
    smsc: Smsc,
    config: Config,
    home: Home,
    /// Numbers whose STOP was acknowledged on this home.
    acked: BTreeSet<String>,
    next: u32,
    /// Sums over all cycles.
    all_acked: u64,
    submits: u64,
    closed: u64,
    refused_starts: u64,
    damaged: u64,
    lost: u64,
}

impl Run {
    async fn new() -> Self {
        let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
        let mut config = Config::new(smsc.address());
        config.accounts.push(bank());
        Self {
            smsc,
            config,
            home: Home::in_memory(),
            acked: BTreeSet::new(),
            next: 0,
            all_acked: 0,
            submits: 0,
            closed: 0,
            refused_starts: 0,
            damaged: 0,
            lost: 0,
        }
    }

    fn number(&mut self) -> String {
        self.next += 1;
        phone(self.next % 9_999)
    }

    fn new_home(&mut self) {
        self.home = Home::in_memory();
        self.acked.clear();
    }

    /// Starts with the fault, loads, kills; gives what strace saw.
    async fn cycle(&mut self, fault: &Fault) -> Vec<Seen> {
        let command = injected::stopgate_with(fault, &self.home);
        match Gateway::try_start_as(command, self.home.clone(), &self.config).await {
            Ok(mut gateway) => {
                let acked = self.load(&mut gateway, fault).await;
                gateway.kill();
                self.smsc.close(None);
                assert!(!gateway.log().contains("panicked"), "{fault:?}\n{}", gateway.log());
                let seen = injected::seen(&self.home);
                let durable = seen.iter().filter(|one| one.call == "fdatasync" && one.line.contains("/events/"));
                let durable = durable.filter(|one| one.succeeded() && !one.is_injected()).count();
                assert!(durable >= acked, "{acked} STOPs acknowledged behind {durable} fsyncs of events: {fault:?}");
                seen
            }
            Err(said) => {
                assert!(!said.contains("panicked"), "{fault:?}: {said}");
                assert!(said.contains("error: ") && said.contains("next: "), "{fault:?}: {said}");
                self.refused_starts += 1;
                injected::seen(&self.home)
            }
        }
    }

    /// Everybody asks; gives how many STOPs were acknowledged.
    async fn load(&mut self, gateway: &mut Gateway, fault: &Fault) -> usize {
        if !self.smsc.wait_bound(1, SOON).await {
            panic!("{fault:?}: no link\n{}", gateway.log());
        }
        let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await;
        let bank = Esme::bind(gateway.smpp, &Bind::transceiver("bank", "pass")).await;
        let (acme, bank) = match (acme, bank) {
            (Ok(acme), Ok(bank)) => (acme, bank),
            // No descriptor for a socket either: nothing is promised to who cannot connect.
            (acme, bank) if fault.call == "openat" => {
                drop((acme, bank));
                return 0;
            }
            (acme, bank) => panic!("{fault:?}: {:?} {:?}\n{}", acme.err(), bank.err(), gateway.log()),
        };
        for number in self.acked.iter().rev().take(5) {
            let answer = acme.submit_and_wait(&Message::submit("ACME", number, PROMO)).await;
            let status = answer.unwrap_or_else(|error| panic!("{fault:?}: {error}\n{}", gateway.log())).status();
            assert_ne!(status, 0, "{fault:?}: the acknowledged STOP of {number} is lost\n{}", gateway.log());
        }
        let (mut acked, mut refused) = (0, 0);
        for _ in 0..STOPS {
            let number = self.number();
            let stop = self.smsc.deliver(Message::mo(&number, "36111", "STOP"), SOON).await;
            let kept = match stop {
                Ok(answer) => answer.status == 0,
                // The link that brought it unbinds when the disk is too slow: the operator keeps it.
                Err(_) => false,
            };
            let promo = acme.submit(&Message::submit("ACME", &number, PROMO)).await.expect("written");
            let other = acme.submit(&Message::submit("ACME", &self.number(), PROMO)).await.expect("written");
            let code = Message::submit("BANK", &self.number(), "Votre code est 123456");
            let code = bank.submit(&code).await.expect("written");
            let mut answers = [0; 3];
            for (esme, sequence, at) in [(&acme, promo, 0), (&acme, other, 1), (&bank, code, 2)] {
                let answer = esme.answer(sequence, SOON).await;
                answers[at] =
                    answer.unwrap_or_else(|error| panic!("{fault:?}: no answer: {error}\n{}", gateway.log())).status();
                self.submits += 1;
            }
            assert_ne!(answers[0], 0, "{fault:?}: it blocks, kept or not\n{}", gateway.log());
            if kept {
                let closed = refused > 0 && matches!((fault.call, fault.when), ("fdatasync", When::From(_)));
                assert!(!closed, "{fault:?}: acknowledged behind a failed fsync\n{}", gateway.log());
                self.acked.insert(number);
                acked += 1;
                self.all_acked += 1;
            } else {
                refused += 1;
            }
        }
        // Whoever says that it is ready takes a STOP.
        let (ready, why) = gateway.get("/readyz?verbose").await;
        if ready == 200 {
            let number = self.number();
            let stop = self.smsc.deliver(Message::mo(&number, "36111", "STOP"), SOON).await;
            let status = stop.map(|answer| answer.status);
            if status == Ok(0) {
                self.acked.insert(number);
                acked += 1;
                self.all_acked += 1;
            } else {
                // The fault may just have come: then it must show now.
                gateway.readyz_becomes(503).await;
            }
        } else {
            assert!(why.contains("FAILED "), "{why}");
            self.closed += 1;
        }
        acked
    }

    /// The ledger as the kill has left it must hold. A write that was swallowed leaves damage: it is found, by `verify` or by the
    /// next start, which names the file.
    async fn check_files(&mut self, fault: &Fault) {
        let data = self.home.path().join("data");
        let report = verify::ledger(&data, &verify::Asked::default());
        if let Effect::Swallows(_) = fault.effect {
            match Gateway::try_start_in(self.home.clone(), &self.config).await {
                Ok(gateway) => {
                    drop(gateway);
                    self.smsc.close(None);
                    if report.holds() {
                        // It held nothing that is evidence: the store, a snapshot, what is made again.
                        return;
                    }
                }
                Err(said) => {
                    assert!(said.contains("damaged at octet") && said.contains("next: "), "{fault:?}: {said}");
                }
            }
            self.damaged += 1;
            return self.new_home();
        }
        // A start that was cut short before it had signed anything has no ledger yet.
        let begun = data.join("checkpoints").join("newest").exists();
        // Hashes that could not be made durable are no evidence lost.
        let mended = |one: &&verify::report::Finding| !one.what.contains("the next start of the daemon makes it again");
        let wrong: Vec<_> = report.findings.iter().filter(mended).collect();
        assert!(wrong.is_empty() || !begun, "{fault:?}: {wrong:?}");
    }

    /// Without a fault: all that was acknowledged is there.
    async fn check_all(&mut self) {
        let mut gateway = Gateway::start_in(self.home.clone(), &self.config).await;
        gateway.ready().await;
        let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.expect("bound");
        for number in &self.acked {
            let status =
                acme.submit_and_wait(&Message::submit("ACME", number, PROMO)).await.expect("an answer").status();
            if status != OPTED_OUT {
                self.lost += 1;
                println!("the acknowledged STOP of {number} is lost\n{}", gateway.log());
            }
        }
        assert!(gateway.terminate().await.success(), "{}", gateway.log());
        self.smsc.close(None);
    }
}

/// The calls of a run without a fault on a data_dir that was used before, from the first that touches it on.
async fn calls(run: &mut Run, call: &'static str) -> (u32, u32) {
    let none = Fault { call, effect: Effect::None, when: When::Once(1) };
    let seen = run.cycle(&none).await;
    let data = run.home.path().join("data").display().to_string();
    let of: Vec<&Seen> = seen.iter().filter(|one| one.call == call).collect();
    let first = of.iter().position(|one| one.line.contains(&data)).unwrap_or(0);
    (first as u32 + 1, of.len().max(1) as u32)
}

fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}

#[tokio::test(flavor = "current_thread")]
async fn no_fault_of_a_system_call_loses_what_was_acknowledged_or_leaves_anybody_without_an_answer() {
    if !injected::is_possible() {
        return;
    }
    let wanted = cycles(50, 300);
    let mut run = Run::new().await;
    let mut ranges: Vec<(&str, (u32, u32))> = Vec::new();
    let (mut hit, mut tried) = (0, 0);
    // Some calls are made by the first start only.
    calls(&mut run, "fsync").await;
    while hit < wanted && tried < 3 * wanted {
        let (call, effect, on) = FAULTS[tried as usize % FAULTS.len()];
        let (first, last) = match ranges.iter().find(|(known, _)| *known == call) {
            Some((_, range)) => *range,
            None => {
                let range = calls(&mut run, call).await;
                ranges.push((call, range));
                range
            }
        };
        // Rather late ones: a start that is refused shows less than a gateway that runs. Not the last: a run makes more or fewer,
        // and a fault that does not happen shows nothing.
        let span = u64::from(last.saturating_sub(first) + 1);
        let (one, other) =
            (scatter(SEED + 2 * u64::from(tried)) % span, scatter(SEED + 2 * u64::from(tried) + 1) % span);
        let at = first + (one.max(other) / 2) as u32;
        let fault = Fault { call, effect, when: if on { When::From(at) } else { When::Once(at) } };
        tried += 1;
        let seen = run.cycle(&fault).await;
        let injected = seen.iter().find(|one| one.is_injected());
        hit += u32::from(injected.is_some());
        println!("{tried}: {fault:?} {}", injected.map_or("did not happen", |one| one.line.as_str()));
        run.check_files(&fault).await;
        if tried % CYCLES_OF_A_HOME == 0 {
            run.check_all().await;
            run.new_home();
        }
    }
    run.check_all().await;
    assert!(hit >= wanted, "only {hit} faults happened in {tried} cycles");
    Figures::of("io_faults", hit, SEED)
        .counted("STOPs acknowledged", run.all_acked)
        .counted("submits answered", run.submits)
        .also("cycles that failed closed and said so", run.closed)
        .counted("starts refused with the next step", run.refused_starts)
        .also("swallowed writes found as damage", run.damaged)
        .lost("acknowledged STOPs lost, requests unanswered, panics", run.lost)
        .report(None);
}
