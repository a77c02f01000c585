//! Owns the ear on an operator's socket: which messages its octets were, once it has taken the last one of each.
//! Must never change what is written, nor read it with the code that wrote it: it cuts and reads PDUs by itself.

use crate::net::wire::Wire;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

/// Octets of a PDU that no operator takes whole: whoever writes more is not understood any more.
const PDU_MAX: usize = 1 << 20;
const HEADER: usize = 16;

/// A message whose last octet the socket has taken. One for each destination of a submit_multi.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub sequence: u32,
    /// The digits of its destination as they stand in the octets, as one integer: zeros in front are gone, so is a `+`.
    pub digits: u64,
}

/// A link's socket, and what it has taken.
pub struct TappedWire {
    inner: Rc<dyn Wire>,
    tap: RefCell<Tap>,
}

#[derive(Debug, Default)]
struct Tap {
    /// Octets of a PDU that is not whole yet.
    begun: Vec<u8>,
    left: Vec<Left>,
    /// The octets made no sense: nothing more is heard on this connection.
    deaf: bool,
}

impl TappedWire {
    /// Listens to this socket from its first octet on.
    pub fn new(inner: Rc<dyn Wire>) -> Rc<Self> {
        Rc::new(Self { inner, tap: RefCell::default() })
    }

    /// Hands over the messages that have left since the last call. Whether every octet was understood.
    pub fn each_left(&self, each: impl FnMut(Left)) -> bool {
        let mut tap = self.tap.borrow_mut();
        tap.left.drain(..).for_each(each);
        !tap.deaf
    }
}

impl Wire for TappedWire {
    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let taken = self.inner.try_write(octets)?;
        self.tap.borrow_mut().take(&octets[..taken.min(octets.len())]);
        Ok(taken)
    }

    fn wake(&self) {
        self.inner.wake();
    }
}

impl Tap {
    fn take(&mut self, octets: &[u8]) {
        if self.deaf {
            return;
        }
        if self.begun.is_empty() {
            let whole = self.cut(octets);
            self.begun.extend_from_slice(&octets[whole..]);
        } else {
            let mut begun = std::mem::take(&mut self.begun);
            begun.extend_from_slice(octets);
            let whole = self.cut(&begun);
            begun.drain(..whole);
            self.begun = begun;
        }
    }

    /// Reads the whole PDUs; how many octets they are.
    fn cut(&mut self, octets: &[u8]) -> usize {
        let mut at = 0;
        while let Some(head) = octets[at..].first_chunk::<HEADER>() {
            let length = word(head, 0) as usize;
            if !(HEADER..=PDU_MAX).contains(&length) {
                self.deaf = true;
                return octets.len();
            }
            let Some(pdu) = octets.get(at..at + length) else { break };
            self.read(word(head, 4), word(head, 12), &pdu[HEADER..]);
            at += length;
        }
        at
    }

    fn read(&mut self, command: u32, sequence: u32, body: &[u8]) {
        let several = match command {
            // submit_sm and data_sm begin alike.
            0x0000_0004 | 0x0000_0103 => false,
            0x0000_0021 => true,
            _ => return,
        };
        let mut at = Reading { rest: body };
        at.text();
        at.address();
        let count = if several { at.octet() } else { 1 };
        for _ in 0..count {
            let digits = match several.then(|| at.octet()) {
                None | Some(1) => at.address(),
                // A distribution list: who is in it, only the operator knows.
                Some(_) => at.text(),
            };
            self.left.push(Left { sequence, digits });
        }
    }
}

fn word(head: &[u8; HEADER], at: usize) -> u32 {
    u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

/// The fields of a body, one after the other. What is cut short reads as nothing.
struct Reading<'o> {
    rest: &'o [u8],
}

