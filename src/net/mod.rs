//! Owns the drivers: sockets, reading, coalesced writing; who drives an SMPP connection.
//! Must never decide anything about a PDU: octets go to the side that owns them, and come from it.

pub mod drive;
pub mod scratch;
pub mod wire;
