//! Owns the queue in front of an operator's links: accounts take turns, transactional messages first, all of it bounded.
//! Must never reorder two messages of one account and class, nor keep one past its time.

use crate::message::instant::MonotonicInstant;
use crate::message::name::NameId;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How long a message may wait for a place (protocol.md); then SG152.
pub const QUEUE_WAIT_MAX: Duration = Duration::from_secs(10);

/// Which items go before which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Transactional messages, and what stopgate itself writes.
    First,
    /// Commercial messages.
    Second,
}

/// Who an item belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub account: NameId,
    pub priority: Priority,
}

/// An item that has its turn.
#[derive(Debug, PartialEq, Eq)]
pub struct Turn<T> {
    pub flow: Flow,
    /// When it was queued.
    pub since: MonotonicInstant,
    pub item: T,
}

/// What a push did.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed<T> {
    Queued,
    /// Queued in the place of the newest item of the account that held the most: that one is answered SG152.
    Displaced(Turn<T>),
    /// The queue is full and this account (or a class before it) holds its share: the item comes back, to be answered SG152.
    Full(T),
}

struct Lane<T> {
    flow: Flow,
    items: VecDeque<(MonotonicInstant, T)>,
    /// Whether it stands in the ring of its class.
    in_ring: bool,
}

/// The queue. One `T` is one message; a turn is one message of one account.
pub struct FairQueue<T> {
    lanes: Vec<Lane<T>>,
    by_flow: HashMap<Flow, usize>,
    /// The accounts with something waiting, in the order of their turns: transactional, commercial.
    rings: [VecDeque<usize>; 2],
    len: usize,
    capacity: usize,
}

impl<T> FairQueue<T> {
    /// For at most `capacity` items (protocol.md: two windows).
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { lanes: Vec::new(), by_flow: HashMap::new(), rings: Default::default(), len: 0, capacity }
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The items that wait, account by account.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.lanes.iter().flat_map(|lane| lane.items.iter().map(|(_, item)| item))
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts `item` behind the others of its flow. When full, an account that holds less than its share takes the place of the newest
    /// item of the one that holds the most, and a transactional item that of a commercial one: a flood never shuts another account out.
    pub fn push(&mut self, flow: Flow, item: T, now: MonotonicInstant) -> Pushed<T> {
        let lane = self.lane(flow);
        let displaced = if self.len < self.capacity {
            None
        } else {
            match self.displaceable(lane) {
                Some(victim) => self.pop_newest(victim),
                None => return Pushed::Full(item),
            }
        };
        self.lanes[lane].items.push_back((now, item));
        self.enter_ring(lane, false);
        self.len += 1;
        match displaced {
            Some(turn) => Pushed::Displaced(turn),
            None => Pushed::Queued,
        }
    }

    /// Takes the next item: transactional before commercial, the accounts of a class in turn, each account's in order.
    pub fn pop(&mut self) -> Option<Turn<T>> {
        for class in 0..self.rings.len() {
            while let Some(lane) = self.rings[class].pop_front() {
                self.lanes[lane].in_ring = false;
                let Some((since, item)) = self.lanes[lane].items.pop_front() else { continue };
                self.len -= 1;
                self.enter_ring(lane, false);
                return Some(Turn { flow: self.lanes[lane].flow, since, item });
            }
        }
        None
    }

    /// Puts back what was popped and not begun: it is the first of its flow again, and has the first turn. It may exceed the capacity by as many.
    pub fn put_back(&mut self, turn: Turn<T>) {
        let lane = self.lane(turn.flow);
        self.lanes[lane].items.push_front((turn.since, turn.item));
        self.enter_ring(lane, true);
        self.len += 1;
    }

    /// Takes out, oldest first within each flow, what has waited `limit` or longer, counted from its push or from `not_before`,
    /// whichever is later. (`not_before` is when the operator went away, with its `grace` as the limit; else the zero instant.)
    pub fn expire(
        &mut self,
        now: MonotonicInstant,
        limit: Duration,
        not_before: MonotonicInstant,
        mut expired: impl FnMut(Turn<T>),
    ) {
        if self.len == 0 || now.since(not_before) < limit {
            return;
        }
        for lane in &mut self.lanes {
            while lane.items.front().is_some_and(|(since, _)| now.since((*since).max(not_before)) >= limit) {
                let Some((since, item)) = lane.items.pop_front() else { break };
                self.len -= 1;
                expired(Turn { flow: lane.flow, since, item });
            }
        }
    }

    /// The instant at which the oldest item was pushed: with the limit added, when `expire` has something to do.
    pub fn oldest(&self) -> Option<MonotonicInstant> {
        if self.len == 0 {
            return None;
        }
        self.lanes.iter().filter_map(|lane| lane.items.front()).map(|(since, _)| *since).min()
    }

