//! Owns the power cut under load: what was acknowledged holds, the ledger verifies, nothing is forwarded twice.
//! Must never pass because the disk kept by itself what nobody had made durable: a control without fsync must lose.

use super::support::config::{Config, account};
use super::support::figures::{self, Figures};
use super::support::gateway::{Gateway, Home};
use super::support::loop_disk::LoopDisk;
use super::support::people::people;
use super::support::skip::skip;
use super::support::stage::operator;
use super::support::status::OPTED_OUT;
use super::support::strace::Injected;
use super::support::witness::{PROMOS, Toll, Witness, scatter};
use super::support::{PROMO, SOON, phone};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::Smsc;
use stopgate::sim::smsc::switches::Switches;

/// Cuts in CI, and in the long form.
const CYCLES: (u32, u32) = (30, 500);
/// Cuts of one disk.
const HOUSE: u32 = 15;
/// STOPs offered in one cycle.
const STOPS: u32 = 60;
const SEED: u64 = 11_223_344;
/// Opt-ins of one import: a few of them fill a segment.
const OPT_INS: u32 = 3_000;

/// What goes on beside STOPs and promos when the power fails.
#[derive(Clone, Copy, Debug)]
enum Beside {
    Nothing,
    ListImport,
    OptIns,
    Starts,
    Lifts,
    Additions,
    /// Nothing any more: everything is at rest, so not even a verdict may be lost.
    Rest,
}

const KINDS: [Beside; 7] = [
    Beside::Nothing,
    Beside::ListImport,
    Beside::Starts,
    Beside::OptIns,
    Beside::Lifts,
    Beside::Additions,
    Beside::Rest,
];

/// A command under way, and what is promised once it ends well: numbers, and how a promo to them is answered.
struct Errand(Child, Vec<String>, u32);

/// An operator, a disk, and what was promised on it.
struct House {
    smsc: Smsc,
    disk: LoopDisk,
    config: Config,
    witness: Witness,
    /// The last import of opt-ins that was acknowledged.
    opted_in: Option<u32>,
}

#[tokio::test(flavor = "current_thread")]
async fn cuts_lose_nothing_that_was_acknowledged() {
    let cycles = figures::cycles(CYCLES.0, CYCLES.1);
    if let Err(why) = LoopDisk::new() {
        return skip(&format!("no disk whose power can be cut: {why}"));
    }
    let Some(control) = losing_control().await else { return skip("strace is missing or may not attach") };
    let (mut toll, mut segments) = (Toll::default(), 0);
    for first in (0..cycles).step_by(HOUSE as usize) {
        let mut house = House::open().await;
        for cycle in first..cycles.min(first + HOUSE) {
            house.cut(cycle).await;
        }
        segments += house.segments();
        toll.add(house.end().await);
    }
    Figures::of("power_cut", cycles, SEED)
        .counted("STOPs acknowledged", toll.stops)
        .counted("promos forwarded", toll.forwarded)
        .counted("segments of the ledger", segments)
        .lost("acknowledgements lost", toll.broken)
        .lost("forwarded twice", toll.doubled)
        .lost("answered twice", toll.answered_twice)
        .lost("answered ROK and not forwarded", toll.accepted_unsent)
        .lost("confirmed twice", toll.confirmed_twice)
        .lost("ledgers that do not verify", toll.unverified)
        .report(Some(("the same with every fsync answered and not done", control)));
}

impl House {
    async fn open() -> Self {
        let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
        let mut config = Config::new(smsc.address());
        let mut proving = account("optin", "pass", "operator-a");
        proving.text("consent", "proof").unset("consent_statement").set("senders", "[\"OPTIN\"]");
        config.accounts.push(proving);
        let disk = LoopDisk::new().expect("it was there a moment ago");
        let gateway = Gateway::start_in(Home::at(&disk.path()), &config).await;
        people(&gateway);
        disk.sync();
        drop(gateway);
        let witness = Witness::new(&smsc);
        Self { smsc, disk, config, witness, opted_in: None }
    }

    fn data(&self) -> PathBuf {
        self.disk.path().join("data")
    }

