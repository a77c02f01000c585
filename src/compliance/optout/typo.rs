//! Owns recognising a keyword behind a slip of the finger.
//! Must never take a real word for a slip: guard lists and START keywords come first.

use super::language::{Keyword, Language, Meaning};
use crate::compliance::wording::choice::near;
use std::sync::Arc;

/// Keywords from this length on may carry one slip, from `TWO_SLIPS_FROM` on two.
const ONE_SLIP_FROM: usize = 6;
const TWO_SLIPS_FROM: usize = 10;

/// The STOP keyword that `word`, standing alone, is a slip of.
pub fn stop<'l>(word: &str, languages: &'l [Arc<Language>]) -> Option<(&'l Language, &'l Keyword)> {
    if !word.chars().all(char::is_alphabetic) || languages.iter().any(|language| language.guards.one(word)) {
        return None;
    }
    let (distance, language, found) =
        nearest(word, languages, |meaning| matches!(meaning, Meaning::Stop | Meaning::StopAlone))?;
    // "REABONEZ" is nearer to a START than to a STOP.
    let start = nearest(word, languages, |meaning| meaning == Meaning::Start);
    start.is_none_or(|(other, _, _)| other > distance).then_some((language, found))
}

fn nearest<'l>(
    word: &str,
    languages: &'l [Arc<Language>],
    wanted: impl Fn(Meaning) -> bool,
) -> Option<(usize, &'l Language, &'l Keyword)> {
    languages
        .iter()
        .flat_map(|language| language.keywords.iter().map(move |(spelling, keyword)| (&**language, spelling, keyword)))
        .filter(|(_, _, keyword)| wanted(keyword.meaning))
        .filter_map(|(language, spelling, keyword)| Some((slips(language, spelling, word)?, language, keyword)))
        .min_by_key(|(distance, language, keyword)| (*distance, Arc::clone(&language.code), Arc::clone(&keyword.id)))
}

/// How many slips lie between a keyword and a word; `None` when there are more than the keyword's length allows.
fn slips(language: &Language, keyword: &str, word: &str) -> Option<usize> {
    let length = keyword.chars().count();
    if language.slips.iter().any(|short| short == keyword) {
        return near(keyword, word).then_some(1);
    }
    // Two letters exchanged are the surest slip: "BSATA".
    if length == ONE_SLIP_FROM - 1 && word.chars().count() == length && is_exchange(keyword, word) {
        return Some(1);
    }
    let most = if length >= TWO_SLIPS_FROM { 2 } else { usize::from(length >= ONE_SLIP_FROM) };
    if most == 0 || length.abs_diff(word.chars().count()) > most {
        return None;
    }
    Some(strsim::osa_distance(keyword, word)).filter(|distance| *distance <= most)
}

/// Whether two neighbouring letters are exchanged and all else is equal.
fn is_exchange(keyword: &str, word: &str) -> bool {
    strsim::osa_distance(keyword, word) == 1 && {
        let sorted = |text: &str| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            letters
        };
        sorted(keyword) == sorted(word)
    }
}
