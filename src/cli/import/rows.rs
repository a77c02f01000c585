//! Owns the reading of a CSV of numbers: columns, rows, and what is wrong with a row, by its line.
//! Must never decide what a number is: the daemon's plan does.

use super::super::instant;
use crate::admin::answers::RejectedRow;
use std::io::{Chain, Read};

/// A row that can be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub line: u64,
    pub number: String,
    /// RFC 3339.
    pub at: Option<String>,
    pub evidence: Option<String>,
    /// What the person said or wrote, for opt-outs.
    pub text: Option<String>,
    /// Whom an opt-out is directed at.
    pub scope: Option<String>,
    pub account: Option<String>,
    pub sender: Option<String>,
    /// Where an opt-in was given.
    pub source: Option<String>,
    /// The version of the wording that the person saw, for opt-ins.
    pub wording: Option<String>,
}

impl Row {
    /// Octets of what is free text in it.
    pub fn words(&self) -> usize {
        [&self.evidence, &self.text].into_iter().flatten().map(String::len).sum()
    }
}

/// Where the columns are. Without a heading the number stands first, then the instant, then the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    number: usize,
    at: Option<usize>,
    evidence: Option<usize>,
    /// Text, scope, account, sender, source and wording.
    more: [Option<usize>; 6],
}

const NUMBER: [&str; 6] = ["number", "msisdn", "phone", "numero", "numéro", "telephone"];
const AT: [&str; 4] = ["at", "since", "date", "instant"];
const EVIDENCE: [&str; 2] = ["evidence", "preuve"];
const MORE: [&[&str]; 6] = [
    &["text", "texte", "message"],
    &["scope", "portee", "portée"],
    &["account", "compte"],
    &["sender", "expediteur", "expéditeur"],
    &["source"],
    &["wording", "version"],
];

impl Columns {
    /// From a heading, or `None` when the first row is no heading.
    fn of(record: &csv::ByteRecord) -> Option<Self> {
        let names: Vec<String> = record
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).trim().trim_start_matches('\u{feff}').to_lowercase())
            .collect();
        let place = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.as_str()));
        Some(Self { number: place(&NUMBER)?, at: place(&AT), evidence: place(&EVIDENCE), more: MORE.map(place) })
    }

    const PLAIN: Self = Self { number: 0, at: Some(1), evidence: Some(2), more: [None; 6] };
}

/// A source without carriage returns: the CSV reader counts a line at its `\n`, which behind a `\r` it reads late.
struct PlainEnds<R>(R);

impl<R: Read> Read for PlainEnds<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.0.read(into)?;
            let mut kept = 0;
            for at in 0..read {
                if into[at] != b'\r' {
                    into[kept] = into[at];
                    kept += 1;
                }
            }
            // Nothing kept of something read is not the end.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

/// Rows of a file, one after another.
pub struct Rows<R: Read> {
    reader: csv::Reader<Chain<PlainEnds<R>, &'static [u8]>>,
    columns: Columns,
    record: csv::ByteRecord,
    /// The first row, when it was no heading.
    kept: bool,
}

impl<R: Read> Rows<R> {
    /// Looks at the first row for a heading. Separators `,` `;` and tab are told apart by it.
    pub fn new(source: R, separator: u8) -> Result<Self, csv::Error> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(PlainEnds(source).chain(&b"\n"[..]));
        let mut record = csv::ByteRecord::new();
        let some = reader.read_byte_record(&mut record)?;
        let heading = Columns::of(&record).filter(|_| some);
        Ok(Self { reader, columns: heading.unwrap_or(Columns::PLAIN), record, kept: some && heading.is_none() })
    }

    /// The next row, or what is wrong with it; `None` at the end.
    pub fn next(&mut self) -> Option<Result<Row, RejectedRow>> {
        if !std::mem::take(&mut self.kept) {
            match self.reader.read_byte_record(&mut self.record) {
                Ok(false) => return None,
                Ok(true) => {}
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    return Some(Err(RejectedRow { line, error: format!("cannot be read: {error}") }));
                }
            }
        }
        let line = self.line();
        Some(self.row(line).map_err(|error| RejectedRow { line, error: error.to_owned() }))
    }

    /// The line the row begins on. The record's own position is where reading began, which is before any blank lines.
    fn line(&self) -> u64 {
        let inside: usize = self.record.iter().map(|cell| cell.iter().filter(|octet| **octet == b'\n').count()).sum();
        let began = self.record.position().map_or(0, csv::Position::line);
        began.max(self.reader.position().line().saturating_sub(inside as u64 + 1))
    }

    fn row(&self, line: u64) -> Result<Row, &'static str> {
        let cell = |column: usize| match self.record.get(column) {
            None => Ok(""),
            Some(octets) => {
                std::str::from_utf8(octets).map(str::trim).map_err(|_| "is not UTF-8: save the file as UTF-8")
            }
        };
        let number = cell(self.columns.number)?.trim_start_matches('\u{feff}');
        if number.is_empty() {
            return Err("has no number in its column");
        }
        let at = match self.columns.at.map(cell).transpose()?.unwrap_or_default() {
            "" => None,
            text => {
                Some(instant::parse(text).ok_or("has an instant that is none: write 2026-11-21T10:00:00Z")?.to_string())
            }
        };
        let written = |column: Option<usize>| {
            let cell = column.map(cell).transpose()?.filter(|cell| !cell.is_empty());
            Ok::<_, &'static str>(cell.map(str::to_owned))
        };
        let evidence = written(self.columns.evidence)?;
        let [text, scope, account, sender, source, wording] = self.columns.more.map(written);
        Ok(Row {
            line,
            number: number.to_owned(),
            at,
            evidence,
            text: text?,
            scope: scope?,
            account: account?,
            sender: sender?,
            source: source?,
            wording: wording?,
        })
    }
}

