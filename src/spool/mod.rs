//! Owns durable state that is not evidence: what waits for absent senders, whose message an id names, which answers are owed.
//! Must never hold a number or a text unsealed, nor lose what it said is durable.

pub mod duty;
pub mod early;
pub mod id_index;
pub mod message_id;
pub mod seal;
pub mod shelf;
