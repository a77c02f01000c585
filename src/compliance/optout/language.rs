//! Owns the compiled words of one language: keywords, politeness, guards, patterns.
//! Must never hold a word itself: words stand in `config/packs/keywords`.

use crate::compliance::wording::choice::{Set, Sets};
use crate::compliance::wording::patterns::Patterns;
use std::collections::HashMap;
use std::sync::Arc;

/// What a keyword means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// STOP, even when it stands alone in one clause of several.
    Stop,
    /// STOP, only when nothing else but politeness is said ("end", "uit").
    StopAlone,
    Start,
    Contact,
}

/// A keyword as the pack writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    pub id: Arc<str>,
    pub meaning: Meaning,
}

/// One language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    pub code: Arc<str>,
    /// Keywords by their folded words, with one space between.
    pub keywords: HashMap<String, Keyword>,
    /// The most words a keyword has.
    pub keyword_words_max: usize,
    /// Short keywords of which a slip still counts (longer ones always do).
    pub slips: Vec<String>,
    /// Words that are no slip of a keyword.
    pub guards: Set,
    /// Non-words that stand for a keyword wherever they are found: slip, keyword.
    pub spelt: HashMap<String, String>,
    /// Words that may be glued to a keyword: STOPSMS, SVPSTOP.
    pub glued: Set,
    /// Politeness, greetings, hesitation.
    pub idle: Set,
    /// What begins a matter of its own: "but", "otherwise".
    pub breaks: Set,
    /// What stands between a keyword and a code: "STOP au 36111".
    pub before_code: Set,
    /// What a name follows.
    pub closings: Set,
    /// How the line above quoted text ends, and how that of a device's signature begins.
    pub quote_marks: Set,
    pub device_marks: Set,
    /// The named sets of the patterns.
    pub sets: Sets,
    /// What explains words away, before anything else is looked for.
    pub none: Patterns,
    /// The wish to go on: beside it no phrase is a STOP, only a keyword is.
    pub keep: Patterns,
    pub stop: Patterns,
    pub start: Patterns,
    pub contact: Patterns,
}

impl Language {
    /// Hands on every word and stem that the language's lists and patterns write out: whether a stem, and its letters.
    pub fn vocabulary<'l>(&'l self, found: &mut dyn FnMut(bool, &'l str)) {
        self.keywords.keys().flat_map(|keyword| keyword.split(' ')).for_each(|word| found(false, word));
        let sets = [&self.guards, &self.idle, &self.breaks, &self.glued, &self.closings, &self.before_code];
        sets.into_iter().chain(self.sets.values().map(|set| &**set)).for_each(|set| set.vocabulary(found));
        let patterns = [&self.none, &self.keep, &self.stop, &self.start, &self.contact];
        patterns.into_iter().flat_map(Patterns::iter).for_each(|pattern| pattern.vocabulary(found));
    }
}

/// The section `[keywords]` of a pack: the languages replies are understood in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Keywords {
    pub languages: Vec<Arc<Language>>,
}
