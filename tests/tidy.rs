//! Owns the house rules that no compiler checks: arrows between rooms, purity, names, sizes, headers.
//! Must never need a crate, nor pass because it found nothing to read: every walk asserts what it counted.

#[path = "tidy/arrows.rs"]
mod arrows;

use arrows::{ARROWS, PURE};
use std::fs;
use std::path::PathBuf;

/// What a pure room may not name outside its tests.
const IMPURE: &[&str] = &[
    "SystemTime",
    "Utc::now",
    "Local::now",
    "Instant::now",
    "time::Instant",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "ToSocketAddrs",
    "tokio",
    "std::fs",
    "std::io",
    "std::thread",
    "std::process",
    "std::env",
    "sled",
    "metrics::",
    "tracing::",
    "axum",
    "ureq",
    "getrandom",
    "rustix",
];
/// Names that say nothing about what a file owns.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "misc", "stuff", "things", "various", "manager", "core"];
/// Lines of a file, its in-file tests aside; and with them.
const LINES_MAX: usize = 500;
const LINES_WITH_TESTS_MAX: usize = 600;

struct File {
    path: String,
    text: String,
    /// The text with comments and the contents of literals blanked, line for line.
    code: String,
    /// Whether it is compiled for tests only.
    test_only: bool,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: blanked(text), test_only: false }
    }
    /// `src/pdu/scan.rs` -> `pdu`, `src/clock.rs` -> `clock`.
    fn room(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        Some(rest.split('/').next()?.trim_end_matches(".rs"))
    }
    /// How many `super::` lead from the file's own items to the crate root.
    fn depth(&self) -> usize {
        let rest = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        rest.split('/').filter(|part| *part != "mod").count()
    }
    /// The files of the modules it declares behind `#[cfg(test)]`.
    fn test_modules(&self) -> Vec<String> {
        let home = self.path.trim_end_matches(".rs").trim_end_matches("/mod").trim_end_matches("/lib");
        let lines: Vec<&str> = self.code.lines().map(str::trim).collect();
        let declared = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]").filter_map(|pair| {
            let name = pair[1].split("mod ").nth(1)?.strip_suffix(';')?;
            Some([format!("{home}/{name}.rs"), format!("{home}/{name}/")])
        });
        declared.flatten().collect()
    }
    /// The code that ships: everything before the in-file tests.
    fn shipped(&self) -> &str {
        if self.test_only {
            return "";
        }
        &self.code[..self.code.find("#[cfg(test)]").unwrap_or(self.code.len())]
    }
}

/// Blanks comments and the contents of string and character literals.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let keep_lines = |out: &mut String, from: usize, to: usize| {
        out.extend(chars[from..to.min(chars.len())].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
    };
    while at < chars.len() {
        let next = chars.get(at + 1).copied();
        let word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
        let mut end = at;
        if chars[at] == '/' && next == Some('/') {
            while end < chars.len() && chars[end] != '\n' {
                end += 1;
            }
        } else if chars[at] == '/' && next == Some('*') {
            let mut nested = 0;
            while end < chars.len() {
                match (chars[end], chars.get(end + 1)) {
                    ('/', Some('*')) => (nested, end) = (nested + 1, end + 2),
                    ('*', Some('/')) => (nested, end) = (nested - 1, end + 2),
                    _ => end += 1,
                }
                if nested == 0 {
                    break;
                }
            }
        } else if chars[at] == 'r' && (!word_before || chars[at - 1] == 'b') && matches!(next, Some('"' | '#')) {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            if chars.get(at + 1 + hashes) == Some(&'"') {
                end = at + 2 + hashes;
                while end < chars.len()
                    && !(chars[end] == '"' && chars[end + 1..].iter().take_while(|c| **c == '#').count() >= hashes)
                {
                    end += 1;
                }
                end += 1 + hashes;
            }
        } else if chars[at] == '"' {
            end += 1;
            while end < chars.len() && chars[end] != '"' {
                end += if chars[end] == '\\' { 2 } else { 1 };
            }
            end += 1;
        } else if chars[at] == '\'' && next == Some('\\') {
            end += 3;
            while end < chars.len() && chars[end] != '\'' {
                end += 1;
            }
            end += 1;
        } else if chars[at] == '\'' && chars.get(at + 2) == Some(&'\'') {
            end += 3;
        }
        if end > at {
            keep_lines(&mut out, at, end);
            at = end;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// The paths under `at`, at most two words each: `crate::a::{b::c, d}` gives `a::b` and `a::d`.
fn paths_of(code: &str) -> Vec<String> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).take(400).collect();
    let mut found = Vec::new();
    let end = code.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(code.len());
    let (head, rest) = code.split_at(end);
    if let Some(group) = code.strip_prefix('{') {
        let mut nested = 0;
        let mut start = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => nested += 1,
                '}' if nested > 0 => nested -= 1,
                ',' | '}' if nested == 0 => {
                    found.extend(paths_of(&group[start..at]));
                    start = at + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    } else if !head.is_empty() {
        let below = rest.strip_prefix("::").map(paths_of).unwrap_or_default();
        if below.is_empty() {
            found.push(head.to_owned());
        }
        for tail in below {
            let second = tail.split("::").next().unwrap_or_default();
            found.push(format!("{head}::{second}"));
        }
    }
    found
}

fn arrow_faults(file: &File) -> Vec<String> {
    let Some(room) = file.room() else { return Vec::new() };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{}: room `{room}` is not in the table of arrows", file.path)];
    };
    let up = "super::".repeat(file.depth());
    let mut faults = Vec::new();
    for root in ["crate::", up.as_str()] {
        for (at, _) in file.code.match_indices(root) {
            for path in paths_of(&file.code[at + root.len()..]) {
                let target = path.split("::").next().unwrap_or_default();
                let known = ARROWS.iter().any(|(name, _)| *name == target);
                let fine = allowed.iter().any(|one| *one == "*" || *one == target || *one == path);
                if known && target != room && !fine {
                    faults.push(format!("{}: names `{path}`: the arrow {room} -> {target} runs up", file.path));
                }
            }
        }
    }
    faults
}

