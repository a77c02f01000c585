//! Owns the reading of query_sm, cancel_sm and replace_sm (SMPP 3.4 §4.8 to 4.10).
//! Must never say whose a message id is: that is the id map's to know.

use super::command::CommandId;
use super::cursor::Cursor;
use super::fault::{Fault, Rejection};
use super::field::{self, ADDRESS, MESSAGE_ID, RawAddress, SERVICE_TYPE, TIME};
use super::header::Header;
use super::tlv;
use crate::message::address::{AddressField, Npi, Ton};

/// An address of a message sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party<'a> {
    pub ton: Ton,
    pub npi: Npi,
    /// Without its NUL.
    pub text: &'a [u8],
}

impl<'a> Party<'a> {
    fn of(field: AddressField, octets: &'a [u8]) -> Self {
        Self { ton: field.ton, npi: field.npi, text: field.text.of(octets) }
    }
}

/// A request about a message sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query<'a> {
    Query {
        message_id: &'a [u8],
        source: Party<'a>,
    },
    /// An empty message_id cancels by addresses: refused on shared links.
    Cancel {
        service_type: &'a [u8],
        message_id: &'a [u8],
        source: Party<'a>,
        destination: Party<'a>,
    },
    /// Always refused (0x13): new text and time without a destination to judge them for.
    Replace {
        message_id: &'a [u8],
    },
}

impl<'a> Query<'a> {
    /// The id it is about; empty for a wildcard.
    pub const fn message_id(&self) -> &'a [u8] {
        match self {
            Self::Query { message_id, .. } | Self::Cancel { message_id, .. } | Self::Replace { message_id } => {
                message_id
            }
        }
    }
}

/// Reads one whole frame that is a query_sm, cancel_sm or replace_sm.
///
/// # Errors
/// 0x02 for a cut body or octets behind it that are no TLVs, 0x0C for an overlong message_id, the address statuses.
pub fn parse(octets: &[u8]) -> Result<Query<'_>, Rejection> {
    let id = Header::parse(octets).map(|header| header.id);
    let mut cursor = Cursor::body(octets);
    let read = match id {
        Some(CommandId::QuerySm) => query(octets, &mut cursor),
        Some(CommandId::CancelSm) => cancel(octets, &mut cursor),
        Some(CommandId::ReplaceSm) => replace(octets, &mut cursor),
        _ => Err(Fault::Cut),
    };
    Ok(read?)
}

/// These operations have no TLVs in 3.4; whole ones are tolerated, anything else behind the last field is 0x02.
fn end(octets: &[u8], cursor: &Cursor<'_>) -> Result<(), Fault> {
    if tlv::walk(octets, cursor.at()).whole { Ok(()) } else { Err(Fault::Trailing) }
}

fn query<'a>(octets: &'a [u8], cursor: &mut Cursor<'_>) -> Result<Query<'a>, Fault> {
    let message_id = cursor.c_string(MESSAGE_ID, Fault::MessageId)?.of(octets);
    let source = RawAddress::read(cursor, ADDRESS, Fault::Source)?;
    end(octets, cursor)?;
    Ok(Query::Query { message_id, source: Party::of(source.source()?, octets) })
}

fn cancel<'a>(octets: &'a [u8], cursor: &mut Cursor<'_>) -> Result<Query<'a>, Fault> {
    let service_type = cursor.c_string(SERVICE_TYPE, Fault::ServiceType)?.of(octets);
    let message_id = cursor.c_string(MESSAGE_ID, Fault::MessageId)?.of(octets);
    let source = RawAddress::read(cursor, ADDRESS, Fault::Source)?;
    let destination = RawAddress::read(cursor, ADDRESS, Fault::Destination)?;
    end(octets, cursor)?;
    // The destination may be empty when the id is not.
    let source = Party::of(source.source()?, octets);
    Ok(Query::Cancel { service_type, message_id, source, destination: Party::of(destination.lenient(), octets) })
}

fn replace<'a>(octets: &'a [u8], cursor: &mut Cursor<'_>) -> Result<Query<'a>, Fault> {
    let message_id = cursor.c_string(MESSAGE_ID, Fault::MessageId)?.of(octets);
    let source = RawAddress::read(cursor, ADDRESS, Fault::Source)?;
    cursor.c_string(TIME, Fault::Schedule)?;
    cursor.c_string(TIME, Fault::Validity)?;
    let (registered_delivery, _default_message_id) = (cursor.octet()?, cursor.octet()?);
    let sm_length = usize::from(cursor.octet()?);
    cursor.run(sm_length, Fault::MessageLength)?;
    end(octets, cursor)?;
    source.source()?;
    field::receipts_asked(registered_delivery)?;
    Ok(Query::Replace { message_id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::answer;
    use crate::pdu::status::CommandStatus;

    fn frame(id: CommandId, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        answer::write(id, CommandStatus::OK, 1, &[body], &mut out);
        out
    }

    #[test]
    fn the_three_are_read() {
        let octets = frame(CommandId::QuerySm, b"id-1\0\x05\0ACME\0");
        assert_eq!(parse(&octets).map(|query| query.message_id()), Ok(&b"id-1"[..]));
        let octets = frame(CommandId::CancelSm, b"\0\0\x05\0ACME\0\x01\x0133639980001\0");
        assert_eq!(parse(&octets).map(|query| query.message_id()), Ok(&b""[..]));
        let octets = frame(CommandId::ReplaceSm, b"id-1\0\x05\0ACME\0\0\0\0\0\x05PROMO");
        assert_eq!(parse(&octets), Ok(Query::Replace { message_id: b"id-1" }));
    }

    #[test]
    fn what_is_wrong_gets_its_status() {
        let overlong = [&[b'x'; 65][..], b"\0\x05\0ACME\0"].concat();
        let cases: [(CommandId, &[u8], u32); 9] = [
            (CommandId::QuerySm, b"", 0x02),
            (CommandId::QuerySm, b"id", 0x02),
            (CommandId::QuerySm, &overlong, 0x0C),
            (CommandId::QuerySm, b"id\0\x09\0ACME\0", 0x48),
            (CommandId::QuerySm, b"id\0\x05\0ACME\0xx", 0x02),
            (CommandId::CancelSm, b"\0id\0\x05\0ACME\0", 0x02),
            (CommandId::CancelSm, b"toolong\0id\0\x05\0ACME\0\x01\x01\0", 0x15),
            (CommandId::ReplaceSm, b"id\0\x05\0ACME\0\0\0\0\0\x09PROMO", 0x01),
            (CommandId::ReplaceSm, b"id\0\x05\0ACME\0\0", 0x02),
        ];
        for (id, body, status) in cases {
            let octets = frame(id, body);
            assert_eq!(parse(&octets).expect_err("wrong").status.0, status, "{id:?} {body:?}");
        }
    }
}
