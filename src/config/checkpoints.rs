//! Owns where the hour's checkpoint goes outside the house: a file, an address, and how often.
//! Must never send one itself.

use super::secret::Surroundings;
use super::section::Table;
use super::value;
use std::path::PathBuf;
use std::time::Duration;

/// Where checkpoints leave the house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointSettings {
    /// A file to append to: on another machine's disk, or where a backup takes it away.
    pub file: Option<PathBuf>,
    /// An address that takes them by POST.
    pub post: Option<String>,
    /// How often.
    pub every: Duration,
}

impl Default for CheckpointSettings {
    fn default() -> Self {
        Self { file: None, post: None, every: Duration::from_secs(3600) }
    }
}

/// Reads `[checkpoints]`.
pub fn read(table: &Table<'_>, surroundings: &Surroundings<'_>) -> Option<CheckpointSettings> {
    let file = table.maybe("file", value::text);
    let post = table.maybe("post", value::text);
    let every = table.get("every", value::duration(Duration::from_secs(1), Duration::from_secs(24 * 3600)));
    let post = post?;
    if let Some(url) = &post
        && !url.strip_prefix("http://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
    {
        table.error(
            table.line_of("post"),
            "`post`: write an address that begins with http://; for https put a proxy beside the daemon",
        );
    }
    Some(CheckpointSettings { file: file?.map(|written| surroundings.path(&written)), post, every: every? })
}
