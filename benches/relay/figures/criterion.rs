//! Owns what criterion has measured: the medians of the small benches, made into parts of the page.
//! Must never take a figure of a bench that did not run on this machine: criterion's own files are read, nothing else.

use super::Part;
use super::page::Table;
use serde_json::Value;
use std::path::Path;

/// Messages that each of the small benches handles at once.
const MESSAGES: f64 = 1_000.0;

fn median_nanos(group: &str, bench: &str) -> Option<f64> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/criterion").join(group).join(bench);
    let text = std::fs::read_to_string(dir.join("new/estimates.json")).ok()?;
    serde_json::from_str::<Value>(&text).ok()?["median"]["point_estimate"].as_f64()
}

/// The part of a group: a row for each bench, and the figure made of them.
fn part(group: &str, title: &str, how: &str, benches: &[&str]) -> Option<(Part, Vec<f64>)> {
    let nanos: Option<Vec<f64>> =
        benches.iter().map(|bench| median_nanos(group, bench).map(|all| all / MESSAGES)).collect();
    let nanos = nanos?;
    let mut part = Part::new(group, title, how);
    let mut table = Table::new(&["work", "a message"]);
    for (bench, nanos) in benches.iter().zip(&nanos) {
        table.row(&[(*bench).to_owned(), format!("{nanos:.0} ns")]);
    }
    part.table(table);
    Some((part, nanos))
}

/// Writes the parts of the small benches that have run.
pub fn write() {
    let judged = part(
        "judge",
        "Judge",
        "Medians by criterion over a thousand different messages: every rule of the pack, 10,000,000 suppressed numbers.",
        &["judge a thousand", "judge and release a thousand", "the tags of a thousand (part of the above)"],
    );
    if let Some((mut part, nanos)) = judged {
        part.figure("without tag", nanos[1] - nanos[2], "ns");
        part.write();
    }
    let scanned = part(
        "scan",
        "Octets",
        "Medians by criterion over a thousand different messages.",
        &["frame and scan a thousand", "patch and write a thousand"],
    );
    if let Some((mut part, nanos)) = scanned {
        part.figure("frame scan patch", nanos[0] + nanos[1], "ns");
        part.write();
    }
}
