//! Owns civil time that jumps: steps of the system's clock under the running gateway, and both changes of summer time.
//! Must never compute an expectation from the gateway's own hours: each is written here from the calendar.

use super::support::config::Config;
use super::support::figures::Figures;
use super::support::gateway::{Gateway, Home};
use super::support::skip::skip;
use super::support::stage::operator;
use super::support::status::{OPTED_OUT, OUT_OF_HOURS};
use super::support::{PROMO, SOON, phone};
use stopgate::message::instant::CivilInstant;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;
use tokio::time::{Duration, Instant, sleep};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Where it starts, what a promo is answered there, the steps one after the other, what a promo is answered after them.
type Case = (&'static str, u32, &'static [i64], u32);

/// fr-strict: from Monday to Friday 08:00 to 20:00, on Saturday 10:00 to 19:00, closed on Sundays and holidays.
const CASES: [Case; 9] = [
    // Closed by the old reading: the new one opens nothing.
    ("2026-11-24T07:20:00+01:00", OUT_OF_HOURS, &[HOUR], OUT_OF_HOURS),
    ("2026-11-24T20:40:00+01:00", OUT_OF_HOURS, &[-HOUR], OUT_OF_HOURS),
    ("2026-11-22T12:00:00+01:00", OUT_OF_HOURS, &[DAY], OUT_OF_HOURS),
    ("2026-11-22T12:00:00+01:00", OUT_OF_HOURS, &[-DAY], OUT_OF_HOURS),
    ("2026-11-24T23:00:00+01:00", OUT_OF_HOURS, &[10 * HOUR, 5], OUT_OF_HOURS),
    // Closed by the new reading.
    ("2026-11-24T19:20:00+01:00", 0, &[HOUR], OUT_OF_HOURS),
    ("2026-11-21T12:00:00+01:00", 0, &[DAY], OUT_OF_HOURS),
    // Open by both.
    ("2026-11-24T12:00:00+01:00", 0, &[HOUR], 0),
    ("2026-11-25T12:00:00+01:00", 0, &[-DAY], 0),
];

/// `faketime`'s library, where the packages put it.
fn library() -> Option<String> {
    let roots = std::fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found = roots.map(|root| root.join("faketime/libfaketimeMT.so.1")).filter(|path| path.exists());
    Some(found.next()?.to_str()?.to_owned())
}

/// A system clock that is set from outside.
struct SetClock {
    file: std::path::PathBuf,
    ahead: i64,
}

impl SetClock {
    /// Under `home`, at this instant.
    fn new(home: &Home, library: &str, at: &str, config: &mut Config) -> Self {
        let at: CivilInstant = chrono::DateTime::parse_from_rfc3339(at).expect("an instant").to_utc().into();
        let real = stopgate::clock::Clock::system().civil();
        let file = home.path().join("ahead");
        let clock = Self { file, ahead: (at.as_micros() - real.as_micros()) / 1_000_000 };
        clock.write();
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        config.clock.clear();
        config.environment = vec![
            set("LD_PRELOAD", library),
            set("FAKETIME_TIMESTAMP_FILE", clock.file.to_str().expect("UTF-8")),
            set("FAKETIME_NO_CACHE", "1"),
            set("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            set("NO_FAKE_STAT", "1"),
        ];
        clock
    }

    fn step(&mut self, by: i64) {
        self.ahead += by;
        self.write();
    }

    fn write(&self) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{:+}\n", self.ahead)).expect("written");
        std::fs::rename(&next, &self.file).expect("renamed");
    }
}

async fn promo(acme: &Esme, number: u32) -> u32 {
    acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap().status()
}

