//! Owns the section `[consent]` of a pack: how long an opt-in holds after the person's last contact.
//! Must never know an account or a number: whose opt-in it is, the registry says.

use super::report::Report;
use crate::message::instant::CivilInstant;
use chrono::Months;
use serde::Deserialize;
use toml::Spanned;

/// Longer than any text asks for: ten years.
const MONTHS_MAX: u32 = 120;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOptIns {
    #[serde(default)]
    pub sources: Vec<Spanned<String>>,
    months_since_contact: Option<Spanned<u32>>,
}

/// The compiled section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptIns {
    /// Calendar months after the last contact; `None` = until it is revoked.
    pub months_since_contact: Option<u32>,
}

impl OptIns {
    /// From when on an opt-in with this last contact holds no more: the same day and time of day (UTC) so many months later.
    /// `None` = never.
    pub fn ends(&self, last_contact: CivilInstant) -> Option<CivilInstant> {
        let months = Months::new(self.months_since_contact?);
        last_contact.to_utc().checked_add_months(months).map(CivilInstant::from)
    }

    /// Whether an opt-in with this last contact holds at `at`.
    pub fn hold(&self, last_contact: CivilInstant, at: CivilInstant) -> bool {
        self.ends(last_contact).is_none_or(|end| at < end)
    }
}

/// Compiles the section, reporting every fault.
pub(super) fn compile(raw: &RawOptIns, report: &mut Report<'_>) -> OptIns {
    if let Some(months) = &raw.months_since_contact
        && !(1..=MONTHS_MAX).contains(months.get_ref())
    {
        report.at(
            months.span(),
            "consent.months_since_contact",
            format!("write 1 to {MONTHS_MAX} months, or leave the key out where an opt-in has no end"),
        );
    }
    OptIns { months_since_contact: raw.months_since_contact.as_ref().map(|months| *months.get_ref()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::fixture::at;
    use crate::compliance::pack::Pack;

    #[test]
    fn an_opt_in_holds_for_calendar_months_after_the_last_contact() {
        let three_years = OptIns { months_since_contact: Some(36) };
        for (contact, end) in [
            ("2026-11-21T10:00:00Z", "2029-11-21T10:00:00Z"),
            // No 29 February three years later.
            ("2024-02-29T23:30:00Z", "2027-02-28T23:30:00Z"),
        ] {
            let (contact, end) = (at(contact), at(end));
            assert_eq!(three_years.ends(contact), Some(end));
            assert!(three_years.hold(contact, CivilInstant::from_micros(end.as_micros() - 1)));
            assert!(!three_years.hold(contact, end));
        }
        let no_end = OptIns { months_since_contact: None };
        assert!(no_end.hold(at("1990-01-01T00:00:00Z"), at("2090-01-01T00:00:00Z")));
    }

    #[test]
    fn the_french_packs_say_three_years_and_a_bad_span_is_told_with_its_line() {
        for (id, months) in [("fr-strict", Some(36)), ("fr-af2m-2026", Some(36)), ("us-ctia", None)] {
            assert_eq!(Pack::embedded(id).unwrap().opt_ins.months_since_contact, months, "{id}");
        }
        let text = "id = \"own\"\nversion = \"1\"\nextends = \"fr-strict\"\neffective_from = \"2026-01-01\"\n[consent]\nmonths_since_contact = 0\n";
        let errors = Pack::parse(text, "own.toml").unwrap_err();
        assert_eq!((errors.len(), errors[0].line, errors[0].key.as_str()), (1, 6, "consent.months_since_contact"));
    }
}
