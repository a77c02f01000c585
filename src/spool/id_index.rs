//! Owns the memory of which account submitted the message of an id: a bounded number of generations, the oldest forgotten first.
//! Must never guess: an id that fits two accounts is ambiguous, and one whose number differs is not found.

use super::message_id::IdHash;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

/// How long an id is remembered (protocol.md).
pub const ID_SPAN: Duration = Duration::from_secs(7 * 24 * 3600);
/// A generation ends with its day (seven whole days and two parts of days are nine), or when it holds its share of the capacity.
const GENERATIONS: usize = 9;
const DAY_S: i64 = 86_400;
/// Ids of one generation that were recorded for more than one message.
const REPEATED_MAX: usize = 65_536;

/// One submission that an operator accepted: 24 octets, on disk and (with the table's overhead) 29 to 57 in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    pub id: IdHash,
    pub account: NameId,
    /// The first 64 bits of the destination's tag.
    pub destination: u64,
    /// Seconds since the Unix epoch.
    pub at_s: u32,
}

/// Whose message it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub account: NameId,
    /// When its submission was answered, to the second.
    pub submitted_at: CivilInstant,
}

/// What is known about an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    One(Owner),
    /// Two accounts have sent a message of this id to this number: never guessed.
    Ambiguous,
    Unknown,
}

#[derive(Clone, Copy)]
struct Entry {
    account: NameId,
    at_s: u32,
    destination: u64,
}

/// The keys are keyed hashes already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

type Table<V> = HashMap<u64, V, BuildHasherDefault<AsItIs>>;

#[derive(Default)]
struct Generation {
    day: i64,
    entries: Table<Entry>,
    /// Further messages of an id that `entries` holds.
    repeated: Table<Vec<Entry>>,
    repeats: usize,
    newest_s: u32,
    /// The journal's number of the first record of this generation.
    first_record: u64,
}

/// The memory. Bounded by `capacity` entries, however long seven days may be.
pub struct IdIndex {
    generations: VecDeque<Generation>,
    share: usize,
    /// Entries forgotten before their seven days because the capacity was reached.
    forgotten_early: u64,
}

impl IdIndex {
    /// For at most `capacity` entries (at least 9).
    pub fn new(capacity: usize) -> Self {
        Self { generations: VecDeque::new(), share: (capacity / GENERATIONS).max(1), forgotten_early: 0 }
    }

