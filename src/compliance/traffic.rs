//! Owns the class of a message beyond its contract: what its source and its text show can only tighten it.
//! Must never make anything transactional: only a contract does.

use super::class::TrafficClass;
use super::mention;
use super::pack::Pack;
use super::policy::PromotionalText;
use super::wording::pattern::View;
use super::wording::patterns::Patterns;
use super::wording::words::Words;
use std::sync::Arc;

/// The most signals a pack may have: one bit each in `Hits::bits`.
pub const SIGNALS_MAX: usize = 64;

/// The compiled content signals of a pack.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Signals {
    /// The sum of weights from which a text counts as promotional.
    pub threshold: u32,
    /// The same for a text that shows none of the things a service message is about.
    pub threshold_without_service: u32,
    /// What a service message is about.
    pub service: Patterns,
    /// What explains words away before signals are looked for.
    pub masks: Patterns,
    pub signals: Vec<Signal>,
    /// The patterns of all signals.
    pub patterns: Patterns,
    /// For each pattern, the place of its signal in `signals`.
    pub owners: Vec<usize>,
}

/// One thing that makes a text look like advertising.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    pub id: Arc<str>,
    pub weight: u32,
}

/// The signals found in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Hits {
    /// One bit each, in the pack's order.
    pub bits: u64,
    /// Whether the text shows what a service message is about.
    pub service: bool,
}

impl Signals {
    /// The signals that a text shows. Each counts once.
    pub fn find(&self, text: &str) -> Hits {
        let words = Words::read(text);
        let clear = vec![false; words.len()];
        let view = View { words: &words, idle: &clear, masked: &clear };
        let masked = self.masks.mask(view);
        let view = View { masked: &masked, ..view };
        let bits = self.patterns.spans(view).fold(0, |bits, (at, _)| bits | 1 << self.owners[at]);
        let service = bits != 0 && self.service.find(View { masked: &clear, ..view }).is_some();
        Hits { bits, service }
    }

    /// The hits by name and weight, for whoever asks why.
    pub fn explain(&self, hits: Hits) -> impl Iterator<Item = (&str, u32)> {
        let hit = move |at: usize| hits.bits & (1 << at) != 0;
        self.signals.iter().enumerate().filter(move |(at, _)| hit(*at)).map(|(_, signal)| (&*signal.id, signal.weight))
    }

    /// The sum of weights from which a text with these hits counts as promotional.
    pub const fn threshold_of(&self, hits: Hits) -> u32 {
        if hits.service { self.threshold } else { self.threshold_without_service }
    }

    /// Whether the hits weigh enough.
    pub fn is_promotional(&self, hits: Hits) -> bool {
        self.explain(hits).map(|(_, weight)| weight).sum::<u32>() >= self.threshold_of(hits)
    }
}

/// What decided the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The contract alone.
    Contract,
    /// A STOP mention stands in the text: who offers a way out of marketing does marketing.
    Mention,
    /// The source is of the pack's promotional family and the contract does not name it.
    Source,
    /// The text looks promotional.
    Content,
}

impl Reason {
    /// The word used in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Mention => "mention",
            Self::Source => "source",
            Self::Content => "content",
        }
    }
}

/// The class of a message, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classified {
    pub class: TrafficClass,
    pub reason: Reason,
    /// What the account asked for, when nothing but the text shows that a message is promotional.
    pub promotional: Option<PromotionalText>,
    /// Only looked for while nothing else has made the message commercial.
    pub signals: Hits,
}

