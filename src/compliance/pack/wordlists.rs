//! Owns compiling the lists of words and patterns that several sections of a pack hold, each fault with its line.
//! Must never know what a list is for.

use super::report::Report;
use crate::compliance::wording::choice::{Set, Sets};
use crate::compliance::wording::pattern::{Pattern, Reach};
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;

/// A list as it stands in a file.
pub(super) type RawList = Vec<Spanned<String>>;

/// Compiles a set of words.
pub(super) fn set(list: &RawList, key: &str, report: &mut Report<'_>) -> Set {
    let mut set = Set::default();
    for entry in list {
        if let Err(fault) = set.add(entry.get_ref()) {
            report.at(entry.span(), key, fault);
        }
    }
    set
}

/// Compiles named sets, which patterns then refer to.
pub(super) fn sets(raw: &BTreeMap<String, RawList>, report: &mut Report<'_>) -> Sets {
    raw.iter().map(|(name, list)| (name.clone(), Arc::new(set(list, &format!("sets.{name}"), report)))).collect()
}

/// Compiles patterns.
pub(super) fn patterns(list: &RawList, key: &str, sets: &Sets, reach: Reach, report: &mut Report<'_>) -> Vec<Pattern> {
    let mut compiled = Vec::new();
    for source in list {
        match Pattern::compile(source.get_ref(), sets, reach) {
            Ok(pattern) => compiled.push(pattern),
            Err(fault) => report.at(source.span(), key, format!("{:?}: {fault}", source.get_ref())),
        }
    }
    compiled
}
