//! Owns where an import stands: written beside the file after each batch, so that it can go on after an interruption.
//! Must never count a batch that was not acknowledged.

use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How far an import is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// SHA-256 of the file, so that another file under the same name is not taken for it.
    pub sha256: String,
    /// The last line of the file that is done.
    pub line: u64,
    pub added: u64,
    pub already: u64,
    pub rejected: u64,
}

impl Progress {
    /// Where it is kept for a file.
    pub fn path(file: &Path) -> PathBuf {
        let mut name = file.as_os_str().to_owned();
        name.push(".import-progress");
        PathBuf::from(name)
    }

    /// What was kept, if anything readable was.
    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Keeps it, whole or not at all.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let mut file = std::fs::File::create(&part)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    }
}
