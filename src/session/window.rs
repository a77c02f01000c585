//! Owns the in-flight table of one link: which of our requests still wait for an answer, by our own sequence numbers.
//! Must never let an answer reach a request it does not belong to, nor allocate but when more are in flight than ever before.

use crate::message::instant::MonotonicInstant;
use std::time::Duration;

/// The largest sequence number we give (SMPP 3.4 §3.2: 0x00000001 to 0x7FFFFFFF).
pub const SEQUENCE_MAX: u32 = 0x7fff_ffff;

/// Marks the end of the list of pending slots.
const NIL: u32 = u32::MAX;

/// Slots at first: a wide window that is hardly used stays in the processor's cache.
const FIRST_SLOTS: usize = 16;

/// One request that waits.
struct Pending<T> {
    sequence: u32,
    begun: MonotonicInstant,
    /// Neighbours in the order of beginning.
    older: u32,
    newer: u32,
    value: T,
}

/// The in-flight table: at most `capacity` requests, each found again by its sequence number in one look.
///
/// The slot of a request is `sequence & mask` in an array of a power of two, at least twice what has been in flight at once, so that
/// a request that stays long costs one skipped number each time round and nothing else. The requests are also linked in the order
/// in which they began: the oldest is known without a search.
pub struct Window<T> {
    slots: Box<[Option<Pending<T>>]>,
    mask: u32,
    capacity: usize,
    used: usize,
    last: u32,
    oldest: u32,
    newest: u32,
    generation: u32,
}

