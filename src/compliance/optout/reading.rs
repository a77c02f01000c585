//! Owns understanding one text: which words count, what they are, what follows from them, in that order.
//! Must never let a STOP be outweighed: negations explain words away first, then any STOP wins.

use super::language::{Keyword, Language, Meaning};
use super::mending::{Lexicon, MENDED_WORDS_MAX, mend};
use super::review::Doubt;
use super::{How, Matched, Reply, letters, typo};
use crate::compliance::wording::pattern::View;
use crate::compliance::wording::patterns::Patterns;
use crate::compliance::wording::words::Words;
use std::sync::Arc;

/// Words behind a closing that may be a name and an address.
const SIGNATURE_WORDS_MAX: usize = 8;

/// A word of fewer letters is near to everything.
const SUSPECT_LETTERS_MIN: usize = 4;

/// Numbers from this length on are telephone numbers.
const PHONE_DIGITS_MIN: usize = 9;

/// A text being understood.
pub struct Reading<'l> {
    languages: &'l [Arc<Language>],
    words: Words,
    /// Politeness, codes, signatures.
    idle: Vec<bool>,
    /// Explained away.
    masked: Vec<bool>,
}

impl<'l> Reading<'l> {
    /// Cuts the text into words and marks those that do not count.
    pub fn new(text: &str, languages: &'l [Arc<Language>], short_codes: &[u32]) -> Self {
        let mut words = Words::read(text);
        letters::join(&mut words, languages);
        Self::of(words, languages, short_codes)
    }

    /// The same with slips mended; `None` when there is nothing to mend.
    pub fn mended(text: &str, languages: &'l [Arc<Language>], short_codes: &[u32], lexicon: &Lexicon) -> Option<Self> {
        let mut words = Words::read(text);
        letters::join(&mut words, languages);
        mend(&mut words, lexicon).then(|| Self::of(words, languages, short_codes))
    }

    fn of(mut words: Words, languages: &'l [Arc<Language>], short_codes: &[u32]) -> Self {
        for at in 0..words.len() {
            if languages.iter().any(|language| language.breaks.matched(&words, at).is_some()) {
                words.pause_before(at);
            }
        }
        let idle = vec![false; words.len()];
        let masked = idle.clone();
        let mut reading = Self { languages, words, idle, masked };
        reading.mark_idle(short_codes);
        reading
    }

    /// What the text means.
    pub fn meaning(mut self) -> Reply {
        let core: Vec<usize> = (0..self.words.len()).filter(|at| !self.idle[*at]).collect();
        if core.is_empty() {
            return Reply::None;
        }
        if let Some(reply) = self.keywords_only(&core, How::Keyword).or_else(|| self.slip(&core)) {
            return reply;
        }
        self.mask();
        let goes_on = self.phrase(|language| &language.keep).is_some();
        self.clause()
            .or_else(|| self.phrase(|language| &language.stop).filter(|_| !goes_on).map(Reply::Stop))
            .or_else(|| self.phrase(|language| &language.start).map(Reply::Start))
            .or_else(|| self.phrase(|language| &language.contact).map(Reply::Contact))
            .unwrap_or(Reply::None)
    }

    /// The STOP that the text is, and nothing else beside politeness and codes. Words that are a STOP only in their own language's
    /// whole reply do not count.
    pub fn stop_alone(self) -> Option<Reply> {
        let core: Vec<usize> = (0..self.words.len()).filter(|at| !self.idle[*at]).collect();
        let (taken, language, keyword) = self.keyword_at(&core)?;
        let strong = taken == core.len() && keyword.meaning == Meaning::Stop;
        strong.then(|| reply(language, keyword, How::Keyword))
    }

