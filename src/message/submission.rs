//! Owns a message as a sender submitted it: its octets, and where the fields stand in them.
//! Must never hold a decision: what may happen to a submission is the judge's to say.

use super::address::AddressField;
use super::instant::CivilInstant;
use super::segment::Segment;
use std::borrow::Cow;
use std::time::Duration;

/// A range of octets in a PDU, counted from its first header octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The range `start..end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }
    /// The octets of `pdu` in this span.
    pub fn of<'p>(&self, pdu: &'p [u8]) -> &'p [u8] {
        &pdu[self.start as usize..self.end as usize]
    }
    /// How many octets it covers.
    pub const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }
    /// Whether it covers none.
    pub const fn is_empty(&self) -> bool {
        self.end == self.start
    }
}

/// Which PDU brought the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    SubmitSm,
    DataSm,
    SubmitMulti,
}

/// A scheduled delivery or validity time (SMPP 3.4 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeField {
    /// The field is empty.
    Absent,
    /// `YYMMDDhhmmsstnn+` or `-`, resolved to UTC.
    Absolute(CivilInstant),
    /// `YYMMDDhhmmss000R`, counted from the SMSC's now.
    Relative(Duration),
}

impl TimeField {
    /// The instant meant, when the SMSC reads the message at `now`.
    pub fn resolve(self, now: CivilInstant) -> Option<CivilInstant> {
        match self {
            Self::Absent => None,
            Self::Absolute(at) => Some(at),
            Self::Relative(after) => Some(now.plus(after)),
        }
    }
}

/// One message to one destination, as it was submitted. Structure and field values are already valid.
#[derive(Clone, Debug)]
pub struct Submission<'a> {
    /// The whole PDU, header included, cut to its own `command_length`.
    pub octets: Cow<'a, [u8]>,
    pub operation: Operation,
    pub service_type: Span,
    pub source: AddressField,
    pub destination: AddressField,
    pub esm_class: u8,
    pub protocol_id: u8,
    pub priority: u8,
    pub registered_delivery: u8,
    pub replace_if_present: u8,
    pub data_coding: u8,
    pub schedule: TimeField,
    /// Span of schedule_delivery_time with its NUL; empty for data_sm.
    pub schedule_span: Span,
    pub validity: TimeField,
    /// Span of validity_period with its NUL; empty for data_sm.
    pub validity_span: Span,
    /// Where the text is: short_message or message_payload, UDH stripped.
    pub text: Span,
    /// The user data header without its length octet; empty when UDHI is not set.
    pub udh: Span,
    /// Part n of total, by UDH or sar_*.
    pub segment: Option<Segment>,
    /// Whether the UDH or a TLV addresses application ports.
    pub ports: bool,
    /// Where the TLVs begin (the end of the mandatory fields).
    pub tlvs: Span,
    /// Whether a TLV in the vendor range (0x1400..=0x3FFF) is present: the splice then looks at each.
    pub has_vendor_tlvs: bool,
    /// Octets of `octets` that matter: a single trailing NUL behind the last field is cut.
    pub end: u32,
}

impl Submission<'_> {
    /// The octets of a span.
    pub fn slice(&self, span: Span) -> &[u8] {
        span.of(&self.octets)
    }

    /// The sequence number the sender gave.
    pub fn sequence_number(&self) -> u32 {
        u32::from_be_bytes([self.octets[12], self.octets[13], self.octets[14], self.octets[15]])
    }

    /// The same submission owning its octets, so that it can wait.
    pub fn into_owned(self) -> Submission<'static> {
        Submission { octets: Cow::Owned(self.octets.into_owned()), ..self }
    }
}
