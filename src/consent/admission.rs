//! Owns whether an act that somebody enters is taken: what is new, what is known, what comes too early or too late, and how it is said.
//! Must never let an old opt-in undo a later revocation.

use super::entry::Standing;
use crate::compliance::pack::opt_ins::OptIns;
use crate::message::instant::CivilInstant;

/// What becomes of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It changes something: it is to be recorded.
    New,
    /// The same, or more, is recorded already.
    Known,
    /// It cannot count; in words, with what to do.
    Refused(String),
}

/// An opt-in given at `given`. It counts from its own instant on, by the `span` of the account's pack.
pub fn of_opt_in(standing: Option<Standing>, given: CivilInstant, now: CivilInstant, span: OptIns) -> Admission {
    if given.as_secs() > now.as_secs() {
        return Admission::Refused(format!("the opt-in is dated {given}, which is still to come: correct the date"));
    }
    if let Some(end) = span.ends(given).filter(|end| *end <= now) {
        return Admission::Refused(format!("the opt-in of {given} has ended on {end}: the person must opt in again"));
    }
    match standing {
        Some(Standing::Revoked { at, .. }) if given.as_secs() <= at.as_secs() => Admission::Refused(format!(
            "the opt-in of {given} was revoked on {at}: only a later one counts, with its own date"
        )),
        Some(Standing::OptedIn { given: known, .. }) if given.as_secs() <= known.as_secs() => Admission::Known,
        Some(Standing::OptedIn { .. } | Standing::Revoked { .. }) | None => Admission::New,
    }
}

/// A revocation at `at`.
pub fn of_revocation(standing: Option<Standing>, at: CivilInstant, now: CivilInstant) -> Admission {
    if at.as_secs() > now.as_secs() {
        return Admission::Refused(format!("the revocation is dated {at}, which is still to come: correct the date"));
    }
    match standing {
        Some(Standing::Revoked { at: known, .. }) if at.as_secs() <= known.as_secs() => Admission::Known,
        Some(Standing::OptedIn { given, .. }) if at.as_secs() < given.as_secs() => {
            Admission::Refused(format!("the person opted in again on {given}, after this revocation of {at}"))
        }
        Some(Standing::OptedIn { .. } | Standing::Revoked { .. }) | None => Admission::New,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);
    const SPAN: OptIns = OptIns { months_since_contact: Some(36) };

    fn ago(secs: i64) -> CivilInstant {
        CivilInstant::from_secs(NOW.as_secs() - secs)
    }

    fn opted_in(secs: i64) -> Option<Standing> {
        Some(Standing::OptedIn { given: ago(secs), last_contact: ago(secs), event: None })
    }

    fn revoked(secs: i64) -> Option<Standing> {
        Some(Standing::Revoked { at: ago(secs), event: None })
    }

    fn word(admission: &Admission) -> &'static str {
        match admission {
            Admission::New => "new",
            Admission::Known => "known",
            Admission::Refused(_) => "refused",
        }
    }

    #[test]
    fn an_opt_in_counts_when_it_says_more_than_what_is_recorded() {
        for (standing, given, expected) in [
            (None, ago(0), "new"),
            (None, ago(-1), "refused"),
            (None, ago(3 * 366 * 86_400), "refused"),
            (opted_in(10), ago(10), "known"),
            (opted_in(10), ago(20), "known"),
            (opted_in(10), ago(5), "new"),
            (revoked(10), ago(11), "refused"),
            (revoked(10), ago(10), "refused"),
            (revoked(10), ago(9), "new"),
        ] {
            let admission = of_opt_in(standing, given, NOW, SPAN);
            assert_eq!(word(&admission), expected, "{standing:?} {given}: {admission:?}");
        }
        let no_end = OptIns { months_since_contact: None };
        assert_eq!(of_opt_in(None, ago(10 * 366 * 86_400), NOW, no_end), Admission::New);
    }

    #[test]
    fn a_revocation_counts_unless_the_person_has_opted_in_again() {
        for (standing, at, expected) in [
            (None, ago(0), "new"),
            (None, ago(-1), "refused"),
            (opted_in(10), ago(10), "new"),
            (opted_in(10), ago(11), "refused"),
            (revoked(10), ago(10), "known"),
            (revoked(10), ago(9), "new"),
        ] {
            let admission = of_revocation(standing, at, NOW);
            assert_eq!(word(&admission), expected, "{standing:?} {at}: {admission:?}");
        }
    }
}
