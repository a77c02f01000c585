//! Owns `[account.observe]`: the rules that do not refuse yet, and the last day of that.
//! Must never let a rule be observed that protects the person at once.

use super::section::Table;
use super::value::{self, Parsed};
use crate::compliance::observe::{Observable, Observe};
use crate::compliance::rule::Rule;
use chrono::NaiveDate;
use toml::de::DeValue;

/// Reads the table, or its absence.
pub fn read(table: &Table<'_>) -> Option<Observe> {
    let rules = table.get("rules", value::list(rule));
    let until = table.maybe("until", day);
    let (rules, until) = (rules?, until?);
    match (&rules[..], until) {
        ([], None) => Some(Observe::default()),
        ([], Some(_)) => {
            table.error(table.line_of("rules"), "names no rule: write rules = [\"R-MENTION\"], or remove the table");
            None
        }
        (_, None) => {
            table.error(
                table.line_of("until"),
                "`until`: has no end: write until = \"2026-12-31\", the last day (UTC) on which the rules do not refuse",
            );
            None
        }
        (rules, Some(last)) => {
            if rules.contains(&Observable::Text) && !rules.contains(&Observable::Mention) {
                table.warning(
                    table.line_of("rules"),
                    "a text that nobody can read shows no STOP mention: R-MENTION still refuses what R-TEXT lets pass",
                );
            }
            Some(Observe::through(rules, last))
        }
    }
}

fn rule(value: &DeValue<'_>) -> Parsed<Observable> {
    let written = value::text(value)?;
    let found = Rule::ALL.into_iter().find(|rule| rule.id() == written);
    let Some(rule) = found else {
        let hint = value::nearest(&written, Rule::ALL.into_iter().map(Rule::id));
        let hint = hint.map_or_else(|| format!("write some of {}", words()), |meant| format!("did you mean {meant}?"));
        return Err(format!("{written:?} is no rule: {hint}"));
    };
    Observable::of(rule).map_err(|why| format!("{written} cannot be observed: {why}; what can is {}", words()))
}

fn words() -> String {
    Observable::ALL.map(|one| one.rule().id()).join(", ")
}

/// A day, in quotes or as TOML's own date.
fn day(value: &DeValue<'_>) -> Parsed<NaiveDate> {
    let written = match value {
        DeValue::Datetime(at) => at.to_string(),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => value::text(value)?,
    };
    written.parse().map_err(|_| format!("{written:?} is no day: write year, month and day"))
}