    /// What speaks for a STOP in a text that was not understood as one.
    pub fn doubt(&self) -> Option<Doubt> {
        // Nothing is masked yet.
        if self.phrase(|language| &language.stop).is_some() {
            return Some(Doubt::ExplainedAway);
        }
        let words =
            (0..self.words.len()).filter(|at| !self.idle[*at]).take(MENDED_WORDS_MAX).map(|at| self.words.text(at));
        let near = |word: &str| {
            let strong = |language: &Arc<Language>| {
                language.keywords.get(word).is_some_and(|keyword| keyword.meaning == Meaning::Stop)
            };
            self.languages.iter().any(strong)
                || word.len() >= SUSPECT_LETTERS_MIN && typo::stop(word, self.languages).is_some()
        };
        words.into_iter().any(near).then_some(Doubt::NearKeyword)
    }

    fn mark_idle(&mut self, short_codes: &[u32]) {
        let words = &self.words;
        let count = words.len();
        let mut at = 0;
        while at < count {
            let polite = self
                .languages
                .iter()
                .filter_map(|language| language.idle.matched(words, at).max(language.breaks.matched(words, at)))
                .max()
                .unwrap_or(0);
            self.idle[at..at + polite].fill(true);
            at += polite.max(1);
        }
        for at in 0..count {
            let word = words.text(at);
            let short = word.parse().is_ok_and(|code| short_codes.contains(&code) || (30_000..40_000).contains(&code));
            let digits = word.bytes().all(|octet| octet.is_ascii_digit());
            if digits && (short || word.len() >= PHONE_DIGITS_MIN) {
                self.idle[at] = true;
                let connects =
                    |i: usize| self.languages.iter().any(|l| l.before_code.matched(words, i) == Some(at - i));
                // Where nothing stands before it, it connects nothing: "para" is a STOP of its own.
                let from = (at.saturating_sub(3)..at).find(|i| connects(*i));
                if let Some(from) = from.filter(|from| self.idle[..*from].contains(&false)) {
                    self.idle[from..at].fill(true);
                }
            }
        }
        self.mark_signature();
    }

    /// A few words behind a closing are a name.
    fn mark_signature(&mut self) {
        let words = &self.words;
        let closing =
            |at: usize| self.languages.iter().filter_map(|language| language.closings.matched(words, at)).max();
        let last = (1..words.len()).rev().find_map(|at| closing(at).map(|taken| (at, taken)));
        if let Some((at, taken)) = last
            && words.len() - at - taken <= SIGNATURE_WORDS_MAX
        {
            self.idle[at..].fill(true);
        }
    }

    /// When the words are keywords and nothing else: their meaning, STOP before START before CONTACT.
    fn keywords_only(&self, core: &[usize], how: How) -> Option<Reply> {
        let mut found: Vec<(&Language, &Keyword)> = Vec::new();
        let mut rest = core;
        while !rest.is_empty() {
            let (taken, language, keyword) = self.keyword_at(rest)?;
            found.push((language, keyword));
            rest = &rest[taken..];
        }
        // "No quiero" and "cancelar" are both keywords; "no quiero cancelar" is neither.
        let weak_row =
            |(_, keyword): &(&Language, &Keyword)| keyword.meaning == Meaning::StopAlone && keyword.id.contains(' ');
        let strong = found.iter().any(|(_, keyword)| keyword.meaning == Meaning::Stop);
        if found.len() > 1 && !strong && found.iter().any(weak_row) {
            return None;
        }
        let strongest = found.into_iter().min_by_key(|(_, keyword)| match keyword.meaning {
            Meaning::Stop => 0,
            Meaning::StopAlone => 1,
            Meaning::Start => 2,
            Meaning::Contact => 3,
        });
        // "Start ?" asks; only who says it takes a STOP back.
        let asks = |keyword: &Keyword| keyword.meaning == Meaning::Start && self.words.asks(core[0]);
        strongest.filter(|(_, keyword)| !asks(keyword)).map(|(language, keyword)| reply(language, keyword, how))
    }

