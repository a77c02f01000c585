//! Owns the keys through the real binary: what is missing, foreign or open to others refuses to start; a key is replaced and followed.
//! Must never let a gateway run that cannot read its own list.

use super::support::gateway::Home;
use super::support::offline::{offline, second_verifier, utf8};
use super::support::stage::Stage;
use super::support::{PROMO, SOON, phone};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use stopgate::sim::message::Message;

const FILES: [&str; 3] = ["tag.key", "sign.key", "seal.key"];

/// A start to its end, in a rehearsal.
fn refused(home: &Path) -> (String, i32) {
    offline(home, &["run", "--clock", "2026-11-24T10:00:00Z"])
}

/// A gateway that has taken a STOP and ended.
async fn ended() -> (Stage, Home) {
    let mut stage = Stage::start().await;
    assert_eq!(stage.mo(&phone(1), "36111", "STOP").await, 0);
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let home = stage.gateway.home.clone();
    (stage, home)
}

fn write_key(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("mode");
}

#[tokio::test(flavor = "current_thread")]
async fn a_key_that_is_missing_foreign_damaged_or_open_to_others_refuses_the_start() {
    let (mut stage, home) = ended().await;
    let (other_stage, other) = ended().await;
    drop(other_stage);
    let keys = home.path().join("keys");
    for name in FILES {
        let path = keys.join(name);
        let own = std::fs::read_to_string(&path).expect("a key");
        let foreign = std::fs::read_to_string(other.path().join("keys").join(name)).expect("a key");
        let wanted = match name {
            "sign.key" => "signed with another sign.key",
            _ => "are not those that",
        };
        write_key(&path, &foreign);
        let (words, exit) = refused(home.path());
        assert!(
            exit == 78 && words.contains(wanted) && words.contains("key import"),
            "{name} of another node: {words}"
        );
        write_key(&path, "nonsense\n");
        let (words, exit) = refused(home.path());
        assert!(exit == 78 && words.contains("64 hexadecimal digits") && words.contains(name), "{words}");
        write_key(&path, &own);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("mode");
        let (words, exit) = refused(home.path());
        assert!(exit == 78 && words.contains("chmod 600") && words.contains(name), "{words}");
        std::fs::remove_file(&path).expect("removed");
        let (words, exit) = refused(home.path());
        assert!(exit == 78 && words.contains("is missing") && words.contains("key import"), "{name}: {words}");
        assert!(!path.exists(), "no key is made for old data");
        write_key(&path, &own);
    }
    // Both keys_dirs swapped, and no key at all.
    let aside = home.path().join("aside");
    std::fs::rename(&keys, &aside).expect("moved");
    let (words, exit) = refused(home.path());
    assert!(exit == 78 && words.contains("is missing") && words.contains("un-stop"), "{words}");
    std::fs::rename(other.path().join("keys"), &keys).expect("moved");
    let (words, exit) = refused(home.path());
    assert!(exit == 78 && words.contains("are not those that"), "{words}");
    std::fs::remove_dir_all(&keys).expect("removed");
    std::fs::rename(&aside, &keys).expect("moved");
    // Inside the data_dir, where a backup would take them along.
    let config = home.path().join("stopgate.toml");
    let text = std::fs::read_to_string(&config).expect("written");
    let inside = home.path().join("data/keys");
    std::fs::write(&config, text.replace(utf8(&keys), utf8(&inside))).expect("written");
    let (words, exit) = refused(home.path());
    assert!(exit == 78 && words.contains("must not lie inside each other"), "{words}");
    std::fs::write(&config, text).expect("written");
    stage.restart().await;
    let acme = stage.acme().await;
    assert_eq!(acme.submit_and_wait(&Message::submit("ACME", &phone(1), PROMO)).await.unwrap().status(), 0x66);
}

#[tokio::test(flavor = "current_thread")]
async fn a_rehearsal_has_its_own_data_and_its_own_keys() {
    let (stage, home) = ended().await;
    drop(stage);
    // Live, on what a rehearsal wrote.
    let (words, exit) = offline(home.path(), &["run"]);
    assert!(exit == 78 && words.contains("belong to rehearsal operation"), "{words}");
    // Live, on an empty data_dir beside the rehearsal's keys.
    std::fs::rename(home.path().join("data"), home.path().join("aside")).expect("moved");
    let (words, exit) = offline(home.path(), &["run"]);
    assert!(exit == 78 && words.contains("name another keys_dir"), "{words}");
    // Live, on the rehearsal's data with keys that say they are live.
    std::fs::remove_dir_all(home.path().join("data")).ok();
    std::fs::rename(home.path().join("aside"), home.path().join("data")).expect("moved");
    std::fs::write(home.path().join("keys/use"), "live\n").expect("written");
    let (words, exit) = offline(home.path(), &["run"]);
    assert!(exit == 78 && words.contains("belongs to rehearsal operation") && words.contains("data_dir"), "{words}");
    let (words, exit) = refused(home.path());
    assert!(exit == 78 && words.contains("belong to live operation"), "a rehearsal with live keys: {words}");
}