impl Reading<'_> {
    fn octet(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().map_or((0, self.rest), |(first, rest)| (*first, rest));
        self.rest = rest;
        first
    }

    /// The digits of a text that ends with a NUL.
    fn text(&mut self) -> u64 {
        let mut digits: u64 = 0;
        for (at, octet) in self.rest.iter().enumerate() {
            match octet {
                0 => {
                    self.rest = &self.rest[at + 1..];
                    return digits;
                }
                b'0'..=b'9' => digits = digits.wrapping_mul(10).wrapping_add(u64::from(octet - b'0')),
                _ => {}
            }
        }
        self.rest = &[];
        digits
    }

    /// The same behind TON and NPI.
    fn address(&mut self) -> u64 {
        self.rest = self.rest.get(2..).unwrap_or_default();
        self.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pdu(command: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
        let length = (HEADER + body.len()) as u32;
        [&[length, command, 0, sequence].map(u32::to_be_bytes).concat()[..], body].concat()
    }

    fn submit(sequence: u32, number: &str) -> Vec<u8> {
        let body = [b"OTP\0\x05\0ACME\0\x01\x01", number.as_bytes(), b"\0\0\0\0\0\0\0\0\0\0\x04text"].concat();
        pdu(0x4, sequence, &body)
    }

    /// A socket that takes as many octets as it is told to.
    struct Taker(RefCell<Vec<usize>>);

    impl Wire for Taker {
        fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
            match self.0.borrow_mut().pop() {
                Some(room) => Ok(room.min(octets.len())),
                None => Ok(octets.len()),
            }
        }
        fn wake(&self) {}
    }

    fn tapped(rooms: Vec<usize>) -> Rc<TappedWire> {
        TappedWire::new(Rc::new(Taker(RefCell::new(rooms))))
    }

    fn left(wire: &TappedWire) -> Vec<(u32, u64)> {
        let mut all = Vec::new();
        assert!(wire.each_left(|left| all.push((left.sequence, left.digits))));
        all
    }

    #[test]
    fn numbers_are_read_from_the_octets_however_they_are_written() {
        for (written, digits) in
            [("33639980001", 33_639_980_001), ("+33639980001", 33_639_980_001), ("0033639980001", 33_639_980_001)]
        {
            let wire = tapped(Vec::new());
            wire.try_write(&submit(7, written)).expect("taken");
            assert_eq!(left(&wire), [(7, digits)], "{written}");
        }
        let wire = tapped(Vec::new());
        for pdu in [pdu(0x15, 1, b""), pdu(0x8000_0005, 2, b"\0"), pdu(0x4, 3, b"\0\0")] {
            wire.try_write(&pdu).expect("taken");
        }
        assert_eq!(left(&wire), [(3, 0)], "only messages, a broken one too");
    }

    #[test]
    fn every_destination_of_a_submit_multi_is_heard() {
        let body = b"\0\x05\0ACME\0\x02\x01\x01\x0133639980001\0\x01\x01\x0133639980002\0\0\0\0\0\0\0\0\0\0\0\x01x";
        let wire = tapped(Vec::new());
        wire.try_write(&pdu(0x21, 9, body)).expect("taken");
        assert_eq!(left(&wire), [(9, 33_639_980_001), (9, 33_639_980_002)]);
    }

    #[test]
    fn octets_that_are_no_pdus_are_said_and_end_the_hearing() {
        let wire = tapped(Vec::new());
        wire.try_write(&[0; 32]).expect("taken");
        assert!(!wire.each_left(|_| ()));
    }

    proptest! {
        #[test]
        fn a_message_has_left_with_its_last_octet_however_the_socket_takes_them(
            rooms in proptest::collection::vec(1usize..90, 0..30), count in 1u32..12
        ) {
            let wire = tapped(rooms);
            let mut octets = Vec::new();
            let mut ends = Vec::new();
            for sequence in 1..=count {
                octets.extend_from_slice(&submit(sequence, "33639980001"));
                ends.push(octets.len());
            }
            let (mut written, mut heard) = (0, 0);
            while written < octets.len() {
                written += wire.try_write(&octets[written..]).expect("taken");
                heard += left(&wire).len();
                prop_assert_eq!(heard, ends.iter().filter(|end| **end <= written).count());
            }
            prop_assert_eq!(heard, count as usize);
        }
    }
}
