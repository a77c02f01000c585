//! Owns the erasure of a number's personal data from the events: noted before it begins, recorded, and carried out.
//! Must never drop sealed data that no durable `erase` record names, nor forget an erasure that was begun.
//!
//! `erase.pending` is pre-written, so that an order can be noted on a full disk: two places of 48 KiB that are written in turn.
//! Each, big-endian: magic and version (8) · label (16) · turn u64 · orders u32 · each: tag 16, reason u32, by u32, instant i64 ·
//! CRC32C of all before u32 · zeros. The place of the later turn holds.

use super::book::{Ledger, PATIENCE};
use super::error::LedgerError;
use super::event::{Erase, Event};
use super::event_code::{self, EventRecord};
use super::leaf::{Fields, Head, Unreadable};
use crate::journal::disk;
use crate::journal::error::{BlankError, ReadError};
use crate::journal::reader::Label;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const MAGIC: &[u8; 8] = b"SGERASE\x02";
/// Octets of each of the two places: more than the most orders take.
const PLACE: usize = 48 << 10;
/// Octets before the first order, and of each.
const HEAD: usize = 36;
const ORDER: usize = 32;
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

/// The erasures that were begun and are not over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    pub orders: Vec<EraseOrder>,
    /// The other place of the file is damaged, or was torn by a power cut: an order that was noted there is lost, if one was.
    pub torn: bool,
    /// Of the place that holds: its count, and the mark of the keys it was written under.
    turn: u64,
    label: Label,
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

    /// The erasures that were begun and are not over.
    ///
    /// # Errors
    /// The file is damaged: which erasures were begun has to be asked of whoever ordered them.
    pub fn pending_erasures(&self) -> Result<Pending, EraseError> {
        let path = self.pending_path();
        match std::fs::read(&path) {
            Ok(octets) => {
                let mut pending = read(&octets, |label| self.generations.knows(label)).map_err(|what| {
                    let source = io::Error::other(format!("{what}; order the erasures of the last days again"));
                    EraseError::Io { path, source }
                })?;
                // Noted before a key was replaced.
                let label = pending.label;
                pending.orders.iter_mut().for_each(|order| order.tag = self.generations.carry(&label, order.tag));
                Ok(pending)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Pending::default()),
            Err(source) => Err(EraseError::Io { path, source }),
        }
    }

    /// How many erasures wait, as far as this process knows; one when that cannot be read.
    pub fn erasures_waiting(&self) -> u64 {
        self.erasures_waiting.load(Ordering::Relaxed)
    }

    /// Pre-writes the file, if it is not there, and counts what waits. At a start, before anything can be ordered. A disk that has no
    /// room for it is no reason not to start: the first order makes it, or is refused.
    pub(super) fn prepare_erasures(&self) {
        // One that is damaged stays as it is until it was said.
        let made = if self.pending_path().exists() { Ok(()) } else { self.pre_write() };
        if let Err(error) = made {
            tracing::warn!(event = "erasure.unprepared", %error);
        }
        self.count(&self.pending_erasures());
    }

    fn count(&self, pending: &Result<Pending, EraseError>) {
        let waiting = pending.as_ref().map_or(1, |pending| pending.orders.len() as u64);
        self.erasures_waiting.store(waiting, Ordering::Relaxed);
    }

    fn pre_write(&self) -> io::Result<()> {
        let path = self.pending_path();
        match path.metadata() {
            Ok(found) if found.len() == 2 * PLACE as u64 => Ok(()),
            _ => disk::replace(&*self.disk, &path, &[0; 2 * PLACE]),
        }
    }

    /// Whether the disk has room to carry out an erasure: each segment is copied before its old form goes.
    pub fn has_room_to_erase(&self) -> bool {
        self.events.has_room()
    }

    /// Notes, durably, that an erasure begins: from then on it is carried out, after a crash too.
    ///
    /// # Errors
    /// The disk, or too many wait; then nothing was begun.
    pub fn begin_erasure(&self, order: EraseOrder) -> Result<(), EraseError> {
        // A damaged file is replaced: what it said is lost, and was said at the start.
        let mut pending = self.pending_erasures().unwrap_or_default();
        if pending.orders.iter().any(|known| known.tag == order.tag) {
            return Ok(());
        }
        if pending.orders.len() >= PENDING_MAX {
            return Err(EraseError::Full);
        }
        pending.orders.push(order);
        self.note(pending)
    }

    /// An erasure is over everywhere.
    ///
    /// # Errors
    /// The disk: it will be carried out once more, which changes nothing.
    pub fn end_erasure(&self, tag: &NumberTag) -> Result<(), EraseError> {
        let mut pending = self.pending_erasures()?;
        pending.orders.retain(|order| order.tag != *tag);
        self.note(pending)
    }

    /// Writes over what is torn, once it was said.
    ///
    /// # Errors
    /// The disk: it is said again.
    pub fn mend_pending(&self, pending: &Pending) -> Result<(), EraseError> {
        self.note(pending.clone())
    }

    fn note(&self, pending: Pending) -> Result<(), EraseError> {
        let path = self.pending_path();
        let turn = pending.turn + 1;
        let octets = write(&pending.orders, &self.key_check(), turn);
        let noted = self.pre_write().and_then(|()| self.disk.open(&path)).and_then(|file| {
            file.write_all_at(&octets, (turn % 2) * PLACE as u64)?;
            file.sync_data()
        });
        self.count(&self.pending_erasures());
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
        let carried = |label: &Label, leaf: &[u8]| Some(self.generations.carry(label, event_code::tag(leaf)?));
        while let Some((_, frame)) = reader.next_labelled_where(|label, leaf| carried(label, leaf) == Some(*tag))? {
            each(frame.seq, frame.leaf, frame.blob);
        }
        Ok(())
    }

    /// The erasures that are on record and of whose events some still hold their data: a backup has them that was made between the two.
    ///
    /// # Errors
    /// The events cannot be read.
    pub fn recorded_and_not_done(&self) -> Result<Vec<EraseOrder>, ReadError> {
        let (mut orders, mut named) = (Vec::new(), BTreeMap::new());
        let mut reader = self.events.read(0, u64::MAX);
        let is_erase = |_: &Label, leaf: &[u8]| event_code::kind_of(leaf) == Some(event_code::ERASE);
        while let Some((label, frame)) = reader.next_labelled_where(is_erase)? {
            let Ok(EventRecord { event: Event::Erase(erase), at, .. }) = EventRecord::read(frame.leaf) else {
                continue;
            };
            named.extend(erase.events.iter().map(|seq| (*seq, orders.len())));
            let tag = self.generations.carry(&label, erase.tag);
            orders.push(EraseOrder { tag, reason: erase.reason, by: erase.by, at });
        }
        let mut open = BTreeSet::new();
        let is_named = |leaf: &[u8]| Head::read(&mut Fields::new(leaf)).is_ok_and(|head| named.contains_key(&head.seq));
        let mut reader = self.events.read(0, u64::MAX);
        while let Some(frame) = reader.next_frame_where(is_named)? {
            if frame.blob.iter().any(|octet| *octet != 0) {
                open.extend(named.get(&frame.seq).copied());
            }
        }
        Ok(open.into_iter().map(|place| orders[place]).collect())
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

/// A whole place.
fn write(orders: &[EraseOrder], label: &[u8; 16], turn: u64) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(label);
    out.extend_from_slice(&turn.to_be_bytes());
    out.extend_from_slice(&(orders.len() as u32).to_be_bytes());
    for order in orders {
        out.extend_from_slice(&order.tag.0);
        out.extend_from_slice(&order.reason.0.to_be_bytes());
        out.extend_from_slice(&order.by.0.to_be_bytes());
        out.extend_from_slice(&order.at.as_micros().to_be_bytes());
    }
    let sum = crc32c::crc32c(&out);
    out.extend_from_slice(&sum.to_be_bytes());
    out.resize(PLACE, 0);
    out
}

