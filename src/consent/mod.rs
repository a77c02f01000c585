//! Owns who has opted in to which account, number by number: the RAM index that the judge asks, its snapshot, the answers to people.
//! Must never lift a stop, nor let one account's opt-in count for another.

pub mod source;
pub mod entry;
pub mod index;
pub mod apply;
pub mod snapshot;
pub mod registry;
pub mod admission;

pub use apply::apply;
pub use entry::Standing;
pub use index::Index;
pub use registry::Registry;
pub use snapshot::Book;
