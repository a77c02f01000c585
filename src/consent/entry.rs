//! Owns what the registry knows of one number and one account, in 64 bits.
//! Must never depend on the order in which acts are learned: the greatest value is what holds.
//!
//! From the top: the second of the act since 2000 (31 bits), whether it is a revocation (1), whether renewals stand beside it (1),
//! and the act's place in the events, turned over (31): a revocation wins a tie, the earlier record of one instant is kept.

use crate::message::instant::CivilInstant;

/// 2000-01-01T00:00:00Z: no opt-in for text messages is older, and 31 bits of seconds reach until 2068.
const BEGIN: i64 = 946_684_800;
const REVOKED: u64 = 1 << 32;
const RENEWED: u64 = 1 << 31;
const PLACE: u64 = RENEWED - 1;

/// What is known of one number and one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The person opted in.
    OptedIn {
        /// When, to the second.
        given: CivilInstant,
        /// The opt-in, or a later act of the person.
        last_contact: CivilInstant,
        /// Its position in the events, when it is known.
        event: Option<u64>,
    },
    /// What was recorded holds no more: only a later opt-in counts.
    Revoked { at: CivilInstant, event: Option<u64> },
}

/// The packed form. 0 = nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry(pub u64);

impl Entry {
    /// An act of this instant; `event` is its position, when it is known already.
    pub fn of(at: CivilInstant, revoked: bool, event: Option<u64>) -> Self {
        let place = event.filter(|event| *event < PLACE).map_or(0, |event| PLACE - event);
        Self(seconds(at) << 33 | if revoked { REVOKED } else { 0 } | place)
    }

    /// The same with another act: whichever is greater holds.
    pub fn with(self, other: Self) -> Self {
        let renewed = (self.0 | other.0) & RENEWED;
        Self((self.0 & !RENEWED).max(other.0 & !RENEWED) | renewed)
    }

    /// The same with renewals beside it.
    pub const fn with_renewals(self) -> Self {
        Self(self.0 | RENEWED)
    }

    /// Whether renewals stand beside it.
    pub const fn has_renewals(self) -> bool {
        self.0 & RENEWED != 0
    }

    /// When the opt-in was given; `None` when it was revoked, or nothing but renewals is known.
    pub fn given(self) -> Option<CivilInstant> {
        (self.0 & REVOKED == 0 && self.0 >> 33 != 0).then(|| instant(self.0 >> 33))
    }

    /// In words; `renewed` is the last of the renewals.
    pub fn standing(self, renewed: Option<CivilInstant>) -> Option<Standing> {
        let event = (self.0 & PLACE != 0).then(|| PLACE - (self.0 & PLACE));
        if self.0 & REVOKED != 0 {
            return Some(Standing::Revoked { at: instant(self.0 >> 33), event });
        }
        let given = self.given()?;
        Some(Standing::OptedIn { given, last_contact: renewed.map_or(given, |renewed| renewed.max(given)), event })
    }
}

/// Seconds since 2000, at least 1: 0 stands for nothing.
pub fn seconds(at: CivilInstant) -> u64 {
    (at.as_secs() - BEGIN).clamp(1, (1 << 31) - 1) as u64
}

/// The instant of a second since 2000.
pub const fn instant(seconds: u64) -> CivilInstant {
    CivilInstant::from_secs(BEGIN + seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> CivilInstant {
        CivilInstant::from_secs(1_795_000_000 + secs)
    }

    #[test]
    fn an_entry_gives_back_what_was_put_in() {
        for event in [None, Some(0), Some(7), Some(PLACE - 1), Some(PLACE), Some(u64::MAX)] {
            let kept = event.filter(|event| *event < PLACE);
            assert_eq!(
                Entry::of(at(0), false, event).standing(None),
                Some(Standing::OptedIn { given: at(0), last_contact: at(0), event: kept })
            );
            let revoked = Entry::of(at(3), true, event).with_renewals();
            assert_eq!(revoked.standing(Some(at(9))), Some(Standing::Revoked { at: at(3), event: kept }));
            assert_eq!((revoked.given(), revoked.has_renewals()), (None, true));
        }
        assert_eq!(Entry::default().standing(Some(at(1))), None, "a renewal grants nothing by itself");
    }

    #[test]
    fn the_later_act_holds_a_revocation_wins_a_tie_and_the_first_record_of_an_instant_is_kept() {
        let record = |secs, event| Entry::of(at(secs), false, event);
        let revoke = |secs, event| Entry::of(at(secs), true, event);
        for (one, other, holds) in [
            (record(1, Some(5)), record(2, Some(3)), record(2, Some(3))),
            (record(2, Some(5)), revoke(1, Some(9)), record(2, Some(5))),
            (record(1, Some(5)), revoke(1, Some(9)), revoke(1, Some(9))),
            (record(1, Some(5)), record(1, Some(9)), record(1, Some(5))),
            (record(1, None), record(1, Some(9)), record(1, Some(9))),
        ] {
            assert_eq!((one.with(other), other.with(one)), (holds, holds));
        }
    }
}
