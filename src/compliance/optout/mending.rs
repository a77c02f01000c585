//! Owns the second look at a reply that said nothing: words with a slip, torn apart or run together, made whole.
//! Must never touch a word that some language knows, nor be asked about a reply that is understood as it stands.

use super::language::Language;
use crate::compliance::wording::choice::{near, near_stem};
use crate::compliance::wording::words::Words;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

/// What is shorter is too near to too many others.
const SLIP_LETTERS_MIN: usize = 6;
/// The least letters of a word that was torn, or of words that run together.
const TORN_LETTERS_MIN: usize = 4;
/// The most letters of words that run together: who writes more in one word is no person.
const RUN_TOGETHER_LETTERS_MAX: usize = 64;
/// A reply of more words than this is not looked at again: it costs time, and a STOP is short.
pub const MENDED_WORDS_MAX: usize = 80;
/// The most words that one may fall into.
const RUN_TOGETHER_MAX: usize = 8;

/// The words that the languages know: what a slip may stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lexicon {
    words: BTreeSet<Box<str>>,
    /// What longer words begin with.
    stems: BTreeSet<Box<str>>,
}

impl Lexicon {
    /// Gathers the words of keywords, sets and patterns.
    pub fn of(languages: &[Arc<Language>]) -> Self {
        let mut lexicon = Self::default();
        for language in languages {
            language.vocabulary(&mut |is_stem, letters| {
                let list = if is_stem { &mut lexicon.stems } else { &mut lexicon.words };
                list.insert(letters.into());
            });
        }
        lexicon
    }

    /// Whether a language knows the word, or what it begins with.
    fn knows(&self, word: &str) -> bool {
        self.words.contains(word)
            || (1..=word.len()).any(|end| word.get(..end).is_some_and(|head| self.stems.contains(head)))
    }

    /// The word that this one is a slip of: one letter wrong, missing, too many or exchanged, the first one right.
    fn meant<'l>(&'l self, word: &str) -> Option<&'l str> {
        let first = word.get(..1)?;
        let from = |list: &'l BTreeSet<Box<str>>| {
            let alike = list
                .range::<str, _>((Bound::Included(first), Bound::Unbounded))
                .take_while(move |known| known.starts_with(first));
            alike.filter(|known| known.len() >= SLIP_LETTERS_MIN).map(|known| &**known)
        };
        let whole = from(&self.words).find(|known| near(known, word));
        whole.or_else(|| from(&self.stems).find(|stem| near_stem(stem, word)))
    }

    /// The words that this one is made of, all of them known.
    fn apart(&self, word: &str) -> Option<Vec<String>> {
        let mut ways: Vec<Option<Vec<usize>>> = vec![None; word.len() + 1];
        ways[0] = Some(Vec::new());
        for end in 1..=word.len() {
            let best = (0..end).find_map(|start| {
                let way = ways[start].as_ref().filter(|way| way.len() < RUN_TOGETHER_MAX)?;
                let piece = word.get(start..end)?;
                (piece.len() > 1 && self.words.contains(piece)).then(|| [&way[..], &[end]].concat())
            });
            ways[end] = best;
        }
        let ends = ways.pop()??;
        let starts = std::iter::once(0).chain(ends.iter().copied());
        Some(starts.zip(&ends).map(|(start, end)| word[start..*end].to_owned()).collect())
    }
}

/// Mends what can be; says whether anything changed.
pub fn mend(words: &mut Words, lexicon: &Lexicon) -> bool {
    let mut changed = false;
    let mut at = 0;
    if words.len() > MENDED_WORDS_MAX {
        return false;
    }
    while at < words.len() {
        let word = words.text(at).to_owned();
        let next = (at + 1 < words.len()).then(|| words.text(at + 1));
        let unknown = |word: &str| word.len() > 1 && !lexicon.knows(word);
        let torn = next.filter(|next| unknown(&word) || unknown(next)).map(|next| format!("{word}{next}"));
        let whole = torn.filter(|joined| joined.len() >= TORN_LETTERS_MIN && lexicon.words.contains(&**joined));
        let is_odd = (TORN_LETTERS_MIN + 1..=RUN_TOGETHER_LETTERS_MAX).contains(&word.len())
            && word.bytes().all(|o| o.is_ascii_uppercase())
            && unknown(&word);
        if let Some(whole) = whole {
            words.replace(at, at + 2, &whole);
        } else if is_odd && let Some(meant) = lexicon.meant(&word) {
            words.replace(at, at + 1, meant);
        } else if is_odd && let Some(apart) = lexicon.apart(&word) {
            at += words.respell(at, &apart.join(" ")) - 1;
        } else {
            at += 1;
            continue;
        }
        changed = true;
        at += 1;
    }
    changed
}
