//! Owns what a restore may do: a stale backup keeps commercial traffic closed until two people have recorded what it lost.
//! Must never open on one person's word, nor let a lost record be passed over.

use super::support::config::bank;
use super::support::gateway::{Gateway, Home};
use super::support::offline::{offline, second_verifier, utf8};
use super::support::people::people;
use super::support::stage::Stage;
use super::support::status::OPTED_OUT;
use super::support::{SOON, phone};
use std::path::{Path, PathBuf};
use stopgate::sim::esme::Bind;
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

const FAILS_CLOSED: u32 = 0x08;

/// A stage with an account for codes, whose checkpoints leave the house every second.
async fn stage(room: &Path) -> (Stage, PathBuf) {
    let kept = room.join("kept.checkpoints");
    let file = kept.clone();
    let stage = Stage::with(Switches::default(), move |config| {
        config.accounts.push(bank());
        config.checkpoints.text("file", file.display()).text("every", "1s");
    })
    .await;
    (stage, kept)
}

async fn code(stage: &Stage, number: u32) -> u32 {
    let bank = stage.bound(&Bind::transceiver("bank", "pass")).await;
    let status =
        bank.submit_and_wait(&Message::submit("BANK", &phone(number), "Votre code est 123456")).await.unwrap().status();
    bank.unbind(SOON).await.expect("unbound");
    status
}

/// Waits for a checkpoint that was signed after this moment.
async fn signed(gateway: &Gateway) {
    let name = "stopgate_ledger_last_checkpoint_timestamp_seconds";
    let before = gateway.metric(name, &[]).await;
    gateway.metric_becomes(name, &[], |at| at >= before + 2.0).await;
}

async fn loss(stage: &Stage, who: &str, arguments: &[&str]) -> (String, i32) {
    let token = stage.gateway.home.path().join(who);
    let (out, error, code) =
        stage.gateway.command(&[&["--token-file", utf8(&token), "loss"][..], arguments].concat()).await;
    (format!("{out}{error}"), code)
}

