//! Owns the section `[numbers]` of a pack: countries with their dial plans, territories with their zones and prefixes.
//! Must never canonicalise a number: that is the number plan's work.

use super::prefixes::{ALIGNED_DIGITS, Prefix, PrefixMap};
use super::report::Report;
use chrono_tz::Tz;
use serde::Deserialize;
use toml::Spanned;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNumbers {
    #[serde(default)]
    pub sources: Vec<Spanned<String>>,
    country: Vec<RawCountry>,
    territory: Vec<RawTerritory>,
    #[serde(default)]
    excluded: Vec<RawExcluded>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCountry {
    iso: Vec<Spanned<String>>,
    code: Spanned<u16>,
    #[serde(default)]
    trunk: String,
    international: Spanned<String>,
    lengths: Spanned<Vec<usize>>,
    national_as: Option<Spanned<String>>,
    #[serde(default)]
    moved: Vec<RawMoved>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMoved {
    prefixes: Vec<Spanned<String>>,
    code: Spanned<u16>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerritory {
    id: Spanned<String>,
    name: String,
    zones: Spanned<Vec<Spanned<String>>>,
    calendar: Spanned<String>,
    prefixes: Vec<Spanned<String>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExcluded {
    prefixes: Vec<Spanned<String>>,
    reason: String,
}

/// A country code and how its numbers are dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166 alpha-2 codes of the countries and territories behind the code.
    pub iso: Vec<[u8; 2]>,
    /// The E.164 country code, 1..=999.
    pub code: u16,
    /// The national (trunk) prefix; empty when there is none.
    pub trunk: String,
    /// The international prefix, such as `00`.
    pub international: String,
    /// Lengths of national numbers without the trunk prefix: bit n stands for n digits.
    pub lengths: u32,
    /// National spellings are read by the plan of this country (index) instead of its own.
    pub national_as: Option<usize>,
    /// National prefixes whose true country code is another one.
    pub moved: PrefixMap<u16>,
}

impl Country {
    /// Whether a national number of this length exists.
    pub const fn has_length(&self, len: usize) -> bool {
        len < 32 && self.lengths & (1 << len) != 0
    }
}

/// A place whose clock and calendar decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Territory {
    /// Short and stable: `FR`, `RE`.
    pub id: String,
    pub name: String,
    /// Candidate zones: all of them must be open.
    pub zones: Vec<Tz>,
    /// Name of its calendar in the pack; the index is resolved by the compiled holidays.
    pub calendar: String,
}

/// What a prefix stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeKind {
    /// Numbers of persons, in the territory with this index.
    Territory(u16),
    /// Numbers no commercial message may be written to, with the index of the reason.
    Excluded(u16),
}

/// The compiled section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    pub countries: Vec<Country>,
    pub territories: Vec<Territory>,
    /// The territory each entry of `ranges` came from, kept to build the flattened map again with regional lists.
    pub(super) entries: Vec<(Prefix, RangeKind)>,
    pub ranges: PrefixMap<RangeKind>,
    pub excluded: Vec<String>,
}

impl Numbers {
    /// What a canonical number of `len` digits stands for.
    pub fn kind(&self, number: u64, len: usize) -> Option<RangeKind> {
        self.ranges.get(number, len)
    }

    /// Adds prefixes of a territory that stand for a region of it (the parameter `list`).
    pub(super) fn add(&mut self, territory: Territory, prefixes: Vec<Prefix>) {
        let index = self.territories.len() as u16;
        self.territories.push(territory);
        self.entries.extend(prefixes.into_iter().map(|prefix| (prefix, RangeKind::Territory(index))));
        self.ranges = PrefixMap::build(&self.entries);
    }
}

/// Reads `262692` or an inclusive range of prefixes of one length, `26270920-26270923`.
pub(super) fn parse_prefixes(text: &str) -> Option<Vec<Prefix>> {
    let Some((from, to)) = text.split_once('-') else { return Prefix::parse(text).map(|prefix| vec![prefix]) };
    let (from, to) = (Prefix::parse(from)?, Prefix::parse(to)?);
    let plain = from.len == to.len && from.digits <= to.digits && to.digits - from.digits < 1000;
    plain.then(|| (from.digits..=to.digits).map(|digits| Prefix { digits, len: from.len }).collect())
}

fn prefixes_of(list: &[Spanned<String>], key: &str, report: &mut Report<'_>) -> Vec<Prefix> {
    let mut all = Vec::new();
    for text in list {
        match parse_prefixes(text.get_ref()) {
            Some(prefixes) => all.extend(prefixes),
            None => {
                report.at(text.span(), key, "write digits such as \"336\", or a range such as \"26270920-26270923\"")
            }
        }
    }
    all
}

