//! Owns a list of patterns with an index by first word, so that a text is compared only with what can begin at its words.
//! Must never change what a pattern matches: the index only leaves out what cannot.

use super::pattern::{Pattern, View};
use std::collections::HashMap;

/// Patterns in the order they were given.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Patterns {
    all: Vec<Pattern>,
    /// Patterns that begin with this very word.
    words: HashMap<Box<str>, Vec<usize>>,
    /// Patterns that begin with a longer or misspelt form of what begins with these two octets.
    stems: HashMap<[u8; 2], Vec<usize>>,
    /// Patterns that may begin with anything.
    others: Vec<usize>,
}

/// What the first word of a pattern may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning<'p> {
    Word(&'p str),
    Stem(&'p str),
    Anything,
}

impl Patterns {
    /// Indexes patterns.
    pub fn new(all: Vec<Pattern>) -> Self {
        let mut patterns = Self::default();
        for (at, pattern) in all.iter().enumerate() {
            pattern.beginnings(&mut |beginning| {
                let list = match beginning {
                    Beginning::Word(word) => patterns.words.entry(word.into()).or_default(),
                    Beginning::Stem(stem) => match stem.as_bytes() {
                        [first, second, ..] => patterns.stems.entry([*first, *second]).or_default(),
                        [] | [_] => &mut patterns.others,
                    },
                    Beginning::Anything => &mut patterns.others,
                };
                if list.last() != Some(&at) {
                    list.push(at);
                }
            });
        }
        patterns.all = all;
        patterns
    }

    /// The patterns, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.all.iter()
    }

    /// A pattern by its place in that order.
    pub fn get(&self, at: usize) -> &Pattern {
        &self.all[at]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Every span that a pattern fits, with the pattern's place. A pattern may come twice.
    pub fn spans<'v>(&'v self, view: View<'v>) -> impl Iterator<Item = (usize, (usize, usize))> + 'v {
        (0..view.words.len()).flat_map(move |start| {
            let word = view.words.text(start);
            let stem = word.as_bytes().first_chunk::<2>();
            let stems = stem.and_then(|stem| self.stems.get(stem)).map_or(&[][..], Vec::as_slice);
            let words = self.words.get(word).map_or(&[][..], Vec::as_slice);
            let candidates = words.iter().chain(stems).chain(&self.others);
            candidates.filter_map(move |at| Some((*at, (start, self.all[*at].at(view, start)?))))
        })
    }

    /// A pattern that fits, with its span.
    pub fn find(&self, view: View<'_>) -> Option<&Pattern> {
        self.spans(view).next().map(|(at, _)| &self.all[at])
    }

    /// The words that the patterns explain, beside those already masked.
    pub fn mask(&self, view: View<'_>) -> Vec<bool> {
        let mut masked = view.masked.to_vec();
        for (_, (from, to)) in self.spans(view) {
            masked[from..to].fill(true);
        }
        masked
    }
}

#[cfg(test)]
mod tests {
    use super::super::choice::{Set, Sets};
    use super::super::pattern::Reach;
    use super::super::words::Words;
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_index_finds_what_trying_every_pattern_finds() {
        let mut set = Set::default();
        ["sms", "e-mail*", "messag~*"].iter().for_each(|entry| set.add(entry).expect("an entry"));
        let sets = Sets::from([("message".to_owned(), Arc::new(set))]);
        let sources = [
            "<message> stop",
            "plus de? <message>",
            "^ arret* ..",
            "*ing me",
            "désabonn~* $",
            "# %",
            "@",
            "_ quoi",
            "- # €",
        ];
        let all: Vec<Pattern> =
            sources.iter().map(|source| Pattern::compile(source, &sets, Reach::Sentence).expect("a pattern")).collect();
        let indexed = Patterns::new(all.clone());
        for text in [
            "",
            "sms stop",
            "e-mail stop",
            "e-mails stop",
            "mesage stop",
            "plus de sms",
            "plus sms",
            "arretez tout",
            "texting me",
            "je me dezabonne",
            "20 %",
            "code MERCI15",
            "c'est quoi",
            "-15 € rien",
            "stop sms",
        ] {
            let words = Words::read(text);
            let clear = vec![false; words.len()];
            let view = View { words: &words, idle: &clear, masked: &clear };
            let mut found: Vec<usize> = indexed.spans(view).map(|(at, _)| at).collect();
            found.sort_unstable();
            found.dedup();
            let tried: Vec<usize> = (0..all.len()).filter(|at| all[*at].find(view).is_some()).collect();
            assert_eq!(found, tried, "{text}");
        }
    }
}
