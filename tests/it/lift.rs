//! Owns the lift by two people through the real binary: proposed, approved by somebody else, never more than was seen.
//! Must never lift with one token, nor wait for time to pass: a later clock is a restart.

use super::support::config::{Table, other};
use super::support::gateway::stopgate;
use super::support::people::people;
use super::support::stage::Stage;
use super::support::status::OPTED_OUT;
use super::support::{PROMO, SOON, phone};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::records::Records;
use stopgate::sim::smsc::switches::Switches;

/// `stopgate stop lift …` with a person's token: everything it printed, and its exit code.
async fn lift(stage: &Stage, who: &str, arguments: &[&str]) -> (String, i32) {
    let token = stage.gateway.home.path().join(who);
    let base = ["--token-file", token.to_str().expect("UTF-8"), "stop", "lift"];
    let (out, error, code) = stage.gateway.command(&[&base[..], arguments].concat()).await;
    (format!("{out}{error}"), code)
}

/// Alice proposes; the proposal's number.
async fn propose(stage: &Stage, number: u32) -> String {
    let to = format!("+{}", phone(number));
    let proposal =
        [to.as_str(), "--account", "acme", "--evidence", "letter of 2026-11-20", "--reason", "wants the offers again"];
    let (out, code) = lift(stage, "alice", &proposal).await;
    assert_eq!(code, 0, "{out}");
    out.strip_prefix("proposal ").and_then(|rest| rest.split(':').next()).expect("its number").to_owned()
}

