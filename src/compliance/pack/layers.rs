//! Owns how a pack and what it extends become one: section by section, the nearest layer wins.
//! Must never merge two sections of one name: a section is replaced whole, so that nobody has to guess what holds.

use super::holidays::{Calendar, Holidays, RawHolidays};
use super::hours::RawHours;
use super::keywords::RawKeywords;
use super::mentions::RawMentions;
use super::numbers::{Numbers, RawNumbers, parse_prefixes};
use super::opt_ins::RawOptIns;
use super::report::line_of;
use super::senders::RawSenders;
use super::signals::RawSignals;
use super::texts::RawTexts;
use super::{
    Pack, PackError, PackSource, Report, embedded, holidays, hours, keywords, mentions, numbers, opt_ins, senders,
    signals, texts,
};
use crate::message::instant::CivilInstant;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;

/// How many packs may extend one another.
const DEPTH_MAX: usize = 4;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPack {
    id: Spanned<String>,
    version: Spanned<String>,
    name: Option<String>,
    extends: Option<Spanned<String>>,
    effective_from: Spanned<String>,
    effective_to: Option<Spanned<String>>,
    #[serde(default)]
    source: Vec<PackSource>,
    #[serde(default)]
    parameters: BTreeMap<String, Spanned<RawParameter>>,
    numbers: Option<RawNumbers>,
    hours: Option<RawHours>,
    holidays: Option<RawHolidays>,
    senders: Option<RawSenders>,
    texts: Option<RawTexts>,
    mentions: Option<RawMentions>,
    keywords: Option<RawKeywords>,
    signals: Option<RawSignals>,
    consent: Option<RawOptIns>,
}

/// Whether the days of a region hold: `off`, `all` (for the whole territory), or for the listed prefixes.
#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "write \"off\", \"all\" or a list of numbers or prefixes in E.164 digits")]
enum RawParameter {
    Word(String),
    List(Vec<String>),
}

/// One text of the chain, the extending one first.
struct Layer {
    file: String,
    text: String,
    raw: RawPack,
}

type Bases<'b> = &'b dyn Fn(&str) -> Option<(String, String)>;