/// The class by contract, tightened by a mention of any code, a promotional source, and the pack's content signals.
/// A text that cannot be read tightens nothing: the ladder decides what becomes of it.
pub fn classify(
    contract: TrafficClass,
    promotional_source: bool,
    text: Option<&str>,
    pack: &Pack,
    wanted: PromotionalText,
) -> Classified {
    let because = |class, reason| Classified { class, reason, promotional: None, signals: Hits::default() };
    match contract {
        TrafficClass::Commercial => return because(TrafficClass::Commercial, Reason::Contract),
        TrafficClass::Transactional => {}
    }
    if text.is_some_and(|text| mention::find_any(text, &pack.mentions).is_some()) {
        return because(TrafficClass::Commercial, Reason::Mention);
    }
    if promotional_source {
        return because(TrafficClass::Commercial, Reason::Source);
    }
    let signals = text.map_or(Hits::default(), |text| pack.signals.find(text));
    let promotional = pack.signals.is_promotional(signals).then_some(wanted);
    let (class, reason) = match promotional {
        None | Some(PromotionalText::Log) => (TrafficClass::Transactional, Reason::Contract),
        Some(PromotionalText::Reclassify | PromotionalText::Refuse) => (TrafficClass::Commercial, Reason::Content),
    };
    Classified { class, reason, promotional, signals }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The account's codes; the note says `sender=` where a message comes from one of them, and takes replies.
    const STOP_CODES: [u32; 3] = [36_034, 36_111, 38_080];

    /// Judges a labelled table on a transactional account: class and mention, every row.
    fn judge(name: &str, table: &str, count: usize) {
        let pack = Pack::embedded("fr-strict").expect("embedded");
        let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows.len(), count, "{name}: rows");
        let (mut right, mut over, mut under) = (0, 0, 0);
        let mut wrong = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let body = row[0].replace("\\\"", "\"").replace('"', "\\\"");
            let text: String = serde_json::from_str(&format!("\"{body}\"")).expect("a JSON body");
            let sender = row[3].strip_prefix("sender=").and_then(|note| note.split(';').next());
            let promotional =
                sender.and_then(|sender| sender.parse().ok()).is_some_and(|number| pack.senders.is_promotional(number));
            let found =
                classify(TrafficClass::Transactional, promotional, Some(&text), &pack, PromotionalText::Reclassify);
            let replies = STOP_CODES.iter().any(|code| row[3].contains(&format!("sender={code};")));
            let mentioned = mention::find(&text, &pack.mentions, &STOP_CODES, replies).is_some();
            match (row[1], found.class) {
                ("commercial", TrafficClass::Commercial) => right += 1,
                ("commercial", TrafficClass::Transactional) => under += 1,
                (_, TrafficClass::Commercial) => over += 1,
                (_, TrafficClass::Transactional) => {}
            }
            if row[1] != found.class.word() || (row[2] == "yes") != mentioned {
                let hits: Vec<_> = pack.signals.explain(found.signals).collect();
                wrong.push(format!(
                    "{name}:{}: {text:?} is {}, mention {}; {found:?}, {mentioned}, {hits:?}",
                    at + 2,
                    row[1],
                    row[2]
                ));
            }
        }
        println!(
            "{name}: {count} messages, commercial precision {right}/{}, recall {right}/{}",
            right + over,
            right + under
        );
        assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn every_message_of_our_own_set_has_its_class_and_its_mention() {
        judge("messages.tsv", include_str!("../../tests/compliance/messages.tsv"), 436);
    }

    /// Sets written by people who had not seen the signals. What was made of them at first sight: docs/compliance.md.
    #[test]
    fn every_message_of_the_sets_written_blind_has_its_class_and_its_mention() {
        judge("messages_unseen_a.tsv", include_str!("../../tests/compliance/messages_unseen_a.tsv"), 268);
        judge("messages_unseen_b.tsv", include_str!("../../tests/compliance/messages_unseen_b.tsv"), 275);
        judge("messages_unseen_c.tsv", include_str!("../../tests/compliance/messages_unseen_c.tsv"), 240);
        judge("messages_blind.tsv", include_str!("../../tests/compliance/messages_blind.tsv"), 223);
    }

    #[test]
    fn every_message_of_the_sample_has_its_class_and_its_mention() {
        judge("messages_sample.tsv", include_str!("../../tests/compliance/messages_sample.tsv"), 33);
    }

    #[test]
    fn a_class_is_only_ever_tightened_and_the_reason_is_told() {
        let pack = Pack::embedded("fr-strict").expect("embedded");
        let reason = |contract, source, text| {
            let found = classify(contract, source, text, &pack, PromotionalText::Reclassify);
            (found.class, found.reason)
        };
        use TrafficClass::{Commercial, Transactional};
        assert_eq!(reason(Commercial, false, Some("Votre code est 1234")), (Commercial, Reason::Contract));
        assert_eq!(reason(Transactional, false, Some("Votre code est 1234")), (Transactional, Reason::Contract));
        assert_eq!(reason(Transactional, true, Some("Votre code est 1234")), (Commercial, Reason::Source));
        assert_eq!(reason(Transactional, false, Some("Code 1234 STOP 36999")), (Commercial, Reason::Mention));
        assert_eq!(reason(Transactional, false, Some("-20% samedi")), (Commercial, Reason::Content));
        assert_eq!(reason(Transactional, false, None), (Transactional, Reason::Contract));
    }

    #[test]
    fn an_account_chooses_what_becomes_of_a_text_that_looks_promotional() {
        let pack = Pack::embedded("fr-strict").expect("embedded");
        use TrafficClass::{Commercial, Transactional};
        for (wanted, class, reason) in [
            (PromotionalText::Reclassify, Commercial, Reason::Content),
            (PromotionalText::Log, Transactional, Reason::Contract),
            (PromotionalText::Refuse, Commercial, Reason::Content),
        ] {
            let found = classify(Transactional, false, Some("-20% samedi"), &pack, wanted);
            assert_eq!((found.class, found.reason, found.promotional), (class, reason, Some(wanted)));
            assert!(found.signals.bits != 0);
            let plain = classify(Transactional, false, Some("Votre code est 1234"), &pack, wanted);
            assert_eq!((plain.class, plain.promotional), (Transactional, None));
            let named = classify(Transactional, false, Some("-20% STOP 36111"), &pack, wanted);
            assert_eq!((named.class, named.reason, named.promotional), (Commercial, Reason::Mention, None));
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_class(text in any::<String>()) {
            let pack = Pack::embedded("fr-strict").expect("embedded");
            let found = classify(TrafficClass::Transactional, false, Some(&text), &pack, PromotionalText::Reclassify);
            prop_assert_eq!(found.class == TrafficClass::Commercial, found.reason != Reason::Contract);
        }
    }
}
