//! Owns who has written to a number from an address in the last 90 days: whose reply it is, and which campaign a STOP counts for.
//! Must never tell of a message that did not leave, nor tell anything while it does not know of the newest.
//!
//! It is derived: the verdicts say all of it. Recent facts are in memory, older ones in sorted files; what a crash takes from
//! memory is read from the verdicts again. A file is made of durable verdicts only, so that none outlives its verdicts.

mod merge;
mod recent;
mod run;
mod written;

pub use written::{ACCOUNTS_MAX, SPAN, Written, key};

use super::Keeping;
use super::error::SpoolError;
use crate::journal::disk::Disk;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use recent::Recent;
use run::{Run, Writer};
use std::fs::DirBuilder;
use std::io;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Facts in memory when they are written to a file; three times as many while the disk takes none.
const RECENT_MAX: usize = 32_768;
/// Facts on disk by default: 40 octets each, twice while a file is made anew.
pub const FACTS_MAX: u64 = 1 << 24;
/// Verdicts after which a file is written however few facts they gave: a start reads no more than these again.
const VERDICTS_MAX: u64 = 1 << 20;

/// How much is held.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Facts in memory before they are written.
    pub recent: usize,
    /// Facts on disk.
    pub facts: u64,
    /// Verdicts between two files.
    pub verdicts: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { recent: RECENT_MAX, facts: FACTS_MAX, verdicts: VERDICTS_MAX }
    }
}

/// What a verdict says to the index.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// It left: it can be answered.
    Left { fact: Written, message_ref: u64 },
    /// It was taken back before it left.
    Withdrawn { key: u64, account: NameId, message_ref: u64 },
}

/// The index. Shared by all lanes.
pub struct Attribution {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    label: [u8; 16],
    limits: Limits,
    state: Mutex<State>,
    /// Held while files are made.
    filing: Mutex<()>,
    /// A file of which a block was found damaged.
    damaged: Mutex<Option<Arc<Run>>>,
}

struct State {
    recent: Recent,
    /// What is being written to a file.
    leaving: Option<Arc<Recent>>,
    /// Oldest first: each begins where the one before ends.
    runs: Arc<Vec<Arc<Run>>>,
}

impl Attribution {
    /// Opens the files in `dir` (made if it is missing). `verdicts`: those there are. What a file says of
    /// verdicts that are not there, and what is damaged, is dropped and made again.
    ///
    /// # Errors
    /// The directory cannot be read or made.
    pub fn open(keeping: &Keeping, dir: &Path, limits: Limits, verdicts: Range<u64>) -> Result<Self, SpoolError> {
        let io = |source| SpoolError::Io { path: dir.to_path_buf(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
        let disk = Arc::clone(&keeping.disk);
        let label = keeping.keys.label();
        let mut names: Vec<_> = Vec::new();
        for name in disk.list(dir).map_err(io)? {
            match run::range(&name) {
                Some((from, to)) => names.push((from, u64::MAX - to, name)),
                // Half made.
                None => disk.remove(&dir.join(&name)).map_err(io)?,
            }
        }
        names.sort();
        let mut runs: Vec<Arc<Run>> = Vec::new();
        for (from, _, name) in names {
            let path = dir.join(name);
            let end = runs.last().map_or(from, |last| last.to);
            let opened = match Run::open(&*disk, &path, &label) {
                Ok(run) if run.from == end && run.to > run.from && run.to <= verdicts.end => Some(run),
                Ok(_) => None,
                Err(error) => {
                    tracing::warn!(event = "attribution.dropped", path = %path.display(), %error);
                    None
                }
            };
            match opened {
                Some(run) => runs.push(Arc::new(run)),
                // In a longer one already, or behind a gap: the verdicts tell it again.
                None => disk.remove(&path).map_err(io)?,
            }
        }
        let next = runs.last().map_or(verdicts.start, |last| last.to).max(verdicts.start);
        let state = State { recent: Recent::new(next), leaving: None, runs: Arc::new(runs) };
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            label,
            limits,
            state: Mutex::new(state),
            filing: Mutex::default(),
            damaged: Mutex::default(),
        })
    }

