//! Owns docs/reliability.md: made of the list of faults and of what their scenarios measured, compared with both.
//! Must never put a figure there that no scenario reported, nor let a short run replace a long one.

use super::{root, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

const PAGE: &str = "docs/reliability.md";
const NOT_MEASURED: &str = "not measured";
/// The page's table of figures: fault, form, build, commit, cycles, seed, counted, lost, control.
const COLUMNS: usize = 9;

/// A line of tests/it/faults.tsv.
struct Fault {
    id: String,
    scenario: String,
    test: String,
    name: String,
    how: String,
    holds: String,
}

fn faults() -> Vec<Fault> {
    let list = text("tests/it/faults.tsv");
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, scenario, test, name, how, holds] = cells[..] else { panic!("six cells: {line}") };
        assert!(cells.iter().all(|cell| !cell.is_empty() && !cell.contains('|')), "{line}");
        let [id, scenario, test, name, how, holds] = [id, scenario, test, name, how, holds].map(str::to_owned);
        Fault { id, scenario, test, name, how, holds }
    };
    lines.map(read).collect()
}

/// What is known of each fault: the cells behind its name; and the machine.
#[derive(Default)]
struct Measured {
    machine: String,
    rows: BTreeMap<String, Vec<String>>,
}

impl Measured {
    /// As the page has it.
    fn of_page(page: &str, faults: &[Fault]) -> Self {
        let machine = page.lines().find_map(|line| line.strip_prefix("Measured on ")).unwrap_or_default();
        let figures = page.split("\n## Figures\n").nth(1).unwrap_or_default();
        let rows = figures.lines().filter(|line| line.starts_with("| ")).filter_map(|line| {
            let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            let fault = faults.iter().find(|fault| fault.name == cells[0])?;
            (cells.len() == COLUMNS && cells[1] != NOT_MEASURED).then(|| (fault.id.clone(), cells[1..].to_vec()))
        });
        Self { machine: machine.trim_end_matches('.').to_owned(), rows: rows.collect() }
    }

    /// Takes over what a scenario reported. Figures of another machine and short runs after long ones are another page.
    fn take(&mut self, report: &Value) {
        let word = |name: &str| report[name].as_str().unwrap_or_else(|| panic!("no {name}: {report}")).to_owned();
        let (fault, form, machine) = (word("fault"), word("form"), word("machine"));
        if machine != self.machine {
            self.rows.clear();
            self.machine = machine;
        }
        if form == "short" && self.rows.get(&fault).is_some_and(|row| row[0] == "long") {
            return;
        }
        let number = |value: &Value| grouped(value.as_u64().unwrap_or_else(|| panic!("not a number: {report}")));
        let list = |name: &str| {
            let entries = report[name].as_object().unwrap_or_else(|| panic!("no {name}: {report}"));
            entries.iter().map(|(what, count)| format!("{} {what}", number(count))).collect::<Vec<_>>().join(", ")
        };
        let control = match &report["control"] {
            Value::Null => "-".to_owned(),
            control => format!("{}: {} lost", control["what"].as_str().unwrap_or_default(), number(&control["lost"])),
        };
        let seed = report["seed"].as_u64().filter(|seed| *seed != 0).map_or("-".to_owned(), |seed| seed.to_string());
        let commit = format!("`{}`", word("commit"));
        let row =
            vec![form, word("build"), commit, number(&report["cycles"]), seed, list("counted"), list("lost"), control];
        self.rows.insert(fault, row);
    }
}

/// 12345 as 12,345.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn page(faults: &[Fault], measured: &Measured) -> String {
    let mut out = String::from(
        "# Reliability\n\n\
         What is done to the real binary, what must hold, and what was counted. Made by `make faults-long`, which runs the long form of\n\
         each scenario and then writes this page from what they reported; never edited by hand. `make faults` runs the short forms, as CI\n\
         does. A scenario that loses something fails and reports nothing; one whose control must lose fails when the control does not.\n\n\
         ## Faults\n\n\
         | fault | how | must hold | test |\n|---|---|---|---|\n",
    );
    for Fault { name, how, holds, scenario, test, .. } in faults {
        writeln!(out, "| {name} | {how} | {holds} | `{scenario}::{test}` |").expect("a String takes everything");
    }
    out.push_str("\n## Figures\n\n");
    match measured.machine.as_str() {
        "" => out.push_str("Nothing has been measured yet.\n\n"),
        machine => writeln!(out, "Measured on {machine}.\n").expect("a String takes everything"),
    }
    out.push_str(
        "Cycles is how often the fault was made. Lost is what must not happen. A `+` behind a commit: with changes of the day.\n\n\
         | fault | form | build | commit | cycles | seed | counted | lost | control |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for Fault { id, name, .. } in faults {
        match measured.rows.get(id) {
            Some(row) => writeln!(out, "| {name} | {} |", row.join(" | ")),
            None => writeln!(out, "| {name} | {NOT_MEASURED} |{}", " - |".repeat(COLUMNS - 2)),
        }
        .expect("a String takes everything");
    }
    out
}

#[test]
fn the_page_of_reliability_is_made_of_what_the_scenarios_reported() {
    let faults = faults();
    let stands = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    let mut measured = Measured::of_page(&stands, &faults);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        for Fault { id, .. } in &faults {
            // A scenario that was not run, or that failed, has reported nothing.
            let Ok(report) = fs::read_to_string(root().join(format!("target/reliability/{id}.json"))) else { continue };
            measured.take(&serde_json::from_str(&report).expect("a report is JSON"));
        }
        fs::write(root().join(PAGE), page(&faults, &measured)).expect("the page is written");
        return;
    }
    assert_eq!(stands, page(&faults, &measured), "run UPDATE_DOCS=1 cargo test --test pages reliability");
}

#[test]
fn every_fault_of_the_page_has_its_scenario_and_reports() {
    let faults = faults();
    assert!(!faults.is_empty(), "no fault was read");
    for Fault { id, scenario, test, .. } in &faults {
        let code = text(&format!("tests/it/{scenario}.rs"));
        assert!(code.contains(&format!("fn {test}(")), "{id}: no `{test}` in tests/it/{scenario}.rs");
        assert!(code.contains(&format!("Figures::of(\"{id}\"")), "{id}: tests/it/{scenario}.rs reports no figures");
    }
}

#[test]
fn a_report_replaces_a_shorter_one_and_never_a_longer_one() {
    let report = |form: &str, machine: &str, cycles: u32| {
        serde_json::json!({
            "fault": "kill9", "form": form, "build": "release", "commit": "0123456789ab", "machine": machine,
            "cycles": cycles, "seed": 7, "counted": { "STOPs acknowledged": 12_345 }, "lost": { "STOPs": 0 },
            "control": { "what": "without fsync", "lost": 9 },
        })
    };
    let faults = faults();
    let mut measured = Measured::default();
    measured.take(&report("long", "2 cores", 1_000));
    measured.take(&report("short", "2 cores", 100));
    let made = page(&faults, &measured);
    let row =
        "| long | release | `0123456789ab` | 1,000 | 7 | 12,345 STOPs acknowledged | 0 STOPs | without fsync: 9 lost |";
    assert!(made.contains(row), "{made}");
    assert_eq!(page(&faults, &Measured::of_page(&made, &faults)), made, "what is read back is what was written");
    measured.take(&report("short", "4 cores", 100));
    assert!(page(&faults, &measured).contains("| short | release |"), "another machine begins another page");
}
