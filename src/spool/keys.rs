//! Owns the keys of what waits: under which one a journal is written, and how what was written under an earlier one is read.
//! Must never leave anything live under an earlier key once the spool is open: each part of it writes that anew.

use super::error::SpoolError;
use super::seal::{Sealer, key_check};
use crate::message::tag::{NumberTag, TagKey};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long the disk may take for each step of writing anew.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The sealing keys and what makes tags. Cheap to clone.
#[derive(Clone)]
pub struct SpoolKeys(Arc<Generations>);

struct Generations {
    /// The sealing keys, the oldest first; never empty.
    seals: Vec<Zeroizing<[u8; 32]>>,
    tags: TagKey,
    /// Every mark there may be, with its generation of the tag key; the last is that of what is written now.
    marks: Vec<([u8; 16], usize)>,
}

impl SpoolKeys {
    /// Of a sealing key that was never replaced, nor was the tag key.
    pub fn of(seal: &[u8; 32]) -> Self {
        Self::new(&[seal], (TagKey::new(&[0; 32]), vec![[0; 8]]))
    }

    /// Of these sealing keys, the newest first, and the tag key with the marks of its generations, the oldest first.
    pub fn new(seals: &[&[u8; 32]], (tags, tag_marks): (TagKey, Vec<[u8; 8]>)) -> Self {
        let seals: Vec<_> = seals.iter().rev().map(|key| Zeroizing::new(**key)).collect();
        let of_seals = |generation: usize| seals.iter().map(move |seal| (generation, seal));
        let marks = (1..=tag_marks.len()).flat_map(of_seals);
        let marks = marks.map(|(generation, seal)| (label(seal, generation, &tag_marks), generation)).collect();
        Self(Arc::new(Generations { seals, tags, marks }))
    }

    /// The first sealing key: message ids are known by a hash that a replacement must not change.
    pub fn first(&self) -> &[u8; 32] {
        &self.0.seals[0]
    }

    /// Seals under the newest key, opens under all.
    pub fn sealer(&self) -> Result<Sealer, SpoolError> {
        let (newest, older) = self.0.seals.split_last().expect("there is always a first one");
        Ok(Sealer::new(newest)?.opening(older.iter().rev().map(|key| &**key)))
    }

    /// The mark of what is written now.
    pub fn label(&self) -> [u8; 16] {
        self.0.marks.last().expect("there is always a first one").0
    }

    /// The marks that what was written before may bear.
    pub fn older(&self) -> Vec<[u8; 16]> {
        let (_, older) = self.0.marks.split_last().expect("there is always a first one");
        older.iter().map(|(mark, _)| *mark).collect()
    }

    /// A tag from a segment of this mark, as it is under the newest key.
    pub fn carry(&self, mark: &[u8; 16], tag: NumberTag) -> NumberTag {
        if tag == NumberTag::default() {
            // Nobody's: a receipt of an address that is no number.
            return tag;
        }
        let generation = self.0.marks.iter().rev().find(|(known, _)| known == mark);
        generation.map_or(tag, |(_, generation)| self.0.tags.carry(tag, *generation))
    }
}

impl std::fmt::Debug for SpoolKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SpoolKeys(***)")
    }
}

/// The mark under a sealing key and a generation of the tag key. As long as the tag key is the first one it says the sealing key
/// alone, as it did before any key could be replaced.
fn label(seal: &[u8; 32], generation: usize, tag_marks: &[[u8; 8]]) -> [u8; 16] {
    let mut mark = key_check(seal);
    if generation > 1 {
        mark[8..].copy_from_slice(&tag_marks[generation - 1]);
    }
    mark
}