    /// Takes out every item for which `gone` says so (the sender's session died, a STOP came).
    pub fn withdraw(&mut self, mut gone: impl FnMut(Flow, &T) -> bool, mut withdrawn: impl FnMut(Turn<T>)) {
        for lane in &mut self.lanes {
            for _ in 0..lane.items.len() {
                let Some((since, item)) = lane.items.pop_front() else { break };
                if gone(lane.flow, &item) {
                    self.len -= 1;
                    withdrawn(Turn { flow: lane.flow, since, item });
                } else {
                    lane.items.push_back((since, item));
                }
            }
        }
    }

    fn lane(&mut self, flow: Flow) -> usize {
        if let Some(&lane) = self.by_flow.get(&flow) {
            return lane;
        }
        let lane = self.lanes.len();
        self.lanes.push(Lane { flow, items: VecDeque::new(), in_ring: false });
        self.by_flow.insert(flow, lane);
        lane
    }

    fn ring(&self, lane: usize) -> usize {
        match self.lanes[lane].flow.priority {
            Priority::First => 0,
            Priority::Second => 1,
        }
    }

    fn enter_ring(&mut self, lane: usize, first: bool) {
        let ring = self.ring(lane);
        if first && self.lanes[lane].in_ring {
            self.rings[ring].retain(|other| *other != lane);
            self.lanes[lane].in_ring = false;
        }
        if self.lanes[lane].in_ring || self.lanes[lane].items.is_empty() {
            return;
        }
        self.lanes[lane].in_ring = true;
        if first {
            self.rings[ring].push_front(lane);
        } else {
            self.rings[ring].push_back(lane);
        }
    }

    /// Whose newest item makes room for one of `lane`: the fullest commercial flow for a transactional item; else the fullest flow of
    /// the same class, if it holds at least two more than `lane` does. Only asked when full.
    fn displaceable(&self, lane: usize) -> Option<usize> {
        let fullest = |ring: usize| {
            let waiting = (0..self.lanes.len()).filter(|other| self.ring(*other) == ring);
            waiting.max_by_key(|other| self.lanes[*other].items.len())
        };
        let ring = self.ring(lane);
        let commercial = fullest(1).filter(|victim| ring == 0 && !self.lanes[*victim].items.is_empty());
        commercial.or_else(|| {
            let own = self.lanes[lane].items.len();
            fullest(ring).filter(|victim| self.lanes[*victim].items.len() >= own + 2)
        })
    }

    fn pop_newest(&mut self, lane: usize) -> Option<Turn<T>> {
        let (since, item) = self.lanes[lane].items.pop_back()?;
        self.len -= 1;
        Some(Turn { flow: self.lanes[lane].flow, since, item })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_nanos(seconds * 1_000_000_000)
    }

    fn flow(account: u32, priority: Priority) -> Flow {
        Flow { account: NameId(account), priority }
    }

    const PROMO: Priority = Priority::Second;
    const OTP: Priority = Priority::First;

