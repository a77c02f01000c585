//! Owns `make bench-guard`: instructions a message of scan, judge, splice and ledger record, this tree against a base revision.
//! Must never compare with a number that was written down: both trees are built and counted in the same run.
//!
//! `BASE=revision` says what to compare with. Needs git, tar and valgrind. A rise of more than a tenth fails.

mod base;
mod compare;
#[path = "../fixture/mod.rs"]
mod fixture;
#[path = "../fixture/list.rs"]
mod list_fixture;
mod work;

use base::Told;
use compare::Counted;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Functions that are named for a piece of work that costs more.
const FUNCTIONS: usize = 12;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--work") => {
            let piece = work::PIECES.iter().find(|(name, _)| arguments.get(1).is_some_and(|asked| asked == name));
            piece.expect("a piece of work").1();
            ExitCode::SUCCESS
        }
        _ if !arguments.iter().any(|argument| argument == "--bench") => {
            println!("guard is a bench: make bench-guard");
            ExitCode::SUCCESS
        }
        _ => match guard() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(why) => {
                eprintln!("bench-guard: {why}");
                ExitCode::from(2)
            }
        },
    }
}

/// Whether no piece of work costs more than a tenth more.
fn guard() -> Told<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let quiet = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !quiet.is_ok_and(|status| status.success()) {
        return Err("valgrind is not installed: apt-get install valgrind (nothing was compared)".to_owned());
    }
    let revision = base::revision(root)?;
    println!("comparing with {revision}: building it under target/guard, minutes the first time");
    let there = base::worker(root, &revision)?;
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    let mut moved = String::new();
    for (piece, _) in work::PIECES {
        let (base, here) = (count(root, &there, piece, "base")?, count(root, &here, piece, "here")?);
        let one = Counted { piece, base: base.0, here: here.0 };
        if one.fails() {
            let functions = compare::moved(&base.1, &here.1, work::MESSAGES, FUNCTIONS);
            moved.push_str(&format!(
                "{piece}: instructions a message of the functions that changed most\n{functions}\n"
            ));
        }
        all.push(one);
    }
    println!("\n{}hashing of tags left out: valgrind counts it as software\n", compare::table(&all));
    let good = all.iter().all(|one| !one.fails());
    if !good {
        println!("{moved}files that changed since the base:\n{}", changes(root, &revision));
    }
    Ok(good)
}

/// Instructions a message of one piece of work, hashing left out, and of each function in all messages.
fn count(root: &Path, worker: &Path, piece: &str, tree: &str) -> Told<(u64, BTreeMap<String, u64>)> {
    let file = root.join(format!("target/guard/{piece}.{tree}.out"));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect={}", work::pattern(piece)));
    command.arg(format!("--callgrind-out-file={}", file.display()));
    let output = command.arg(worker).args(["--work", piece]).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{piece}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let functions = compare::by_function(&text);
    let sum = functions.values().sum::<u64>();
    if compare::instructions(&text) != Some(sum) {
        return Err(format!("{piece}: the functions in {} do not make its sum, {sum}", file.display()));
    }
    Ok((compare::without_hashing(&functions) / work::MESSAGES, functions))
}

/// The files under src that differ from the base.
fn changes(root: &Path, revision: &str) -> String {
    let asked =
        Command::new("git").current_dir(root).args(["diff", "--stat", revision, "--", "src", "Cargo.lock"]).output();
    asked.map_or_else(|error| error.to_string(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}
