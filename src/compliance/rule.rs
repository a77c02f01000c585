//! Owns the names of the rules on the ladder and the set of those that would have refused.
//! Must never hold a rule's logic.

/// A rule of the ladder, in the ladder's order. The discriminant is its bit in a record: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rule {
    FailClosed = 0,
    Dest = 1,
    Text = 2,
    Sender = 3,
    Suppress = 4,
    Consent = 5,
    Hours = 6,
    Validity = 7,
    Mention = 8,
    Freq = 9,
}

impl Rule {
    /// Every rule, in the ladder's order.
    pub const ALL: [Self; 10] = [
        Self::FailClosed,
        Self::Dest,
        Self::Text,
        Self::Sender,
        Self::Suppress,
        Self::Consent,
        Self::Hours,
        Self::Validity,
        Self::Mention,
        Self::Freq,
    ];

    /// `R-SUPPRESS` and the like.
    pub const fn id(self) -> &'static str {
        match self {
            Self::FailClosed => "R-FAILCLOSED",
            Self::Dest => "R-DEST",
            Self::Text => "R-TEXT",
            Self::Sender => "R-SENDER",
            Self::Suppress => "R-SUPPRESS",
            Self::Consent => "R-CONSENT",
            Self::Hours => "R-HOURS",
            Self::Validity => "R-VALIDITY",
            Self::Mention => "R-MENTION",
            Self::Freq => "R-FREQ",
        }
    }
}

/// A set of rules, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct RuleSet(pub u16);

impl RuleSet {
    /// Adds a rule.
    pub fn insert(&mut self, rule: Rule) {
        self.0 |= 1 << rule as u8;
    }
    /// Whether `rule` is in it.
    pub const fn contains(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u8) != 0
    }
    /// Whether no rule is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// The rules in it that are not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
    /// The rules in it, in the ladder's order.
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.into_iter().filter(move |rule| self.contains(*rule))
    }
}
