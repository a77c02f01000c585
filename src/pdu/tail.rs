//! Owns what submit_sm and submit_multi have in common: everything behind the destinations.
//! Must never look at an address.

use super::content::Content;
use super::cursor::Cursor;
use super::fault::Fault;
use super::field::{self, TIME};
use super::scan::Context;
use super::tlv::{self, Stream};
use crate::message::instant::CivilInstant;
use crate::message::submission::{Span, TimeField};

/// Most octets of a short_message (SMPP 3.4 §5.2.22).
const SHORT_MESSAGE: usize = 254;

/// The fields from esm_class on, before their values were looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawTail {
    esm_class: u8,
    protocol_id: u8,
    priority: u8,
    schedule: Span,
    validity: Span,
    registered_delivery: u8,
    replace_if_present: u8,
    data_coding: u8,
    default_message_id: u8,
    short_message: Span,
    stream: Stream,
}

/// The same, valid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub esm_class: u8,
    pub protocol_id: u8,
    pub priority: u8,
    pub schedule: TimeField,
    pub schedule_span: Span,
    pub validity: TimeField,
    pub validity_span: Span,
    pub registered_delivery: u8,
    pub replace_if_present: u8,
    pub data_coding: u8,
    pub content: Content,
    pub tlvs: Span,
    pub must_be_cut: bool,
}

impl RawTail {
    /// Structure alone, the framing of the TLV stream included.
    #[inline]
    pub(super) fn read(octets: &[u8], cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let (esm_class, protocol_id, priority) = (cursor.octet()?, cursor.octet()?, cursor.octet()?);
        let schedule = cursor.c_string(TIME, Fault::Schedule)?;
        let validity = cursor.c_string(TIME, Fault::Validity)?;
        let (registered_delivery, replace_if_present) = (cursor.octet()?, cursor.octet()?);
        let (data_coding, default_message_id) = (cursor.octet()?, cursor.octet()?);
        let sm_length = usize::from(cursor.octet()?);
        // sm_length lies, not command_length: the status that names it is 0x01.
        let short_message = cursor.run(sm_length, Fault::MessageLength)?;
        let stream = tlv::walk(octets, cursor.at());
        if !stream.whole {
            return Err(Fault::TlvStream);
        }
        Ok(Self {
            esm_class,
            protocol_id,
            priority,
            schedule,
            validity,
            registered_delivery,
            replace_if_present,
            data_coding,
            default_message_id,
            short_message,
            stream,
        })
    }

    /// Values in PDU order, then TLVs and text.
    #[inline]
    pub(super) fn check(self, octets: &[u8], context: &Context<'_>) -> Result<Tail, Fault> {
        field::message_type(self.esm_class)?;
        // Silent (0x40) and replacing (0x41–0x47) messages are not shown, or take back one that was judged.
        if matches!(self.protocol_id, 0x40..=0x47) {
            return Err(Fault::ProtocolId);
        }
        if self.priority > 3 {
            return Err(Fault::Priority);
        }
        let (schedule, validity) = field::times(self.schedule.of(octets), self.validity.of(octets), context.now)?;
        field::receipts_asked(self.registered_delivery)?;
        if self.replace_if_present > 1 {
            return Err(Fault::ReplaceIfPresent);
        }
        if self.default_message_id != 0 && !context.default_message_ids.contains(&self.default_message_id) {
            return Err(Fault::DefaultMessageId);
        }
        if self.short_message.len() > SHORT_MESSAGE {
            return Err(Fault::MessageLength);
        }
        let user_data = match self.stream.payload {
            Some(_) if !self.short_message.is_empty() => return Err(Fault::TlvNotAllowed),
            Some(payload) => payload,
            None => self.short_message,
        };
        let content = Content::read(octets, user_data, self.esm_class, self.data_coding, &self.stream)?;
        if user_data.is_empty() && self.stream.empty_payload {
            return Err(Fault::MessageLength);
        }
        let with_nul = |span: Span| Span { end: span.end + 1, ..span };
        Ok(Tail {
            esm_class: self.esm_class,
            protocol_id: self.protocol_id,
            priority: self.priority,
            schedule,
            schedule_span: with_nul(self.schedule),
            validity: later(validity, self.stream.time_to_live(), context.now),
            validity_span: with_nul(self.validity),
            registered_delivery: self.registered_delivery,
            replace_if_present: self.replace_if_present,
            data_coding: self.data_coding,
            content,
            tlvs: self.stream.span,
            must_be_cut: self.stream.must_be_cut(),
        })
    }
}

/// The validity that counts when qos_time_to_live stands beside validity_period: SMPP 5.0 lets the TLV supersede the
/// field, a 3.4 SMSC ignores it. Whichever lets the message live longer is what must be looked at; no field at all
/// leaves it to the SMSC's default.
fn later(field: TimeField, time_to_live: TimeField, now: CivilInstant) -> TimeField {
    match (field.resolve(now), time_to_live.resolve(now)) {
        (Some(by_field), Some(by_tlv)) if by_tlv > by_field => time_to_live,
        (Some(_), _) | (None, _) => field,
    }
}
