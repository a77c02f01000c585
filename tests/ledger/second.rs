//! Owns the agreement of two verifiers: this one and the Python one beside it, on whole and on flipped ledgers and proofs.
//! Must never pass because Python is missing: it says so, and fails where nothing may be skipped.

use super::house::{keys, number, session};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use stopgate::ledger::proof;
use stopgate::ledger::verify::{self, Asked, proof_file};

/// Flips of each kind of file.
const FLIPS: usize = 4;

/// What Python says of each target: whether it holds, and its words. `None` without Python.
fn python(targets: &[PathBuf]) -> Option<Vec<(bool, String)>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledger/verify.py");
    let Ok(output) = Command::new("python3").arg(script).args(targets).output() else {
        // Past the capture of the test runner.
        let _ = writeln!(std::io::stderr(), "SKIPPED: python3 is missing: the second verifier was not asked");
        assert!(std::env::var_os("STRICT").is_none_or(|strict| strict != "1"), "python3 is missing");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<(bool, String)> =
        text.lines().map(|line| (!line.starts_with("DOES NOT HOLD"), line.to_owned())).collect();
    assert_eq!(lines.len(), targets.len(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let all = lines.iter().all(|(holds, _)| *holds);
    assert_eq!(output.status.code(), Some(if all { 0 } else { 3 }), "{text}");
    Some(lines)
}

fn rust(target: &Path) -> bool {
    if target.is_dir() {
        return verify::ledger(target, &Asked::default()).holds();
    }
    let octets = fs::read(target).expect("a proof");
    proof_file::proof("a proof", &octets, &Asked::default(), None).0.holds()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let path = entry.expect("listed").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => assert!(fs::copy(&path, &target).is_ok()),
        }
    }
}

fn flip(path: &Path, at: usize) {
    let mut octets = fs::read(path).expect("read");
    octets[at] ^= 1 << (at % 8);
    fs::write(path, octets).expect("written");
}

#[test]
fn both_verifiers_agree_on_whole_and_on_flipped_ledgers_and_proofs() {
    let room = tempfile::tempdir().expect("tempdir");
    let whole = room.path().join("whole");
    session(&whole, 90);
    session(&whole, 60);
    let (text, made) = proof::make(&whole, &keys(), number(12)).expect("made");
    assert_eq!((made.events, made.verdicts), (2, 2));
    let proof_path = room.path().join("whole.proof");
    fs::write(&proof_path, &text).expect("written");
    let mut targets = vec![whole.clone(), proof_path];
    for file in [
        "events/0000000001.seg",
        "verdicts/0000000001.seg",
        "verdicts/0000000002.seg",
        "checkpoints/newest",
        "checkpoints/newest-verdicts",
        "checkpoints/recent",
        "tree/verdicts/0-0000000000.hash",
        "tree/events/size",
    ] {
        let octets = fs::read(whole.join(file)).expect("there");
        let used = octets.iter().rposition(|octet| *octet != 0).expect("not empty") + 1;
        for turn in 0..FLIPS {
            let target = room.path().join(format!("{}-{turn}", file.replace('/', "-")));
            copy(&whole, &target);
            flip(&target.join(file), used * (2 * turn + 1) / (2 * FLIPS));
            targets.push(target);
        }
    }
    // What a power cut leaves behind the last checkpoint.
    let torn = room.path().join("torn");
    copy(&whole, &torn);
    let recent = fs::read(torn.join("checkpoints/recent")).expect("there");
    fs::write(torn.join("checkpoints/recent"), [&recent[..], &[0; 300]].concat()).expect("written");
    targets.push(torn);
    for turn in 0..FLIPS * 4 {
        let target = room.path().join(format!("{turn}.proof"));
        fs::write(&target, &text).expect("written");
        flip(&target, text.len() * (2 * turn + 1) / (8 * FLIPS));
        targets.push(target);
    }
    let ours: Vec<bool> = targets.iter().map(|target| rust(target)).collect();
    assert_eq!(ours.iter().filter(|holds| **holds).count(), 3, "only the whole ones and the torn one hold");
    let Some(theirs) = python(&targets) else { return };
    for ((target, ours), (theirs, words)) in targets.iter().zip(ours).zip(theirs) {
        assert_eq!(ours, theirs, "{}: {words}", target.display());
    }
}