    #[test]
    fn accounts_take_turns_and_transactional_goes_first() {
        let mut queue = FairQueue::new(100);
        for n in 0..4 {
            queue.push(flow(1, PROMO), n, at(0));
        }
        queue.push(flow(2, PROMO), 20, at(1));
        queue.push(flow(3, OTP), 30, at(2));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|turn| turn.item).collect();
        assert_eq!(order, [30, 0, 20, 1, 2, 3]);
    }

    #[test]
    fn a_flood_never_shuts_another_account_out() {
        let mut queue = FairQueue::new(4);
        for n in 0..4 {
            assert_eq!(queue.push(flow(1, PROMO), n, at(0)), Pushed::Queued);
        }
        assert_eq!(queue.push(flow(1, PROMO), 4, at(0)), Pushed::Full(4));
        let Pushed::Displaced(newest) = queue.push(flow(2, PROMO), 20, at(0)) else {
            panic!("account 2 has its share")
        };
        assert_eq!((newest.flow.account, newest.item), (NameId(1), 3));
        assert!(matches!(queue.push(flow(2, PROMO), 21, at(0)), Pushed::Displaced(_)));
        assert_eq!(queue.push(flow(2, PROMO), 22, at(0)), Pushed::Full(22), "both hold two");
        assert!(
            matches!(queue.push(flow(2, OTP), 23, at(0)), Pushed::Displaced(_)),
            "an OTP takes the place of a promo"
        );
        assert_eq!(queue.len(), 4);
    }

    #[test]
    fn waiting_ends_after_the_limit_counted_from_the_loss_of_the_operator() {
        let mut queue = FairQueue::new(10);
        queue.push(flow(1, PROMO), "early", at(0));
        queue.push(flow(2, PROMO), "late", at(8));
        let mut out = Vec::new();
        queue.expire(at(11), Duration::from_secs(5), at(7), |turn| out.push(turn.item));
        assert!(out.is_empty(), "four seconds since the loss");
        queue.expire(at(12), Duration::from_secs(5), at(7), |turn| out.push(turn.item));
        assert_eq!(out, ["early"]);
        queue.expire(at(18), QUEUE_WAIT_MAX, at(0), |turn| out.push(turn.item));
        assert_eq!((out, queue.oldest(), queue.pop()), (vec!["early", "late"], None, None));
    }

    #[test]
    fn what_is_put_back_is_first_again() {
        let mut queue = FairQueue::new(10);
        for (account, item) in [(1, "a"), (1, "b"), (2, "c")] {
            queue.push(flow(account, PROMO), item, at(0));
        }
        let turn = queue.pop().unwrap();
        assert_eq!(turn.item, "a");
        queue.put_back(turn);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|turn| turn.item).collect();
        assert_eq!(order, ["a", "c", "b"]);
    }

    #[test]
    fn a_withdrawal_keeps_the_order_of_the_rest() {
        let mut queue = FairQueue::new(10);
        for n in 0..6 {
            queue.push(flow(1, PROMO), n, at(0));
        }
        let mut gone = Vec::new();
        queue.withdraw(|_, item| item % 2 == 0, |turn| gone.push(turn.item));
        assert_eq!(gone, [0, 2, 4]);
        assert_eq!(std::iter::from_fn(|| queue.pop()).map(|turn| turn.item).collect::<Vec<_>>(), [1, 3, 5]);
    }

    proptest! {
        #[test]
        fn each_flow_keeps_its_order_and_nothing_is_lost(capacity in 1usize..12, steps in prop::collection::vec((0u8..8, 0u32..4, any::<bool>()), 1..300)) {
            let mut queue = FairQueue::new(capacity);
            let mut model: HashMap<Flow, VecDeque<usize>> = HashMap::new();
            for (n, (step, account, otp)) in steps.into_iter().enumerate() {
                let now = at(n as u64);
                let flow = flow(account, if otp { OTP } else { PROMO });
                match step {
                    0..=4 => match queue.push(flow, n, now) {
                        Pushed::Queued => model.entry(flow).or_default().push_back(n),
                        Pushed::Displaced(turn) => {
                            prop_assert_eq!(model.get_mut(&turn.flow).unwrap().pop_back(), Some(turn.item));
                            model.entry(flow).or_default().push_back(n);
                        }
                        Pushed::Full(back) => {
                            prop_assert_eq!(back, n);
                            prop_assert_eq!(queue.len(), capacity);
                            let own = model.get(&flow).map_or(0, VecDeque::len);
                            let most = model.iter().filter(|(f, _)| f.priority == flow.priority).map(|(_, q)| q.len()).max().unwrap_or(0);
                            prop_assert!(own + 1 >= most, "it holds its share");
                        }
                    },
                    5..=6 => match queue.pop() {
                        Some(turn) => {
                            prop_assert_eq!(model.get_mut(&turn.flow).unwrap().pop_front(), Some(turn.item));
                            if turn.flow.priority == PROMO {
                                prop_assert!(model.iter().all(|(f, q)| f.priority == PROMO || q.is_empty()));
                            }
                        }
                        None => prop_assert!(model.values().all(VecDeque::is_empty)),
                    },
                    _ => queue.expire(now, QUEUE_WAIT_MAX, at(0), |turn| {
                        assert_eq!(model.get_mut(&turn.flow).unwrap().pop_front(), Some(turn.item));
                    }),
                }
                prop_assert_eq!(queue.len(), model.values().map(VecDeque::len).sum::<usize>());
            }
        }

        #[test]
        fn while_several_accounts_wait_none_is_two_turns_ahead(counts in prop::collection::vec(1usize..40, 2..6)) {
            let mut queue = FairQueue::new(1_000);
            for (account, count) in counts.iter().enumerate() {
                for n in 0..*count {
                    queue.push(flow(account as u32, PROMO), n, at(0));
                }
            }
            let least = *counts.iter().min().unwrap();
            let mut had = vec![0usize; counts.len()];
            for _ in 0..least * counts.len() {
                had[queue.pop().unwrap().flow.account.0 as usize] += 1;
                prop_assert!(had.iter().max().unwrap() - had.iter().min().unwrap() <= 1);
            }
        }
    }
}
