//! Owns a start without a usable snapshot and with very many events: it goes on at once, closed to commercial traffic until the list is
//! whole. Must never let a promotion pass by half a list.

use super::support::config::{Config, bank};
use super::support::gateway::{Gateway, Home};
use super::support::stage::operator;
use super::support::status::OPTED_OUT;
use super::support::{PROMO, SOON, phone};
use std::path::Path;
use stopgate::ledger::suppression_event::{Scope, Stop, StopSource, SuppressionEvent};
use stopgate::ledger::{Event, Keys, Ledger, OpenOptions};
use stopgate::message::instant::CivilInstant;
use stopgate::message::msisdn::Msisdn;
use stopgate::message::name::NameId;
use stopgate::message::tag::NumberTag;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

/// SG153 for a commercial message: come again.
const CLOSED: u32 = 0x08;
/// More than a start reads before it goes on.
const EVENTS: u64 = 1_200_000;
/// Numbers that have said STOP, the last ones written: of the block reserved for fiction. All others are tags of nobody.
const STOPPED: u32 = 20;

/// The events of a node that has been importing lists, without a snapshot of them.
fn write(home: &Path) {
    let (data, keys_dir) = (home.join("data"), home.join("keys"));
    let keys = Keys::open_or_create(&keys_dir, &data).expect("made");
    Keys::claim(&keys_dir, true).expect("claimed");
    let now = CivilInstant::from_secs(1_790_000_000);
    let options = OpenOptions::new("test-1", true).with_segment_octets(32 << 20);
    let (ledger, _) = Ledger::open(&data, &keys, options, now).expect("begun");
    let tag_of = |n: u64| match EVENTS - n {
        left if left <= u64::from(STOPPED) => {
            let number = phone((left - 1) as u32).parse().expect("digits");
            keys.tag_key().tag(Msisdn::from_canonical(number).expect("a number"))
        }
        _ => NumberTag(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()),
    };
    let mut appender = ledger.appender();
    for n in 0..EVENTS {
        let stop = Stop {
            id: ledger.next_event_id(),
            tag: tag_of(n),
            scope: Scope::Global,
            source: StopSource::Import,
            account: NameId::NONE,
            smsc: NameId::NONE,
            short_code: 0,
            answers: None,
            detail: NameId::NONE,
        };
        appender.event(now, &Event::Suppression(SuppressionEvent::Stop(stop)), None).expect("taken");
        if n % 2_000 == 1_999 {
            appender.commit(now).expect("appended");
        }
    }
    appender.commit(now).expect("appended");
    drop(appender);
    ledger.close(now).expect("closed");
}

async fn status(esme: &Esme, source: &str, number: u32, text: &str) -> u32 {
    esme.submit_and_wait(&Message::submit(source, &phone(number), text)).await.expect("answered").status()
}

#[tokio::test(flavor = "current_thread")]
async fn a_start_with_a_million_events_to_read_passes_codes_keeps_stops_and_no_promo_before_the_list_is_whole() {
    let home = Home::in_memory();
    write(home.path());
    let smsc = operator(Switches { redeliver: None, ..Switches::default() }).await;
    let mut config = Config::new(smsc.address());
    config.accounts.push(bank());
    let mut gateway = Gateway::start_in(home, &config).await;
    assert!(smsc.wait_bound(1, SOON).await, "{}", gateway.log());
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.expect("bound");
    let bank = Esme::bind(gateway.smpp, &Bind::transceiver("bank", "pass")).await.expect("bound");
    let write_in = async |number: u32, text: &str| {
        smsc.deliver(Message::mo(&phone(number), "36111", text), SOON).await.expect("an answer").status
    };
    // The list is being read: nobody can say yet who may be written to.
    assert_eq!(status(&acme, "ACME", 100, PROMO).await, CLOSED, "SG153\n{}", gateway.log());
    assert_eq!(status(&bank, "BANK", 101, "Votre code est 123456").await, 0, "codes pass");
    assert_eq!(write_in(102, "STOP").await, 0, "a STOP is kept");
    let (ready, words) = gateway.get("/readyz?verbose").await;
    assert!(ready == 503 && words.contains("FAILED list: "), "{words}");
    assert_eq!(gateway.metric("stopgate_failing_closed", &[]).await, 1.0);
    let (out, error, code) = gateway.command(&["why", &format!("+{}", phone(0))]).await;
    assert!(code != 0 && error.contains("being made again"), "half a list says nothing of anybody: {out}{error}");

    gateway.ready().await;
    gateway.readyz_becomes(200).await;
    assert!(gateway.log().contains("list.whole"), "{}", gateway.log());
    assert_eq!(status(&acme, "ACME", 100, PROMO).await, 0, "promos leave");
    for number in (0..STOPPED).chain([102]) {
        assert_eq!(status(&acme, "ACME", number, PROMO).await, OPTED_OUT, "{number}");
    }
    assert!(gateway.metric("stopgate_suppressed_numbers", &[]).await > EVENTS as f64);
    // The embedded store is still far behind, and nobody waits for it.
    let (out, error, code) = gateway.command(&["why", &format!("+{}", phone(0))]).await;
    assert!(code == 0 && out.contains("suppressed (global)"), "{out}{error}");
    // What was said while the list was read stands after a kill.
    gateway.kill();
    smsc.close(None);
    let mut gateway = Gateway::start_in(gateway.home.clone(), &config).await;
    gateway.ready().await;
    let acme = Esme::bind(gateway.smpp, &Bind::transceiver("acme", "secret")).await.expect("bound");
    assert_eq!(status(&acme, "ACME", 102, PROMO).await, OPTED_OUT, "{}", gateway.log());
}
