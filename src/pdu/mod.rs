//! Owns the way between octets and domain: framing, zero-copy scanning, answers, splicing. Pure.
//! Must never know a socket, a clock or a store, and must never let octets leave that were not released.

pub mod answer;
#[cfg(test)]
mod bad_pdus;
pub mod bind;
pub mod command;
mod compose;
mod content;
mod cursor;
pub mod deliver;
pub mod dialect;
#[cfg(test)]
mod differential;
pub mod explain;
pub mod fault;
mod field;
pub mod frame;
pub mod header;
pub mod inbound;
pub mod link_command;
pub mod multi;
pub mod multi_answer;
#[cfg(test)]
mod oracle;
pub mod query;
pub mod receipt;
pub mod rejection;
pub mod response;
pub mod scan;
pub mod splice;
pub mod status;
mod tail;
mod time;
pub mod tlv;
