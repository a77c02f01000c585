//! Owns the order in which what waits is replayed to each account: messages from people before receipts, each oldest first.
//! Must never hold the octets: only where they stand.

use crate::message::instant::{CivilInstant, MonotonicInstant};
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::collections::{BTreeMap, HashMap};

/// What waits. The order of the variants is the order of replay: a STOP never stands behind receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ItemKind {
    /// A message from a person.
    Mo = 1,
    /// A delivery receipt.
    Receipt = 2,
}

impl ItemKind {
    /// From its octet on disk.
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Mo),
            2 => Some(Self::Receipt),
            _ => None,
        }
    }

    const fn lane(self) -> usize {
        match self {
            Self::Mo => 0,
            Self::Receipt => 1,
        }
    }
}

/// Names an item that waits, for as long as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    pub account: NameId,
    pub id: u64,
}

/// What is known about an item without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub kind: ItemKind,
    /// The tag of the person's number, for access and erasure.
    pub tag: NumberTag,
    pub pushed: CivilInstant,
    /// Its record in the journal; `u64::MAX` until it is written.
    pub record: u64,
}

/// How an account's items stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShelfCounts {
    /// Ready for replay.
    pub waiting: usize,
    /// Handed out, neither done nor put back.
    pub out: usize,
    /// To be tried again later.
    pub delayed: usize,
}

#[derive(Default)]
struct Shelf {
    waiting: [BTreeMap<u64, Item>; 2],
    out: BTreeMap<u64, Item>,
    delayed: BTreeMap<u64, (MonotonicInstant, Item)>,
    /// No earlier than this is anything in `delayed` due.
    next_due: Option<MonotonicInstant>,
}

impl Shelf {
    fn len(&self) -> usize {
        self.waiting.iter().map(BTreeMap::len).sum::<usize>() + self.out.len() + self.delayed.len()
    }

    fn remove(&mut self, id: u64) -> Option<Item> {
        let [mos, receipts] = &mut self.waiting;
        let waiting = mos.remove(&id).or_else(|| receipts.remove(&id));
        waiting.or_else(|| self.out.remove(&id)).or_else(|| self.delayed.remove(&id).map(|(_, item)| item))
    }

    fn wake(&mut self, now: MonotonicInstant) {
        if self.next_due.is_none_or(|due| now < due) {
            return;
        }
        for (id, (_, item)) in self.delayed.extract_if(.., |_, (due, _)| *due <= now) {
            self.waiting[item.kind.lane()].insert(id, item);
        }
        self.next_due = self.delayed.values().map(|(due, _)| *due).min();
    }

    fn iter(&self) -> impl Iterator<Item = (u64, &Item)> {
        let waiting = self.waiting.iter().flatten().map(|(id, item)| (*id, item));
        let out = self.out.iter().map(|(id, item)| (*id, item));
        waiting.chain(out).chain(self.delayed.iter().map(|(id, (_, item))| (*id, item)))
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Item> {
        let [mos, receipts] = &mut self.waiting;
        let waiting = mos.get_mut(&id).or_else(|| receipts.get_mut(&id));
        waiting.or_else(|| self.out.get_mut(&id)).or_else(|| self.delayed.get_mut(&id).map(|(_, item)| item))
    }
}

/// The items of every account.
#[derive(Default)]
pub struct Shelves {
    accounts: HashMap<NameId, Shelf>,
    len: usize,
}

impl Shelves {
    /// How many items there are in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many items an account has, in whatever state.
    pub fn account_len(&self, account: NameId) -> usize {
        self.accounts.get(&account).map_or(0, Shelf::len)
    }

    /// How an account's items stand.
    pub fn counts(&self, account: NameId) -> ShelfCounts {
        self.accounts.get(&account).map_or(ShelfCounts::default(), |shelf| ShelfCounts {
            waiting: shelf.waiting.iter().map(BTreeMap::len).sum(),
            out: shelf.out.len(),
            delayed: shelf.delayed.len(),
        })
    }

