//! Owns the hashes of a stream's tree on disk: files of subtree roots, from which proofs are made when records are long gone.
//! Must never be believed over a signed root: whoever reads them recomputes a root that was signed.
//!
//! `tree/STREAM/L-CCCCCCCCCC.hash` holds the roots of subtrees of 256^L leaves (L = 0: hashes of leaves), 65,536 to a file.
//! `size` says how many leaves the durable part of these files covers. Files of L = 0 may go with the records they stand for.

use super::merkle::{Frontier, Hash, Nodes, node_hash};
use crate::journal::disk::{self, Disk, SegmentFile};
use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Hashes in one file.
pub const FILE_HASHES: u64 = 1 << 16;
/// Levels of the tree between two kept ones, as in C2SP tlog-tiles.
pub const TILE_HEIGHT: u32 = 8;
/// Kept levels: a tree of 2^40 leaves.
pub const LEVELS: u32 = 5;
const OCTETS: u64 = 32;
const MAGIC: &[u8; 8] = b"SGTREE\0\x01";

/// The file of `level` (in tiles) that holds hash `index`, and where in it.
pub fn place(dir: &Path, level: u32, index: u64) -> (PathBuf, u64) {
    (dir.join(format!("{level}-{:010}.hash", index / FILE_HASHES)), index % FILE_HASHES * OCTETS)
}

/// How many leaves the files cover, as `size` says. `None` when it is absent or damaged.
pub fn covered(dir: &Path) -> Option<u64> {
    let octets = std::fs::read(dir.join("size")).ok()?;
    let (body, sum) = octets.split_last_chunk::<4>()?;
    let size = body.strip_prefix(MAGIC)?;
    let sound = crc32c::crc32c(body) == u32::from_be_bytes(*sum);
    sound.then_some(u64::from_be_bytes(size.try_into().ok()?))
}

/// What stands in `size`.
pub(super) fn size_octets(size: u64) -> Vec<u8> {
    let mut body = MAGIC.to_vec();
    body.extend_from_slice(&size.to_be_bytes());
    let sum = crc32c::crc32c(&body);
    body.extend_from_slice(&sum.to_be_bytes());
    body
}

/// Reads the files. What is absent is `None`; what is wrong shows in the root.
pub struct Tiles {
    dir: PathBuf,
    /// The file that was read last.
    open: RefCell<Option<(PathBuf, File)>>,
}

impl Tiles {
    /// Of the directory `tree/STREAM`.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), open: RefCell::new(None) }
    }

    /// `count` hashes of a kept level from `index` on, all in one file.
    pub fn read(&self, level: u32, index: u64, count: usize) -> Option<Vec<u8>> {
        let (path, at) = place(&self.dir, level, index);
        let mut open = self.open.borrow_mut();
        if open.as_ref().is_none_or(|(known, _)| *known != path) {
            *open = Some((path.clone(), File::open(&path).ok()?));
        }
        let (_, file) = open.as_ref()?;
        let mut octets = vec![0; count * OCTETS as usize];
        file.read_exact_at(&mut octets, at).ok()?;
        Some(octets)
    }
}

impl Nodes for Tiles {
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let above = level % TILE_HEIGHT;
        let octets = self.read(level / TILE_HEIGHT, index << above, 1 << above)?;
        let (hashes, _) = octets.as_chunks::<{ OCTETS as usize }>();
        let mut hashes = hashes.to_vec();
        while hashes.len() > 1 {
            hashes = hashes.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        hashes.pop()
    }
}

/// Writes the files behind a stream.
pub struct TileWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    frontier: Frontier,
    levels: Vec<Level>,
    /// What `size` says, when it is there.
    covered: u64,
    said: bool,
}

/// One kept level: what is not written yet, and the files that are not yet durable.
#[derive(Default)]
struct Level {
    /// Index of the first hash that waits.
    from: u64,
    waiting: Vec<u8>,
    open: Option<(u64, Arc<dyn SegmentFile>)>,
    unsynced: Vec<Arc<dyn SegmentFile>>,
}

