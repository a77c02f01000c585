//! Owns R-CONSENT: whether the consent that the contract demands stands.
//! Must never take an account's silence for consent.

use super::policy::Consent;

/// Whether commercial messages have the consent they need.
///
/// `proof` demands a live, dated opt-in of each number; while there is no registry to ask, nothing is proved.
pub fn stands(consent: &Consent) -> bool {
    match consent {
        Consent::Declared { statement } => !statement.trim().is_empty(),
        Consent::Proof | Consent::Off => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_statement_that_says_something_stands() {
        for (consent, expected) in [
            (Consent::Declared { statement: "Opt-in by web form, wording v3, signed 2026-10-01".into() }, true),
            (Consent::Declared { statement: " ".into() }, false),
            (Consent::Proof, false),
            (Consent::Off, false),
        ] {
            assert_eq!(stands(&consent), expected, "{consent:?}");
        }
    }
}
