//! Owns a disk that fails when told to, for tests.
//! Must never be built into the program.

use super::disk::{Disk, RealDisk, SegmentFile};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Switches of a [`FaultyDisk`], shared by all its files.
#[derive(Debug)]
pub struct Switches {
    /// This many further fsyncs succeed, then `failing_syncs` fail. Negative = never fail.
    pub syncs_until_failure: AtomicI64,
    pub failing_syncs: AtomicI64,
    /// The same for writes.
    pub writes_until_failure: AtomicI64,
    pub failing_writes: AtomicI64,
    /// The next write says it succeeded and writes only its first octets.
    pub swallow_next_write: AtomicBool,
    /// Creating a segment fails (disk full).
    pub full: AtomicBool,
    pub syncs: AtomicU64,
    pub writes: AtomicU64,
    /// This many further calls of any kind succeed, those on files being made too; then the disk is gone. Negative = it stays.
    pub calls_until_gone: AtomicI64,
    /// Writes to files being made say they succeeded and write only their first octets.
    pub swallow_copies: AtomicBool,
}

/// The machine's file system behind switches.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    pub switches: Arc<Switches>,
}

impl Default for FaultyDisk {
    fn default() -> Self {
        let switches = Switches {
            syncs_until_failure: AtomicI64::new(-1),
            failing_syncs: AtomicI64::new(0),
            writes_until_failure: AtomicI64::new(-1),
            failing_writes: AtomicI64::new(0),
            swallow_next_write: AtomicBool::new(false),
            full: AtomicBool::new(false),
            syncs: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            calls_until_gone: AtomicI64::new(-1),
            swallow_copies: AtomicBool::new(false),
        };
        Self { switches: Arc::new(switches) }
    }
}

impl FaultyDisk {
    /// The next `count` fsyncs fail.
    pub fn fail_syncs(&self, count: i64) {
        self.switches.failing_syncs.store(count, Ordering::SeqCst);
        self.switches.syncs_until_failure.store(0, Ordering::SeqCst);
    }

    /// After `calls` further calls every call fails.
    pub fn gone_after(&self, calls: i64) {
        self.switches.calls_until_gone.store(calls, Ordering::SeqCst);
    }

    /// The next `count` writes fail.
    pub fn fail_writes(&self, count: i64) {
        self.switches.failing_writes.store(count, Ordering::SeqCst);
        self.switches.writes_until_failure.store(0, Ordering::SeqCst);
    }
}

struct FaultyFile {
    file: Arc<dyn SegmentFile>,
    switches: Arc<Switches>,
}

/// A file that is only being made: its calls count for the disk that goes, not for the stream.
struct NewFile {
    file: Arc<dyn SegmentFile>,
    switches: Arc<Switches>,
}

impl Switches {
    /// Counts a call; fails when the disk is gone.
    fn call(&self) -> io::Result<()> {
        match self.calls_until_gone.load(Ordering::SeqCst) {
            ..0 => Ok(()),
            0 => Err(io::Error::other("injected: the disk is gone")),
            _ => {
                self.calls_until_gone.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        }
    }
}

impl SegmentFile for NewFile {
    fn write_all_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.switches.call() {
            // A crash in the middle of a write.
            self.file.write_all_at(&octets[..octets.len() / 2], offset)?;
            return Err(error);
        }
        let swallowed = self.switches.swallow_copies.load(Ordering::SeqCst);
        self.file.write_all_at(if swallowed { &octets[..5.min(octets.len())] } else { octets }, offset)
    }

    fn read_at(&self, octets: &mut [u8], offset: u64) -> io::Result<usize> {
        self.switches.call()?;
        self.file.read_at(octets, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.switches.call()?;
        self.file.sync_data()
    }

    fn octets(&self) -> io::Result<u64> {
        self.file.octets()
    }
}

/// Whether this call fails: counts down to the first failure, then through the failing ones.
fn fails(until: &AtomicI64, failing: &AtomicI64) -> bool {
    match until.load(Ordering::SeqCst) {
        ..0 => false,
        0 => {
            if failing.fetch_sub(1, Ordering::SeqCst) > 0 {
                return true;
            }
            until.store(-1, Ordering::SeqCst);
            false
        }
        _ => {
            until.fetch_sub(1, Ordering::SeqCst);
            false
        }
    }
}

impl SegmentFile for FaultyFile {
    fn write_all_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.switches.writes.fetch_add(1, Ordering::SeqCst);
        if fails(&self.switches.writes_until_failure, &self.switches.failing_writes) {
            // A failing write may have written a part.
            self.file.write_all_at(&octets[..octets.len() / 2], offset)?;
            return Err(io::Error::other("injected: write"));
        }
        if self.switches.swallow_next_write.swap(false, Ordering::SeqCst) {
            return self.file.write_all_at(&octets[..5.min(octets.len())], offset);
        }
        self.file.write_all_at(octets, offset)
    }

    fn read_at(&self, octets: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(octets, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.switches.syncs.fetch_add(1, Ordering::SeqCst);
        if fails(&self.switches.syncs_until_failure, &self.switches.failing_syncs) {
            return Err(io::Error::other("injected: fsync"));
        }
        self.file.sync_data()
    }

    fn octets(&self) -> io::Result<u64> {
        self.file.octets()
    }
}

impl FaultyDisk {
    fn wrap(&self, file: Arc<dyn SegmentFile>) -> Arc<dyn SegmentFile> {
        Arc::new(FaultyFile { file, switches: Arc::clone(&self.switches) })
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        if self.switches.full.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.switches.call()?;
        // What is only being made is not counted: the switches speak of the stream.
        Ok(Arc::new(NewFile { file: RealDisk.create(path)?, switches: Arc::clone(&self.switches) }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        self.switches.call()?;
        Ok(self.wrap(RealDisk.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.switches.call()?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.switches.call()?;
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.switches.call()?;
        RealDisk.sync_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.switches.call()?;
        RealDisk.list(dir)
    }

    fn room(&self, dir: &Path) -> io::Result<u64> {
        if self.switches.full.load(Ordering::SeqCst) { Ok(0) } else { RealDisk.room(dir) }
    }
}
