//! Owns the file of blocks that is replaced whole: what a start reads so that it need not read every record again.
//! Must never be believed when any octet of it is wrong; what is in a block is its caller's business.
//!
//! Layout, big-endian: magic and version (8) · label (16) · position u64 · origin u32 · zero u32 · CRC32C of the above u32 ·
//! blocks: octets u32, CRC32C u32, octets · trailer: 0xFFFFFFFF, entries u64, CRC32C of the trailer u32.

use super::disk::{self, Disk, SegmentFile};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

const HEAD: usize = 44;
const END: u32 = u32::MAX;
/// The largest block that is believed: a shard of 100 million numbers, many times over.
const BLOCK_MAX: u32 = 1 << 30;
const CHUNK: usize = 4 << 20;

/// What stands before the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the file is, and its version.
    pub magic: [u8; 8],
    /// Whose it is: the key-check value of the ledger beside it.
    pub label: [u8; 16],
    /// Every record before this position is in it.
    pub position: u64,
    /// The node that wrote it.
    pub origin: u32,
}

/// What a file that was read says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Every record before this position is in it.
    pub position: u64,
    pub blocks: usize,
    /// What its blocks hold together.
    pub entries: u64,
}

/// Why a file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    Absent,
    /// Read, and wrong: what it held is made again from all records.
    Damaged(&'static str),
}

const SHORT: Unusable = Unusable::Damaged("it is too short");

/// Where blocks are put.
pub struct Blocks {
    file: Arc<dyn SegmentFile>,
    out: Vec<u8>,
    at: u64,
    entries: u64,
    failed: Option<io::Error>,
}

impl Blocks {
    /// Adds a block that holds `entries` of whatever is counted.
    pub fn put(&mut self, entries: u64, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 8]);
        fill(&mut self.out);
        let length = (self.out.len() - start - 8) as u32;
        let sum = crc32c::crc32c(&self.out[start + 8..]);
        self.out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        self.out[start + 4..start + 8].copy_from_slice(&sum.to_be_bytes());
        self.entries += entries;
        if self.out.len() >= CHUNK && self.failed.is_none() {
            self.failed = self.file.write_all_at(&self.out, self.at).err();
            self.at += self.out.len() as u64;
            self.out.clear();
        }
    }
}

/// Writes a file as a whole: temp, fsync, rename, fsync of the directory.
///
/// # Errors
/// The disk's; the file that was there before stays.
pub fn write(disk: &dyn Disk, path: &Path, head: &Head, fill: impl FnOnce(&mut Blocks)) -> io::Result<()> {
    let temp = path.with_extension("tmp");
    let mut out = Vec::with_capacity(CHUNK + CHUNK / 4);
    out.extend_from_slice(&head.magic);
    out.extend_from_slice(&head.label);
    out.extend_from_slice(&head.position.to_be_bytes());
    out.extend_from_slice(&head.origin.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    let sum = crc32c::crc32c(&out);
    out.extend_from_slice(&sum.to_be_bytes());
    let mut blocks = Blocks { file: disk.create(&temp)?, out, at: 0, entries: 0, failed: None };
    fill(&mut blocks);
    disk::unmade(disk, &temp, finish(disk, blocks, (&temp, path)))?;
    path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir))
}

/// Writes what is left and the trailer, and gives the file its name.
fn finish(disk: &dyn Disk, blocks: Blocks, (temp, path): (&Path, &Path)) -> io::Result<()> {
    let Blocks { file, mut out, at, entries, failed } = blocks;
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
    disk.rename(temp, path)
}