fn purity_faults(file: &File) -> Vec<String> {
    if !file.room().is_some_and(|room| PURE.contains(&room)) {
        return Vec::new();
    }
    let named = IMPURE.iter().filter(|word| {
        file.shipped().match_indices(**word).any(|(at, _)| {
            !file.shipped()[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                && !file.shipped()[at + word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
                || word.ends_with("::")
        })
    });
    named.map(|word| format!("{}: `{word}` in a pure room", file.path)).collect()
}

fn shape_faults(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{}: {what}", file.path));
    let header: String = file.text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join(" ");
    let header = header.to_lowercase();
    if !(header.contains("owns") && header.contains("must never")) {
        fault("does not open with a `//!` saying what it owns and what it must never do".into());
    }
    let (shipped, whole) = (file.shipped().lines().count(), file.text.lines().count());
    if shipped > LINES_MAX || whole > LINES_WITH_TESTS_MAX {
        fault(format!("{whole} lines; split it by noun (at most {LINES_MAX}, {LINES_WITH_TESTS_MAX} with its tests)"));
    }
    for part in file.path.trim_end_matches(".rs").split('/').filter(|part| EMPTY_NAMES.contains(part)) {
        fault(format!("`{part}` does not say what it owns"));
    }
    let unfinished = ["todo!", "unimplemented!", "dbg!", "#[ignore", "#[allow", "#![allow"];
    for word in unfinished.iter().filter(|word| file.code.contains(**word)) {
        fault(format!("`{word}`"));
    }
    for word in [concat!("TO", "DO"), concat!("FIX", "ME")].iter().filter(|word| file.text.contains(**word)) {
        fault(format!("`{word}`"));
    }
    if file.room().is_some() {
        if file.shipped().contains(".unwrap()") {
            fault("`.unwrap()` outside tests: say why it cannot fail with `expect`".into());
        }
        let speaks = ["println!", "print!(", "eprint!("].iter().any(|word| file.shipped().contains(word));
        if speaks && !matches!(file.room(), Some("cli" | "main")) {
            fault("prints outside cli/".into());
        }
    }
    faults
}

/// Texts that must not stand in any file: where it was made, and registries.
fn foreign_words() -> Vec<String> {
    let pieces: &[&[&str]] = &[
        &["/wo", "rk/"],
        &["../sha", "red"],
        &["/fa", "rm/"],
        &["/ro", "ot/"],
        &["registry.npm", "js"],
        &["pypi", ".org"],
        &["deb.deb", "ian.org"],
        &["static.cra", "tes.io"],
    ];
    pieces.iter().map(|parts| parts.concat()).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file under `dir`, relative to the root, build output and version control aside.
fn texts(dir: &str) -> Vec<File> {
    let mut left = vec![root().join(dir)];
    let mut files = Vec::new();
    while let Some(folder) = left.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a listed entry can be read").path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let foreign = matches!(name.as_str(), "target" | ".git" | "node_modules" | "corpus" | "artifacts");
            if foreign {
                continue;
            }
            if path.is_dir() {
                left.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let short = path.strip_prefix(root()).expect("it was found under the root");
                files.push(File::new(&short.to_string_lossy().replace('\\', "/"), &text));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn sources(dir: &str) -> Vec<File> {
    let mut files: Vec<File> = texts(dir).into_iter().filter(|file| file.path.ends_with(".rs")).collect();
    let tests: Vec<String> = files.iter().flat_map(File::test_modules).collect();
    for file in &mut files {
        file.test_only =
            tests.iter().any(|path| file.path == *path || path.ends_with('/') && file.path.starts_with(path));
    }
    files
}

fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} fault(s):\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_source_file_is_in_the_module_tree_and_was_read() {
    let files = sources("src");
    let declared = files
        .iter()
        .flat_map(|file| file.code.lines())
        .filter(|line| {
            let line = line.trim().trim_start_matches("#[cfg(test)] ");
            let line =
                line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").trim_start_matches("pub ");
            line.starts_with("mod ") && line.ends_with(';')
        })
        .count();
    let roots = files.iter().filter(|file| matches!(file.path.as_str(), "src/lib.rs" | "src/main.rs")).count();
    assert_eq!(files.len(), declared + roots, "a file of src/ that no `mod` names, or the other way round");
    assert!(files.len() > 15, "only {} files read", files.len());
}

#[test]
fn arrows_run_down_only() {
    none(sources("src").iter().flat_map(arrow_faults).collect());
}

#[test]
fn pure_rooms_know_no_clock_socket_or_store() {
    none(sources("src").iter().flat_map(purity_faults).collect());
}

#[test]
fn every_file_says_what_it_owns_and_is_small_and_finished() {
    let files: Vec<File> = ["src", "tests", "benches", "fuzz"].iter().flat_map(|dir| sources(dir)).collect();
    assert!(files.iter().any(|file| file.path == "tests/tidy.rs"), "this very file was not read");
    none(files.iter().flat_map(shape_faults).collect());
}

#[test]
fn modules_stand_in_lib_in_the_order_of_the_arrows() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs is there");
    let order: Vec<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")).map(|name| name.trim_end_matches(';')).collect();
    assert!(order.len() >= 2, "no modules in lib.rs");
    let mut faults = Vec::new();
    for (at, room) in order.iter().enumerate() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| name == room) else {
            faults.push(format!("`{room}` is not in the table of arrows"));
            continue;
        };
        let later = |target: &str| order.iter().position(|name| *name == target).is_some_and(|place| place > at);
        let used = allowed.iter().filter(|target| !target.contains("::") && later(target));
        faults.extend(used.map(|target| format!("`{target}` stands below `{room}`, which uses it")));
    }
    none(faults);
}

#[test]
fn nothing_tells_where_it_was_made_or_names_a_registry() {
    let files = texts("");
    assert!(files.len() > 30, "only {} files read", files.len());
    let words = foreign_words();
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (number, line) in file.text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(word.as_str())) {
                faults.push(format!("{}:{}: `{word}`", file.path, number + 1));
            }
        }
    }
    none(faults);
}

