//! Owns the replies that nothing followed from and that an officer should see: a short list in RAM, the oldest giving way.
//! Must never write them to disk, nor show a whole number: they are personal data, and their owner has them already.

use crate::compliance::optout::{Doubt, shown};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use std::collections::VecDeque;
use std::time::Duration;

/// Replies kept for review.
pub const REVIEW_REPLIES_MAX: usize = 1_000;
/// How long one is kept.
pub const REVIEW_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A reply to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubtful {
    /// Counted from 1 since the start.
    pub id: u64,
    pub at: CivilInstant,
    pub number: Msisdn,
    /// The code it came to; 0 = none of ours.
    pub short_code: u32,
    pub doubt: Doubt,
    /// As much as is shown: digits hidden, bounded.
    pub text: String,
}

/// The list.
#[derive(Debug, Default)]
pub struct ReviewList {
    replies: VecDeque<Doubtful>,
    last: u64,
}

impl ReviewList {
    /// Takes a reply in.
    pub fn note(&mut self, number: Msisdn, short_code: u32, doubt: Doubt, text: &str, at: CivilInstant) {
        self.forget(at);
        if self.replies.len() >= REVIEW_REPLIES_MAX {
            self.replies.pop_front();
        }
        self.last += 1;
        self.replies.push_back(Doubtful { id: self.last, at, number, short_code, doubt, text: shown(text) });
    }

    /// The newest ones first, at most `limit`.
    pub fn newest(&mut self, limit: usize, now: CivilInstant) -> Vec<Doubtful> {
        self.forget(now);
        self.replies.iter().rev().take(limit).cloned().collect()
    }

    /// Who wrote a reply; `None` when it is not kept any more.
    pub fn writer(&mut self, id: u64, now: CivilInstant) -> Option<Msisdn> {
        self.forget(now);
        self.replies.iter().find(|reply| reply.id == id).map(|reply| reply.number)
    }

    /// What a number wrote, the newest first.
    pub fn of(&mut self, number: Msisdn, now: CivilInstant) -> Vec<Doubtful> {
        self.forget(now);
        self.replies.iter().rev().filter(|reply| reply.number == number).cloned().collect()
    }

    /// Forgets what some numbers wrote; gives how many replies those were.
    pub fn erase(&mut self, whose: impl Fn(Msisdn) -> bool) -> usize {
        let before = self.replies.len();
        self.replies.retain(|reply| !whose(reply.number));
        before - self.replies.len()
    }

    fn forget(&mut self, now: CivilInstant) {
        while self.replies.pop_front_if(|oldest| now.since(oldest.at) >= REVIEW_KEPT).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> CivilInstant {
        CivilInstant::from_secs(1_795_000_000 + secs)
    }

    #[test]
    fn the_oldest_give_way_and_a_week_ends_the_rest() {
        let number = Msisdn::from_canonical(33_639_980_001).expect("a number");
        let mut list = ReviewList::default();
        for _ in 0..=REVIEW_REPLIES_MAX {
            list.note(number, 36_111, Doubt::NearKeyword, "stpo 12", at(0));
        }
        assert_eq!(list.newest(usize::MAX, at(1)).len(), REVIEW_REPLIES_MAX);
        assert_eq!((list.writer(1, at(1)), list.writer(2, at(1))), (None, Some(number)));
        assert_eq!(list.newest(1, at(1))[0].text, "stpo ••");
        let week = REVIEW_KEPT.as_secs() as i64;
        assert_eq!(list.newest(1, at(week - 1)).len(), 1);
        assert_eq!((list.newest(1, at(week)).len(), list.writer(2, at(week))), (0, None));
    }
}
