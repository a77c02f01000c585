//! Owns the backup of a gateway at work: it holds, says what it holds, and looks whole only when it is.
//! Must never need the gateway to stand still.

use super::support::gateway::stopgate;
use super::support::offline::said;
use super::support::skip::skip;
use super::support::stage::Stage;
use super::support::{PROMO, phone};
use std::path::{Path, PathBuf};
use std::process::Command;
use stopgate::sim::message::Message;

/// `stopgate backup` of the stage's data_dir: what it printed, and its exit code.
fn backup(stage: &Stage, target: &Path, more: &[&str]) -> (String, i32) {
    let config = stage.gateway.home.path().join("stopgate.toml");
    let run = stopgate().arg("--config").arg(config).arg("backup").arg(target).args(more).output();
    said(run.expect("the binary starts"))
}

fn verify(dir: &Path) -> (String, i32) {
    said(stopgate().arg("verify").arg(dir).output().expect("the binary starts"))
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut rooms) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(room) = rooms.pop() {
        for entry in std::fs::read_dir(room).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { rooms.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn contains(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|window| window == wanted)
}

#[tokio::test(flavor = "current_thread")]
async fn a_backup_of_a_gateway_at_work_holds_and_has_no_key() {
    let mut stage = Stage::start().await;
    let acme = stage.acme().await;
    let room = tempfile::tempdir().expect("a directory");
    let mut kept = 0;
    for round in 0..3u32 {
        let target = room.path().join(format!("b{round}"));
        let config = stage.gateway.home.path().join("stopgate.toml");
        let mut command = stopgate();
        command.arg("--config").arg(config).args(["--json", "backup"]).arg(&target);
        let making = tokio::task::spawn_blocking(move || command.output());
        // Traffic and opt-outs while it is made.
        for at in 0..40 {
            let number = 100 * round + at;
            assert_eq!(
                acme.submit_and_wait(&Message::submit("ACME", &phone(number), PROMO)).await.unwrap().status(),
                0
            );
            assert_eq!(stage.mo(&phone(number), "36111", "STOP").await, 0);
        }
        let (words, exit) = said(making.await.expect("joined").expect("the binary starts"));
        assert_eq!(exit, 0, "{words}");
        let answer: serde_json::Value = serde_json::from_str(&words).expect("JSON");
        let events = answer["events"]["records"].as_u64().expect("a number");
        assert_eq!((answer["running"].as_bool(), answer["checkpoint"]["events"].as_u64()), (Some(true), Some(events)));
        assert!(events >= kept, "{words}");
        kept = events;
        let (words, exit) = verify(&target);
        assert!(exit == 0 && words.contains("a backup, made "), "{words}");
    }
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let whole = room.path().join("whole");
    let (words, exit) = backup(&stage, &whole, &[]);
    assert!(exit == 0 && words.contains("The keys are not in it"), "{words}");
    let (words, exit) = verify(&whole);
    assert!(exit == 0 && words.contains("verdicts: 240 records\n"), "{words}");

    let keys = stage.gateway.home.path().join("keys");
    let all = files(&whole);
    assert!(all.len() > 15, "{all:?}");
    for name in ["tag.key", "sign.key", "seal.key"] {
        let digits = std::fs::read_to_string(keys.join(name)).expect("a key");
        let octets: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).expect("digits")).collect();
        for file in &all {
            let held = std::fs::read(file).expect("readable");
            assert!(!contains(&held, &octets) && !contains(&held, digits.trim().as_bytes()), "{name} in {file:?}");
        }
    }
    let token = std::fs::read(stage.gateway.home.path().join("data/admin.token")).expect("the local token");
    assert!(!all.iter().any(|file| contains(&std::fs::read(file).expect("readable"), &token)), "a token");
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_was_changed_taken_out_or_put_in_is_named() {
    let mut stage = Stage::start().await;
    assert_eq!(stage.mo(&phone(1), "36111", "STOP").await, 0);
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    let room = tempfile::tempdir().expect("a directory");
    let target = room.path().join("b");
    assert_eq!(backup(&stage, &target, &[]).1, 0);
    let all = files(&target);
    let mut tried = 0;
    for file in all.iter().filter(|file| !file.ends_with("backup.json")) {
        let octets = std::fs::read(file).expect("readable");
        if octets.is_empty() {
            continue;
        }
        let mut flipped = octets.clone();
        *flipped.last_mut().expect("not empty") ^= 1;
        std::fs::write(file, flipped).expect("written");
        let (words, exit) = verify(&target);
        let name = file.strip_prefix(&target).expect("inside").display().to_string();
        assert!(exit == 3 && words.contains(&name), "{name}: {words}");
        std::fs::remove_file(file).expect("removed");
        let (words, exit) = verify(&target);
        assert_eq!(exit, 3, "without {name}: {words}");
        std::fs::write(file, octets).expect("written");
        tried += 1;
    }
    assert!(tried >= 15, "{tried}");
    std::fs::write(target.join("packs/more"), "x").expect("written");
    let (words, exit) = verify(&target);
    assert!(exit == 3 && words.contains("no part of the backup (packs/more)"), "{words}");
    std::fs::remove_file(target.join("packs/more")).expect("removed");
    assert_eq!(verify(&target).1, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn a_target_that_is_there_inside_or_full_leaves_no_half_backup() {
    let stage = Stage::start().await;
    for at in 0..20 {
        assert_eq!(stage.mo(&phone(at), "36111", "STOP").await, 0);
    }
    let room = tempfile::tempdir().expect("a directory");
    let (words, exit) = backup(&stage, room.path(), &[]);
    assert!(exit == 1 && words.contains("exists already") && words.contains("never replaces"), "{words}");
    let inside = stage.gateway.home.path().join("data/b");
    let (words, exit) = backup(&stage, &inside, &[]);
    assert!(exit == 1 && words.contains("lies in the data_dir") && !inside.exists(), "{words}");
    let (words, exit) = backup(&stage, &room.path().join("no/such/b"), &[]);
    assert!(exit == 1 && words.contains("no/such"), "{words}");
    let (words, exit) = backup(&stage, &room.path().join("b"), &["--from", "/nonexistent"]);
    assert!(exit == 69 && words.contains("/nonexistent"), "{words}");

    let small = room.path().join("small");
    std::fs::create_dir(&small).expect("made");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(&small).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        return skip("a small tmpfs cannot be mounted without root");
    }
    let (words, exit) = backup(&stage, &small.join("b"), &[]);
    let left = std::fs::read_dir(&small).expect("readable").count();
    let unmounted = Command::new("umount").arg(&small).status().expect("umount starts");
    assert!(unmounted.success());
    assert!(exit == 1 && words.contains("No space left") && words.contains("make room"), "{words}");
    assert_eq!(left, 0, "nothing is left behind");
}