#[test]
fn the_checks_catch_what_they_are_for() {
    let head = "//! Owns x. Must never y.\n";
    let faulty = |path: &str, code: &str| File::new(path, &format!("{head}{code}"));
    for (path, code) in [
        ("src/message/a.rs", "use crate::compliance::verdict::Refusal;"),
        ("src/message/a.rs", "use super::super::pdu::scan;"),
        ("src/pdu/a.rs", "use crate::{message::tag, gateway};"),
        ("src/admin/a.rs", "use crate::gateway::{handle::Handle, lane};"),
        ("src/journal/a.rs", "fn f(x: crate::message::msisdn::Msisdn) {}"),
    ] {
        assert_eq!(arrow_faults(&faulty(path, code)).len(), 1, "{path}: {code}");
    }
    for (path, code) in [
        ("src/pdu/a.rs", "use crate::{message::tag::{A, B}, compliance};"),
        ("src/journal/a.rs", "use crate::message::instant::CivilInstant;"),
        ("src/message/a.rs", "// crate::gateway\nconst A: &str = \"crate::gateway\";"),
        ("src/message/a.rs", "pub(in crate::message) struct A<'a>(&'a str, char);"),
    ] {
        assert_eq!(arrow_faults(&faulty(path, code)), Vec::<String>::new(), "{path}: {code}");
    }
    for code in ["let a = std::time::Instant::now();", "use tokio::time;", "std::fs::read(p);"] {
        assert!(!purity_faults(&faulty("src/session/a.rs", code)).is_empty(), "{code}");
        assert!(purity_faults(&faulty("src/net/a.rs", code)).is_empty(), "{code}");
    }
    assert!(purity_faults(&faulty("src/pdu/a.rs", "#[cfg(test)]\nmod tests { use std::fs; }")).is_empty());
    for code in ["todo!()", "#[allow(x)]", "x.unwrap();", "println!()", &"\n".repeat(LINES_MAX)] {
        assert_eq!(shape_faults(&faulty("src/net/a.rs", code)).len(), 1, "{code}");
    }
    assert_eq!(shape_faults(&faulty("src/net/utils.rs", "")).len(), 1);
    assert_eq!(shape_faults(&File::new("src/net/a.rs", "//! Things.\n")).len(), 1);
    assert!(
        shape_faults(&faulty("src/net/a.rs", "const A: char = '\"'; // .unwrap()\nlet b = r#\"todo!\"#;")).is_empty()
    );
}
