//! Owns the walk over a TLV stream (SMPP 3.4 §3.2.4, §5.3) and what of it matters here.
//! Must never allocate, nor decide which wrong is answered first: that is the scan's order.

use crate::message::submission::{Span, TimeField};
use std::time::Duration;

/// message_payload.
pub const MESSAGE_PAYLOAD: u16 = 0x0424;
/// qos_time_to_live, which supersedes validity_period where an SMSC knows it.
pub const QOS_TIME_TO_LIVE: u16 = 0x0017;
/// additional_status_info_text.
pub const ADDITIONAL_STATUS_INFO_TEXT: u16 = 0x001D;
/// sc_interface_version.
pub const SC_INTERFACE_VERSION: u16 = 0x0210;
const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
const SOURCE_PORT: u16 = 0x020A;
const DESTINATION_PORT: u16 = 0x020B;
const SAR_REFERENCE: u16 = 0x020C;
const SAR_TOTAL: u16 = 0x020E;
const SAR_NUMBER: u16 = 0x020F;
const MESSAGE_STATE: u16 = 0x0427;

/// Whether a tag lies in the range left to vendors (SMPP 3.4 §5.3.1).
pub const fn is_vendor(tag: u16) -> bool {
    matches!(tag, 0x1400..=0x3FFF)
}

/// One TLV of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv {
    pub tag: u16,
    /// Tag, length and value.
    pub whole: Span,
    pub value: Span,
}

/// The TLVs between two offsets of a PDU; ends early where the stream is malformed.
#[derive(Clone, Debug)]
pub struct Tlvs<'a> {
    octets: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Tlvs<'a> {
    /// The stream in `span` of `octets`.
    pub const fn new(octets: &'a [u8], span: Span) -> Self {
        Self { octets, at: span.start as usize, end: span.end as usize }
    }
}

impl Iterator for Tlvs<'_> {
    type Item = Tlv;

    #[inline]
    fn next(&mut self) -> Option<Tlv> {
        let (head, rest) = self.octets.get(self.at..self.end)?.split_first_chunk::<4>()?;
        let tag = u16::from_be_bytes([head[0], head[1]]);
        let length = u16::from_be_bytes([head[2], head[3]]) as usize;
        if rest.len() < length {
            return None;
        }
        let value = self.at + 4;
        let tlv = Tlv { tag, whole: Span::new(self.at, value + length), value: Span::new(value, value + length) };
        self.at = value + length;
        Some(tlv)
    }
}

/// What a stream holds, as far as anything here depends on it, and what is wrong with it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stream {
    /// The well-formed part.
    pub span: Span,
    /// Whether nothing but at most one NUL stands behind the well-formed part.
    pub whole: bool,
    /// A TLV of 3.4 stands there twice that may stand there once.
    pub duplicate: bool,
    /// A TLV of 3.4 has a length that 3.4 does not allow.
    pub bad_length: bool,
    /// message_payload, when it is not empty.
    pub payload: Option<Span>,
    /// message_payload stands there, but is empty.
    pub empty_payload: bool,
    /// qos_time_to_live, in seconds.
    pub time_to_live_s: Option<u32>,
    pub sar_reference: Option<u16>,
    pub sar_total: Option<u8>,
    pub sar_number: Option<u8>,
    pub ports: bool,
    pub vendor: bool,
    pub receipted_message_id: Option<Span>,
    pub message_state: Option<u8>,
}

impl Stream {
    /// Whether any of the three sar_* stands there.
    pub(super) const fn has_sar(&self) -> bool {
        self.sar_reference.is_some() || self.sar_total.is_some() || self.sar_number.is_some()
    }

    /// The validity that qos_time_to_live sets.
    pub(super) fn time_to_live(&self) -> TimeField {
        self.time_to_live_s.map_or(TimeField::Absent, |s| TimeField::Relative(Duration::from_secs(s.into())))
    }