#[tokio::test(flavor = "current_thread")]
async fn a_stepped_clock_reopens_nothing_and_is_on_record() {
    let Some(library) = library() else { return skip("faketime is missing") };
    let (mut promos, mut steps_recorded, mut stops) = (0, 0, 0);
    let (mut otherwise, mut unverified) = (0, 0);
    for (at, before, steps, after) in CASES {
        let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
        let mut config = Config::new(smsc.address());
        let home = Home::in_memory();
        let mut clock = SetClock::new(&home, &library, at, &mut config);
        let mut gateway = Gateway::start_in(home, &config).await;
        gateway.ready().await;
        let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
        let case = format!("{at} {steps:?}");
        assert_eq!(promo(&acme, 1).await, before, "{case}: before\n{}", gateway.log());
        for (place, by) in steps.iter().enumerate() {
            clock.step(*by);
            // Many at once: none of them may be the first to look at the new clock and at nothing else.
            let last = place + 1 == steps.len();
            for number in 10..40 {
                let status = promo(&acme, number).await;
                if status != if last { after } else { OUT_OF_HOURS } {
                    otherwise += 1;
                    println!("{case}: promo {number} is answered {status:#x} after {by} s\n{}", gateway.log());
                }
                promos += 1;
            }
            let stop = smsc.deliver(Message::mo(&phone(50 + place as u32), "36111", "STOP"), SOON).await;
            assert_eq!(stop.expect("answered").status, 0, "{case}\n{}", gateway.log());
            assert_eq!(promo(&acme, 50 + place as u32).await, OPTED_OUT, "{case}");
            stops += 1;
            let seen = (place + 1) as f64;
            gateway.metric_becomes("stopgate_clock_step_total", &[], |count| count == seen).await;
        }
        // The ledger is verified at the end: its order is its numbers', and the steps stand in it.
        assert!(gateway.terminate().await.success(), "{case}\n{}", gateway.log());
        let (recorded, findings) = clock_records(&gateway);
        assert_eq!(recorded, steps.len() as u64, "{case}");
        steps_recorded += recorded;
        unverified += u64::from(findings > 0);
    }
    Figures::of("clock_steps", CASES.len() as u32, 0)
        .counted("promos judged after a step", promos)
        .counted("steps on record", steps_recorded)
        .counted("STOPs acknowledged", stops)
        .lost("promos let through by one reading alone", otherwise)
        .lost("ledgers that do not verify", unverified)
        .report(None);
}

#[tokio::test(flavor = "current_thread")]
async fn a_clock_that_was_set_back_while_the_gateway_was_down_reopens_nothing_and_is_on_record() {
    let Some(library) = library() else { return skip("faketime is missing") };
    let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
    let mut config = Config::new(smsc.address());
    let home = Home::in_memory();
    let mut clock = SetClock::new(&home, &library, "2026-11-24T20:40:00+01:00", &mut config);
    let mut gateway = Gateway::start_in(home.clone(), &config).await;
    gateway.ready().await;
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
    assert_eq!(promo(&acme, 1).await, OUT_OF_HOURS);
    assert!(gateway.terminate().await.success(), "{}", gateway.log());
    for (by, status, steps) in [(-HOUR, OUT_OF_HOURS, 1.0), (-9 * HOUR, 0, 1.0), (10 * HOUR, OUT_OF_HOURS, 0.0)] {
        clock.step(by);
        gateway = Gateway::start_in(home.clone(), &config).await;
        gateway.ready().await;
        let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
        assert_eq!(promo(&acme, 2).await, status, "{by}: open where both readings are\n{}", gateway.log());
        assert_eq!(gateway.metric("stopgate_clock_step_total", &[]).await, steps, "{by}\n{}", gateway.log());
        assert_eq!(gateway.log().contains("clock.step"), steps > 0.0, "{by}\n{}", gateway.log());
        // Whether anybody vouches for the clock is said, and keeps nobody waiting.
        let vouched_for = std::path::Path::new("/run/systemd/timesync/synchronized").exists();
        let seen = gateway.metric("stopgate_clock_synchronised", &[]).await;
        assert_eq!(seen, f64::from(u8::from(vouched_for)), "{}", gateway.log());
        let said = if vouched_for { "clock.synchronised" } else { "clock.unsynchronised" };
        assert!(gateway.log().contains(said), "{}", gateway.log());
        let (ready, words) = gateway.get("/readyz?verbose").await;
        assert!(ready == 200 && words.contains("ok clock: "), "{words}");
        assert!(gateway.terminate().await.success(), "{by}\n{}", gateway.log());
    }
    assert_eq!(clock_records(&gateway), (2, 0));
}

/// `clock` records among the events, and what `verify` has to say.
fn clock_records(gateway: &Gateway) -> (u64, u64) {
    use stopgate::ledger::event_code::EventRecord;
    use stopgate::ledger::{Event, verify};
    let data = gateway.home.path().join("data");
    let report = verify::ledger(&data, &verify::Asked::default());
    let events = stopgate::journal::offline::Offline::open(&data.join("events"), "events").expect("the events");
    let (mut walk, mut clocks) = (events.walk(), 0);
    while let Some(placed) = walk.next_record().expect("readable") {
        let record = EventRecord::read(placed.frame.leaf).expect("an event");
        clocks += u64::from(matches!(record.event, Event::Clock(_)));
    }
    (clocks, report.findings.len() as u64)
}

