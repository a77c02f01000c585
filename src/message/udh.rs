//! Owns the user data header (3GPP TS 23.040 §9.2.3.24): what its elements say about parts and ports.
//! Must never choose between contradictory elements: they are an error, and the caller's answer to it is SMPP 0x43.

use super::segment::{Segment, SegmentScheme};

/// What a header says, as far as anything here depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Udh {
    /// Part n of total, when an element says so.
    pub segment: Option<Segment>,
    /// Whether an element addresses application ports (0x04, 0x05): such a message is for a program, not a reader.
    pub ports: bool,
    /// Whether an element switches to a national language table (0x24, 0x25): the septets then mean other characters.
    pub national_language: bool,
}

/// Why a header cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UdhError {
    /// An element runs past the end of the header, or its length octet is missing.
    #[error("an element runs past the end of the header")]
    Overrun,
    /// A known element has another length than the standard gives it.
    #[error("element {0:#04x} has the wrong length")]
    WrongLength(u8),
    /// Part 0, part n of fewer than n, or a total of 0.
    #[error("part {number} of {total}")]
    BadPart { number: u8, total: u8 },
    /// Two elements that say different things about parts.
    #[error("two elements that contradict each other")]
    Contradiction,
}

/// Reads a header. `udh` is without its own length octet.
///
/// # Errors
/// On an overrun, a known element of the wrong length, an impossible part, or elements that contradict each other.
/// Unknown elements are stepped over.
pub fn parse(udh: &[u8]) -> Result<Udh, UdhError> {
    let mut header = Udh::default();
    let mut rest = udh;
    while let [id, after @ ..] = rest {
        let [length, after @ ..] = after else { return Err(UdhError::Overrun) };
        let (value, after) = after.split_at_checked(usize::from(*length)).ok_or(UdhError::Overrun)?;
        rest = after;
        match (*id, value) {
            (0x00, &[reference, total, number]) => {
                join(&mut header, SegmentScheme::Udh8, u16::from(reference), total, number)?;
            }
            (0x08, &[high, low, total, number]) => {
                join(&mut header, SegmentScheme::Udh16, u16::from_be_bytes([high, low]), total, number)?;
            }
            (0x04, &[_, _]) | (0x05, &[_, _, _, _]) => header.ports = true,
            (0x24 | 0x25, &[_]) => header.national_language = true,
            (id @ (0x00 | 0x04 | 0x05 | 0x08 | 0x24 | 0x25), _) => return Err(UdhError::WrongLength(id)),
            // Formatting, sound, mail header and the like: they change nothing that is judged.
            _ => {}
        }
    }
    Ok(header)
}

/// Adds what an element says about parts. The same element twice is harmless; another one is a contradiction.
fn join(header: &mut Udh, scheme: SegmentScheme, reference: u16, total: u8, number: u8) -> Result<(), UdhError> {
    if number == 0 || number > total {
        return Err(UdhError::BadPart { number, total });
    }
    let segment = Segment { scheme, reference, total, number };
    match header.segment.replace(segment) {
        Some(earlier) if earlier != segment => Err(UdhError::Contradiction),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(scheme: SegmentScheme, reference: u16, total: u8, number: u8) -> Option<Segment> {
        Some(Segment { scheme, reference, total, number })
    }

    #[test]
    fn well_formed_headers_say_what_they_say() {
        use SegmentScheme::{Udh8, Udh16};
        let port16: [u8; 6] = [5, 4, 0x0b, 0x84, 0, 0];
        let cases: [(&[u8], Option<Segment>, bool, bool); 8] = [
            (&[], None, false, false),
            (&[0, 3, 0x2a, 2, 2], part(Udh8, 0x2a, 2, 2), false, false),
            (&[8, 4, 1, 2, 3, 1], part(Udh16, 0x102, 3, 1), false, false),
            (&port16, None, true, false),
            (&[4, 2, 1, 1, 0, 3, 1, 2, 1], part(Udh8, 1, 2, 1), true, false),
            (&[0, 3, 1, 2, 1, 0, 3, 1, 2, 1], part(Udh8, 1, 2, 1), false, false),
            (&[0x70, 2, 9, 9, 0, 3, 7, 1, 1], part(Udh8, 7, 1, 1), false, false),
            (&[0x25, 1, 2], None, false, true),
        ];
        for (octets, segment, ports, national_language) in cases {
            assert_eq!(parse(octets), Ok(Udh { segment, ports, national_language }), "{octets:02x?}");
        }
    }

    #[test]
    fn overruns_impossible_parts_and_contradictions_are_errors() {
        let cases: [(&[u8], UdhError); 9] = [
            (&[0], UdhError::Overrun),
            (&[0, 3, 1, 2], UdhError::Overrun),
            (&[0x70, 255], UdhError::Overrun),
            (&[0, 2, 1, 2], UdhError::WrongLength(0)),
            (&[8, 3, 1, 2, 1], UdhError::WrongLength(8)),
            (&[0, 3, 1, 2, 3], UdhError::BadPart { number: 3, total: 2 }),
            (&[0, 3, 1, 2, 0], UdhError::BadPart { number: 0, total: 2 }),
            (&[0, 3, 1, 0, 0], UdhError::BadPart { number: 0, total: 0 }),
            (&[0, 3, 1, 2, 1, 8, 4, 0, 1, 2, 1], UdhError::Contradiction),
        ];
        for (octets, error) in cases {
            assert_eq!(parse(octets), Err(error), "{octets:02x?}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused_and_a_part_is_always_possible(octets in prop::collection::vec(any::<u8>(), 0..140)) {
            if let Ok(Udh { segment: Some(segment), .. }) = parse(&octets) {
                prop_assert!(segment.number >= 1 && segment.number <= segment.total);
            }
        }
    }
}
