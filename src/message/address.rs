//! Owns an SMPP address as the peer wrote it: TON, NPI and text.
//! Must never decide what number it is: that is the number plan's work.

use super::submission::Span;

/// Type of number (SMPP 3.4 §5.2.5), 0..=6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ton {
    Unknown = 0,
    International = 1,
    National = 2,
    NetworkSpecific = 3,
    SubscriberNumber = 4,
    Alphanumeric = 5,
    Abbreviated = 6,
}

impl Ton {
    /// From the octet of the wire; `None` for reserved values.
    pub const fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            0 => Self::Unknown,
            1 => Self::International,
            2 => Self::National,
            3 => Self::NetworkSpecific,
            4 => Self::SubscriberNumber,
            5 => Self::Alphanumeric,
            6 => Self::Abbreviated,
            _ => return None,
        })
    }
}

/// Numbering plan indicator (SMPP 3.4 §5.2.6), kept as its octet: nothing is decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Npi(pub u8);

/// Where an address stands in a PDU. The text is at `text`, without its NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressField {
    pub ton: Ton,
    pub npi: Npi,
    /// Span of ton, npi and text with its NUL: what a splice replaces.
    pub whole: Span,
    /// Span of the text alone.
    pub text: Span,
}
