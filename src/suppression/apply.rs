//! Owns the one function that applies a suppression event, whoever brings it: lane, import, replay, another node.
//! Must never depend on the order of events, nor change anything when one comes twice.

use super::index::Index;
use crate::ledger::suppression_event::SuppressionEvent;

/// Applies an event to the index. Whether it changed anything; if so the generation has risen.
///
/// A stop is applied before it is written to the disk, a lift after it is durable.
pub fn apply(index: &Index, event: &SuppressionEvent) -> bool {
    match event {
        SuppressionEvent::Stop(stop) => index.stop(stop),
        SuppressionEvent::Lift(lift) => index.lift(lift),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::facts::SuppressionList;
    use crate::ledger::suppression_event::{EventId, Lift, LiftSource, Scope, Stop, StopSource};
    use crate::message::name::NameId;
    use crate::message::tag::NumberTag;
    use proptest::prelude::*;

    const HERE: u32 = 7;
    const THERE: u32 = 8;
    const A: NameId = NameId(1);
    const B: NameId = NameId(2);

    fn tag(octet: u8) -> NumberTag {
        NumberTag([octet; 16])
    }

    fn id(origin: u32, number: u64) -> EventId {
        EventId { origin, number }
    }

    fn stop(tag: NumberTag, scope: Scope, id: EventId) -> SuppressionEvent {
        SuppressionEvent::Stop(Stop {
            id,
            tag,
            scope,
            source: StopSource::Handset,
            account: A,
            smsc: NameId::NONE,
            short_code: 36111,
            answers: None,
            detail: NameId::NONE,
        })
    }

    fn lift(tag: NumberTag, accounts: &[NameId], id: EventId, seen: Vec<EventId>) -> SuppressionEvent {
        SuppressionEvent::Lift(Lift {
            id,
            tag,
            source: LiftSource::Handset,
            accounts: accounts.to_vec(),
            seen,
            smsc: NameId::NONE,
            short_code: 36111,
            people: [NameId::NONE; 2],
            detail: NameId::NONE,
        })
    }

    #[test]
    fn a_stop_holds_for_every_account_and_raises_the_generation_once() {
        let index = Index::new(HERE);
        assert!(!index.is_suppressed(&tag(1), A, 0));
        let event = stop(tag(1), Scope::Global, id(HERE, 1));
        assert!(apply(&index, &event));
        assert!(!apply(&index, &event), "the same again changes nothing");
        assert_eq!((index.generation(), index.len()), (1, 1));
        assert!(index.is_suppressed(&tag(1), A, 0) && index.is_suppressed(&tag(1), B, 9));
        assert!(!index.is_suppressed(&tag(2), A, 0));
    }

    #[test]
    fn a_start_lifts_only_for_the_accounts_it_names_and_a_later_stop_clears_every_exception() {
        let index = Index::new(HERE);
        apply(&index, &stop(tag(1), Scope::Global, id(HERE, 1)));
        let seen = index.seen(&tag(1));
        assert_eq!(seen, [id(HERE, 1)]);
        assert!(apply(&index, &lift(tag(1), &[A], id(HERE, 2), seen)));
        assert!(!index.is_suppressed(&tag(1), A, 0));
        assert!(index.is_suppressed(&tag(1), B, 0));
        apply(&index, &stop(tag(1), Scope::Global, id(HERE, 3)));
        assert!(index.is_suppressed(&tag(1), A, 0));
    }

    #[test]
    fn a_stop_that_the_lift_does_not_name_stands() {
        let index = Index::new(HERE);
        apply(&index, &stop(tag(1), Scope::Global, id(HERE, 1)));
        let seen = index.seen(&tag(1));
        apply(&index, &stop(tag(1), Scope::Global, id(THERE, 1)));
        apply(&index, &lift(tag(1), &[A], id(HERE, 2), seen));
        assert!(index.is_suppressed(&tag(1), A, 0), "the other node's stop was not seen");
        let seen = index.seen(&tag(1));
        apply(&index, &lift(tag(1), &[A], id(HERE, 3), seen));
        assert!(!index.is_suppressed(&tag(1), A, 0));
    }

    #[test]
    fn an_import_after_a_start_stops_again_and_never_lifts() {
        let index = Index::new(HERE);
        apply(&index, &stop(tag(1), Scope::Global, id(HERE, 1)));
        apply(&index, &lift(tag(1), &[A], id(HERE, 2), index.seen(&tag(1))));
        apply(&index, &stop(tag(1), Scope::Account(B), id(HERE, 3)));
        assert!(!index.is_suppressed(&tag(1), A, 0), "a stop for another account does not concern this one");
        apply(&index, &stop(tag(1), Scope::Global, id(HERE, 4)));
        assert!(index.is_suppressed(&tag(1), A, 0));
    }

    #[test]
    fn narrow_scopes_concern_only_their_account_or_sender() {
        let index = Index::new(HERE);
        apply(&index, &stop(tag(1), Scope::Account(A), id(HERE, 1)));
        apply(&index, &stop(tag(1), Scope::Sender(99), id(HERE, 2)));
        assert!(index.is_suppressed(&tag(1), A, 0));
        assert!(!index.is_suppressed(&tag(1), B, 0));
        assert!(index.is_suppressed(&tag(1), B, 99));
        apply(&index, &lift(tag(1), &[B], id(HERE, 3), index.seen(&tag(1))));
        assert!(!index.is_suppressed(&tag(1), B, 99));
        assert!(index.is_suppressed(&tag(1), A, 0));
    }

    #[test]
    fn a_stop_changes_nothing_only_where_one_as_wide_stands_for_everybody_it_concerns() {
        let whole = Scope::Global;
        let (own, other, sender) = (Scope::Account(A), Scope::Account(B), Scope::Sender(99));
        // What stands, whom it is lifted for, and whether a further stop of each scope would change nothing.
        for (stood, lifted, [by_all, by_a, by_b, by_sender]) in [
            (None, None, [false, false, false, false]),
            (Some(whole), None, [true, true, true, true]),
            (Some(whole), Some(A), [false, false, true, false]),
            (Some(own), None, [false, true, false, false]),
            (Some(own), Some(A), [false, false, false, false]),
            (Some(own), Some(B), [false, true, false, false]),
            (Some(sender), None, [false, false, false, true]),
            (Some(sender), Some(B), [false, false, false, false]),
        ] {
            let index = Index::new(HERE);
            if let Some(scope) = stood {
                apply(&index, &stop(tag(1), scope, id(HERE, 1)));
            }
            if let Some(account) = lifted {
                apply(&index, &lift(tag(1), &[account], id(HERE, 2), index.seen(&tag(1))));
            }
            let found = [whole, own, other, sender].map(|scope| index.stands(&tag(1), scope));
            assert_eq!(found, [by_all, by_a, by_b, by_sender], "{stood:?} lifted for {lifted:?}");
        }
    }

    #[test]
    fn a_collision_of_prefixes_over_blocks_and_lifts_nothing() {
        let index = Index::new(HERE);
        let (mut first, mut second) = ([5; 16], [5; 16]);
        (first[15], second[15]) = (1, 2);
        let (first, second) = (NumberTag(first), NumberTag(second));
        apply(&index, &stop(first, Scope::Global, id(HERE, 1)));
        assert!(index.is_suppressed(&second, A, 0));
        apply(&index, &lift(second, &[A], id(HERE, 2), index.seen(&second)));
        assert!(index.is_suppressed(&first, A, 0), "a lift of another number of the same prefix");
    }

    fn any_event() -> impl Strategy<Value = SuppressionEvent> {
        let ids = (prop_oneof![Just(HERE), Just(THERE)], 1u64..30).prop_map(|(origin, number)| id(origin, number));
        let scopes = prop_oneof![
            Just(Scope::Global),
            (1u32..4).prop_map(|account| Scope::Account(NameId(account))),
            (1u64..3).prop_map(Scope::Sender)
        ];
        let stops = (1u8..4, scopes, ids.clone()).prop_map(|(which, scope, id)| stop(tag(which), scope, id));
        let accounts = prop::collection::vec((1u32..4).prop_map(NameId), 0..3);
        let lifts = (1u8..4, accounts, ids.clone(), prop::collection::vec(ids, 0..3))
            .prop_map(|(which, accounts, id, seen)| lift(tag(which), &accounts, id, seen));
        prop_oneof![stops, lifts]
    }

    fn answers(index: &Index) -> Vec<bool> {
        let mut all = Vec::new();
        for which in 1..4 {
            for account in 1..4 {
                for sender in 0..3 {
                    all.push(index.is_suppressed(&tag(which), NameId(account), sender));
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn order_and_repetition_of_events_change_nothing(
            events in prop::collection::vec(any_event(), 0..40), seed in any::<u64>(), repeat in 0usize..40
        ) {
            let forward = Index::new(HERE);
            for event in &events {
                apply(&forward, event);
            }
            let mut shuffled = events.clone();
            shuffled.extend(events.iter().take(repeat).cloned());
            let mut state = seed | 1;
            for at in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                shuffled.swap(at, (state >> 33) as usize % (at + 1));
            }
            let other = Index::new(HERE);
            for event in &shuffled {
                apply(&other, event);
            }
            prop_assert_eq!(answers(&forward), answers(&other));
            for which in 1..4 {
                let (one, two) = (forward.detail(&tag(which)), other.detail(&tag(which)));
                prop_assert_eq!(one.map(|detail| detail.sorted()), two.map(|detail| detail.sorted()));
            }
        }
    }
}