#[tokio::test(flavor = "current_thread")]
async fn the_signing_key_is_replaced_and_whoever_has_the_first_one_follows() {
    let mut stage = Stage::start().await;
    let home: Home = stage.gateway.home.clone();
    let (first, _, _) = stage.gateway.command(&["key", "public"]).await;
    let (words, exit) = offline(home.path(), &["key", "rotate", "--signing"]);
    assert!(exit == 69 && words.contains("in use by a running stopgate"), "{words}");
    assert_eq!(stage.mo(&phone(1), "36111", "STOP").await, 0);
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let data = home.path().join("data");
    let kept = home.path().join("kept");
    std::fs::copy(data.join("checkpoints/newest"), &kept).expect("copied");
    let (words, exit) = offline(home.path(), &["key", "rotate"]);
    assert!(exit == 2 && words.contains("--signing"), "{words}");
    for _ in 0..2 {
        let (words, exit) = offline(home.path(), &["key", "rotate", "--signing"]);
        assert!(exit == 0 && words.contains("by a new key from now on"), "{words}");
        stage.restart().await;
        let acme = stage.acme().await;
        assert_eq!(acme.submit_and_wait(&Message::submit("ACME", &phone(1), PROMO)).await.unwrap().status(), 0x66);
        assert_eq!(acme.submit_and_wait(&Message::submit("ACME", &phone(2), PROMO)).await.unwrap().status(), 0);
        assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    }
    let (now, exit) = offline(home.path(), &["key", "public"]);
    assert!(exit == 0 && now != first, "{now}");
    let (words, exit) = offline(home.path(), &["verify", utf8(&data), "--key", first.trim(), "--since", utf8(&kept)]);
    assert!(exit == 0 && words.contains("was replaced 2 times") && words.contains("anchored up to"), "{words}");
    let proof = home.path().join("proof");
    let (words, exit) = offline(home.path(), &["proof", &phone(1), "--offline", "-o", utf8(&proof)]);
    assert_eq!(exit, 0, "{words}");
    let (words, exit) = offline(home.path(), &["verify", utf8(&proof), "--key", first.trim()]);
    assert!(exit == 0 && words.contains("was replaced 2 times"), "{words}");
    // The second verifier follows it too, and neither takes a stranger's key.
    let python = |key: &str| second_verifier(&["--key", key, utf8(&data), utf8(&proof)]);
    let stranger = "stopgate/test-1/rehearsal/events";
    let stranger = stopgate::ledger::note::NoteSigner::new(stranger, &[7; 32]).key().text();
    let (words, exit) = offline(home.path(), &["verify", utf8(&data), "--key", &stranger]);
    assert!(exit == 3 && words.contains("not the one you gave, nor one that replaced it"), "{words}");
    if let Some((words, exit)) = python(first.trim()) {
        assert_eq!(exit, 0, "{words}");
        let (words, exit) = python(&stranger).expect("it was there");
        assert!(exit == 3 && words.matches("nor one that replaced it").count() == 2, "{words}");
    }
    // A rotation that was cut off right after its files were written: the next start takes it back.
    write_key(&home.path().join("keys/sign.key.new"), &("5a".repeat(32) + "\n"));
    stage.restart().await;
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    assert!(!home.path().join("keys/sign.key.new").exists());
    assert_eq!(offline(home.path(), &["key", "public"]).0, now);
}

#[tokio::test(flavor = "current_thread")]
async fn only_its_owner_may_read_what_it_writes_and_a_crash_leaves_no_core() {
    let mut stage = Stage::start().await;
    let home: Home = stage.gateway.home.clone();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", stage.gateway.id())).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    let values: Vec<&str> = core["Max core file size".len()..].split_whitespace().collect();
    assert_eq!(values[..2], ["0", "0"], "a core dump would hold numbers and keys: {core}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", stage.gateway.id())).expect("it runs");
    assert!(status.lines().any(|line| line == "Umask:\t0077"), "{status}");
    // Something in every place: a stop, a message for later, a reply for a client that is absent.
    let acme = stage.acme().await;
    assert_eq!(acme.submit_and_wait(&Message::submit("ACME", &phone(1), PROMO)).await.unwrap().status(), 0);
    acme.unbind(SOON).await.expect("unbound");
    for text in ["Bonjour", "STOP"] {
        assert_eq!(stage.mo(&phone(1), "36111", text).await, 0);
    }
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let backup = home.path().join("backup");
    let (words, exit) = offline(home.path(), &["backup", utf8(&backup)]);
    assert_eq!(exit, 0, "{words}");
    let (mut rooms, mut seen) = (vec![home.path().join("data"), home.path().join("keys"), backup], 0);
    while let Some(room) = rooms.pop() {
        let mode = std::fs::metadata(&room).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", room.display());
        for entry in std::fs::read_dir(&room).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                rooms.push(path);
                continue;
            }
            let mode = std::fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 40, "{seen} files");
}
