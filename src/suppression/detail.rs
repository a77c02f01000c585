//! Owns the rare state of a number: stops of narrow scope, stops of other nodes, and lifts.
//! Must never let a lift reach further than its tag, its accounts and the stops it has seen.

use crate::ledger::suppression_event::{EventId, Scope};
use crate::message::name::NameId;
use crate::message::tag::NumberTag;

/// What is known of one prefix beyond the plain global stop. Every field only ever rises: the order of events does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// The newest stop of each scope and origin. Kept by prefix: a collision over-blocks.
    pub stops: Vec<(Scope, EventId)>,
    /// For each tag and account, the newest stop of each origin that a lift has seen. Kept by whole tag: a collision lifts nothing.
    pub lifts: Vec<(NumberTag, NameId, EventId)>,
}

impl Detail {
    /// Adds a stop. Whether anything changed.
    pub fn stop(&mut self, scope: Scope, id: EventId) -> bool {
        let found = self.stops.iter_mut().find(|(known, other)| *known == scope && other.origin == id.origin);
        match found {
            Some((_, known)) if known.number >= id.number => false,
            Some((_, known)) => {
                known.number = id.number;
                true
            }
            None => {
                self.stops.push((scope, id));
                true
            }
        }
    }

    /// Adds what a lift has seen. Whether anything changed.
    pub fn lift(&mut self, tag: NumberTag, account: NameId, seen: EventId) -> bool {
        let same = |known: &&mut (NumberTag, NameId, EventId)| {
            known.0 == tag && known.1 == account && known.2.origin == seen.origin
        };
        match self.lifts.iter_mut().find(same) {
            Some((_, _, known)) if known.number >= seen.number => false,
            Some((_, _, known)) => {
                known.number = seen.number;
                true
            }
            None => {
                self.lifts.push((tag, account, seen));
                true
            }
        }
    }

    /// Whether any stop that concerns this account and sender is not seen by a lift for that account.
    pub fn is_suppressed(&self, tag: &NumberTag, account: NameId, sender: u64) -> bool {
        self.stops.iter().any(|(scope, stop)| {
            let concerns = match scope {
                Scope::Global => true,
                Scope::Account(only) => *only == account,
                Scope::Sender(only) => *only == sender,
            };
            concerns && !self.lifted(tag, account, stop)
        })
    }

    /// Whether any stop that is not lifted for the account reaches it: as everybody, as itself, or by one of its senders.
    pub fn stops_any_way(&self, tag: &NumberTag, account: NameId) -> bool {
        self.stops.iter().any(|(scope, stop)| {
            let reaches = match scope {
                Scope::Global | Scope::Sender(_) => true,
                Scope::Account(only) => *only == account,
            };
            reaches && !self.lifted(tag, account, stop)
        })
    }

    /// Whether a stop stands that reaches as far as this scope, and of which nobody it concerns is excepted.
    pub fn stands(&self, tag: &NumberTag, scope: Scope) -> bool {
        self.stops.iter().any(|(stopped, stop)| {
            let lifted_by_any = || {
                let seen = |seen: &EventId| seen.origin == stop.origin && seen.number >= stop.number;
                self.lifts.iter().any(|(whose, _, id)| whose == tag && seen(id))
            };
            match (stopped, scope) {
                (Scope::Global, Scope::Global | Scope::Sender(_)) => !lifted_by_any(),
                (Scope::Sender(only), Scope::Sender(asked)) => *only == asked && !lifted_by_any(),
                (Scope::Global, Scope::Account(account)) => !self.lifted(tag, account, stop),
                (Scope::Account(only), Scope::Account(asked)) => *only == asked && !self.lifted(tag, asked, stop),
                (Scope::Account(_) | Scope::Sender(_), Scope::Global)
                | (Scope::Account(_), Scope::Sender(_))
                | (Scope::Sender(_), Scope::Account(_)) => false,
            }
        })
    }

    fn lifted(&self, tag: &NumberTag, account: NameId, stop: &EventId) -> bool {
        self.lifts.iter().any(|(lifted, whose, seen)| {
            lifted == tag && *whose == account && seen.origin == stop.origin && seen.number >= stop.number
        })
    }

    /// The same in one order, so that two equal states are equal octets.
    pub fn sorted(&self) -> Self {
        let mut copy = self.clone();
        copy.stops.sort_by_key(|(scope, id)| (scope_rank(*scope), *id));
        copy.lifts.sort_unstable();
        copy
    }
}

/// A scope as two integers, for ordering and writing.
pub const fn scope_rank(scope: Scope) -> (u8, u64) {
    match scope {
        Scope::Global => (0, 0),
        Scope::Account(account) => (1, account.0 as u64),
        Scope::Sender(sender) => (2, sender),
    }
}
