//! Owns the erasure of a number's personal data from the events: noted before it begins, recorded, and carried out.
//! Must never drop sealed data that no durable `erase` record names, nor forget an erasure that was begun.
//!
//! `erase.pending`, big-endian: magic and version (8) · label (16) · orders u32 · each: tag 16, reason u32, by u32, instant i64 ·
//! CRC32C of all before u32. It is there only while an erasure runs, or waits for a disk that failed or was full.

use super::book::{Ledger, PATIENCE};
use super::error::LedgerError;
use super::event::{Erase, Event};
use super::event_code;
use super::leaf::{Fields, Unreadable};
use crate::journal::disk;
use crate::journal::error::{BlankError, ReadError};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"SGERASE\x01";
/// Events that one `erase` record names: far fewer than fit into a leaf.
const NAMED_MAX: usize = 4_000;
/// Erasures that may wait for a disk.
pub const PENDING_MAX: usize = 1_000;
/// Characters of a reason, and digits that may stand together in it: a telephone number has more.
const REASON_MAX: usize = 200;
const DIGITS_MAX: usize = 8;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EraseOrder {
    pub tag: NumberTag,
    /// Why, and who asked for it.
    pub reason: NameId,
    pub by: NameId,
    pub at: CivilInstant,
}

/// What an erasure did in the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// The events whose sealed data are gone.
    pub events: BTreeSet<u64>,
    /// The (last) `erase` record.
    pub record: u64,
}

