//! Owns the section `[texts]` of a pack: what stopgate itself writes to a handset.
//! Must never hold an identity: that comes from the account or the short code.

use super::report::Report;
use serde::Deserialize;
use toml::Spanned;

/// Where the identity is inserted.
pub const IDENTITY: &str = "{identity}";

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTexts {
    #[serde(default)]
    pub sources: Vec<Spanned<String>>,
    stop_confirmation: Spanned<String>,
    start_answer: Spanned<String>,
    start_question: Spanned<String>,
    contact_answer: Spanned<String>,
}

/// The compiled section. Each text has `{identity}` where the sender's identity goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    pub stop_confirmation: String,
    pub start_answer: String,
    /// What a START is answered with where a short code asks first.
    pub start_question: String,
    pub contact_answer: String,
}

/// Compiles the section, reporting every fault.
pub(super) fn compile(raw: &RawTexts, report: &mut Report<'_>) -> Texts {
    let mut text = |raw: &Spanned<String>, key: &str| {
        let text = raw.get_ref();
        if text.trim().is_empty() || text.chars().count() > 140 {
            report.at(raw.span(), format!("texts.{key}"), "write a text of 1 to 140 characters");
        }
        if text.matches(IDENTITY).count() > 1 || text.replace(IDENTITY, "").contains(['{', '}']) {
            report.at(raw.span(), format!("texts.{key}"), "only {identity} can be inserted, and only once");
        }
        text.clone()
    };
    let texts = Texts {
        stop_confirmation: text(&raw.stop_confirmation, "stop_confirmation"),
        start_answer: text(&raw.start_answer, "start_answer"),
        start_question: text(&raw.start_question, "start_question"),
        contact_answer: text(&raw.contact_answer, "contact_answer"),
    };
    if !texts.contact_answer.contains(IDENTITY) {
        report.at(raw.contact_answer.span(), "texts.contact_answer", "the answer must name {identity}");
    }
    texts
}
