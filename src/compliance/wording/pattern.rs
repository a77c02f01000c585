//! Owns patterns of words: how they are written in a pack, compiled, and matched.
//! Must never match across the end of a sentence; what a pattern of the narrow kind steps over never crosses a comma either.
//!
//! A pattern is a row of items with white space between them:
//! `word` (folded as texts are) · `stem*` · `*ending` · `word~` and `stem~*` (one slip allowed) · `#` a number · `_` any word · `@` letters with digits behind ·
//! `a|b` one of them · `<set>` a word or row of words of a named set · `item?` may be missing · `item!<set>` but none of the set ·
//! `..` up to four words, `..9` up to nine · `^` the sentence begins here, `$` it ends here · `??` the sentence is a question ·
//! `&` no comma between · `&&` nothing at all between · `a + b + c` all of them in one sentence, in any order. A gap at the end takes all the words it may.
//! Words that do not count (politeness) may stand anywhere in between.

use super::choice::{Choice, Set, Sets, spellings};
use super::fold::folded;
use super::patterns::Beginning;
use super::words::{Word, Words};
use std::sync::Arc;

/// How many words `..` may step over.
const GAP: u8 = 4;

impl Reach {
    /// Whether both words are within reach of each other.
    fn joins(self, one: Word, other: Word) -> bool {
        match self {
            Self::Sentence => one.sentence == other.sentence,
            Self::Breath => one.breath == other.breath,
        }
    }
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As it is written in the pack.
    pub source: Arc<str>,
    items: Vec<Item>,
    /// Whether the items may stand in any order.
    any_order: bool,
    reach: Reach,
}

/// How far the gaps of a pattern reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Over commas, to the end of the sentence.
    Sentence,
    /// To the next comma, dash, line or "but": a negation says nothing about what stands behind.
    Breath,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Start,
    End,
    Question,
    Together,
    /// No comma and no word between, not even one that does not count.
    Adjacent,
    Gap(u8, Reach),
    One {
        choices: Vec<Choice>,
        optional: bool,
        except: Option<Arc<Set>>,
    },
}

/// What is known of the words of a text beside their letters.
#[derive(Clone, Copy, Debug)]
pub struct View<'w> {
    pub words: &'w Words,
    /// Words that do not count: politeness, codes.
    pub idle: &'w [bool],
    /// Words that no pattern may use: a stronger pattern has explained them.
    pub masked: &'w [bool],
}

impl Pattern {
    /// Compiles a pattern; in German words with an umlaut both spellings count.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn compile(source: &str, sets: &Sets, reach: Reach) -> Result<Self, String> {
        let mut items = Vec::new();
        let parts: Vec<&str> = source.split_whitespace().collect();
        let any_order = parts.get(1) == Some(&"+");
        let question = usize::from(parts.last() == Some(&"??"));
        if any_order && !parts[..parts.len() - question].iter().skip(1).step_by(2).all(|part| *part == "+") {
            return Err("write '+' between all words, or nowhere".to_owned());
        }
        for part in parts {
            match part {
                "+" if any_order => {}
                "^" => items.push(Item::Start),
                "$" => items.push(Item::End),
                "??" => items.push(Item::Question),
                "&" => items.push(Item::Together),
                "&&" => items.push(Item::Adjacent),
                gap if gap.starts_with("..") => {
                    let most = &gap[2..];
                    let most = if most.is_empty() { Ok(GAP) } else { most.parse() };
                    let most = most.map_err(|_| format!("{gap:?}: write .. or ..9"))?;
                    items.push(Item::Gap(most, reach));
                }
                part => words_of(part, sets, &mut items)?,
            }
        }
        let fixed = |item: &Item| matches!(item, Item::One { optional: false, .. });
        if !items.iter().any(fixed) {
            return Err("a pattern needs at least one word that must stand there".to_owned());
        }
        if any_order && !items[..items.len() - question].iter().all(fixed) {
            return Err("in any order only words can stand".to_owned());
        }
        Ok(Self { source: source.into(), items, any_order, reach })
    }

    /// Hands on what the first word of the pattern may look like.
    pub fn beginnings<'p>(&'p self, found: &mut dyn FnMut(Beginning<'p>)) {
        let first = self.items.iter().find_map(|item| match item {
            Item::One { choices, .. } => Some(choices),
            Item::Gap(..) | Item::Start | Item::End | Item::Question | Item::Together | Item::Adjacent => None,
        });
        // A gap in front would let anything come first.
        if self.any_order || matches!(self.items.first(), Some(Item::Gap(..))) {
            return found(Beginning::Anything);
        }
        first.into_iter().flatten().for_each(|choice| choice.beginnings(found));
    }

    /// Hands on the words and stems that are written out in it: whether a stem, and its letters.
    pub fn vocabulary<'p>(&'p self, found: &mut dyn FnMut(bool, &'p str)) {
        for item in &self.items {
            if let Item::One { choices, .. } = item {
                choices.iter().for_each(|choice| choice.vocabulary(found));
            }
        }
    }

    /// The first span of words that fits, as `start..end`.
    pub fn find(&self, view: View<'_>) -> Option<(usize, usize)> {
        (0..view.words.len()).find_map(|start| self.at(view, start).map(|end| (start, end)))
    }

    /// Where the pattern ends when it begins at `start`.
    pub fn at(&self, view: View<'_>, start: usize) -> Option<usize> {
        if self.any_order {
            return self.scattered(view, start);
        }
        // A pattern never begins inside an optional item that is absent: its first word stands at `start`.
        run(&self.items, view, start, start, true)
    }
}

