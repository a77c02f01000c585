//! Owns the only encoder of messages towards an SMSC: it takes a `Released`, and nothing else makes octets of one.
//! Must never write a destination but the canonical one that was judged, nor octets that were not looked at.
//!
//! What need not change is copied; what must is spliced: destination, validity, TLVs that may not pass.

use super::command::CommandId;
use super::compose;
use super::dialect::{Dialect, ValidityFormat, WrittenAddress};
use super::header::HEADER_OCTETS;
use super::time;
use super::tlv::{self, MESSAGE_PAYLOAD, QOS_TIME_TO_LIVE, Tlv, Tlvs};
use crate::compliance::verdict::{Outgoing, Released};
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::submission::{Operation, Submission};

/// dest_flag of submit_multi: an address.
const SME_ADDRESS: u8 = 1;

/// Writes a released message behind what `out` holds, with our sequence number. `vendor_tlvs` are the tags in
/// 0x1400..=0x3FFF that the account may send (`AccountPolicy::vendor_tlvs`); all others of that range are cut.
///
/// A part of a submit_multi is written as a submit_multi of one destination; see [`write_multi`] for several.
pub fn write(released: &Released<'_>, sequence: u32, dialect: &Dialect, vendor_tlvs: &[u16], out: &mut Vec<u8>) {
    match released.outgoing() {
        Outgoing::Forwarded(submission) => {
            let change = Change::of(released, vendor_tlvs);
            match submission.operation {
                Operation::SubmitSm | Operation::DataSm => forward(submission, change, sequence, dialect, out),
                Operation::SubmitMulti => {
                    multi(submission, change, &[released.destination()], sequence, dialect, out);
                }
            }
        }
        Outgoing::Composed(composed) => {
            // Compliance composes only for a number it has made canonical.
            let Some(destination) = released.destination() else { return };
            compose::write(composed, destination, sequence, dialect, out);
        }
    }
}

/// Writes the released destinations of one submit_multi as one submit_multi: at most 254 of them, all of the same PDU.
pub fn write_multi(
    released: &[Released<'_>],
    sequence: u32,
    dialect: &Dialect,
    vendor_tlvs: &[u16],
    out: &mut Vec<u8>,
) {
    let Some(first) = released.first() else { return };
    let Outgoing::Forwarded(submission) = first.outgoing() else { return };
    // The earliest validity holds for all: none is delivered after its closing.
    let validity = released.iter().filter_map(Released::validity).min();
    let destinations: Vec<_> = released.iter().map(Released::destination).collect();
    multi(submission, Change { validity, ..Change::of(first, vendor_tlvs) }, &destinations, sequence, dialect, out);
}

/// What the release asks to be changed.
#[derive(Clone, Copy, Debug)]
struct Change<'c> {
    destination: Option<Msisdn>,
    validity: Option<CivilInstant>,
    /// Relative times count from here.
    now: CivilInstant,
    vendor_tlvs: &'c [u16],
}

impl<'c> Change<'c> {
    fn of(released: &Released<'_>, vendor_tlvs: &'c [u16]) -> Self {
        let now = released.ruling().judged_at;
        Self { destination: released.destination(), validity: released.validity(), now, vendor_tlvs }
    }
}

/// submit_sm and data_sm.
#[inline]
fn forward(submission: &Submission<'_>, change: Change<'_>, sequence: u32, dialect: &Dialect, out: &mut Vec<u8>) {
    let octets: &[u8] = &submission.octets;
    let end = submission.end as usize;
    let written = change.destination.map(|number| dialect.destination(number));
    let submitted = submission.destination.whole.of(octets);
    let destination = written.as_ref().map_or(submitted, WrittenAddress::octets);
    let start = out.len();
    let same = destination == submitted;
    if same && change.validity.is_none() && !submission.has_vendor_tlvs {
        out.extend_from_slice(&octets[..end]);
    } else {
        out.reserve(end + destination.len() + 32);
        out.extend_from_slice(&octets[..submission.destination.whole.start as usize]);
        out.extend_from_slice(destination);
        rest(submission, submission.destination.whole.end as usize, change, dialect, out);
    }
    seal(start, submission.operation, sequence, out);
}

