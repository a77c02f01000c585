//! Owns the reading of what an SMSC sends: deliver_sm and data_sm. Lenient where an operator's slip does no harm.
//! Must never guess at a PDU that is cut: it could have been a STOP, and is refused with 0x65 and kept aside.

use super::command::CommandId;
use super::content::Content;
use super::cursor::Cursor;
use super::fault::{Fault, Rejection};
use super::field::RawAddress;
use super::header::Header;
use super::tlv::{self, Stream};
use crate::message::address::AddressField;
use crate::message::inbound::Inbound;
use crate::message::submission::{Operation, Span};

/// Longest C-octet string that is taken in any field: operators overrun the limits of 3.4 in harmless places.
const TEXT: usize = 256;

/// Reads one whole frame: a deliver_sm, or a data_sm from an SMSC.
///
/// # Errors
/// `Fault::Unreadable` when the mandatory fields do not fit in the frame. Nothing else is refused: a TLV stream counts
/// up to its first malformed TLV.
pub fn scan(octets: &[u8]) -> Result<Inbound<'_>, Rejection> {
    let is_data_sm = Header::parse(octets).is_some_and(|header| header.id == CommandId::DataSm);
    let read = if is_data_sm { data_sm(octets) } else { deliver_sm(octets) };
    Ok(read.map_err(|_| Fault::Unreadable)?)
}

fn deliver_sm(octets: &[u8]) -> Result<Inbound<'_>, Fault> {
    let mut cursor = Cursor::body(octets);
    cursor.c_string(TEXT, Fault::Unreadable)?;
    let source = RawAddress::read(&mut cursor, TEXT, Fault::Unreadable)?;
    let destination = RawAddress::read(&mut cursor, TEXT, Fault::Unreadable)?;
    let (esm_class, protocol_id, _priority) = (cursor.octet()?, cursor.octet()?, cursor.octet()?);
    cursor.c_string(TEXT, Fault::Unreadable)?;
    cursor.c_string(TEXT, Fault::Unreadable)?;
    let (_registered_delivery, _replace) = (cursor.octet()?, cursor.octet()?);
    let (data_coding, _default_message_id) = (cursor.octet()?, cursor.octet()?);
    let sm_length = usize::from(cursor.octet()?);
    let short_message = cursor.run(sm_length, Fault::Unreadable)?;
    let stream = tlv::walk(octets, cursor.at());
    let user_data = match stream.payload {
        Some(payload) if short_message.is_empty() => payload,
        Some(_) | None => short_message,
    };
    let message = Message { operation: Operation::SubmitSm, esm_class, protocol_id, data_coding, user_data };
    Ok(message.with(octets, source.lenient(), destination.lenient(), &stream))
}

fn data_sm(octets: &[u8]) -> Result<Inbound<'_>, Fault> {
    let mut cursor = Cursor::body(octets);
    cursor.c_string(TEXT, Fault::Unreadable)?;
    let source = RawAddress::read(&mut cursor, TEXT, Fault::Unreadable)?;
    let destination = RawAddress::read(&mut cursor, TEXT, Fault::Unreadable)?;
    let (esm_class, _registered_delivery, data_coding) = (cursor.octet()?, cursor.octet()?, cursor.octet()?);
    let stream = tlv::walk(octets, cursor.at());
    let user_data = stream.payload.unwrap_or(Span { end: stream.span.start, ..stream.span });
    let message = Message { operation: Operation::DataSm, esm_class, protocol_id: 0, data_coding, user_data };
    Ok(message.with(octets, source.lenient(), destination.lenient(), &stream))
}

/// What both operations have, each at its own offset.
struct Message {
    operation: Operation,
    esm_class: u8,
    protocol_id: u8,
    data_coding: u8,
    user_data: Span,
}

impl Message {
    fn with<'a>(
        self,
        octets: &'a [u8],
        source: AddressField,
        destination: AddressField,
        stream: &Stream,
    ) -> Inbound<'a> {
        let content = Content::read_leniently(octets, self.user_data, self.esm_class, stream);
        Inbound {
            octets,
            operation: self.operation,
            source,
            destination,
            esm_class: self.esm_class,
            protocol_id: self.protocol_id,
            data_coding: self.data_coding,
            text: content.text,
            second_text: stream.payload.filter(|payload| *payload != self.user_data && !payload.is_empty()),
            udh: content.udh,
            segment: content.segment,
            tlvs: stream.span,
            receipted_message_id: stream.receipted_message_id,
            message_state: stream.message_state,
            end: stream.span.end,
        }
    }
}

