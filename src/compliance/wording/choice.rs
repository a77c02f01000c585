//! Owns what one place of a pattern may take: a word, its beginning or ending, a slip of it, a number, a named set.
//! Must never look further than the words it takes: rows, gaps and order are `pattern`'s.

use super::fold::folded;
use super::patterns::Beginning;
use super::words::Words;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What one place of a pattern may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    Word(Box<str>),
    Stem(Box<str>),
    Ending(Box<str>),
    Near(Box<str>),
    NearStem(Box<str>),
    Number,
    Mixed,
    Any,
    Set(Arc<Set>),
}

/// A named set of words and rows of words.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Set {
    words: HashSet<Box<str>>,
    others: Vec<Choice>,
    /// Rows by their first word.
    rows: HashMap<Box<str>, Vec<Vec<Choice>>>,
    /// Rows whose first word is a stem or the like.
    odd_rows: Vec<Vec<Choice>>,
}

/// The named sets of a section.
pub type Sets = BTreeMap<String, Arc<Set>>;

impl Set {
    /// Adds an entry: a word, or a row of words.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn add(&mut self, entry: &str) -> Result<(), String> {
        for spelling in spellings(entry) {
            let mut row = Vec::new();
            for word in separate(&spelling) {
                row.push(Choice::parse(&word, &Sets::new())?);
            }
            match <[Choice; 1]>::try_from(row) {
                Ok([Choice::Word(word)]) => drop(self.words.insert(word)),
                Ok([other]) => self.others.push(other),
                Err(row) if row.is_empty() => return Err(format!("{entry:?} holds no word")),
                Err(row) => match &row[0] {
                    Choice::Word(first) => self.rows.entry(first.clone()).or_default().push(row),
                    _ => self.odd_rows.push(row),
                },
            }
        }
        Ok(())
    }

    /// How many words of `words`, from `at` on, are an entry; the longest entry wins.
    pub fn matched(&self, words: &Words, at: usize) -> Option<usize> {
        let fits = |row: &&Vec<Choice>| {
            at + row.len() <= words.len()
                && row.iter().enumerate().all(|(i, choice)| choice.word(words.text(at + i)))
                && words.word(at).sentence == words.word(at + row.len() - 1).sentence
        };
        let word = words.text(at);
        let rows = self.rows.get(word).map_or(&[][..], Vec::as_slice);
        let row = rows.iter().chain(&self.odd_rows).filter(fits).map(Vec::len).max();
        row.or_else(|| self.one(word).then_some(1))
    }

    /// Hands on the words and stems of all entries: whether a stem, and its letters.
    pub fn vocabulary<'p>(&'p self, found: &mut dyn FnMut(bool, &'p str)) {
        self.words.iter().for_each(|word| found(false, word));
        let rows = self.rows.values().flatten().chain(&self.odd_rows).flatten();
        self.others.iter().chain(rows).for_each(|choice| choice.vocabulary(found));
    }

    /// Whether one word is an entry of its own.
    pub fn one(&self, word: &str) -> bool {
        self.words.contains(word) || self.others.iter().any(|choice| choice.word(word))
    }
}

