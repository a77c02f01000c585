//! Owns how far a STOP reaches: everybody by default, the code's accounts or the sender where the configuration says so.
//! Must never take the default for narrower than global.

use super::support::config::{Config, account, other};
use super::support::stage::Stage;
use super::support::status::OPTED_OUT;
use super::support::{OPTED_OUT_THERE, SOON, phone, receipt_of};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

/// acme (36111, also as ACME2) and other (36222) on one operator.
fn two_accounts(config: &mut Config) {
    config.acme().set("senders", "[\"ACME\", \"ACME2\", \"36111\"]");
    config.accounts.push(other());
}

async fn senders(stage: &Stage) -> (Esme, Esme) {
    (stage.acme().await, stage.bound(&Bind::transceiver("other", "pass")).await)
}

async fn promo(esme: &Esme, from: &str, number: &str) -> u32 {
    let code = if from == "OTHER" { "36222" } else { "36111" };
    let text = format!("Soldes: -20% samedi. STOP {code}");
    esme.submit_and_wait(&Message::submit(from, number, &text)).await.unwrap().status()
}

async fn run(stage: &Stage, arguments: &[&str]) -> (String, i32) {
    let (out, error, code) = stage.gateway.command(arguments).await;
    (format!("{out}{error}"), code)
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_of_account_scope_ends_that_account_and_survives_a_kill_until_its_start() {
    let mut stage = Stage::with(Switches::default(), |config| {
        two_accounts(config);
        config.acme().text("stop_scope", "account");
    })
    .await;
    let number = phone(860);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    stage.gateway.kill();
    stage.restart().await;
    let (acme, other) = senders(&stage).await;
    assert_eq!(promo(&acme, "ACME", &number).await, OPTED_OUT);
    assert_eq!(promo(&other, "OTHER", &number).await, 0, "not said to this one");
    let (out, _) = run(&stage, &["stop", "list"]).await;
    assert!(out.contains("account:acme"), "{out}");
    assert_eq!(stage.mo(&number, "36111", "START").await, 0);
    assert_eq!(promo(&acme, "ACME", &number).await, 0);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(promo(&acme, "ACME", &number).await, OPTED_OUT, "a later STOP clears it");
    // The other account keeps the default: what is said to it holds for everybody.
    assert_eq!(stage.mo(&phone(861), "36222", "STOP").await, 0);
    assert_eq!(promo(&acme, "ACME", &phone(861)).await, OPTED_OUT);
}

#[tokio::test(flavor = "current_thread")]
async fn a_code_s_own_scope_goes_before_its_accounts_and_an_unknown_sender_widens_to_the_account() {
    let stage = Stage::with(Switches::default(), |config| {
        two_accounts(config);
        let mut code = super::support::config::Table::default();
        code.text("number", "36111").text("stop_scope", "sender");
        config.short_codes.push(code);
    })
    .await;
    let (acme, other) = senders(&stage).await;
    let number = phone(862);
    // Nothing was sent to the number: nobody can say which sender it means.
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(promo(&acme, "ACME", &number).await, OPTED_OUT);
    assert_eq!(promo(&acme, "ACME2", &number).await, OPTED_OUT);
    assert_eq!(promo(&other, "OTHER", &number).await, 0);
    let number = phone(872);
    assert_eq!(promo(&acme, "ACME2", &number).await, 0);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(promo(&acme, "ACME2", &number).await, OPTED_OUT);
    assert_eq!(promo(&acme, "ACME", &number).await, 0, "another sender");
}

#[tokio::test(flavor = "current_thread")]
async fn on_a_shared_code_a_stop_of_account_scope_is_for_who_wrote_and_for_all_where_nobody_did() {
    let stage = Stage::with(Switches::default(), |config| {
        for (name, sender) in [("acme", "ACME"), ("other", "OTHER")] {
            let mut shop = account(name, "secret", "operator-a");
            shop.set("senders", format!("[\"{sender}\"]")).text("stop_scope", "account");
            config.accounts.push(shop);
        }
        config.accounts.remove(0);
        let mut code = super::support::config::Table::default();
        code.text("number", "36111").text("identity", "Plateforme, Paris");
        config.short_codes.push(code);
    })
    .await;
    let (acme, other) = (stage.acme().await, stage.bound(&Bind::transceiver("other", "secret")).await);
    let text = "Soldes: -20% samedi. STOP 36111";
    let send = async |esme: &Esme, from: &str, number: u32| {
        esme.submit_and_wait(&Message::submit(from, &phone(number), text)).await.unwrap().status()
    };
    assert_eq!(send(&other, "OTHER", 873).await, 0);
    for number in [873, 874] {
        assert_eq!(stage.mo(&phone(number), "36111", "STOP").await, 0);
    }
    assert_eq!(send(&other, "OTHER", 873).await, OPTED_OUT);
    assert_eq!(send(&acme, "ACME", 873).await, 0, "it never wrote there");
    assert_eq!(send(&other, "OTHER", 874).await, OPTED_OUT);
    assert_eq!(send(&acme, "ACME", 874).await, OPTED_OUT);
}

#[tokio::test(flavor = "current_thread")]
async fn a_receipt_that_is_a_stop_reaches_as_far_as_its_account_says() {
    let stage = Stage::with(Switches::default(), |config| {
        config.acme().set("senders", "[\"ACME\", \"ACME2\"]").text("stop_scope", "sender");
        config.operator().set("optout_errors", "[\"53\"]");
    })
    .await;
    let acme = stage.acme().await;
    let number = phone(863);
    let receipt = receipt_of(&number, "ACME2", "1", OPTED_OUT_THERE);
    assert_eq!(stage.smsc.deliver(receipt, SOON).await.expect("an answer").status, 0);
    assert_eq!(promo(&acme, "ACME2", &number).await, OPTED_OUT);
    assert_eq!(promo(&acme, "ACME", &number).await, 0);
    let (out, _) = run(&stage, &["why", &format!("+{number}")]).await;
    assert!(out.contains("suppressed (sender:ACME2)") && out.contains("receipt error 53"), "{out}");
}

#[tokio::test(flavor = "current_thread")]
async fn stops_by_hand_and_from_a_file_reach_as_far_as_they_say_and_show_their_evidence() {
    let stage = Stage::with(Switches::default(), two_accounts).await;
    let (acme, other) = senders(&stage).await;
    let written: Vec<String> = (864..870).map(|number| format!("+{}", phone(number))).collect();
    let by_account = [
        "stop",
        "add",
        &written[0],
        "--scope",
        "account",
        "--account",
        "acme",
        "--origin",
        "phone",
        "--evidence",
        "ticket 4711",
        "--text",
        "ne m'appelez plus",
        "--at",
        "2026-11-20T15:04:05Z",
    ];
    let (out, code) = run(&stage, &by_account).await;
    assert_eq!(code, 0, "{out}");
    let by_sender = ["stop", "add", &written[1], "--scope", "sender", "--sender", "acme2", "--evidence", "letter 1"];
    let (out, code) = run(&stage, &by_sender).await;
    assert_eq!(code, 0, "{out}");
    for (arguments, wrong) in [
        (["--scope", "account", "--account", "amce"], "no such account"),
        (["--scope", "sender", "--account", "acme"], "scope sender a sender"),
        (["--scope", "planet", "--account", "acme"], "no scope"),
    ] {
        let (out, code) =
            run(&stage, &[&["stop", "add", &written[2], "--evidence", "x"], &arguments[..]].concat()).await;
        assert!(code == 3 && out.contains(wrong), "{out}");
    }
    let file = stage.gateway.home.path().join("optouts.csv");
    let rows = format!(
        "number;at;evidence;text;scope;account;sender\n{};2026-11-19;33700 report 12;\"STOP pub; merci\";account;other;\n{};;letter 2;;;;\n",
        written[3], written[4]
    );
    std::fs::write(&file, rows).expect("written");
    let (out, code) = run(&stage, &["stop", "import", file.to_str().expect("UTF-8"), "--origin", "complaint"]).await;
    assert_eq!(code, 0, "{out}");
    for (number, [by_acme, by_acme2, by_other]) in [
        (864, [OPTED_OUT, OPTED_OUT, 0]),
        (865, [0, OPTED_OUT, 0]),
        (866, [0, 0, 0]),
        (867, [0, 0, OPTED_OUT]),
        (868, [OPTED_OUT, OPTED_OUT, OPTED_OUT]),
    ] {
        let number = phone(number);
        assert_eq!(promo(&acme, "ACME", &number).await, by_acme, "ACME to {number}");
        assert_eq!(promo(&acme, "ACME2", &number).await, by_acme2, "ACME2 to {number}");
        assert_eq!(promo(&other, "OTHER", &number).await, by_other, "OTHER to {number}");
    }
    let (out, _) = run(&stage, &["why", &written[0]]).await;
    for part in [
        "(account:acme)",
        "by phone",
        "entered by local",
        "said at 2026-11-20T15:04:05Z",
        "ticket 4711",
        "ne m'appelez",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (out, _) = run(&stage, &["stop", "show", &written[3]]).await;
    for part in ["33700", "account:other", "said at 2026-11-19T00:00:00Z", "33700 report 12", "STOP pub; merci"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (out, _) = run(&stage, &["stop", "export"]).await;
    assert!(out.contains("sender:ACME2") && out.contains("letter 2"), "{out}");
    // What is exported may be imported elsewhere.
    std::fs::write(&file, "number,scope,evidence\n+33639980875,account:other,exported\n+33639980876,sender:ACME2,exported\n+33639980877,sender:0123456789abcdef,exported\n").expect("written");
    let (out, code) = run(&stage, &["stop", "import", file.to_str().expect("UTF-8")]).await;
    assert!(code == 3 && out.contains("no sender"), "{code} {out}");
    assert_eq!(promo(&other, "OTHER", &phone(875)).await, OPTED_OUT);
    assert_eq!(promo(&acme, "ACME", &phone(875)).await, 0);
    assert_eq!(promo(&acme, "ACME2", &phone(876)).await, OPTED_OUT);
    // A narrower stop adds nothing to a wider one; a wider one adds to a narrower.
    let narrow = ["stop", "add", &written[4], "--scope", "account", "--account", "acme", "--evidence", "again"];
    assert!(run(&stage, &narrow).await.0.starts_with("0 numbers suppressed, 1 already"));
    let (out, _) = run(&stage, &["stop", "add", &written[0], "--evidence", "letter 3"]).await;
    assert!(out.starts_with("1 number suppressed, 0 already"), "{out}");
    assert_eq!(promo(&other, "OTHER", &phone(864)).await, OPTED_OUT);
}

#[tokio::test(flavor = "current_thread")]
async fn an_opt_out_by_hand_after_a_start_ends_what_the_start_had_lifted() {
    let stage = Stage::start().await;
    let acme = stage.acme().await;
    let number = phone(871);
    assert_eq!(stage.mo(&number, "36111", "STOP").await, 0);
    assert_eq!(stage.mo(&number, "36111", "START").await, 0);
    assert_eq!(promo(&acme, "ACME", &number).await, 0);
    let (out, _) = run(&stage, &["stop", "add", &format!("+{number}"), "--evidence", "call"]).await;
    assert!(out.starts_with("1 number suppressed, 0 already"), "{out}");
    assert_eq!(promo(&acme, "ACME", &number).await, OPTED_OUT);
}