#[tokio::test(flavor = "current_thread")]
async fn a_stale_backup_stays_closed_until_two_people_record_what_it_lost() {
    let room = tempfile::tempdir().expect("a directory");
    let (mut stage, kept) = stage(room.path()).await;
    let home: Home = stage.gateway.home.clone();
    people(&stage.gateway);
    assert_eq!(stage.mo(&phone(1), "36111", "STOP").await, 0);
    signed(&stage.gateway).await;
    let backup = room.path().join("backup");
    let (words, exit) = offline(home.path(), &["backup", utf8(&backup)]);
    assert_eq!(exit, 0, "{words}");
    // After the backup: a STOP that it lacks.
    assert_eq!(stage.mo(&phone(2), "36111", "STOP").await, 0);
    assert_eq!(stage.promo(2).await, OPTED_OUT);
    signed(&stage.gateway).await;
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let data = home.path().join("data");
    let (words, exit) = offline(home.path(), &["restore", utf8(&backup)]);
    assert!(exit == 1 && words.contains("is not empty"), "{words}");
    std::fs::rename(&data, home.path().join("lost")).expect("the disk is gone");

    let (words, exit) = offline(home.path(), &["restore", utf8(&backup)]);
    assert_eq!(exit, 3, "{words}");
    for part in ["as epoch 1", "LOST: at least ", "CLOSED: commercial messages are refused SG153"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    stage.restart().await;
    assert_eq!(stage.promo(2).await, FAILS_CLOSED, "its STOP is lost");
    assert_eq!(stage.promo(3).await, FAILS_CLOSED);
    assert_eq!(stage.promo(1).await, FAILS_CLOSED);
    assert_eq!(code(&stage, 2).await, 0, "codes pass");
    let (status, checks) = stage.gateway.get("/readyz?verbose").await;
    assert!(status == 503 && checks.contains("FAILED restore: closed"), "{checks}");
    assert_eq!(stage.gateway.metric("stopgate_restored_closed", &[]).await, 1.0);
    assert_eq!(stage.gateway.metric("stopgate_failing_closed", &[]).await, 1.0);
    assert!(stage.gateway.log().contains("restore.closed"), "{}", stage.gateway.log());
    let (words, _, exit) = stage.gateway.command(&["loss", "show"]).await;
    assert!(exit == 3 && words.contains("CLOSED since the restore that began epoch 1"), "{words}");

    // What is missing comes in meanwhile.
    let file = room.path().join("missing.csv");
    std::fs::write(&file, format!("number,evidence\n+{},operator-a list\n", phone(2))).expect("written");
    let (words, errors, exit) = stage.gateway.command(&["stop", "import", utf8(&file)]).await;
    assert_eq!(exit, 0, "{words}{errors}");
    let (words, exit) = loss(&stage, "alice", &["record", " "]).await;
    assert!(exit != 0 && words.contains("no words"), "{words}");
    let (words, exit) = loss(&stage, "alice", &["record", "one STOP, fetched again from operator-a"]).await;
    assert_eq!(exit, 0, "{words}");
    let id = words.strip_prefix("loss ").and_then(|rest| rest.split(' ').next()).expect("its number").to_owned();
    let (words, exit) = loss(&stage, "alice", &["confirm", &id]).await;
    assert!(exit == 1 && words.contains("may not confirm it"), "{words}");
    let (words, exit) = loss(&stage, "bob", &["confirm", "1"]).await;
    assert!(exit == 1 && words.contains("no such record waits"), "{words}");
    assert_eq!(stage.promo(3).await, FAILS_CLOSED, "one person's word opens nothing");
    // A record outlives a kill.
    stage.gateway.kill();
    stage.restart().await;
    assert_eq!(stage.promo(3).await, FAILS_CLOSED);
    let (words, exit) = loss(&stage, "bob", &["confirm", &id]).await;
    assert_eq!(exit, 0, "{words}");
    assert_eq!(stage.promo(3).await, 0);
    assert_eq!(stage.promo(2).await, OPTED_OUT);
    assert_eq!(stage.promo(1).await, OPTED_OUT);
    stage.gateway.readyz_becomes(200).await;
    assert_eq!(stage.gateway.metric("stopgate_restored_closed", &[]).await, 0.0);
    let (words, exit) = loss(&stage, "bob", &["confirm", &id]).await;
    assert!(exit == 1 && words.contains("not closed"), "{words}");
    stage.gateway.kill();
    stage.restart().await;
    assert_eq!(stage.promo(4).await, 0, "what was decided outlives a kill");
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());

    let (words, exit) = offline(home.path(), &["verify", utf8(&data)]);
    assert_eq!(exit, 0, "{words}");
    for part in ["epoch 1 began at ", "LOST: at least ", "alice and bob recorded the loss", "fetched again"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let (words, exit) = offline(home.path(), &["verify", utf8(&data), "--since", utf8(&kept)]);
    assert!(exit == 3 && words.contains("LOST") && words.contains("a restore has kept at most"), "{words}");
    let Some((words, exit)) = second_verifier(&[utf8(&data)]) else { return };
    assert!(exit == 0 && words.contains("\"open\": true"), "{words}");
    let (words, exit) = second_verifier(&["--since", utf8(&kept), utf8(&data)]).expect("it was there");
    assert!(exit == 3 && words.contains("LOST by a restore"), "{words}");
    // The ledger that is lost is not this one: its own checkpoints say so.
    let lost = home.path().join("lost");
    let newest = data.join("checkpoints/newest");
    let (words, exit) = offline(home.path(), &["verify", utf8(&lost), "--since", utf8(&newest)]);
    assert!(exit == 3 && words.contains("is not the one it was restored to"), "{words}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_backup_that_reaches_the_newest_checkpoint_opens_at_once() {
    let room = tempfile::tempdir().expect("a directory");
    let (mut stage, kept) = stage(room.path()).await;
    let home: Home = stage.gateway.home.clone();
    people(&stage.gateway);
    assert_eq!(stage.mo(&phone(1), "36111", "STOP").await, 0);
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let (backup, data) = (room.path().join("backup"), home.path().join("data"));
    assert_eq!(offline(home.path(), &["backup", utf8(&backup)]).1, 0);
    std::fs::rename(&data, home.path().join("lost")).expect("the disk is gone");

    // Nothing is known without a checkpoint that left the house: closed.
    let nowhere = room.path().join("nowhere");
    std::fs::rename(&kept, room.path().join("aside")).expect("moved");
    let (words, exit) = offline(home.path(), &["restore", utf8(&backup), "--data-dir", utf8(&nowhere)]);
    assert!(exit == 3 && words.contains("no checkpoint that left the house was at hand"), "{words}");
    std::fs::rename(room.path().join("aside"), &kept).expect("moved");
    // A checkpoint of another history: nothing is restored.
    let foreign = room.path().join("foreign");
    std::fs::write(&foreign, "nonsense\n\n\u{2014} x AAAA\n").expect("written");
    let (words, exit) = offline(
        home.path(),
        &["restore", utf8(&backup), "--newest", utf8(&foreign), "--data-dir", utf8(&room.path().join("n"))],
    );
    assert!(exit == 3 && words.contains("no checkpoint of") && !room.path().join("n").exists(), "{words}");

    let (words, exit) = offline(home.path(), &["--json", "restore", utf8(&backup), "--newest", utf8(&kept)]);
    let answer: serde_json::Value = serde_json::from_str(&words).expect("JSON");
    assert_eq!((exit, &answer["closed"], &answer["epoch"]), (0, &false.into(), &1.into()), "{words}");
    assert_eq!(answer["lost"]["events"], 0, "{words}");
    // A start while a restore is not finished is refused.
    std::fs::write(data.join("restoring"), "x").expect("written");
    let refused = Gateway::try_start_in(home.clone(), &stage.config).await;
    assert!(refused.is_err_and(|words| words.contains("a restore that did not end")));
    std::fs::remove_file(data.join("restoring")).expect("removed");
    stage.restart().await;
    assert_eq!(stage.promo(1).await, OPTED_OUT);
    assert_eq!(stage.promo(3).await, 0);
    stage.gateway.readyz_becomes(200).await;
    let (words, _, exit) = stage.gateway.command(&["loss", "show"]).await;
    assert!(exit == 0 && words.starts_with("open"), "the local token is a new one: {words}");
    signed(&stage.gateway).await;
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let (words, exit) = offline(home.path(), &["verify", utf8(&data), "--since", utf8(&kept)]);
    assert!(
        exit == 0 && words.contains("anchored up to") && words.contains("it holds the newest checkpoint"),
        "{words}"
    );
    if let Some((words, exit)) = second_verifier(&["--since", utf8(&kept), utf8(&data)]) {
        assert_eq!(exit, 0, "{words}");
    }

    // The old backup again, with the checkpoints of the new epoch: that epoch is what is lost.
    std::fs::rename(&data, home.path().join("lost-again")).expect("the disk is gone");
    let (words, exit) = offline(home.path(), &["restore", utf8(&backup), "--newest", utf8(&kept)]);
    assert!(exit == 3 && words.contains("as epoch 2") && words.contains("LOST: what epoch 1 recorded"), "{words}");
    let (words, exit) = offline(home.path(), &["verify", utf8(&data)]);
    assert!(exit == 0 && words.contains("epoch 2 began"), "{words}");
    let (words, exit) = offline(home.path(), &["verify", utf8(&data), "--since", utf8(&kept)]);
    assert!(exit == 3 && words.contains("LOST"), "{words}");
}

#[tokio::test(flavor = "current_thread")]
async fn other_keys_another_node_and_what_is_no_backup_restore_nothing() {
    let room = tempfile::tempdir().expect("a directory");
    let (mut stage, _) = stage(room.path()).await;
    let home: Home = stage.gateway.home.clone();
    assert_eq!(stage.mo(&phone(1), "36111", "STOP").await, 0);
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let (backup, empty) = (room.path().join("backup"), room.path().join("empty"));
    assert_eq!(offline(home.path(), &["backup", utf8(&backup)]).1, 0);
    let restore = |from: &Path| offline(home.path(), &["restore", utf8(from), "--data-dir", utf8(&empty)]);
    let (words, exit) = restore(&home.path().join("data"));
    assert!(exit == 2 && words.contains("is no backup"), "{words}");

    let config = home.path().join("stopgate.toml");
    let text = std::fs::read_to_string(&config).expect("written");
    std::fs::write(&config, text.replace("\"test-1\"", "\"test-2\"")).expect("written");
    let (words, exit) = restore(&backup);
    assert!(exit == 78 && words.contains("this node's log is called stopgate/test-2/rehearsal"), "{words}");
    std::fs::write(&config, &text).expect("written");

    let keys = home.path().join("keys");
    for name in ["tag.key", "sign.key", "seal.key"] {
        let key = std::fs::read(keys.join(name)).expect("a key");
        let digits = "0123456789abcdef".repeat(4) + "\n";
        std::fs::write(keys.join(name), digits).expect("written");
        let (words, exit) = restore(&backup);
        assert!(exit == 78 && words.contains("not those that the backup was made with"), "{name}: {words}");
        std::fs::remove_file(keys.join(name)).expect("removed");
        let (words, exit) = restore(&backup);
        assert!(exit == 78 && words.contains("is missing") && words.contains("key import"), "{name}: {words}");
        std::fs::write(keys.join(name), key).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(keys.join(name), private).expect("mode");
    }
    let segment = backup.join("events/0000000001.seg");
    let mut octets = std::fs::read(&segment).expect("a segment");
    octets[600] ^= 1;
    std::fs::write(&segment, octets).expect("written");
    let (words, exit) = restore(&backup);
    assert!(exit == 3 && words.contains("the backup does not hold"), "{words}");
    assert!(!empty.exists(), "nothing was made");
}
