//! Owns how histories lie in the embedded store: those of the numbers whose tags begin alike are one entry.
//! Must never pass over octets it cannot read: they are damage, and the store is made again.
//!
//! sled keeps some four hundred octets of memory for each page and breaks a page of more than sixteen entries in two: an entry a number
//! made that 50 MB for a million numbers. And it writes an entry anew with every event: what grows too long is spread over narrower ones.

use super::store::Fact;
use crate::message::tag::NumberTag;
use sha2::{Digest, Sha256};

/// How many of their first bits the tags of a bucket share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 18: four numbers each with a million on the list.
    Wide,
    /// 24: under a wide one that was spread.
    Narrow,
}

/// Octets of a key; the first tells the width.
pub const KEY: usize = 4;
/// Wide buckets that there may be.
pub const WIDE: usize = 1 << 18;
/// What stands in place of a wide bucket whose histories lie in narrow ones.
pub const SPREAD: &[u8] = &[0];
/// Octets beyond which a wide bucket is spread.
const LONG: usize = 512;
/// A number's history keeps its first event and the newest ones; all of them are in the events.
const HISTORY_MAX: usize = 64;
/// Octets of a tag, and of an event's position.
const TAG: usize = 16;
const EVENT: usize = 8;

/// Under which key the history of this number lies.
pub fn key(tag: &NumberTag, width: Width) -> [u8; KEY] {
    let (first, bits) = match width {
        Width::Wide => (0, 18),
        Width::Narrow => (1, 24),
    };
    let [_, a, b, c] = ((tag.prefix() >> (64 - bits)) as u32).to_be_bytes();
    [first, a, b, c]
}

/// The width of the bucket under this key, and the place of the wide one that its numbers belong to; `None` when it is no bucket's key.
pub fn place(octets: &[u8]) -> Option<(Width, usize)> {
    let [first, a, b, c] = *octets else { return None };
    let bits = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    match first {
        0 if bits < WIDE => Some((Width::Wide, bits)),
        1 => Some((Width::Narrow, bits >> 6)),
        _ => None,
    }
}

/// Whether a wide bucket is to be spread.
pub fn is_long(bucket: &[u8]) -> bool {
    bucket.len() > LONG
}

/// Adds a history as it stands to a bucket that has none of its number.
pub fn put(bucket: &mut Vec<u8>, tag: &NumberTag, history: &[u8]) {
    bucket.extend_from_slice(&tag.0);
    bucket.push((history.len() / EVENT) as u8);
    bucket.extend_from_slice(history);
}

/// The digest of a history: what the mark sums up.
pub fn digest(tag: &NumberTag, history: &[u8]) -> u128 {
    let full: [u8; 32] = Sha256::new().chain_update(tag.0).chain_update(history).finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&full[..16]);
    u128::from_be_bytes(half)
}

/// The histories of a bucket: each number with its events, eight octets each. Ends with `Err` where the octets cannot be read.
pub fn histories(bucket: &[u8]) -> impl Iterator<Item = Result<(NumberTag, &[u8]), Damaged>> {
    let mut rest = bucket;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let taken = split(rest);
        rest = taken.map_or(&[], |(.., rest)| rest);
        Some(taken.map(|(tag, history, _)| (tag, history)).ok_or(Damaged))
    })
}

/// Octets that are no bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entry cannot be read")]
pub struct Damaged;

/// The events of one number, oldest first; none when it has no history here.
pub fn events(bucket: &[u8], tag: &NumberTag) -> Result<Vec<u64>, Damaged> {
    for history in histories(bucket) {
        let (found, history) = history?;
        if found == *tag {
            return Ok(history.as_chunks::<EVENT>().0.iter().map(|octets| u64::from_be_bytes(*octets)).collect());
        }
    }
    Ok(Vec::new())
}

/// What an event has changed in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The digest of the history before; `None` for a number that had none.
    pub before: Option<u128>,
    pub after: u128,
}

/// Adds an event to the history of its number.
pub fn add(bucket: &mut Vec<u8>, fact: &Fact) -> Result<Change, Damaged> {
    let mut at = 0;
    while at < bucket.len() {
        let (tag, history, _) = split(&bucket[at..]).ok_or(Damaged)?;
        let octets = history.len();
        if tag != fact.tag {
            at += TAG + 1 + octets;
            continue;
        }
        let (before, start) = (digest(&tag, history), at + TAG + 1);
        let mut end = start + octets;
        if octets / EVENT >= HISTORY_MAX {
            bucket.drain(start + EVENT..start + 2 * EVENT);
            end -= EVENT;
        }
        bucket.splice(end..end, fact.seq.to_be_bytes());
        end += EVENT;
        bucket[at + TAG] = ((end - start) / EVENT) as u8;
        return Ok(Change { before: Some(before), after: digest(&tag, &bucket[start..end]) });
    }
    let history = fact.seq.to_be_bytes();
    put(bucket, &fact.tag, &history);
    Ok(Change { before: None, after: digest(&fact.tag, &history) })
}