/// Compiles a pack with everything it extends.
pub(super) fn compile(toml: &str, file: &str, bases: Bases<'_>) -> Result<Pack, Vec<PackError>> {
    let layers = read_chain(toml, file, bases)?;
    let mut errors = Vec::new();
    let own = &layers[0];
    let sources: Vec<PackSource> = layers.iter().rev().flat_map(|layer| layer.raw.source.clone()).collect();

    let numbers =
        section(&layers, "numbers", &sources, &mut errors, |r| r.numbers.as_ref(), |r| &r.sources, numbers::compile);
    let hours = section(&layers, "hours", &sources, &mut errors, |r| r.hours.as_ref(), |r| &r.sources, hours::compile);
    let holidays =
        section(&layers, "holidays", &sources, &mut errors, |r| r.holidays.as_ref(), |r| &r.sources, holidays::compile);
    let senders =
        section(&layers, "senders", &sources, &mut errors, |r| r.senders.as_ref(), |r| &r.sources, senders::compile);
    let texts = section(&layers, "texts", &sources, &mut errors, |r| r.texts.as_ref(), |r| &r.sources, texts::compile);
    let mentions =
        section(&layers, "mentions", &sources, &mut errors, |r| r.mentions.as_ref(), |r| &r.sources, mentions::compile);
    let keywords =
        section(&layers, "keywords", &sources, &mut errors, |r| r.keywords.as_ref(), |r| &r.sources, keywords::compile);
    let signals =
        section(&layers, "signals", &sources, &mut errors, |r| r.signals.as_ref(), |r| &r.sources, signals::compile);
    let opt_ins =
        section(&layers, "consent", &sources, &mut errors, |r| r.consent.as_ref(), |r| &r.sources, opt_ins::compile);

    let effective_from = date(&own.raw.effective_from, "effective_from", own, &mut errors);
    let effective_to = own.raw.effective_to.as_ref().map(|raw| date(raw, "effective_to", own, &mut errors));
    for (key, text) in [("id", &own.raw.id), ("version", &own.raw.version)] {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if text.get_ref().is_empty() || !text.get_ref().chars().all(plain) {
            own.report(&mut errors).at(text.span(), key, "write letters, digits, '-', '.' and '_'");
        }
    }
    let (
        Some(mut numbers),
        Some(hours),
        Some(mut holidays),
        Some(senders),
        Some(texts),
        Some(mentions),
        Some(keywords),
        Some(signals),
        Some(opt_ins),
    ) = (numbers, hours, holidays, senders, texts, mentions, keywords, signals, opt_ins)
    else {
        return Err(errors);
    };
    let territory_calendars = link_calendars(&layers, &mut numbers, &mut holidays, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let written: Arc<[u8]> = written(&layers).into();
    Ok(Pack {
        id: own.raw.id.get_ref().clone(),
        name: own.raw.name.clone().unwrap_or_else(|| own.raw.id.get_ref().clone()),
        version: own.raw.version.get_ref().clone(),
        sha256: Sha256::digest(&written).into(),
        written,
        effective_from,
        effective_to,
        sources,
        numbers,
        hours,
        holidays,
        territory_calendars,
        senders,
        texts,
        mentions,
        keywords,
        signals,
        opt_ins,
    })
}

impl Layer {
    fn report<'r>(&'r self, errors: &'r mut Vec<PackError>) -> Report<'r> {
        Report { file: &self.file, text: &self.text, errors }
    }
}

fn read_chain(toml: &str, file: &str, bases: Bases<'_>) -> Result<Vec<Layer>, Vec<PackError>> {
    let mut layers = vec![read(toml.to_owned(), file.to_owned())?];
    while let Some(wanted) = layers[layers.len() - 1].raw.extends.clone() {
        let mut errors = Vec::new();
        let last = &layers[layers.len() - 1];
        if layers.len() > DEPTH_MAX {
            last.report(&mut errors).at(
                wanted.span(),
                "extends",
                "at most four packs extend one another: is this a circle?",
            );
            return Err(errors);
        }
        let embedded = || embedded::text(wanted.get_ref()).map(|(text, file)| (text.to_owned(), file.to_owned()));
        let Some((text, name)) = bases(wanted.get_ref()).or_else(embedded) else {
            last.report(&mut errors).at(wanted.span(), "extends", "no pack of this id is embedded or configured");
            return Err(errors);
        };
        layers.push(read(text, name)?);
    }
    Ok(layers)
}

fn read(text: String, file: String) -> Result<Layer, Vec<PackError>> {
    match toml::from_str::<RawPack>(&text) {
        Ok(raw) => Ok(Layer { file, text, raw }),
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            Err(vec![PackError { file, line, key: String::new(), message: error.message().to_owned() }])
        }
    }
}