    /// How many entries are held.
    pub fn len(&self) -> usize {
        self.generations.iter().map(|generation| generation.entries.len() + generation.repeats).sum()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries were forgotten before their time because the memory was full.
    pub fn forgotten_early(&self) -> u64 {
        self.forgotten_early
    }

    /// Remembers a submission; `record` is its number in the journal.
    pub fn insert(&mut self, submitted: Submitted, record: u64) {
        let day = i64::from(submitted.at_s) / DAY_S;
        let fits = self.generations.back().is_some_and(|last| last.day >= day && last.entries.len() < self.share);
        if !fits {
            self.generations.push_back(Generation { day, first_record: record, ..Generation::default() });
            if self.generations.len() > GENERATIONS {
                let oldest = self.generations.pop_front().map_or(0, |oldest| oldest.entries.len() + oldest.repeats);
                self.forgotten_early += oldest as u64;
            }
        }
        let Some(generation) = self.generations.back_mut() else { return };
        generation.newest_s = generation.newest_s.max(submitted.at_s);
        let entry = Entry { account: submitted.account, at_s: submitted.at_s, destination: submitted.destination };
        match generation.entries.entry(submitted.id.0) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(entry);
            }
            std::collections::hash_map::Entry::Occupied(mut first) => {
                let same = |other: &Entry| other.account == entry.account && other.destination == entry.destination;
                if same(first.get()) {
                    *first.get_mut() = entry;
                } else if generation.repeats < REPEATED_MAX {
                    generation.repeated.entry(submitted.id.0).or_default().push(entry);
                    generation.repeats += 1;
                } else {
                    self.forgotten_early += 1;
                }
            }
        }
    }

    /// Forgets generations whose newest entry is past its seven days; returns the journal's number before which nothing is needed.
    pub fn expire(&mut self, now: CivilInstant) -> Option<u64> {
        let dead = |generation: &Generation| now.since(CivilInstant::from_secs(generation.newest_s.into())) > ID_SPAN;
        while self.generations.front().is_some_and(dead) {
            self.generations.pop_front();
        }
        self.generations.front().map(|generation| generation.first_record)
    }

    /// Whose message to this `destination` has one of these ids: the first candidate that has any such message decides.
    pub fn find(&self, candidates: [Option<IdHash>; 2], destination: impl Fn(u64) -> bool, now: CivilInstant) -> Match {
        for candidate in candidates.into_iter().flatten() {
            let mut owner: Option<Entry> = None;
            for entry in self.entries(candidate, now).filter(|entry| destination(entry.destination)) {
                match owner {
                    Some(other) if other.account != entry.account => return Match::Ambiguous,
                    Some(other) if other.at_s >= entry.at_s => {}
                    Some(_) | None => owner = Some(entry),
                }
            }
            if let Some(entry) = owner {
                let submitted_at = CivilInstant::from_secs(entry.at_s.into());
                return Match::One(Owner { account: entry.account, submitted_at });
            }
        }
        Match::Unknown
    }

    /// Whether `account` has sent a message of this id, and no other account has: what query_sm and cancel_sm need to know.
    pub fn belongs_to(&self, id: IdHash, account: NameId, now: CivilInstant) -> bool {
        let mut any = false;
        let all = self.entries(id, now).all(|entry| {
            any = true;
            entry.account == account
        });
        any && all
    }

    fn entries(&self, id: IdHash, now: CivilInstant) -> impl Iterator<Item = Entry> {
        let alive = move |entry: &Entry| now.since(CivilInstant::from_secs(entry.at_s.into())) <= ID_SPAN;
        self.generations
            .iter()
            .rev()
            .flat_map(move |generation| {
                let more = generation.repeated.get(&id.0).into_iter().flatten();
                generation.entries.get(&id.0).into_iter().chain(more).copied()
            })
            .filter(alive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(day: i64) -> CivilInstant {
        CivilInstant::from_secs(1_790_000_000 + day * DAY_S)
    }

    fn submitted(id: u64, account: u32, destination: u64, at: CivilInstant) -> Submitted {
        Submitted { id: IdHash(id), account: NameId(account), destination, at_s: at.as_secs() as u32 }
    }

    fn account_of(found: Match) -> Option<u32> {
        match found {
            Match::One(owner) => Some(owner.account.0),
            Match::Ambiguous | Match::Unknown => None,
        }
    }

    #[test]
    fn the_number_decides_between_messages_of_one_id_and_two_accounts_are_ambiguous() {
        let mut index = IdIndex::new(100);
        index.insert(submitted(1, 10, 111, day(0)), 0);
        index.insert(submitted(1, 20, 222, day(0)), 1);
        index.insert(submitted(1, 20, 222, day(1)), 2);
        let find =
            |index: &IdIndex, destination| index.find([Some(IdHash(1)), None], |prefix| prefix == destination, day(1));
        assert_eq!(account_of(find(&index, 111)), Some(10));
        assert_eq!(account_of(find(&index, 222)), Some(20));
        assert_eq!(find(&index, 333), Match::Unknown);
        assert!(!index.belongs_to(IdHash(1), NameId(10), day(1)), "another account has that id too");
        index.insert(submitted(1, 30, 222, day(1)), 3);
        assert_eq!(find(&index, 222), Match::Ambiguous);
    }

    #[test]
    fn the_exact_id_goes_before_the_converted_one() {
        let mut index = IdIndex::new(100);
        index.insert(submitted(1, 10, 111, day(0)), 0);
        index.insert(submitted(2, 20, 111, day(0)), 1);
        let find = |a, b| account_of(index.find([Some(IdHash(a)), Some(IdHash(b))], |prefix| prefix == 111, day(0)));
        assert_eq!((find(1, 2), find(2, 1), find(9, 2)), (Some(10), Some(20), Some(20)));
        assert!(index.belongs_to(IdHash(1), NameId(10), day(0)) && !index.belongs_to(IdHash(9), NameId(10), day(0)));
    }

    #[test]
    fn an_id_is_forgotten_after_seven_days_and_tells_what_the_journal_may_drop() {
        let mut index = IdIndex::new(800);
        for n in 0..12 {
            index.insert(submitted(n as u64, 1, 5, day(n)), 100 + n as u64);
            index.expire(day(n));
        }
        assert_eq!(index.find([Some(IdHash(3)), None], |prefix| prefix == 5, day(11)), Match::Unknown);
        assert_eq!(account_of(index.find([Some(IdHash(4)), None], |prefix| prefix == 5, day(11))), Some(1));
        assert_eq!(index.expire(day(11)), Some(104));
        assert_eq!(index.expire(day(40)), None);
        assert!(index.is_empty());
        assert_eq!(index.forgotten_early(), 0);
    }

    proptest! {
        #[test]
        fn it_is_bounded_and_right_about_the_newest(capacity in 9usize..200, ids in prop::collection::vec((0u64..50, 0u32..3, 0u64..3), 1..600)) {
            let mut index = IdIndex::new(capacity);
            let kept = capacity / GENERATIONS;
            let mut last = Vec::new();
            for (n, (id, account, destination)) in ids.into_iter().enumerate() {
                index.insert(submitted(id, account, destination, day(0)), n as u64);
                last.push((id, account, destination));
            }
            prop_assert!(index.generations.len() <= GENERATIONS);
            prop_assert!(index.generations.iter().all(|generation| generation.entries.len() <= kept));
            for (id, account, destination) in last.iter().rev().take(kept) {
                let owners: std::collections::BTreeSet<_> =
                    last.iter().filter(|l| l.0 == *id && l.2 == *destination).map(|l| l.1).collect();
                match index.find([Some(IdHash(*id)), None], |prefix| prefix == *destination, day(0)) {
                    Match::One(owner) => prop_assert_eq!(owner.account.0, *account),
                    Match::Ambiguous => prop_assert!(owners.len() > 1),
                    Match::Unknown => prop_assert!(false, "a recent id is known"),
                }
            }
        }
    }
}
