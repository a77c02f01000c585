//! Owns a segment file: its name, its header and how it is pre-written.
//! Must never exist half made: temp, fsync, rename, fsync of the directory.
//!
//! Layout, big-endian: `0..8` magic and version · `8..16` stream · `16..24` index · `24..32` first sequence number ·
//! `32..40` index of the segment before · `40..48` where that one ends · `48..64` label · `64..68` CRC32C of `0..64` ·
//! zeros up to 512 · frames. A header of zeros means: pre-written, and nothing in it has ever been fsynced as part of the stream.

use super::disk::{self, Disk, SegmentFile};
use super::error::OpenError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the frames begin.
pub const BODY: u64 = 512;
const MAGIC: [u8; 8] = *b"SGSEG\0\0\x01";
const WRITTEN: usize = 68;
/// Pre-writing goes in small pieces: a file system that keeps what one write brought as one piece of its cache (ext4 with large
/// folios) looks at every block of the piece at each later write into it, which made a record's write cost three times as much.
const PIECE: usize = 16 << 10;

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub stream: [u8; 8],
    pub index: u64,
    pub first_seq: u64,
    /// Index of the segment before; its own index for the very first.
    pub previous: u64,
    /// Where the stream leaves the segment before: what stands behind is abandoned.
    pub previous_end: u64,
    /// The caller's mark (for the ledger: the key-check value). Another label refuses to open.
    pub label: [u8; 16],
}

/// What stands where a header should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderLook {
    Whole(Header),
    Blank,
    Bad,
}

impl Header {
    /// The octets of the header.
    pub fn encode(&self) -> [u8; WRITTEN] {
        let mut out = [0; WRITTEN];
        out[..8].copy_from_slice(&MAGIC);
        out[8..16].copy_from_slice(&self.stream);
        out[16..24].copy_from_slice(&self.index.to_be_bytes());
        out[24..32].copy_from_slice(&self.first_seq.to_be_bytes());
        out[32..40].copy_from_slice(&self.previous.to_be_bytes());
        out[40..48].copy_from_slice(&self.previous_end.to_be_bytes());
        out[48..64].copy_from_slice(&self.label);
        let sum = crc32c::crc32c(&out[..64]);
        out[64..].copy_from_slice(&sum.to_be_bytes());
        out
    }

    /// Reads a header.
    pub fn look(octets: &[u8]) -> HeaderLook {
        let Some(octets) = octets.get(..BODY as usize) else { return HeaderLook::Bad };
        if octets.iter().all(|octet| *octet == 0) {
            return HeaderLook::Blank;
        }
        let number = |at: usize| {
            let mut field = [0; 8];
            field.copy_from_slice(&octets[at..at + 8]);
            u64::from_be_bytes(field)
        };
        let whole = octets[64..68] == crc32c::crc32c(&octets[..64]).to_be_bytes()
            && octets[..8] == MAGIC
            && octets[WRITTEN..].iter().all(|octet| *octet == 0);
        if !whole {
            return HeaderLook::Bad;
        }
        let mut label = [0; 16];
        label.copy_from_slice(&octets[48..64]);
        HeaderLook::Whole(Self {
            stream: number(8).to_be_bytes(),
            index: number(16),
            first_seq: number(24),
            previous: number(32),
            previous_end: number(40),
            label,
        })
    }
}

/// The path of segment `index`.
pub fn path(dir: &Path, index: u64) -> PathBuf {
    dir.join(format!("{index:010}.seg"))
}

/// The index in a segment's file name.
pub fn index_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    if digits.len() == 10 { digits.parse().ok() } else { None }
}

/// A pre-written segment that waits for its turn.
#[derive(Clone)]
pub struct Blank {
    pub index: u64,
    pub file: Arc<dyn SegmentFile>,
    pub octets: u64,
}

/// Pre-writes segment `index` to its full size. A file that grows stalls writers during fdatasync; a pre-written one does not.
pub fn create(disk: &dyn Disk, dir: &Path, index: u64, octets: u64) -> io::Result<Blank> {
    let target = path(dir, index);
    let temp = target.with_extension("tmp");
    let made = disk.create(&temp).and_then(|file| {
        file.reserve(octets)?;
        let zeros = vec![0; PIECE.min(octets as usize)];
        let mut at = 0;
        while at < octets {
            let piece = (octets - at).min(zeros.len() as u64);
            file.write_all_at(&zeros[..piece as usize], at)?;
            at += piece;
        }
        file.sync_data()?;
        disk.rename(&temp, &target)
    });
    disk::unmade(disk, &temp, made)?;
    disk.sync_dir(dir)?;
    let file = disk.open(&target)?;
    Ok(Blank { index, file, octets })
}

/// Octets up to the last one that is not zero. Most of a segment is zeros, and a start looks at several: by the page.
pub fn written(octets: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    let zeros = octets.rchunks(ZEROS.len()).take_while(|page| **page == ZEROS[..page.len()]);
    let rest = &octets[..octets.len() - zeros.map(<[u8]>::len).sum::<usize>()];
    rest.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1)
}

/// Reads a whole segment into memory.
pub fn load(disk: &dyn Disk, path: &Path) -> Result<(Arc<dyn SegmentFile>, Vec<u8>), OpenError> {
    let file = disk.open(path).map_err(OpenError::io(path))?;
    let length = file.octets().map_err(OpenError::io(path))?;
    let mut octets = vec![0; length as usize];
    let read = file.read_at(&mut octets, 0).map_err(OpenError::io(path))?;
    octets.truncate(read);
    Ok((file, octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_a_flip_of_any_octet_is_seen() {
        let header =
            Header { stream: *b"events\0\0", index: 3, first_seq: 99, previous: 2, previous_end: 4096, label: [7; 16] };
        let mut page = [0; BODY as usize];
        page[..WRITTEN].copy_from_slice(&header.encode());
        assert_eq!(Header::look(&page), HeaderLook::Whole(header));
        for at in 0..page.len() {
            let mut copy = page;
            copy[at] ^= 0x10;
            assert_eq!(Header::look(&copy), HeaderLook::Bad, "octet {at}");
        }
        assert_eq!(Header::look(&[0; BODY as usize]), HeaderLook::Blank);
    }

    #[test]
    fn what_is_written_ends_at_its_last_octet_wherever_the_pages_end() {
        for length in [0, 1, 4095, 4096, 4097, 9000] {
            let blank = vec![0; length];
            assert_eq!(written(&blank), 0, "{length} zeros");
            for at in (0..length).step_by(997).chain(length.checked_sub(1)) {
                let mut octets = blank.clone();
                (octets[0], octets[at]) = (7, 9);
                assert_eq!(written(&octets), at + 1, "octet {at} of {length}");
            }
        }
    }

    #[test]
    fn names_of_segments_sort_as_their_indices() {
        assert_eq!(index_of("0000000012.seg"), Some(12));
        assert_eq!(index_of("12.seg"), None);
        assert_eq!(index_of("0000000012.tmp"), None);
        assert!(path(Path::new("d"), 9) < path(Path::new("d"), 10));
    }
}
