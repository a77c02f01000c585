//! Owns R-FREQ: how many commercial messages an account has written to a number lately, and whether one more may follow.
//! Must never count what did not leave, nor grow without bound: a full table refuses, it does not forget.

use super::class::TrafficClass;
use super::hours::Opening;
use super::pack::Pack;
use super::verdict::Ruling;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::segment::Segment;
use crate::message::tag::NumberTag;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

/// Messages counted at once, of all accounts: about 120 MiB.
pub const COUNTED_MAX: usize = 4_194_304;
/// The parts of a message come within this time, when only their records tell which belong together.
const PARTS_WITHIN: u64 = 600;

/// An account's cap: at most so many commercial messages to one number in any span of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    pub messages: u32,
    pub per: Duration,
}

/// As in "4 in 7d".
impl std::fmt::Display for Cap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.per.as_secs();
        match (seconds % 86_400, seconds % 3_600) {
            (0, _) => write!(f, "{} in {}d", self.messages, seconds / 86_400),
            (_, 0) => write!(f, "{} in {}h", self.messages, seconds / 3_600),
            (_, _) => write!(f, "{} in {seconds}s", self.messages),
        }
    }
}

/// Whether one more message may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Free,
    /// The cap is reached; from this instant on it is not, if nothing more leaves.
    Reached {
        until: CivilInstant,
    },
    /// Nothing more can be counted now.
    Full,
}

/// One message: the second it left at, and the lower bits of what names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub u64);

impl Mark {
    /// A message that left at `at`.
    pub fn new(at: CivilInstant, name: u32) -> Self {
        Self(second(at) << 32 | u64::from(name))
    }

    const fn second(self) -> u64 {
        self.0 >> 32
    }

    const fn name(self) -> u32 {
        self.0 as u32
    }
}

fn second(at: CivilInstant) -> u64 {
    at.as_secs().clamp(0, i64::from(u32::MAX)) as u64
}

