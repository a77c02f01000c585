//! Owns the octets that wait for a socket, with the boundaries of their PDUs.
//! Must never cut a PDU: what is begun is finished; what is not begun can be withdrawn.

use crate::net::wire::Wire;
use crate::pdu::command::CommandId;
use crate::pdu::header::Header;
use crate::session::window::SEQUENCE_MAX;
use std::collections::VecDeque;
use std::io;

/// What a flush came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing waits.
    Drained,
    /// The socket takes no more now.
    Blocked,
    /// The socket is broken.
    Broken,
}

/// A message among the octets. PDUs that are no messages need no mark: they are never withdrawn.
#[derive(Clone, Copy, Debug)]
struct Mark {
    start: usize,
    end: usize,
    /// Our sequence number of the message.
    sequence: u32,
}

/// Octets on their way to one peer.
#[derive(Debug, Default)]
pub struct Outbox {
    octets: Vec<u8>,
    written: usize,
    marks: VecDeque<Mark>,
    /// Command ids of what was pushed since they were last counted.
    pushed: Vec<CommandId>,
}

/// A buffer beyond this is given back when it is empty: a burst must not pin its memory for ever.
const KEEP_OCTETS: usize = 64 * 1024;

impl Outbox {
    /// Appends a PDU that is no message.
    pub fn push<R>(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.octets.len();
        let result = encode(&mut self.octets);
        self.note(start);
        result
    }

    fn note(&mut self, start: usize) {
        if let Some(header) = Header::parse(&self.octets[start..]) {
            self.pushed.push(header.id);
        }
    }

    /// Hands the command ids of what was pushed since the last call to `count`.
    pub fn count_pushed(&mut self, count: impl FnMut(CommandId)) {
        self.pushed.drain(..).for_each(count);
    }

    /// Appends a message under our sequence number.
    pub fn push_message<R>(&mut self, sequence: u32, encode: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.octets.len();
        let result = encode(&mut self.octets);
        self.marks.push_back(Mark { start, end: self.octets.len(), sequence });
        self.note(start);
        result
    }

    /// Octets that the socket has not taken yet.
    pub fn waiting_octets(&self) -> usize {
        self.octets.len() - self.written
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting_octets() == 0
    }

    /// Writes as much as the socket takes.
    pub fn flush(&mut self, wire: &dyn Wire) -> Flushed {
        let flushed = self.write_on(wire);
        match flushed {
            Flushed::Drained => {
                self.written = 0;
                self.marks.clear();
                self.octets.clear();
                if self.octets.capacity() > KEEP_OCTETS {
                    self.octets = Vec::new();
                    self.pushed = Vec::new();
                }
            }
            Flushed::Blocked => {
                while self.marks.front().is_some_and(|mark| mark.end <= self.written) {
                    self.marks.pop_front();
                }
                self.forget_written();
            }
            Flushed::Broken => {}
        }
        flushed
    }

    /// Gives back what is written although something still waits: a peer that is always a little behind must not pin all it has
    /// ever been sent. A message that is half written stays whole.
    fn forget_written(&mut self) {
        let begun = self.marks.front().map_or(self.written, |mark| mark.start.min(self.written));
        if begun < KEEP_OCTETS || begun < self.octets.len() / 2 {
            return;
        }
        self.octets.drain(..begun);
        self.written -= begun;
        for mark in &mut self.marks {
            mark.start -= begun;
            mark.end -= begun;
        }
    }

    fn write_on(&mut self, wire: &dyn Wire) -> Flushed {
        while self.written < self.octets.len() {
            match wire.try_write(&self.octets[self.written..]) {
                Ok(0) => return Flushed::Broken,
                Ok(taken) => self.written += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Flushed::Blocked,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Flushed::Broken,
            }
        }
        Flushed::Drained
    }

    /// The message whose first octets are written and whose last are not.
    pub fn begun(&self) -> Option<u32> {
        let first = self.marks.iter().find(|mark| mark.end > self.written)?;
        (first.start < self.written).then_some(first.sequence)
    }

