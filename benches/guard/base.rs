//! Owns the tree that this one is compared with: which revision, its files under target/, its own build there.
//! Must never touch this tree, its index or its branches: the base is an archive, not a checkout.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What could not be done, in a sentence.
pub type Told<T> = Result<T, String>;

/// Runs a command and gives what it printed.
fn printed(command: &mut Command) -> Told<Vec<u8>> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = words.lines().rev().take(30).collect();
    Err(format!("{shown} failed:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n")))
}

fn git(root: &Path, arguments: &[&str]) -> Told<String> {
    let octets = printed(Command::new("git").current_dir(root).args(arguments))?;
    Ok(String::from_utf8_lossy(&octets).trim().to_owned())
}

/// The revision to compare with: `BASE`; else where this branch left main; else, on main itself, the last commit when the tree
/// has changes, and the one before when it has none.
pub fn revision(root: &Path) -> Told<String> {
    if let Some(asked) = std::env::var("BASE").ok().filter(|asked| !asked.is_empty()) {
        return git(root, &["rev-parse", "--verify", &format!("{asked}^{{commit}}")]);
    }
    let head = git(root, &["rev-parse", "HEAD"])?;
    let left = ["main", "origin/main"].iter().find_map(|main| git(root, &["merge-base", main, "HEAD"]).ok());
    match left {
        Some(left) if left != head => Ok(left),
        Some(_) | None if !git(root, &["status", "--porcelain", "--untracked-files=no"])?.is_empty() => Ok(head),
        Some(_) | None => git(root, &["rev-parse", "--verify", "HEAD~1"])
            .map_err(|_| "there is no commit before this one: say which to compare with, BASE=revision".to_owned()),
    }
}

/// The worker of the base, built there. The work is this tree's where the base can build it, else its own: said when so.
pub fn worker(root: &Path, revision: &str) -> Told<PathBuf> {
    let home = root.join("target/guard");
    let tree = home.join("base");
    unpack(root, revision, &tree)?;
    let own = tree.join("benches/guard/main.rs").exists();
    lay_over(root, &tree)?;
    match build(&tree, &home.join("build")) {
        Ok(worker) => Ok(worker),
        Err(why) if own => {
            println!("the base cannot build this tree's work, so it does its own; what it said:\n{why}\n");
            unpack(root, revision, &tree)?;
            build(&tree, &home.join("build"))
        }
        Err(why) => Err(why),
    }
}

fn unpack(root: &Path, revision: &str, tree: &Path) -> Told<()> {
    if tree.exists() {
        std::fs::remove_dir_all(tree).map_err(|error| format!("{}: {error}", tree.display()))?;
    }
    std::fs::create_dir_all(tree).map_err(|error| format!("{}: {error}", tree.display()))?;
    let archive = tree.with_extension("tar");
    let mut command = Command::new("git");
    printed(command.current_dir(root).args(["archive", "--format=tar", "-o"]).arg(&archive).arg(revision))?;
    // Without the times of the commit (-m): the build must see that the files are new.
    printed(Command::new("tar").arg("-xmf").arg(&archive).arg("-C").arg(tree))?;
    std::fs::remove_file(&archive).map_err(|error| format!("{}: {error}", archive.display()))
}

/// Puts this tree's benches over the base's, so that both are given the same work.
fn lay_over(root: &Path, tree: &Path) -> Told<()> {
    let benches = tree.join("benches");
    if benches.exists() {
        std::fs::remove_dir_all(&benches).map_err(|error| format!("{}: {error}", benches.display()))?;
    }
    printed(Command::new("cp").arg("-R").arg(root.join("benches")).arg(&benches))?;
    let file = tree.join("Cargo.toml");
    let mut manifest = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    if !manifest.contains("name = \"guard\"") {
        manifest.push_str("\n[[bench]]\nname = \"guard\"\nharness = false\n");
        std::fs::write(&file, manifest).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn build(tree: &Path, into: &Path) -> Told<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.current_dir(tree).env("CARGO_TARGET_DIR", into);
    command.args(["bench", "--locked", "--no-run", "--bench", "guard", "--message-format=json"]);
    let lines = String::from_utf8(printed(&mut command)?).map_err(|error| error.to_string())?;
    let built = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let paths = built.filter(|message| message["target"]["name"] == "guard");
    let path = paths.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?))).next_back();
    path.ok_or_else(|| "cargo did not say where the base's worker is".to_owned())
}
