//! Owns the dump of the index: checksummed, with the event position it holds, so that a start reads it and the events after it.
//! Must never be believed when any octet of it is wrong: it is then rebuilt from the events, and that is said.
//!
//! Layout, big-endian: magic and version (8) · label (16) · event position u64 · origin u32 · zero u32 · CRC32C of the above u32 ·
//! one block for each shard: octets u32, CRC32C u32, entries u32, (prefix u64, value u64)…, details u32, (prefix, stops, lifts)… ·
//! trailer: 0xFFFFFFFF, entries u64, CRC32C of the trailer u32.

use super::detail::{Detail, scope_rank};
use super::index::{Index, Shard};
use crate::journal::disk::Disk;
use crate::ledger::leaf::{Fields, Unreadable};
use crate::ledger::suppression_event::{EventId, Scope};
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::io::{self, Read};
use std::path::Path;

const MAGIC: &[u8; 8] = b"SGSUPPR\x01";
const HEAD: usize = 44;
const END: u32 = u32::MAX;
/// The largest block that is believed: a shard of 100 million numbers, many times over.
const BLOCK_MAX: u32 = 1 << 30;
const CHUNK: usize = 4 << 20;

/// What a snapshot that was read says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Every event before this position is in it.
    pub position: u64,
    pub numbers: u64,
}

/// Why a snapshot cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    Absent,
    /// Read, and wrong: the list is rebuilt from all events.
    Damaged(&'static str),
}