    /// The longest keyword that the words begin with.
    fn keyword_at(&self, core: &[usize]) -> Option<(usize, &'l Language, &'l Keyword)> {
        let most = self.languages.iter().map(|language| language.keyword_words_max).max().unwrap_or(0);
        (1..=most.min(core.len())).rev().find_map(|taken| {
            let spelling = core[..taken].iter().map(|at| self.words.text(*at)).collect::<Vec<_>>().join(" ");
            self.languages
                .iter()
                .find_map(|language| language.keywords.get(&spelling).map(|keyword| (taken, &**language, keyword)))
        })
    }

    /// A single word that is a slip of a keyword.
    fn slip(&self, core: &[usize]) -> Option<Reply> {
        let [only] = core else { return None };
        let (language, keyword) = typo::stop(self.words.text(*only), self.languages)?;
        Some(reply(language, keyword, How::Typo))
    }

    /// Masks what negations, questions and other matters explain. No mask hides words from another.
    fn mask(&mut self) {
        let clear = self.masked.clone();
        let view = View { words: &self.words, idle: &self.idle, masked: &clear };
        for language in self.languages {
            for (masked, explained) in self.masked.iter_mut().zip(language.none.mask(view)) {
                *masked |= explained;
            }
        }
    }

    /// A clause that holds a keyword and nothing else.
    fn clause(&self) -> Option<Reply> {
        let clauses: Vec<u32> = (0..self.words.len()).map(|at| self.words.word(at).clause).collect();
        let mut replies = clauses.chunk_by(|a, b| a == b).scan(0, |from, clause| {
            let span = *from..*from + clause.len();
            *from = span.end;
            let core: Vec<usize> = span.clone().filter(|at| !self.idle[*at]).collect();
            let clear = !core.is_empty() && !core.iter().any(|at| self.masked[*at]);
            Some(clear.then(|| self.keywords_only(&core, How::Clause)).flatten())
        });
        let strong = |matched: &Matched| {
            self.languages.iter().any(|language| {
                language.keywords.values().any(|keyword| keyword.meaning == Meaning::Stop && keyword.id == matched.id)
            })
        };
        replies.find_map(|reply| match reply {
            Some(Reply::Stop(matched)) if strong(&matched) => Some(Reply::Stop(matched)),
            Some(Reply::Stop(_) | Reply::Start(_) | Reply::Contact(_) | Reply::None) | None => None,
        })
    }

    fn phrase(&self, patterns: impl Fn(&Language) -> &Patterns) -> Option<Matched> {
        let view = View { words: &self.words, idle: &self.idle, masked: &self.masked };
        self.languages.iter().find_map(|language| {
            let pattern = patterns(language).find(view)?;
            Some(Matched { language: Arc::clone(&language.code), id: Arc::clone(&pattern.source), how: How::Phrase })
        })
    }
}

fn reply(language: &Language, keyword: &Keyword, how: How) -> Reply {
    let matched = Matched { language: Arc::clone(&language.code), id: Arc::clone(&keyword.id), how };
    match keyword.meaning {
        Meaning::Stop | Meaning::StopAlone => Reply::Stop(matched),
        Meaning::Start => Reply::Start(matched),
        Meaning::Contact => Reply::Contact(matched),
    }
}

#[cfg(test)]
impl Reading<'_> {
    /// Which patterns fit, for whoever writes a language file: `none` patterns first.
    pub fn fitting(&self) -> Vec<String> {
        let view = View { words: &self.words, idle: &self.idle, masked: &self.masked };
        let fitting = |kind: &str, code: &str, patterns: &Patterns| {
            let found = patterns.iter().filter_map(|pattern| pattern.find(view).map(|span| (pattern, span)));
            found
                .map(|(pattern, (from, to))| {
                    let words: Vec<&str> = (from..to).map(|at| self.words.text(at)).collect();
                    format!("{kind} {code} {:?} at {:?}", pattern.source, words.join(" "))
                })
                .collect::<Vec<_>>()
        };
        let languages = self.languages.iter();
        languages
            .flat_map(|l| {
                [
                    fitting("none", &l.code, &l.none),
                    fitting("keep", &l.code, &l.keep),
                    fitting("stop", &l.code, &l.stop),
                ]
                .concat()
            })
            .collect()
    }
}
