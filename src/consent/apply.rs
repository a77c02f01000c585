//! Owns the one function that applies a consent event, whoever brings it: the API, an import, a reply, replay, another node.
//! Must never depend on the order of events, nor change anything when one comes twice.

use super::entry::{Entry, seconds};
use super::index::{Index, key};
use crate::ledger::event::{Consent, ConsentAct};

/// Applies an event. Whether anything changed that the judge can notice. `event` is its position in the stream, when it is known.
///
/// A revocation is applied before it is written to the disk, an opt-in and a renewal after they are durable.
pub fn apply(index: &Index, consent: &Consent, event: Option<u64>) -> bool {
    let key = key(&consent.tag, consent.account);
    match consent.act {
        ConsentAct::Record => index.merge(key, Entry::of(consent.given_at, false, event)),
        ConsentAct::Revoke => index.merge(key, Entry::of(consent.given_at, true, event)),
        ConsentAct::Renew => index.renew(key, seconds(consent.given_at) as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Standing;
    use super::*;
    use crate::compliance::facts::OptIns;
    use crate::ledger::suppression_event::EventId;
    use crate::message::instant::CivilInstant;
    use crate::message::name::NameId;
    use crate::message::tag::NumberTag;
    use proptest::prelude::*;

    const A: NameId = NameId(1);
    const B: NameId = NameId(2);

    fn at(secs: i64) -> CivilInstant {
        CivilInstant::from_secs(1_795_000_000 + secs)
    }

    fn act(act: ConsentAct, which: u8, account: NameId, secs: i64) -> Consent {
        Consent {
            id: EventId { origin: 7, number: 1 },
            act,
            tag: NumberTag([which; 16]),
            account,
            source: NameId(9),
            wording: NameId(10),
            given_at: at(secs),
            by: NameId(11),
        }
    }

    fn contact(index: &Index, which: u8, account: NameId) -> Option<CivilInstant> {
        index.last_contact(&NumberTag([which; 16]), account)
    }

    #[test]
    fn an_opt_in_counts_for_its_account_until_it_is_revoked_and_again_after_a_later_one() {
        let index = Index::default();
        assert!(index.is_empty());
        assert!(apply(&index, &act(ConsentAct::Record, 1, A, 10), Some(4)));
        assert!(!apply(&index, &act(ConsentAct::Record, 1, A, 10), Some(4)), "the same again changes nothing");
        assert_eq!((contact(&index, 1, A), contact(&index, 1, B), contact(&index, 2, A)), (Some(at(10)), None, None));
        assert!(apply(&index, &act(ConsentAct::Revoke, 1, A, 20), None));
        assert_eq!(contact(&index, 1, A), None);
        assert!(!apply(&index, &act(ConsentAct::Record, 1, A, 15), Some(6)), "an old list does not undo a revocation");
        assert!(!apply(&index, &act(ConsentAct::Record, 1, A, 20), Some(7)), "nor one of the same second");
        assert_eq!(contact(&index, 1, A), None);
        assert!(apply(&index, &act(ConsentAct::Record, 1, A, 21), Some(8)));
        assert_eq!(contact(&index, 1, A), Some(at(21)));
        assert_eq!(index.len(), 1);
    }

    #[test]
    fn a_renewal_is_a_contact_and_grants_nothing_by_itself() {
        let index = Index::default();
        assert!(apply(&index, &act(ConsentAct::Renew, 1, A, 30), None));
        assert_eq!(contact(&index, 1, A), None);
        apply(&index, &act(ConsentAct::Record, 1, A, 10), Some(5));
        assert_eq!(contact(&index, 1, A), Some(at(30)));
        let standing = index.standing(&NumberTag([1; 16]), A);
        assert_eq!(standing, Some(Standing::OptedIn { given: at(10), last_contact: at(30), event: Some(5) }));
        apply(&index, &act(ConsentAct::Revoke, 1, A, 20), None);
        assert_eq!(contact(&index, 1, A), None, "a renewal does not undo a revocation");
    }

    #[test]
    fn a_revocation_that_is_applied_before_it_has_a_place_gets_it_later() {
        let index = Index::default();
        apply(&index, &act(ConsentAct::Revoke, 1, A, 20), None);
        assert!(!apply(&index, &act(ConsentAct::Revoke, 1, A, 20), Some(8)), "the judge notices nothing");
        let standing = index.standing(&NumberTag([1; 16]), A);
        assert_eq!(standing, Some(Standing::Revoked { at: at(20), event: Some(8) }));
    }

    fn any_event() -> impl Strategy<Value = (Consent, Option<u64>)> {
        let acts = prop_oneof![Just(ConsentAct::Record), Just(ConsentAct::Revoke), Just(ConsentAct::Renew)];
        (acts, 1u8..4, 1u32..3, 0i64..6, prop::option::of(0u64..9))
            .prop_map(|(what, which, account, secs, event)| (act(what, which, NameId(account), secs), event))
    }

    fn answers(index: &Index) -> Vec<Option<Standing>> {
        let pairs = (1u8..4).flat_map(|which| [A, B].map(|account| (which, account)));
        pairs.map(|(which, account)| index.standing(&NumberTag([which; 16]), account)).collect()
    }

    proptest! {
        #[test]
        fn order_and_repetition_of_acts_change_nothing(
            events in prop::collection::vec(any_event(), 0..40), seed in any::<u64>(), repeat in 0usize..40
        ) {
            let forward = Index::default();
            for (event, place) in &events {
                apply(&forward, event, *place);
            }
            let mut shuffled = events.clone();
            shuffled.extend(events.iter().take(repeat).cloned());
            let mut state = seed | 1;
            for at in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                shuffled.swap(at, (state >> 33) as usize % (at + 1));
            }
            let other = Index::default();
            for (event, place) in &shuffled {
                apply(&other, event, *place);
            }
            prop_assert_eq!(answers(&forward), answers(&other));
            for which in 1..4 {
                for account in [A, B] {
                    let newest = |wanted: ConsentAct| {
                        let of = |(event, _): &&(Consent, Option<u64>)| {
                            event.act == wanted && event.account == account && event.tag == NumberTag([which; 16])
                        };
                        events.iter().filter(of).map(|(event, _)| event.given_at).max()
                    };
                    let given = newest(ConsentAct::Record).filter(|given| Some(*given) > newest(ConsentAct::Revoke));
                    let expected = given.map(|given| given.max(newest(ConsentAct::Renew).unwrap_or(given)));
                    prop_assert_eq!(contact(&forward, which, account), expected);
                }
            }
        }
    }
}
