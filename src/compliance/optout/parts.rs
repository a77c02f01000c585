//! Owns the parts of replies that came in several: kept for ten minutes, and read joined when the last of them is there.
//! Must never keep a part from being read alone: what is joined only adds to what each part says.

use super::reply::Reply;
use super::{Engine, InboundText};
use crate::message::instant::CivilInstant;
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
/// Octets of one part: no handset's part is longer than a short_message.
pub const REPLY_PART_OCTETS_MAX: usize = 254;
/// Octets of all parts at once.
pub const REPLY_OCTETS_MAX: usize = 16 << 20;

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
    since: CivilInstant,
    parts: Vec<(u8, u8, Box<[u8]>)>,
}

/// A reply whose parts are all there, in their order: data_coding and octets of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined(Vec<(u8, Box<[u8]>)>);

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It waits for others.
    Waits,
    /// It was the last one, or came again when all were there.
    Joined(Joined),
    /// There is no room for it, or it is of a reply longer than a phone writes: it is read alone only.
    Alone,
}

/// The parts that wait for others, one table for all links. Bounded in replies, in parts of each and in octets.
#[derive(Default)]
pub struct ReplyParts {
    replies: HashMap<ReplyKey, Waiting>,
    queue: VecDeque<(CivilInstant, ReplyKey)>,
    octets: usize,
}

impl ReplyParts {
    /// Takes a part in. A part that comes again replaces itself.
    pub fn add(&mut self, key: ReplyKey, number: u8, (data_coding, octets): (u8, &[u8]), now: CivilInstant) -> Added {
        self.sweep(now);
        if key.total > REPLY_PARTS_MAX
            || octets.len() > REPLY_PART_OCTETS_MAX
            || self.octets + octets.len() > REPLY_OCTETS_MAX
        {
            return Added::Alone;
        }
        if !self.replies.contains_key(&key) {
            if self.queue.len() >= REPLIES_IN_PARTS_MAX {
                return Added::Alone;
            }
            self.queue.push_back((now, key.clone()));
        }
        let total = usize::from(key.total);
        let waiting = self.replies.entry(key).or_insert_with(|| Waiting { since: now, parts: Vec::new() });
        for (_, _, before) in waiting.parts.extract_if(.., |(known, ..)| *known == number) {
            self.octets -= before.len();
        }
        self.octets += octets.len();
        waiting.parts.push((number, data_coding, octets.into()));
        if waiting.parts.len() < total {
            return Added::Waits;
        }
        // Kept until its time is over: the operator may deliver the last part again.
        waiting.parts.sort_unstable_by_key(|(number, ..)| *number);
        let parts = waiting.parts.iter().map(|(_, data_coding, octets)| (*data_coding, octets.clone()));
        Added::Joined(Joined(parts.collect()))
    }

    /// Whether parts of a reply are still missing.
    pub fn is_incomplete(&self, key: &ReplyKey) -> bool {
        self.replies.get(key).is_none_or(|waiting| waiting.parts.len() < usize::from(key.total))
    }

    /// Forgets what a number wrote.
    pub fn forget(&mut self, from: &NumberTag) {
        for (_, over) in self.replies.extract_if(|key, _| key.from == *from) {
            self.octets -= over.parts.iter().map(|(_, _, octets)| octets.len()).sum::<usize>();
        }
    }

