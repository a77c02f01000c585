//! Owns the one decision: what may leave, and what a reply means. Pure and total.
//! Must never know a socket, a clock, a store or a metric; facts and `now` come in, values go out.

pub mod bench;
pub mod check;
pub mod class;
pub mod code;
pub mod consent;
pub mod frequency;
pub mod contract;
pub mod duty;
pub mod facts;
#[cfg(test)]
mod fixture;
pub mod fingerprint;
pub mod holidays;
pub mod hours;
pub mod instants;
pub mod judge;
pub mod mention;
pub mod numbers;
pub mod observe;
pub mod optout;
pub mod pack;
pub mod parts;
pub mod policy;
pub mod release;
pub mod rule;
pub mod sender_rules;
pub mod traffic;
pub mod verdict;
pub mod wording;
