//! Owns framed append files: checksums, one write a batch, group commit, pre-written segments, recovery.
//! Must never know what a record means, nor retry an fsync that failed.

pub mod disk;
pub mod dump;
pub mod error;
pub mod frame;
pub mod segment;
pub mod recovery;
pub mod stream;
pub mod sync;
pub mod spare;
pub mod reader;
pub mod forget;
pub mod blank;
pub mod offline;
pub mod copy;
pub mod scrub;

#[cfg(test)]
pub mod faults;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod stream_tests;
#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod blank_tests;