impl<T> Window<T> {
    /// A table for at most `capacity` requests in flight (1..=2^20; other values are moved into that range).
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, 1 << 20);
        let slots = empty((capacity * 2).next_power_of_two().min(FIRST_SLOTS));
        Self {
            mask: slots.len() as u32 - 1,
            slots,
            capacity,
            used: 0,
            last: 0,
            oldest: NIL,
            newest: NIL,
            generation: 0,
        }
    }

    /// How many requests may be in flight.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many requests are in flight.
    pub fn used(&self) -> usize {
        self.used
    }

    /// How many more may begin.
    pub fn free(&self) -> usize {
        self.capacity - self.used
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether nothing more may begin.
    pub fn is_full(&self) -> bool {
        self.used == self.capacity
    }

    /// Which session this table serves: raised by each `drain`, so that what still carries an older number is known to be late.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Begins a request and gives its sequence number (1..=0x7fffffff, never one that is pending), or gives `value` back when full.
    pub fn begin(&mut self, value: T, now: MonotonicInstant) -> Result<u32, T> {
        if self.is_full() {
            return Err(value);
        }
        if (self.used + 1) * 2 > self.slots.len() {
            self.double();
        }
        let sequence = self.skip();
        self.link(sequence, now, value);
        Ok(sequence)
    }

    /// Puts a request behind the newest one. Its slot is free.
    fn link(&mut self, sequence: u32, begun: MonotonicInstant, value: T) {
        let index = sequence & self.mask;
        self.slots[index as usize] = Some(Pending { sequence, begun, older: self.newest, newer: NIL, value });
        match self.slots.get_mut(self.newest as usize).and_then(Option::as_mut) {
            Some(before) => before.newer = index,
            None => self.oldest = index,
        }
        self.newest = index;
        self.used += 1;
    }

    /// Twice as many slots. Requests that lay apart lie apart still.
    fn double(&mut self) {
        let longer = empty(self.slots.len() * 2);
        let mut slots = std::mem::replace(&mut self.slots, longer);
        self.mask = self.slots.len() as u32 - 1;
        let mut at = self.oldest;
        (self.used, self.oldest, self.newest) = (0, NIL, NIL);
        while let Some(Pending { sequence, begun, newer, value, .. }) =
            slots.get_mut(at as usize).and_then(Option::take)
        {
            at = newer;
            self.link(sequence, begun, value);
        }
    }

    /// A sequence number that no pending request has, for a request that is not tracked here (enquire_link, unbind).
    pub fn untracked(&mut self) -> u32 {
        self.skip()
    }

    /// The next number whose slot is free. At least half of the slots are, so the search is short.
    fn skip(&mut self) -> u32 {
        loop {
            self.last = if self.last >= SEQUENCE_MAX { 1 } else { self.last + 1 };
            if self.slots[(self.last & self.mask) as usize].is_none() {
                return self.last;
            }
        }
    }

    /// Ends the request with this sequence number and gives its value; `None` when no such request is pending.
    pub fn complete(&mut self, sequence: u32) -> Option<T> {
        self.take(sequence & self.mask, sequence).map(|pending| pending.value)
    }

    /// As `complete`, with the time the request has waited.
    pub fn complete_timed(&mut self, sequence: u32, now: MonotonicInstant) -> Option<(T, Duration)> {
        self.take(sequence & self.mask, sequence).map(|pending| (pending.value, now.since(pending.begun)))
    }

    /// The pending request with this sequence number.
    pub fn get(&self, sequence: u32) -> Option<&T> {
        let pending = self.slots[(sequence & self.mask) as usize].as_ref()?;
        (pending.sequence == sequence).then_some(&pending.value)
    }

    /// The pending request with this sequence number, to be changed.
    pub fn get_mut(&mut self, sequence: u32) -> Option<&mut T> {
        let pending = self.slots[(sequence & self.mask) as usize].as_mut()?;
        (pending.sequence == sequence).then_some(&mut pending.value)
    }

    /// When the oldest pending request began.
    pub fn oldest(&self) -> Option<MonotonicInstant> {
        self.slots.get(self.oldest as usize)?.as_ref().map(|pending| pending.begun)
    }

    /// Ends every request that began `timeout` or longer before `now`, the oldest first, and hands each to `expired`.
    pub fn expire(&mut self, now: MonotonicInstant, timeout: Duration, mut expired: impl FnMut(u32, T)) {
        while let Some(begun) = self.oldest() {
            if now < begun.plus(timeout) {
                return;
            }
            match self.take_oldest() {
                Some((sequence, value)) => expired(sequence, value),
                None => return,
            }
        }
    }

    /// Ends every request, the oldest first, and opens the next generation: the session is dead.
    pub fn drain(&mut self, mut drained: impl FnMut(u32, T)) {
        while let Some((sequence, value)) = self.take_oldest() {
            drained(sequence, value);
        }
        self.generation = self.generation.wrapping_add(1);
    }

    /// The sequence numbers that have waited for `span`, oldest first.
    pub fn waiting_for(&self, span: Duration, now: MonotonicInstant) -> impl Iterator<Item = u32> + '_ {
        let mut at = self.oldest;
        std::iter::from_fn(move || {
            let pending = self.slots.get(at as usize)?.as_ref()?;
            at = pending.newer;
            (now >= pending.begun.plus(span)).then_some(pending.sequence)
        })
    }

    /// Looks at every pending request, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let mut at = self.oldest;
        std::iter::from_fn(move || {
            let pending = self.slots.get(at as usize)?.as_ref()?;
            at = pending.newer;
            Some((pending.sequence, &pending.value))
        })
    }

    fn take_oldest(&mut self) -> Option<(u32, T)> {
        let sequence = self.slots.get(self.oldest as usize)?.as_ref()?.sequence;
        self.take(self.oldest, sequence).map(|pending| (sequence, pending.value))
    }

    fn take(&mut self, index: u32, sequence: u32) -> Option<Pending<T>> {
        let slot = &mut self.slots[index as usize];
        if slot.as_ref()?.sequence != sequence {
            return None;
        }
        let pending = slot.take()?;
        self.used -= 1;
        match self.slots.get_mut(pending.older as usize).and_then(Option::as_mut) {
            Some(older) => older.newer = pending.newer,
            None => self.oldest = pending.newer,
        }
        match self.slots.get_mut(pending.newer as usize).and_then(Option::as_mut) {
            Some(newer) => newer.older = pending.older,
            None => self.newest = pending.older,
        }
        Some(pending)
    }

    #[cfg(test)]
    fn continue_from(&mut self, last: u32) {
        self.last = last;
    }
}