    /// Whether a TLV is wrong by itself (0xC1, 0xC2), whatever else is missing.
    pub(super) const fn has_faults(&self) -> bool {
        self.duplicate || self.bad_length
    }

    /// Whether the splice must look at each TLV. An empty message_payload beside a short_message is cut with the
    /// vendors': to us it is absent, but an SMSC might take it for the text.
    pub(super) const fn must_be_cut(&self) -> bool {
        self.vendor || self.empty_payload
    }
}

/// Walks the stream from `start` to the end of the PDU. A single NUL behind the last TLV is cut: peers pad.
pub(super) fn walk(octets: &[u8], start: usize) -> Stream {
    let mut stream = Stream { span: Span::new(start, start), whole: true, ..Stream::default() };
    if start == octets.len() {
        return stream;
    }
    let mut seen = 0u64;
    let mut tlvs = Tlvs::new(octets, Span::new(start, octets.len()));
    for tlv in tlvs.by_ref() {
        if is_vendor(tlv.tag) {
            stream.vendor = true;
            continue;
        }
        let Some(known) = known(tlv.tag) else { continue };
        let bit = 1u64 << known.bit;
        stream.duplicate |= known.once && seen & bit != 0;
        seen |= bit;
        let length = tlv.value.len();
        if length < known.least || length > known.most {
            stream.bad_length = true;
            continue;
        }
        note(&mut stream, octets, tlv);
    }
    stream.span.end = tlvs.at as u32;
    stream.whole = matches!(octets[tlvs.at..], [] | [0]);
    stream
}

/// Keeps what a TLV of a right length says.
fn note(stream: &mut Stream, octets: &[u8], tlv: Tlv) {
    let value = tlv.value.of(octets);
    match (tlv.tag, value) {
        (MESSAGE_PAYLOAD, []) => stream.empty_payload = true,
        (MESSAGE_PAYLOAD, _) => stream.payload = stream.payload.or(Some(tlv.value)),
        (QOS_TIME_TO_LIVE, &[a, b, c, d]) => stream.time_to_live_s = Some(u32::from_be_bytes([a, b, c, d])),
        (SAR_REFERENCE, &[high, low]) => stream.sar_reference = Some(u16::from_be_bytes([high, low])),
        (SAR_TOTAL, &[total]) => stream.sar_total = Some(total),
        (SAR_NUMBER, &[number]) => stream.sar_number = Some(number),
        (SOURCE_PORT | DESTINATION_PORT, _) => stream.ports = true,
        (RECEIPTED_MESSAGE_ID, _) => {
            // Its NUL is often missing.
            let text = value.iter().position(|octet| *octet == 0).unwrap_or(value.len());
            let start = tlv.value.start as usize;
            stream.receipted_message_id = Some(Span::new(start, start + text));
        }
        (MESSAGE_STATE, &[state]) => stream.message_state = Some(state),
        _ => {}
    }
}

/// What 3.4 says of a TLV.
struct Known {
    bit: u8,
    least: usize,
    most: usize,
    once: bool,
}