    /// Whether the last octet of a message is still to be written. Mostly told by the oldest that is: numbers rise.
    pub fn is_unwritten(&self, sequence: u32) -> bool {
        let Some(oldest) = self.marks.front() else { return false };
        let ahead = match sequence.checked_sub(oldest.sequence) {
            Some(ahead) => ahead,
            None => sequence + (SEQUENCE_MAX - oldest.sequence),
        };
        let unwritten = |mark: &Mark| mark.sequence == sequence && mark.end > self.written;
        ahead < SEQUENCE_MAX / 2 && self.marks.iter().any(unwritten)
    }

    /// Our sequence numbers of the messages of which no octet is written.
    pub fn unbegun(&self) -> impl Iterator<Item = u32> + '_ {
        self.marks.iter().filter(|mark| mark.start >= self.written).map(|mark| mark.sequence)
    }

    /// Takes the unbegun messages out for which `keep` says no; their octets never leave.
    pub fn withdraw(&mut self, mut keep: impl FnMut(u32) -> bool) {
        let mut cut = 0;
        let written = self.written;
        let octets = &mut self.octets;
        self.marks.retain_mut(|mark| {
            mark.start -= cut;
            mark.end -= cut;
            if mark.start < written || keep(mark.sequence) {
                return true;
            }
            octets.drain(mark.start..mark.end);
            cut += mark.end - mark.start;
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::RefCell;

    /// A socket that takes `room` octets and then blocks.
    struct Narrow {
        taken: RefCell<Vec<u8>>,
        room: RefCell<usize>,
    }

    impl Wire for Narrow {
        fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
            let mut room = self.room.borrow_mut();
            if *room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = octets.len().min(*room);
            *room -= taken;
            self.taken.borrow_mut().extend_from_slice(&octets[..taken]);
            Ok(taken)
        }
        fn wake(&self) {}
    }

    #[test]
    fn a_peer_that_is_always_a_little_behind_pins_no_more_than_it_owes() {
        let mut outbox = Outbox::default();
        let wire = Narrow { taken: RefCell::default(), room: RefCell::new(0) };
        for sequence in 1..=5_000 {
            outbox.push_message(sequence, |out| out.extend(std::iter::repeat_n(sequence as u8, 100)));
            *wire.room.borrow_mut() = if sequence == 1 { 50 } else { 100 };
            assert_eq!(outbox.flush(&wire), Flushed::Blocked);
            assert_eq!((outbox.waiting_octets(), outbox.begun()), (50, Some(sequence)));
        }
        assert!(outbox.octets.len() <= 2 * KEEP_OCTETS, "{} octets for 50 that wait", outbox.octets.len());
        assert_eq!(wire.taken.borrow().len(), 5_000 * 100 - 50);
    }

    proptest! {
        #[test]
        fn what_is_begun_is_finished_and_what_is_withdrawn_never_leaves(
            lengths in proptest::collection::vec(1usize..40, 1..20),
            room in 0usize..400,
            kept in any::<u32>(),
        ) {
            let mut outbox = Outbox::default();
            for (index, length) in lengths.iter().enumerate() {
                outbox.push_message(index as u32, |out| out.extend(std::iter::repeat_n(index as u8, *length)));
            }
            let wire = Narrow { taken: RefCell::default(), room: RefCell::new(room) };
            let first = outbox.flush(&wire);
            let begun = outbox.begun();
            let unbegun: Vec<u32> = outbox.unbegun().collect();
            for sequence in 0..lengths.len() as u32 + 1 {
                let waits = unbegun.contains(&sequence) || begun == Some(sequence);
                prop_assert_eq!(outbox.is_unwritten(sequence), waits);
            }
            let keep = |sequence: u32| kept & (1 << (sequence % 32)) != 0;
            outbox.withdraw(keep);
            *wire.room.borrow_mut() = usize::MAX;
            prop_assert_eq!(outbox.flush(&wire), Flushed::Drained);
            if first == Flushed::Drained {
                prop_assert!(begun.is_none() && unbegun.is_empty());
            }
            let expected: Vec<u8> = lengths.iter().enumerate()
                .filter(|(index, _)| !unbegun.contains(&(*index as u32)) || keep(*index as u32))
                .flat_map(|(index, length)| std::iter::repeat_n(index as u8, *length)).collect();
            prop_assert_eq!(wire.taken.into_inner(), expected);
        }
    }
}