/// What names a message in the counts: its reference in the ledger, or what its parts have in common.
pub fn name(segment: Option<Segment>, sender: u64, message_ref: u64) -> u32 {
    match segment.filter(|segment| segment.total > 1) {
        // The boot stands in its upper half: two messages of one second, one before and one after a restart, are two.
        None => (message_ref ^ message_ref >> 32) as u32,
        Some(segment) => {
            let parts = sender ^ u64::from(segment.reference) << 8 ^ u64::from(segment.total);
            (parts.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
        }
    }
}

/// Whether a ruling is about a message that is counted: a commercial one, with the part that it begins with.
pub fn counts(ruling: &Ruling) -> bool {
    ruling.class == TrafficClass::Commercial && ruling.set.is_none_or(|set| set.begins)
}

/// When a message that the cap refuses may leave: when the cap allows it and the hours are open.
pub fn next_chance(pack: &Pack, territory: u16, until: CivilInstant) -> Option<CivilInstant> {
    match pack.opening(territory, until) {
        Opening::Open { .. } => Some(until),
        Opening::Closed { next } => next,
    }
}

/// The counts of every account that has a cap. Adding a message twice counts it once.
#[derive(Debug, Default)]
pub struct Counts {
    accounts: HashMap<NameId, Counted>,
    len: usize,
}

#[derive(Debug)]
struct Counted {
    cap: Cap,
    /// Numbers (64 bits of their tags: a collision only refuses) and what was written to them.
    marks: BTreeSet<(u64, Mark)>,
}

impl Counts {
    /// Counts for these accounts from now on, and for no others.
    pub fn set_caps(&mut self, caps: &[(NameId, Cap)]) {
        self.accounts.retain(|account, _| caps.iter().any(|(capped, _)| capped == account));
        for (account, cap) in caps {
            self.accounts.entry(*account).or_insert_with(|| Counted { cap: *cap, marks: BTreeSet::new() }).cap = *cap;
        }
        self.len = self.accounts.values().map(|counted| counted.marks.len()).sum();
    }

    /// Whether no account has a cap.
    pub fn is_idle(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Messages counted.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no message is counted.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The longest span that is looked back over; `None` without a cap.
    pub fn span(&self) -> Option<Duration> {
        self.accounts.values().map(|counted| counted.cap.per).max()
    }

    /// How many messages to a number count at `now`, `cap.messages` at most.
    pub fn of(&self, account: NameId, tag: &NumberTag, cap: Cap, now: CivilInstant) -> u32 {
        let Some(counted) = self.accounts.get(&account) else { return 0 };
        let since = second(now).saturating_sub(cap.per.as_secs());
        let number = tag.prefix();
        let recent = counted.marks.range((number, Mark(since << 32))..=(number, Mark(u64::MAX)));
        recent.take(cap.messages as usize).count() as u32
    }

    /// Whether one more message to a number may follow.
    pub fn room(&self, account: NameId, tag: &NumberTag, cap: Cap, now: CivilInstant) -> Room {
        if let Some(until) = self.reached_until(account, tag, cap, now) {
            Room::Reached { until }
        } else if self.len >= COUNTED_MAX {
            Room::Full
        } else {
            Room::Free
        }
    }

    /// When the last of the messages that fill the cap has left the span; `None` when it is not full.
    fn reached_until(&self, account: NameId, tag: &NumberTag, cap: Cap, now: CivilInstant) -> Option<CivilInstant> {
        let counted = self.accounts.get(&account)?;
        let since = second(now).saturating_sub(cap.per.as_secs());
        let number = tag.prefix();
        let recent = counted.marks.range((number, Mark(since << 32))..=(number, Mark(u64::MAX)));
        let (_, filling) = recent.rev().nth(cap.messages as usize - 1)?;
        Some(CivilInstant::from_secs((filling.second() + cap.per.as_secs() + 1) as i64))
    }

    /// Counts a message. Does nothing for an account without a cap.
    pub fn add(&mut self, account: NameId, number: u64, mark: Mark) {
        if let Some(counted) = self.accounts.get_mut(&account)
            && counted.marks.insert((number, mark))
        {
            self.len += 1;
        }
    }

    /// Counts a message as its record tells it: of the parts of one message the first that is met.
    pub fn add_recorded(&mut self, account: NameId, tag: &NumberTag, mark: Mark, in_parts: bool) {
        let number = tag.prefix();
        if in_parts && let Some(counted) = self.accounts.get(&account) {
            let since = Mark(mark.second().saturating_sub(PARTS_WITHIN) << 32);
            let mut around = counted.marks.range((number, since)..=(number, Mark(u64::MAX)));
            if around.any(|(_, known)| known.name() == mark.name() && known.second() <= mark.second() + PARTS_WITHIN) {
                return;
            }
        }
        self.add(account, number, mark);
    }

    /// A message that was counted did not reach its operator, or was not taken there.
    pub fn take_back(&mut self, account: NameId, tag: &NumberTag, name: u32) {
        let Some(counted) = self.accounts.get_mut(&account) else { return };
        let number = tag.prefix();
        let mut all = counted.marks.range((number, Mark(0))..=(number, Mark(u64::MAX))).rev();
        if let Some(found) = all.find(|(_, mark)| mark.name() == name).copied() {
            counted.marks.remove(&found);
            self.len -= 1;
        }
    }

    /// Up to `most` marks of an account behind `after`, in order.
    pub fn chunk(&self, account: NameId, after: Option<(u64, Mark)>, most: usize) -> Vec<(u64, Mark)> {
        let Some(counted) = self.accounts.get(&account) else { return Vec::new() };
        match after {
            None => counted.marks.iter().take(most).copied().collect(),
            Some(after) => {
                counted.marks.range((Bound::Excluded(after), Bound::Unbounded)).take(most).copied().collect()
            }
        }
    }

    /// The accounts that have a cap.
    pub fn accounts(&self) -> Vec<NameId> {
        self.accounts.keys().copied().collect()
    }

    /// Forgets what of these marks counts no more at `now`.
    pub fn forget_over(&mut self, account: NameId, marks: &[(u64, Mark)], now: CivilInstant) {
        let Some(counted) = self.accounts.get_mut(&account) else { return };
        let since = second(now).saturating_sub(counted.cap.per.as_secs());
        for mark in marks.iter().filter(|(_, mark)| mark.second() < since) {
            self.len -= usize::from(counted.marks.remove(mark));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::segment::SegmentScheme;
    use proptest::prelude::*;

    const ACME: NameId = NameId(1);
    const BETA: NameId = NameId(2);
    const CAP: Cap = Cap { messages: 2, per: Duration::from_secs(100) };

    fn at(secs: i64) -> CivilInstant {
        CivilInstant::from_secs(1_795_000_000 + secs)
    }

    fn tag(n: u8) -> NumberTag {
        NumberTag([n; 16])
    }

    fn counts() -> Counts {
        let mut counts = Counts::default();
        counts.set_caps(&[(ACME, CAP), (BETA, CAP)]);
        counts
    }

    fn add(counts: &mut Counts, account: NameId, n: u8, secs: i64, name: u32) {
        counts.add(account, tag(n).prefix(), Mark::new(at(secs), name));
    }

    #[test]
    fn a_cap_holds_for_each_number_and_account_over_a_span_that_moves_on() {
        let mut counts = counts();
        assert_eq!(counts.room(ACME, &tag(1), CAP, at(0)), Room::Free);
        add(&mut counts, ACME, 1, 0, 1);
        add(&mut counts, ACME, 1, 0, 1);
        assert_eq!(counts.of(ACME, &tag(1), CAP, at(0)), 1, "the same message again counts once");
        add(&mut counts, ACME, 1, 60, 2);
        let reached = Room::Reached { until: at(101) };
        for (secs, room) in [(60, reached), (100, reached), (101, Room::Free), (161, Room::Free)] {
            assert_eq!(counts.room(ACME, &tag(1), CAP, at(secs)), room, "{secs}");
        }
        assert_eq!(counts.room(ACME, &tag(1), CAP, at(-500)), reached, "a clock set back opens nothing");
        assert_eq!(CAP.to_string(), "2 in 100s");
        assert_eq!(counts.room(BETA, &tag(1), CAP, at(60)), Room::Free);
        assert_eq!(counts.room(ACME, &tag(2), CAP, at(60)), Room::Free);
    }

    #[test]
    fn what_did_not_leave_gives_its_place_back_and_what_is_over_is_forgotten() {
        let mut counts = counts();
        for (name, secs) in [(1, 0), (2, 50), (3, 120)] {
            add(&mut counts, ACME, 1, secs, name);
        }
        counts.take_back(ACME, &tag(1), 2);
        counts.take_back(ACME, &tag(1), 9);
        counts.take_back(ACME, &tag(2), 3);
        assert_eq!((counts.len(), counts.of(ACME, &tag(1), CAP, at(120))), (1 + 1, 1));
        let all = counts.chunk(ACME, None, 10);
        counts.forget_over(ACME, &all, at(120));
        assert_eq!(counts.len(), 1);
        assert_eq!(counts.chunk(ACME, Some(all[0]), 10), [all[1]]);
        counts.set_caps(&[(BETA, CAP)]);
        assert!(counts.is_empty() && !counts.is_idle());
    }

    #[test]
    fn the_parts_of_one_message_have_one_name_and_its_records_count_once() {
        let part = |number, reference| Some(Segment { scheme: SegmentScheme::Sar, reference, total: 3, number });
        let one = name(part(1, 7), 5, 100);
        assert_eq!(one, name(part(2, 7), 5, 101));
        assert_ne!(one, name(part(1, 8), 5, 100));
        assert_ne!(one, name(part(1, 7), 6, 100));
        assert_ne!(name(None, 5, 100), name(None, 5, 101));
        assert_ne!(name(None, 5, 1 << 44 | 100), name(None, 5, 2 << 44 | 100), "of another boot");
        let mut counts = counts();
        for (secs, in_parts) in [(0, true), (3, true), (700, true)] {
            counts.add_recorded(ACME, &tag(1), Mark::new(at(secs), one), in_parts);
        }
        assert_eq!(counts.len(), 2, "the same reference ten minutes later is another message");
    }

    #[test]
    fn the_next_chance_is_when_the_cap_allows_it_and_the_hours_are_open() {
        let pack = Pack::embedded("fr-strict").unwrap();
        let paris = pack.territory(crate::message::msisdn::Msisdn::from_canonical(33_639_981_234).unwrap()).unwrap();
        let at = crate::compliance::fixture::at;
        for (until, chance) in
            [("2026-01-13T11:30:00Z", "2026-01-13T11:30:00Z"), ("2026-01-11T11:30:00Z", "2026-01-12T07:00:00Z")]
        {
            assert_eq!(next_chance(&pack, paris, at(until)), Some(at(chance)), "{until}");
        }
    }

    proptest! {
        #[test]
        fn the_counts_say_what_a_list_says(
            messages in prop::collection::vec((1u32..3, 1u8..4, 0i64..400, 0u32..50), 0..80), now in 0i64..500
        ) {
            let mut counts = counts();
            for (account, n, secs, name) in &messages {
                add(&mut counts, NameId(*account), *n, *secs, *name);
            }
            let mut list: Vec<_> = messages.clone();
            list.sort_unstable();
            list.dedup();
            prop_assert_eq!(counts.len(), list.len());
            for account in 1u32..3 {
                for n in 1u8..4 {
                    let recent = list.iter().filter(|(a, b, secs, _)| (*a, *b) == (account, n) && *secs >= now - 100);
                    let expected = recent.count().min(2) as u32;
                    prop_assert_eq!(counts.of(NameId(account), &tag(n), CAP, at(now)), expected);
                }
            }
        }
    }
}
