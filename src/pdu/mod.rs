//! Owns the way between octets and domain: framing, zero-copy scanning, answers, splicing. Pure.
//! Must never know a socket, a clock or a store, and must never let octets leave that were not released.

pub mod answer;
pub mod command;
#[cfg(test)]
mod bad_pdus;
mod cursor;
pub mod fault;
pub mod frame;
pub mod header;
pub mod scan;
pub mod status;
mod time;
pub mod tlv;
