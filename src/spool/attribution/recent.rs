//! Owns the facts that are in memory: those since the last file was written.
//! Must never keep the fact of a message that was taken back, nor more than sixteen of one key.

use super::super::id_index::AsItIs;
use super::written::{ACCOUNTS_MAX, Written};
use crate::message::name::NameId;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// No slot.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Slot {
    fact: Written,
    message_ref: u64,
    /// The slot of another account's fact of the same key.
    next: u32,
}

/// The facts of the verdicts `from..to`.
#[derive(Default)]
pub struct Recent {
    pub from: u64,
    pub to: u64,
    slots: Vec<Slot>,
    heads: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
}

impl Recent {
    /// Nothing yet, from this verdict on.
    pub fn new(from: u64) -> Self {
        Self { from, to: from, ..Self::default() }
    }

    /// Facts held.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Takes a fact; the account's older one gives way. `message_ref` names the message.
    pub fn add(&mut self, fact: Written, message_ref: u64) {
        let head = self.heads.get(&fact.key).copied().unwrap_or(NONE);
        let (mut at, mut accounts, mut oldest) = (head, 0, head);
        while let Some(slot) = self.slots.get_mut(at as usize) {
            if slot.fact.account == fact.account || slot.fact.account == NameId::NONE {
                (slot.fact, slot.message_ref) = (fact, message_ref);
                return;
            }
            accounts += 1;
            let verdict = slot.fact.verdict;
            let next = slot.next;
            if self.slots[oldest as usize].fact.verdict > verdict {
                oldest = at;
            }
            at = next;
        }
        if accounts >= ACCOUNTS_MAX {
            let slot = &mut self.slots[oldest as usize];
            (slot.fact, slot.message_ref) = (fact, message_ref);
            return;
        }
        self.heads.insert(fact.key, self.slots.len() as u32);
        self.slots.push(Slot { fact, message_ref, next: head });
    }

    /// The message was taken back before it left: it is nothing that can be answered.
    pub fn withdraw(&mut self, key: u64, account: NameId, message_ref: u64) {
        let mut at = self.heads.get(&key).copied().unwrap_or(NONE);
        while let Some(slot) = self.slots.get_mut(at as usize) {
            if slot.fact.account == account && slot.message_ref == message_ref {
                slot.fact.account = NameId::NONE;
            }
            at = slot.next;
        }
    }

    /// Adds the facts of a key to `found`.
    pub fn find(&self, key: u64, found: &mut Vec<Written>) {
        let mut at = self.heads.get(&key).copied().unwrap_or(NONE);
        while let Some(slot) = self.slots.get(at as usize) {
            if slot.fact.account != NameId::NONE {
                found.push(slot.fact);
            }
            at = slot.next;
        }
    }

    /// All facts in the order of a file: by key, the newest of a key first.
    pub fn sorted(&self) -> Vec<Written> {
        let live = self.slots.iter().map(|slot| slot.fact).filter(|fact| fact.account != NameId::NONE);
        let mut all: Vec<Written> = live.collect();
        all.sort_unstable_by_key(|fact| (fact.key, u64::MAX - fact.verdict));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(key: u64, account: u32, verdict: u64) -> Written {
        Written { key, account: NameId(account), sender: 2, campaign: 3, verdict, at_s: 1_800_000_000 }
    }

    fn accounts(recent: &Recent, key: u64) -> Vec<(u32, u64)> {
        let mut found = Vec::new();
        recent.find(key, &mut found);
        let mut accounts: Vec<_> = found.iter().map(|fact| (fact.account.0, fact.verdict)).collect();
        accounts.sort_unstable();
        accounts
    }

    #[test]
    fn an_account_has_one_fact_a_key_and_a_withdrawn_message_none() {
        let mut recent = Recent::new(0);
        for (account, verdict) in [(1, 1), (2, 2), (1, 3)] {
            recent.add(fact(7, account, verdict), verdict);
        }
        assert_eq!((accounts(&recent, 7), recent.len()), (vec![(1, 3), (2, 2)], 2));
        recent.withdraw(7, NameId(1), 1);
        assert_eq!(accounts(&recent, 7), [(1, 3), (2, 2)], "an older message of the same account");
        recent.withdraw(7, NameId(1), 3);
        assert_eq!(accounts(&recent, 7), [(2, 2)]);
        assert_eq!(recent.sorted(), [fact(7, 2, 2)]);
        recent.add(fact(7, 3, 4), 4);
        assert_eq!((accounts(&recent, 7), recent.len()), (vec![(2, 2), (3, 4)], 2), "the slot is used again");
        assert_eq!(accounts(&recent, 8), []);
    }

    #[test]
    fn of_too_many_accounts_the_oldest_give_way() {
        let mut recent = Recent::new(0);
        for account in 1..=20 {
            recent.add(fact(7, account, account.into()), 0);
        }
        let kept = accounts(&recent, 7);
        assert_eq!((kept.len(), kept[0].0, recent.len()), (ACCOUNTS_MAX, 5, ACCOUNTS_MAX));
    }
}
