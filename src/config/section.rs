//! Owns the walk over one table of the file: unknown keys, missing keys, wrong values, each told with its line.
//! Must never know what a key means: it takes the schema and a parser.

use super::error::Findings;
use super::schema::{Fallback, Key, NOT_YET, Section};
use super::value::{self, Parsed};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One table of the file, or its absence (then every key has its default).
#[derive(Clone)]
pub struct Table<'t> {
    findings: &'t Findings,
    schema: &'static Section,
    /// How errors name it: `[[smsc]] "operator-a"`.
    label: String,
    table: Option<&'t DeTable<'t>>,
    /// Where a missing key is reported.
    pub line: usize,
}

impl<'t> Table<'t> {
    /// Begins to read a table: unknown keys are told at once.
    pub fn new(findings: &'t Findings, schema: &'static Section, table: Option<&'t DeTable<'t>>, line: usize) -> Self {
        let name_key = if schema.name == "smsc" { "name" } else { "system_id" };
        let own_name = table.filter(|_| schema.many).and_then(|table| {
            let name = table.get(name_key).or_else(|| table.get("number"))?;
            name.get_ref().as_str().map(|name| format!(" {name:?}"))
        });
        let label = match (schema.many, schema.name) {
            (_, "") => String::new(),
            (true, name) => format!("[[{name}]]{}: ", own_name.unwrap_or_default()),
            (false, name) => format!("[{name}]: "),
        };
        let read = Self { findings, schema, label, table, line };
        read.refuse_unknown_keys();
        read
    }

    fn refuse_unknown_keys(&self) {
        let own = |section: &Section| section.name.rsplit('.').next().unwrap_or_default();
        for (key, _) in self.table.into_iter().flatten() {
            let (name, line) = (key.get_ref().as_ref(), self.findings.line_of(key.span().start));
            let keys = self.schema.keys.iter().map(|key| key.name);
            let mut known = keys.chain(self.schema.tables.iter().map(own));
            if known.clone().any(|known| known == name) {
                continue;
            }
            if let Some((_, _, instead)) =
                NOT_YET.iter().find(|(section, key, _)| (*section, *key) == (self.schema.name, name))
            {
                self.error(line, format!("`{name}` is not in this version: {instead}"));
                continue;
            }
            match value::nearest(name, known.by_ref()) {
                Some(meant) => self.error(line, format!("unknown key `{name}`: did you mean `{meant}`?")),
                None => self.error(line, format!("unknown key `{name}`: docs/configuration.md lists every key")),
            }
        }
    }

    /// An error of this table.
    pub fn error(&self, line: usize, message: impl std::fmt::Display) {
        self.findings.error(line, format!("{}{message}", self.label));
    }

    /// Something worth knowing about this table.
    pub fn warning(&self, line: usize, message: impl std::fmt::Display) {
        self.findings.warning(line, format!("{}{message}", self.label));
    }

    /// The line of a key's value, or of the table when it is not written.
    pub fn line_of(&self, name: &str) -> usize {
        self.written(name).map_or(self.line, |value| self.findings.line_of(value.span().start))
    }

    /// Whether the file writes this key.
    pub fn is_written(&self, name: &str) -> bool {
        self.written(name).is_some()
    }

    /// A string of the file, whatever else is wrong with it.
    pub fn peek(&self, name: &str) -> Option<String> {
        self.written(name)?.get_ref().as_str().map(str::to_owned)
    }

    fn written(&self, name: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table?.get(name)
    }

    fn key(&self, name: &str) -> &'static Key {
        let key = self.schema.keys.iter().find(|key| key.name == name);
        key.unwrap_or_else(|| panic!("{} has no key {name} in the schema", self.schema.name))
    }

    /// A key that must be there or has a default. `None` = an error was told.
    pub fn get<T>(&self, name: &str, parse: impl Fn(&DeValue<'_>) -> Parsed<T>) -> Option<T> {
        let key = self.key(name);
        if let Some(value) = self.written(name) {
            return self.parsed(name, value, parse);
        }
        match key.fallback {
            Fallback::Is(default) => Some(default_value(default, parse)),
            Fallback::Required => {
                self.error(self.line, format!("`{name}` is missing: write {name} = {}", key.example));
                None
            }
            Fallback::Derived(_) => panic!("{name} has no default: read it with `maybe`"),
        }
    }

    /// A key that may be left out. `None` = an error was told; `Some(None)` = not written.
    pub fn maybe<T>(&self, name: &str, parse: impl Fn(&DeValue<'_>) -> Parsed<T>) -> Option<Option<T>> {
        debug_assert!(matches!(self.key(name).fallback, Fallback::Derived(_)), "{name}");
        match self.written(name) {
            Some(value) => self.parsed(name, value, parse).map(Some),
            None => Some(None),
        }
    }

    fn parsed<T>(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        parse: impl Fn(&DeValue<'_>) -> Parsed<T>,
    ) -> Option<T> {
        match parse(value.get_ref()) {
            Ok(parsed) => Some(parsed),
            Err(message) => {
                let line = self.findings.line_of(value.span().start);
                self.error(line, format!("`{name}`: {message}; for instance {name} = {}", self.key(name).example));
                None
            }
        }
    }

    /// A table inside this one, or its absence. `None` = it is no table, which was told.
    pub fn table(&self, name: &str) -> Option<Table<'t>> {
        let schema = self.inner(name);
        match self.written(name) {
            None => Some(Table::new(self.findings, schema, None, self.line)),
            Some(value) => {
                let line = self.findings.line_of(value.span().start);
                match value.get_ref().as_table() {
                    Some(table) => Some(Table::new(self.findings, schema, Some(table), line)),
                    None => {
                        self.error(line, format!("`{name}` must be a table: write [{}]", schema.name));
                        None
                    }
                }
            }
        }
    }

    /// The tables of an array: `[[name]]`.
    pub fn tables(&self, name: &str) -> Vec<Table<'t>> {
        let schema = self.inner(name);
        let Some(value) = self.written(name) else { return Vec::new() };
        let line = self.findings.line_of(value.span().start);
        let Some(array) = value.get_ref().as_array() else {
            self.error(line, format!("`{name}` is written once for each: write [[{name}]]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for element in array.iter() {
            let line = self.findings.line_of(element.span().start);
            match element.get_ref().as_table() {
                Some(table) => tables.push(Table::new(self.findings, schema, Some(table), line)),
                None => self.error(line, format!("`{name}` must be a table: write [[{name}]]")),
            }
        }
        tables
    }

    fn inner(&self, name: &str) -> &'static Section {
        let own = |section: &&Section| section.name.rsplit('.').next() == Some(name);
        let inner = self.schema.tables.iter().find(own);
        inner.unwrap_or_else(|| panic!("{} has no table {name} in the schema", self.schema.name))
    }
}

fn default_value<T>(default: &str, parse: impl Fn(&DeValue<'_>) -> Parsed<T>) -> T {
    let value = DeValue::parse(default).unwrap_or_else(|error| panic!("default {default}: {error}"));
    parse(value.get_ref()).unwrap_or_else(|error| panic!("default {default}: {error}"))
}
