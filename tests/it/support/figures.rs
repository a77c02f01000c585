//! Owns how a fault scenario reports what it measured: one file for each fault under target/reliability, made into docs/reliability.md.
//! Must never write a figure that was not counted, nor one of a run in which something was lost or the control lost nothing.

use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether the long (release) form of a scenario is asked for: `STOPGATE_LONG=1`.
pub fn is_long() -> bool {
    std::env::var_os("STOPGATE_LONG").is_some()
}

/// The cycles of a scenario: in CI, and in its long form.
pub fn cycles(short: u32, long: u32) -> u32 {
    if is_long() { long } else { short }
}

/// What one scenario has counted.
pub struct Figures {
    fault: &'static str,
    cycles: u32,
    seed: u64,
    counted: Map<String, Value>,
    /// What only some of the cycles bring about.
    also: Map<String, Value>,
    lost: Map<String, Value>,
}

impl Figures {
    /// Figures of a fault of tests/it/faults.tsv, after so many cycles from this seed (0: nothing in it is random).
    /// What an earlier run reported is gone from here on.
    pub fn of(fault: &'static str, cycles: u32, seed: u64) -> Self {
        let known = include_str!("../faults.tsv").lines().any(|line| line.split('\t').next() == Some(fault));
        assert!(known, "`{fault}` is not in tests/it/faults.tsv");
        assert!(cycles > 0, "{fault}: nothing was done");
        // Not there is as good.
        let _ = std::fs::remove_file(file(fault));
        Self { fault, cycles, seed, counted: Map::new(), also: Map::new(), lost: Map::new() }
    }

    /// What passed through: `STOPs acknowledged`. Zero of it would prove nothing, and fails the report.
    pub fn counted(mut self, what: &str, count: u64) -> Self {
        self.counted.insert(what.to_owned(), count.into());
        self
    }

    /// What came of it now and then: in a short form it may be nothing.
    pub fn also(mut self, what: &str, count: u64) -> Self {
        self.also.insert(what.to_owned(), count.into());
        self
    }

    /// What must not happen, and how often it did: `acknowledged STOPs lost`. Anything but zero fails the report.
    pub fn lost(mut self, what: &str, count: u64) -> Self {
        self.lost.insert(what.to_owned(), count.into());
        self
    }

    /// Fails when something was lost, or when nothing was at stake; otherwise writes the figures for the page. A control is the
    /// same loss made to something that must lose by it: what it is, and what it lost. Zero fails too.
    pub fn report(self, control: Option<(&str, u64)>) {
        let Self { fault, cycles, seed, mut counted, also, lost } = self;
        assert!(!counted.is_empty() && !lost.is_empty(), "{fault}: nothing is reported");
        let nothing: Vec<_> = counted.iter().filter(|(_, count)| **count == 0).collect();
        assert!(nothing.is_empty(), "{fault}: nothing was at stake: {nothing:?}");
        counted.extend(also);
        let lost_something: Vec<_> = lost.iter().filter(|(_, count)| **count != 0).collect();
        assert!(lost_something.is_empty(), "{fault}: {lost_something:?} in {cycles} cycles, seed {seed}");
        assert!(control.is_none_or(|(_, lost)| lost > 0), "{fault}: the control that must lose lost nothing");
        let control = control.map(|(what, lost)| json!({ "what": what, "lost": lost }));
        let figures = json!({
            "fault": fault,
            "form": if is_long() { "long" } else { "short" },
            "build": if cfg!(debug_assertions) { "debug" } else { "release" },
            "commit": commit(),
            "machine": machine(),
            "cycles": cycles,
            "seed": seed,
            "counted": counted,
            "lost": lost,
            "control": control,
        });
        let file = file(fault);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("target/reliability is made");
        std::fs::write(&file, format!("{figures:#}\n")).expect("the figures are written");
        println!("{figures:#}");
    }
}

fn file(fault: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/reliability/{fault}.json"))
}

/// The commit that was measured, with a `+` when the sources had been changed since.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match git(&["rev-parse", "--short=12", "HEAD"]) {
        Some(commit) if git(&["status", "--porcelain", "--", "src", "Cargo.lock"]).is_none_or(|it| !it.is_empty()) => {
            commit + "+"
        }
        Some(commit) => commit,
        None => "unknown".to_owned(),
    }
}

/// What the figures were measured on: nothing that names the machine.
fn machine() -> String {
    let field = |path: &str, name: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kibibytes: u64 = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('.').take(2).collect::<Vec<_>>().join(".");
    let processor = field("/proc/cpuinfo", "model name");
    format!("{cores} cores of {processor}, {} GiB, Linux {kernel}", kibibytes.div_ceil(1 << 20))
}