    /// Starts on what the disk holds, and checks what was promised.
    async fn start(&mut self) -> Gateway {
        let mut gateway = Gateway::start_in(Home::at(&self.disk.path()), &self.config).await;
        gateway.ready().await;
        self.witness.check(&gateway).await;
        if self.opted_in.is_some() {
            let optin = Esme::bind(gateway.smpp, &Bind::transceiver("optin", "pass")).await.unwrap();
            for number in [PROMOS, PROMOS + OPT_INS / 2, PROMOS + OPT_INS - 1] {
                let answer = optin.submit_and_wait(&Message::submit("OPTIN", &phone(number), PROMO)).await.unwrap();
                assert_eq!(answer.status(), 0, "an opt-in of an acknowledged import is lost\n{}", gateway.log());
            }
        }
        gateway
    }

    /// One cut, at some instant of a load.
    async fn cut(&mut self, cycle: u32) {
        let beside = KINDS[cycle as usize % KINDS.len()];
        let mut gateway = self.start().await;
        let longest = match beside {
            Beside::ListImport | Beside::OptIns | Beside::Additions | Beside::Lifts => 900,
            Beside::Nothing | Beside::Starts | Beside::Rest => 120,
        };
        let lasting = Duration::from_micros(5_000 + scatter(SEED + u64::from(cycle)) % (longest * 1_000));
        let mut errands = self.send_out(&gateway, beside, cycle, lasting).await;
        let stops = cycle * STOPS..(cycle + 1) * STOPS;
        let load = self.witness.load(&gateway, stops, lasting).await;
        let at_rest = match beside {
            Beside::Rest => Some(self.come_to_rest(&gateway).await),
            Beside::Nothing
            | Beside::ListImport
            | Beside::OptIns
            | Beside::Starts
            | Beside::Lifts
            | Beside::Additions => None,
        };
        gateway.signal(Signal::STOP);
        // As somebody else would have kept it: no checkpoint that was ever signed may turn out to be of another history.
        let since = std::fs::read(self.data().join("checkpoints/newest")).ok();
        self.disk.cut();
        gateway.kill();
        for Errand(child, numbers, status) in &mut errands {
            if child.wait().expect("the child is ours").success() {
                numbers.iter().for_each(|number| self.witness.promise(number, *status));
                if let Beside::OptIns = beside {
                    self.opted_in = Some(cycle);
                }
            }
        }
        self.witness.take_down(&load).await;
        drop(gateway);
        self.disk.mount_again();
        self.witness.verify(&self.data(), since.as_deref());
        if let Some((events, verdicts)) = at_rest {
            let kept = self.witness.records(&self.data());
            assert!(kept.0 >= events && kept.1 >= verdicts, "{kept:?} of {events} and {verdicts} records are kept");
        }
    }

    /// What goes on beside the load.
    async fn send_out(&mut self, gateway: &Gateway, beside: Beside, cycle: u32, lasting: Duration) -> Vec<Errand> {
        let evidence = format!("cut {cycle}");
        let own = PROMOS + OPT_INS + cycle % HOUSE * 100;
        match beside {
            Beside::Nothing | Beside::Rest => Vec::new(),
            Beside::ListImport => {
                let numbers: Vec<String> = (own..own + 90).map(phone).collect();
                let file = write(gateway, "list.csv", &format!("number\n+{}\n", numbers.join("\n+")));
                let child = gateway.begin(&["stop", "import", &file, "--evidence", &evidence]);
                vec![Errand(child, numbers, OPTED_OUT)]
            }
            Beside::Additions => (own..own + 5)
                .map(|number| {
                    let to = format!("+{}", phone(number));
                    let child = gateway.begin(&["stop", "add", &to, "--evidence", &evidence]);
                    Errand(child, vec![phone(number)], OPTED_OUT)
                })
                .collect(),
            Beside::OptIns => {
                // A later day each time: every row is a new act.
                let day = 1 + cycle % HOUSE;
                let rows =
                    (PROMOS..PROMOS + OPT_INS).map(|one| format!("+{},2026-11-{day:02}T09:00:00Z\n", phone(one)));
                let file = write(gateway, "optins.csv", &format!("number,at\n{}", rows.collect::<String>()));
                let import = ["consent", "import", &file, "--account", "optin", "--source", "web"];
                let child = gateway.begin(&[&import[..], &["--wording", "v3", "--evidence", &evidence]].concat());
                vec![Errand(child, Vec::new(), 0)]
            }
            Beside::Starts => {
                for (place, number) in self.witness.stopped(10).into_iter().enumerate() {
                    self.witness.forget(&number);
                    self.smsc.post(Message::mo(&number, "36111", "START"), lasting * place as u32 / 10);
                }
                Vec::new()
            }
            Beside::Lifts => {
                let mut errands = Vec::new();
                for number in self.witness.stopped(3) {
                    let id = propose(gateway, &number).await;
                    self.witness.forget(&number);
                    let bob = gateway.home.path().join("bob");
                    let bob = ["--token-file", bob.to_str().expect("UTF-8")];
                    let child = gateway.begin(&[&bob[..], &["stop", "lift", "--approve", &id]].concat());
                    errands.push(Errand(child, vec![number], 0));
                }
                errands
            }
        }
    }