    /// Every account that has something.
    pub fn accounts(&self) -> impl Iterator<Item = NameId> {
        self.accounts.iter().filter(|(_, shelf)| shelf.len() > 0).map(|(account, _)| *account)
    }

    /// Adds an item that waits. An item of the same ticket is replaced (a record that was copied).
    pub fn insert(&mut self, ticket: Ticket, item: Item) {
        let shelf = self.accounts.entry(ticket.account).or_default();
        if shelf.remove(ticket.id).is_none() {
            self.len += 1;
        }
        shelf.waiting[item.kind.lane()].insert(ticket.id, item);
    }

    /// Says where an item stands in the journal.
    pub fn place(&mut self, ticket: Ticket, record: u64) {
        if let Some(item) = self.accounts.get_mut(&ticket.account).and_then(|shelf| shelf.get_mut(ticket.id)) {
            item.record = record;
        }
    }

    /// Hands out the next item of an account whose ticket is at most `upto`: messages before receipts, oldest first.
    pub fn next(&mut self, account: NameId, upto: u64, now: MonotonicInstant) -> Option<(Ticket, Item)> {
        let shelf = self.accounts.get_mut(&account)?;
        shelf.wake(now);
        for lane in &mut shelf.waiting {
            if let Some(first) = lane.first_entry().filter(|entry| *entry.key() <= upto) {
                let (id, item) = first.remove_entry();
                shelf.out.insert(id, item);
                return Some((Ticket { account, id }, item));
            }
        }
        None
    }

    /// Takes an item out of those that wait, as `next` does.
    pub fn hand_out(&mut self, ticket: Ticket) {
        let Some(shelf) = self.accounts.get_mut(&ticket.account) else { return };
        if let Some(item) = shelf.waiting.iter_mut().find_map(|lane| lane.remove(&ticket.id)) {
            shelf.out.insert(ticket.id, item);
        }
    }

    /// The item is over, in whatever state it is: takes it away.
    pub fn remove(&mut self, ticket: Ticket) -> Option<Item> {
        let item = self.accounts.get_mut(&ticket.account)?.remove(ticket.id)?;
        self.len -= 1;
        Some(item)
    }

    /// Puts an item that was handed out back, not to be handed out again before `due`.
    pub fn delay(&mut self, ticket: Ticket, due: MonotonicInstant) {
        let Some(shelf) = self.accounts.get_mut(&ticket.account) else { return };
        if let Some(item) = shelf.out.remove(&ticket.id) {
            shelf.delayed.insert(ticket.id, (due, item));
            shelf.next_due = Some(shelf.next_due.map_or(due, |other| other.min(due)));
        }
    }

    /// Puts an item that was handed out back in its place.
    pub fn put_back(&mut self, ticket: Ticket) {
        let Some(shelf) = self.accounts.get_mut(&ticket.account) else { return };
        if let Some(item) = shelf.out.remove(&ticket.id) {
            shelf.waiting[item.kind.lane()].insert(ticket.id, item);
        }
    }

    /// Puts everything that was handed out to an account back: its session is gone.
    pub fn put_all_back(&mut self, account: NameId) {
        let Some(shelf) = self.accounts.get_mut(&account) else { return };
        for (id, item) in std::mem::take(&mut shelf.out) {
            shelf.waiting[item.kind.lane()].insert(id, item);
        }
    }

    /// The item of a ticket, in whatever state.
    pub fn get(&mut self, ticket: Ticket) -> Option<Item> {
        self.accounts.get_mut(&ticket.account)?.get_mut(ticket.id).copied()
    }