/// Compiles one section from the nearest layer that has it, and checks that the sources it names exist.
fn section<R, T>(
    layers: &[Layer],
    name: &str,
    sources: &[PackSource],
    errors: &mut Vec<PackError>,
    get: impl Fn(&RawPack) -> Option<&R>,
    named: impl Fn(&R) -> &Vec<Spanned<String>>,
    compile: impl Fn(&R, &mut Report<'_>) -> T,
) -> Option<T> {
    let Some((layer, raw)) = layers.iter().find_map(|layer| get(&layer.raw).map(|raw| (layer, raw))) else {
        let own = &layers[0];
        own.report(errors).at(0..0, name, format!("the section [{name}] is missing here and in what the pack extends"));
        return None;
    };
    let mut report = layer.report(errors);
    for source in named(raw) {
        if !sources.iter().any(|known| known.id == *source.get_ref()) {
            report.at(
                source.span(),
                format!("{name}.sources"),
                format!("no [[source]] has the id {:?}", source.get_ref()),
            );
        }
    }
    Some(compile(raw, &mut report))
}

fn date(raw: &Spanned<String>, key: &str, layer: &Layer, errors: &mut Vec<PackError>) -> CivilInstant {
    let midnight = raw.get_ref().parse::<chrono::NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    match midnight {
        Some(midnight) => midnight.and_utc().into(),
        None => {
            layer.report(errors).at(raw.span(), key, "write a date such as \"2026-01-31\"");
            CivilInstant::default()
        }
    }
}

/// Gives every territory its calendar, after the parameters have said which regional days hold where.
fn link_calendars(
    layers: &[Layer],
    numbers: &mut Numbers,
    holidays: &mut Holidays,
    errors: &mut Vec<PackError>,
) -> Vec<usize> {
    let mut parameters: BTreeMap<&str, (&Layer, &Spanned<RawParameter>)> = BTreeMap::new();
    for layer in layers.iter().rev() {
        parameters.extend(layer.raw.parameters.iter().map(|(name, value)| (name.as_str(), (layer, value))));
    }
    for (name, (layer, value)) in parameters {
        let key = format!("parameters.{name}");
        let Some(regional) = holidays.regional.iter().find(|regional| regional.id == name).cloned() else {
            layer.report(errors).at(value.span(), key, "no [[holidays.regional]] has this id");
            continue;
        };
        let Some(at) = numbers.territories.iter().position(|territory| territory.id == regional.territory) else {
            layer.report(errors).at(value.span(), key, "the region names a territory that the pack does not have");
            continue;
        };
        let mut prefixes = Vec::new();
        match value.get_ref() {
            RawParameter::Word(word) if word == "off" => continue,
            RawParameter::Word(word) if word == "all" => {}
            RawParameter::List(list) if list.iter().all(|text| parse_prefixes(text).is_some()) => {
                prefixes.extend(list.iter().filter_map(|text| parse_prefixes(text)).flatten());
            }
            RawParameter::Word(_) | RawParameter::List(_) => {
                layer.report(errors).at(
                    value.span(),
                    key,
                    "write \"off\", \"all\" or a list of numbers or prefixes in E.164 digits",
                );
                continue;
            }
        }
        let base = holidays.position(&numbers.territories[at].calendar).map(|i| holidays.calendars[i].clone());
        let mut calendar = base.unwrap_or_default();
        calendar.id = format!("{}+{name}", numbers.territories[at].calendar);
        calendar.fixed.extend(&regional.extra.fixed);
        calendar.easter.extend(&regional.extra.easter);
        if matches!(value.get_ref(), RawParameter::Word(_)) {
            numbers.territories[at].calendar = calendar.id.clone();
        } else {
            let mut territory = numbers.territories[at].clone();
            territory.id = format!("{}+{name}", territory.id);
            territory.calendar = calendar.id.clone();
            numbers.add(territory, prefixes);
        }
        holidays.calendars.push(calendar);
    }
    let missing = |territory: &super::numbers::Territory, errors: &mut Vec<PackError>| {
        let asked = layers.iter().find_map(|layer| {
            let raw = layer.raw.numbers.as_ref()?;
            Some((layer, numbers::calendars_asked(raw).find(|asked| *asked.get_ref() == territory.calendar)?))
        });
        if let Some((layer, asked)) = asked {
            layer.report(errors).at(asked.span(), "numbers.territory.calendar", "no [[holidays.calendar]] has this id");
        }
        0
    };
    let calendars: &[Calendar] = &holidays.calendars;
    numbers
        .territories
        .iter()
        .map(|t| calendars.iter().position(|c| c.id == t.calendar).unwrap_or_else(|| missing(t, errors)))
        .collect()
}

/// Compiles a pack from what [`written`] wrote: its hours, days and numbers as they stood there.
pub(super) fn compile_written(octets: &[u8]) -> Option<Result<Pack, Vec<PackError>>> {
    let mut texts = Vec::new();
    let mut rest = octets;
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        let (text, after) = after.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
        texts.push(std::str::from_utf8(text).ok()?);
        rest = after;
    }
    if !rest.is_empty() {
        return None;
    }
    let next = Cell::new(1);
    let bases = |wanted: &str| {
        let at = next.replace(next.get() + 1);
        texts.get(at).map(|text| ((*text).to_owned(), format!("{wanted}.toml")))
    };
    Some(compile(texts.first()?, "pack.toml", &bases))
}

fn written(layers: &[Layer]) -> Vec<u8> {
    let mut out = Vec::new();
    let languages =
        layers.iter().find_map(|layer| layer.raw.keywords.as_ref()).into_iter().flat_map(RawKeywords::texts);
    let signals = layers.iter().find_map(|layer| layer.raw.signals.as_ref()).into_iter().flat_map(RawSignals::texts);
    for text in layers.iter().map(|layer| layer.text.as_str()).chain(languages).chain(signals) {
        out.extend_from_slice(&(text.len() as u64).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests;
