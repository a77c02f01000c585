//! Owns the dump of the index: checksummed, with the event position it holds, so that a start reads it and the events after it.
//! Must never be believed when any octet of it is wrong: it is then rebuilt from the events, and that is said.
//!
//! A file of blocks ([`dump`]), one for each shard: entries u32, (prefix u64, value u64)…, details u32, (prefix, stops, lifts)….

use super::detail::{Detail, scope_rank};
use super::index::{Index, Shard};
use crate::journal::disk::Disk;
use crate::journal::dump::{self, Head, Loaded, Unusable};
use crate::ledger::leaf::{Fields, Unreadable};
use crate::ledger::suppression_event::{EventId, Scope};
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::io;
use std::path::Path;

const MAGIC: &[u8; 8] = b"SGSUPPR\x01";

/// Writes the index to `path` as a whole. Every event before `position` must already be applied.
pub fn write(disk: &dyn Disk, path: &Path, label: &[u8; 16], index: &Index, position: u64) -> io::Result<()> {
    let head = Head { magic: *MAGIC, label: *label, position, origin: index.origin() };
    dump::write(disk, path, &head, |blocks| {
        index.visit_shards(|shard| blocks.put(shard.table.len() as u64, |out| put_block(out, shard)));
    })
}

fn put_block(out: &mut Vec<u8>, shard: &Shard) {
    out.extend_from_slice(&(shard.table.len() as u32).to_be_bytes());
    for (prefix, value) in shard.table.iter() {
        out.extend_from_slice(&prefix.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
    out.extend_from_slice(&(shard.details.len() as u32).to_be_bytes());
    for (prefix, detail) in &shard.details {
        put_detail(out, *prefix, &detail.sorted());
    }
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
    let loaded = dump::read(path, MAGIC, label, |origin, block| take_block(block, origin, index))?;
    if loaded.blocks != index.shard_count() {
        return Err(Unusable::Damaged("it does not hold every shard"));
    }
    Ok(loaded)
}

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
            assert_eq!((loaded.position, loaded.entries), (77, 3000));
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
