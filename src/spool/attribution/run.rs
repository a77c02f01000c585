//! Owns one file of sorted facts: how it is written, checked and searched.
//! Must never answer from a block whose checksum does not hold, nor exist half made.
//!
//! Layout, in blocks of 4096 octets: the head · blocks of up to 102 facts, by key, the newest of a key first · the first key of
//! each block · the filter of each block. Head: magic and version · label 16 · first verdict · verdict behind the last · facts ·
//! newest instant u32 · CRC32C of first keys and filters · CRC32C of all before. Block: facts · 4080: their count u32, the
//! block's number u32, CRC32C. First keys and filters are held in memory: 72 octets for 102 facts.

use super::written::{WRITTEN, Written};
use crate::journal::disk::{Disk, SegmentFile};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const BLOCK: usize = 4096;
const FACTS: usize = 102;
const COUNT_AT: usize = FACTS * WRITTEN;
const SUM_AT: usize = COUNT_AT + 8;
const MAGIC: [u8; 8] = *b"SGATTR\0\x01";
const HEAD: usize = 60;
/// Words of a block's filter: three bits for each of 102 keys leave one look in eleven for nothing.
const FILTER: usize = 8;
/// Octets of one write.
const WRITE: usize = 64 * BLOCK;

/// A file of facts.
pub struct Run {
    pub path: PathBuf,
    /// The verdicts it was made from.
    pub from: u64,
    pub to: u64,
    pub facts: u64,
    /// Instant of the newest fact, in seconds since the Unix epoch.
    pub newest_s: u32,
    file: Arc<dyn SegmentFile>,
    /// The first key of each block.
    firsts: Vec<u64>,
    filters: Vec<Filter>,
}

/// Which keys a block may hold: no other is looked for in it.
#[derive(Clone, Copy, Default)]
struct Filter([u64; FILTER]);

impl Filter {
    /// The bits of a key: it is a keyed hash, whose low bits differ within a block.
    fn bits(key: u64) -> [(usize, u64); 3] {
        [0, 9, 18].map(|shift| {
            let bit = (key >> shift) as usize % (FILTER * 64);
            (bit / 64, 1 << (bit % 64))
        })
    }

    fn add(&mut self, key: u64) {
        Self::bits(key).into_iter().for_each(|(word, bit)| self.0[word] |= bit);
    }

    fn may_hold(&self, key: u64) -> bool {
        Self::bits(key).into_iter().all(|(word, bit)| self.0[word] & bit != 0)
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn word(octets: &[u8], at: usize) -> u32 {
    octets.get(at..at + 4).and_then(|field| field.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn long(octets: &[u8], at: usize) -> u64 {
    u64::from(word(octets, at)) << 32 | u64::from(word(octets, at + 4))
}

/// The name of the file made from the verdicts `from..to`.
pub fn name(from: u64, to: u64) -> String {
    format!("{from:016x}-{to:016x}.run")
}

/// The verdicts that a file's name says.
pub fn range(name: &str) -> Option<(u64, u64)> {
    let (from, to) = name.strip_suffix(".run")?.split_once('-')?;
    let number = |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
    Some((number(from)?, number(to)?)).filter(|(from, to)| from <= to)
}

impl Run {
    /// Opens a file and checks all but its facts, which are checked when they are read.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or was made under other keys.
    pub fn open(disk: &dyn Disk, path: &Path, label: &[u8; 16]) -> io::Result<Self> {
        let file = disk.open(path)?;
        let mut head = [0; HEAD];
        if file.read_at(&mut head, 0)? < HEAD
            || head[..8] != MAGIC
            || crc32c::crc32c(&head[..HEAD - 4]) != word(&head, HEAD - 4)
        {
            return Err(damaged("no head"));
        }
        if head[8..24] != *label {
            return Err(damaged("made under other keys"));
        }
        let facts = long(&head, 40);
        let blocks = facts.div_ceil(FACTS as u64);
        let mut octets = vec![0; blocks as usize * 8 * (1 + FILTER)];
        let read = file.read_at(&mut octets, (1 + blocks) * BLOCK as u64)?;
        if read < octets.len() || crc32c::crc32c(&octets) != word(&head, 52) {
            return Err(damaged("no first keys"));
        }
        let mut words = octets.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word));
        let firsts = words.by_ref().take(blocks as usize).collect();
        let mut filters = vec![Filter::default(); blocks as usize];
        filters.iter_mut().flat_map(|filter| &mut filter.0).zip(words).for_each(|(word, read)| *word = read);
        let (from, to, newest_s) = (long(&head, 24), long(&head, 32), word(&head, 48));
        Ok(Self { path: path.to_owned(), from, to, facts, newest_s, file, firsts, filters })
    }

    /// Adds the facts of a key to `found`: one read where it has any, seldom one where it has none.
    ///
    /// # Errors
    /// The block cannot be read, or is damaged.
    pub fn find(&self, key: u64, found: &mut Vec<Written>) -> io::Result<()> {
        let mut block = self.firsts.partition_point(|first| *first < key).saturating_sub(1);
        while self.firsts.get(block).is_some_and(|first| *first <= key) {
            if !self.filters.get(block).is_some_and(|filter| filter.may_hold(key)) {
                block += 1;
                continue;
            }
            let mut octets = [0; BLOCK];
            let facts = self.block(block, &mut octets)?;
            let first = facts.partition_point(|fact| Written::read(fact).key < key);
            let equal = facts[first..].iter().map(Written::read).take_while(|fact| fact.key == key);
            found.extend(equal);
            block += 1;
        }
        Ok(())
    }

    /// The facts of a block.
    fn block<'b>(&self, number: usize, octets: &'b mut [u8; BLOCK]) -> io::Result<&'b [[u8; WRITTEN]]> {
        let read = self.file.read_at(octets, (1 + number as u64) * BLOCK as u64)?;
        let count = word(octets, COUNT_AT) as usize;
        let whole = read == BLOCK
            && crc32c::crc32c(&octets[..SUM_AT]) == word(octets, SUM_AT)
            && word(octets, COUNT_AT + 4) as usize == number
            && count <= FACTS;
        if !whole {
            return Err(damaged("a block's checksum does not hold"));
        }
        Ok(&octets[..count * WRITTEN].as_chunks().0[..count])
    }

