//! Owns what stopgate itself writes to a handset: the confirmation of a STOP, the answer to START or the question before it, the answer to CONTACT.
//! Must never write anything else, nor to anything but a handset's number, nor from anything but the short code that was written to.

use super::class::TrafficClass;
use super::fingerprint;
use super::numbers::NumberPlan;
use super::pack::Pack;
use super::pack::texts::IDENTITY;
use super::rule::RuleSet;
use super::verdict::{Composed, Outgoing, Permitted, Ruling};
use crate::message::address::{Npi, Ton};
use crate::message::gsm7;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::TagKey;

/// Septets of a single message.
const SEPTETS_MAX: usize = 160;

/// What is owed to the person who wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duty {
    /// A STOP took effect.
    StopConfirmation,
    /// A START took effect.
    StartAnswer,
    /// A START takes effect only when the person answers this with another.
    StartQuestion,
    /// Who writes from this code?
    ContactAnswer,
}

/// From whom, in whose name and under which pack.
#[derive(Clone, Copy)]
pub struct Context<'c> {
    pub pack: &'c Pack,
    /// The pack's interned name.
    pub pack_name: NameId,
    /// The account the record is about; `NameId::NONE` when the code belongs to several.
    pub account: NameId,
    /// The short code that was written to.
    pub short_code: u32,
    /// Name and address of who writes from it.
    pub identity: &'c str,
    pub tags: &'c TagKey,
    pub now: CivilInstant,
}

/// Shortest number that is taken for a handset where no pack knows its range: short codes have up to eight digits.
const HANDSET_DIGITS_MIN: usize = 9;

/// The handset behind the source of an MO. `None` for names, short codes and what is no number: they are never answered.
pub fn handset(plan: &NumberPlan, ton: Ton, npi: Npi, source: &[u8], default_country: &str) -> Option<Msisdn> {
    let number = plan.canonical(ton, npi, source, default_country).ok()?;
    (number.len() >= HANDSET_DIGITS_MIN || plan.territory(number).is_some()).then_some(number)
}

