//! Owns the vocabulary of SMS: numbers, texts, parts, submissions and the two kinds of time. Pure.
//! Must never depend on another room of ours, a socket, a clock or a store.

pub mod address;
pub mod draft;
pub mod gsm7;
pub mod inbound;
pub mod instant;
pub mod msisdn;
pub mod name;
pub mod segment;
pub mod submission;
pub mod tag;
pub mod text;
pub mod udh;
