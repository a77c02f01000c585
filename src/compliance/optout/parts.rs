//! Owns the parts of replies that came in several: kept for ten minutes, and read joined when the last of them is there.
//! Must never keep a part from being read alone: what is joined only adds to what each part says.

use super::reply::Reply;
use super::{Engine, InboundText};
use crate::message::instant::MonotonicInstant;
use crate::message::segment::Segment;
use crate::message::tag::NumberTag;
use crate::message::text::{Alphabet, decode};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How long the parts of a reply wait for each other.
pub const REPLY_PARTS_KEPT: Duration = Duration::from_secs(10 * 60);
/// Replies in parts at once; a part that finds no room is read alone only.
pub const REPLIES_IN_PARTS_MAX: usize = 16_384;
/// Parts of one reply: 16 parts are longer than a phone writes.
pub const REPLY_PARTS_MAX: u8 = 16;

/// What makes parts one reply, whichever link each came over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplyKey {
    pub from: NumberTag,
    /// The destination as the operator writes it.
    pub to: Box<[u8]>,
    pub reference: u16,
    pub total: u8,
}

struct Waiting {
    since: MonotonicInstant,
    parts: Vec<(u8, u8, Box<[u8]>)>,
}

/// A reply whose parts are all there, in their order: data_coding and octets of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined(Vec<(u8, Box<[u8]>)>);

/// The parts that wait for others. Bounded in replies and in parts of each.
#[derive(Default)]
pub struct ReplyParts {
    replies: HashMap<ReplyKey, Waiting>,
    queue: VecDeque<(MonotonicInstant, ReplyKey)>,
}

impl ReplyParts {
    /// Takes a part in; gives the whole when it is the last one. A part that comes again replaces itself.
    pub fn add(
        &mut self,
        from: NumberTag,
        to: &[u8],
        segment: Segment,
        (data_coding, octets): (u8, &[u8]),
        now: MonotonicInstant,
    ) -> Option<Joined> {
        self.sweep(now);
        let key = ReplyKey { from, to: to.into(), reference: segment.reference, total: segment.total };
        if segment.total > REPLY_PARTS_MAX {
            return None;
        }
        if !self.replies.contains_key(&key) {
            if self.queue.len() >= REPLIES_IN_PARTS_MAX {
                return None;
            }
            self.queue.push_back((now, key.clone()));
        }
        let waiting = self.replies.entry(key.clone()).or_insert_with(|| Waiting { since: now, parts: Vec::new() });
        waiting.parts.retain(|(number, ..)| *number != segment.number);
        waiting.parts.push((segment.number, data_coding, octets.into()));
        if waiting.parts.len() < usize::from(segment.total) {
            return None;
        }
        // Kept until its time is over: the operator may deliver the last part again.
        waiting.parts.sort_unstable_by_key(|(number, ..)| *number);
        let parts = waiting.parts.iter().map(|(_, data_coding, octets)| (*data_coding, octets.clone()));
        Some(Joined(parts.collect()))
    }

    /// Forgets what waited too long.
    fn sweep(&mut self, now: MonotonicInstant) {
        while let Some((since, key)) = self.queue.pop_front_if(|(since, _)| now.since(*since) >= REPLY_PARTS_KEPT) {
            if self.replies.get(&key).is_some_and(|waiting| waiting.since == since) {
                self.replies.remove(&key);
            }
        }
    }
}

impl Joined {
    /// The text, when every part can be read as its data_coding says.
    pub fn text(&self, alphabet: Alphabet) -> Option<String> {
        let (mut whole, mut one) = (String::new(), String::new());
        if let Some((data_coding, octets)) = self.octets(alphabet) {
            decode(data_coding, &octets, alphabet, &mut whole).ok()?;
            return Some(whole);
        }
        for (data_coding, octets) in &self.0 {
            decode(*data_coding, octets, alphabet, &mut one).ok()?;
            whole.push_str(&one);
        }
        Some(whole)
    }

    /// What the whole reply means.
    pub fn meaning(&self, engine: &Engine, alphabet: Alphabet, short_codes: &[u32]) -> Reply {
        match self.octets(alphabet) {
            Some((data_coding, octets)) => {
                engine.read(&InboundText { data_coding, octets: &octets, alphabet, short_codes })
            }
            None => self.text(alphabet).map_or(Reply::None, |text| engine.read_text(&text, short_codes)),
        }
    }

