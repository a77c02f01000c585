//! Owns the self-audit: what the operators' sockets took, held against the stops and lifts of the events.
//! Must never share what it audits: it asks neither judge nor release, neither the index nor the outbox.
//!
//! A message has left when the socket has taken its last octet. The tap on the socket reads number and sequence number from
//! those octets; the lane adds whose message that was and of which class; a thread of its own looks whether the number has a stop
//! that was acknowledged before and that no lift durable by then has seen. Its history comes from the events on the disk.

mod desk;
pub mod notes;
pub mod tap;
mod verdicts;

pub use desk::{LeakAudit, keep};