/// Civil seconds a real second.
const SPEED: u32 = 7_200;
/// Civil seconds around an edge in which nothing is expected: the clock is told by the second.
const EDGE: i64 = 60;

/// The open spans of three days, UTC, from the calendar: the clocks change on the Sunday, at 01:00 UTC.
const CHANGES: [(&str, [(&str, &str); 2]); 2] = [
    // CEST until then, CET on the Monday.
    (
        "2026-10-24T06:00:00Z",
        [("2026-10-24T08:00:00Z", "2026-10-24T17:00:00Z"), ("2026-10-26T07:00:00Z", "2026-10-26T19:00:00Z")],
    ),
    // CET until then, CEST on the Monday (the 28th is a Sunday, and Easter with its own Monday: the 29th is closed).
    (
        "2027-03-27T07:00:00Z",
        [("2027-03-27T09:00:00Z", "2027-03-27T18:00:00Z"), ("2027-03-30T06:00:00Z", "2027-03-30T18:00:00Z")],
    ),
];

#[tokio::test(flavor = "current_thread")]
async fn both_changes_of_summer_time_move_the_hours_and_no_instant() {
    let [autumn, spring] = CHANGES.map(|(from, open)| play(from, open));
    let (autumn, spring) = tokio::join!(autumn, spring);
    Figures::of("summer_time", 2, 0)
        .counted("promos judged in autumn", autumn.compared)
        .counted("promos judged in spring", spring.compared)
        .lost("promos answered against the calendar", autumn.against + spring.against)
        .report(None);
}

fn secs(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).expect("an instant").timestamp()
}

/// Promos whose answer was compared with the calendar, and those answered against it.
#[derive(Default)]
struct Played {
    compared: u64,
    against: u64,
}

/// Plays the days from `from` on to two hours behind the last closing.
async fn play(from: &str, open: [(&str, &str); 2]) -> Played {
    let smsc = operator(Switches::default()).await;
    let mut config = Config::new(smsc.address());
    (config.clock, config.speed) = (from.to_owned(), SPEED);
    let mut gateway = Gateway::start_in(Home::in_memory(), &config).await;
    gateway.ready().await;
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.unwrap();
    let open = open.map(|(from, to)| (secs(from), secs(to)));
    let edges = open.map(|(from, to)| [from, to]).concat();
    let (mut played, mut before) = (Played::default(), civil(&gateway).await);
    let mut seen = [[0u64; 2]; 2];
    while before.0 < open[1].1 + 2 * HOUR {
        // The time is known before and after the promo; between two looks nothing near an edge is compared.
        let status = promo(&acme, 60).await;
        let after = civil(&gateway).await;
        let clear = edges.iter().all(|edge| after.1 < edge - EDGE || before.0 > edge + EDGE);
        if clear && after.1 - before.0 < 4 * HOUR {
            let inside = open.iter().any(|(from, to)| before.0 > *from && after.1 < *to);
            if status != if inside { 0 } else { OUT_OF_HOURS } {
                played.against += 1;
                println!("{status:#x} between {} and {}\n{}", before.0, after.1, gateway.log());
            }
            played.compared += 1;
            let day = usize::from(before.0 > open[0].1 + 6 * HOUR);
            seen[day][usize::from(inside)] += 1;
        }
        before = after;
        // A quarter of an hour there: every hour is looked at, and the machine has time for others.
        sleep(Duration::from_millis(100)).await;
    }
    assert!(seen.iter().flatten().all(|count| *count > 0), "nothing was compared on one side: {seen:?}");
    assert_eq!(gateway.metric("stopgate_clock_step_total", &[]).await, 0.0, "no instant was moved");
    assert!(gateway.terminate().await.success(), "{}", gateway.log());
    played
}

/// The earliest and the latest that the gateway's clock may show, in seconds: at the asking and at the answer.
async fn civil(gateway: &Gateway) -> (i64, i64) {
    let asked = Instant::now();
    let (out, error, code) = gateway.command(&["--json", "status"]).await;
    assert_eq!(code, 0, "{out}{error}");
    let status: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let now = secs(status["now"].as_str().expect("an instant"));
    let took = (asked.elapsed().as_millis() as i64 + 20) * i64::from(SPEED) / 1000;
    (now, now + took)
}
