//! Owns how far a STOP reaches: everybody, the accounts it was said to, or the sender it answers.
//! Must never reach less far than is known: where account or sender are unknown, the next wider scope holds.

use crate::ledger::suppression_event::Scope;
use crate::message::name::NameId;

/// How far a STOP from the handset reaches, as configured. In rising width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum StopScope {
    /// The source addresses of the messages it may answer.
    Sender,
    /// The accounts that wrote to the person by the address; where that is not known, all accounts of the address.
    Account,
    /// Everybody.
    #[default]
    Global,
}

impl StopScope {
    /// The word of configuration, API and CSV.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Account => "account",
            Self::Global => "global",
        }
    }

    /// Every scope, widest first.
    pub const ALL: [Self; 3] = [Self::Global, Self::Account, Self::Sender];

    /// From its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }
}

/// The scopes of the stops to record: never none, each once. `accounts` are those the STOP may be meant for; `senders` the
/// fingerprints of the sources of the messages it may answer, as far as they are known.
pub fn scopes(wanted: StopScope, accounts: &[NameId], senders: &[u64]) -> Vec<Scope> {
    let each: Vec<Scope> = match (wanted, senders, accounts) {
        (StopScope::Sender, [_, ..], _) => senders.iter().map(|sender| Scope::Sender(*sender)).collect(),
        (StopScope::Global, _, _) | (StopScope::Account | StopScope::Sender, _, []) => vec![Scope::Global],
        (StopScope::Account | StopScope::Sender, _, [_, ..]) => {
            accounts.iter().map(|account| Scope::Account(*account)).collect()
        }
    };
    let mut once = Vec::with_capacity(each.len());
    for scope in each {
        if !once.contains(&scope) {
            once.push(scope);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_makes_a_stop_reach_further() {
        let (a, b) = (NameId(1), NameId(2));
        let both = vec![Scope::Account(a), Scope::Account(b)];
        for (wanted, accounts, senders, expected) in [
            (StopScope::Global, &[a, b][..], &[9][..], vec![Scope::Global]),
            (StopScope::Account, &[a, b], &[9], both.clone()),
            (StopScope::Account, &[], &[9], vec![Scope::Global]),
            (StopScope::Sender, &[a, b], &[9], vec![Scope::Sender(9)]),
            (StopScope::Sender, &[a, b], &[9, 8, 9], vec![Scope::Sender(9), Scope::Sender(8)]),
            (StopScope::Sender, &[a, b], &[], both),
            (StopScope::Sender, &[], &[], vec![Scope::Global]),
        ] {
            assert_eq!(scopes(wanted, accounts, senders), expected, "{wanted:?} {accounts:?} {senders:?}");
        }
        assert!(StopScope::Global > StopScope::Account && StopScope::Account > StopScope::Sender);
        for scope in StopScope::ALL {
            assert_eq!(StopScope::of(scope.word()), Some(scope));
        }
    }
}
