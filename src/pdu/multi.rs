//! Owns the reading of submit_multi (SMPP 3.4 §4.5): one message, up to 254 destinations.
//! Must never expand a distribution list: its members are unknown to us, and so to the suppression list.

use super::cursor::Cursor;
use super::fault::{Fault, Rejection};
use super::field::{ADDRESS, RawAddress, SERVICE_TYPE};
use super::scan::Context;
use super::tail::RawTail;
use crate::message::address::AddressField;
use crate::message::submission::{Operation, Submission};
use std::borrow::Cow;

/// dest_flag: an address.
const SME_ADDRESS: u8 = 1;
/// dest_flag: the name of a distribution list.
const LIST_NAME: u8 = 2;
/// Most destinations (SMPP 3.4 §5.2.24).
const DESTINATIONS: u8 = 254;

/// A submit_multi, its structure and field values valid.
#[derive(Clone, Debug)]
pub struct Multi<'a> {
    message: Submission<'a>,
    destinations: Vec<AddressField>,
}

impl<'a> Multi<'a> {
    /// The destinations in PDU order; at least one.
    pub fn destinations(&self) -> &[AddressField] {
        &self.destinations
    }

    /// Whether it is one part of several.
    pub fn is_part(&self) -> bool {
        self.message.segment.is_some_and(|segment| segment.total > 1)
    }

    /// The message to each destination, as the judge takes it.
    pub fn submissions(&self) -> impl Iterator<Item = Submission<'a>> + '_ {
        self.destinations.iter().map(|destination| Submission { destination: *destination, ..self.message.clone() })
    }
}

/// Reads one whole frame.
///
/// # Errors
/// 0x33 for 0 or more than 254 destinations, 0x40 for an unknown dest_flag, 0x44 for a distribution list, else as for
/// submit_sm.
pub fn scan<'a>(octets: &'a [u8], context: &Context<'_>) -> Result<Multi<'a>, Rejection> {
    Ok(read(octets, context)?)
}

fn read<'a>(octets: &'a [u8], context: &Context<'_>) -> Result<Multi<'a>, Fault> {
    let mut cursor = Cursor::body(octets);
    let service_type = cursor.c_string(SERVICE_TYPE, Fault::ServiceType)?;
    let source = RawAddress::read(&mut cursor, ADDRESS, Fault::Source)?;
    let count = cursor.octet()?;
    // How many entries follow is structure: the rest cannot be walked without it.
    if count == 0 || count > DESTINATIONS {
        return Err(Fault::DestinationCount);
    }
    let mut destinations = Vec::with_capacity(usize::from(count));
    let mut has_list = false;
    for _ in 0..count {
        match cursor.octet()? {
            SME_ADDRESS => destinations.push(RawAddress::read(&mut cursor, ADDRESS, Fault::Destination)?),
            LIST_NAME => {
                cursor.c_string(ADDRESS, Fault::ListName)?;
                has_list = true;
            }
            _ => return Err(Fault::DestinationFlag),
        }
    }
    let tail = RawTail::read(octets, &mut cursor)?;

    let source = source.source()?;
    if has_list {
        return Err(Fault::DistributionList);
    }
    let destinations: Vec<_> = destinations.into_iter().map(RawAddress::destination).collect::<Result<_, _>>()?;
    let first = *destinations.first().ok_or(Fault::DestinationCount)?;
    let tail = tail.check(octets, context)?;
    let message = Submission {
        octets: Cow::Borrowed(octets),
        operation: Operation::SubmitMulti,
        service_type,
        source,
        destination: first,
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
    };
    Ok(Multi { message, destinations })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::instant::CivilInstant;
    use crate::pdu::answer;
    use crate::pdu::command::CommandId;
    use crate::pdu::status::CommandStatus;

    const CONTEXT: Context<'static> = Context { default_message_ids: &[], now: CivilInstant::from_secs(1_795_262_400) };

    fn frame(destinations: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let body: [&[u8]; 3] = [b"\0\x05\0ACME\0", destinations, b"\0\0\0\0\0\0\0\0\0\x02hi"];
        answer::write(CommandId::SubmitMulti, CommandStatus::OK, 1, &body, &mut out);
        out
    }

    #[test]
    fn each_destination_becomes_its_own_submission() {
        let octets = frame(b"\x02\x01\x01\x0133639980001\0\x01\x01\x0133639980002\0");
        let multi = scan(&octets, &CONTEXT).expect("valid");
        let numbers: Vec<_> = multi
            .submissions()
            .map(|one| String::from_utf8_lossy(one.slice(one.destination.text)).into_owned())
            .collect();
        assert_eq!(numbers, ["33639980001", "33639980002"]);
        assert!(multi.submissions().all(|one| one.slice(one.text) == b"hi" && one.operation == Operation::SubmitMulti));
    }

    #[test]
    fn what_is_wrong_gets_its_status() {
        let cases: [(&[u8], u32); 8] = [
            (b"\0", 0x33),
            (b"\xff\x01\x01\x0133639980001\0", 0x33),
            (b"\x01\x03\x01\x0133639980001\0", 0x40),
            (b"\x01\x02clients\0", 0x44),
            (b"\x02\x01\x01\x0133639980001\0\x02clients\0", 0x44),
            (b"\x01\x02a-list-with-a-name-of-more-than-20\0", 0x34),
            (b"\x01\x01\x05\x0133639980001\0", 0x50),
            (b"\x02\x01\x01\x0133639980001\0", 0x40),
        ];
        for (destinations, status) in cases {
            let octets = frame(destinations);
            assert_eq!(scan(&octets, &CONTEXT).expect_err("wrong").status.0, status, "{destinations:?}");
        }
    }
}