fn empty<T>(slots: usize) -> Box<[Option<Pending<T>>]> {
    std::iter::repeat_with(|| None).take(slots).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn numbers_run_from_one_and_wrap_before_the_high_bit() {
        let mut window = Window::new(3);
        assert_eq!(window.begin('a', at(0)), Ok(1));
        window.continue_from(SEQUENCE_MAX - 1);
        assert_eq!(window.begin('b', at(0)), Ok(SEQUENCE_MAX));
        assert_eq!(window.begin('c', at(0)), Ok(2), "1 is pending and is skipped");
        assert_eq!(window.begin('d', at(0)), Err('d'));
        assert_eq!(window.iter().collect::<Vec<_>>(), [(1, &'a'), (SEQUENCE_MAX, &'b'), (2, &'c')]);
    }

    #[test]
    fn a_number_of_the_same_slot_does_not_answer_another_request() {
        let mut window = Window::new(4);
        let sequence = window.begin("mine", at(0)).unwrap();
        for foreign in [0, sequence + 8, sequence + 16, 0x8000_0000 | sequence, u32::MAX] {
            assert_eq!(window.complete(foreign), None);
            assert_eq!(window.get(foreign), None);
        }
        assert_eq!(window.complete(sequence), Some("mine"));
        assert_eq!(window.complete(sequence), None, "a doubled answer finds nothing");
    }

    #[test]
    fn a_drain_hands_over_everything_in_order_and_opens_a_generation() {
        let mut window = Window::new(3);
        for name in ["a", "b", "c"] {
            window.begin(name, at(1)).unwrap();
        }
        window.complete(2);
        let mut seen = Vec::new();
        window.drain(|sequence, name| seen.push((sequence, name)));
        assert_eq!(seen, [(1, "a"), (3, "c")]);
        assert_eq!((window.generation(), window.used(), window.oldest()), (1, 0, None));
        assert_eq!(window.begin("d", at(2)), Ok(4), "numbers go on: an answer to the dead session matches nothing");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Begin,
        Untracked,
        Complete(usize),
        CompleteForeign(u32),
        Expire(u64),
        Drain,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => Just(Step::Begin),
            1 => Just(Step::Untracked),
            6 => any::<usize>().prop_map(Step::Complete),
            2 => any::<u32>().prop_map(Step::CompleteForeign),
            2 => (0u64..20).prop_map(Step::Expire),
            1 => Just(Step::Drain),
        ]
    }

    proptest! {
        #[test]
        fn it_does_what_a_plain_map_does(capacity in 1usize..100, start in prop_oneof![Just(0), Just(SEQUENCE_MAX - 10)], steps in prop::collection::vec(step(), 1..300)) {
            let mut window = Window::new(capacity);
            window.continue_from(start);
            // sequence -> (order, begun)
            let mut model: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
            let timeout = Duration::from_secs(10);
            for (now, step) in steps.into_iter().enumerate() {
                let now = now as u64;
                match step {
                    Step::Begin => match window.begin(now, at(now)) {
                        Ok(sequence) => {
                            prop_assert!((1..=SEQUENCE_MAX).contains(&sequence));
                            prop_assert!(model.insert(sequence, (now, now)).is_none());
                        }
                        Err(back) => {
                            prop_assert_eq!(back, now);
                            prop_assert_eq!(model.len(), capacity);
                        }
                    },
                    Step::Untracked => {
                        let sequence = window.untracked();
                        prop_assert!((1..=SEQUENCE_MAX).contains(&sequence) && !model.contains_key(&sequence));
                    }
                    Step::Complete(pick) => {
                        if let Some(&sequence) = model.keys().nth(pick % model.len().max(1)) {
                            let (value, begun) = model.remove(&sequence).unwrap();
                            let waited = Duration::from_secs(now - begun);
                            prop_assert_eq!(window.complete_timed(sequence, at(now)), Some((value, waited)));
                        }
                    }
                    Step::CompleteForeign(sequence) => {
                        prop_assert_eq!(window.complete(sequence), model.remove(&sequence).map(|(value, _)| value));
                    }
                    Step::Expire(ahead) => {
                        let now = now + ahead;
                        let mut due: Vec<_> = model.iter().filter(|(_, v)| v.1 + 10 <= now).map(|(k, v)| (v.0, *k)).collect();
                        due.sort_unstable();
                        model.retain(|_, v| v.1 + 10 > now);
                        let mut seen = Vec::new();
                        window.expire(at(now), timeout, |sequence, value| seen.push((value, sequence)));
                        prop_assert_eq!(seen, due);
                    }
                    Step::Drain => {
                        let mut due: Vec<_> = std::mem::take(&mut model).into_iter().map(|(k, v)| (v.0, k)).collect();
                        due.sort_unstable();
                        let mut seen = Vec::new();
                        window.drain(|sequence, value| seen.push((value, sequence)));
                        prop_assert_eq!(seen, due);
                    }
                }
                prop_assert_eq!(window.used(), model.len());
                prop_assert_eq!(window.oldest(), model.values().min().map(|v| at(v.1)));
                prop_assert_eq!(window.iter().count(), model.len());
                for (sequence, (value, _)) in &model {
                    prop_assert_eq!(window.get(*sequence), Some(value));
                }
            }
        }
    }
}