/// submit_multi: the list of destinations is written anew.
fn multi(
    submission: &Submission<'_>,
    change: Change<'_>,
    destinations: &[Option<Msisdn>],
    sequence: u32,
    dialect: &Dialect,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.extend_from_slice(&submission.octets[..submission.source.whole.end as usize]);
    // submit_multi.scan takes at most 254, and each becomes at most one release.
    out.push(destinations.len() as u8);
    for destination in destinations {
        out.push(SME_ADDRESS);
        let written = destination.map(|number| dialect.destination(number));
        out.extend_from_slice(match &written {
            Some(written) => WrittenAddress::octets(written),
            None => submission.slice(submission.destination.whole),
        });
    }
    // esm_class, protocol_id and priority_flag stand before schedule_delivery_time.
    rest(submission, submission.schedule_span.start as usize - 3, change, dialect, out);
    seal(start, Operation::SubmitMulti, sequence, out);
}

/// Everything from `from` on: what lies before the validity, the validity, what lies behind it, the TLVs that pass.
fn rest(submission: &Submission<'_>, from: usize, change: Change<'_>, dialect: &Dialect, out: &mut Vec<u8>) {
    let octets: &[u8] = &submission.octets;
    let tlvs = submission.tlvs.start as usize;
    match change.validity {
        // data_sm has no validity_period: its time to live is a TLV.
        Some(_) if submission.operation == Operation::DataSm => out.extend_from_slice(&octets[from..tlvs]),
        Some(at) => {
            out.extend_from_slice(&octets[from..submission.validity_span.start as usize]);
            out.extend_from_slice(&match dialect.validity {
                ValidityFormat::Absolute => time::absolute(at),
                ValidityFormat::Relative => time::relative(at.since(change.now)),
            });
            out.push(0);
            out.extend_from_slice(&octets[submission.validity_span.end as usize..tlvs]);
        }
        None => out.extend_from_slice(&octets[from..tlvs]),
    }
    for tlv in Tlvs::new(octets, submission.tlvs) {
        if passes(&tlv, submission, change) {
            out.extend_from_slice(tlv.whole.of(octets));
        }
    }
    if let (Some(at), Operation::DataSm) = (change.validity, submission.operation) {
        let seconds = u32::try_from(at.since(change.now).as_secs()).unwrap_or(u32::MAX);
        out.extend_from_slice(&QOS_TIME_TO_LIVE.to_be_bytes());
        out.extend_from_slice(&[0, 4]);
        out.extend_from_slice(&seconds.to_be_bytes());
    }
}

/// Whether a TLV leaves: vendors' only when listed, an empty payload never, a time to live not beside our validity.
fn passes(tlv: &Tlv, submission: &Submission<'_>, change: Change<'_>) -> bool {
    match tlv.tag {
        tag if tlv::is_vendor(tag) => change.vendor_tlvs.contains(&tag),
        MESSAGE_PAYLOAD => !(tlv.value.is_empty() && submission.has_vendor_tlvs),
        QOS_TIME_TO_LIVE => change.validity.is_none(),
        _ => true,
    }
}

/// Puts the header right: length, id, status 0, our sequence number.
#[inline]
fn seal(start: usize, operation: Operation, sequence: u32, out: &mut [u8]) {
    let pdu = &mut out[start..];
    // A frame is at most 64 KiB, and a splice adds less than 8 KiB (254 destinations).
    let length = pdu.len() as u32;
    let id = match operation {
        Operation::SubmitSm => CommandId::SubmitSm,
        Operation::DataSm => CommandId::DataSm,
        Operation::SubmitMulti => CommandId::SubmitMulti,
    };
    let mut head = [0u8; HEADER_OCTETS];
    head[..4].copy_from_slice(&length.to_be_bytes());
    head[4..8].copy_from_slice(&id.to_wire().to_be_bytes());
    head[12..].copy_from_slice(&sequence.to_be_bytes());
    pdu[..HEADER_OCTETS].copy_from_slice(&head);
}

#[cfg(test)]
mod tests;