/// Compiles the section, reporting every fault.
pub(super) fn compile(raw: &RawNumbers, report: &mut Report<'_>) -> Numbers {
    let countries = raw.country.iter().map(|country| compile_country(country, &raw.country, report)).collect();
    let (mut territories, mut entries) = (Vec::<Territory>::new(), Vec::new());
    for territory in &raw.territory {
        let key = "numbers.territory";
        if territories.iter().any(|known| known.id == *territory.id.get_ref()) {
            report.at(territory.id.span(), format!("{key}.id"), "this id is taken: each territory stands once");
        }
        let mut zones = Vec::new();
        for zone in territory.zones.get_ref() {
            match zone.get_ref().parse::<Tz>() {
                Ok(zone) => zones.push(zone),
                Err(_) => report.at(
                    zone.span(),
                    format!("{key}.zones"),
                    "unknown zone: write an IANA name such as \"Europe/Paris\"",
                ),
            }
        }
        if territory.zones.get_ref().is_empty() {
            report.at(territory.zones.span(), format!("{key}.zones"), "name at least one zone");
        }
        let kind = RangeKind::Territory(territories.len() as u16);
        entries.extend(
            prefixes_of(&territory.prefixes, "numbers.territory.prefixes", report).into_iter().map(|p| (p, kind)),
        );
        territories.push(Territory {
            id: territory.id.get_ref().clone(),
            name: territory.name.clone(),
            zones,
            calendar: territory.calendar.get_ref().clone(),
        });
    }
    let mut excluded = Vec::new();
    for range in &raw.excluded {
        let kind = RangeKind::Excluded(excluded.len() as u16);
        entries
            .extend(prefixes_of(&range.prefixes, "numbers.excluded.prefixes", report).into_iter().map(|p| (p, kind)));
        excluded.push(range.reason.clone());
    }
    let ranges = PrefixMap::build(&entries);
    Numbers { countries, territories, entries, ranges, excluded }
}

fn compile_country(raw: &RawCountry, all: &[RawCountry], report: &mut Report<'_>) -> Country {
    let key = |leaf: &str| format!("numbers.country.{leaf}");
    let mut iso = Vec::new();
    for text in &raw.iso {
        match <[u8; 2]>::try_from(text.get_ref().as_bytes()) {
            Ok(two) if two.iter().all(u8::is_ascii_uppercase) => iso.push(two),
            _ => report.at(text.span(), key("iso"), "write two capital letters (ISO 3166 alpha-2) such as \"FR\""),
        }
    }
    if !(1..=999).contains(raw.code.get_ref()) {
        report.at(raw.code.span(), key("code"), "a country code has one to three digits");
    }
    let mut lengths = 0u32;
    for len in raw.lengths.get_ref() {
        match len {
            3..=ALIGNED_DIGITS => lengths |= 1 << len,
            _ => report.at(raw.lengths.span(), key("lengths"), "a national number has 3 to 15 digits"),
        }
    }
    if !raw.international.get_ref().bytes().all(|b| b.is_ascii_digit()) {
        report.at(raw.international.span(), key("international"), "write digits such as \"00\"");
    }
    let national_as = raw.national_as.as_ref().and_then(|wanted| {
        let found = all.iter().position(|c| c.iso.iter().any(|iso| iso.get_ref() == wanted.get_ref()));
        if found.is_none() {
            report.at(wanted.span(), key("national_as"), "no country of this pack has this ISO code");
        }
        found
    });
    let mut moved = Vec::new();
    for range in &raw.moved {
        let code = *range.code.get_ref();
        if !(1..=999).contains(&code) {
            report.at(range.code.span(), key("moved.code"), "a country code has one to three digits");
        }
        moved.extend(
            prefixes_of(&range.prefixes, "numbers.country.moved.prefixes", report).into_iter().map(|p| (p, code)),
        );
    }
    Country {
        iso,
        code: *raw.code.get_ref(),
        trunk: raw.trunk.clone(),
        international: raw.international.get_ref().clone(),
        lengths,
        national_as,
        moved: PrefixMap::build(&moved),
    }
}

/// Which calendars the territories ask for, with the place that asks.
pub(super) fn calendars_asked(raw: &RawNumbers) -> impl Iterator<Item = &Spanned<String>> {
    raw.territory.iter().map(|territory| &territory.calendar)
}
