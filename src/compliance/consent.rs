//! Owns R-CONSENT: whether the consent that the contract demands stands.
//! Must never take an account's silence for consent, nor one account's opt-in for another's.

use super::facts::OptIns;
use super::pack::Pack;
use super::policy::{AccountPolicy, Consent};
use crate::message::instant::CivilInstant;
use crate::message::tag::NumberTag;

/// Whether a commercial message to this number has at `at` the consent it needs.
///
/// `proof` demands an opt-in of the number to this very account, not revoked, whose last contact is not longer ago than the pack
/// allows; a number that could not be made canonical has none.
pub fn stands(
    account: &AccountPolicy,
    pack: &Pack,
    number: Option<&NumberTag>,
    opt_ins: &dyn OptIns,
    at: CivilInstant,
) -> bool {
    match &account.consent {
        Consent::Declared { statement } => !statement.trim().is_empty(),
        Consent::Proof => number
            .and_then(|tag| opt_ins.last_contact(tag, account.account))
            .is_some_and(|contact| pack.opt_ins.hold(contact, at)),
        Consent::Off => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::fixture::{House, at};

    const NOW: &str = "2026-11-24T09:00:00Z";

    fn asked(house: &House, number: &str) -> bool {
        let tag = house.tags.tag(house.numbers.read(number, "FR").unwrap());
        stands(&house.account, &house.account.pack, Some(&tag), &house.opt_ins, at(NOW))
    }

    #[test]
    fn only_a_statement_that_says_something_stands() {
        for (consent, expected) in [
            (Consent::Declared { statement: "Opt-in by web form, wording v3, signed 2026-10-01".into() }, true),
            (Consent::Declared { statement: " ".into() }, false),
            (Consent::Proof, false),
            (Consent::Off, false),
        ] {
            let mut house = House::new();
            house.account.consent = consent.clone();
            assert_eq!(asked(&house, "0639980001"), expected, "{consent:?}");
        }
    }

    #[test]
    fn proof_asks_for_a_live_opt_in_of_this_number_to_this_account() {
        let mut house = House::new();
        house.account.consent = Consent::Proof;
        let other = crate::message::name::NameId(99);
        for (number, account, contact, expected) in [
            ("0639980001", house.account.account, "2026-11-24T08:59:59Z", true),
            ("0639980002", house.account.account, "2023-11-24T09:00:01Z", true),
            ("0639980003", house.account.account, "2023-11-24T09:00:00Z", false),
            ("0639980004", other, "2026-11-24T08:00:00Z", false),
        ] {
            house.opt_in(number, account, contact);
            assert_eq!(asked(&house, number), expected, "{number}");
        }
        assert!(!asked(&house, "0639980005"), "nobody recorded anything");
        assert!(!stands(&house.account, &house.account.pack, None, &house.opt_ins, at(NOW)), "no number, no opt-in");
    }
}
