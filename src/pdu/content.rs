//! Owns the user data of a message: text, user data header, segmentation, ports.
//! Must never choose between two texts or two segmentations of a client: both are refused.

use super::fault::Fault;
use super::tlv::Stream;
use crate::message::segment::{Segment, SegmentScheme};
use crate::message::submission::Span;
use crate::message::udh::{self, Udh, UdhError};

/// esm_class: the user data opens with a header (SMPP 3.4 §5.2.12).
const UDHI: u8 = 0x40;
/// data_coding: two octets a character.
const UCS2: u8 = 0x08;

/// The text and what stands around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    pub text: Span,
    pub udh: Span,
    pub segment: Option<Segment>,
    pub ports: bool,
}

impl Content {
    /// Of a client's message. The TLVs are looked at in the order 0xC1, 0xC2, 0xC3, 0xC4, then the user data.
    #[inline]
    pub(super) fn read(
        octets: &[u8],
        user_data: Span,
        esm_class: u8,
        data_coding: u8,
        stream: &Stream,
    ) -> Result<Self, Fault> {
        let header = (esm_class & UDHI != 0).then(|| split(octets, user_data));
        let by_udh = match &header {
            Some(Some((_, _, Ok(udh)))) => udh.segment,
            Some(Some((_, _, Err(_))) | None) | None => None,
        };
        if stream.duplicate || (by_udh.is_some() && stream.has_sar()) {
            return Err(Fault::TlvNotAllowed);
        }
        if stream.bad_length {
            return Err(Fault::TlvLength);
        }
        let by_sar = by_sar(stream)?;
        let (udh, text, says) = match header {
            Some(split) => {
                let (udh, text, says) = split.ok_or(Fault::EsmClass)?;
                (udh, text, says.map_err(|_| Fault::EsmClass)?)
            }
            None => (Span { end: user_data.start, ..user_data }, user_data, Udh::default()),
        };
        if data_coding == UCS2 && !text.len().is_multiple_of(2) {
            return Err(Fault::MessageLength);
        }
        Ok(Self { text, udh, segment: parts(by_udh.or(by_sar)), ports: says.ports || stream.ports })
    }

    /// Of an operator's message: what cannot be read is left in the text, where the opt-out engine sees it.
    pub(super) fn read_leniently(octets: &[u8], user_data: Span, esm_class: u8, stream: &Stream) -> Self {
        let by_sar = by_sar(stream).unwrap_or(None);
        let header = if esm_class & UDHI != 0 { split(octets, user_data) } else { None };
        let Some((udh, text, says)) = header.filter(|(_, _, says)| *says != Err(UdhError::Overrun)) else {
            let udh = Span { end: user_data.start, ..user_data };
            return Self { text: user_data, udh, segment: parts(by_sar), ports: stream.ports };
        };
        let says = says.unwrap_or_default();
        Self { text, udh, segment: parts(says.segment.or(by_sar)), ports: says.ports || stream.ports }
    }
}

/// A message of one part is a whole message.
fn parts(segment: Option<Segment>) -> Option<Segment> {
    segment.filter(|segment| segment.total > 1)
}

/// The segmentation by sar_*: all three or none (SMPP 3.4 §5.3.2.22 to 24).
fn by_sar(stream: &Stream) -> Result<Option<Segment>, Fault> {
    match (stream.sar_reference, stream.sar_total, stream.sar_number) {
        (None, None, None) => Ok(None),
        (Some(reference), Some(total), Some(number)) if number >= 1 && number <= total => {
            Ok(Some(Segment { scheme: SegmentScheme::Sar, reference, total, number }))
        }
        (Some(_), Some(_), Some(_)) => Err(Fault::TlvValue),
        (None, _, _) | (_, None, _) | (_, _, None) => Err(Fault::TlvMissing),
    }
}

/// Header (without its length octet), text, and what the header says. `None` when the header is empty or overruns.
fn split(octets: &[u8], user_data: Span) -> Option<(Span, Span, Result<Udh, UdhError>)> {
    let (length, rest) = user_data.of(octets).split_first()?;
    let length = usize::from(*length);
    if length == 0 || length > rest.len() {
        return None;
    }
    let start = user_data.start as usize + 1;
    let header = Span::new(start, start + length);
    Some((header, Span { start: header.end, end: user_data.end }, udh::parse(header.of(octets))))
}
