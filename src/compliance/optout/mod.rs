//! Owns what a person's reply means: STOP, START, CONTACT or nothing that is acted on.
//! Must never act on a receipt, on quoted text, or on words that are not in a pack; the caller keeps receipts away.

#[cfg(test)]
mod labelled;
pub mod language;
mod letters;
mod mending;
mod own_words;
mod parts;
#[cfg(test)]
mod promises;
mod reading;
mod reply;
mod review;
mod typo;

pub use parts::{Added, Joined, REPLY_PARTS_KEPT, ReplyKey, ReplyParts};
pub use reply::{How, Matched, Reply};
pub use review::{Doubt, shown};

use super::pack::Pack;
use crate::message::text::{Alphabet, readings};
use language::Language;
use mending::Lexicon;
use reading::Reading;
use std::sync::Arc;

/// A reply as its octets came.
#[derive(Clone, Copy, Debug)]
pub struct InboundText<'a> {
    pub data_coding: u8,
    /// The text's octets: UDH stripped, parts joined.
    pub octets: &'a [u8],
    pub alphabet: Alphabet,
    /// The codes that may stand in the reply as part of a copied mention: the one it came to, and the account's.
    pub short_codes: &'a [u32],
}

/// Understands replies in every language of the packs it was made from.
#[derive(Clone, Debug)]
pub struct Engine {
    languages: Vec<Arc<Language>>,
    lexicon: Arc<Lexicon>,
}

impl Engine {
    /// Takes the languages of all packs, each once.
    pub fn new(packs: &[Arc<Pack>]) -> Self {
        let mut languages: Vec<Arc<Language>> = Vec::new();
        for language in packs.iter().flat_map(|pack| &pack.keywords.languages) {
            if !languages.contains(language) {
                languages.push(Arc::clone(language));
            }
        }
        let lexicon = Arc::new(Lexicon::of(&languages));
        Self { languages, lexicon }
    }

    /// What a reply means, under every plausible reading of its octets: a STOP in any of them is a STOP.
    pub fn read(&self, inbound: &InboundText<'_>) -> Reply {
        let mut meaning = Reply::None;
        for text in readings(inbound.data_coding, inbound.octets, inbound.alphabet) {
            match self.read_text(&text, inbound.short_codes) {
                stop @ Reply::Stop(_) => return stop,
                other if matches!(meaning, Reply::None) => meaning = other,
                Reply::Start(_) | Reply::Contact(_) | Reply::None => {}
            }
        }
        meaning
    }

    /// Whether a reply that was read as nothing may still be an opt-out.
    pub fn doubt(&self, text: &str, short_codes: &[u32]) -> Option<Doubt> {
        let own = own_words::cut(text, &self.languages);
        Reading::new(&own, &self.languages, short_codes).doubt()
    }

    /// What a reply means. START and STOP in one text are a STOP.
    pub fn read_text(&self, text: &str, short_codes: &[u32]) -> Reply {
        let own = own_words::cut(text, &self.languages);
        let meaning = Reading::new(&own, &self.languages, short_codes).meaning();
        if meaning != Reply::None {
            return meaning;
        }
        // What says nothing is looked at again with its slips mended: only a STOP is worth that.
        let mended = Reading::mended(&own, &self.languages, short_codes, &self.lexicon).map(Reading::meaning);
        let stops = |meaning: &Reply| matches!(meaning, Reply::Stop(_));
        mended.filter(stops).or_else(|| self.line(&own, short_codes)).unwrap_or(Reply::None)
    }

    /// The STOP that has a line to itself, such as one below a copied mention without marks.
    fn line(&self, own: &str, short_codes: &[u32]) -> Option<Reply> {
        let mut lines = own.lines().filter(|line| !line.trim().is_empty());
        lines.clone().nth(1)?;
        lines.find_map(|line| Reading::new(line, &self.languages, short_codes).stop_alone())
    }
}