/// The esme_addr of an alert_notification (SMPP 3.4 §4.12): whose owner it is forwarded to. `None` when it is cut.
pub fn alert_esme_addr(octets: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::body(octets);
    RawAddress::read(&mut cursor, TEXT, Fault::Unreadable).ok()?;
    let address = RawAddress::read(&mut cursor, TEXT, Fault::Unreadable).ok()?;
    Some(address.lenient().text.of(octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::answer;
    use crate::pdu::status::CommandStatus;

    fn deliver(esm_class: u8, data_coding: u8, text: &[u8], tlvs: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let length = u8::try_from(text.len()).expect("a short text");
        let body: [&[u8]; 8] = [
            b"\0\x01\x0133639980001\0\x03\x0036111\0",
            &[esm_class, 0, 0],
            b"\0\0",
            &[0, 0, data_coding, 0, length],
            text,
            tlvs,
            &[],
            &[],
        ];
        answer::write(CommandId::DeliverSm, CommandStatus::OK, 9, &body, &mut out);
        out
    }

    #[test]
    fn a_reply_is_read_with_its_addresses_and_text() {
        let octets = deliver(0, 0, b"STOP", &[]);
        let inbound = scan(&octets).expect("readable");
        assert_eq!(inbound.slice(inbound.source.text), b"33639980001");
        assert_eq!(inbound.slice(inbound.destination.text), b"36111");
        assert_eq!(inbound.slice(inbound.text), b"STOP");
        assert_eq!(inbound.sequence_number(), 9);
        assert_eq!(inbound.end as usize, octets.len());
    }

    #[test]
    fn every_cut_of_the_mandatory_fields_is_refused_for_ever() {
        let octets = deliver(0, 0, b"STOP", &[]);
        for length in 16..octets.len() {
            let rejection = scan(&octets[..length]).expect_err("cut");
            assert_eq!(rejection.status, CommandStatus::RECEIVER_PERMANENT, "{length}");
        }
    }

    #[test]
    fn a_malformed_tlv_does_not_hide_a_reply() {
        let octets = deliver(0, 0, b"STOP", &[0x00, 0x1e, 0, 3, b'a', b'b', 0, 0x04, 0x27, 0xff]);
        let inbound = scan(&octets).expect("readable");
        assert_eq!(inbound.slice(inbound.text), b"STOP");
        assert_eq!(inbound.receipted_message_id.map(|id| inbound.slice(id)), Some(&b"ab"[..]));
        assert_eq!(inbound.end as usize, octets.len() - 3);
    }

    #[test]
    fn the_text_is_in_the_payload_when_short_message_is_empty() {
        let octets = deliver(0, 0, b"", &[0x04, 0x24, 0, 4, b'S', b'T', b'O', b'P']);
        let inbound = scan(&octets).expect("readable");
        assert_eq!(inbound.slice(inbound.text), b"STOP");
    }

    #[test]
    fn a_header_is_stripped_and_a_broken_one_stays_in_the_text() {
        let octets = deliver(0x40, 0, b"\x05\x00\x03\x07\x02\x01ST", &[]);
        let inbound = scan(&octets).expect("readable");
        assert_eq!(inbound.slice(inbound.text), b"ST");
        assert_eq!(inbound.segment.map(|part| (part.reference, part.total, part.number)), Some((7, 2, 1)));
        let octets = deliver(0x40, 0, b"STOP", &[]);
        let inbound = scan(&octets).expect("readable");
        assert_eq!((inbound.slice(inbound.text), inbound.segment), (&b"STOP"[..], None));
    }

    #[test]
    fn an_alert_names_the_address_of_its_owner() {
        let mut octets = Vec::new();
        let body: [&[u8]; 2] = [b"\x01\x0133639980001\0", b"\x03\x0036111\0"];
        answer::write(CommandId::AlertNotification, CommandStatus::OK, 1, &body, &mut octets);
        assert_eq!(alert_esme_addr(&octets), Some(&b"36111"[..]));
        assert_eq!(alert_esme_addr(&octets[..octets.len() - 1]), None);
    }
}
