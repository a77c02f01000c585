//! Owns what a source address is, and whether an account may send a class of traffic from it (R-SENDER).
//! Must never trust the type of number alone: digits are digits whatever TON says.

use super::class::TrafficClass;
use super::fingerprint;
use super::numbers::NumberPlan;
use super::pack::senders::{Senders, Stance};
use super::policy::AccountPolicy;
use crate::message::address::{Npi, Ton};
use crate::message::msisdn::Msisdn;

/// A source address, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'s> {
    /// Three to eight digits that are no telephone number.
    Short(u32),
    Number(Msisdn),
    /// A name: at least one character that no number has.
    Name(&'s str),
    /// Empty, not text, or digits that are no number.
    Unusable,
}

impl<'s> Source<'s> {
    /// Understands a source as it stands in a PDU.
    pub fn read(ton: Ton, npi: Npi, text: &'s [u8], plan: &NumberPlan, default_country: &str) -> Self {
        let text = text.trim_ascii_end();
        let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        if digits && (3..=8).contains(&text.len()) && text[0] != b'0' {
            return Self::Short(text.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')));
        }
        // A name of digits is a number all the same.
        let ton = if digits && matches!(ton, Ton::Alphanumeric | Ton::Abbreviated) { Ton::Unknown } else { ton };
        if let Ok(number) = plan.canonical(ton, npi, text, default_country) {
            return Self::Number(number);
        }
        match std::str::from_utf8(text) {
            Ok(name) if name.chars().any(char::is_alphabetic) => Self::Name(name),
            Ok(_) | Err(_) => Self::Unusable,
        }
    }

    /// The fingerprint that stands for it in records and scopes; 0 when it is unusable.
    pub fn fingerprint(self) -> u64 {
        match self {
            Self::Short(code) => fingerprint::numeric_sender(code.into()),
            Self::Number(number) => fingerprint::numeric_sender(number.as_u64()),
            Self::Name(name) => fingerprint::alphanumeric_sender(name),
            Self::Unusable => 0,
        }
    }

    /// The digits by which families are recognised.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Short(code) => Some(code.into()),
            Self::Number(number) => Some(number.as_u64()),
            Self::Name(_) | Self::Unusable => None,
        }
    }

    /// Whether a reply to it can come back to the account: one of its codes, or a whole number.
    pub fn takes_replies(self, account: &AccountPolicy) -> bool {
        match self {
            Self::Short(code) => account.stop_codes.contains(&code),
            Self::Number(_) => true,
            Self::Name(_) | Self::Unusable => false,
        }
    }

    /// Whether it is what was configured as `written`.
    fn is(self, written: &str, plan: &NumberPlan, default_country: &str) -> bool {
        match self {
            Self::Short(_) | Self::Number(_) => {
                Source::read(Ton::Unknown, Npi(0), written.trim_ascii().as_bytes(), plan, default_country) == self
            }
            Self::Name(name) => name == written,
            Self::Unusable => false,
        }
    }

    /// Whether it is among the sources in `list`.
    pub fn is_one_of(self, list: &[String], plan: &NumberPlan, default_country: &str) -> bool {
        list.iter().any(|written| self.is(written, plan, default_country))
    }
}

/// Whether an account may send this class from this source.
pub fn stance(source: Source<'_>, class: TrafficClass, account: &AccountPolicy, plan: &NumberPlan) -> Stance {
    let rules = &account.pack.senders;
    if !has_good_shape(source, rules) || !source.is_one_of(&account.senders, plan, &account.default_country) {
        return Stance::Refused;
    }
    match (source.number().and_then(|number| rules.family(number)), class) {
        (None, _) => Stance::Allowed,
        (Some(family), TrafficClass::Commercial) => family.commercial,
        (Some(family), TrafficClass::Transactional) => family.transactional,
    }
}