    /// The verdict that is to be told next.
    pub fn next(&self) -> u64 {
        self.lock().recent.to
    }

    /// Takes what the verdicts up to `upto` say, in order. `false`, and nothing is taken, while there is no room for more: the
    /// disk takes no file.
    pub fn take(&self, told: &[Told], upto: u64) -> bool {
        let mut state = self.lock();
        if state.recent.len() >= 2 * self.limits.recent {
            return false;
        }
        for one in told {
            match *one {
                Told::Left { fact, message_ref } => state.recent.add(fact, message_ref),
                Told::Withdrawn { key, account, message_ref } => state.recent.withdraw(key, account, message_ref),
            }
        }
        state.recent.to = state.recent.to.max(upto);
        true
    }

    /// What has been written under this key, the newest of each account, newest first. One read of a file each in general: there
    /// are few.
    ///
    /// # Errors
    /// A file cannot be read: nothing is known then.
    pub fn find(&self, key: u64, now: CivilInstant) -> io::Result<Vec<Written>> {
        let mut found = Vec::new();
        let runs = {
            let state = self.lock();
            state.recent.find(key, &mut found);
            if let Some(leaving) = &state.leaving {
                leaving.find(key, &mut found);
            }
            Arc::clone(&state.runs)
        };
        for run in runs.iter() {
            run.find(key, &mut found).inspect_err(|error| self.note_damage(run, error))?;
        }
        written::condense(&mut found, now);
        // What is scheduled for later is answered by nobody yet: it counts only where nothing else was written.
        found.sort_by_key(|fact| fact.is_ahead(now));
        Ok(found)
    }

    /// Writes to a file what memory has too much of, as far as the verdicts are `durable`, and keeps the files few and within
    /// their bounds. Waits for fsyncs: never on a lane.
    ///
    /// # Errors
    /// The disk takes nothing: memory keeps it, and it is tried again.
    pub fn settle(&self, durable: &dyn Fn() -> u64, now: CivilInstant) -> io::Result<()> {
        let _alone = self.filing.lock().unwrap_or_else(PoisonError::into_inner);
        while self.file_recent(durable())? {}
        self.forget_old(now)?;
        loop {
            let runs = Arc::clone(&self.lock().runs);
            let sizes: Vec<u64> = runs.iter().map(|run| run.facts).collect();
            let total: u64 = sizes.iter().sum();
            let due = merge::due(&sizes, self.limits.recent as u64);
            let (inputs, since) = if due > 0 {
                (&runs[runs.len() - due..], 0)
            } else if total > self.limits.facts && !runs.is_empty() {
                (&runs[..1], self.cut(&runs[..1], total - self.limits.facts / 8 * 7)?)
            } else {
                return Ok(());
            };
            // Memory goes on filling meanwhile.
            let mut breathe = || drop(self.file_recent(durable()));
            let merged = merge::merge(&*self.disk, &self.dir, self.label, inputs, since, now, &mut breathe);
            let merged = merged.inspect_err(|error| self.note_damage_of(inputs, error))?;
            self.replace(inputs, merged)?;
        }
    }

    fn cut(&self, oldest: &[Arc<Run>], facts: u64) -> io::Result<u64> {
        merge::cut(&oldest[0], facts).inspect_err(|error| self.note_damage_of(oldest, error))
    }