    /// Forgets what waited too long.
    fn sweep(&mut self, now: CivilInstant) {
        while let Some((since, key)) = self.queue.pop_front_if(|(since, _)| now.since(*since) >= REPLY_PARTS_KEPT) {
            if self.replies.get(&key).is_some_and(|waiting| waiting.since == since)
                && let Some(over) = self.replies.remove(&key)
            {
                self.octets -= over.parts.iter().map(|(_, _, octets)| octets.len()).sum::<usize>();
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

    fn key(from: u8, to: &[u8], reference: u16, total: u8) -> ReplyKey {
        ReplyKey { from: NumberTag([from; 16]), to: to.into(), reference, total }
    }

    fn at(secs: i64) -> CivilInstant {
        CivilInstant::from_secs(1_790_000_000 + secs)
    }

    #[test]
    fn a_stop_torn_over_parts_is_understood_in_either_order_and_again_when_the_last_comes_again() {
        let engine = Engine::new(&[Pack::embedded("fr-strict").unwrap()]);
        let texts: [&[u8]; 2] = [b"Bonjour, merci de ne plus m'en", b"voyer de messages"];
        for order in [[1u8, 2], [2, 1]] {
            let mut parts = ReplyParts::default();
            let mut add = |number: u8| {
                let text = texts[usize::from(number) - 1];
                parts.add(key(1, b"36111", 7, 2), number, (0, text), at(1))
            };
            assert_eq!(add(order[0]), Added::Waits);
            for _ in 0..2 {
                let Added::Joined(joined) = add(order[1]) else { panic!("whole") };
                assert!(matches!(joined.meaning(&engine, Alphabet::Gsm, &[36_111]), Reply::Stop(_)), "{order:?}");
            }
        }
    }

    #[test]
    fn parts_of_different_replies_are_not_joined_and_old_ones_are_forgotten() {
        let mut parts = ReplyParts::default();
        let mut add = |from: u8, to: &[u8], (reference, total, number): (u16, u8, u8), secs: i64| {
            let added = parts.add(key(from, to, reference, total), number, (0, b"x"), at(secs));
            matches!(added, Added::Joined(_))
        };
        assert!(!add(1, b"36111", (7, 2, 1), 0));
        assert!(!add(2, b"36111", (7, 2, 2), 0), "another handset");
        assert!(!add(1, b"36222", (7, 2, 2), 0), "another code");
        assert!(!add(1, b"36111", (8, 2, 2), 0), "another reference");
        assert!(!add(1, b"36111", (7, 3, 2), 0), "another total");
        assert!(!add(1, b"36111", (7, 2, 1), 1), "the same part again");
        assert!(!add(1, b"36111", (7, 2, 2), 600), "ten minutes later");
        assert!(add(1, b"36111", (7, 2, 1), 601));
        assert!(!add(3, b"36111", (1, REPLY_PARTS_MAX + 1, 1), 601));
    }

    #[test]
    fn what_finds_no_room_waits_for_nothing() {
        let mut parts = ReplyParts::default();
        let mut add = |to: usize, number: u8, secs: i64| {
            let to = to.to_string();
            matches!(parts.add(key(1, to.as_bytes(), 7, 2), number, (0, b"x"), at(secs)), Added::Joined(_))
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
    fn the_octets_held_are_bounded_and_given_back() {
        let mut parts = ReplyParts::default();
        let text = [b'x'; REPLY_PART_OCTETS_MAX];
        let key = |to: usize| key(1, to.to_string().as_bytes(), 7, 16);
        assert_eq!(parts.add(key(0), 1, (0, &[b'x'; REPLY_PART_OCTETS_MAX + 1]), at(0)), Added::Alone);
        for _ in 0..3 {
            assert_eq!(parts.add(key(0), 1, (0, &text), at(0)), Added::Waits);
        }
        assert_eq!(parts.octets, text.len(), "the same part again");
        let taken = (0..REPLIES_IN_PARTS_MAX * 15)
            .take_while(|n| parts.add(key(n / 15), (n % 15 + 1) as u8, (0, &text), at(0)) == Added::Waits);
        assert!((REPLY_OCTETS_MAX / text.len() - 1..=REPLY_OCTETS_MAX / text.len()).contains(&taken.count()));
        assert!(parts.octets <= REPLY_OCTETS_MAX);
        assert_eq!(parts.add(key(1), 1, (0, &text), at(600)), Added::Waits, "ten minutes later there is room");
        assert_eq!(parts.octets, text.len());
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