fn has_good_shape(source: Source<'_>, rules: &Senders) -> bool {
    match source {
        Source::Short(code) => {
            let len = super::pack::prefixes::decimal_len(code.into());
            (rules.short_code.0..=rules.short_code.1).contains(&len)
        }
        Source::Number(_) => true,
        Source::Name(name) => {
            let bare = name.trim();
            (rules.alphanumeric.0..=rules.alphanumeric.1).contains(&name.chars().count())
                && !rules.generic.iter().any(|generic| generic.eq_ignore_ascii_case(bare))
        }
        Source::Unusable => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::fixture::House;

    #[test]
    fn a_source_is_what_its_characters_are_whatever_its_type() {
        let house = House::new();
        let number = |value| Source::Number(Msisdn::from_canonical(value).unwrap());
        for (ton, text, expected) in [
            (Ton::Abbreviated, "36111", Source::Short(36_111)),
            (Ton::Alphanumeric, "36111", Source::Short(36_111)),
            (Ton::International, "36111", Source::Short(36_111)),
            (Ton::Unknown, "36111 ", Source::Short(36_111)),
            (Ton::Unknown, "33639980000", number(33_639_980_000)),
            (Ton::Alphanumeric, "33639980000", number(33_639_980_000)),
            (Ton::National, "0639980000", number(33_639_980_000)),
            (Ton::Alphanumeric, "ACME", Source::Name("ACME")),
            (Ton::Unknown, "ACME", Source::Name("ACME")),
            (Ton::Alphanumeric, "RH EX", Source::Name("RH EX")),
            (Ton::Alphanumeric, "36111A", Source::Name("36111A")),
            (Ton::Alphanumeric, "", Source::Unusable),
            (Ton::Unknown, "", Source::Unusable),
            (Ton::Unknown, "12", Source::Unusable),
            (Ton::Unknown, "###", Source::Unusable),
            (Ton::Unknown, "01", Source::Unusable),
        ] {
            assert_eq!(Source::read(ton, Npi(0), text.as_bytes(), &house.numbers, "FR"), expected, "{ton:?} {text:?}");
        }
        assert_eq!(Source::read(Ton::Alphanumeric, Npi(0), b"AC\xE9ME\xFF", &house.numbers, "FR"), Source::Unusable);
    }

    #[test]
    fn what_a_source_may_carry() {
        let mut house = House::new();
        let more = ["TOOLONGNAME1", "AC", "12A", "36222", "0712345678", "33937123456", "SMS", "info"];
        house.account.senders.extend(more.map(Into::into));
        for (text, commercial, transactional) in [
            ("ACME", Stance::Allowed, Stance::Allowed),
            ("acme", Stance::Refused, Stance::Refused),
            ("OTHER", Stance::Refused, Stance::Refused),
            ("AC", Stance::Refused, Stance::Refused),
            ("12A", Stance::Allowed, Stance::Allowed),
            ("TOOLONGNAME1", Stance::Refused, Stance::Refused),
            ("INFO", Stance::Refused, Stance::Refused),
            ("info", Stance::Refused, Stance::Refused),
            ("SMS", Stance::Refused, Stance::Refused),
            ("36111", Stance::Allowed, Stance::Allowed),
            ("36333", Stance::Refused, Stance::Refused),
            ("38055", Stance::Refused, Stance::Allowed),
            ("0712345678", Stance::Refused, Stance::Warned),
            ("+33 7 12 34 56 78", Stance::Refused, Stance::Warned),
            ("33639980000", Stance::Refused, Stance::Warned),
            ("+33937123456", Stance::Allowed, Stance::Allowed),
            ("0937123456", Stance::Allowed, Stance::Allowed),
            ("", Stance::Refused, Stance::Refused),
        ] {
            let source = Source::read(Ton::Unknown, Npi(0), text.as_bytes(), &house.numbers, "FR");
            for (class, expected) in
                [(TrafficClass::Commercial, commercial), (TrafficClass::Transactional, transactional)]
            {
                assert_eq!(stance(source, class, &house.account, &house.numbers), expected, "{text:?} {class:?}");
            }
        }
    }

    #[test]
    fn replies_come_back_to_the_accounts_codes_and_to_whole_numbers() {
        let house = House::new();
        for (text, expected) in [("36111", true), ("36222", false), ("33937123456", true), ("ACME", false)] {
            let source = Source::read(Ton::Unknown, Npi(0), text.as_bytes(), &house.numbers, "FR");
            assert_eq!(source.takes_replies(&house.account), expected, "{text}");
        }
    }
}
