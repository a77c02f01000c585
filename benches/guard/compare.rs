//! Owns the comparison of two counts of instructions, and the table that shows it.
//! Must never pass because a count is missing: no count is a failure.

use std::collections::BTreeMap;

/// A rise beyond so many in a hundred fails.
pub const RISE_PERCENT_MAX: u64 = 10;

/// Functions with this in their names are left out: valgrind knows no SHA instructions, so a tag costs there what it costs nowhere
/// else, and would hide a rise of the rest.
pub const HASHING: &str = "sha2::";

/// One piece of work in both trees: instructions a message.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub piece: &'static str,
    pub base: u64,
    pub here: u64,
}

impl Counted {
    /// How much more there is: 0.1 is a tenth more, negative is less.
    pub fn rise(&self) -> f64 {
        self.here as f64 / self.base as f64 - 1.0
    }

    /// Whether that is more than may be.
    pub fn fails(&self) -> bool {
        self.base == 0 || self.here == 0 || self.here * 100 > self.base * (100 + RISE_PERCENT_MAX)
    }
}

/// The instructions that a file of callgrind counts, all lines together; `None` when it counts none.
pub fn instructions(file: &str) -> Option<u64> {
    let line = file.lines().find_map(|line| line.strip_prefix("summary:").or_else(|| line.strip_prefix("totals:")))?;
    line.split_whitespace().next()?.parse().ok().filter(|count| *count > 0)
}

/// The instructions of each function by itself, by name.
pub fn by_function(file: &str) -> BTreeMap<String, u64> {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut costs: BTreeMap<String, u64> = BTreeMap::new();
    let (mut current, mut called) = ("", false);
    for line in file.lines() {
        // A name is written out where its number first stands, be it the function's own line or a call of it.
        if let Some(named) = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn=")) {
            let (number, name) = named.split_once(' ').unwrap_or((named, ""));
            if !name.is_empty() {
                names.insert(number, name);
            }
            if line.starts_with("fn=") {
                current = number;
            }
        } else if line.starts_with("calls=") {
            called = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok()).unwrap_or(0);
            // The line behind a call says what was spent in it, which stands at that function's own lines too.
            if !std::mem::take(&mut called) {
                *costs.entry(names.get(current).copied().unwrap_or(current).to_owned()).or_default() += cost;
            }
        }
    }
    costs
}

/// What the functions spend together, hashing left out.
pub fn without_hashing(functions: &BTreeMap<String, u64>) -> u64 {
    functions.iter().filter(|(name, _)| !name.contains(HASHING)).map(|(_, cost)| cost).sum()
}

/// The functions whose own instructions changed most, `most` of them, a line each: base, this tree, name.
pub fn moved(base: &BTreeMap<String, u64>, here: &BTreeMap<String, u64>, messages: u64, most: usize) -> String {
    let of = |all: &BTreeMap<String, u64>, name: &String| all.get(name).copied().unwrap_or(0) / messages;
    let mut names: Vec<&String> = base.keys().chain(here.keys()).collect();
    names.sort();
    names.dedup();
    names.sort_by_key(|name| std::cmp::Reverse(of(base, name).abs_diff(of(here, name))));
    let rows = names.into_iter().take(most).filter(|name| of(base, name) != of(here, name));
    rows.map(|name| format!("{:>8} -> {:>8}  {name}\n", of(base, name), of(here, name))).collect()
}

/// The table, a line each.
pub fn table(all: &[Counted]) -> String {
    let mut out = format!("| {:<8} | {:>10} | {:>10} | {:>8} |\n", "a message", "base", "this tree", "change");
    out.push_str("|-----------|------------|------------|----------|\n");
    for one in all {
        let verdict = if one.fails() { format!(" more than {RISE_PERCENT_MAX} %: FAILS") } else { String::new() };
        let rise = one.rise() * 100.0;
        out.push_str(&format!(
            "| {:<9} | {:>10} | {:>10} | {rise:>+6.1} % |{verdict}\n",
            one.piece, one.base, one.here
        ));
    }
    out
}