/// Reads a file; `each` takes the origin and one block, and gives how many entries it held. On an error what was taken in may be a part
/// of it: drop it.
///
/// # Errors
/// The file is absent, or anything in it is wrong.
pub fn read(
    path: &Path,
    magic: &[u8; 8],
    label: &[u8; 16],
    mut each: impl FnMut(u32, &[u8]) -> Result<u64, &'static str>,
) -> Result<Loaded, Unusable> {
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unusable::Absent,
        _ => Unusable::Damaged("the file cannot be opened"),
    })?;
    let mut reader = io::BufReader::with_capacity(1 << 20, file);
    let mut head = [0; HEAD];
    reader.read_exact(&mut head).map_err(|_| SHORT)?;
    if head[..8] != *magic || crc32c::crc32c(&head[..40]) != u32_at(&head, 40) {
        return Err(Unusable::Damaged("the head does not hold its checksum"));
    }
    if head[8..24] != *label {
        return Err(Unusable::Damaged("it was written with other keys"));
    }
    let (position, origin) = (u64_at(&head, 24), u32_at(&head, 32));
    let (mut block, mut entries, mut blocks) = (Vec::new(), 0, 0);
    loop {
        let mut start = [0; 8];
        reader.read_exact(&mut start[..4]).map_err(|_| SHORT)?;
        let length = u32_at(&start, 0);
        if length == END {
            break;
        }
        reader.read_exact(&mut start[4..]).map_err(|_| SHORT)?;
        if length > BLOCK_MAX {
            return Err(Unusable::Damaged("a block is too long"));
        }
        block.resize(length as usize, 0);
        reader.read_exact(&mut block).map_err(|_| SHORT)?;
        if crc32c::crc32c(&block) != u32_at(&start, 4) {
            return Err(Unusable::Damaged("a block does not hold its checksum"));
        }
        entries += each(origin, &block).map_err(Unusable::Damaged)?;
        blocks += 1;
    }
    let mut trailer = [0; 16];
    trailer[..4].copy_from_slice(&END.to_be_bytes());
    reader.read_exact(&mut trailer[4..]).map_err(|_| SHORT)?;
    let whole = crc32c::crc32c(&trailer[..12]) == u32_at(&trailer, 12) && u64_at(&trailer, 4) == entries;
    let more = reader.read(&mut [0]).map_err(|_| SHORT)?;
    if !whole || more != 0 {
        return Err(Unusable::Damaged("it does not hold as many entries as it says"));
    }
    Ok(Loaded { position, blocks, entries })
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    octets[at..].first_chunk().map_or(0, |four| u32::from_be_bytes(*four))
}

fn u64_at(octets: &[u8], at: usize) -> u64 {
    octets[at..].first_chunk().map_or(0, |eight| u64::from_be_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::disk::RealDisk;

    const HERE: Head = Head { magic: *b"SGTEST\x00\x01", label: [7; 16], position: 77, origin: 5 };

    /// The blocks of a file, each with the origin it was read under.
    type Shown = Vec<(u32, Vec<u8>)>;

    fn load(path: &Path) -> Result<(Loaded, Shown), Unusable> {
        let mut blocks = Vec::new();
        let loaded = read(path, &HERE.magic, &HERE.label, |origin, block| {
            blocks.push((origin, block.to_vec()));
            Ok(block.len() as u64)
        })?;
        Ok((loaded, blocks))
    }

    #[test]
    fn blocks_come_back_as_they_were_put_and_any_flip_or_cut_is_seen() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("dump");
        assert_eq!(load(&path), Err(Unusable::Absent));
        write(&RealDisk, &path, &HERE, |blocks| {
            for octets in [&b"one"[..], b"", b"three"] {
                blocks.put(octets.len() as u64, |out| out.extend_from_slice(octets));
            }
        })
        .expect("written");
        let (loaded, blocks) = load(&path).expect("whole");
        assert_eq!(loaded, Loaded { position: 77, blocks: 3, entries: 8 });
        assert_eq!(blocks, [(5, b"one".to_vec()), (5, Vec::new()), (5, b"three".to_vec())]);
        let whole = std::fs::read(&path).expect("read");
        for at in 0..whole.len() {
            let mut copy = whole.clone();
            copy[at] ^= 1 << (at % 8);
            for octets in [&copy[..], &whole[..at]] {
                std::fs::write(&path, octets).expect("write");
                assert!(matches!(load(&path), Err(Unusable::Damaged(_))), "at {at}");
            }
        }
        std::fs::write(&path, [&whole[..], &[0]].concat()).expect("write");
        assert!(matches!(load(&path), Err(Unusable::Damaged(_))));
    }
}
