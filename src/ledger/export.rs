//! Owns the export of both logs in the form other tools read: C2SP tlog-tiles, a directory for each log.
//! Must never export what its checkpoint does not cover, nor a blob: leaves hold no personal data.

use super::checkpoint::{Checkpoint, Stream};
use super::merkle::{Frontier, Hash, leaf_hash, root_at};
use super::note::Note;
use super::tiles::{LEVELS, TILE_HEIGHT, Tiles};
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
    #[error(
        "the first {first} {stream} are past their retention, and the hashes that stand for them are not to be had"
    )]
    Pruned { stream: &'static str, first: u64 },
    #[error("{path} is the export of another log", path = path.display())]
    Foreign { path: PathBuf },
    #[error("{path} is newer than this ledger, which has fewer {stream}", path = path.display())]
    Older { path: PathBuf, stream: &'static str },
    #[error("the {stream} are not those that were signed; `stopgate verify` says which record")]
    Contradiction { stream: &'static str },
}

/// What was exported of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Leaves that its checkpoint covers.
    pub size: u64,
    /// The first whose entry this ledger still has in a whole bundle; entries before it are past their retention, their hashes are
    /// there.
    pub entries_from: u64,
}

/// Exports both logs of a data_dir into `out/events` and `out/verdicts`. What an earlier export has left there stays: whoever
/// holds an older checkpoint finds its tiles.
pub fn export(dir: &Path, out: &Path) -> Result<[Exported; 2], ExportError> {
    let events = export_log(dir, out, Stream::Events, "newest")?;
    let verdicts = export_log(dir, out, Stream::Verdicts, "newest-verdicts")?;
    Ok([events, verdicts])
}

/// A checkpoint of this log in a file; `None` when there is none.
fn checkpoint_in(path: &Path, stream: Stream) -> Result<Option<(Vec<u8>, Checkpoint)>, ExportError> {
    let octets = match fs::read(path) {
        Ok(octets) => octets,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ExportError::Io { path: path.to_owned(), source }),
    };
    let read = Note::read(&octets).and_then(|note| Checkpoint::read(note.text)).filter(|(of, _)| *of == stream);
    match read {
        Some((_, checkpoint)) => Ok(Some((octets, checkpoint))),
        None => Err(ExportError::Unsigned { path: path.to_owned() }),
    }
}

fn export_log(dir: &Path, out: &Path, stream: Stream, newest: &str) -> Result<Exported, ExportError> {
    let path = dir.join("checkpoints").join(newest);
    let Some((octets, checkpoint)) = checkpoint_in(&path, stream)? else { return Err(ExportError::Unsigned { path }) };
    let head = checkpoint.head(stream);
    let room = out.join(stream.word());
    let before = room.join("checkpoint");
    let earlier = match checkpoint_in(&before, stream)? {
        Some((_, earlier)) if earlier.origin != checkpoint.origin => return Err(ExportError::Foreign { path: before }),
        Some((_, earlier)) if earlier.head(stream).size > head.size => {
            return Err(ExportError::Older { path: before, stream: stream.word() });
        }
        Some((_, earlier)) => Some(earlier.head(stream)),
        None => None,
    };
    let files = Offline::open(&dir.join(stream.word()), stream.word()).map_err(ExportError::Fault)?;
    let first = files.first_seq();
    let pruned = ExportError::Pruned { stream: stream.word(), first };
    let tiles = Tiles::new(&dir.join("tree").join(stream.word()));
    // Before anything is written over it.
    if earlier.is_some_and(|earlier| root_at(&tiles, earlier.size) != Some(earlier.root)) {
        return Err(ExportError::Foreign { path: before });
    }
    let (Some(mut frontier), Some(mut writer)) = (Frontier::of(&tiles, first), Writer::behind(room, &tiles, first)?)
    else {
        return Err(pruned);
    };
    let entries_from = first.div_ceil(WIDTH) * WIDTH;
    let mut walk = files.walk();
    while frontier.size() < head.size
        && let Some(placed) = walk.next_record().map_err(ExportError::Fault)?
    {
        let leaf = placed.frame.leaf;
        if placed.frame.seq >= entries_from {
            writer.entry(leaf)?;
        }
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
    writer.replace("checkpoint", &octets)?;
    Ok(Exported { size: head.size, entries_from })
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
    /// Goes on behind `first` leaves whose entries are gone: their tiles are written from the kept hashes, as far as those are
    /// there. `None` when those that are needed on are not.
    fn behind(room: PathBuf, tiles: &Tiles, first: u64) -> Result<Option<Self>, ExportError> {
        let entries = Pending { index: first.div_ceil(WIDTH), ..Pending::default() };
        let mut writer = Self { room, entries, levels: Default::default() };
        for level in 0..LEVELS {
            let count = first >> (level * TILE_HEIGHT);
            let (whole, rest) = (count / WIDTH, count % WIDTH);
            for index in 0..whole {
                // Hashes of leaves go with the verdicts, a whole file of them at a time.
                if let Some(octets) = tiles.read(level, index * WIDTH, WIDTH as usize) {
                    writer.put(&tile_path(&level.to_string(), index, WIDTH), &octets)?;
                }
            }
            let octets = if rest == 0 { Some(Vec::new()) } else { tiles.read(level, whole * WIDTH, rest as usize) };
            let Some(octets) = octets else { return Ok(None) };
            writer.levels[level as usize] = Pending { index: whole, count: rest, octets };
        }
        Ok(Some(writer))
    }

    /// Replaces a file at once: whoever reads it finds the old one or the new one.
    fn replace(&self, name: &str, octets: &[u8]) -> Result<(), ExportError> {
        let (path, temp) = (self.room.join(name), self.room.join(format!("{name}.tmp")));
        self.put(&format!("{name}.tmp"), octets)?;
        fs::rename(&temp, &path).map_err(|source| ExportError::Io { path, source })
    }

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
