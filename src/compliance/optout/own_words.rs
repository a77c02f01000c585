//! Owns telling a person's own words from what the handset quotes or adds below them.
//! Must never cut the whole text away because it stands in quotation marks: a quoted STOP alone is a STOP.

use super::language::Language;
use crate::compliance::wording::choice::Set;
use crate::compliance::wording::words::Words;
use std::sync::Arc;

/// A quotation of more words than this, inside other words, repeats somebody else's text.
const QUOTED_WORDS_MAX: usize = 3;

/// The text without quoted lines, quoted messages, quotations and device signatures.
pub fn cut(text: &str, languages: &[Arc<Language>]) -> String {
    let mut own = String::with_capacity(text.len());
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed == "--" || is_marked(trimmed, languages) {
            break;
        }
        if trimmed.starts_with('>') {
            continue;
        }
        if !own.is_empty() {
            own.push('\n');
        }
        push_without_links(line, &mut own);
    }
    without_quotations(own)
}

/// A link and a mail address say nothing, whatever words they are made of.
fn push_without_links(line: &str, own: &mut String) {
    if !line.contains(['/', '@']) && !line.contains("www.") {
        return own.push_str(line);
    }
    for piece in line.split_inclusive(char::is_whitespace) {
        if is_link(piece.trim()) {
            own.push_str("… ");
        } else {
            own.push_str(piece);
        }
    }
}

/// `https://…`, `www.…`, `name.tld/…`, `someone@name.tld`.
fn is_link(piece: &str) -> bool {
    let lower = piece.to_ascii_lowercase();
    let dotted = |host: &str| {
        host.rsplit_once('.').is_some_and(|(name, end)| {
            let end = end.trim_end_matches(|c: char| !c.is_alphanumeric());
            !name.is_empty() && end.len() >= 2 && end.chars().all(char::is_alphabetic)
        })
    };
    lower.starts_with("www.")
        || lower.contains("://")
        || lower.split_once('/').is_some_and(|(host, _)| dotted(host))
        || lower.split_once('@').is_some_and(|(person, host)| !person.is_empty() && dotted(host))
}

/// Whether a line opens a quoted message ("… a écrit :") or is a device's signature ("Sent from my phone").
fn is_marked(line: &str, languages: &[Arc<Language>]) -> bool {
    let words = Words::read(line);
    let ends_with =
        |set: &Set| (0..words.len()).any(|at| set.matched(&words, at).is_some_and(|n| at + n == words.len()));
    let begins_with = |set: &Set| !words.is_empty() && set.matched(&words, 0).is_some();
    languages.iter().any(|language| {
        begins_with(&language.device_marks)
            || ends_with(&language.quote_marks)
                && (line.ends_with(':') || line.starts_with("--") || line.starts_with("__"))
    })
}

/// Cuts quotations of several words, unless there is nothing beside them.
fn without_quotations(text: String) -> String {
    for (open, close) in [('"', '"'), ('«', '»'), ('“', '”'), ('„', '“')] {
        let Some((before, rest)) = text.split_once(open) else { continue };
        let Some((inside, after)) = rest.rsplit_once(close) else { continue };
        let outside = |part: &str| part.chars().any(char::is_alphanumeric);
        if Words::read(inside).len() > QUOTED_WORDS_MAX && (outside(before) || outside(after)) {
            return format!("{before} … {after}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_addresses_are_told_from_words() {
        for (piece, expected) in [
            ("https://www.lea.fr/stop", true),
            ("www.stop.fr", true),
            ("lea.fr/stop", true),
            ("stop@lea.fr", true),
            ("STOP/STOP", false),
            ("merci.stop", false),
            ("ST@P", false),
            ("s/t/o/p", false),
            ("STOP@", false),
        ] {
            assert_eq!(is_link(piece), expected, "{piece}");
        }
    }
}
