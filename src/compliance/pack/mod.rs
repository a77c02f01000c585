//! Owns the law as data: a pack's TOML read, checked whole, and compiled with everything it extends.
//! Must never read a file or a clock, nor hold a country's rule itself: those stand in `config/packs`.
//!
//! Each section is a file of this room with a raw mirror (`deny_unknown_fields`) and `compile(&raw, &mut Report)`.

mod embedded;
pub mod holidays;
pub mod hours;
pub mod keywords;
mod layers;
pub mod mentions;
pub mod numbers;
pub mod opt_ins;
pub mod prefixes;
mod report;
pub mod senders;
pub mod signals;
pub mod texts;
mod wordlists;

pub use report::{PackError, Report};

use super::mention::MentionForms;
use super::optout::language::Keywords;
use super::traffic::Signals;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use holidays::Holidays;
use hours::SendingHours;
use numbers::{Numbers, RangeKind, Territory};
use opt_ins::OptIns;
use senders::Senders;
use std::sync::Arc;
use texts::Texts;

/// Where a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackSource {
    pub id: String,
    pub title: String,
    /// Date of the text, as it is usually cited.
    pub date: Option<String>,
    pub url: Option<String>,
    /// What kind of text it is: statute, decree, decision, charter, practice.
    pub kind: Option<String>,
}

/// A compiled pack: immutable, shared, named in every verdict by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    pub id: String,
    pub name: String,
    pub version: String,
    /// SHA-256 over the texts of the pack and of everything it extends, each with its length before it.
    pub sha256: [u8; 32],
    /// What that hash is over: whoever keeps it can compile the pack again, years later.
    pub written: Arc<[u8]>,
    /// From when it is meant to hold (00:00 UTC of the day).
    pub effective_from: CivilInstant,
    /// Until when it is known to hold, exclusive; `None` = no end known.
    pub effective_to: Option<CivilInstant>,
    pub sources: Vec<PackSource>,
    pub numbers: Numbers,
    pub hours: SendingHours,
    pub holidays: Holidays,
    /// For each territory, the index of its calendar in `holidays`.
    pub(in crate::compliance) territory_calendars: Vec<usize>,
    pub senders: Senders,
    pub texts: Texts,
    pub mentions: MentionForms,
    pub keywords: Keywords,
    pub signals: Signals,
    /// How long an opt-in holds.
    pub opt_ins: OptIns,
}

impl Pack {
    /// Compiles a pack; what it extends is one of the embedded packs. Every fault is reported, with file, line and key.
    pub fn parse(toml: &str, file: &str) -> Result<Self, Vec<PackError>> {
        Self::parse_with(toml, file, &|_| None)
    }

    /// Compiles a pack; `bases` gives text and file name of a pack it extends, before the embedded ones are asked.
    pub fn parse_with(
        toml: &str,
        file: &str,
        bases: &dyn Fn(&str) -> Option<(String, String)>,
    ) -> Result<Self, Vec<PackError>> {
        layers::compile(toml, file, bases)
    }

    /// Compiles a pack from what `written` holds. `None` when the octets are none of that.
    pub fn from_written(octets: &[u8]) -> Option<Result<Self, Vec<PackError>>> {
        layers::compile_written(octets)
    }

    /// An embedded pack by its id.
    pub fn embedded(id: &str) -> Option<Arc<Self>> {
        embedded::compiled(id)
    }

    /// The ids of the embedded packs that an account may name.
    pub fn embedded_ids() -> impl Iterator<Item = &'static str> {
        embedded::ids()
    }

    /// `id@version#sha256`: the name to intern and to show.
    pub fn full_name(&self) -> String {
        use std::fmt::Write;
        let mut name = format!("{}@{}#", self.id, self.version);
        for octet in self.sha256 {
            write!(name, "{octet:02x}").expect("a String takes every text");
        }
        name
    }

    /// The pack's identity in a cache: the first 64 bits of its hash.
    pub fn fingerprint(&self) -> u64 {
        let h = &self.sha256;
        u64::from_be_bytes([h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]])
    }

    /// Every territory, in the order of the indexes that verdicts name.
    pub fn territories(&self) -> &[Territory] {
        &self.numbers.territories
    }

    /// The territory of a person's number: an index into `territories`. `None` for numbers the pack does not know or excludes.
    pub fn territory(&self, number: Msisdn) -> Option<u16> {
        match self.numbers.kind(number.as_u64(), number.len())? {
            RangeKind::Territory(index) => Some(index),
            RangeKind::Excluded(_) => None,
        }
    }

    /// Why commercial messages may not be written to this number, when its range is excluded.
    pub fn exclusion(&self, number: Msisdn) -> Option<&str> {
        match self.numbers.kind(number.as_u64(), number.len())? {
            RangeKind::Territory(_) => None,
            RangeKind::Excluded(index) => self.numbers.excluded.get(usize::from(index)).map(String::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_compiled_again_from_what_its_hash_is_over() {
        for id in Pack::embedded_ids() {
            let pack = Pack::embedded(id).unwrap();
            let again = Pack::from_written(&pack.written).unwrap().unwrap();
            assert_eq!((again.sha256, &again.hours, &again.holidays), (pack.sha256, &pack.hours, &pack.holidays));
            assert!(Pack::from_written(&pack.written[1..]).is_none());
        }
    }

    #[test]
    fn every_embedded_pack_compiles() {
        let ids: Vec<&str> = Pack::embedded_ids().collect();
        assert_eq!(ids, ["fr-strict", "fr-8-20", "fr-af2m-2024", "fr-af2m-2026", "us-ctia"]);
        for id in ids {
            let pack = Pack::embedded(id).unwrap();
            assert_eq!(pack.id, id);
            assert!(pack.territories().len() >= 10, "{id}");
        }
        assert!(Pack::embedded("fr-base").is_none(), "a base is no pack for an account");
    }
}
