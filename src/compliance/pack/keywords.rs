//! Owns the section `[keywords]` of a pack and the language files it names: the words of opt-out, as data.
//! Must never hold a word of a language: those stand in `config/packs/keywords`.

use super::report::{PackError, Report};
use super::wordlists::{RawList, patterns, set, sets};
use crate::compliance::optout::language::{Keyword, Keywords, Language, Meaning};
use crate::compliance::wording::fold::folded;
use crate::compliance::wording::pattern::Reach;
use crate::compliance::wording::patterns::Patterns;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use toml::Spanned;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKeywords {
    #[serde(default)]
    pub sources: Vec<Spanned<String>>,
    /// The languages replies are understood in; what several say of one word, the first wins.
    languages: Vec<Spanned<String>>,
    /// Languages written in the pack itself; they replace the embedded ones of the same name.
    #[serde(default)]
    language: BTreeMap<String, RawLanguage>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLanguage {
    #[serde(default)]
    stop: RawList,
    #[serde(default)]
    stop_alone: RawList,
    #[serde(default)]
    start: RawList,
    #[serde(default)]
    contact: RawList,
    #[serde(default)]
    slips: RawList,
    #[serde(default)]
    guards: RawList,
    #[serde(default)]
    spelt: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    glued: RawList,
    #[serde(default)]
    idle: RawList,
    #[serde(default)]
    breaks: RawList,
    #[serde(default)]
    before_code: RawList,
    #[serde(default)]
    closings: RawList,
    #[serde(default)]
    quote_marks: RawList,
    #[serde(default)]
    device_marks: RawList,
    #[serde(default)]
    sets: BTreeMap<String, RawList>,
    #[serde(default)]
    patterns: RawPatterns,
}

#[derive(Clone, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawPatterns {
    #[serde(default)]
    none: RawList,
    #[serde(default)]
    keep: RawList,
    #[serde(default)]
    stop: RawList,
    #[serde(default)]
    start: RawList,
    #[serde(default)]
    contact: RawList,
}

/// The embedded languages: code, file name, text.
const EMBEDDED: [(&str, &str, &str); 7] = [
    ("fr", "keywords/fr.toml", include_str!("../../../config/packs/keywords/fr.toml")),
    ("en", "keywords/en.toml", include_str!("../../../config/packs/keywords/en.toml")),
    ("de", "keywords/de.toml", include_str!("../../../config/packs/keywords/de.toml")),
    ("es", "keywords/es.toml", include_str!("../../../config/packs/keywords/es.toml")),
    ("it", "keywords/it.toml", include_str!("../../../config/packs/keywords/it.toml")),
    ("pt", "keywords/pt.toml", include_str!("../../../config/packs/keywords/pt.toml")),
    ("nl", "keywords/nl.toml", include_str!("../../../config/packs/keywords/nl.toml")),
];

static COMPILED: [OnceLock<Result<Arc<Language>, Vec<PackError>>>; EMBEDDED.len()] =
    [const { OnceLock::new() }; EMBEDDED.len()];

impl RawKeywords {
    /// The texts of the embedded languages that the section names: a pack's hash covers them too.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let named = |code: &str| self.languages.iter().any(|language| language.get_ref() == code);
        EMBEDDED
            .iter()
            .filter(move |(code, _, _)| named(code) && !self.language.contains_key(*code))
            .map(|(_, _, text)| *text)
    }
}

/// Compiles the section, reporting every fault.
pub(super) fn compile(raw: &RawKeywords, report: &mut Report<'_>) -> Keywords {
    let mut languages = Vec::new();
    for code in &raw.languages {
        let name = code.get_ref().as_str();
        if let Some(own) = raw.language.get(name) {
            languages.push(Arc::new(compile_language(name, own, report)));
        } else if let Some(at) = EMBEDDED.iter().position(|(known, _, _)| *known == name) {
            match COMPILED[at].get_or_init(|| compile_embedded(EMBEDDED[at])) {
                Ok(language) => languages.push(Arc::clone(language)),
                Err(faults) => report.errors.extend(faults.iter().cloned()),
            }
        } else {
            let known: Vec<&str> = EMBEDDED.iter().map(|(code, _, _)| *code).collect();
            report.at(
                code.span(),
                "keywords.languages",
                format!("write one of {}, or add [keywords.language.{name}]", known.join(", ")),
            );
        }
    }
    Keywords { languages }
}

fn compile_embedded((code, file, text): (&str, &str, &str)) -> Result<Arc<Language>, Vec<PackError>> {
    let mut errors = Vec::new();
    let mut report = Report { file, text, errors: &mut errors };
    let language = match toml::from_str::<RawLanguage>(text) {
        Ok(raw) => Some(compile_language(code, &raw, &mut report)),
        Err(fault) => {
            report.at(fault.span().unwrap_or(0..0), "", fault.message());
            None
        }
    };
    language.filter(|_| errors.is_empty()).map(Arc::new).ok_or(errors)
}

