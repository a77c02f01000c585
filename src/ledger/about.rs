//! Owns which events concern a person, and what those name: the one place that a new kind of event has to be put into.
//! Must never call an event of the house one of a person, nor the other way round: it is what proofs, access and erasure go by.

use super::event::{Admin, Consent, Erase, Event};
use super::suppression_event::SuppressionEvent;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;

/// An event that concerns a person, or may: an act of an officer has no number where it was about none.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    Suppression(&'a SuppressionEvent),
    Consent(&'a Consent),
    Erase(&'a Erase),
    Admin(&'a Admin),
}

impl Event {
    /// What it says of a person; `None` for an event of the house.
    pub const fn about(&self) -> Option<About<'_>> {
        match self {
            Self::Suppression(event) => Some(About::Suppression(event)),
            Self::Consent(consent) => Some(About::Consent(consent)),
            Self::Erase(erase) => Some(About::Erase(erase)),
            Self::Admin(admin) => Some(About::Admin(admin)),
            Self::Begin(_)
            | Self::End { .. }
            | Self::Config { .. }
            | Self::Contract(_)
            | Self::Clock(_)
            | Self::Gap(_)
            | Self::Import(_)
            | Self::Epoch(_)
            | Self::Reopen(_)
            | Self::Key(_)
            | Self::Rekey(_)
            | Self::Retention(_)
            | Self::AccountCounter(_)
            | Self::LinkCounter(_) => None,
        }
    }

    /// The number it is about.
    pub fn tag(&self) -> Option<NumberTag> {
        self.about()?.tag()
    }
}

impl About<'_> {
    /// The number.
    pub const fn tag(&self) -> Option<NumberTag> {
        match self {
            Self::Suppression(event) => Some(event.tag()),
            Self::Consent(consent) => Some(consent.tag),
            Self::Erase(erase) => Some(erase.tag),
            Self::Admin(admin) => admin.tag,
        }
    }

    /// The names it needs to be read.
    pub fn names(&self) -> Vec<NameId> {
        match self {
            Self::Suppression(SuppressionEvent::Stop(stop)) => vec![stop.account, stop.smsc, stop.detail],
            Self::Suppression(SuppressionEvent::Lift(lift)) => {
                let mut names = vec![lift.smsc, lift.people[0], lift.people[1], lift.detail];
                names.extend(&lift.accounts);
                names
            }
            Self::Consent(consent) => vec![consent.account, consent.source, consent.wording, consent.by],
            Self::Erase(erase) => vec![erase.reason, erase.by],
            Self::Admin(admin) => vec![admin.by, admin.action, admin.detail],
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ledger::{event_code, golden_tests};
    use crate::message::instant::CivilInstant;

    #[test]
    fn an_event_is_about_the_number_whose_tag_stands_in_its_leaf() {
        let (mut personal, mut of_the_house) = (0, 0);
        for (event, _) in golden_tests::events() {
            for binding in [None, Some([0xee; 32])] {
                let mut leaf = Vec::new();
                event_code::write(&event, CivilInstant::from_secs(0), 5, false, binding.as_ref(), &mut leaf);
                assert_eq!(event.tag(), event_code::tag(&leaf), "{}", event.word());
            }
            *(if event.tag().is_some() { &mut personal } else { &mut of_the_house }) += 1;
        }
        assert!(personal >= 5 && of_the_house >= 12, "{personal} of persons, {of_the_house} of the house");
    }
}
