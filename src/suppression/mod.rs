//! Owns who must not be written to: the RAM index that the judge asks, its snapshot, the embedded store behind it.
//! Must never lift what no START and no two people lifted, nor forget a stop.

pub mod table;
pub mod detail;
pub mod index;
pub mod apply;
pub mod snapshot;
pub mod list;
pub mod store;
pub mod bucket;
pub mod sled_store;
pub mod heard;
pub mod follower;
pub mod proposals;
pub mod questions;
pub mod reach;
pub mod registry;

pub use apply::apply;
pub use follower::Follower;
pub use index::Index;
pub use list::List;
pub use registry::Registry;
