//! Owns opt-ins from their record to their end: an account that proves consent may write to whom opted in to it, and to nobody else.
//! Must never take a record for one that is not durable, nor an opt-in for a way round a STOP.

use super::support::config::{Config, account, operator};
use super::support::stage::{self, Stage};
use super::support::status::{NO_CONSENT, OPTED_OUT};
use super::support::{PROMO, SOON, phone};
use std::path::Path;
use stopgate::ledger::{Event, Keys, Ledger, OpenOptions};
use stopgate::message::instant::CivilInstant;
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

/// What every record here rests on.
const PROOF: [&str; 6] = ["--source", "web", "--wording", "v3", "--evidence", "web form, submission 4711"];

/// acme proves its consents; beta declares them.
fn proving(config: &mut Config) {
    config.acme().text("consent", "proof").unset("consent_statement");
    config.accounts.push(account("beta", "geheim", "operator-a"));
    config.accounts[1].set("senders", "[\"BETA\"]");
}

async fn proving_stage() -> Stage {
    Stage::with(Switches::default(), proving).await
}

async fn promo(esme: &Esme, number: &str) -> u32 {
    esme.submit_and_wait(&Message::submit("ACME", number, PROMO)).await.unwrap().status()
}

/// Runs `stopgate consent …` and expects this exit code; what it printed.
async fn consent(stage: &Stage, arguments: &[&str], expected: i32) -> String {
    let (out, error, code) = stage.gateway.command(&[&["consent"], arguments].concat()).await;
    assert_eq!(code, expected, "{arguments:?}: {out}{error}");
    out
}

async fn record(stage: &Stage, number: &str, system_id: &str) {
    let out = consent(stage, &[&["record", number, "--account", system_id][..], &PROOF].concat(), 0).await;
    assert!(out.contains("1 number opted in"), "{out}");
}

async fn revoke(stage: &Stage, number: &str) {
    consent(stage, &["revoke", number, "--account", "acme", "--evidence", "mail of today"], 0).await;
}

/// The same house at another instant.
async fn later(stage: &mut Stage, clock: &str) -> Esme {
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    stage.config.clock = clock.to_owned();
    stage.restart().await;
    stage.acme().await
}

