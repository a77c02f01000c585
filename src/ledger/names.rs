//! Owns the names that records stand for by a handle, and the file that saves reading every event for them at start.
//! Must never be believed over the events: a damaged or missing file is rebuilt from them.

use crate::journal::disk::{self, Disk};
use crate::message::name::NameId;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

const MAGIC: &[u8; 8] = b"SGNAMES\x02";

/// Names and their handles: handle n is the n-th name, from 1.
#[derive(Debug, Default)]
pub struct Names {
    table: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    handles: HashMap<Arc<str>, NameId>,
    names: Vec<Arc<str>>,
}

impl Names {
    /// The handle of a name, if it has one.
    pub fn handle(&self, name: &str) -> Option<NameId> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).handles.get(name).copied()
    }

    /// The name of a handle.
    pub fn name(&self, id: NameId) -> Option<Arc<str>> {
        let at = (id.0 as usize).checked_sub(1)?;
        self.table.read().unwrap_or_else(PoisonError::into_inner).names.get(at).cloned()
    }

    /// The handle that the next name gets.
    pub fn next(&self) -> NameId {
        NameId(self.table.read().unwrap_or_else(PoisonError::into_inner).names.len() as u32 + 1)
    }

    /// Takes a name with the handle its record says. `false` when another name has that handle or handles were skipped.
    pub fn insert(&self, id: NameId, name: &str) -> bool {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let at = id.0 as usize;
        if at == 0 || at > table.names.len() + 1 {
            return false;
        }
        if at <= table.names.len() {
            return &*table.names[at - 1] == name;
        }
        let name: Arc<str> = name.into();
        table.names.push(Arc::clone(&name));
        table.handles.insert(name, id);
        true
    }

    fn all(&self) -> Vec<Arc<str>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).names.clone()
    }
}

/// What the names file holds.
#[derive(Debug, Default)]
pub struct Saved {
    pub names: Names,
    /// The mark of the keys it was written under.
    pub label: [u8; 16],
    /// Events whose names are in it.
    pub position: u64,
    pub boot: u32,
    pub epoch: u32,
    /// The `epoch` record of a restore that no `reopen` has followed yet.
    pub closed: Option<u64>,
}

/// What the names file says beside the names.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub position: u64,
    pub boot: u32,
    pub epoch: u32,
    pub closed: Option<u64>,
}

/// Writes the names file.
pub fn save(disk: &dyn Disk, path: &Path, label: &[u8; 16], names: &Names, place: Place) -> io::Result<()> {
    let Place { position, boot, epoch, closed } = place;
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(label);
    out.extend_from_slice(&position.to_be_bytes());
    out.extend_from_slice(&boot.to_be_bytes());
    out.extend_from_slice(&epoch.to_be_bytes());
    out.extend_from_slice(&closed.unwrap_or(u64::MAX).to_be_bytes());
    let all = names.all();
    out.extend_from_slice(&(all.len() as u32).to_be_bytes());
    for name in all {
        super::leaf::put_text(&mut out, &name);
    }
    let sum = crc32c::crc32c(&out);
    out.extend_from_slice(&sum.to_be_bytes());
    disk::replace(disk, path, &out)
}

/// Reads the names file. `None` when it is absent, damaged or of keys that are not `known`: the events then tell.
pub fn load(path: &Path, known: impl Fn(&[u8; 16]) -> bool) -> Option<Saved> {
    let octets = std::fs::read(path).ok()?;
    let (body, sum) = octets.split_last_chunk::<4>()?;
    let label = *body.get(8..24)?.first_chunk()?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*sum) || body.get(..8)? != MAGIC || !known(&label) {
        return None;
    }
    let mut fields = super::leaf::Fields::new(&body[24..]);
    let mut saved = Saved { label, position: fields.u64().ok()?, ..Saved::default() };
    (saved.boot, saved.epoch) = (fields.u32().ok()?, fields.u32().ok()?);
    saved.closed = Some(fields.u64().ok()?).filter(|seq| *seq != u64::MAX);
    for id in 1..=fields.u32().ok()? {
        if !saved.names.insert(NameId(id), fields.text().ok()?) {
            return None;
        }
    }
    fields.end().ok()?;
    Some(saved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::disk::RealDisk;

    #[test]
    fn names_keep_their_handles_through_a_file_and_a_damaged_file_is_no_file() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("names");
        let names = Names::default();
        assert!(names.insert(NameId(1), "acme"));
        assert!(names.insert(NameId(2), "36111"));
        assert!(names.insert(NameId(2), "36111"), "the same again changes nothing");
        assert!(!names.insert(NameId(2), "other"));
        assert!(!names.insert(NameId(4), "skips"));
        let place = Place { position: 9, boot: 3, epoch: 1, closed: Some(4) };
        save(&RealDisk, &path, &[7; 16], &names, place).expect("saved");
        let saved = load(&path, |label| *label == [7; 16]).expect("whole");
        assert_eq!((saved.position, saved.boot, saved.epoch, saved.closed), (9, 3, 1, Some(4)));
        assert_eq!(saved.names.handle("36111"), Some(NameId(2)));
        assert_eq!(saved.names.name(NameId(1)).as_deref(), Some("acme"));
        assert!(load(&path, |label| *label == [8; 16]).is_none());
        let whole = std::fs::read(&path).expect("read");
        for at in 0..whole.len() {
            let mut copy = whole.clone();
            copy[at] ^= 4;
            std::fs::write(&path, &copy).expect("write");
            assert!(load(&path, |label| *label == [7; 16]).is_none(), "octet {at}");
        }
    }
}