    /// The octets of all parts under one coding; `None` with several codings or packed septets, which cannot be joined.
    fn octets(&self, alphabet: Alphabet) -> Option<(u8, Vec<u8>)> {
        let first = self.0.first()?.0;
        let packed = alphabet == Alphabet::GsmPacked && (first == 0 || first >= 0xF0);
        let same = self.0.iter().all(|(data_coding, _)| *data_coding == first);
        (same && !packed).then(|| (first, self.0.iter().flat_map(|(_, octets)| octets.iter().copied()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::pack::Pack;
    use crate::message::segment::SegmentScheme;

    fn segment(reference: u16, total: u8, number: u8) -> Segment {
        Segment { scheme: SegmentScheme::Udh8, reference, total, number }
    }

    fn at(secs: u64) -> MonotonicInstant {
        MonotonicInstant::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn a_stop_torn_over_parts_is_understood_in_either_order_and_again_when_the_last_comes_again() {
        let engine = Engine::new(&[Pack::embedded("fr-strict").unwrap()]);
        let texts: [&[u8]; 2] = [b"Bonjour, merci de ne plus m'en", b"voyer de messages"];
        for order in [[1u8, 2], [2, 1]] {
            let mut parts = ReplyParts::default();
            let mut add = |number: u8| {
                let text = texts[usize::from(number) - 1];
                parts.add(NumberTag([1; 16]), b"36111", segment(7, 2, number), (0, text), at(1))
            };
            assert_eq!(add(order[0]), None);
            for _ in 0..2 {
                let joined = add(order[1]).expect("whole");
                assert!(matches!(joined.meaning(&engine, Alphabet::Gsm, &[36_111]), Reply::Stop(_)), "{order:?}");
            }
        }
    }

    #[test]
    fn parts_of_different_replies_are_not_joined_and_old_ones_are_forgotten() {
        let mut parts = ReplyParts::default();
        let mut add = |from: u8, to: &[u8], segment: Segment, secs: u64| {
            parts.add(NumberTag([from; 16]), to, segment, (0, b"x"), at(secs)).is_some()
        };
        assert!(!add(1, b"36111", segment(7, 2, 1), 0));
        assert!(!add(2, b"36111", segment(7, 2, 2), 0), "another handset");
        assert!(!add(1, b"36222", segment(7, 2, 2), 0), "another code");
        assert!(!add(1, b"36111", segment(8, 2, 2), 0), "another reference");
        assert!(!add(1, b"36111", segment(7, 3, 2), 0), "another total");
        assert!(!add(1, b"36111", segment(7, 2, 1), 1), "the same part again");
        assert!(!add(1, b"36111", segment(7, 2, 2), 600), "ten minutes later");
        assert!(add(1, b"36111", segment(7, 2, 1), 601));
        assert!(!add(3, b"36111", segment(1, REPLY_PARTS_MAX + 1, 1), 601));
    }

    #[test]
    fn what_finds_no_room_waits_for_nothing() {
        let mut parts = ReplyParts::default();
        let mut add = |to: usize, number: u8, secs: u64| {
            let to = to.to_string();
            parts.add(NumberTag([1; 16]), to.as_bytes(), segment(7, 2, number), (0, b"x"), at(secs)).is_some()
        };
        for to in 0..REPLIES_IN_PARTS_MAX {
            add(to, 1, 0);
        }
        add(REPLIES_IN_PARTS_MAX, 1, 0);
        assert!(!add(REPLIES_IN_PARTS_MAX, 2, 0));
        assert!(add(0, 2, 0));
        add(REPLIES_IN_PARTS_MAX, 1, 600);
        assert!(add(REPLIES_IN_PARTS_MAX, 2, 600));
    }

    #[test]
    fn codings_that_cannot_be_joined_as_octets_are_joined_as_text() {
        let engine = Engine::new(&[Pack::embedded("fr-strict").unwrap()]);
        let joined = Joined(vec![(0, b"ST"[..].into()), (8, b"\0O\0P"[..].into())]);
        assert_eq!(joined.text(Alphabet::Gsm).as_deref(), Some("STOP"));
        assert!(matches!(joined.meaning(&engine, Alphabet::Gsm, &[]), Reply::Stop(_)));
        let binary = Joined(vec![(0, b"ST"[..].into()), (4, b"OP"[..].into())]);
        assert_eq!(binary.text(Alphabet::Gsm), None);
        assert!(matches!(binary.meaning(&engine, Alphabet::Gsm, &[]), Reply::None));
    }
}