    fn note_damage(&self, run: &Arc<Run>, error: &io::Error) {
        if error.kind() == io::ErrorKind::InvalidData {
            *self.damaged.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(run));
        }
    }

    fn note_damage_of(&self, runs: &[Arc<Run>], error: &io::Error) {
        let is_damaged = |run: &&Arc<Run>| run.check().is_err_and(|error| error.kind() == io::ErrorKind::InvalidData);
        if error.kind() == io::ErrorKind::InvalidData
            && let Some(run) = runs.iter().find(is_damaged)
        {
            self.note_damage(run, error);
        }
    }

    /// Gives up the file that was found damaged, and everything newer: the verdicts from `next` on are to be told again, of those that
    /// are still there (`first` on). Returns its path; `None`: none was. Nobody may tell anything meanwhile. Never on a lane.
    pub fn drop_damaged(&self, first: u64) -> Option<PathBuf> {
        let _alone = self.filing.lock().unwrap_or_else(PoisonError::into_inner);
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let dropped = {
            let mut state = self.lock();
            // Merged away since, or dropped: then what took its place is read as any other.
            let at = state.runs.iter().position(|run| Arc::ptr_eq(run, &damaged))?;
            let dropped = state.runs[at..].to_vec();
            state.runs = Arc::new(state.runs[..at].to_vec());
            state.recent = Recent::new(damaged.from.max(first));
            state.leaving = None;
            dropped
        };
        for run in dropped.iter().rev() {
            // What a disk does not let go is dropped by the next start, or found damaged again.
            let _ = self.disk.remove(&run.path);
        }
        Some(damaged.path.clone())
    }

    /// Facts in memory, facts on disk, files.
    pub fn totals(&self) -> (usize, u64, usize) {
        let state = self.lock();
        let leaving = state.leaving.as_ref().map_or(0, |leaving| leaving.len());
        (state.recent.len() + leaving, state.runs.iter().map(|run| run.facts).sum(), state.runs.len())
    }

    /// Writes one file of what is in memory, when it is enough and its verdicts are durable; says whether it did.
    fn file_recent(&self, durable: u64) -> io::Result<bool> {
        let leaving = {
            let mut state = self.lock();
            let enough =
                |recent: &Recent| recent.len() >= self.limits.recent || recent.to - recent.from >= self.limits.verdicts;
            if state.leaving.is_none() && enough(&state.recent) {
                let next = Recent::new(state.recent.to);
                state.leaving = Some(Arc::new(std::mem::replace(&mut state.recent, next)));
            }
            match &state.leaving {
                Some(leaving) if leaving.to <= durable => Arc::clone(leaving),
                Some(_) | None => return Ok(false),
            }
        };
        let mut out = Writer::new(&*self.disk, &self.dir, self.label, leaving.from, leaving.to)?;
        leaving.sorted().iter().try_for_each(|fact| out.push(fact))?;
        let run = Arc::new(out.finish()?);
        let mut state = self.lock();
        let mut runs = state.runs.to_vec();
        runs.push(run);
        state.runs = Arc::new(runs);
        state.leaving = None;
        Ok(true)
    }

    /// Removes the files of which every fact is too old.
    fn forget_old(&self, now: CivilInstant) -> io::Result<()> {
        let old = |run: &Arc<Run>| now.since(CivilInstant::from_secs(run.newest_s.into())) > SPAN;
        let runs = Arc::clone(&self.lock().runs);
        // The last one says how far the verdicts were read.
        let over = runs.iter().take(runs.len().saturating_sub(1)).take_while(|run| old(run)).count();
        if over > 0 {
            self.lock().runs = Arc::new(runs[over..].to_vec());
        }
        runs[..over].iter().try_for_each(|run| self.disk.remove(&run.path))
    }

    /// Puts a file in the place of those it was made of.
    fn replace(&self, inputs: &[Arc<Run>], merged: Run) -> io::Result<()> {
        let merged = Arc::new(merged);
        {
            let mut state = self.lock();
            let mut runs = state.runs.to_vec();
            let at = runs.iter().position(|run| Arc::ptr_eq(run, &inputs[0])).unwrap_or(0);
            runs.splice(at..at + inputs.len(), [Arc::clone(&merged)]);
            state.runs = Arc::new(runs);
        }
        let others = inputs.iter().filter(|run| run.path != merged.path);
        others.map(|run| &run.path).try_for_each(|path| self.disk.remove(path))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
