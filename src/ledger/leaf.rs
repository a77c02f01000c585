//! Owns the canonical octets of a leaf: its common head, and how fields are written and read.
//! Must never have two ways to write one record: integers big-endian, fixed order, no padding, nothing optional without its mark.
//!
//! Head (24 octets): version 1 · kind · flags · zero · sequence number u64 · instant i64 (µs since 1970, UTC) · boot u32.

use crate::message::instant::CivilInstant;
use crate::message::name::NameId;

/// The only version there is.
pub const VERSION: u8 = 1;
/// Octets of the head.
pub const HEAD: usize = 24;
/// Where the sequence number stands.
pub const SEQ_AT: usize = 4;

/// The record was made under a virtual clock.
pub const FLAG_REHEARSAL: u8 = 1;
/// The verdict has a number tag.
pub const FLAG_TAG: u8 = 2;
/// The event has a sealed blob; its SHA-256 binding follows the head.
pub const FLAG_SEALED: u8 = 4;

/// What every leaf begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub kind: u8,
    pub flags: u8,
    pub seq: u64,
    pub at: CivilInstant,
    pub boot: u32,
}

/// Why a leaf cannot be read.
pub type Unreadable = &'static str;

impl Head {
    /// Appends the head.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[VERSION, self.kind, self.flags, 0]);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.at.as_micros().to_be_bytes());
        out.extend_from_slice(&self.boot.to_be_bytes());
    }

    /// Reads the head; the reader then stands behind it.
    pub fn read(fields: &mut Fields<'_>) -> Result<Self, Unreadable> {
        if fields.u8()? != VERSION {
            return Err("a record of an unknown version");
        }
        let (kind, flags) = (fields.u8()?, fields.u8()?);
        if fields.u8()? != 0 {
            return Err("a reserved octet is not zero");
        }
        Ok(Self { kind, flags, seq: fields.u64()?, at: fields.instant()?, boot: fields.u32()? })
    }
}

/// Writes a text of at most 65,535 octets behind its length. Longer texts are cut at a character.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(u16::MAX as usize);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.extend_from_slice(&(end as u16).to_be_bytes());
    out.extend_from_slice(&text.as_bytes()[..end]);
}

/// Reads fields one after the other.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads from the beginning of `octets`.
    pub fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// The next `N` octets.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or("a record is too short")?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next octet.
    pub fn u8(&mut self) -> Result<u8, Unreadable> {
        Ok(self.array::<1>()?[0])
    }

    /// The next two octets.
    pub fn u16(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next four octets.
    pub fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next eight octets.
    pub fn u64(&mut self) -> Result<u64, Unreadable> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next eight octets as an instant.
    pub fn instant(&mut self) -> Result<CivilInstant, Unreadable> {
        self.array().map(i64::from_be_bytes).map(CivilInstant::from_micros)
    }

    /// The next four octets as a name.
    pub fn name(&mut self) -> Result<NameId, Unreadable> {
        self.u32().map(NameId)
    }

    /// A length of two octets and a text.
    pub fn text(&mut self) -> Result<&'a str, Unreadable> {
        let length = self.u16()? as usize;
        let (head, rest) = self.rest.split_at_checked(length).ok_or("a record is too short")?;
        self.rest = rest;
        std::str::from_utf8(head).map_err(|_| "a text is not UTF-8")
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), Unreadable> {
        if self.rest.is_empty() { Ok(()) } else { Err("a record is too long") }
    }
}