/// The separator of a file, by its first line.
pub fn separator(first_line: &str) -> u8 {
    let count = |separator: char| first_line.matches(separator).count();
    [(count(';'), b';'), (count('\t'), b'\t'), (count(','), b',')]
        .into_iter()
        .max_by_key(|(count, _)| *count)
        .map_or(b',', |(_, separator)| separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Row>, Vec<RejectedRow>) {
        let separator = separator(text.lines().next().unwrap_or_default());
        let mut rows = Rows::new(text.as_bytes(), separator).expect("CSV");
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next() {
            match row {
                Ok(row) => good.push(row),
                Err(row) => bad.push(row),
            }
        }
        (good, bad)
    }

    #[test]
    fn columns_are_found_by_their_heading_whatever_the_separator() {
        for text in [
            "number,at,evidence\n0639980001,2026-11-20,letter\n",
            "evidence;MSISDN;date\nletter;0639980001;2026-11-20\n",
            "\u{feff}number\tat\tevidence\r\n0639980001\t2026-11-20\tletter\r\n",
            "0639980001,2026-11-20,letter\n",
        ] {
            let (good, bad) = read(text);
            assert_eq!(bad, [], "{text}");
            assert_eq!(good.len(), 1, "{text}");
            assert_eq!(
                (good[0].number.as_str(), good[0].evidence.as_deref()),
                ("0639980001", Some("letter")),
                "{text}"
            );
            assert_eq!(good[0].at.as_deref(), Some("2026-11-20T00:00:00Z"), "{text}");
        }
    }

    #[test]
    fn what_the_person_said_and_whom_the_stop_is_for_are_columns_of_a_heading() {
        let (good, bad) = read(
            "number;text;scope;account;sender;evidence\n0639980001;plus jamais;account;acme;;letter 1\n\
             0639980002;;sender;;ACME;letter 2\n0639980003;;;;;letter 3\n",
        );
        assert_eq!(bad, []);
        let said: Vec<_> = good
            .iter()
            .map(|row| [&row.text, &row.scope, &row.account, &row.sender].map(|cell| cell.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(said, [["plus jamais", "account", "acme", "-"], ["-", "sender", "-", "ACME"], ["-", "-", "-", "-"]]);
    }

    #[test]
    fn bad_rows_are_named_by_line_and_the_others_stay() {
        let (good, bad) =
            read("number,at\n0639980001,\n,\n0639980002,someday\n\n\"0639980003\",2026-11-20T10:00:00+01:00\n");
        assert_eq!(good.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 6]);
        assert_eq!(bad.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(good[1].at.as_deref(), Some("2026-11-20T09:00:00Z"));
    }

    #[test]
    fn lines_are_counted_over_blank_ones_line_ends_and_cells_with_lines_in_them() {
        for end in ["\n", "\r\n"] {
            let text = ["number,at,evidence", "", "0639980001,,\"two", "lines\"", "", "", "0639980002", "0639980003"]
                .join(end);
            let (good, bad) = read(&text);
            assert_eq!(bad, [], "{text:?}");
            assert_eq!(good.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 7, 8], "{text:?}");
        }
    }

    #[test]
    fn an_opt_in_may_bring_its_own_source_and_wording() {
        let (good, bad) = read("msisdn;date;source;version\n0639980001;2026-11-20;web;v3\n0639980002;;;\n");
        assert_eq!(bad, []);
        assert_eq!((good[0].source.as_deref(), good[0].wording.as_deref()), (Some("web"), Some("v3")));
        assert_eq!((good[1].source.as_deref(), good[1].wording.as_deref()), (None, None));
    }

    #[test]
    fn a_lone_column_needs_no_heading() {
        let (good, _) = read("+33639980001\n+33639980002\n");
        assert_eq!(good.len(), 2);
    }
}
