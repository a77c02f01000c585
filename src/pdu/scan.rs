//! Owns the zero-copy reading of a submission: submit_sm and data_sm, field by field, in the documented order of checks.
//! Must never allocate, never guess a field that is wrong, and never decide a question of policy.
//!
//! Order: structure left to right (the TLV stream's framing included), field values in PDU order, the TLVs
//! (0xC1, 0xC2, 0xC3, 0xC4), the text.

use super::command::CommandId;
use super::cursor::Cursor;
use super::fault::{Fault, Rejection};
use super::header::Header;
use super::time;
use super::tlv::{self, Stream};
use crate::message::address::{AddressField, Npi, Ton};
use crate::message::instant::CivilInstant;
use crate::message::segment::{Segment, SegmentScheme};
use crate::message::submission::{Operation, Span, Submission, TimeField};
use crate::message::udh;
use std::borrow::Cow;
use std::time::Duration;

/// What the scan must be told.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// sm_default_msg_id values the account may use.
    pub default_message_ids: &'c [u8],
    /// For the century of two-digit years, and for times in the past.
    pub now: CivilInstant,
}

/// service_type: 5 characters and NUL.
const SERVICE_TYPE: usize = 6;
/// Addresses of submit_sm: 20 characters and NUL.
const ADDRESS: usize = 21;
/// Addresses of data_sm: 64 characters and NUL.
const DATA_ADDRESS: usize = 65;
/// A time: 16 characters and NUL.
const TIME: usize = time::TIME_OCTETS + 1;
/// Most octets of a short_message (SMPP 3.4 §5.2.22).
const SHORT_MESSAGE: usize = 254;
/// How far back a client's clock may stand before its times count as past.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

const UDHI: u8 = 0x40;
const UCS2: u8 = 0x08;

/// Reads one whole frame: a submit_sm, or a data_sm from a client.
///
/// # Errors
/// The first thing that is wrong with its body, in the documented order.
pub fn submit<'a>(octets: &'a [u8], context: &Context<'_>) -> Result<Submission<'a>, Rejection> {
    let data = Header::parse(octets).is_some_and(|header| header.id == CommandId::DataSm);
    let read = if data { data_sm(octets, context) } else { submit_sm(octets, context) };
    Ok(read?)
}

/// An address before its values were looked at.
struct RawAddress {
    ton: u8,
    npi: u8,
    whole: Span,
    text: Span,
}

impl RawAddress {
    fn read(cursor: &mut Cursor<'_>, limit: usize, overlong: Fault) -> Result<Self, Fault> {
        let start = cursor.at();
        let (ton, npi) = (cursor.octet()?, cursor.octet()?);
        let text = cursor.c_string(limit, overlong)?;
        Ok(Self { ton, npi, whole: Span::new(start, cursor.at()), text })
    }

    fn source(self) -> Result<AddressField, Fault> {
        let ton = Ton::from_octet(self.ton).ok_or(Fault::SourceTon)?;
        if !npi_is_defined(self.npi) {
            return Err(Fault::SourceNpi);
        }
        Ok(AddressField { ton, npi: Npi(self.npi), whole: self.whole, text: self.text })
    }

    fn destination(self) -> Result<AddressField, Fault> {
        let ton = match Ton::from_octet(self.ton) {
            Some(
                ton
                @ (Ton::Unknown | Ton::International | Ton::National | Ton::NetworkSpecific | Ton::SubscriberNumber),
            ) => ton,
            // Neither a name nor an abbreviated number can be matched to a subscriber.
            Some(Ton::Alphanumeric | Ton::Abbreviated) | None => return Err(Fault::DestinationTon),
        };
        if !npi_is_defined(self.npi) {
            return Err(Fault::DestinationNpi);
        }
        if self.text.is_empty() {
            return Err(Fault::Destination);
        }
        Ok(AddressField { ton, npi: Npi(self.npi), whole: self.whole, text: self.text })
    }
}

/// The values of SMPP 3.4 §5.2.6.
const fn npi_is_defined(npi: u8) -> bool {
    matches!(npi, 0 | 1 | 3 | 4 | 6 | 8 | 9 | 10 | 14 | 18)
}