    /// The tickets of what was pushed before `instant`. Looks at the oldest of each account only.
    pub fn older_than(&self, instant: CivilInstant) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        for (account, shelf) in &self.accounts {
            let old = |(_, item): &(&u64, &Item)| item.pushed < instant;
            let [mos, receipts] = &shelf.waiting;
            let waiting = mos.iter().take_while(old).chain(receipts.iter().take_while(old)).map(|(id, _)| *id);
            let out = shelf.out.iter().take_while(old).map(|(id, _)| *id);
            let delayed = shelf.delayed.iter().filter(|(_, (_, item))| item.pushed < instant).map(|(id, _)| *id);
            tickets.extend(waiting.chain(out).chain(delayed).map(|id| Ticket { account: *account, id }));
        }
        tickets
    }

    /// When the first delayed item of an account is due.
    pub fn next_due(&self, account: NameId) -> Option<MonotonicInstant> {
        self.accounts.get(&account)?.next_due
    }

    /// Every item, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Ticket, &Item)> {
        self.accounts
            .iter()
            .flat_map(|(account, shelf)| shelf.iter().map(|(id, item)| (Ticket { account: *account, id }, item)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: NameId = NameId(1);

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_nanos(seconds * 1_000_000_000)
    }

    fn shelves(kinds: &[ItemKind]) -> Shelves {
        let mut shelves = Shelves::default();
        for (id, kind) in kinds.iter().enumerate() {
            let item = Item { kind: *kind, tag: NumberTag::default(), pushed: CivilInstant::default(), record: 0 };
            shelves.insert(Ticket { account: ACME, id: id as u64 }, item);
        }
        shelves
    }

    fn ids(shelves: &mut Shelves, now: MonotonicInstant) -> Vec<u64> {
        std::iter::from_fn(|| shelves.next(ACME, u64::MAX, now)).map(|(ticket, _)| ticket.id).collect()
    }

    use ItemKind::{Mo, Receipt};

    #[test]
    fn messages_go_before_receipts_and_each_in_order() {
        let mut shelves = shelves(&[Receipt, Mo, Receipt, Mo]);
        assert_eq!(ids(&mut shelves, at(0)), [1, 3, 0, 2]);
        assert_eq!(shelves.counts(ACME), ShelfCounts { waiting: 0, out: 4, delayed: 0 });
        for id in [2, 1] {
            shelves.put_back(Ticket { account: ACME, id });
        }
        shelves.put_back(Ticket { account: ACME, id: 9 });
        assert_eq!(ids(&mut shelves, at(0)), [1, 2], "what was handed out comes back in its place");
        assert!(shelves.remove(Ticket { account: ACME, id: 0 }).is_some());
        assert!(shelves.remove(Ticket { account: ACME, id: 0 }).is_none());
        assert_eq!(shelves.len(), 3);
    }

    #[test]
    fn what_is_not_written_yet_is_not_handed_out() {
        let mut shelves = shelves(&[Receipt, Receipt, Receipt]);
        assert_eq!(shelves.next(ACME, 1, at(0)).map(|(ticket, _)| ticket.id), Some(0));
        assert_eq!(shelves.next(ACME, 1, at(0)).map(|(ticket, _)| ticket.id), Some(1));
        assert_eq!(shelves.next(ACME, 1, at(0)), None);
    }

    #[test]
    fn a_delayed_item_lets_the_others_pass_and_returns_when_due() {
        let mut shelves = shelves(&[Receipt, Receipt, Receipt]);
        ids(&mut shelves, at(0));
        shelves.delay(Ticket { account: ACME, id: 1 }, at(30));
        shelves.delay(Ticket { account: ACME, id: 0 }, at(10));
        assert_eq!(shelves.next_due(ACME), Some(at(10)));
        assert!(ids(&mut shelves, at(9)).is_empty());
        assert_eq!(ids(&mut shelves, at(10)), [0]);
        assert_eq!(shelves.next_due(ACME), Some(at(30)));
        assert_eq!(ids(&mut shelves, at(31)), [1]);
        assert_eq!(shelves.accounts().collect::<Vec<_>>(), [ACME]);
        assert_eq!((shelves.iter().count(), shelves.account_len(ACME)), (3, 3));
    }
}
