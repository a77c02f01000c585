//! Owns what is asked of the embedded store behind the list: the history of each number, and how far it has come.
//! Must never be the truth: it is rebuilt from the events whenever it does not hold what it says.

use crate::message::tag::NumberTag;

/// How far the store has come and what it must hold. Written in the same batch as the entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Every event before this position is in it.
    pub position: u64,
    /// Numbers with a history.
    pub numbers: u64,
    /// Sum of the digests of all entries, modulo 2^128.
    pub digest: u128,
}

/// A suppression event: where it stands, and the number it is about. What it says stands in the events alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    pub tag: NumberTag,
    pub seq: u64,
}

/// Why the store cannot be used. It is then moved aside and made again, unless it is only the disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Full, read-only, or held by somebody else: what is in the store is none the worse for it.
    #[error("the store's disk takes nothing now: {0}")]
    Disk(String),
    /// The events it follows cannot be read: the store is none the worse for that either.
    #[error("the events cannot be read: {0}")]
    Events(String),
    #[error("the store failed: {0}")]
    Failed(String),
    #[error("the store panicked: {0}")]
    Panicked(String),
    #[error("the store does not hold what it says: {0}")]
    Mismatch(&'static str),
    /// It was made under the keys of this mark.
    #[error("the store was made under other keys")]
    OtherKeys([u8; 16]),
}

/// The store. One thread writes, others read.
pub trait Store: Send + Sync {
    /// The mark, or `None` when the store is new.
    fn mark(&self) -> Result<Option<Mark>, StoreError>;
    /// Adds facts (in the order of their events) and moves the mark to `position`, all in one batch.
    fn take(&self, facts: &[Fact], position: u64) -> Result<Mark, StoreError>;
    /// Where the events of a number stand, oldest first.
    fn history(&self, tag: &NumberTag) -> Result<Vec<u64>, StoreError>;
    /// Counts numbers and digests again from the entries themselves, and shows each number to `each`. `go_on` is asked now and
    /// then; `false` ends it.
    fn recount(&self, go_on: &dyn Fn(u64) -> bool, each: &dyn Fn(&NumberTag)) -> Result<Mark, StoreError>;
    /// Writes out what the store holds back. It need not be durable: the events are.
    fn flush(&self) -> Result<(), StoreError>;
}
