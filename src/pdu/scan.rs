//! Owns the zero-copy reading of a submission: submit_sm and data_sm, field by field, in the documented order of checks.
//! Must never allocate, never guess a field that is wrong, and never decide a question of policy.
//!
//! Order: structure left to right (the TLV stream's framing included), field values in PDU order, the TLVs
//! (0xC1, 0xC2, 0xC3, 0xC4), the text.

use super::command::CommandId;
use super::content::Content;
use super::cursor::Cursor;
use super::fault::{Fault, Rejection};
use super::field::{self, ADDRESS, DATA_ADDRESS, RawAddress, SERVICE_TYPE};
use super::header::Header;
use super::tail::RawTail;
use super::tlv;
use crate::message::instant::CivilInstant;
use crate::message::submission::{Operation, Span, Submission, TimeField};
use std::borrow::Cow;

/// What the scan must be told.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// sm_default_msg_id values the account may use.
    pub default_message_ids: &'c [u8],
    /// For the century of two-digit years, and for times in the past.
    pub now: CivilInstant,
}

/// Reads one whole frame: a submit_sm, or a data_sm from a client.
///
/// # Errors
/// The first thing that is wrong with its body, in the documented order.
pub fn submit<'a>(octets: &'a [u8], context: &Context<'_>) -> Result<Submission<'a>, Rejection> {
    let is_data_sm = Header::parse(octets).is_some_and(|header| header.id == CommandId::DataSm);
    let read = if is_data_sm { data_sm(octets) } else { submit_sm(octets, context) };
    Ok(read?)
}

fn submit_sm<'a>(octets: &'a [u8], context: &Context<'_>) -> Result<Submission<'a>, Fault> {
    let mut cursor = Cursor::body(octets);
    let service_type = cursor.c_string(SERVICE_TYPE, Fault::ServiceType)?;
    let source = RawAddress::read(&mut cursor, ADDRESS, Fault::Source)?;
    let destination = RawAddress::read(&mut cursor, ADDRESS, Fault::Destination)?;
    let tail = RawTail::read(octets, &mut cursor)?;

    let source = source.source()?;
    let destination = destination.destination()?;
    let tail = tail.check(octets, context)?;
    Ok(Submission {
        octets: Cow::Borrowed(octets),
        operation: Operation::SubmitSm,
        service_type,
        source,
        destination,
        esm_class: tail.esm_class,
        protocol_id: tail.protocol_id,
        priority: tail.priority,
        registered_delivery: tail.registered_delivery,
        replace_if_present: tail.replace_if_present,
        data_coding: tail.data_coding,
        schedule: tail.schedule,
        schedule_span: tail.schedule_span,
        validity: tail.validity,
        validity_span: tail.validity_span,
        text: tail.content.text,
        udh: tail.content.udh,
        segment: tail.content.segment,
        ports: tail.content.ports,
        tlvs: tail.tlvs,
        has_vendor_tlvs: tail.must_be_cut,
        end: tail.tlvs.end,
    })
}

fn data_sm(octets: &[u8]) -> Result<Submission<'_>, Fault> {
    let mut cursor = Cursor::body(octets);
    let service_type = cursor.c_string(SERVICE_TYPE, Fault::ServiceType)?;
    let source = RawAddress::read(&mut cursor, DATA_ADDRESS, Fault::Source)?;
    let destination = RawAddress::read(&mut cursor, DATA_ADDRESS, Fault::Destination)?;
    let (esm_class, registered_delivery, data_coding) = (cursor.octet()?, cursor.octet()?, cursor.octet()?);
    let stream = tlv::walk(octets, cursor.at());
    if !stream.whole {
        return Err(Fault::TlvStream);
    }

    let source = source.source()?;
    let destination = destination.destination()?;
    field::message_type(esm_class)?;
    field::receipts_asked(registered_delivery)?;
    let none = Span { end: stream.span.start, ..stream.span };
    let user_data = stream.payload.unwrap_or(none);
    if user_data.is_empty() && !stream.has_faults() {
        // Without a header to look into nothing else can be wrong: no text where one is mandatory.
        return Err(if stream.empty_payload { Fault::MessageLength } else { Fault::TlvMissing });
    }
    let content = Content::read(octets, user_data, esm_class, data_coding, &stream)?;
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
        validity: stream.time_to_live(),
        validity_span: none,
        text: content.text,
        udh: content.udh,
        segment: content.segment,
        ports: content.ports,
        tlvs: stream.span,
        has_vendor_tlvs: stream.must_be_cut(),
        end: stream.span.end,
    })
}
