//! Owns what goes to stdout: JSON when asked for, tables on a terminal, tab-separated lines elsewhere.
//! Must never print an error: those go to stderr, from `cli::main`.

use std::io::{IsTerminal, Write};

/// Writes to stdout; a closed pipe ends the output quietly.
pub fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    // A reader that has seen enough (`| head`) is no failure of ours.
    let written = writeln!(out, "{}", text.as_ref());
    drop(written);
}

/// A value as JSON, indented on a terminal.
pub fn json(value: &serde_json::Value) {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
    } else {
        value.to_string()
    };
    line(text);
}

/// Rows under a heading.
pub struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, one text for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints it: aligned under its heading on a terminal, tab-separated without heading elsewhere.
    pub fn print(&self) {
        let text = if std::io::stdout().is_terminal() { self.aligned() } else { self.separated() };
        text.lines().for_each(line);
    }

    fn separated(&self) -> String {
        self.rows.iter().map(|row| row.join("\t") + "\n").collect()
    }

    fn aligned(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(self.heading.get(column).map(|heading| heading.len())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heading.len()).map(width).collect();
        let written = |cells: Vec<&str>| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let heading = written(self.heading.clone());
        let rows = self.rows.iter().map(|row| written(row.iter().map(String::as_str).collect()));
        heading + &rows.collect::<String>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_for_eyes_and_separated_for_scripts() {
        let mut table = Table::new(&["name", "bound"]);
        table.row(["operator-a".to_owned(), "2".to_owned()]);
        table.row(["é".to_owned(), "0".to_owned()]);
        assert_eq!(table.aligned(), "name        bound\noperator-a  2\né           0\n");
        assert_eq!(table.separated(), "operator-a\t2\né\t0\n");
    }
}