impl TileWriter {
    /// Goes on where `size` says; at 0 when the files are absent, damaged or know more than the stream's `records`.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, records: u64) -> Self {
        let said = covered(dir);
        let found = Frontier::of(&Tiles::new(dir), said.filter(|size| *size <= records).unwrap_or(0));
        let frontier = found.unwrap_or_default();
        let covered = frontier.size();
        let said = said == Some(covered);
        let level = |level: u32| Level { from: covered >> (TILE_HEIGHT * level), ..Level::default() };
        Self { disk, dir: dir.to_owned(), covered, said, levels: (0..LEVELS).map(level).collect(), frontier }
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let levels = &mut self.levels;
        self.frontier.push(leaf, |level, _, hash| {
            if level % TILE_HEIGHT == 0
                && let Some(level) = levels.get_mut((level / TILE_HEIGHT) as usize)
            {
                level.waiting.extend_from_slice(hash);
            }
        });
    }

    /// Writes what waits (page cache).
    pub fn write(&mut self) -> io::Result<()> {
        for (number, level) in self.levels.iter_mut().enumerate() {
            while !level.waiting.is_empty() {
                let file = level.file(&*self.disk, &self.dir, number as u32)?;
                let room = (FILE_HASHES - level.from % FILE_HASHES) * OCTETS;
                let piece = level.waiting.len().min(room as usize);
                file.write_all_at(&level.waiting[..piece], level.from % FILE_HASHES * OCTETS)?;
                level.waiting.drain(..piece);
                level.from += piece as u64 / OCTETS;
            }
        }
        Ok(())
    }

    /// Makes everything durable and says so in `size`: the next start goes on from here.
    pub fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        if self.said && self.covered == self.size() {
            return Ok(());
        }
        for level in &mut self.levels {
            for file in level.unsynced.drain(..) {
                file.sync_data()?;
            }
            if let Some((_, file)) = &level.open {
                file.sync_data()?;
            }
        }
        disk::replace(&*self.disk, &self.dir.join("size"), &size_octets(self.size()))?;
        (self.covered, self.said) = (self.size(), true);
        Ok(())
    }

    /// How many leaves have come since the last `sync`.
    pub fn unsynced(&self) -> u64 {
        self.size() - self.covered
    }

    /// Reads what was written.
    pub fn tiles(&self) -> Tiles {
        Tiles::new(&self.dir)
    }

    /// Removes the files of leaf hashes that stand only for records before `seq`; the roots above them stay.
    pub fn forget_before(&mut self, seq: u64) -> io::Result<usize> {
        let last = seq.min(self.covered) / FILE_HASHES;
        let mut gone = 0;
        for name in self.disk.list(&self.dir)? {
            let number = name.strip_prefix("0-").and_then(|name| name.strip_suffix(".hash"));
            if number.and_then(|number| number.parse::<u64>().ok()).is_some_and(|number| number < last) {
                self.disk.remove(&self.dir.join(&name))?;
                gone += 1;
            }
        }
        self.disk.sync_dir(&self.dir)?;
        Ok(gone)
    }
}

impl Level {
    /// The file that the next hash goes to.
    fn file(&mut self, disk: &dyn Disk, dir: &Path, level: u32) -> io::Result<Arc<dyn SegmentFile>> {
        let number = self.from / FILE_HASHES;
        if let Some((known, file)) = &self.open
            && *known == number
        {
            return Ok(Arc::clone(file));
        }
        let (path, at) = place(dir, level, self.from);
        // At a file's beginning whatever stands there is from a tree that was begun anew.
        let file = if at == 0 { disk.create(&path)? } else { disk.open(&path)? };
        if let Some((_, before)) = self.open.replace((number, Arc::clone(&file))) {
            self.unsynced.push(before);
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::merkle::{self, leaf_hash};
    use super::*;
    use crate::journal::disk::RealDisk;

    fn leaf(at: u64) -> Hash {
        leaf_hash(&at.to_be_bytes())
    }

    fn open(dir: &Path, records: u64) -> TileWriter {
        TileWriter::open(Arc::new(RealDisk), dir, records)
    }

    #[test]
    fn a_tree_goes_on_after_a_restart_and_its_files_prove_every_record() {
        let dir = tempfile::tempdir().unwrap();
        let (_, roots) = merkle::tests::tree(700);
        for (from, to) in [(0, 1), (1, 255), (255, 257), (257, 700)] {
            let mut writer = open(dir.path(), to);
            assert_eq!(writer.size(), from);
            (from..to).for_each(|at| writer.push(leaf(at)));
            writer.sync().unwrap();
            assert_eq!(writer.root(), roots[to as usize]);
        }
        let tiles = Tiles::new(dir.path());
        for index in (0..700).step_by(13) {
            let path = merkle::inclusion(&tiles, index, 700).unwrap();
            assert_eq!(merkle::inclusion_root(&leaf(index), index, 700, &path), Some(roots[700]));
        }
    }

    #[test]
    fn what_was_not_synced_or_is_damaged_or_knows_too_much_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = open(dir.path(), 300);
        (0..300).for_each(|at| writer.push(leaf(at)));
        writer.sync().unwrap();
        writer.push(leaf(300));
        writer.write().unwrap();
        assert_eq!(open(dir.path(), 301).size(), 300, "the last one was not durable");
        assert_eq!(open(dir.path(), 299).size(), 0, "more than there are records");
        let (path, _) = place(dir.path(), 0, 0);
        std::fs::File::options().write(true).open(path).unwrap().set_len(32 * 257).unwrap();
        assert_eq!(open(dir.path(), 301).size(), 0, "a shortened file");
        std::fs::write(dir.path().join("size"), b"nonsense").unwrap();
        assert_eq!(open(dir.path(), 301).size(), 0);
    }

    #[test]
    fn forgotten_leaves_keep_the_proofs_of_those_that_stay() {
        let dir = tempfile::tempdir().unwrap();
        let size = FILE_HASHES + 300;
        let mut writer = open(dir.path(), size);
        (0..size).for_each(|at| writer.push(leaf(at)));
        writer.sync().unwrap();
        assert_eq!(writer.forget_before(FILE_HASHES - 1).unwrap(), 0);
        assert_eq!(writer.forget_before(FILE_HASHES + 5).unwrap(), 1);
        let tiles = Tiles::new(dir.path());
        let index = FILE_HASHES + 7;
        let path = merkle::inclusion(&tiles, index, size).unwrap();
        assert_eq!(merkle::inclusion_root(&leaf(index), index, size, &path), Some(writer.root()));
        assert!(merkle::inclusion(&tiles, 7, size).is_none());
        assert_eq!(open(dir.path(), size).root(), writer.root(), "a restart needs no forgotten leaf");
    }
}
