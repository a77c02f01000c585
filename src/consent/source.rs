//! Owns where an opt-in may come from, and how a wording's version is written: what stands in a leaf is short and nobody's data.
//! Must never let a free text into a leaf.

/// Where an opt-in (or its withdrawal) was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A form on a web page.
    Web,
    App,
    /// At the till or a counter.
    Shop,
    /// A form on paper.
    Paper,
    Phone,
    /// A text message to another service than this one.
    Sms,
    /// A letter or an e-mail.
    Mail,
    /// Collected by somebody else for this account.
    Partner,
    Other,
    /// A reply to a short code of this gateway.
    Handset,
    /// What proved it was erased at the person's request.
    Erasure,
}

impl Source {
    /// Those that a person may name: the others are the gateway's own.
    pub const NAMED: [Self; 9] =
        [Self::Web, Self::App, Self::Shop, Self::Paper, Self::Phone, Self::Sms, Self::Mail, Self::Partner, Self::Other];

    /// The stable word of API, CSV and ledger.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::App => "app",
            Self::Shop => "shop",
            Self::Paper => "paper",
            Self::Phone => "phone",
            Self::Sms => "sms",
            Self::Mail => "mail",
            Self::Partner => "partner",
            Self::Other => "other",
            Self::Handset => "handset",
            Self::Erasure => "erasure",
        }
    }

    /// From its word.
    ///
    /// # Errors
    /// The words there are.
    pub fn of(word: &str) -> Result<Self, String> {
        Self::NAMED.into_iter().find(|source| source.word() == word).ok_or_else(|| {
            let words = Self::NAMED.map(Self::word).join(", ");
            format!("{word:?} is no source of a consent: write one of {words}")
        })
    }
}

/// Characters of a wording's version, at most.
pub const WORDING_MAX: usize = 32;
/// Names in the ledger beyond which no new wording is taken: each stays for ever.
pub const NAMES_MAX: usize = 100_000;
/// Digits of a wording's version, at most: fewer than a telephone number has.
const DIGITS_MAX: usize = 9;

/// Checks a wording's version: letters, digits, blanks and `. _ - /`.
///
/// # Errors
/// What to write instead.
pub fn check_wording(wording: &str) -> Result<(), String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '/');
    let length = wording.chars().count();
    if length == 0 || length > WORDING_MAX || !wording.chars().all(plain) {
        return Err(format!(
            "{wording:?} is no version of a wording: write its name such as v3 or \"form 2026-10\", up to {WORDING_MAX} letters, digits, blanks and . _ - /"
        ));
    }
    if wording.chars().filter(char::is_ascii_digit).count() > DIGITS_MAX {
        return Err(format!("a wording's version with more than {DIGITS_MAX} digits could be a number: shorten it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_its_word_and_the_gateway_s_own_cannot_be_named() {
        for source in Source::NAMED {
            assert_eq!(Source::of(source.word()), Ok(source));
        }
        assert!(Source::of("handset").is_err());
        assert!(Source::of("carrier pigeon").unwrap_err().contains("web, app, shop"));
    }

    #[test]
    fn a_wording_is_a_version_and_never_a_number_or_a_text() {
        for good in ["v3", "form 2026-10", "CGU/2026.10.01", "été 2026"] {
            assert_eq!(check_wording(good), Ok(()), "{good}");
        }
        for bad in ["", "+33639980042", "0639980042", "06 39 98 00 42", "J'accepte de recevoir", &"v".repeat(33)] {
            assert!(check_wording(bad).is_err(), "{bad}");
        }
    }
}