/// The message that a duty asks for: exempt from hours and from the list, at most 160 septets.
pub fn compose(duty: Duty, to: Msisdn, context: &Context<'_>) -> Permitted<'static> {
    let texts = &context.pack.texts;
    let template = match duty {
        Duty::StopConfirmation => &texts.stop_confirmation,
        Duty::StartAnswer => &texts.start_answer,
        Duty::StartQuestion => &texts.start_question,
        Duty::ContactAnswer => &texts.contact_answer,
    };
    let text = fill(template, context.identity);
    let ruling = Ruling {
        class: TrafficClass::Transactional,
        promotional: None,
        destination: Some(to),
        tag: Some(context.tags.tag(to)),
        territory: context.pack.territory(to).unwrap_or(u16::MAX),
        pack: context.pack_name,
        account: context.account,
        campaign: fingerprint::campaign(&text),
        sender: fingerprint::numeric_sender(context.short_code.into()),
        segment: None,
        set: None,
        stop_code: None,
        counted: false,
        would_refuse: RuleSet::default(),
        observed: RuleSet::default(),
        judged_at: context.now,
    };
    Permitted { outgoing: Outgoing::Composed(Composed { source: context.short_code, text }), ruling }
}

/// Puts the identity into the template: in the GSM alphabet, cut where 160 septets end.
fn fill(template: &str, identity: &str) -> String {
    let template = plain(template);
    let (head, tail) = template.split_once(IDENTITY).unwrap_or((&template, ""));
    let room = SEPTETS_MAX.saturating_sub(septets(head) + septets(tail));
    let mut text = String::with_capacity(SEPTETS_MAX);
    text.push_str(head);
    if template.contains(IDENTITY) {
        let mut used = 0;
        for character in plain(identity.trim()).chars() {
            used += width(character);
            if used > room {
                break;
            }
            text.push(character);
        }
    }
    let text = text.trim_end().to_owned() + tail;
    let mut used = 0;
    text.chars()
        .take_while(|character| {
            used += width(*character);
            used <= SEPTETS_MAX
        })
        .collect()
}

/// Septets of a character of the GSM alphabet.
fn width(character: char) -> usize {
    match gsm7::septets(character) {
        Some(gsm7::Septets::One(_)) => 1,
        Some(gsm7::Septets::Escaped(_)) | None => 2,
    }
}

fn septets(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// The same text in the GSM alphabet: letters lose a mark the alphabet lacks, anything else becomes a question mark.
fn plain(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let mut out = String::with_capacity(text.len());
    for character in text.nfc() {
        if gsm7::septets(character).is_some() && !character.is_control() {
            out.push(character);
            continue;
        }
        match character {
            '\u{2018}' | '\u{2019}' | '\u{201B}' => out.push('\''),
            '\u{201C}' | '\u{201D}' | '«' | '»' => out.push('"'),
            '\u{2010}'..='\u{2015}' => out.push('-'),
            'œ' => out.push_str("oe"),
            'Œ' => out.push_str("OE"),
            _ if character.is_whitespace() || character.is_control() => out.push(' '),
            _ => {
                let base = std::iter::once(character).nfd().next().filter(|base| gsm7::septets(*base).is_some());
                out.push(base.unwrap_or('?'));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const IDENTITY_TEXT: &str = "ACME SAS, 1 rue de la Paix, 75002 Paris, 01 99 00 12 34";

    fn composed(pack: &Pack, duty: Duty, identity: &str) -> (Composed, Ruling) {
        let tags = TagKey::new(&[7; 32]);
        let to = Msisdn::from_canonical(33_639_981_234).unwrap();
        let now = CivilInstant::from_secs(1_800_000_000);
        let context =
            Context { pack, pack_name: NameId(3), account: NameId(2), short_code: 36_111, identity, tags: &tags, now };
        let permitted = compose(duty, to, &context);
        match permitted.outgoing() {
            Outgoing::Composed(composed) => (composed.clone(), *permitted.ruling()),
            Outgoing::Forwarded(_) => panic!("a duty is composed"),
        }
    }

    #[test]
    fn every_duty_of_every_pack_is_one_gsm_message_from_the_code_with_the_identity_in_it() {
        for id in Pack::embedded_ids() {
            let pack = Pack::embedded(id).unwrap();
            for duty in [Duty::StopConfirmation, Duty::StartAnswer, Duty::StartQuestion, Duty::ContactAnswer] {
                let (message, ruling) = composed(&pack, duty, IDENTITY_TEXT);
                assert_eq!(message.source, 36_111);
                assert!(message.text.contains(IDENTITY_TEXT), "{id} {duty:?}: {}", message.text);
                let mut octets = Vec::new();
                gsm7::encode(&message.text, &mut octets).unwrap();
                assert!(octets.len() <= SEPTETS_MAX, "{id} {duty:?}: {} septets", octets.len());
                assert_eq!(ruling.destination.map(Msisdn::as_u64), Some(33_639_981_234));
                assert_eq!(ruling.class, TrafficClass::Transactional);
            }
        }
    }

    #[test]
    fn an_identity_outside_the_alphabet_or_too_long_still_makes_one_message() {
        let pack = Pack::embedded("fr-strict").unwrap();
        for identity in ["Bœuf & Forêt 🎉".to_owned(), "€".repeat(300), "x".repeat(4_000), String::new()] {
            for duty in [Duty::StopConfirmation, Duty::StartAnswer, Duty::StartQuestion, Duty::ContactAnswer] {
                let (message, _) = composed(&pack, duty, &identity);
                let mut octets = Vec::new();
                gsm7::encode(&message.text, &mut octets).unwrap();
                assert!(octets.len() <= SEPTETS_MAX, "{identity}");
            }
        }
        let (message, _) = composed(&pack, Duty::ContactAnswer, "Bœuf & Forêt «Ça» – l’Œuvre €5");
        assert_eq!(message.text, "Service édité par Boeuf & Foret \"Ça\" - l'OEuvre €5");
    }

    #[test]
    fn names_and_short_codes_are_no_handsets() {
        let pack: Arc<Pack> = Pack::embedded("fr-strict").unwrap();
        let plan = NumberPlan::new(&[pack]);
        for (ton, source, answered) in [
            (Ton::International, "33639981234", true),
            (Ton::National, "0639981234", true),
            (Ton::Unknown, "+33639981234", true),
            (Ton::International, "687751234", true),
            (Ton::Unknown, "36111", false),
            (Ton::Abbreviated, "36111", false),
            (Ton::Unknown, "12345678", false),
            (Ton::Alphanumeric, "ACME", false),
            (Ton::Unknown, "ACME", false),
            (Ton::Unknown, "", false),
        ] {
            assert_eq!(handset(&plan, ton, Npi(1), source.as_bytes(), "FR").is_some(), answered, "{source}");
        }
    }
}
