//! Owns the section `[mentions]` of a pack: the forms a STOP mention may take.
//! Must never search a text: that is `mention`'s work.

use super::report::Report;
use crate::compliance::mention::{Form, MentionForms};
use serde::Deserialize;
use toml::Spanned;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMentions {
    #[serde(default)]
    pub sources: Vec<Spanned<String>>,
    /// `STOP [SMS|PUB] [AU|A|=|:] {code}`
    with_code: Vec<Spanned<String>>,
    /// `REPONDEZ STOP`
    #[serde(default)]
    replies: Vec<Spanned<String>>,
    #[serde(default)]
    not_after: Vec<Spanned<String>>,
    /// `3dddd`
    codes: Vec<Spanned<String>>,
}

/// Compiles the section, reporting every fault.
pub(super) fn compile(raw: &RawMentions, report: &mut Report<'_>) -> MentionForms {
    let mut forms = |list: &[Spanned<String>], key: &str, names_code: bool| -> Vec<Form> {
        let mut compiled = Vec::new();
        for text in list {
            match Form::parse(text.get_ref()) {
                Ok(form) if form.names_code() == names_code => compiled.push(form),
                Ok(_) if names_code => report.at(text.span(), key, "the form must name {code}"),
                Ok(_) => report.at(text.span(), key, "a form that names {code} belongs to mentions.with_code"),
                Err(fault) => report.at(text.span(), key, fault),
            }
        }
        compiled
    };
    let with_code = forms(&raw.with_code, "mentions.with_code", true);
    let replies = forms(&raw.replies, "mentions.replies", false);
    for word in &raw.not_after {
        if word.get_ref().is_empty() || !word.get_ref().bytes().all(|octet| octet.is_ascii_uppercase()) {
            report.at(word.span(), "mentions.not_after", "write a word in upper-case letters without accents");
        }
    }
    for shape in &raw.codes {
        let text = shape.get_ref();
        if !(3..=8).contains(&text.len()) || !text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'd') {
            report.at(shape.span(), "mentions.codes", "write 3 to 8 digits, 'd' for any digit, such as \"3dddd\"");
        }
    }
    let plain = |list: &[Spanned<String>]| list.iter().map(|text| text.get_ref().clone()).collect();
    MentionForms { with_code, replies, not_after: plain(&raw.not_after), codes: plain(&raw.codes) }
}
