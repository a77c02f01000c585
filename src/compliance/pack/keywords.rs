//! Owns the section `[keywords]` of a pack and the language files it names: the words of opt-out, as data.
//! Must never hold a word of a language: those stand in `config/packs/keywords`.

use super::report::{PackError, Report, line_of};
use crate::compliance::optout::language::{Keyword, Keywords, Language, Meaning};
use crate::compliance::wording::fold::folded;
use crate::compliance::wording::pattern::{Pattern, Set, Sets};
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
    language: BTreeMap<String, Spanned<RawLanguage>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLanguage {
    #[serde(default)]
    stop: Vec<String>,
    #[serde(default)]
    stop_alone: Vec<String>,
    #[serde(default)]
    start: Vec<String>,
    #[serde(default)]
    contact: Vec<String>,
    #[serde(default)]
    slips: Vec<String>,
    #[serde(default)]
    guards: Vec<String>,
    #[serde(default)]
    spelt: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    glued: Vec<String>,
    #[serde(default)]
    idle: Vec<String>,
    #[serde(default)]
    before_code: Vec<String>,
    #[serde(default)]
    closings: Vec<String>,
    #[serde(default)]
    quote_marks: Vec<String>,
    #[serde(default)]
    device_marks: Vec<String>,
    #[serde(default)]
    sets: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    patterns: RawPatterns,
}

#[derive(Clone, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawPatterns {
    #[serde(default)]
    none: Vec<String>,
    #[serde(default)]
    stop: Vec<String>,
    #[serde(default)]
    start: Vec<String>,
    #[serde(default)]
    contact: Vec<String>,
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
            let (language, faults) = compile_language(name, own.get_ref());
            for (key, message) in faults {
                report.at(own.span(), format!("keywords.language.{name}.{key}"), message);
            }
            languages.push(Arc::new(language));
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
    let error = |line: usize, key: String, message: String| PackError { file: file.to_owned(), line, key, message };
    let raw: RawLanguage = toml::from_str(text).map_err(|fault| {
        vec![error(fault.span().map_or(1, |span| line_of(text, span.start)), String::new(), fault.message().to_owned())]
    })?;
    let (language, faults) = compile_language(code, &raw);
    if faults.is_empty() {
        return Ok(Arc::new(language));
    }
    Err(faults.into_iter().map(|(key, message)| error(1, key, message)).collect())
}

/// Faults found so far: key, message.
type Faults = Vec<(String, String)>;

fn compile_language(code: &str, raw: &RawLanguage) -> (Language, Faults) {
    let mut faults = Faults::new();
    let keywords = keywords(raw);
    let set = |key: &str, entries: &[String], faults: &mut Faults| match Set::compile(entries) {
        Ok(set) => set,
        Err(fault) => {
            faults.push((key.to_owned(), fault));
            Set::default()
        }
    };
    let mut sets = Sets::new();
    for (name, entries) in &raw.sets {
        let compiled = set(&format!("sets.{name}"), entries, &mut faults);
        sets.insert(name.clone(), Arc::new(compiled));
    }
    let patterns = |key: &str, sources: &[String], faults: &mut Faults| {
        let mut compiled = Vec::new();
        for source in sources {
            match Pattern::compile(source, &sets) {
                Ok(pattern) => compiled.push(pattern),
                Err(fault) => faults.push((format!("patterns.{key}"), format!("{source:?}: {fault}"))),
            }
        }
        Patterns::new(compiled)
    };
    let spelt =
        raw.spelt.iter().flat_map(|(right, slips)| slips.iter().map(|slip| (folded(slip), folded(right)))).collect();
    let language = Language {
        code: code.into(),
        keyword_words_max: keywords.keys().map(|spelling| spelling.split(' ').count()).max().unwrap_or(0),
        keywords,
        slips: raw.slips.iter().map(|word| folded(word)).collect(),
        guards: set("guards", &raw.guards, &mut faults),
        spelt,
        glued: set("glued", &raw.glued, &mut faults),
        idle: set("idle", &raw.idle, &mut faults),
        before_code: set("before_code", &raw.before_code, &mut faults),
        closings: set("closings", &raw.closings, &mut faults),
        quote_marks: set("quote_marks", &raw.quote_marks, &mut faults),
        device_marks: set("device_marks", &raw.device_marks, &mut faults),
        none: patterns("none", &raw.patterns.none, &mut faults),
        stop: patterns("stop", &raw.patterns.stop, &mut faults),
        start: patterns("start", &raw.patterns.start, &mut faults),
        contact: patterns("contact", &raw.patterns.contact, &mut faults),
    };
    (language, faults)
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
        for word in list {
            let umlauts = word.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue");
            for spelling in [word, &umlauts] {
                let words: Vec<String> = folded(spelling).split([' ', '\'', '’', '-']).map(str::to_owned).collect();
                keywords.insert(words.join(" "), Keyword { id: word.as_str().into(), meaning });
            }
        }
    }
    keywords
}
