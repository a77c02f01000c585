//! Owns how observe mode is shown: in `status`, in `check` and in `why`.
//! Must never decide whether it holds: the policy says so, at an instant.

use super::fields::instant;
use crate::compliance::code::RefusalCode;
use crate::compliance::observe::Observe;
use crate::compliance::rule::Rule;
use crate::message::instant::CivilInstant;
use serde::Serialize;

/// The rules an account is observed by.
#[derive(Clone, Debug, Serialize)]
pub struct Observed {
    /// `R-MENTION` and the like.
    pub rules: Vec<&'static str>,
    /// The first instant at which they refuse again.
    #[serde(serialize_with = "instant")]
    pub until: CivilInstant,
    /// Whether that is past: the rules refuse.
    pub over: bool,
}

impl Observed {
    /// `None` for an account whose rules all refuse.
    pub fn of(observe: &Observe, now: CivilInstant) -> Option<Self> {
        let rules = observe.rules();
        let over = observe.at(now).is_empty();
        (!rules.is_empty()).then(|| Self { rules: rules.iter().map(Rule::id).collect(), until: observe.until(), over })
    }

    /// In words, for one account.
    pub fn in_words(&self, system_id: &str) -> String {
        let rules = self.rules.join(", ");
        if self.over {
            return format!("{system_id}: {rules} was observed until {}", self.until);
        }
        format!("{system_id}: {rules} only observed, refuses from {} on", self.until)
    }
}

/// What a message that passes would be refused with once observing ends.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedLater {
    pub code: &'static str,
    pub slug: &'static str,
    #[serde(serialize_with = "instant")]
    pub from: CivilInstant,
}

impl RefusedLater {
    /// With this code, from this instant on.
    pub fn new(code: RefusalCode, from: CivilInstant) -> Self {
        Self { code: code.code(), slug: code.slug(), from }
    }
}
