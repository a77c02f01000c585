//! Owns putting keywords together again that were torn, stretched, glued or disguised letter by letter.
//! Must never change a word that has a meaning of its own: only what then is a keyword is joined.

use super::language::Language;
use crate::compliance::wording::words::Words;
use std::sync::Arc;

/// The word that everything here turns around.
const STOP: &str = "STOP";

/// Letters standing alone that may be a word: fewer say nothing.
const SPACED_MIN: usize = 3;

/// Puts keywords of a text together.
pub fn join(words: &mut Words, languages: &[Arc<Language>]) {
    join_spaced(words, languages);
    join_torn(words);
    let mut at = 0;
    while at < words.len() {
        if let Some(plain) = plain(words.text(at), languages) {
            at += words.respell(at, &plain);
            continue;
        } else if let Some(octet) = seam(words.text(at), languages) {
            words.split(at, octet);
            continue;
        }
        at += 1;
    }
}

/// `S T O P`, `S.T.O.P`, `A R R E T`: letters standing alone.
fn join_spaced(words: &mut Words, languages: &[Arc<Language>]) {
    let mut at = 0;
    while at < words.len() {
        let single = |words: &Words, i: usize| i < words.len() && words.text(i).chars().count() == 1;
        let end = (at..).find(|i| !single(words, *i)).unwrap_or(at);
        let run: String = (at..end).map(|i| words.text(i)).collect();
        let led = |octet: &usize| *octet == 0 || languages.iter().any(|language| language.glued.one(&run[..*octet]));
        if let Some(octet) = run.find(STOP).filter(led) {
            let from = at + run[..octet].chars().count();
            words.replace(from, from + STOP.len(), STOP);
        } else if end - at >= SPACED_MIN && languages.iter().any(|language| language.keywords.contains_key(&run)) {
            words.replace(at, end, &run);
        }
        at = end.max(at + 1);
    }
}

/// `ST OP`, `S TOP`: two or three pieces that are exactly the word; `ST*P`: the whole text is it, but for a sign in it.
fn join_torn(words: &mut Words) {
    if words.len() == 2
        && (1..STOP.len() - 1).any(|at| words.text(0) == &STOP[..at] && words.text(1) == &STOP[at + 1..])
    {
        words.replace(0, 2, STOP);
    }
    let mut at = 0;
    while at + 1 < words.len() {
        for pieces in 2..=3 {
            let Some(joined) =
                (at + pieces <= words.len()).then(|| (at..at + pieces).map(|i| words.text(i)).collect::<String>())
            else {
                break;
            };
            if joined == STOP {
                words.replace(at, at + pieces, STOP);
            }
        }
        at += 1;
    }
}

/// The keyword that a stretched, misspelt or digit-ridden word stands for.
fn plain(word: &str, languages: &[Arc<Language>]) -> Option<String> {
    if let Some(known) = languages.iter().find_map(|language| language.spelt.get(word)) {
        return Some(known.clone());
    }
    if languages.iter().any(|language| language.guards.one(word)) {
        return None;
    }
    let letters: String = word.chars().map(letter_for).collect();
    if letters != STOP && is_stretched(&letters) || word != STOP && letters == STOP || is_one_digit_off(word) {
        return Some(STOP.to_owned());
    }
    if letters != word && languages.iter().any(|language| language.keywords.contains_key(&letters)) {
        return Some(letters);
    }
    // Any letter three times over is no spelling: "ARREEEET", "DESABONNNER".
    let known = |word: &String| languages.iter().any(|language| language.keywords.contains_key(word));
    [squeezed(word, 1), squeezed(word, 2), without_echo(word)].into_iter().find(|short| short != word && known(short))
}

/// The word without the second of two equal letters at its end: "BAJAA", "SAIRR". Two E are a French participle.
fn without_echo(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if let [.., before, last] = letters[..]
        && before == last
        && last != 'E'
    {
        letters.pop();
    }
    letters.into_iter().collect()
}

/// `ST9P`: one digit in place of a letter of STOP.
fn is_one_digit_off(word: &str) -> bool {
    let wrong = || word.bytes().zip(STOP.bytes()).filter(|(found, wanted)| found != wanted);
    word.len() == STOP.len() && wrong().count() == 1 && wrong().all(|(found, _)| found.is_ascii_digit())
}

/// The letter that a digit is written for.
fn letter_for(character: char) -> char {
    match character {
        '0' => 'O',
        '1' => 'I',
        '3' => 'E',
        '4' => 'A',
        '5' => 'S',
        '7' => 'T',
        other => other,
    }
}

/// `S+T+O+P+`.
fn is_stretched(word: &str) -> bool {
    squeezed(word, 1) == STOP
}

/// Runs of three and more of one letter cut to `keep`; every run when `keep` is 1 and the word becomes STOP.
fn squeezed(word: &str, keep: usize) -> String {
    let mut runs: Vec<(char, usize)> = Vec::new();
    for character in word.chars() {
        match runs.last_mut() {
            Some((last, count)) if *last == character => *count += 1,
            Some(_) | None => runs.push((character, 1)),
        }
    }
    let is_stop = keep == 1 && runs.iter().map(|(character, _)| *character).eq(STOP.chars());
    let kept = |count: usize| if count >= 3 || is_stop { count.min(keep) } else { count };
    runs.into_iter().flat_map(|(character, count)| std::iter::repeat_n(character, kept(count))).collect()
}

/// Where a keyword and a word that is often glued to it meet: STOP|SMS, SVP|STOP.
fn seam(word: &str, languages: &[Arc<Language>]) -> Option<usize> {
    if word.len() < STOP.len() + 2 || languages.iter().any(|language| language.guards.one(word)) {
        return None;
    }
    let known = |part: &str| part == STOP || languages.iter().any(|language| language.glued.one(part));
    let digits = |part: &str| part.len() >= 3 && part.bytes().all(|octet| octet.is_ascii_digit());
    let chain = |mut rest: &str| {
        // STOPSTOPSTOP, STOPAU36111: word after word.
        while !rest.is_empty() {
            let next =
                (1..=rest.len()).rev().filter(|end| rest.is_char_boundary(*end)).find(|end| known(&rest[..*end]));
            match next {
                Some(end) => rest = &rest[end..],
                None => return digits(rest),
            }
        }
        true
    };
    if let Some(rest) = word.strip_prefix(STOP)
        && chain(rest)
    {
        return Some(STOP.len());
    }
    word.strip_suffix(STOP).filter(|head| languages.iter().any(|language| language.glued.one(head))).map(str::len)
}
