//! Owns which rule packs a configuration uses: the embedded ones, and files that join or replace them.
//! Must never judge a pack's contents: `compliance::pack` compiles it and says what is wrong.

use super::error::{ConfigError, Findings};
use super::secret::Surroundings;
use super::section::Table;
use super::value;
use crate::compliance::pack::Pack;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every pack an account may name, by id.
#[derive(Clone, Debug, Default)]
pub struct Packs {
    by_id: BTreeMap<String, Arc<Pack>>,
    /// Ids of packs read from files.
    own: Vec<String>,
}

impl Packs {
    /// Reads `[packs]`; the errors of a file are told with its own name and lines.
    pub fn read(table: &Table<'_>, findings: &Findings, surroundings: &Surroundings<'_>) -> Self {
        let embedded = Pack::embedded_ids().filter_map(|id| Some((id.to_owned(), Pack::embedded(id)?)));
        let mut packs = Self { by_id: embedded.collect(), own: Vec::new() };
        let line = table.line_of("files");
        for written in table.get("files", value::list(value::text)).unwrap_or_default() {
            let path = surroundings.path(&written);
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) => {
                    table.error(line, format!("`files`: cannot read {}: {error}", path.display()));
                    continue;
                }
            };
            match Pack::parse(&text, &written) {
                Ok(pack) if packs.own.contains(&pack.id) => {
                    table.error(line, format!("`files`: {written}: a second pack with the id {:?}", pack.id));
                }
                Ok(pack) => {
                    packs.own.push(pack.id.clone());
                    packs.by_id.insert(pack.id.clone(), Arc::new(pack));
                }
                Err(errors) => errors.into_iter().for_each(|error| {
                    let message = format!("{}: {}", error.key, error.message);
                    findings.foreign(ConfigError { file: error.file, line: error.line, message });
                }),
            }
        }
        packs
    }

    /// The pack of this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Pack>> {
        self.by_id.get(id)
    }

    /// Every id, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> + Clone {
        self.by_id.keys().map(String::as_str)
    }

    /// The packs that count for numbers: those named, and those read from files.
    pub fn in_use<'a>(&'a self, named: impl Iterator<Item = &'a str>) -> Vec<Arc<Pack>> {
        let mut ids: Vec<&str> = named.chain(self.own.iter().map(String::as_str)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(|id| self.by_id.get(id).cloned()).collect()
    }
}