/// Why an erasure was not carried out, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{PENDING_MAX} erasures wait for the disk already")]
    Full,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Record(#[from] LedgerError),
    #[error(transparent)]
    Blank(#[from] BlankError),
}

/// Checks a reason: it is kept for ever, so it is short and holds nothing that could be a telephone number.
///
/// # Errors
/// What to write instead.
pub fn check_reason(reason: &str) -> Result<(), String> {
    let length = reason.trim().chars().count();
    if length == 0 {
        return Err("no reason: say why, such as \"letter of 2026-11-20\"".to_owned());
    }
    if length > REASON_MAX || reason.chars().any(char::is_control) {
        return Err(format!("the reason has more than {REASON_MAX} characters, or a line break: give its reference"));
    }
    let separates = |c: char| c == '_' || c.is_alphabetic();
    let digits = |run: &str| run.chars().filter(|c| c.is_numeric()).count();
    if reason.split(separates).any(|run| digits(run) > DIGITS_MAX) {
        return Err(format!(
            "the reason stays in the ledger for ever, and more than {DIGITS_MAX} digits together could be a number: \
             put a word between them, or leave them out"
        ));
    }
    Ok(())
}

impl Ledger {
    fn pending_path(&self) -> PathBuf {
        self.dir().join("erase.pending")
    }

    /// The erasures that were begun and are not over. What cannot be read is told as the reason.
    ///
    /// # Errors
    /// The file is damaged: which erasures were begun has to be asked of whoever ordered them.
    pub fn pending_erasures(&self) -> Result<Vec<EraseOrder>, EraseError> {
        let path = self.pending_path();
        match std::fs::read(&path) {
            Ok(octets) => read(&octets, &self.label).map_err(|what| {
                let source = io::Error::other(format!("{what}; order the erasures of the last days again"));
                EraseError::Io { path, source }
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(EraseError::Io { path, source }),
        }
    }

    /// Notes, durably, that an erasure begins: from then on it is carried out, after a crash too.
    ///
    /// # Errors
    /// The disk, or too many wait; then nothing was begun.
    pub fn begin_erasure(&self, order: EraseOrder) -> Result<(), EraseError> {
        // A damaged file is replaced: what it said is lost, and was said at the start.
        let mut orders = self.pending_erasures().unwrap_or_default();
        if orders.iter().any(|known| known.tag == order.tag) {
            return Ok(());
        }
        if orders.len() >= PENDING_MAX {
            return Err(EraseError::Full);
        }
        orders.push(order);
        self.note(&orders)
    }

    /// An erasure is over everywhere.
    ///
    /// # Errors
    /// The disk: it will be carried out once more, which changes nothing.
    pub fn end_erasure(&self, tag: &NumberTag) -> Result<(), EraseError> {
        let mut orders = self.pending_erasures()?;
        orders.retain(|order| order.tag != *tag);
        self.note(&orders)
    }

    fn note(&self, orders: &[EraseOrder]) -> Result<(), EraseError> {
        let path = self.pending_path();
        let noted = if orders.is_empty() {
            self.disk.remove(&path).and_then(|()| self.disk.sync_dir(self.dir()))
        } else {
            disk::replace(&*self.disk, &path, &write(orders, &self.label))
        };
        noted.map_err(|source| EraseError::Io { path, source })
    }

    /// Shows every event about a number among `from..upto`, oldest first, with its sealed data (empty or zeros where there are none).
    ///
    /// # Errors
    /// The events cannot be read.
    pub fn events_about(
        &self,
        tag: &NumberTag,
        (from, upto): (u64, u64),
        mut each: impl FnMut(u64, &[u8], &[u8]),
    ) -> Result<(), ReadError> {
        let mut reader = self.events.read(from, upto);
        while let Some(frame) = reader.next_frame_where(|leaf| event_code::tag(leaf) == Some(*tag))? {
            each(frame.seq, frame.leaf, frame.blob);
        }
        Ok(())
    }

    /// Drops the sealed data of every event about a number: recorded first, gone from every segment when this returns. Events that
    /// come meanwhile stay. Waits for fsyncs and rewrites segments: not on a lane. Harmless to repeat.
    ///
    /// # Errors
    /// Nothing is half done: what is recorded is carried out by the next call.
    pub fn erase(self: &Arc<Self>, order: &EraseOrder, now: CivilInstant) -> Result<Erased, EraseError> {
        let mut events = BTreeSet::new();
        let mut note = |seq, _: &[u8], blob: &[u8]| {
            if blob.iter().any(|octet| *octet != 0) {
                events.insert(seq);
            }
        };
        let upto = self.events.appended();
        self.events_about(&order.tag, (0, upto), &mut note)?;
        // What stands in the segment being written can be reached when the stream has gone on behind it.
        let end = if events.is_empty() { upto } else { self.events.roll_with_room(PATIENCE)? };
        let mut note = |seq, _: &[u8], blob: &[u8]| {
            if blob.iter().any(|octet| *octet != 0) {
                events.insert(seq);
            }
        };
        self.events_about(&order.tag, (upto, end), &mut note)?;
        let mut appender = self.appender();
        let named: Vec<u64> = events.iter().copied().collect();
        let mut chunks: Vec<&[u64]> = named.chunks(NAMED_MAX).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        for chunk in chunks {
            let erase = Erase { tag: order.tag, reason: order.reason, by: order.by, events: chunk.to_vec() };
            appender.event(now, &Event::Erase(erase), None)?;
        }
        let record = appender.commit(now)?.events.end - 1;
        if !self.events.wait_synced(record, PATIENCE) {
            return Err(LedgerError::NotDurable.into());
        }
        if !events.is_empty() {
            self.events.blank(&events)?;
        }
        Ok(Erased { events, record })
    }
}

fn write(orders: &[EraseOrder], label: &[u8; 16]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(label);
    out.extend_from_slice(&(orders.len() as u32).to_be_bytes());
    for order in orders {
        out.extend_from_slice(&order.tag.0);
        out.extend_from_slice(&order.reason.0.to_be_bytes());
        out.extend_from_slice(&order.by.0.to_be_bytes());
        out.extend_from_slice(&order.at.as_micros().to_be_bytes());
    }
    let sum = crc32c::crc32c(&out);
    out.extend_from_slice(&sum.to_be_bytes());
    out
}

fn read(octets: &[u8], label: &[u8; 16]) -> Result<Vec<EraseOrder>, Unreadable> {
    let (body, sum) = octets.split_last_chunk::<4>().ok_or("it is too short")?;
    if crc32c::crc32c(body).to_be_bytes() != *sum {
        return Err("it does not hold its checksum");
    }
    let mut fields = Fields::new(body);
    if fields.array::<8>()? != *MAGIC || fields.array::<16>()? != *label {
        return Err("it is of another ledger, or of a later version");
    }
    let mut orders = Vec::new();
    for _ in 0..fields.u32()? {
        let (tag, reason, by) = (NumberTag(fields.array()?), fields.name()?, fields.name()?);
        orders.push(EraseOrder { tag, reason, by, at: fields.instant()? });
    }
    fields.end()?;
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_why_and_never_a_number() {
        for good in ["letter of 2026-11-20", "art. 17, mail 12 of 2026-11-20", "demande CNIL n° 26012345", "x"] {
            assert_eq!(check_reason(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "  ",
            "+33639980042 asks",
            "asks: 06 39 98 00 42",
            "06.39.98.00.42",
            "0033-6 39 98 00 42",
            "line\nbreak",
            &"why ".repeat(60),
        ] {
            assert!(check_reason(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn orders_read_back_and_any_flip_or_cut_is_seen() {
        let order = |n: u8| EraseOrder {
            tag: NumberTag([n; 16]),
            reason: NameId(n.into()),
            by: NameId(7),
            at: CivilInstant::from_secs(1_795_000_000),
        };
        let orders = [order(1), order(2)];
        let octets = write(&orders, &[9; 16]);
        assert_eq!(read(&octets, &[9; 16]), Ok(orders.to_vec()));
        assert!(read(&octets, &[8; 16]).is_err());
        for at in 0..octets.len() {
            let mut copy = octets.clone();
            copy[at] ^= 1;
            assert!(read(&copy, &[9; 16]).is_err() && read(&octets[..at], &[9; 16]).is_err(), "{at}");
        }
    }
}