fn submit_sm<'a>(octets: &'a [u8], context: &Context<'_>) -> Result<Submission<'a>, Fault> {
    // Structure.
    let mut cursor = Cursor::body(octets);
    let service_type = cursor.c_string(SERVICE_TYPE, Fault::ServiceType)?;
    let source = RawAddress::read(&mut cursor, ADDRESS, Fault::Source)?;
    let destination = RawAddress::read(&mut cursor, ADDRESS, Fault::Destination)?;
    let (esm_class, protocol_id, priority) = (cursor.octet()?, cursor.octet()?, cursor.octet()?);
    let schedule_text = cursor.c_string(TIME, Fault::Schedule)?;
    let validity_text = cursor.c_string(TIME, Fault::Validity)?;
    let (registered_delivery, replace_if_present) = (cursor.octet()?, cursor.octet()?);
    let (data_coding, default_message_id) = (cursor.octet()?, cursor.octet()?);
    let sm_length = cursor.octet()? as usize;
    let short_message = cursor.run(sm_length, Fault::MessageLength)?;
    let stream = tlv::walk(octets, cursor.at());
    if !stream.whole {
        return Err(Fault::TlvStream);
    }

    // Values, in PDU order.
    let source = source.source()?;
    let destination = destination.destination()?;
    message_type(esm_class)?;
    if matches!(protocol_id, 0x40..=0x47) {
        return Err(Fault::ProtocolId);
    }
    if priority > 3 {
        return Err(Fault::Priority);
    }
    let (schedule, validity) = times(schedule_text.of(octets), validity_text.of(octets), context.now)?;
    receipts_asked(registered_delivery)?;
    if replace_if_present > 1 {
        return Err(Fault::ReplaceIfPresent);
    }
    if default_message_id != 0 && !context.default_message_ids.contains(&default_message_id) {
        return Err(Fault::DefaultMessageId);
    }
    if sm_length > SHORT_MESSAGE {
        return Err(Fault::MessageLength);
    }

    // TLVs and text.
    let user_data = match stream.payload {
        Some(_) if !short_message.is_empty() => return Err(Fault::TlvNotAllowed),
        Some(payload) => payload,
        None => short_message,
    };
    let content = Content::read(octets, user_data, esm_class, data_coding, &stream)?;
    if user_data.is_empty() && stream.empty_payload {
        return Err(Fault::MessageLength);
    }
    Ok(Submission {
        octets: Cow::Borrowed(octets),
        operation: Operation::SubmitSm,
        service_type,
        source,
        destination,
        esm_class,
        protocol_id,
        priority,
        registered_delivery,
        replace_if_present,
        data_coding,
        schedule,
        schedule_span: Span { end: schedule_text.end + 1, ..schedule_text },
        validity,
        validity_span: Span { end: validity_text.end + 1, ..validity_text },
        text: content.text,
        udh: content.udh,
        segment: content.segment,
        ports: content.ports,
        tlvs: stream.span,
        has_vendor_tlvs: must_be_cut(&stream),
        end: stream.span.end,
    })
}

fn data_sm<'a>(octets: &'a [u8], _context: &Context<'_>) -> Result<Submission<'a>, Fault> {
    // Structure.
    let mut cursor = Cursor::body(octets);
    let service_type = cursor.c_string(SERVICE_TYPE, Fault::ServiceType)?;
    let source = RawAddress::read(&mut cursor, DATA_ADDRESS, Fault::Source)?;
    let destination = RawAddress::read(&mut cursor, DATA_ADDRESS, Fault::Destination)?;
    let (esm_class, registered_delivery, data_coding) = (cursor.octet()?, cursor.octet()?, cursor.octet()?);
    let stream = tlv::walk(octets, cursor.at());
    if !stream.whole {
        return Err(Fault::TlvStream);
    }

    // Values, in PDU order.
    let source = source.source()?;
    let destination = destination.destination()?;
    message_type(esm_class)?;
    receipts_asked(registered_delivery)?;

    // TLVs and text.
    let none = Span::new(stream.span.start as usize, stream.span.start as usize);
    let user_data = stream.payload.unwrap_or(none);
    let content = Content::read(octets, user_data, esm_class, data_coding, &stream)?;
    if user_data.is_empty() {
        return Err(if stream.empty_payload { Fault::MessageLength } else { Fault::TlvMissing });
    }
    Ok(Submission {
        octets: Cow::Borrowed(octets),
        operation: Operation::DataSm,
        service_type,
        source,
        destination,
        esm_class,
        protocol_id: 0,
        priority: 0,
        registered_delivery,
        replace_if_present: 0,
        data_coding,
        schedule: TimeField::Absent,
        schedule_span: none,
        validity: TimeField::Absent,
        validity_span: none,
        text: content.text,
        udh: content.udh,
        segment: content.segment,
        ports: content.ports,
        tlvs: stream.span,
        has_vendor_tlvs: must_be_cut(&stream),
        end: stream.span.end,
    })
}

/// Whether the splice must look at each TLV. An empty message_payload beside a short_message is cut with the vendors':
/// to us it is absent, but an SMSC might take it for the text.
const fn must_be_cut(stream: &Stream) -> bool {
    stream.vendor || stream.empty_payload
}

