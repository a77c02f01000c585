//! Owns `mode = "observe"`: the rules of an account that do not refuse yet, and until when.
//! Must never hold a rule that protects the person at once: list, hours and evidence are no `Observable`.

use super::code::RefusalCode;
use super::rule::{Rule, RuleSet};
use crate::message::instant::CivilInstant;
use chrono::NaiveDate;

/// A rule that may be observed instead of enforced, while senders are moved over.
///
/// The others may not. R-FAILCLOSED, R-SUPPRESS and R-HOURS protect the person at once. What R-DEST refuses has no number
/// or no territory, so neither list nor hours could be asked. R-VALIDITY refuses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observable {
    Text,
    Sender,
    Consent,
    Mention,
    Freq,
}

impl Observable {
    /// Every one, in the ladder's order.
    pub const ALL: [Self; 5] = [Self::Text, Self::Sender, Self::Consent, Self::Mention, Self::Freq];

    /// The rule of the ladder.
    pub const fn rule(self) -> Rule {
        match self {
            Self::Text => Rule::Text,
            Self::Sender => Rule::Sender,
            Self::Consent => Rule::Consent,
            Self::Mention => Rule::Mention,
            Self::Freq => Rule::Freq,
        }
    }

    /// What it refuses with.
    pub const fn code(self) -> RefusalCode {
        match self {
            Self::Text => RefusalCode::UndecodableText,
            Self::Sender => RefusalCode::SenderNotAllowed,
            Self::Consent => RefusalCode::NoConsent,
            Self::Mention => RefusalCode::MissingStopMention,
            Self::Freq => RefusalCode::FrequencyCap,
        }
    }

    /// The rule, when it may be observed.
    ///
    /// # Errors
    /// Why it may not, in words for the one who wrote it.
    pub const fn of(rule: Rule) -> Result<Self, &'static str> {
        match rule {
            Rule::Text => Ok(Self::Text),
            Rule::Sender => Ok(Self::Sender),
            Rule::Consent => Ok(Self::Consent),
            Rule::Mention => Ok(Self::Mention),
            Rule::Freq => Ok(Self::Freq),
            Rule::FailClosed => Err("without list and ledger no commercial message leaves, and none is recorded"),
            Rule::Suppress => Err("who said STOP is never written to, not even for a trial"),
            Rule::Hours => Err("nobody is woken for a trial: try messages with `stopgate check --at`"),
            Rule::Dest => {
                Err("what it refuses has no number or no known hours, so neither list nor hours could be asked")
            }
            Rule::Validity => Err("it refuses nothing: write validity = \"keep\""),
        }
    }
}

/// The rules an account is observed by, and until when. Nothing for most accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Observe {
    rules: RuleSet,
    until: CivilInstant,
}

impl Observe {
    /// These rules, up to and with the day `last` in UTC: from the next midnight on they refuse.
    pub fn through(rules: &[Observable], last: NaiveDate) -> Self {
        let mut set = RuleSet::default();
        rules.iter().for_each(|rule| set.insert(rule.rule()));
        let end = last.succ_opt().and_then(|day| day.and_hms_opt(0, 0, 0));
        Self { rules: set, until: end.map(|end| end.and_utc().into()).unwrap_or_default() }
    }

    /// The rules that do not refuse at `now`.
    pub fn at(&self, now: CivilInstant) -> RuleSet {
        if !self.rules.is_empty() && now < self.until { self.rules } else { RuleSet::default() }
    }

    /// The rules it was written for, whether it holds or is over.
    pub const fn rules(&self) -> RuleSet {
        self.rules
    }

    /// The first instant at which they refuse again.
    pub const fn until(&self) -> CivilInstant {
        self.until
    }
}

/// What a message would be refused with: the first of these rules in the ladder's order.
pub fn first_code(observed: RuleSet) -> Option<RefusalCode> {
    if observed.is_empty() {
        return None;
    }
    Observable::ALL.into_iter().find(|one| observed.contains(one.rule())).map(Observable::code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::fixture::at;

    #[test]
    fn the_last_day_is_observed_whole_and_the_next_is_not() {
        let last = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        let observe = Observe::through(&[Observable::Mention], last);
        assert_eq!(observe.until(), at("2027-01-01T00:00:00Z"));
        for (now, holds) in
            [("2026-06-01T00:00:00Z", true), ("2026-12-31T23:59:59Z", true), ("2027-01-01T00:00:00Z", false)]
        {
            assert_eq!(observe.at(at(now)).contains(Rule::Mention), holds, "{now}");
            assert!(!observe.at(at(now)).contains(Rule::Consent), "{now}");
        }
        assert_eq!(Observe::default().at(at("2026-06-01T00:00:00Z")), RuleSet::default());
    }

    #[test]
    fn what_protects_the_person_at_once_cannot_be_observed() {
        for rule in [Rule::FailClosed, Rule::Suppress, Rule::Hours, Rule::Dest, Rule::Validity] {
            assert!(Observable::of(rule).is_err(), "{}", rule.id());
        }
        for one in Observable::ALL {
            assert_eq!(Observable::of(one.rule()), Ok(one));
        }
    }

    #[test]
    fn the_first_rule_of_the_ladder_gives_the_code() {
        let mut observed = RuleSet::default();
        assert_eq!(first_code(observed), None);
        observed.insert(Rule::Mention);
        assert_eq!(first_code(observed), Some(RefusalCode::MissingStopMention));
        observed.insert(Rule::Text);
        assert_eq!(first_code(observed), Some(RefusalCode::UndecodableText));
    }
}
