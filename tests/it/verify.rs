//! Owns the ledger of a real run, checked by the real command: untouched it holds, with one octet flipped it does not.
//! Must never call anything whole that was not compared.

use super::support::gateway::stopgate;
use super::support::offline::{offline, second_verifier};
use super::support::stage::Stage;
use super::support::{PROMO, phone};
use std::path::Path;
use std::process::Output;
use stopgate::sim::message::Message;

fn verify(arguments: &[&str]) -> (String, i32) {
    let Output { stdout, stderr, status } =
        stopgate().arg("verify").args(arguments).output().expect("the binary starts");
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    (text, status.code().unwrap_or(-1))
}

/// The place of the first frame of a verdicts segment, behind its header.
fn flip(path: &Path, at: usize) {
    let mut octets = std::fs::read(path).expect("the segment is there");
    octets[at] ^= 1;
    std::fs::write(path, octets).expect("written");
}

#[tokio::test(flavor = "current_thread")]
async fn what_the_gateway_wrote_holds_and_one_flipped_octet_does_not() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    for at in 0..20 {
        let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(at), PROMO)).await.unwrap();
        assert_eq!(answer.status(), 0, "{answer:?}");
    }
    for number in 30..32 {
        assert_eq!(stage.mo(&phone(number), "36111", "STOP Hippolyte").await, 0);
    }
    let gateway = &mut stage.gateway;
    gateway.metric_becomes("stopgate_ledger_last_checkpoint_timestamp_seconds", &[], |at| at > 0.0).await;
    let data = gateway.home.path().join("data");
    let data = data.to_str().expect("a path in UTF-8").to_owned();
    let (words, exit) = verify(&[&data]);
    assert_eq!(exit, 0, "while the daemon runs: {words}");
    assert!(gateway.terminate().await.success(), "{}", gateway.log());
    let (words, exit) = verify(&[&data]);
    assert_eq!(exit, 0, "{words}");
    for said in ["NOT ANCHORED", "tags not checked", "this node's own public key", "HOLDS", "verdicts: 22 records\n"] {
        assert!(words.contains(said), "{said}: {words}");
    }
    let (words, _) = verify(&[&data, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&words).expect("JSON");
    assert_eq!((&report["counters"], &report["checked_against_hours"]), (&1.into(), &20.into()), "{words}");
    let (since, key) = (format!("{data}/checkpoints/newest"), format!("{data}/checkpoints/key"));
    let (public, _, _) = gateway.command(&["key", "public"]).await;
    assert_eq!(public, std::fs::read_to_string(&key).expect("the key"));
    let (words, exit) = verify(&[&data, "--since", &since, "--key", public.trim()]);
    assert!(exit == 0 && words.contains("anchored up to") && words.contains("the key you gave"), "{words}");

    // Who has the keys has every sealed number opened, and its tag computed again.
    let keys = gateway.home.path().join("keys");
    let tag_key = keys.join("tag.key");
    let tag_key = tag_key.to_str().expect("UTF-8");
    let (words, exit) = verify(&[&data, "--tag-key", tag_key]);
    assert!(exit == 0 && words.contains("the tags of 2 sealed numbers are theirs"), "{words}");
    let strangers = tempfile::tempdir().expect("a directory");
    std::fs::copy(tag_key, strangers.path().join("tag.key")).expect("copied");
    let alone = strangers.path().join("tag.key");
    let (words, exit) = verify(&[&data, "--tag-key", alone.to_str().expect("UTF-8")]);
    assert!(
        exit == 0 && words.contains("sealed numbers were not opened"),
        "said that no sealed number was opened: {words}"
    );
    std::fs::write(&alone, "5a".repeat(32) + "\n").expect("written");
    let (words, exit) = verify(&[&data, "--tag-key", alone.to_str().expect("UTF-8")]);
    assert!(exit == 3 && words.contains("another tag key"), "{words}");

    let segment = Path::new(&data).join("verdicts/0000000001.seg");
    flip(&segment, 512 + 3 * 128 + 60);
    let (words, exit) = verify(&[&data]);
    assert_eq!(exit, 3, "{words}");
    let named = "DOES NOT HOLD: verdicts record 3: ";
    assert!(words.starts_with(named) && words.contains("verdicts/0000000001.seg, octet 896"), "{words}");
    let (words, exit) = verify(&[&data, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&words).expect("JSON");
    assert_eq!((exit, &report["holds"], &report["findings"][0]["seq"]), (3, &false.into(), &3.into()), "{words}");
}

#[tokio::test(flavor = "current_thread")]
async fn the_proof_of_a_number_holds_by_itself_and_its_reading_is_recorded() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    assert_eq!(acme.submit_and_wait(&Message::submit("ACME", &phone(12), PROMO)).await.unwrap().status(), 0);
    assert_eq!(stage.mo(&phone(12), "36111", "Stop svp").await, 0);
    assert_eq!(acme.submit_and_wait(&Message::submit("ACME", &phone(12), PROMO)).await.unwrap().status(), 0x66);
    let signed = stage.gateway.metric("stopgate_ledger_last_checkpoint_timestamp_seconds", &[]).await;
    let later = |at: f64| at >= signed + 2.0;
    stage.gateway.metric_becomes("stopgate_ledger_last_checkpoint_timestamp_seconds", &[], later).await;
    let file = stage.gateway.home.path().join("proof");
    let file = file.to_str().expect("a path in UTF-8");
    let (words, errors, exit) = stage.gateway.command(&["proof", &phone(12), "-o", file]).await;
    assert_eq!(exit, 0, "{words}{errors}");
    assert!(words.contains("never that no other does"), "{words}");
    let (words, exit) = verify(&[file]);
    assert_eq!(exit, 0, "{words}");
    for said in [
        "NOT ANCHORED",
        "tags not checked",
        "STOP (handset) to everybody, short code 36111: \"Stop svp\"",
        "refused SG101",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    let key = stage.gateway.home.path().join("keys/tag.key");
    let (words, exit) = verify(&[file, "--tag-key", key.to_str().expect("UTF-8")]);
    assert!(exit == 0 && words.contains("tags checked: the records are of this number"), "{words}");
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let again = format!("{file}.again");
    let (words, errors, exit) = stage.gateway.command(&["proof", &phone(12), "-o", &again]).await;
    assert!(exit == 69 && errors.contains("--offline"), "nobody is there to record it: {words}{errors}");
    let (words, errors, exit) = stage.gateway.command(&["proof", &phone(12), "-o", &again, "--offline"]).await;
    assert!(exit == 0 && words.contains("nobody recorded"), "{words}{errors}");
    let (words, _) = verify(&[&again]);
    assert!(words.contains("why by local"), "who read it first is recorded: {words}");
    flip(Path::new(file), 700);
    let (words, exit) = verify(&[file]);
    assert!(exit == 3 && words.starts_with("DOES NOT HOLD: ") && words.contains(file), "{words}");
}

#[tokio::test(flavor = "current_thread")]
async fn each_party_gets_its_own_counters_with_proofs_and_nothing_of_anybody_else() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    for at in 0..7 {
        let answer = acme.submit_and_wait(&Message::submit("ACME", &phone(at), PROMO)).await.unwrap();
        assert_eq!(answer.status(), 0, "{answer:?}");
    }
    for number in 0..3 {
        assert_eq!(stage.mo(&phone(number), "36111", "STOP").await, 0);
        let refused = acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap();
        assert_eq!(refused.status(), 0x66);
    }
    drop(acme);
    // The last counters are written at the end.
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let home = stage.gateway.home.path().to_owned();
    let key = std::fs::read_to_string(home.join("data/checkpoints/key")).expect("the public key");
    for (whose, sums) in [
        (["--account", "acme"], "10 received = 7 permitted + 3 refused + 0 waiting; permitted = 7 answered + 0"),
        (["--operator", "operator-a"], "received = "),
    ] {
        let file = home.join(format!("{}.counts", whose[1]));
        let path = file.to_str().expect("UTF-8");
        let command = [&["ledger", "counts"][..], &whose, &["-o", path]].concat();
        let (words, exit) = offline(&home, &command);
        assert_eq!(exit, 0, "{words}");
        let (words, exit) = verify(&[path, "--key", key.trim()]);
        assert_eq!(exit, 0, "{words}");
        for said in [whose[1], sums, "the key you gave", "NOT ANCHORED", "HOLDS"] {
            assert!(words.contains(said), "{said}: {words}");
        }
        let since = home.join("data/checkpoints/newest");
        let (words, exit) = verify(&[path, "--since", since.to_str().expect("UTF-8"), "--json"]);
        let report: serde_json::Value = serde_json::from_str(&words).expect("JSON");
        assert!(exit == 0 && report["holds"] == true && report["story"].as_array().is_some(), "{words}");
        if let Some((words, exit)) = second_verifier(&[path]) {
            assert!(exit == 0 && words.contains(whose[1]), "{words}");
        }
        let text = std::fs::read_to_string(&file).expect("text");
        assert!((0..3).all(|number| !text.contains(&phone(number))), "no number of anybody");
        let (words, exit) = offline(&home, &command);
        assert!(exit == 1 && words.contains("cannot write"), "never written over: {words}");
        flip(&file, 700);
        let (words, exit) = verify(&[path]);
        assert!(exit == 3 && words.starts_with("DOES NOT HOLD: "), "{words}");
    }
    let nobody = home.join("nobody");
    let command = ["ledger", "counts", "--account", "nobody", "-o", nobody.to_str().expect("UTF-8")];
    let (words, exit) = offline(&home, &command);
    assert!(exit == 1 && words.contains("nothing is counted of \"nobody\"") && !nobody.exists(), "{words}");
}