/// esm_class bits 2–5 (SMPP 3.4 §5.2.12): a client may send a plain message or an acknowledgement, never a receipt,
/// a conversation abort or an intermediate notification.
const fn message_type(esm_class: u8) -> Result<(), Fault> {
    match esm_class & 0x3C {
        0x00 | 0x08 | 0x10 => Ok(()),
        _ => Err(Fault::EsmClass),
    }
}

/// registered_delivery (SMPP 3.4 §5.2.17): bits 5–7 and the value 3 of bits 0–1 are reserved.
const fn receipts_asked(registered_delivery: u8) -> Result<(), Fault> {
    if registered_delivery & 0xE0 != 0 || registered_delivery & 0x03 == 0x03 {
        return Err(Fault::RegisteredDelivery);
    }
    Ok(())
}

/// Both times. A relative time counts from now (SMPP 3.4 §7.1.1.1), so both can be compared.
fn times(schedule: &[u8], validity: &[u8], now: CivilInstant) -> Result<(TimeField, TimeField), Fault> {
    if schedule.is_empty() && validity.is_empty() {
        return Ok((TimeField::Absent, TimeField::Absent));
    }
    let oldest = now.minus(CLOCK_SLACK);
    let schedule = time::parse(schedule, now).ok_or(Fault::Schedule)?;
    let starts = schedule.resolve(now);
    if starts.is_some_and(|at| at < oldest) {
        return Err(Fault::Schedule);
    }
    let validity = time::parse(validity, now).ok_or(Fault::Validity)?;
    if let Some(expires) = validity.resolve(now)
        && (expires < oldest || starts.is_some_and(|at| expires <= at))
    {
        return Err(Fault::Validity);
    }
    Ok((schedule, validity))
}

/// The text and what stands around it.
pub(super) struct Content {
    pub text: Span,
    pub udh: Span,
    pub segment: Option<Segment>,
    pub ports: bool,
}

impl Content {
    /// The TLVs in the order 0xC1, 0xC2, 0xC3, 0xC4, then the user data.
    pub(super) fn read(
        octets: &[u8],
        user_data: Span,
        esm_class: u8,
        data_coding: u8,
        stream: &Stream,
    ) -> Result<Self, Fault> {
        let header = (esm_class & UDHI != 0).then(|| split_udh(octets, user_data));
        let by_udh = match &header {
            Some(Ok((_, _, udh))) => udh.segment,
            Some(Err(_)) | None => None,
        };
        if stream.duplicate || (by_udh.is_some() && stream.sar_count() > 0) {
            return Err(Fault::TlvNotAllowed);
        }
        if stream.bad_length {
            return Err(Fault::TlvLength);
        }
        let by_sar = sar(stream)?;
        let (udh, text, read) = match header {
            Some(split) => split?,
            None => (Span::new(user_data.start as usize, user_data.start as usize), user_data, udh::Udh::default()),
        };
        if data_coding == UCS2 && text.len() % 2 != 0 {
            return Err(Fault::MessageLength);
        }
        // A message of one part is a whole message.
        let segment = by_udh.or(by_sar).filter(|segment| segment.total > 1);
        Ok(Self { text, udh, segment, ports: read.ports || stream.ports })
    }
}

/// The segmentation by sar_*: all three or none (SMPP 3.4 §5.3.2.22 to 24).
fn sar(stream: &Stream) -> Result<Option<Segment>, Fault> {
    match (stream.sar_reference, stream.sar_total, stream.sar_number) {
        (None, None, None) => Ok(None),
        (Some(reference), Some(total), Some(number)) if number >= 1 && number <= total => {
            Ok(Some(Segment { scheme: SegmentScheme::Sar, reference, total, number }))
        }
        (Some(_), Some(_), Some(_)) => Err(Fault::TlvValue),
        (None, _, _) | (_, None, _) | (_, _, None) => Err(Fault::TlvMissing),
    }
}

/// Header (without its length octet), text, and what the header says.
fn split_udh(octets: &[u8], user_data: Span) -> Result<(Span, Span, udh::Udh), Fault> {
    let (length, rest) = user_data.of(octets).split_first().ok_or(Fault::EsmClass)?;
    let length = usize::from(*length);
    if length == 0 || length > rest.len() {
        return Err(Fault::EsmClass);
    }
    let start = user_data.start as usize + 1;
    let header = Span::new(start, start + length);
    let read = udh::parse(header.of(octets)).map_err(|_| Fault::EsmClass)?;
    Ok((header, Span { start: header.end, end: user_data.end }, read))
}
