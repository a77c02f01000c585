//! Owns what the self-audit says of one message: whether a stop stood that was acknowledged, by its number's events alone.
//! Must never ask the index or the code that applies events to it: this is the third reading of them, beside `verify`'s.

use super::notes::Note;
use crate::ledger::suppression_event::{EventId, Scope};
use crate::message::name::NameId;
use crate::suppression::registry::Chapter;

/// What one event of a number did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Stop { seq: u64, scope: Scope, id: EventId },
    Lift { seq: u64, accounts: Vec<NameId>, seen: Vec<EventId> },
}

/// The acts in a number's history.
pub fn acts_of(history: &[Chapter]) -> Vec<Act> {
    let act = |chapter: &Chapter| match chapter {
        Chapter::Stop(found) => Act::Stop { seq: found.seq, scope: found.stop.scope, id: found.stop.id },
        Chapter::Lift(found) => {
            Act::Lift { seq: found.seq, accounts: found.lift.accounts.clone(), seen: found.lift.seen.clone() }
        }
    };
    history.iter().map(act).collect()
}

/// The event of a stop that concerns the message, was `in_force` when it left, and was seen by no lift for its account that was
/// durable by then. A message that nothing accounts for is weighed by the stops that are for everybody.
pub fn standing(acts: &[Act], note: &Note, in_force: impl Fn(u64) -> bool) -> Option<u64> {
    let lifted = |stop: &EventId| {
        acts.iter().any(|act| match act {
            Act::Lift { seq, accounts, seen } => {
                *seq < note.durable
                    && (note.account == NameId::NONE || accounts.contains(&note.account))
                    && seen.iter().any(|seen| seen.origin == stop.origin && seen.number >= stop.number)
            }
            Act::Stop { .. } => false,
        })
    };
    acts.iter().find_map(|act| match act {
        Act::Stop { seq, scope, id } => {
            let concerns = match scope {
                Scope::Global => true,
                Scope::Account(account) => *account == note.account,
                Scope::Sender(sender) => *sender == note.sender && note.sender != 0,
            };
            (concerns && in_force(*seq) && !lifted(id)).then_some(*seq)
        }
        Act::Lift { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::notes::LeftAs;
    use super::*;

    const A: NameId = NameId(1);
    const B: NameId = NameId(2);

    fn id(number: u64) -> EventId {
        EventId { origin: 7, number }
    }

    fn stop(seq: u64, scope: Scope) -> Act {
        Act::Stop { seq, scope, id: id(seq) }
    }

    fn lift(seq: u64, account: NameId, seen: u64) -> Act {
        Act::Lift { seq, accounts: vec![account], seen: vec![id(seen)] }
    }

    fn note(account: NameId, sender: u64, durable: u64) -> Note {
        let (number, smsc) = (33_639_980_001, NameId(9));
        let left_as = LeftAs::Commercial;
        Note { number, prefix: 1, sender, message_ref: 5, position: 0, durable, account, smsc, left_as }
    }

    #[test]
    fn a_message_leaks_when_a_stop_that_concerns_it_was_in_force_and_no_lift_had_seen_it() {
        let global = stop(10, Scope::Global);
        for (what, acts, note, in_force_before, leaks) in [
            ("no history", vec![], note(A, 1, 100), 100, None),
            ("a stop for all", vec![global.clone()], note(A, 1, 100), 100, Some(10)),
            ("not acknowledged yet", vec![global.clone()], note(A, 1, 100), 10, None),
            ("lifted for it", vec![global.clone(), lift(11, A, 10)], note(A, 1, 100), 100, None),
            ("lifted too late", vec![global.clone(), lift(11, A, 10)], note(A, 1, 11), 100, Some(10)),
            ("lifted for another", vec![global.clone(), lift(11, A, 10)], note(B, 1, 100), 100, Some(10)),
            (
                "stopped again",
                vec![global.clone(), lift(11, A, 10), stop(12, Scope::Global)],
                note(A, 1, 100),
                100,
                Some(12),
            ),
            ("an unseen stop stands", vec![global.clone(), lift(11, A, 9)], note(A, 1, 100), 100, Some(10)),
            ("another account's", vec![stop(10, Scope::Account(B))], note(A, 1, 100), 100, None),
            ("its own account's", vec![stop(10, Scope::Account(A))], note(A, 1, 100), 100, Some(10)),
            ("another sender's", vec![stop(10, Scope::Sender(2))], note(A, 1, 100), 100, None),
            ("its own sender's", vec![stop(10, Scope::Sender(1))], note(A, 1, 100), 100, Some(10)),
            ("nobody's, after a stop for all", vec![global.clone()], note(NameId::NONE, 0, 100), 100, Some(10)),
            ("nobody's, to one account's", vec![stop(10, Scope::Account(A))], note(NameId::NONE, 0, 100), 100, None),
        ] {
            assert_eq!(standing(&acts, &note, |seq| seq < in_force_before), leaks, "{what}");
        }
    }
}
