//! Owns the section `[senders]` of a pack: which source addresses may carry which class.
//! Must never know an account: what an account may use is in its policy.

use super::prefixes::{POW10, Prefix, decimal_len};
use super::report::Report;
use serde::Deserialize;
use toml::Spanned;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSenders {
    #[serde(default)]
    pub sources: Vec<Spanned<String>>,
    alphanumeric_lengths: Spanned<[usize; 2]>,
    short_code_lengths: Spanned<[usize; 2]>,
    #[serde(default)]
    generic: Vec<String>,
    #[serde(default)]
    family: Vec<RawFamily>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFamily {
    id: String,
    patterns: Vec<Spanned<String>>,
    #[serde(default)]
    makes_commercial: bool,
    #[serde(default)]
    commercial: Stance,
    #[serde(default)]
    transactional: Stance,
}

/// What a family of sources may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stance {
    #[default]
    Allowed,
    /// Passes; the record says that the rule would have refused.
    Warned,
    Refused,
}

/// Numbers of one shape: leading digits and a whole length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub prefix: Prefix,
    pub len: usize,
}

impl Shape {
    /// `36xxx`: digits, then `x` for each digit left open.
    fn parse(text: &str) -> Option<Self> {
        let open = text.len() - text.trim_end_matches('x').len();
        let prefix = Prefix::parse(&text[..text.len() - open])?;
        (text.len() <= 15).then_some(Self { prefix, len: text.len() })
    }

    /// Whether a number without leading zeros has this shape.
    pub fn matches(self, number: u64) -> bool {
        decimal_len(number) == self.len && number / POW10[self.len - self.prefix.len] == self.prefix.digits
    }
}

/// Sources that share a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    pub id: String,
    pub shapes: Vec<Shape>,
    /// A message from here is commercial unless the contract names the source.
    pub makes_commercial: bool,
    pub commercial: Stance,
    pub transactional: Stance,
}

/// The compiled section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Senders {
    /// Fewest and most characters of an alphanumeric source.
    pub alphanumeric: (usize, usize),
    /// Fewest and most digits of a short code.
    pub short_code: (usize, usize),
    /// Names nobody may use, upper-case.
    pub generic: Vec<String>,
    pub families: Vec<Family>,
}

impl Senders {
    /// The family of a numeric source: a short code's digits, or a canonical number.
    pub fn family(&self, number: u64) -> Option<&Family> {
        self.families.iter().find(|family| family.shapes.iter().any(|shape| shape.matches(number)))
    }

    /// Whether a message from this numeric source is commercial unless the contract names it.
    pub fn is_promotional(&self, number: u64) -> bool {
        self.family(number).is_some_and(|family| family.makes_commercial)
    }
}

/// Compiles the section, reporting every fault.
pub(super) fn compile(raw: &RawSenders, report: &mut Report<'_>) -> Senders {
    let mut lengths = |raw: &Spanned<[usize; 2]>, key: &str| {
        let [fewest, most] = *raw.get_ref();
        if fewest == 0 || fewest > most || most > 15 {
            report.at(raw.span(), format!("senders.{key}"), "write fewest and most, such as [3, 11]; at most 15");
        }
        (fewest, most)
    };
    let alphanumeric = lengths(&raw.alphanumeric_lengths, "alphanumeric_lengths");
    let short_code = lengths(&raw.short_code_lengths, "short_code_lengths");
    let mut families = Vec::new();
    for family in &raw.family {
        let mut shapes = Vec::new();
        for pattern in &family.patterns {
            match Shape::parse(pattern.get_ref()) {
                Some(shape) => shapes.push(shape),
                None => report.at(
                    pattern.span(),
                    "senders.family.patterns",
                    "write digits and then an x for each open digit, such as \"36xxx\"",
                ),
            }
        }
        families.push(Family {
            id: family.id.clone(),
            shapes,
            makes_commercial: family.makes_commercial,
            commercial: family.commercial,
            transactional: family.transactional,
        });
    }
    let generic = raw.generic.iter().map(|name| name.to_uppercase()).collect();
    Senders { alphanumeric, short_code, generic, families }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_fixes_the_leading_digits_and_the_length() {
        let shape = Shape::parse("36xxx").unwrap();
        for (number, expected) in [(36_111, true), (36_999, true), (37_111, false), (3_611, false), (361_111, false)] {
            assert_eq!(shape.matches(number), expected, "{number}");
        }
        assert!(Shape::parse("36111").unwrap().matches(36_111));
        for bad in ["", "xxx", "06xx", "3x6x", "36 xx", "1234567890123456"] {
            assert_eq!(Shape::parse(bad), None, "{bad}");
        }
    }
}
