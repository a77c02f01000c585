//! Owns commands that ask no daemon, and the second verifier: what they printed, and how they ended.
//! Must never let a verifier that is missing pass for one that agreed.

use super::gateway::stopgate;
use super::skip::skip;
use std::path::Path;
use std::process::{Command, Output};

/// Everything that was printed, and the exit code; -1 for a signal.
pub fn said(output: Output) -> (String, i32) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.code().unwrap_or(-1))
}

/// A command beside the gateway of a home.
pub fn offline(home: &Path, arguments: &[&str]) -> (String, i32) {
    let config = home.join("stopgate.toml");
    said(stopgate().arg("--config").arg(config).args(arguments).output().expect("the binary starts"))
}

/// What the verifier in Python says. `None`: there is no Python, and it has been said that this was skipped.
pub fn second_verifier(arguments: &[&str]) -> Option<(String, i32)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledger/verify.py");
    let output = Command::new("python3").arg(script).args(arguments).output();
    if output.is_err() {
        skip("python3 is missing: the second verifier was not asked");
    }
    Some(said(output.ok()?))
}

/// A path as an argument.
pub fn utf8(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
