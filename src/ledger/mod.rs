//! Owns the ledger: two append-only streams of records, their schema, their keys and what is sealed in them.
//! Must never hold personal data in a leaf, nor acknowledge anything before it is durable.

pub mod keys;
pub mod escrow;
pub mod home;
pub mod leaf;
pub mod verdict;
pub mod suppression_event;
pub mod event;
pub mod about;
pub mod event_code;
mod event_read;
mod event_tag;
pub mod generations;
pub mod sealed;
pub mod names;
pub mod error;
pub mod book;
pub mod open;
pub mod appender;
pub mod gap;
pub mod read;
pub mod kept;
pub mod erasure;
pub mod retention;
pub mod counted;
pub mod packs;
pub mod proof;
pub mod counts;
pub mod export;
pub mod merkle;
pub mod note;
pub mod checkpoint;
pub mod tiles;
pub mod signed;
pub mod signer;
pub mod verify;
pub mod backup;
pub mod restore;
pub mod rotation;
pub mod rekey;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod gap_tests;
#[cfg(test)]
mod erasure_tests;
#[cfg(test)]
mod rekey_tests;

pub use appender::{Appender, Committed, EventTicket};
pub use book::Ledger;
pub use error::{LedgerError, OpenError};
pub use event::Event;
pub use keys::Keys;
pub use open::{OpenOptions, Recovered};
pub use sealed::Personal;
pub use verdict::{VerdictEntry, VerdictKind, VerdictRecord};