/// The TLVs of SMPP 3.4 §5.3.2 with their lengths. Where 3.4 and 5.0, or 3.4 and the field, differ, both are taken.
fn known(tag: u16) -> Option<Known> {
    let one = |bit| (bit, 1, 1, true);
    let two = |bit| (bit, 2, 2, true);
    let (bit, least, most, once) = match tag {
        0x0005 => one(0),
        0x0006 => one(1),
        0x0007 => one(2),
        // dest_telematics_id is 2 octets in 3.4, 1 in 5.0; source_telematics_id 1 octet, sent as 2 by some.
        0x0008 => (3, 1, 2, true),
        0x000D => one(4),
        0x000E => one(5),
        0x000F => one(6),
        0x0010 => (7, 1, 2, true),
        QOS_TIME_TO_LIVE => (8, 4, 4, true),
        0x0019 => one(9),
        ADDITIONAL_STATUS_INFO_TEXT => (10, 0, 256, true),
        RECEIPTED_MESSAGE_ID => (11, 0, 65, true),
        0x0030 => one(12),
        0x0201 => one(13),
        0x0202 => (14, 2, 23, true),
        0x0203 => (15, 2, 23, true),
        0x0204 => two(16),
        0x0205 => one(17),
        SOURCE_PORT => two(18),
        DESTINATION_PORT => two(19),
        SAR_REFERENCE => two(20),
        0x020D => one(21),
        SAR_TOTAL => one(22),
        SAR_NUMBER => one(23),
        SC_INTERFACE_VERSION => one(24),
        // callback_num and its companions may stand once for each number (§5.3.2.36 to 38).
        0x0302 => (25, 1, 1, false),
        0x0303 => (26, 0, 65, false),
        0x0304 => one(27),
        0x0381 => (28, 1, 19, false),
        0x0420 => one(29),
        0x0421 => one(30),
        0x0422 => one(31),
        0x0423 => (32, 3, 3, true),
        MESSAGE_PAYLOAD => (33, 0, usize::MAX, true),
        0x0425 => one(34),
        0x0426 => one(35),
        MESSAGE_STATE => one(36),
        0x0501 => one(37),
        0x1201 => one(38),
        0x1203 => two(39),
        // ms_validity is 1 octet in 3.4, 4 in 5.0 for "absolute".
        0x1204 => (40, 1, 4, true),
        // alert_on_message_delivery has no value in 3.4, 1 octet in 5.0.
        0x130C => (41, 0, 1, true),
        0x1380 => one(42),
        0x1383 => two(43),
        _ => return None,
    };
    Some(Known { bit, least, most, once })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk_all(stream: &[u8]) -> Stream {
        walk(stream, 0)
    }

    #[test]
    fn a_stream_ends_where_the_pdu_ends_but_for_one_nul() {
        let cases: [(&[u8], bool, u32); 9] = [
            (&[], true, 0),
            (&[0], true, 0),
            (&[4], false, 0),
            (&[0, 0], false, 0),
            (&[0, 0, 0], false, 0),
            (&[0x09, 0x99, 0, 1, b'x'], true, 5),
            (&[0x09, 0x99, 0, 1, b'x', 0], true, 5),
            (&[0x09, 0x99, 0, 2, b'x'], false, 0),
            (&[0x14, 0, 0xff, 0xff, b'x'], false, 0),
        ];
        for (octets, whole, end) in cases {
            let stream = walk_all(octets);
            assert_eq!((stream.whole, stream.span.end), (whole, end), "{octets:02x?}");
        }
    }

    #[test]
    fn duplicates_count_only_for_what_may_stand_once() {
        assert!(walk_all(&[2, 4, 0, 2, 0, 1, 2, 4, 0, 2, 0, 2]).duplicate);
        assert!(walk_all(&[4, 0x24, 0, 0, 4, 0x24, 0, 1, b'x']).duplicate);
        assert!(!walk_all(&[3, 2, 0, 1, 0, 3, 2, 0, 1, 0]).duplicate);
        assert!(!walk_all(&[9, 0x99, 0, 0, 9, 0x99, 0, 0]).duplicate);
    }

    #[test]
    fn known_tlvs_have_their_own_bits() {
        let mut seen = 0u64;
        let mut count = 0;
        for tag in 0..=u16::MAX {
            if let Some(known) = known(tag) {
                assert_eq!(seen & (1 << known.bit), 0, "{tag:#06x}");
                seen |= 1 << known.bit;
                count += 1;
                assert!(!is_vendor(tag));
            }
        }
        assert_eq!(count, 44);
    }

    #[test]
    fn a_receipted_message_id_is_read_with_and_without_its_nul() {
        for octets in [&[0, 0x1e, 0, 2, b'a', b'b'][..], &[0, 0x1e, 0, 3, b'a', b'b', 0]] {
            let id = walk_all(octets).receipted_message_id.expect("it stands there");
            assert_eq!(id.of(octets), b"ab");
        }
    }
}
