//! Owns the export of both logs in the form other tools read: C2SP tlog-tiles, a directory for each log.
//! Must never export what its checkpoint does not cover, nor a blob: leaves hold no personal data.

use super::checkpoint::{Checkpoint, Stream};
use super::merkle::{Frontier, Hash, leaf_hash};
use super::note::Note;
use super::tiles::{LEVELS, TILE_HEIGHT};
use crate::journal::offline::{Fault, Offline};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Hashes or entries in a whole tile.
const WIDTH: u64 = 1 << TILE_HEIGHT;

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{path}: {what}", path = .0.path.display(), what = .0.what)]
    Fault(Fault),
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is no signed checkpoint", path = path.display())]
    Unsigned { path: PathBuf },
    #[error("the first {first} {stream} are past their retention: their entries are not to be had, only their hashes")]
    Pruned { stream: &'static str, first: u64 },
    #[error("the {stream} are not those that were signed; `stopgate verify` says which record")]
    Contradiction { stream: &'static str },
}

/// Exports both logs of a data_dir into `out/events` and `out/verdicts`. Gives the size of each.
pub fn export(dir: &Path, out: &Path) -> Result<[u64; 2], ExportError> {
    let events = export_log(dir, out, Stream::Events, "newest")?;
    let verdicts = export_log(dir, out, Stream::Verdicts, "newest-verdicts")?;
    Ok([events, verdicts])
}

fn export_log(dir: &Path, out: &Path, stream: Stream, newest: &str) -> Result<u64, ExportError> {
    let path = dir.join("checkpoints").join(newest);
    let octets = fs::read(&path).map_err(|source| ExportError::Io { path: path.clone(), source })?;
    let checkpoint = Note::read(&octets).and_then(|note| Checkpoint::read(note.text));
    let Some((_, checkpoint)) = checkpoint.filter(|(of, _)| *of == stream) else {
        return Err(ExportError::Unsigned { path });
    };
    let head = checkpoint.head(stream);
    let files = Offline::open(&dir.join(stream.word()), stream.word()).map_err(ExportError::Fault)?;
    let first = files.first_seq();
    if first > 0 {
        return Err(ExportError::Pruned { stream: stream.word(), first });
    }
    let mut writer = Writer { room: out.join(stream.word()), entries: Pending::default(), levels: Default::default() };
    let mut frontier = Frontier::default();
    let mut walk = files.walk();
    while frontier.size() < head.size
        && let Some(placed) = walk.next_record().map_err(ExportError::Fault)?
    {
        let leaf = placed.frame.leaf;
        writer.entry(leaf)?;
        let mut nodes = Vec::new();
        frontier.push(leaf_hash(leaf), |level, _, hash| {
            if level.is_multiple_of(TILE_HEIGHT) && level / TILE_HEIGHT < LEVELS {
                nodes.push((level / TILE_HEIGHT, *hash));
            }
        });
        for (level, hash) in nodes {
            writer.hash(level, &hash)?;
        }
    }
    if (frontier.size(), frontier.root()) != (head.size, head.root) {
        return Err(ExportError::Contradiction { stream: stream.word() });
    }
    writer.finish()?;
    // Last: whoever sees the checkpoint finds the tiles.
    writer.put("checkpoint", &octets)?;
    Ok(head.size)
}

/// A tile that is not whole yet.
#[derive(Default)]
struct Pending {
    index: u64,
    count: u64,
    octets: Vec<u8>,
}

struct Writer {
    room: PathBuf,
    entries: Pending,
    levels: [Pending; LEVELS as usize],
}

impl Writer {
    fn entry(&mut self, leaf: &[u8]) -> Result<(), ExportError> {
        self.entries.octets.extend_from_slice(&(leaf.len() as u16).to_be_bytes());
        self.entries.octets.extend_from_slice(leaf);
        self.entries.count += 1;
        let whole = self.entries.take_whole();
        whole.map_or(Ok(()), |(index, octets)| self.put(&tile_path("entries", index, WIDTH), &octets))
    }

    fn hash(&mut self, level: u32, hash: &Hash) -> Result<(), ExportError> {
        let pending = &mut self.levels[level as usize];
        pending.octets.extend_from_slice(hash);
        pending.count += 1;
        let whole = pending.take_whole();
        whole.map_or(Ok(()), |(index, octets)| self.put(&tile_path(&level.to_string(), index, WIDTH), &octets))
    }

    /// Writes the tiles that are not whole.
    fn finish(&self) -> Result<(), ExportError> {
        let levels = self.levels.iter().enumerate().map(|(level, pending)| (level.to_string(), pending));
        for (kind, pending) in levels.chain([("entries".to_owned(), &self.entries)]) {
            if pending.count > 0 {
                self.put(&tile_path(&kind, pending.index, pending.count), &pending.octets)?;
            }
        }
        Ok(())
    }

    fn put(&self, name: &str, octets: &[u8]) -> Result<(), ExportError> {
        let path = self.room.join(name);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&self.room))?;
            fs::write(&path, octets)
        };
        write().map_err(|source| ExportError::Io { path: path.clone(), source })
    }
}

impl Pending {
    fn take_whole(&mut self) -> Option<(u64, Vec<u8>)> {
        if self.count < WIDTH {
            return None;
        }
        self.count = 0;
        self.index += 1;
        Some((self.index - 1, std::mem::take(&mut self.octets)))
    }
}

/// `tile/KIND/x001/x234/067`, with `.p/W` when it is not whole.
fn tile_path(kind: &str, index: u64, width: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut above = index / 1000;
    while above > 0 {
        path = format!("x{:03}/{path}", above % 1000);
        above /= 1000;
    }
    let part = if width == WIDTH { String::new() } else { format!(".p/{width}") };
    format!("tile/{kind}/{path}{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_named_as_the_specification_says() {
        assert_eq!(tile_path("0", 0, 256), "tile/0/000");
        assert_eq!(tile_path("0", 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile_path("entries", 1_000, 3), "tile/entries/x001/000.p/3");
    }
}