/// Writes the index to `path` as a whole: temp, fsync, rename, fsync of the directory.
/// Every event before `position` must already be applied.
pub fn write(disk: &dyn Disk, path: &Path, label: &[u8; 16], index: &Index, position: u64) -> io::Result<()> {
    let temp = path.with_extension("tmp");
    let file = disk.create(&temp)?;
    let (mut out, mut at, mut failed) = (Vec::with_capacity(CHUNK + CHUNK / 4), 0u64, None);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(label);
    out.extend_from_slice(&position.to_be_bytes());
    out.extend_from_slice(&index.origin().to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    let sum = crc32c::crc32c(&out);
    out.extend_from_slice(&sum.to_be_bytes());
    let mut entries = 0;
    index.visit_shards(|shard| {
        entries += shard.table.len() as u64;
        put_block(&mut out, shard);
        if out.len() >= CHUNK && failed.is_none() {
            failed = file.write_all_at(&out, at).err();
            at += out.len() as u64;
            out.clear();
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let trailer_at = out.len();
    out.extend_from_slice(&END.to_be_bytes());
    out.extend_from_slice(&entries.to_be_bytes());
    let sum = crc32c::crc32c(&out[trailer_at..]);
    out.extend_from_slice(&sum.to_be_bytes());
    file.write_all_at(&out, at)?;
    file.sync_data()?;
    disk.rename(&temp, path)?;
    path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))
}

fn put_block(out: &mut Vec<u8>, shard: &Shard) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&(shard.table.len() as u32).to_be_bytes());
    for (prefix, value) in shard.table.iter() {
        out.extend_from_slice(&prefix.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
    out.extend_from_slice(&(shard.details.len() as u32).to_be_bytes());
    for (prefix, detail) in &shard.details {
        put_detail(out, *prefix, &detail.sorted());
    }
    let length = (out.len() - start - 8) as u32;
    let sum = crc32c::crc32c(&out[start + 8..]);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&sum.to_be_bytes());
}

fn put_detail(out: &mut Vec<u8>, prefix: u64, detail: &Detail) {
    out.extend_from_slice(&prefix.to_be_bytes());
    out.extend_from_slice(&(detail.stops.len() as u32).to_be_bytes());
    for (scope, id) in &detail.stops {
        let (rank, value) = scope_rank(*scope);
        out.push(rank);
        out.extend_from_slice(&value.to_be_bytes());
        put_id(out, *id);
    }
    out.extend_from_slice(&(detail.lifts.len() as u32).to_be_bytes());
    for (tag, account, id) in &detail.lifts {
        out.extend_from_slice(&tag.0);
        out.extend_from_slice(&account.0.to_be_bytes());
        put_id(out, *id);
    }
}

fn put_id(out: &mut Vec<u8>, id: EventId) {
    out.extend_from_slice(&id.origin.to_be_bytes());
    out.extend_from_slice(&id.number.to_be_bytes());
}

/// Loads a snapshot into an empty index. On an error the index may hold a part of it: drop it.
pub fn load(path: &Path, label: &[u8; 16], index: &Index) -> Result<Loaded, Unusable> {
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unusable::Absent,
        _ => Unusable::Damaged("the file cannot be opened"),
    })?;
    let mut reader = io::BufReader::with_capacity(1 << 20, file);
    let mut head = [0; HEAD];
    reader.read_exact(&mut head).map_err(|_| SHORT)?;
    let mut fields = Fields::new(&head);
    let read = |what: Result<u64, Unreadable>| what.map_err(Unusable::Damaged);
    let sum = u32::from_be_bytes([head[40], head[41], head[42], head[43]]);
    if fields.array::<8>().map_err(Unusable::Damaged)? != *MAGIC || crc32c::crc32c(&head[..40]) != sum {
        return Err(Unusable::Damaged("the head does not hold its checksum"));
    }
    if fields.array::<16>().map_err(Unusable::Damaged)? != *label {
        return Err(Unusable::Damaged("it was written with other keys"));
    }
    let position = read(fields.u64())?;
    let origin = fields.u32().map_err(Unusable::Damaged)?;
    let (mut block, mut entries, mut shards) = (Vec::new(), 0, 0);
    loop {
        let mut start = [0; 8];
        reader.read_exact(&mut start[..4]).map_err(|_| SHORT)?;
        let length = u32::from_be_bytes([start[0], start[1], start[2], start[3]]);
        if length == END {
            break;
        }
        reader.read_exact(&mut start[4..]).map_err(|_| SHORT)?;
        if length > BLOCK_MAX {
            return Err(Unusable::Damaged("a block is too long"));
        }
        block.resize(length as usize, 0);
        reader.read_exact(&mut block).map_err(|_| SHORT)?;
        if crc32c::crc32c(&block) != u32::from_be_bytes([start[4], start[5], start[6], start[7]]) {
            return Err(Unusable::Damaged("a block does not hold its checksum"));
        }
        entries += take_block(&block, origin, index).map_err(Unusable::Damaged)?;
        shards += 1;
    }
    let mut trailer = [0; 16];
    trailer[..4].copy_from_slice(&END.to_be_bytes());
    reader.read_exact(&mut trailer[4..]).map_err(|_| SHORT)?;
    let stated = u64::from_be_bytes([
        trailer[4],
        trailer[5],
        trailer[6],
        trailer[7],
        trailer[8],
        trailer[9],
        trailer[10],
        trailer[11],
    ]);
    let whole = crc32c::crc32c(&trailer[..12]).to_be_bytes() == trailer[12..16] && stated == entries;
    let more = reader.read(&mut [0]).map_err(|_| SHORT)?;
    if !whole || shards != index.shard_count() || more != 0 {
        return Err(Unusable::Damaged("it does not hold as many entries as it says"));
    }
    Ok(Loaded { position, numbers: entries })
}

const SHORT: Unusable = Unusable::Damaged("it is too short");