/// The first history and what lies behind it. `None` when it cannot be read.
fn split(octets: &[u8]) -> Option<(NumberTag, &[u8], &[u8])> {
    let (tag, rest) = octets.split_first_chunk::<TAG>()?;
    let (&count, rest) = rest.split_first()?;
    let whole = (1..=HISTORY_MAX).contains(&usize::from(count));
    let (history, rest) = rest.split_at_checked(usize::from(count) * EVENT).filter(|_| whole)?;
    Some((NumberTag(*tag), history, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn tag(n: u8) -> NumberTag {
        NumberTag([n; 16])
    }

    #[test]
    fn a_history_keeps_its_first_event_and_the_newest() {
        let mut bucket = Vec::new();
        add(&mut bucket, &Fact { tag: tag(1), seq: 7 }).expect("readable");
        for seq in 0..200 {
            add(&mut bucket, &Fact { tag: tag(2), seq }).expect("readable");
        }
        add(&mut bucket, &Fact { tag: tag(3), seq: 9 }).expect("readable");
        let all = events(&bucket, &tag(2)).expect("readable");
        assert_eq!((all.len(), all[0], all[1], all[HISTORY_MAX - 1]), (HISTORY_MAX, 0, 201 - HISTORY_MAX as u64, 199));
        assert_eq!((events(&bucket, &tag(1)), events(&bucket, &tag(3))), (Ok(vec![7]), Ok(vec![9])));
        assert_eq!(events(&bucket, &tag(4)), Ok(vec![]));
    }

    #[test]
    fn a_bucket_that_was_cut_or_counts_wrong_is_damaged() {
        let mut bucket = Vec::new();
        for n in 1..4 {
            add(&mut bucket, &Fact { tag: tag(n), seq: n.into() }).expect("readable");
        }
        for cut in 1..bucket.len() {
            let whole = cut.is_multiple_of(TAG + 1 + EVENT);
            assert_eq!(histories(&bucket[..cut]).any(|history| history.is_err()), !whole, "{cut}");
        }
        for count in [0, HISTORY_MAX as u8 + 1] {
            bucket[TAG] = count;
            assert_eq!(events(&bucket, &tag(3)), Err(Damaged));
            assert_eq!(add(&mut bucket, &Fact { tag: tag(3), seq: 1 }), Err(Damaged));
        }
    }

    #[test]
    fn a_key_is_of_the_width_and_the_first_bits_and_of_nothing_else() {
        let mut octets = [0xff; 16];
        assert_eq!(key(&NumberTag(octets), Width::Wide), [0, 3, 0xff, 0xff]);
        octets[3..].fill(0);
        octets[2] = 0b1100_0000;
        assert_eq!(key(&NumberTag(octets), Width::Wide), [0, 3, 0xff, 0xff]);
        assert_eq!(key(&NumberTag(octets), Width::Narrow), [1, 0xff, 0xff, 0b1100_0000]);
        octets[2] = 0b1011_1111;
        assert_eq!(key(&NumberTag(octets), Width::Wide), [0, 3, 0xff, 0xfe]);
        let wide = place(&key(&NumberTag(octets), Width::Wide));
        assert_eq!(wide, Some((Width::Wide, 0x3_fffe)));
        assert_eq!(place(&key(&NumberTag(octets), Width::Narrow)), Some((Width::Narrow, 0x3_fffe)), "under the same");
        assert!([&b"mark"[..], &[1, 2, 3], &[0, 4, 0, 0]].into_iter().all(|octets| place(octets).is_none()));
    }

    proptest! {
        #[test]
        fn every_history_is_as_its_events_came_and_the_changes_sum_up_to_the_digests(
            facts in proptest::collection::vec((0u8..6, any::<u64>()), 0..120),
        ) {
            let mut bucket = Vec::new();
            let mut told: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
            let mut sum = 0u128;
            for (n, seq) in facts {
                let change = add(&mut bucket, &Fact { tag: tag(n), seq }).expect("readable");
                let history = told.entry(n).or_default();
                prop_assert_eq!(change.before.is_none(), history.is_empty());
                sum = sum.wrapping_sub(change.before.unwrap_or_default()).wrapping_add(change.after);
                history.push(seq);
                if history.len() > HISTORY_MAX {
                    history.remove(1);
                }
            }
            for (n, history) in &told {
                prop_assert_eq!(&events(&bucket, &tag(*n)).expect("readable"), history);
            }
            let all: Vec<_> = histories(&bucket).collect::<Result<_, _>>().expect("readable");
            prop_assert_eq!(all.len(), told.len());
            prop_assert_eq!(all.iter().fold(0u128, |sum, (tag, history)| sum.wrapping_add(digest(tag, history))), sum);
        }
    }
}
