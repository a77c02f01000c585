//! Owns the receipts that arrive before the answer to their submit: parked for ten seconds, found by the id they wait for.
//! Must never hold more than its bound, nor decide whose they are.

use super::message_id::IdHash;
use crate::message::instant::MonotonicInstant;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How long a receipt waits for its submit response (protocol.md).
pub const EARLY_SPAN: Duration = Duration::from_secs(10);

struct Parked<T> {
    candidates: [Option<IdHash>; 2],
    since: MonotonicInstant,
    item: T,
}

/// Receipts whose message is not known yet.
pub struct Early<T> {
    parked: BTreeMap<u64, Parked<T>>,
    by_id: HashMap<IdHash, Vec<u64>>,
    next: u64,
    capacity: usize,
}

impl<T> Early<T> {
    /// For at most `capacity` receipts.
    pub fn new(capacity: usize) -> Self {
        Self { parked: BTreeMap::new(), by_id: HashMap::new(), next: 0, capacity }
    }

    /// How many are parked.
    pub fn len(&self) -> usize {
        self.parked.len()
    }

    /// Whether none is parked.
    pub fn is_empty(&self) -> bool {
        self.parked.is_empty()
    }

    /// Parks a receipt; gives it back when there is no room, to be answered as one that is not matched.
    pub fn park(&mut self, candidates: [Option<IdHash>; 2], item: T, now: MonotonicInstant) -> Result<(), T> {
        if self.parked.len() >= self.capacity {
            return Err(item);
        }
        let place = self.next;
        self.next += 1;
        for id in candidates.into_iter().flatten() {
            self.by_id.entry(id).or_default().push(place);
        }
        self.parked.insert(place, Parked { candidates, since: now, item });
        Ok(())
    }

    /// A submission of this id was recorded: hands over the receipts that wait for it.
    /// A look at an empty table when nothing is parked, which is nearly always.
    pub fn arrived(&mut self, id: IdHash, mut found: impl FnMut(T)) {
        if self.by_id.is_empty() {
            return;
        }
        for place in self.by_id.get(&id).cloned().unwrap_or_default() {
            if let Some(parked) = self.take(place) {
                found(parked);
            }
        }
    }

    /// Hands over what has waited in vain, the oldest first.
    pub fn expire(&mut self, now: MonotonicInstant, mut expired: impl FnMut(T)) {
        while let Some((&place, parked)) = self.parked.first_key_value() {
            if now < parked.since.plus(EARLY_SPAN) {
                return;
            }
            if let Some(item) = self.take(place) {
                expired(item);
            }
        }
    }

    /// When the oldest has waited long enough.
    pub fn next_deadline(&self) -> Option<MonotonicInstant> {
        self.parked.first_key_value().map(|(_, parked)| parked.since.plus(EARLY_SPAN))
    }

    fn take(&mut self, place: u64) -> Option<T> {
        let parked = self.parked.remove(&place)?;
        for id in parked.candidates.into_iter().flatten() {
            if let Some(places) = self.by_id.get_mut(&id) {
                places.retain(|other| *other != place);
                if places.is_empty() {
                    self.by_id.remove(&id);
                }
            }
        }
        Some(parked.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_receipt_waits_for_any_of_its_ids_and_is_handed_over_once() {
        let mut early = Early::new(3);
        early.park([Some(IdHash(1)), Some(IdHash(2))], "both", at(0)).unwrap();
        early.park([Some(IdHash(2)), None], "second", at(4)).unwrap();
        early.park([None, None], "nameless", at(5)).unwrap();
        assert_eq!(early.park([Some(IdHash(9)), None], "too many", at(5)), Err("too many"));
        let mut found = Vec::new();
        early.arrived(IdHash(7), |item| found.push(item));
        early.arrived(IdHash(2), |item| found.push(item));
        early.arrived(IdHash(1), |item| found.push(item));
        assert_eq!(found, ["both", "second"]);
        assert_eq!(early.next_deadline(), Some(at(15)));
        early.expire(at(15), |item| found.push(item));
        assert_eq!(found, ["both", "second", "nameless"]);
        assert!(early.is_empty() && early.by_id.is_empty());
    }

    #[test]
    fn waiting_ends_after_ten_seconds() {
        let mut early = Early::new(3);
        early.park([Some(IdHash(1)), None], 1, at(0)).unwrap();
        early.park([Some(IdHash(1)), None], 2, at(1)).unwrap();
        let mut gone = Vec::new();
        early.expire(at(9), |item| gone.push(item));
        assert!(gone.is_empty());
        early.expire(at(10), |item| gone.push(item));
        assert_eq!((gone, early.len()), (vec![1], 1));
    }
}