fn take_block(block: &[u8], origin: u32, index: &Index) -> Result<u64, Unreadable> {
    let mut fields = Fields::new(block);
    let entries = fields.u32()?;
    let mut expected = Vec::with_capacity(entries as usize);
    for _ in 0..entries {
        expected.push((fields.u64()?, fields.u64()?));
    }
    index.load(origin, &expected);
    for _ in 0..fields.u32()? {
        let prefix = fields.u64()?;
        for _ in 0..fields.u32()? {
            let scope = match (fields.u8()?, fields.u64()?) {
                (0, 0) => Scope::Global,
                (1, account) => Scope::Account(NameId(account as u32)),
                (2, sender) => Scope::Sender(sender),
                _ => return Err("an unknown scope"),
            };
            index.stop_entry(prefix, scope, read_id(&mut fields)?);
        }
        for _ in 0..fields.u32()? {
            let (tag, account) = (NumberTag(fields.array()?), fields.name()?);
            index.lift_entry(tag, account, read_id(&mut fields)?);
        }
    }
    fields.end()?;
    Ok(u64::from(entries))
}

fn read_id(fields: &mut Fields<'_>) -> Result<EventId, Unreadable> {
    Ok(EventId { origin: fields.u32()?, number: fields.u64()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::facts::SuppressionList;
    use crate::journal::disk::RealDisk;

    const LABEL: [u8; 16] = [7; 16];

    fn tag(n: u64) -> NumberTag {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        octets[8..].copy_from_slice(&n.to_be_bytes());
        NumberTag(octets)
    }

    fn filled(origin: u32, numbers: u64) -> Index {
        let index = Index::new(7);
        for n in 1..=numbers {
            index.stop_entry(tag(n).prefix(), Scope::Global, EventId { origin, number: n });
        }
        index.stop_entry(tag(1).prefix(), Scope::Account(NameId(3)), EventId { origin, number: 90_000 });
        index.stop_entry(tag(2).prefix(), Scope::Sender(55), EventId { origin: 9, number: 2 });
        index.lift_entry(tag(3), NameId(1), EventId { origin, number: 3 });
        index
    }

    fn same(one: &Index, two: &Index, numbers: u64) {
        assert_eq!(one.len(), two.len());
        for n in 1..=numbers + 10 {
            let details = (one.detail(&tag(n)), two.detail(&tag(n)));
            assert_eq!(details.0.map(|d| d.sorted()), details.1.map(|d| d.sorted()), "{n}");
        }
    }

    #[test]
    fn a_snapshot_gives_back_the_same_list_also_under_another_node_s_name() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("s");
        for origin in [7, 8] {
            let index = filled(origin, 3000);
            write(&RealDisk, &path, &LABEL, &index, 77).expect("written");
            let copy = Index::new(7);
            let loaded = load(&path, &LABEL, &copy).expect("whole");
            assert_eq!((loaded.position, loaded.numbers), (77, 3000));
            same(&index, &copy, 3000);
            assert!(!copy.is_suppressed(&tag(3), NameId(1), 0));
            assert!(copy.is_suppressed(&tag(3), NameId(2), 0));
        }
    }

    #[test]
    fn a_flip_or_a_cut_anywhere_is_seen() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("s");
        write(&RealDisk, &path, &LABEL, &filled(7, 40), 77).expect("written");
        let whole = std::fs::read(&path).expect("read");
        let damaged = |octets: &[u8], what: usize| {
            std::fs::write(&path, octets).expect("write");
            let outcome = load(&path, &LABEL, &Index::new(7));
            assert!(matches!(outcome, Err(Unusable::Damaged(_))), "at {what}: {outcome:?}");
        };
        for at in (0..whole.len()).step_by(97) {
            let mut copy = whole.clone();
            copy[at] ^= 1 << (at % 8);
            damaged(&copy, at);
            damaged(&whole[..at], at);
        }
        damaged(&[&whole[..], &[0]].concat(), whole.len());
        std::fs::write(&path, &whole).expect("write");
        assert!(matches!(load(&path, &[8; 16], &Index::new(7)), Err(Unusable::Damaged(_))));
        std::fs::remove_file(&path).expect("remove");
        assert_eq!(load(&path, &LABEL, &Index::new(7)), Err(Unusable::Absent));
    }
}
