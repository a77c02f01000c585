//! Owns the two classes of traffic.
//! Must never say how a message got its class: that is `traffic`'s work.

/// What a message is, for the law. Mixed or unknown is commercial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TrafficClass {
    /// Marketing of any kind.
    Commercial = 1,
    /// OTPs, orders, appointments, alerts.
    Transactional = 2,
}

impl TrafficClass {
    /// The word used in configuration, metrics and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Commercial => "commercial",
            Self::Transactional => "transactional",
        }
    }
}
