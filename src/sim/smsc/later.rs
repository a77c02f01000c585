//! Owns what the simulated operator sends of its own accord after a while: receipts, phones' replies, second attempts.
//! Must never hold more than its bound: what does not fit is dropped and counted.

use super::Shared;
use crate::sim::message::Message;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How many may wait.
pub(super) const WAITING_MAX: usize = 100_000;
/// How soon a message is offered again when no link can take it.
const NO_LINK_PAUSE: Duration = Duration::from_millis(50);

/// A message to be sent to the client named `system_id` (empty = any that can receive).
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub system_id: String,
    pub message: Message,
}

struct Waiting {
    due: Instant,
    place: u64,
    parcel: Parcel,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.place) == (other.due, other.place)
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.place).cmp(&(other.due, other.place))
    }
}

/// Runs until the simulator is dropped.
pub(super) async fn run(shared: Arc<Shared>, mut inbox: mpsc::Receiver<(Duration, Parcel)>) {
    let mut heap: BinaryHeap<Reverse<Waiting>> = BinaryHeap::new();
    let mut place = 0;
    loop {
        let due = heap.peek().map(|Reverse(first)| first.due);
        let arrived = tokio::select! {
            arrived = inbox.recv() => match arrived {
                Some(arrived) => Some(arrived),
                None => return,
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => None,
        };
        if let Some((after, parcel)) = arrived {
            if heap.len() < WAITING_MAX {
                place += 1;
                heap.push(Reverse(Waiting { due: Instant::now() + after, place, parcel }));
            } else {
                shared.count_overflow();
            }
        }
        let now = Instant::now();
        while heap.peek().is_some_and(|Reverse(first)| first.due <= now) {
            let Some(Reverse(first)) = heap.pop() else { break };
            if let Some(parcel) = shared.hand_over(first.parcel) {
                place += 1;
                heap.push(Reverse(Waiting { due: now + NO_LINK_PAUSE, place, parcel }));
            }
        }
    }
}
