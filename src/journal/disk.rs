//! Owns the few things the journal asks of a file system, as a trait, so that tests can make them fail.
//! Must never buffer: a write is in the page cache when the call returns, and durable after `sync_data`.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// An open segment.
pub trait SegmentFile: Send + Sync {
    /// Writes all of `octets` at `offset`.
    fn write_all_at(&self, octets: &[u8], offset: u64) -> io::Result<()>;
    /// Reads up to `octets.len()` octets at `offset`; fewer only at the end of the file.
    fn read_at(&self, octets: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes everything written durable (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
    /// The file's length in octets.
    fn octets(&self) -> io::Result<u64>;
    /// Asks for room for so many octets, where the file system can do that at once. A disk that is too full says so here, before
    /// anything is written to it.
    fn reserve(&self, octets: u64) -> io::Result<()> {
        let _ = octets;
        Ok(())
    }
}

/// A file system.
pub trait Disk: Send + Sync {
    /// Creates (or empties) a file that only its owner may read.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>>;
    /// Renames a file over another.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// The names of the files in a directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Octets that may still be written to the file system of a directory.
    fn room(&self, dir: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(dir)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl SegmentFile for fs::File {
    fn write_all_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, octets, offset)
    }

    fn read_at(&self, octets: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < octets.len() {
            match FileExt::read_at(self, &mut octets[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn sync_data(&self) -> io::Result<()> {
        fs::File::sync_data(self)
    }

    fn octets(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn reserve(&self, octets: u64) -> io::Result<()> {
        match rustix::fs::fallocate(self, rustix::fs::FallocateFlags::empty(), 0, octets) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS | rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }
}

/// Replaces `path` as a whole: temp, fsync, rename, fsync of the directory. For small files beside the segments.
pub fn replace(disk: &dyn Disk, path: &Path, octets: &[u8]) -> io::Result<()> {
    let temp = path.with_extension("tmp");
    let made = disk.create(&temp).and_then(|file| {
        file.write_all_at(octets, 0)?;
        file.sync_data()?;
        disk.rename(&temp, path)
    });
    unmade(disk, &temp, made)?;
    match path.parent() {
        Some(dir) => disk.sync_dir(dir),
        None => Ok(()),
    }
}

/// Removes what was begun and could not be made: on a full disk it would take the room that others need.
pub fn unmade<T>(disk: &dyn Disk, temp: &Path, made: io::Result<T>) -> io::Result<T> {
    if made.is_err() {
        // Not there, or on a disk that takes nothing: the next attempt empties it.
        let _ = disk.remove(temp);
    }
    made
}
