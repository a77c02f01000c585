//! Owns the data_dir itself: its lock, its format, whether it is live or a rehearsal.
//! Must never let two processes write it, nor a rehearsal touch live data.

use super::error::OpenError;
use super::keys::private_dir;
use crate::journal::disk::{self, Disk};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A data_dir that this process holds. The lock ends with the value.
#[derive(Debug)]
pub struct Home {
    dir: PathBuf,
    _lock: File,
}

impl Home {
    /// Takes `data_dir` for this process, making it (0700) when it is absent.
    ///
    /// # Errors
    /// [`OpenError::Locked`] when another process holds it; a foreign format; a rehearsal where it was live, or the reverse.
    pub fn take(disk: &dyn Disk, data_dir: &Path, rehearsal: bool) -> Result<Self, OpenError> {
        private_dir(data_dir)?;
        let lock_path = data_dir.join("lock");
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(OpenError::io(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { data_dir: data_dir.into() }),
            Err(TryLockError::Error(source)) => return Err(OpenError::Io { path: lock_path, source }),
        }
        let format_path = data_dir.join("format");
        let words = if rehearsal { "stopgate 1 rehearsal\n" } else { "stopgate 1 live\n" };
        match std::fs::read_to_string(&format_path) {
            Ok(found) if found == words => {}
            Ok(found) if found == "stopgate 1 live\n" => {
                return Err(OpenError::Rehearsal { path: data_dir.into(), found: "live" });
            }
            Ok(found) if found == "stopgate 1 rehearsal\n" => {
                return Err(OpenError::Rehearsal { path: data_dir.into(), found: "rehearsal" });
            }
            Ok(found) => return Err(OpenError::Format { path: format_path, found: found.trim().to_owned() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                disk::replace(disk, &format_path, words.as_bytes()).map_err(OpenError::io(&format_path))?;
            }
            Err(error) => return Err(OpenError::io(format_path)(error)),
        }
        Ok(Self { dir: data_dir.into(), _lock: lock })
    }

    /// The data_dir.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A directory in it, made (0700) when absent.
    pub fn room(&self, name: &str) -> Result<PathBuf, OpenError> {
        let path = self.dir.join(name);
        private_dir(&path)?;
        Ok(path)
    }
}

/// Whether a process holds `data_dir` now. It may be another a moment later.
///
/// # Errors
/// There is no data_dir, or it may not be read.
pub fn is_held(data_dir: &Path) -> std::io::Result<bool> {
    match File::open(data_dir.join("lock"))?.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::disk::RealDisk;

    #[test]
    fn a_second_holder_is_told_that_it_is_in_use() {
        let dir = tempfile::tempdir().expect("tempdir");
        let held = Home::take(&RealDisk, dir.path(), false).expect("first");
        assert!(is_held(dir.path()).expect("a data_dir"));
        let error = Home::take(&RealDisk, dir.path(), false).expect_err("second");
        assert!(error.is_busy(), "{error}");
        drop(held);
        assert!(!is_held(dir.path()).expect("a data_dir"));
        Home::take(&RealDisk, dir.path(), false).expect("after the first");
    }

    #[test]
    fn a_rehearsal_and_a_foreign_format_are_kept_out() {
        let dir = tempfile::tempdir().expect("tempdir");
        drop(Home::take(&RealDisk, dir.path(), false).expect("live"));
        assert!(matches!(Home::take(&RealDisk, dir.path(), true), Err(OpenError::Rehearsal { found: "live", .. })));
        std::fs::write(dir.path().join("format"), "stopgate 2 live\n").expect("write");
        assert!(matches!(Home::take(&RealDisk, dir.path(), false), Err(OpenError::Format { .. })));
    }
}