    /// Waits until nothing is written any more and all of it is signed, so durable: how many records there are.
    async fn come_to_rest(&self, gateway: &Gateway) -> (u64, u64) {
        let mut before = self.witness.records(&self.data());
        loop {
            let signed = gateway.metric("stopgate_ledger_last_checkpoint_timestamp_seconds", &[]).await;
            let later = |at: f64| at >= signed + 2.0;
            gateway.metric_becomes("stopgate_ledger_last_checkpoint_timestamp_seconds", &[], later).await;
            let records = self.witness.records(&self.data());
            if records == before {
                return records;
            }
            before = records;
        }
    }

    /// Segments of the ledger that have records.
    fn segments(&self) -> u64 {
        let count = |stream: &str| {
            let entries = std::fs::read_dir(self.data().join(stream)).expect("the stream's directory");
            // The last one is the spare.
            entries.count() as u64 - 1
        };
        count("events") + count("verdicts")
    }

    async fn end(mut self) -> Toll {
        let mut gateway = self.start().await;
        assert!(gateway.terminate().await.success(), "{}", gateway.log());
        drop(gateway);
        self.witness.settle()
    }
}

/// The first of three controls that loses something: now and then the kernel itself has written everything back in time.
async fn losing_control() -> Option<u64> {
    for _ in 0..2 {
        match control().await {
            Some(0) => {}
            outcome => return outcome,
        }
    }
    control().await
}

/// The same cut of a gateway whose every fsync is answered and not done: how many acknowledged STOPs are gone.
/// `None` without strace.
async fn control() -> Option<u64> {
    let mut house = House::open().await;
    let mut gateway = house.start().await;
    let swallowed = Injected::under(gateway.id(), "fdatasync,fsync,sync_file_range,msync", "retval=0")?;
    let load = house.witness.load(&gateway, 0..STOPS, Duration::from_millis(300)).await;
    // Under strace everything takes its time: what nobody acknowledged cannot be lost.
    let acked = house.smsc.wait_for(SOON, |records| (records.answered.len() >= 10).then_some(())).await;
    assert!(acked.is_some(), "no STOP is acknowledged under strace\n{}", gateway.log());
    gateway.signal(Signal::STOP);
    house.disk.cut();
    gateway.kill();
    drop(swallowed);
    house.witness.take_down(&load).await;
    drop(gateway);
    house.disk.mount_again();
    // It may not even start on what is left: then all of them are gone.
    match Gateway::try_start_in(Home::at(&house.disk.path()), &house.config).await {
        Ok(mut gateway) => {
            gateway.ready().await;
            Some(house.witness.broken(&gateway).await.len() as u64)
        }
        Err(_) => Some(house.witness.stopped(usize::MAX).len() as u64),
    }
}

/// Alice proposes to lift; the proposal's number.
async fn propose(gateway: &Gateway, number: &str) -> String {
    let alice = gateway.home.path().join("alice");
    let to = format!("+{number}");
    let lift = ["--token-file", alice.to_str().expect("UTF-8"), "stop", "lift", &to, "--account", "acme"];
    let why = ["--evidence", "letter of 2026-11-20", "--reason", "wants the offers again"];
    let (out, error, code) = gateway.command(&[&lift[..], &why].concat()).await;
    assert_eq!(code, 0, "{out}{error}");
    out.strip_prefix("proposal ").and_then(|rest| rest.split(':').next()).expect("its number").to_owned()
}

fn write(gateway: &Gateway, name: &str, text: &str) -> String {
    let file: &Path = &gateway.home.path().join(name);
    std::fs::write(file, text).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}
