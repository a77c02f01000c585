//! Owns the module map, in the order of dependencies: each room may use the rooms above it.
//! Must never hold logic.
#![forbid(unsafe_code)]

pub mod message;
pub mod compliance;
pub mod pdu;
pub mod session;
pub mod telemetry;
pub mod journal;
pub mod ledger;
pub mod suppression;
pub mod consent;
pub mod spool;

pub mod clock;
pub mod net;
pub mod gateway;
pub mod admin;
pub mod config;
pub mod sim;
pub mod cli;
