//! Owns what operators see: metrics, events and the shape of log lines.
//! Must never carry a whole number, a text or a password: not in a label, not in a line.

pub mod events;
pub mod gauges;
pub mod labels;
pub mod logs;
pub mod metrics;
pub mod names;
pub mod process;
pub mod registry;
