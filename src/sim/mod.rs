//! Owns the rehearsal: a simulated operator, simulated senders and phones, a virtual clock, a load. It speaks SMPP over TCP.
//! Must never import the gateway, nor share its reading of octets: a mistake there must not hide itself here.

pub mod clock;
pub mod control;
pub mod esme;
pub mod load;
pub mod message;
pub mod phone;
pub mod quick;
pub mod smsc;
pub mod wire;
