//! Owns the section `[signals]` of a pack and the files it names: what makes a text look like advertising, as data.
//! Must never loosen: a signal has a weight above zero, and masks only keep words from counting.

use super::report::{PackError, Report, line_of};
use super::wordlists::{RawList, patterns, sets};
use crate::compliance::traffic::{SIGNALS_MAX, Signal, Signals};
use crate::compliance::wording::choice::Sets;
use crate::compliance::wording::pattern::{Pattern, Reach};
use crate::compliance::wording::patterns::Patterns;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSignals {
    #[serde(default)]
    pub sources: Vec<Spanned<String>>,
    /// The sum of weights from which a text counts as promotional.
    threshold: Spanned<u32>,
    /// The same for a text that shows none of the things a service message is about; no more than `threshold`.
    threshold_without_service: Spanned<u32>,
    /// The embedded files that apply.
    languages: Vec<Spanned<String>>,
    /// Signals of the pack itself.
    #[serde(default)]
    signal: Vec<RawSignal>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLanguage {
    #[serde(default)]
    service: RawList,
    #[serde(default)]
    masks: RawList,
    #[serde(default)]
    sets: BTreeMap<String, RawList>,
    signal: Vec<RawSignal>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignal {
    id: Spanned<String>,
    weight: Spanned<u32>,
    patterns: RawList,
}

/// The embedded files: language, file name, text.
const EMBEDDED: [(&str, &str, &str); 7] = [
    ("fr", "signals/fr.toml", include_str!("../../../config/packs/signals/fr.toml")),
    ("en", "signals/en.toml", include_str!("../../../config/packs/signals/en.toml")),
    ("de", "signals/de.toml", include_str!("../../../config/packs/signals/de.toml")),
    ("es", "signals/es.toml", include_str!("../../../config/packs/signals/es.toml")),
    ("it", "signals/it.toml", include_str!("../../../config/packs/signals/it.toml")),
    ("pt", "signals/pt.toml", include_str!("../../../config/packs/signals/pt.toml")),
    ("nl", "signals/nl.toml", include_str!("../../../config/packs/signals/nl.toml")),
];

impl RawSignals {
    /// The texts of the embedded files that the section names: a pack's hash covers them too.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let named = |code: &str| self.languages.iter().any(|language| language.get_ref() == code);
        EMBEDDED.iter().filter(move |(code, _, _)| named(code)).map(|(_, _, text)| *text)
    }
}

/// What was compiled so far.
#[derive(Default)]
struct Collected {
    service: Vec<Pattern>,
    masks: Vec<Pattern>,
    signals: Vec<Signal>,
    patterns: Vec<Pattern>,
    owners: Vec<usize>,
}

/// Compiles the section, reporting every fault.
pub(super) fn compile(raw: &RawSignals, report: &mut Report<'_>) -> Signals {
    let mut all = Collected::default();
    let threshold = *raw.threshold.get_ref();
    if threshold == 0 {
        report.at(raw.threshold.span(), "signals.threshold", "write a number above 0");
    }
    let without_service = *raw.threshold_without_service.get_ref();
    if without_service == 0 || without_service > threshold {
        report.at(
            raw.threshold_without_service.span(),
            "signals.threshold_without_service",
            "write 1 to signals.threshold",
        );
    }
    for code in &raw.languages {
        match EMBEDDED.iter().find(|(known, _, _)| known == code.get_ref()) {
            Some(&(_, file, text)) => all.add_file(file, text, report.errors),
            None => {
                let known: Vec<&str> = EMBEDDED.iter().map(|(code, _, _)| *code).collect();
                report.at(code.span(), "signals.languages", format!("write one of {}", known.join(", ")));
            }
        }
    }
    raw.signal.iter().for_each(|signal| all.add(signal, &Sets::new(), report));
    if all.signals.len() > SIGNALS_MAX {
        report.at(raw.threshold.span(), "signals", format!("at most {SIGNALS_MAX} signals are told apart"));
    }
    Signals {
        threshold,
        threshold_without_service: without_service,
        service: Patterns::new(all.service),
        masks: Patterns::new(all.masks),
        signals: all.signals,
        patterns: Patterns::new(all.patterns),
        owners: all.owners,
    }
}

impl Collected {
    fn add_file(&mut self, file: &str, text: &str, errors: &mut Vec<PackError>) {
        let raw: RawLanguage = match toml::from_str(text) {
            Ok(raw) => raw,
            Err(fault) => {
                let line = fault.span().map_or(1, |span| line_of(text, span.start));
                let (file, message) = (file.to_owned(), fault.message().to_owned());
                return errors.push(PackError { file, line, key: String::new(), message });
            }
        };
        let mut report = Report { file, text, errors };
        let sets = sets(&raw.sets, &mut report);
        self.service.extend(patterns(&raw.service, "service", &sets, Reach::Sentence, &mut report));
        self.masks.extend(patterns(&raw.masks, "masks", &sets, Reach::Sentence, &mut report));
        raw.signal.iter().for_each(|signal| self.add(signal, &sets, &mut report));
    }

    fn add(&mut self, raw: &RawSignal, sets: &Sets, report: &mut Report<'_>) {
        if *raw.weight.get_ref() == 0 {
            report.at(raw.weight.span(), "signal.weight", "a signal only tightens: write a number above 0");
        }
        let patterns = patterns(&raw.patterns, raw.id.get_ref(), sets, Reach::Sentence, report);
        self.owners.extend(std::iter::repeat_n(self.signals.len(), patterns.len()));
        self.patterns.extend(patterns);
        self.signals.push(Signal { id: raw.id.get_ref().as_str().into(), weight: *raw.weight.get_ref() });
    }
}
