//! Owns the rows that the page must answer, as `benches/performance.toml` states them, and whether a figure meets its bar.
//! Must never be lenient: what was not measured meets nothing.

use serde::Deserialize;

const TEXT: &str = include_str!("../performance.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    row: Vec<Row>,
}

/// A row: what is asked, in words, and the figures that answer it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub what: String,
    pub must: String,
    pub target: String,
    pub figures: Vec<Figure>,
}

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Good {
    Most,
    Least,
}

/// One figure of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    pub name: String,
    pub id: Option<String>,
    /// The test that holds it, where no bench measures it.
    pub test: Option<String>,
    #[serde(default)]
    pub unit: String,
    #[serde(default)]
    pub decimals: usize,
    pub at: Option<Good>,
    pub must: Option<f64>,
    pub target: Option<f64>,
    /// Why the target is missed, where it is, and what it would take.
    pub why: Option<String>,
}

/// All rows, in the order of the page.
///
/// # Panics
/// When the file of rows is not what it should be; a test reads it.
pub fn all() -> Vec<Row> {
    toml::from_str::<File>(TEXT).expect("performance.toml reads").row
}

impl Figure {
    /// A value as the page writes it.
    pub fn written(&self, value: f64) -> String {
        format!("{value:.*} {}", self.decimals, self.unit)
    }

    /// A value as it was written.
    pub fn read(&self, cell: &str) -> Option<f64> {
        cell.strip_suffix(&self.unit)?.trim().parse().ok()
    }

    /// What a bar says: `<= 4 µs`.
    pub fn bar(&self, bar: Option<f64>) -> String {
        let sign = match self.at {
            Some(Good::Most) => "<=",
            Some(Good::Least) => ">=",
            None => "",
        };
        bar.map_or_else(String::new, |bar| format!("{sign} {bar} {}", self.unit))
    }

    /// What a value meets, judged as it is written: `target`, `must`, `no`.
    pub fn met(&self, value: f64) -> &'static str {
        let value = self.read(&self.written(value)).unwrap_or(f64::NAN);
        let holds = |bar: Option<f64>| match (bar, self.at) {
            (Some(bar), Some(Good::Most)) => value <= bar,
            (Some(bar), Some(Good::Least)) => value >= bar,
            (Some(_), None) | (None, _) => false,
        };
        match (holds(self.target), holds(self.must)) {
            (true, _) => "target",
            (false, true) => "must",
            (false, false) => "no",
        }
    }
}