#[tokio::test(flavor = "current_thread")]
async fn a_lift_needs_a_second_person_with_the_role_and_is_explained_with_both_names() {
    let stage = Stage::start().await;
    people(&stage.gateway);
    assert_eq!(stage.mo(&phone(880), "36111", "STOP").await, 0);
    let id = propose(&stage, 880).await;
    assert_eq!(stage.promo(880).await, OPTED_OUT, "a proposal lifts nothing");
    let (out, code) = lift(&stage, "alice", &["--approve", &id]).await;
    assert!(code == 1 && out.contains("may not approve it"), "{code} {out}");
    let (out, code) = lift(&stage, "olga", &["--approve", &id]).await;
    assert!(code != 0 && out.contains("compliance"), "{code} {out}");
    assert_eq!(stage.promo(880).await, OPTED_OUT);
    let again = ["+33639980880", "--account", "acme", "--evidence", "x", "--reason", "y"];
    let (out, code) = lift(&stage, "bob", &again).await;
    assert!(code != 0 && out.contains(&format!("proposal {id} waits")), "{out}");
    let (out, _) = lift(&stage, "bob", &["--list"]).await;
    for part in [&id, "+33639980880", "acme", "alice", "letter of 2026-11-20", "wants the offers again"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (out, _, _) = stage.gateway.command(&["why", "+33639980880"]).await;
    assert!(out.contains(&format!("waits for a second person: proposal {id} by alice")), "{out}");
    let (out, code) = lift(&stage, "bob", &["--approve", &id]).await;
    assert_eq!(code, 0, "{out}");
    assert_eq!(stage.promo(880).await, 0);
    let (out, _, _) = stage.gateway.command(&["why", "+33639980880"]).await;
    for part in ["may be written to again by acme", "by two people: alice and bob", "letter of 2026-11-20", "wants the"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (out, code) = lift(&stage, "bob", &["--approve", &id]).await;
    assert!(code != 0 && out.contains("no such proposal waits"), "{out}");
    assert_eq!(stage.mo(&phone(880), "36111", "STOP").await, 0);
    assert_eq!(stage.promo(880).await, OPTED_OUT, "a later STOP clears it");
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_between_proposal_and_approval_stands() {
    let stage = Stage::start().await;
    people(&stage.gateway);
    assert_eq!(stage.mo(&phone(881), "36111", "STOP").await, 0);
    let id = propose(&stage, 881).await;
    assert_eq!(stage.mo(&phone(881), "36111", "STOP").await, 0);
    let (out, code) = lift(&stage, "bob", &["--approve", &id]).await;
    assert!(code == 3 && out.contains("a stop that came after the proposal stands for acme"), "{code} {out}");
    assert_eq!(stage.promo(881).await, OPTED_OUT);
}

#[tokio::test(flavor = "current_thread")]
async fn a_proposal_outlives_a_kill_and_so_does_what_was_decided() {
    let mut stage = Stage::start().await;
    people(&stage.gateway);
    for number in 882..=884 {
        assert_eq!(stage.mo(&phone(number), "36111", "STOP").await, 0);
    }
    let (first, second, third) = (propose(&stage, 882).await, propose(&stage, 883).await, propose(&stage, 884).await);
    let (out, code) = lift(&stage, "alice", &["--refuse", &third, "--reason", "the letter is not signed"]).await;
    assert!(code == 0 && out.contains("refused"), "one's own may be taken back: {out}");
    stage.gateway.kill();
    stage.restart().await;
    assert_eq!(stage.promo(882).await, OPTED_OUT);
    let (out, code) = lift(&stage, "alice", &["--approve", &first]).await;
    assert!(code != 0 && out.contains("may not approve it"), "a restart makes nobody another person: {out}");
    assert_eq!(lift(&stage, "bob", &["--approve", &first]).await.1, 0);
    stage.gateway.kill();
    stage.restart().await;
    assert_eq!(stage.promo(882).await, 0, "durable when it was answered");
    let (out, _) = lift(&stage, "bob", &["--list"]).await;
    assert!(out.contains(&second) && !out.contains("+33639980882") && !out.contains("+33639980884"), "{out}");
    for id in [&first, &third] {
        let (out, code) = lift(&stage, "bob", &["--approve", id]).await;
        assert!(code != 0 && out.contains("no such proposal waits"), "{out}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_proposal_that_nobody_decided_in_72_hours_is_over() {
    let mut stage = Stage::start().await;
    people(&stage.gateway);
    assert_eq!(stage.mo(&phone(885), "36111", "STOP").await, 0);
    let id = propose(&stage, 885).await;
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    // The proposal was made on the morning of the 24th.
    stage.config.clock = "2026-11-27T12:00:00+01:00".to_owned();
    stage.restart().await;
    let (out, code) = lift(&stage, "bob", &["--approve", &id]).await;
    assert!(code != 0 && out.contains("no such proposal waits"), "{out}");
    assert_eq!(stage.promo(885).await, OPTED_OUT);
    let id = propose(&stage, 885).await;
    assert_eq!(lift(&stage, "bob", &["--approve", &id]).await.1, 0, "it may be proposed again");
    assert_eq!(stage.promo(885).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn the_ledger_of_narrow_stops_lifts_questions_and_observed_messages_holds() {
    let mut stage = Stage::with(Switches::default(), |config| {
        config.acme().text("stop_scope", "account");
        config.acme().set("observe", "{ rules = [\"R-MENTION\"], until = \"2026-12-31\" }");
        config.accounts.push(other());
        let mut code = Table::default();
        code.text("number", "36222").text("start_by_mo", "confirm").text("stop_scope", "sender");
        config.short_codes.push(code);
    })
    .await;
    people(&stage.gateway);
    let (acme, other) = (stage.acme().await, stage.bound(&Bind::transceiver("other", "pass")).await);
    let send = async |esme: &Esme, from: &str, text: &str| {
        esme.submit_and_wait(&Message::submit(from, &phone(888), text)).await.unwrap().status()
    };
    let elsewhere = "Soldes samedi. STOP 36222";
    assert_eq!(send(&acme, "ACME", "Soldes samedi").await, 0, "observed");
    assert_eq!(stage.mo(&phone(888), "36111", "STOP").await, 0);
    assert_eq!(send(&acme, "ACME", PROMO).await, OPTED_OUT);
    assert_eq!(send(&other, "OTHER", elsewhere).await, 0, "not said to this one");
    assert_eq!(stage.mo(&phone(888), "36222", "STOP").await, 0);
    assert_eq!(send(&other, "OTHER", elsewhere).await, OPTED_OUT);
    let id = propose(&stage, 888).await;
    assert_eq!(lift(&stage, "bob", &["--approve", &id]).await.1, 0);
    assert_eq!(send(&acme, "ACME", PROMO).await, 0);
    assert_eq!(stage.mo(&phone(888), "36222", "START").await, 0);
    let number = phone(888);
    let second = |records: &Records| records.to(&number).filter(|one| one.source() == "36222").nth(1).cloned();
    stage.smsc.wait_for(SOON, second).await.expect("the question, after the confirmation");
    assert_eq!(stage.mo(&phone(888), "36222", "START").await, 0);
    assert_eq!(send(&other, "OTHER", elsewhere).await, 0);
    assert_eq!(stage.mo(&phone(888), "36111", "STOP").await, 0);
    assert_eq!(send(&acme, "ACME", PROMO).await, OPTED_OUT);
    assert_eq!(send(&other, "OTHER", elsewhere).await, 0);
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let data = stage.gateway.home.path().join("data");
    let checked = stopgate().arg("verify").arg(data).output().expect("the binary starts");
    let words = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && words.contains("HOLDS"), "{words}");
}

#[tokio::test(flavor = "current_thread")]
async fn nothing_is_proposed_without_evidence_reason_account_or_a_stop() {
    let stage = Stage::start().await;
    people(&stage.gateway);
    assert_eq!(stage.mo(&phone(886), "36111", "STOP").await, 0);
    let (evidence, reason, account) = (["--evidence", "letter"], ["--reason", "wants it"], ["--account", "acme"]);
    for (number, parts, wrong) in [
        ("+33639980886", [&evidence[..], &reason, &[]].concat(), "--account"),
        ("+33639980886", [&account[..], &reason, &[]].concat(), "--evidence"),
        ("+33639980886", [&account[..], &["--evidence", " "], &reason].concat(), "no evidence"),
        ("+33639980886", [&["--account", "amce"][..], &evidence, &reason].concat(), "no account"),
        ("+33639980887", [&account[..], &evidence, &reason].concat(), "nothing to lift"),
    ] {
        let (out, code) = lift(&stage, "alice", &[&[number][..], &parts].concat()).await;
        assert!(code != 0 && out.contains(wrong), "{wrong}: {code} {out}");
    }
    let (out, _) = lift(&stage, "bob", &["--list"]).await;
    assert!(!out.contains("+33639980886"), "{out}");
}