#[tokio::test(flavor = "current_thread")]
async fn an_account_that_proves_consent_writes_only_to_those_who_opted_in_to_it() {
    let stage = proving_stage().await;
    let acme = stage.acme().await;
    let number = phone(700);
    let check = ["check", "--account", "acme", "--to", &number, "--text", PROMO];
    assert_eq!(promo(&acme, &number).await, NO_CONSENT);
    let (out, error, code) = stage.gateway.command(&check).await;
    assert_eq!(code, 3, "{out}{error}");
    assert!(out.contains("SG102") && out.contains("stopgate consent record"), "{out}");
    record(&stage, &number, "beta").await;
    assert_eq!(promo(&acme, &number).await, NO_CONSENT, "another account's opt-in does not count");
    let why = stage.gateway.command(&["why", &number]).await.0;
    assert!(why.contains("acme: proof: no opt-in is recorded") && why.contains("beta: declared"), "{why}");
    record(&stage, &number, "acme").await;
    assert_eq!(promo(&acme, &number).await, 0);
    assert_eq!(promo(&acme, &phone(701)).await, NO_CONSENT, "nor does another number's");
    let why = stage.gateway.command(&["why", &number]).await.0;
    for part in ["opted in on 2026-11-24", "web, wording v3", "until 2029-11-24", "submission 4711", "by local"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert_eq!(stage.gateway.command(&check).await.2, 0);
    stage.gateway.metric_becomes("stopgate_consent_entries", &[], |count| count == 2.0).await;
    revoke(&stage, &number).await;
    assert_eq!(promo(&acme, &number).await, NO_CONSENT);
    let shown = consent(&stage, &["show", &number, "--account", "acme"], 3).await;
    assert!(shown.contains("revoked") && shown.contains("mail of today"), "{shown}");
    // An old list does not undo the revocation; a row of it says so.
    let old = [&["record", &number, "--account", "acme", "--at", "2026-11-01T10:00:00Z"][..], &PROOF].concat();
    let out = consent(&stage, &old, 3).await;
    assert!(out.contains("was revoked on 2026-11-24"), "{out}");
    assert_eq!(promo(&acme, &number).await, NO_CONSENT);
    consent(&stage, &[&["record", &number, "--account", "nobody"][..], &PROOF].concat(), 1).await;
}

#[tokio::test(flavor = "current_thread")]
async fn what_was_acknowledged_survives_a_kill_and_a_later_act_counts() {
    let mut stage = proving_stage().await;
    let (kept, gone) = (phone(710), phone(711));
    record(&stage, &kept, "acme").await;
    record(&stage, &gone, "acme").await;
    revoke(&stage, &gone).await;
    for _ in 0..2 {
        stage.gateway.kill();
        stage.restart().await;
        let acme = stage.acme().await;
        assert_eq!(promo(&acme, &kept).await, 0);
        assert_eq!(promo(&acme, &gone).await, NO_CONSENT);
    }
    let shown = consent(&stage, &["show", &kept, "--json"], 0).await;
    assert!(shown.contains("submission 4711") && shown.contains("\"state\":\"live\""), "{shown}");
    let again = [&["record", &kept, "--account", "acme", "--at", "2026-11-24T09:00:00Z"][..], &PROOF].concat();
    let again = consent(&stage, &again, 0).await;
    assert!(again.contains("0 numbers opted in, 1 already were"), "the same again changes nothing");
}

#[tokio::test(flavor = "current_thread")]
async fn no_acknowledged_opt_in_is_lost_and_no_revoked_one_comes_back_whenever_it_is_killed() {
    let mut stage = proving_stage().await;
    let (mut opted_in, mut revoked) = (Vec::new(), Vec::new());
    for cycle in 0..4u32 {
        let [stays, goes, late] = [0, 1, 2].map(|which| phone(2_000 + cycle * 10 + which));
        consent(&stage, &[&["record", &stays, &goes, "--account", "acme"][..], &PROOF].concat(), 0).await;
        revoke(&stage, &goes).await;
        opted_in.push(stays);
        revoked.push(goes);
        // The kill comes somewhere in the middle of this one: it counts only if it was acknowledged.
        let last = [&["consent", "record", &late, "--account", "acme"][..], &PROOF].concat();
        let killing = async {
            for _ in 0..cycle {
                stage.gateway.metric("stopgate_consent_entries", &[]).await;
            }
            stage.gateway.signal(rustix::process::Signal::KILL);
        };
        let ((_, _, code), ()) = tokio::join!(stage.gateway.command(&last), killing);
        if code == 0 {
            opted_in.push(late);
        }
        stage.gateway.ended().await;
        stage.restart().await;
    }
    assert!(opted_in.len() >= 4 && revoked.len() == 4);
    let acme = stage.acme().await;
    for number in &opted_in {
        assert_eq!(promo(&acme, number).await, 0, "the opt-in of {number} is lost");
    }
    for number in &revoked {
        assert_eq!(promo(&acme, number).await, NO_CONSENT, "the revoked opt-in of {number} is back");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_opt_in_ends_three_years_after_the_last_contact_and_a_start_is_one() {
    let mut stage = proving_stage().await;
    let (quiet, starts, stranger) = (phone(720), phone(721), phone(722));
    record(&stage, &quiet, "acme").await;
    record(&stage, &starts, "acme").await;
    // A Tuesday, two days before three years are over.
    let acme = later(&mut stage, "2029-11-22T10:00:00+01:00").await;
    assert_eq!(promo(&acme, &quiet).await, 0);
    assert_eq!(stage.mo(&starts, "36111", "STOP").await, 0);
    assert_eq!(promo(&acme, &starts).await, OPTED_OUT, "an opt-in is no way round a STOP");
    assert_eq!(stage.mo(&starts, "36111", "START").await, 0);
    assert_eq!(promo(&acme, &starts).await, 0);
    assert_eq!(stage.mo(&stranger, "36111", "START").await, 0);
    assert_eq!(promo(&acme, &stranger).await, NO_CONSENT, "a START renews what is recorded, and makes nothing");
    let acme = later(&mut stage, "2029-11-27T10:00:00+01:00").await;
    assert_eq!(promo(&acme, &quiet).await, NO_CONSENT);
    assert_eq!(promo(&acme, &starts).await, 0);
    let why = stage.gateway.command(&["why", &quiet]).await.0;
    assert!(why.contains("has ended on 2029-11-24"), "{why}");
    let shown = consent(&stage, &["show", &starts], 0).await;
    assert!(shown.contains("2029-11-22") && shown.contains("2032-11-22"), "last contact and end: {shown}");
    let old = [&["record", &quiet, "--account", "acme", "--at", "2029-11-26T10:00:00Z"][..], &PROOF].concat();
    consent(&stage, &old, 0).await;
    assert_eq!(promo(&acme, &quiet).await, 0, "a later contact, recorded with its own date");
    let stale = [&["record", &stranger, "--account", "acme", "--at", "2026-11-20T10:00:00Z"][..], &PROOF].concat();
    assert!(consent(&stage, &stale, 3).await.contains("the person must opt in again"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_message_that_waits_across_a_revocation_is_refused_at_its_release() {
    let mut switches = Switches::default();
    switches.answers.stalled = true;
    let other = stage::operator(Switches::default()).await;
    let stage = Stage::with(switches, |config| {
        proving(config);
        // An operator and an account on each of two lanes: a revocation is acknowledged when both have passed it.
        config.top.set("lanes", 2);
        config.smscs.push(operator("operator-b", other.address()));
        config.accounts[1].text("smsc", "operator-b");
        config.operator().set("window", 1);
    })
    .await;
    let acme = stage.acme().await;
    record(&stage, &phone(730), "acme").await;
    record(&stage, &phone(731), "acme").await;
    let first = acme.submit(&Message::submit("ACME", &phone(730), PROMO)).await.unwrap();
    stage.forwarded(&phone(730)).await;
    let waiting = acme.submit(&Message::submit("ACME", &phone(731), PROMO)).await.unwrap();
    // Its answer would be there if it had been refused; a later message of the same bind has been judged after it.
    assert_eq!(promo(&acme, &phone(732)).await, NO_CONSENT);
    revoke(&stage, &phone(731)).await;
    stage.smsc.switch(|switches| switches.answers.stalled = false);
    assert_eq!(acme.answer(first, SOON).await.unwrap().status(), 0);
    assert_eq!(acme.answer(waiting, SOON).await.unwrap().status(), NO_CONSENT);
    assert_eq!(stage.count_to(&phone(731)), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_list_is_imported_while_traffic_flows_and_its_export_is_of_its_account_only() {
    const ROWS: u32 = 12_000;
    let stage = proving_stage().await;
    let acme = stage.acme().await;
    let beta = stage.bound(&Bind::transceiver("beta", "geheim")).await;
    let file = stage.gateway.home.path().join("optins.csv");
    // Every number of the block twice but the last thousand: a duplicate does no harm.
    let row = |n: u32| format!("+{};2026-10-{:02}T10:00:00Z;form {n};v{}\n", phone(n % 9_000), 1 + n % 28, n % 3);
    let rows: String = (0..ROWS).map(row).collect();
    std::fs::write(&file, format!("msisdn;date;evidence;wording\n{rows}+33;2026-10-01;x;v1\n")).expect("written");
    let path = file.to_string_lossy().into_owned();
    let arguments = ["consent", "import", &path, "--account", "acme", "--source", "app"];
    let flowing = async {
        let mut sent = 0;
        for n in 0..400 {
            let text = Message::submit("BETA", &phone(n), PROMO);
            sent += u32::from(beta.submit_and_wait(&text).await.unwrap().status() == 0);
        }
        sent
    };
    let ((out, error, code), sent) = tokio::join!(stage.gateway.command(&arguments), flowing);
    assert_eq!((code, sent), (3, 400), "{out}{error}");
    assert!(out.contains("optins.csv:12002: "), "the bad row is named by its line: {out}");
    stage.gateway.metric_becomes("stopgate_consent_entries", &[], |count| count == 9_000.0).await;
    for n in [0, 4_500, 8_999] {
        assert_eq!(promo(&acme, &phone(n)).await, 0, "{n}");
    }
    assert_eq!(promo(&acme, &phone(9_000)).await, NO_CONSENT);
    let again = stage.gateway.command(&arguments).await.0;
    assert!(again.contains("0 numbers opted in, 12000 already were"), "{again}");
    let out = stage.gateway.home.path().join("out.csv").to_string_lossy().into_owned();
    consent(&stage, &["export", "--account", "acme", "-o", &out], 0).await;
    let exported = std::fs::read_to_string(&out).expect("written");
    assert_eq!(exported.lines().count(), 9_001);
    consent(&stage, &["export", "--account", "beta", "-o", &out], 0).await;
    assert_eq!(std::fs::read_to_string(&out).expect("written").lines().count(), 1);
    std::fs::write(&file, exported).expect("written");
    let again = consent(&stage, &["import", &path, "--account", "acme", "--dry-run"], 0).await;
    assert!(again.contains("0 numbers would be opted in, 9000 already were, 0 rows not taken"), "{again}");
    let beta = consent(&stage, &["import", &path, "--account", "beta"], 3).await;
    assert!(beta.contains("optins.csv:2: is an opt-in to \"acme\"") && beta.contains("0 numbers opted in"), "{beta}");
}

/// The statements and digests of the contracts on record, in order.
fn contracts(home: &Path) -> Vec<(String, String)> {
    let (data, keys) = (home.join("data"), home.join("keys"));
    let keys = Keys::open_or_create(&keys, &data).expect("the keys");
    let now = CivilInstant::from_secs(1_795_600_000);
    let options = OpenOptions::new("test-1", true).with_segment_octets(4 << 20);
    let (ledger, _) = Ledger::open(&data, &keys, options, now).expect("the ledger");
    let name = |id| ledger.name(id).map_or_else(String::new, |name| name.to_string());
    let mut events = ledger.read_events(0, u64::MAX);
    let mut found = Vec::new();
    while let Some(record) = events.next_event().expect("readable") {
        if let Event::Contract(contract) = record.event {
            found.push((name(contract.account), name(contract.statement)));
        }
    }
    found
}

#[tokio::test(flavor = "current_thread")]
async fn the_declared_statement_stands_in_the_ledger_from_the_start_and_from_each_reload() {
    let mut stage = proving_stage().await;
    stage.config.accounts[1].text("consent_statement", "Opt-in at the till, wording v9, signed 2026-11-24");
    stage.reload().await;
    assert!(stage.gateway.terminate().await.success());
    let of = |system_id: &str, statement: &str| (system_id.to_owned(), statement.to_owned());
    assert_eq!(
        contracts(stage.gateway.home.path()),
        [
            of("acme", ""),
            of("beta", "Opt-in by web form, wording v3, signed 2026-10-01"),
            of("acme", ""),
            of("beta", "Opt-in at the till, wording v9, signed 2026-11-24"),
        ]
    );
}