impl Pattern {
    /// Where the last of all items ends that stand within reach of `start`, in any order, the first of them at `start`.
    fn scattered(&self, view: View<'_>, start: usize) -> Option<usize> {
        let words = view.words;
        let begins = words.word(start);
        let reached =
            start..(start..words.len()).find(|at| !self.reach.joins(begins, words.word(*at))).unwrap_or(words.len());
        let mut taken = vec![false; words.len()];
        let mut last = start;
        for item in &self.items {
            let Item::One { choices, except, .. } = item else {
                // The only other item is that the sentence asks.
                if words.asks(start) { continue } else { return None }
            };
            let (at, count) = reached.clone().find_map(|at| {
                let free = |count: &usize| !taken[at..at + count].contains(&true);
                fitting(choices, except.as_deref(), view, at).find(free).map(|count| (at, count))
            })?;
            taken[at..at + count].fill(true);
            last = last.max(at + count);
        }
        taken[start].then_some(last)
    }
}

/// The items of one part: alternatives, or several items where an apostrophe or a hyphen parts words.
fn words_of(part: &str, sets: &Sets, items: &mut Vec<Item>) -> Result<(), String> {
    let (part, optional) = part.strip_suffix('?').map_or((part, false), |part| (part, true));
    let (part, except) = match part.split_once('!') {
        None => (part, None),
        Some((part, set)) => match Choice::parse(set, sets)? {
            Choice::Set(set) => (part, Some(set)),
            _ => return Err(format!("{part:?}: a set must stand behind '!'")),
        },
    };
    let mut choices = Vec::new();
    for choice in part.split('|') {
        for spelling in spellings(choice) {
            let spelling = if spelling.starts_with('<') { spelling } else { folded(&spelling) };
            choices.push(Choice::parse(&spelling, sets)?);
        }
    }
    items.push(Item::One { choices, optional, except });
    Ok(())
}

/// Matches `items` from word `at` on; gives the word behind the last one used.
fn run(items: &[Item], view: View<'_>, start: usize, at: usize, first: bool) -> Option<usize> {
    let Some((item, rest)) = items.split_first() else { return Some(at) };
    let words = view.words;
    let inside = at < words.len() && words.word(at).sentence == words.word(start).sentence;
    match item {
        Item::Start => {
            let sentence = words.word(at).sentence;
            let clear = (0..at).rev().take_while(|i| words.word(*i).sentence == sentence).all(|i| view.idle[i]);
            (clear && !view.idle[at]).then(|| run(rest, view, start, at, first)).flatten()
        }
        Item::End => {
            let sentence = words.word(start).sentence;
            let clear = (at..words.len()).take_while(|i| words.word(*i).sentence == sentence).all(|i| view.idle[i]);
            clear.then(|| run(rest, view, start, at, first)).flatten()
        }
        Item::Question => words.asks(start).then(|| run(rest, view, start, at, first)).flatten(),
        Item::Together => {
            let together = at == 0 || !inside || words.word(at).clause == words.word(at - 1).clause;
            together.then(|| run(rest, view, start, at, first)).flatten()
        }
        Item::Adjacent => {
            let begun = at > start && inside && words.word(at).clause == words.word(at - 1).clause;
            (begun && !view.idle[at - 1] && !view.idle[at]).then(|| run(rest, view, start, at, first)).flatten()
        }
        Item::Gap(most, reach) => gap(rest, view, start, at, (*most, *reach)),
        Item::One { choices, optional, except } => {
            if inside {
                let mut ends = fitting(choices, except.as_deref(), view, at);
                if let Some(end) = ends.find_map(|taken| run(rest, view, start, at + taken, false)) {
                    return Some(end);
                }
            }
            if *optional && !first {
                return run(rest, view, start, at, false).or_else(|| step(items, view, start, at, inside));
            }
            if first { None } else { step(items, view, start, at, inside) }
        }
    }
}

/// How many words an item may take at `at`: none of them masked.
fn fitting<'i>(
    choices: &'i [Choice],
    except: Option<&'i Set>,
    view: View<'i>,
    at: usize,
) -> impl Iterator<Item = usize> + 'i {
    let open = !view.masked[at] && except.is_none_or(|set| set.matched(view.words, at).is_none());
    let choices = if open { choices } else { &[] };
    let taken = choices.iter().filter_map(move |choice| choice.matched(view.words, at));
    taken.filter(move |taken| !view.masked[at..at + taken].contains(&true))
}

