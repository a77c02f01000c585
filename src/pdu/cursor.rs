//! Owns the walk over a body from left to right.
//! Must never allocate, nor step over the end of the PDU.

use super::fault::Fault;
use crate::message::submission::Span;

/// A place in a PDU. Offsets count from the first header octet.
pub(super) struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the body of a whole frame.
    pub(super) const fn body(octets: &'a [u8]) -> Self {
        Self { octets, at: super::header::HEADER_OCTETS }
    }

    /// Where it stands.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.octets.get(self.at..).unwrap_or_default()
    }

    /// One octet.
    #[inline]
    pub(super) fn octet(&mut self) -> Result<u8, Fault> {
        let octet = *self.octets.get(self.at).ok_or(Fault::Cut)?;
        self.at += 1;
        Ok(octet)
    }

    /// A C-octet string of at most `limit` octets, NUL included. The span is the text without its NUL.
    ///
    /// When the limit is met before the end of the PDU it is the field that is wrong, not the length.
    #[inline]
    pub(super) fn c_string(&mut self, limit: usize, overlong: Fault) -> Result<Span, Fault> {
        let rest = self.rest();
        let window = &rest[..rest.len().min(limit)];
        match window.iter().position(|octet| *octet == 0) {
            Some(length) => {
                let span = Span::new(self.at, self.at + length);
                self.at += length + 1;
                Ok(span)
            }
            None if window.len() == limit => Err(overlong),
            None => Err(Fault::Cut),
        }
    }

    /// Exactly `count` octets.
    pub(super) fn run(&mut self, count: usize, short: Fault) -> Result<Span, Fault> {
        if self.rest().len() < count {
            return Err(short);
        }
        let span = Span::new(self.at, self.at + count);
        self.at += count;
        Ok(span)
    }
}