fn compile_language(code: &str, raw: &RawLanguage, report: &mut Report<'_>) -> Language {
    let keywords = keywords(raw);
    let sets = sets(&raw.sets, report);
    let mut set = |key: &str, list: &RawList| set(list, key, report);
    let guards = set("guards", &raw.guards);
    let glued = set("glued", &raw.glued);
    let idle = set("idle", &raw.idle);
    let breaks = set("breaks", &raw.breaks);
    let before_code = set("before_code", &raw.before_code);
    let closings = set("closings", &raw.closings);
    let quote_marks = set("quote_marks", &raw.quote_marks);
    let device_marks = set("device_marks", &raw.device_marks);
    let mut patterns = |key: &str, list: &RawList, reach: Reach| {
        Patterns::new(patterns(list, &format!("patterns.{key}"), &sets, reach, report))
    };
    Language {
        code: code.into(),
        keyword_words_max: keywords.keys().map(|spelling| spelling.split(' ').count()).max().unwrap_or(0),
        keywords,
        slips: raw.slips.iter().map(|word| folded(word.get_ref())).collect(),
        guards,
        spelt: raw
            .spelt
            .iter()
            .flat_map(|(right, slips)| slips.iter().map(|slip| (folded(slip), folded(right))))
            .collect(),
        glued,
        idle,
        breaks,
        before_code,
        closings,
        quote_marks,
        device_marks,
        sets: sets.clone(),
        none: patterns("none", &raw.patterns.none, Reach::Breath),
        keep: patterns("keep", &raw.patterns.keep, Reach::Breath),
        stop: patterns("stop", &raw.patterns.stop, Reach::Sentence),
        start: patterns("start", &raw.patterns.start, Reach::Sentence),
        contact: patterns("contact", &raw.patterns.contact, Reach::Sentence),
    }
}

/// Keywords by their folded words; what two lists hold, the stronger STOP keeps.
fn keywords(raw: &RawLanguage) -> HashMap<String, Keyword> {
    let lists = [
        (Meaning::Contact, &raw.contact),
        (Meaning::Start, &raw.start),
        (Meaning::StopAlone, &raw.stop_alone),
        (Meaning::Stop, &raw.stop),
    ];
    let mut keywords = HashMap::new();
    for (meaning, list) in lists {
        for word in list.iter().map(Spanned::get_ref) {
            let umlauts = word.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue");
            for spelling in [word, &umlauts] {
                let words: Vec<String> = folded(spelling).split([' ', '\'', '’', '-']).map(str::to_owned).collect();
                keywords.insert(words.join(" "), Keyword { id: word.as_str().into(), meaning });
            }
        }
    }
    keywords
}

#[cfg(test)]
mod tests {
    use crate::compliance::optout::{Engine, Reply};
    use crate::compliance::pack::Pack;
    use std::sync::Arc;

    const HEAD: &str = "id = \"x\"\nversion = \"1\"\neffective_from = \"2026-01-01\"\nextends = \"fr-strict\"\n";

    #[test]
    fn a_fault_in_a_language_or_a_signal_is_told_with_its_line_and_key() {
        let text = format!(
            "{HEAD}[keywords]\nlanguages = [\"fr\", \"kl\", \"own\"]\n[keywords.language.own]\nidle = [\"\"]\n\
             [keywords.language.own.patterns]\nstop = [\n  \"plus de sms\",\n  \"<nothing> sms\",\n]\n\
             [signals]\nthreshold = 0\nthreshold_without_service = 4\nlanguages = [\"kl\"]\n\
             [[signals.signal]]\nid = \"own.cheap\"\nweight = 0\npatterns = [\"..\"]\n"
        );
        let faults = Pack::parse(&text, "own.toml").expect_err("six faults");
        let mut told: Vec<_> = faults.iter().map(|fault| (fault.line, fault.key.as_str())).collect();
        told.sort_unstable();
        let expected = [
            (6, "keywords.languages"),
            (8, "idle"),
            (12, "patterns.stop"),
            (15, "signals.threshold"),
            (16, "signals.threshold_without_service"),
            (17, "signals.languages"),
            (20, "signal.weight"),
            (21, "own.cheap"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_pack_may_bring_its_own_language_then_only_that_is_understood() {
        let parse = |keywords: &str| Pack::parse(&format!("{HEAD}{keywords}"), "own.toml").expect("a pack");
        let own = parse("[keywords]\nlanguages = [\"own\"]\n[keywords.language.own]\nstop = [\"genug jetzt\"]\n");
        let engine = Engine::new(&[Arc::new(own)]);
        assert!(matches!(engine.read_text("Genug, jetzt!", &[]), Reply::Stop(_)));
        assert_eq!(engine.read_text("stop", &[]), Reply::None);
        let pack = Pack::embedded("fr-strict").expect("embedded");
        assert_eq!(pack.keywords.languages.len(), 7);
        assert!(pack.keywords.languages.iter().all(|language| !language.keywords.is_empty()));
    }
}