/// Steps over as few words as will do.
fn gap(rest: &[Item], view: View<'_>, start: usize, at: usize, (most, reach): (u8, Reach)) -> Option<usize> {
    let words = view.words;
    let from = words.word(at.saturating_sub(1).max(start));
    let goes_on = |next: usize| next < words.len() && reach.joins(from, words.word(next));
    let at_end = rest.iter().all(|item| *item == Item::Question);
    let mut left = most;
    for next in at..=words.len() {
        let open = goes_on(next);
        if at_end {
            if !open || (left == 0 && !view.idle[next]) {
                return run(rest, view, start, next, false);
            }
        } else if let Some(end) = (open || next == words.len() || reach == Reach::Sentence)
            .then(|| run(rest, view, start, next, false))
            .flatten()
        {
            return Some(end);
        }
        if !open {
            return None;
        }
        if !view.idle[next] {
            left = left.checked_sub(1)?;
        }
    }
    None
}

/// Goes on behind a word that does not count.
fn step(items: &[Item], view: View<'_>, start: usize, at: usize, inside: bool) -> Option<usize> {
    (inside && view.idle[at]).then(|| run(items, view, start, at + 1, false)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> Sets {
        let set = |words: &[&str]| {
            let mut set = Set::default();
            words.iter().for_each(|word| set.add(word).expect("an entry"));
            Arc::new(set)
        };
        Sets::from([
            ("message".to_owned(), set(&["sms", "messag*", "e-mail"])),
            ("the".to_owned(), set(&["le", "les"])),
        ])
    }

    fn fits(pattern: &str, text: &str, reach: Reach) -> bool {
        let words = Words::read(text);
        let idle: Vec<bool> = words.iter().map(|word| word == "SVP").collect();
        let masked = vec![false; words.len()];
        let pattern = Pattern::compile(pattern, &sets(), reach).expect("a pattern");
        pattern.find(View { words: &words, idle: &idle, masked: &masked }).is_some()
    }

    #[test]
    fn items_fit_as_they_are_described() {
        for (pattern, text, expected) in [
            ("plus de <message>", "svp plus de SMS", true),
            ("plus de <message>", "plus svp de messages", true),
            ("plus de <message>", "plus. de sms", false),
            ("plus de <message>", "plus de e-mail", true),
            ("plus .. <message>", "plus un seul de vos sms", true),
            ("plus .. <message>", "plus a b c d e sms", false),
            ("plus ..9 <message>", "plus a b c d e sms", true),
            ("désabon*", "Desabonne moi", true),
            ("désabonn~*", "dezabonnez moi", true),
            ("désabonner~", "desaboner", true),
            ("*ing!<message>", "texting", true),
            ("*ing!<message>", "messaging", false),
            ("stop le|la|les? <message>", "stop sms", true),
            ("stop <the>? <message>", "stop les sms", true),
            ("^ stop", "svp stop tout", true),
            ("^ stop", "un stop", false),
            ("stop $", "un stop svp", true),
            ("stop $", "stop tout", false),
            ("stop ??", "stop ?", true),
            ("stop ??", "stop. oui ?", false),
            ("löschen", "loeschen", true),
            ("löschen", "Löschen", true),
            ("- # %", "-20 %", true),
            ("stop _ $", "stop toto", true),
            ("non & stop", "non stop", true),
            ("non & stop", "non, stop", false),
            ("pas ..2", "pas", true),
            ("plus + <message>", "des sms je n'en veux plus", true),
            ("plus + <message>", "plus un sms", true),
            ("plus + <message>", "plus. un sms", false),
            ("plus + plus", "plus", false),
            ("stop + quoi ??", "quoi, stop ?", true),
            ("stop + quoi ??", "quoi, stop", false),
            ("non && stop", "non stop", true),
            ("non && stop", "non svp stop", false),
            ("non && stop", "non, stop", false),
        ] {
            assert_eq!(fits(pattern, text, Reach::Sentence), expected, "{pattern} | {text}");
        }
    }

    #[test]
    fn a_narrow_gap_ends_where_a_reader_breathes() {
        for (pattern, text, wide, narrow) in [
            ("pas .. stop", "pas du tout de stop", true, true),
            ("pas .. stop", "pas du tout, stop", true, false),
            ("pas .. stop", "pas du tout\nstop", true, false),
            ("dire .. stop", "dire : « stop »", true, true),
            ("pas .. $", "pas du tout, non", true, false),
            ("pas .. ??", "pas du tout, non ?", true, true),
            ("stop + pas", "stop, pas", true, false),
        ] {
            assert_eq!(fits(pattern, text, Reach::Sentence), wide, "{pattern} | {text}");
            assert_eq!(fits(pattern, text, Reach::Breath), narrow, "{pattern} | {text}");
        }
    }

    #[test]
    fn a_faulty_pattern_is_refused() {
        for pattern in ["", "..", "^ $", "<nothing>", "a*b", "..x", "a!b", "<message", "a + b c", "a + ..", "a + b?"] {
            assert!(Pattern::compile(pattern, &sets(), Reach::Sentence).is_err(), "{pattern}");
        }
    }
}
