//! Owns the form of docs/performance.md: written from what was measured, and read back, so that a test can compare.
//! Must never write a figure, or a word about one, that was not handed in.

use super::rows::{self, Figure};
use std::collections::BTreeMap;

const INTRODUCTION: &str = "# Performance

Measured by `make bench` and `make bench-long`, which write this page; `tests/figures.rs` refuses one that was edited by hand.
Absolute figures hold on no two machines: what counts is the ratio to the floor of the same run, a TCP copy by tokio that reads
nothing. The load is commercial submit_sm of about 100 octets with a valid STOP mention to random numbers, every rule of the pack
on, the ledger on, no receipts asked for, an operator that answers at once.
";
const TARGETS: &str = "\n## Targets\n
`met` says which bar a figure reaches: the target, the must alone, or no. What is not measured meets nothing.\n
| what | figure | must | target | measured | met |\n|---|---|---|---|---|---|\n";
const MACHINE: &str = "\n## The machine\n\n| | |\n|---|---|\n";
const UNMEASURED: &str = "not measured";

/// A table of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// What one part of the benches adds to the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    pub title: String,
    pub how: String,
    pub tables: Vec<Table>,
}

/// The page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub machine: Vec<(String, String)>,
    /// By the whole name of a figure.
    pub measured: BTreeMap<String, f64>,
    pub sections: Vec<Section>,
}

impl Table {
    /// A table with this head.
    pub fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|cell| (*cell).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.to_vec());
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut out = line(&self.head);
        out.push_str(&format!("|{}\n", "---|".repeat(self.head.len())));
        self.rows.iter().for_each(|row| out.push_str(&line(row)));
        out
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(inner.split(" | ").map(str::to_owned).collect())
}

/// The last two cells of a figure's line.
fn answer(figure: &Figure, measured: &BTreeMap<String, f64>) -> [String; 2] {
    let value = figure.id.as_ref().and_then(|id| measured.get(id));
    match (&figure.test, value) {
        (Some(test), _) => [format!("0, held by `{test}`"), "target".to_owned()],
        (None, Some(value)) => [figure.written(*value), figure.met(*value).to_owned()],
        (None, None) => [UNMEASURED.to_owned(), "no".to_owned()],
    }
}

impl Page {
    /// The page as text.
    pub fn render(&self) -> String {
        let mut out = INTRODUCTION.to_owned();
        out.push_str(MACHINE);
        self.machine.iter().for_each(|(what, value)| out.push_str(&line(&[what.clone(), value.clone()])));
        out.push_str(TARGETS);
        for row in rows::all() {
            out.push_str(&line(&[
                format!("**{}**", row.what),
                String::new(),
                row.must,
                row.target,
                String::new(),
                String::new(),
            ]));
            for figure in &row.figures {
                let [measured, met] = answer(figure, &self.measured);
                let (must, target) = (figure.bar(figure.must), figure.bar(figure.target));
                out.push_str(&line(&[String::new(), figure.name.clone(), must, target, measured, met]));
            }
        }
        let missed = self.missed();
        if !missed.is_empty() {
            out.push_str(&format!("\nWhere a target is missed, why, and what it would take:\n\n{missed}"));
        }
        for section in &self.sections {
            out.push_str(&format!("\n## {}\n\n{}\n", section.title, section.how));
            section.tables.iter().for_each(|table| out.push_str(&format!("\n{}", table.markdown())));
        }
        out
    }

    /// A line for each figure that misses its target and has a reason.
    fn missed(&self) -> String {
        let lines = |row: rows::Row| {
            let missed = row.figures.into_iter().filter(|figure| answer(figure, &self.measured)[1] != "target");
            let line = |figure: Figure| Some(format!("- {} ({}): {}\n", row.what, figure.name, figure.why?));
            missed.filter_map(line).collect::<String>()
        };
        rows::all().into_iter().map(lines).collect()
    }

    /// Reads a page back: only what [`Page::render`] cannot know by itself.
    pub fn parse(text: &str) -> Option<Self> {
        let mut page = Self::default();
        let mut parts = text.split("\n## ");
        parts.next()?;
        let machine = parts.next()?.lines().skip(4).map_while(cells);
        page.machine = machine.filter_map(|row| Some((row.first()?.clone(), row.get(1)?.clone()))).collect();
        let mut lines = parts.next()?.lines().skip(6);
        for row in rows::all() {
            lines.next()?;
            for figure in &row.figures {
                let row = cells(lines.next()?)?;
                if let (Some(id), Some(value)) = (&figure.id, figure.read(row.get(4)?)) {
                    page.measured.insert(id.clone(), value);
                }
            }
        }
        for part in parts {
            let mut blocks = part.trim_end_matches('\n').split("\n\n");
            let (title, how) = (blocks.next()?.to_owned(), blocks.next()?.to_owned());
            let tables = blocks.map(|block| {
                let mut lines = block.lines();
                let head = cells(lines.next()?)?;
                Some(Table { head, rows: lines.skip(1).map(cells).collect::<Option<_>>()? })
            });
            page.sections.push(Section { title, how, tables: tables.collect::<Option<_>>()? });
        }
        Some(page)
    }
}