    /// Reads every block.
    ///
    /// # Errors
    /// One cannot be read, or is damaged.
    pub fn check(&self) -> io::Result<()> {
        let mut octets = [0; BLOCK];
        (0..self.firsts.len()).try_for_each(|block| self.block(block, &mut octets).map(drop))
    }

    /// All facts in order.
    pub fn read(self: &Arc<Self>) -> Facts {
        Facts { run: Arc::clone(self), block: 0, facts: Vec::new(), at: 0 }
    }
}

/// Reads a file's facts in order.
pub struct Facts {
    run: Arc<Run>,
    block: usize,
    facts: Vec<Written>,
    at: usize,
}

impl Facts {
    /// The next fact, which stays the next until `pass`.
    pub fn peek(&mut self) -> io::Result<Option<Written>> {
        while self.at >= self.facts.len() {
            if self.block >= self.run.firsts.len() {
                return Ok(None);
            }
            let mut octets = [0; BLOCK];
            let facts = self.run.block(self.block, &mut octets)?;
            self.facts.clear();
            self.facts.extend(facts.iter().map(Written::read));
            self.block += 1;
            self.at = 0;
        }
        Ok(self.facts.get(self.at).copied())
    }

    /// Goes on behind the next fact.
    pub fn pass(&mut self) {
        self.at += 1;
    }
}

/// Writes a file of facts: given in order, under its name only when all of it is durable.
pub struct Writer<'d> {
    disk: &'d dyn Disk,
    temp: PathBuf,
    file: Arc<dyn SegmentFile>,
    label: [u8; 16],
    from: u64,
    to: u64,
    facts: u64,
    newest_s: u32,
    firsts: Vec<u64>,
    filters: Vec<Filter>,
    block: Vec<u8>,
    /// Whole blocks that are not written yet, and where they go.
    waiting: Vec<u8>,
    offset: u64,
}

impl<'d> Writer<'d> {
    /// Begins a file in `dir` for the verdicts `from..to`.
    pub fn new(disk: &'d dyn Disk, dir: &Path, label: [u8; 16], from: u64, to: u64) -> io::Result<Self> {
        let temp = dir.join(name(from, to)).with_extension("tmp");
        let file = disk.create(&temp)?;
        Ok(Self {
            disk,
            temp,
            file,
            label,
            from,
            to,
            facts: 0,
            newest_s: 0,
            firsts: Vec::new(),
            filters: Vec::new(),
            block: Vec::with_capacity(BLOCK),
            waiting: Vec::new(),
            offset: BLOCK as u64,
        })
    }

    /// Adds the next fact.
    pub fn push(&mut self, fact: &Written) -> io::Result<()> {
        if self.block.is_empty() {
            self.firsts.push(fact.key);
            self.filters.push(Filter::default());
        }
        if let Some(filter) = self.filters.last_mut() {
            filter.add(fact.key);
        }
        fact.write(&mut self.block);
        self.facts += 1;
        self.newest_s = self.newest_s.max(fact.at_s);
        if self.block.len() == FACTS * WRITTEN { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let count = (self.block.len() / WRITTEN) as u32;
        self.block.resize(COUNT_AT, 0);
        self.block.extend_from_slice(&count.to_be_bytes());
        self.block.extend_from_slice(&(self.firsts.len() as u32 - 1).to_be_bytes());
        let sum = crc32c::crc32c(&self.block);
        self.block.extend_from_slice(&sum.to_be_bytes());
        self.block.resize(BLOCK, 0);
        self.waiting.append(&mut self.block);
        if self.waiting.len() >= WRITE { self.write_waiting() } else { Ok(()) }
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.waiting, self.offset)?;
        self.offset += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// Ends the file: durable, and then under its name.
    pub fn finish(mut self) -> io::Result<Run> {
        self.end_block()?;
        self.write_waiting()?;
        let words = self.firsts.iter().chain(self.filters.iter().flat_map(|filter| &filter.0));
        let index: Vec<u8> = words.flat_map(|word| word.to_be_bytes()).collect();
        self.file.write_all_at(&index, self.offset)?;
        let mut head = Vec::with_capacity(HEAD);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&self.label);
        for field in [self.from, self.to, self.facts] {
            head.extend_from_slice(&field.to_be_bytes());
        }
        head.extend_from_slice(&self.newest_s.to_be_bytes());
        head.extend_from_slice(&crc32c::crc32c(&index).to_be_bytes());
        let sum = crc32c::crc32c(&head);
        head.extend_from_slice(&sum.to_be_bytes());
        self.file.write_all_at(&head, 0)?;
        self.file.sync_data()?;
        let path = self.temp.with_extension("run");
        self.disk.rename(&self.temp, &path)?;
        if let Some(dir) = path.parent() {
            self.disk.sync_dir(dir)?;
        }
        let Self { from, to, facts, newest_s, file, firsts, filters, .. } = self;
        Ok(Run { path, from, to, facts, newest_s, file, firsts, filters })
    }
}
