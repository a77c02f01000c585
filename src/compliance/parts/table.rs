//! Owns the table of sets: bounded in sets and octets, one for all lanes, forgetting by age.
//! Must never forget an incomplete set to make room: a full table is said, and the part refused.

use super::set::Set;
use super::{Key, Part, Pinned, Standing, read_joined};
use crate::compliance::class::TrafficClass;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::text::Alphabet;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How long the texts of a set are kept after its first part.
pub const TEXTS_KEPT: Duration = Duration::from_secs(10 * 60);
/// How long it is kept which parts were forwarded; complete sets give way earlier where room is needed.
pub const FORWARDED_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Sets at once.
pub const SETS_MAX: usize = 262_144;
/// Octets of text at once, with 64 a part for its book-keeping.
pub const OCTETS_MAX: usize = 96 << 20;

/// Sets in the order in which they began.
type Queue = VecDeque<(CivilInstant, Key)>;

/// What is known of the parts forwarded.
pub struct Table {
    sets: HashMap<Key, Set>,
    /// Every set stands in exactly one queue: with texts, then complete or not.
    fresh: Queue,
    complete: Queue,
    incomplete: Queue,
    octets: usize,
    sets_max: usize,
    octets_max: usize,
    /// Commercial sets that were not complete when their texts were forgotten, by account, until they are counted.
    given_up: HashMap<NameId, u64>,
}

impl Default for Table {
    fn default() -> Self {
        Self::new(SETS_MAX, OCTETS_MAX)
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} sets, {} octets)", self.sets.len(), self.octets)
    }
}

impl Table {
    /// An empty table with these bounds.
    pub fn new(sets_max: usize, octets_max: usize) -> Self {
        Self {
            sets: HashMap::new(),
            fresh: Queue::new(),
            complete: Queue::new(),
            incomplete: Queue::new(),
            octets: 0,
            sets_max,
            octets_max,
            given_up: HashMap::new(),
        }
    }

    /// Sets known.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether no set is known.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Octets held.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// How many commercial sets of an account were given up as incomplete since the last call.
    pub fn take_given_up(&mut self, account: NameId) -> u64 {
        self.given_up.remove(&account).unwrap_or(0)
    }

    /// Forgets what is over at `now`.
    pub fn sweep(&mut self, now: CivilInstant) {
        while let Some(key) = due(&mut self.fresh, now, TEXTS_KEPT) {
            let Some(set) = self.sets.get_mut(&key) else { continue };
            let before = set.cost();
            for part in &mut set.parts {
                part.octets = None;
            }
            self.octets -= before - set.cost();
            if set.is_complete() {
                self.complete.push_back((set.began, key));
            } else if set.is_empty() {
                self.sets.remove(&key);
            } else {
                if set.pinned.class == Some(TrafficClass::Commercial) {
                    *self.given_up.entry(set.account).or_default() += 1;
                }
                self.incomplete.push_back((set.began, key));
            }
        }
        while let Some(key) = due(&mut self.complete, now, FORWARDED_KEPT) {
            self.remove(&key);
        }
        while let Some(key) = due(&mut self.incomplete, now, FORWARDED_KEPT) {
            self.remove(&key);
        }
    }

    /// What a part is to its set, and what was settled with that.
    pub(super) fn look(&self, part: &Part<'_>) -> (Standing, Pinned) {
        match self.sets.get(&part.key).filter(|set| !set.is_empty()) {
            None => (Standing::Begins, Pinned::default()),
            Some(set) => match set.standing(part) {
                Standing::Foreign => (Standing::Foreign, Pinned::default()),
                standing => (standing, set.pinned.clone()),
            },
        }
    }

    /// Whether the part can be taken in; complete sets whose texts are gone give way for it, the oldest first.
    pub(super) fn make_room(&mut self, part: &Part<'_>) -> bool {
        let sets = usize::from(!self.sets.contains_key(&part.key));
        let octets = part.octets.len() + super::set::PART_COST;
        while self.sets.len() + sets > self.sets_max || self.octets + octets > self.octets_max {
            // The part's own set stays: it is what the part was looked up by.
            if self.complete.front().is_none_or(|(_, key)| *key == part.key) {
                return false;
            }
            if let Some((_, key)) = self.complete.pop_front() {
                self.remove(&key);
            }
        }
        true
    }

    /// The whole text with this part in its place.
    pub(super) fn join(&self, part: &Part<'_>, alphabet: Alphabet) -> Option<String> {
        let set = self.sets.get(&part.key)?;
        let others = set.parts.iter().filter(|known| known.number != part.number);
        let mut all: Vec<(u8, u8, &[u8])> = others
            .filter_map(|known| Some((known.number, known.data_coding, known.octets.as_deref()?)))
            .chain([(part.number, part.data_coding, part.octets)])
            .collect();
        all.sort_unstable_by_key(|(number, ..)| *number);
        read_joined(all.iter().map(|(_, data_coding, octets)| (*data_coding, *octets)), alphabet)
    }

    /// Counts a part as forwarded.
    pub(super) fn permit(&mut self, part: &Part<'_>, pinned: Pinned, now: CivilInstant) {
        self.in_set(part.key, part.account, pinned, now, |set| {
            let keep_text = now.since(set.began) < TEXTS_KEPT;
            set.permit(part, keep_text);
        });
    }

    /// Counts a part as forwarded that the record of a verdict names: `pinned` without its pack, `at` the record's instant.
    pub fn restore(&mut self, key: Key, number: u8, account: NameId, pinned: Pinned, at: CivilInstant) {
        if self.sets.contains_key(&key) || self.sets.len() < self.sets_max {
            self.in_set(key, account, pinned, at, |set| set.restore(number));
        }
    }

    /// A permitted part did not leave after all.
    pub fn take_back(&mut self, key: &Key, number: u8) {
        if let Some(set) = self.sets.get_mut(key) {
            let before = set.cost();
            set.take_back(number);
            self.octets -= before - set.cost();
        }
    }

    /// Changes a set, which begins here when it is not known or nothing of it was forwarded.
    fn in_set(&mut self, key: Key, account: NameId, pinned: Pinned, now: CivilInstant, change: impl FnOnce(&mut Set)) {
        let set = self.sets.entry(key).or_insert_with(|| {
            self.fresh.push_back((now, key));
            Set::new(account, key.total, pinned.clone(), now)
        });
        if set.is_empty() {
            (set.account, set.pinned) = (account, pinned);
        } else {
            set.tighten(pinned.class);
        }
        let before = set.cost();
        change(set);
        self.octets = self.octets - before + set.cost();
    }

    fn remove(&mut self, key: &Key) {
        if let Some(set) = self.sets.remove(key) {
            self.octets -= set.cost();
        }
    }
}

/// Takes the first set out whose time is over.
fn due(queue: &mut Queue, now: CivilInstant, kept: Duration) -> Option<Key> {
    let (_, key) = queue.pop_front_if(|(began, _)| now.since(*began) >= kept)?;
    Some(key)
}