/// What both places say, in a file of keys that are `known`.
fn read(octets: &[u8], known: impl Fn(&Label) -> bool) -> Result<Pending, Unreadable> {
    let Some((first, second)) = octets.split_at_checked(PLACE).filter(|_| octets.len() == 2 * PLACE) else {
        return Err("it has not the length it was made with");
    };
    let mut pending: Option<Pending> = None;
    let mut torn = None;
    for place in [first, second] {
        match read_place(place, &known) {
            Ok(Some(found)) if pending.as_ref().is_none_or(|known| known.turn < found.turn) => pending = Some(found),
            Ok(_) => {}
            Err(what) => torn = Some(what),
        }
    }
    match (pending, torn) {
        (Some(pending), torn) => Ok(Pending { torn: torn.is_some(), ..pending }),
        (None, Some(what)) => Err(what),
        (None, None) => Ok(Pending::default()),
    }
}

/// What one place says; nothing was ever written to it: `None`.
fn read_place(octets: &[u8], known: impl Fn(&Label) -> bool) -> Result<Option<Pending>, Unreadable> {
    if octets.iter().all(|octet| *octet == 0) {
        return Ok(None);
    }
    let mut fields = Fields::new(octets);
    let (magic, label) = (fields.array::<8>()?, fields.array::<16>()?);
    if magic != *MAGIC || !known(&label) {
        return Err("it is of another ledger, or of another version");
    }
    let (turn, count) = (fields.u64()?, fields.u32()?);
    let end = (count as usize).saturating_mul(ORDER).saturating_add(HEAD);
    let Some((body, rest)) = octets.split_at_checked(end) else { return Err("it does not hold its checksum") };
    let mut orders = Vec::new();
    for _ in 0..count {
        let (tag, reason, by) = (NumberTag(fields.array()?), fields.name()?, fields.name()?);
        orders.push(EraseOrder { tag, reason, by, at: fields.instant()? });
    }
    let sum = crc32c::crc32c(body).to_be_bytes();
    if !rest.starts_with(&sum) || rest[sum.len()..].iter().any(|octet| *octet != 0) {
        return Err("it does not hold its checksum");
    }
    Ok(Some(Pending { orders, torn: false, turn, label }))
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
        let (older, newer) = (write(&orders[..1], &[9; 16], 6), write(&orders, &[9; 16], 7));
        let both = [older.clone(), newer.clone()].concat();
        let known = |label: &Label| *label == [9; 16];
        let found = read(&both, known).expect("whole");
        assert_eq!((&found.orders[..], found.turn, found.torn), (&orders[..], 7, false));
        let turned = read(&[newer, older].concat(), known).expect("whole");
        assert_eq!((turned.orders.len(), turned.turn), (2, 7), "whichever place is the later one");
        assert!(read(&both, |label: &Label| *label == [8; 16]).is_err());
        assert_eq!(read(&[0; 2 * PLACE], known), Ok(Pending::default()), "pre-written, and nothing was ever noted");
        // Whatever is flipped in the newer place: the older one holds, and it is said that something may be lost.
        let written = PLACE..PLACE + both[PLACE..].iter().rposition(|octet| *octet != 0).expect("written") + 1;
        for at in written.chain([2 * PLACE - 1]) {
            let mut copy = both.clone();
            copy[at] ^= 1;
            let found = read(&copy, known).expect("one place is whole");
            assert_eq!((&found.orders[..], found.turn, found.torn), (&orders[..1], 6, true), "{at}");
            copy[30] ^= 1;
            assert!(read(&copy, known).is_err(), "{at}: no place is whole");
            assert!(read(&both[..at], known).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_most_orders_that_may_wait_fit_into_a_place() {
        let order =
            EraseOrder { tag: NumberTag([1; 16]), reason: NameId(2), by: NameId(3), at: CivilInstant::from_secs(4) };
        assert_eq!(write(&vec![order; PENDING_MAX], &[9; 16], 1).len(), PLACE);
    }
}
