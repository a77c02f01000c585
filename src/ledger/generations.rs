//! Owns which generation of the keys a segment or a file was written under, and what carries its tags to the newest one.
//! Must never hold a sealing key, nor take a mark that it does not know for one that it does.
//!
//! The mark in every segment and snapshot, the key-check value, has two halves: 8 octets for the tag key, 8 for the sealing key. Each
//! half is replaced by itself; a file bears the newest of each when it was written.

use crate::message::tag::{NumberTag, TagKey};
use std::sync::Arc;

/// A secret that can be replaced while the earlier ones stay in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Secrets {
    /// The key of number tags.
    Tags = 1,
    /// The key that seals personal data.
    Sealing = 2,
}

impl Secrets {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tags, Self::Sealing];

    /// The file of its first generation in keys_dir; later ones are called `FILE.2`, `FILE.3`….
    pub const fn file(self) -> &'static str {
        match self {
            Self::Tags => "tag.key",
            Self::Sealing => "seal.key",
        }
    }

    /// The file of a generation (from 1).
    pub fn file_of(self, generation: usize) -> String {
        if generation <= 1 { self.file().to_owned() } else { format!("{}.{generation}", self.file()) }
    }

    /// What it is called.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Tags => "tag key",
            Self::Sealing => "sealing key",
        }
    }

    /// Its half of a mark.
    pub fn half(self, mark: &[u8; 16]) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *mark;
        match self {
            Self::Tags => [a, b, c, d, e, f, g, h],
            Self::Sealing => [i, j, k, l, m, n, o, p],
        }
    }
}

/// The marks of all generations. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Generations {
    /// The halves of each, the oldest first; never empty.
    halves: Arc<[Vec<[u8; 8]>; 2]>,
    newest: [u8; 16],
    tags: Arc<TagKey>,
}

impl Generations {
    /// Of these halves, the oldest first.
    pub(super) fn new(halves: [Vec<[u8; 8]>; 2], tags: TagKey) -> Self {
        let mut newest = [0; 16];
        for (half, known) in newest.chunks_mut(8).zip(&halves) {
            half.copy_from_slice(&known.last().copied().unwrap_or_default());
        }
        Self { halves: Arc::new(halves), newest, tags: Arc::new(tags) }
    }

    /// The mark of what is written now.
    pub fn newest(&self) -> [u8; 16] {
        self.newest
    }

    /// The marks that what was written before may bear.
    pub fn older(&self) -> Vec<[u8; 16]> {
        let [tags, seals] = &*self.halves;
        let all = tags.iter().flat_map(|tag| seals.iter().map(move |seal| [*tag, *seal].concat()));
        all.filter_map(|mark| mark.try_into().ok()).filter(|mark| *mark != self.newest).collect()
    }

    /// How many generations of a secret there are, from 1.
    pub fn count(&self, of: Secrets) -> usize {
        self.halves[of as usize - 1].len()
    }

    /// The generation of a secret that a mark says, from 1; `None` when it is none of them.
    pub fn of(&self, secret: Secrets, mark: &[u8; 16]) -> Option<usize> {
        let half = secret.half(mark);
        self.halves[secret as usize - 1].iter().position(|known| *known == half).map(|at| at + 1)
    }

    /// The halves of the tag key's generations, the oldest first.
    pub fn tag_marks(&self) -> Vec<[u8; 8]> {
        self.halves[Secrets::Tags as usize - 1].clone()
    }

    /// Whether both halves of a mark are known.
    pub fn knows(&self, mark: &[u8; 16]) -> bool {
        Secrets::ALL.iter().all(|secret| self.of(*secret, mark).is_some())
    }

    /// The first secret whose half of a mark is unknown, and the file that would hold it if it was replaced once more.
    pub fn unknown(&self, mark: &[u8; 16]) -> Option<(Secrets, String)> {
        let unknown = Secrets::ALL.into_iter().find(|secret| self.of(*secret, mark).is_none());
        unknown.map(|secret| (secret, secret.file_of(self.count(secret) + 1)))
    }

    /// A tag from what bears this mark, as it is under the newest key.
    pub fn carry(&self, mark: &[u8; 16], tag: NumberTag) -> NumberTag {
        if Secrets::Tags.half(mark) == Secrets::Tags.half(&self.newest) {
            return tag;
        }
        match self.of(Secrets::Tags, mark) {
            Some(generation) => self.tags.carry(tag, generation),
            // Nothing under a mark that is not known was let in.
            None => tag,
        }
    }
}