/// An entry as its folded words: apostrophes and hyphens part words here as they do in texts.
fn separate(entry: &str) -> Vec<String> {
    folded(entry).split([' ', '\'', '’', '-']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// German umlauts are also written with an E behind: both spellings count.
pub(super) fn spellings(entry: &str) -> Vec<String> {
    if !entry.contains(['ä', 'ö', 'ü', 'Ä', 'Ö', 'Ü']) {
        return vec![entry.to_owned()];
    }
    let spelt = entry.replace(['ä', 'Ä'], "ae").replace(['ö', 'Ö'], "oe").replace(['ü', 'Ü'], "ue");
    vec![entry.to_owned(), spelt]
}

impl Choice {
    pub(super) fn parse(text: &str, sets: &Sets) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix('<') {
            let name = name.strip_suffix('>').ok_or("a '<' has no '>'")?.to_lowercase();
            return sets.get(&name).map(|set| Self::Set(Arc::clone(set))).ok_or(format!("no set is named <{name}>"));
        }
        let word = text.trim_matches(['*', '~']);
        let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "%€£🛑⛔🚫✋-".contains(c));
        match text {
            "#" => Ok(Self::Number),
            "@" => Ok(Self::Mixed),
            "_" => Ok(Self::Any),
            _ if !plain => Err(format!("{text:?} is no word")),
            _ if text == word => Ok(Self::Word(word.into())),
            _ if text.strip_suffix("~*") == Some(word) => Ok(Self::NearStem(word.into())),
            _ if text.strip_suffix('*') == Some(word) => Ok(Self::Stem(word.into())),
            _ if text.strip_suffix('~') == Some(word) => Ok(Self::Near(word.into())),
            _ if text.strip_prefix('*') == Some(word) => Ok(Self::Ending(word.into())),
            _ => Err(format!("{text:?}: write word, stem*, *ending, word~ or stem~*")),
        }
    }

    /// Whether one word fits.
    pub(super) fn word(&self, word: &str) -> bool {
        match self {
            Self::Word(wanted) => **wanted == *word,
            Self::Stem(stem) => word.starts_with(&**stem),
            Self::Ending(ending) => word.len() > ending.len() && word.ends_with(&**ending),
            Self::Near(wanted) => near(wanted, word),
            Self::NearStem(stem) => word.starts_with(&**stem) || near_stem(stem, word),
            Self::Number => word.bytes().all(|octet| octet.is_ascii_digit()),
            Self::Mixed => is_mixed(word),
            Self::Any => true,
            Self::Set(set) => set.one(word),
        }
    }

    /// Hands on the words and stems that are written out: whether a stem, and its letters. Sets speak for themselves.
    pub(super) fn vocabulary<'p>(&'p self, found: &mut dyn FnMut(bool, &'p str)) {
        match self {
            Self::Word(word) | Self::Near(word) => found(false, word),
            Self::Stem(stem) | Self::NearStem(stem) => found(true, stem),
            Self::Ending(_) | Self::Number | Self::Mixed | Self::Any | Self::Set(_) => {}
        }
    }

    /// Hands on what the words that fit may begin with.
    pub(super) fn beginnings<'p>(&'p self, found: &mut dyn FnMut(Beginning<'p>)) {
        match self {
            Self::Word(word) => found(Beginning::Word(word)),
            Self::Stem(stem) => found(Beginning::Stem(stem)),
            Self::Ending(_) | Self::Near(_) | Self::NearStem(_) | Self::Number | Self::Mixed | Self::Any => {
                found(Beginning::Anything);
            }
            Self::Set(set) => {
                set.words.iter().for_each(|word| found(Beginning::Word(word)));
                set.rows.keys().for_each(|word| found(Beginning::Word(word)));
                let rows = set.odd_rows.iter().filter_map(|row| row.first());
                set.others.iter().chain(rows).for_each(|choice| choice.beginnings(found));
            }
        }
    }

    /// How many words it takes at `at`.
    pub(super) fn matched(&self, words: &Words, at: usize) -> Option<usize> {
        match self {
            Self::Set(set) => set.matched(words, at),
            single => single.word(words.text(at)).then_some(1),
        }
    }
}

/// Letters and behind them digits, five of both: MERCI15, but neither 18H30 nor AF12.
fn is_mixed(word: &str) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    word.len() >= 5 && letters.len() >= 3 && letters.len() < word.len() && letters.chars().all(char::is_alphabetic)
}

/// At most one letter wrong, missing, too many, or two exchanged.
pub fn near(wanted: &str, word: &str) -> bool {
    wanted.len().abs_diff(word.len()) <= 1 && strsim::osa_distance(wanted, word) <= 1
}

/// The same for the beginning of a word.
pub fn near_stem(stem: &str, word: &str) -> bool {
    (stem.len().saturating_sub(1)..=stem.len() + 1)
        .filter_map(|end| word.get(..end))
        .any(|head| strsim::osa_distance(stem, head) <= 1)
}
