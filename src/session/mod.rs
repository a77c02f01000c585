//! Owns one SMPP link as a set of pure parts: states, the in-flight table, timers, rates, queues, bind protection.
//! Must never know a socket, a clock, a store or a metric: instants come in, values go out.

pub mod backoff;
pub mod bad_bodies;
pub mod bind_guard;
pub mod bind_kind;
pub mod esme;
pub mod fair;
pub mod prebind;
pub mod rate;
pub mod route;
pub mod smsc;
pub mod timers;
pub mod ways;
pub mod window;
