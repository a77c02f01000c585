//! Owns a deliver_sm or data_sm as an SMSC sent it: a person's message or a delivery receipt.
//! Must never hold what was understood from it: opt-outs are the engine's work.

use super::address::AddressField;
use super::segment::Segment;
use super::submission::{Operation, Span};

/// A message from the SMSC side. Read leniently: operators are not refused for what they get wrong in harmless places.
#[derive(Clone, Debug)]
pub struct Inbound<'a> {
    /// The whole PDU, header included.
    pub octets: &'a [u8],
    /// `SubmitSm` stands for deliver_sm here; `DataSm` for data_sm.
    pub operation: Operation,
    pub source: AddressField,
    pub destination: AddressField,
    pub esm_class: u8,
    pub protocol_id: u8,
    pub data_coding: u8,
    /// short_message, or message_payload when short_message is empty; UDH stripped.
    pub text: Span,
    /// message_payload beside a short_message that is not empty: no operator should send both, and a STOP could be in either.
    pub second_text: Option<Span>,
    pub udh: Span,
    pub segment: Option<Segment>,
    /// The TLV stream (only the well-formed head of it).
    pub tlvs: Span,
    /// receipted_message_id (0x001E) without its NUL.
    pub receipted_message_id: Option<Span>,
    /// message_state (0x0427).
    pub message_state: Option<u8>,
    pub end: u32,
}

impl<'a> Inbound<'a> {
    /// The octets of a span.
    pub fn slice(&self, span: Span) -> &'a [u8] {
        span.of(self.octets)
    }

    /// The sequence number the SMSC gave.
    pub fn sequence_number(&self) -> u32 {
        u32::from_be_bytes([self.octets[12], self.octets[13], self.octets[14], self.octets[15]])
    }
}
