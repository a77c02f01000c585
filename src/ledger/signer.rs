//! Owns the thread behind the ledger: it hashes what is durable into the trees and signs both roots once a second.
//! Must never sign what fdatasync does not cover, nor a tree of which an earlier checkpoint is no prefix; never delays a writer.

use super::book::Ledger;
use super::checkpoint::{Checkpoint, Head, Stream};
use super::error::OpenError;
use super::home::Home;
use super::keys::{Keys, private_dir};
use super::merkle::{leaf_hash, root_at};
use super::signed::{Notes, Signed};
use super::tiles::TileWriter;
use crate::journal::error::ReadError;
use crate::journal::reader::Reader;
use crate::journal::stream::Journal;
use crate::message::instant::CivilInstant;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// How often both roots are signed while there is something new.
const EVERY: Duration = Duration::from_secs(1);
/// Without anything new a checkpoint is signed every so many turns: it says that the log is alive.
const IDLE_TURNS: u64 = 10;
/// Turns of an hour.
const HOUR_TURNS: u64 = 3600;
/// Leaves that may be hashed and not yet durable as hashes: what a start after a crash hashes again.
const UNSYNCED_MAX: u64 = 1 << 18;
/// Turns after which the hashes are made durable even when they are few.
const SYNC_TURNS: u64 = 60;
/// Leaves hashed between two writes, so that catching up stays in bounds.
const PIECE: u64 = 1 << 16;

/// Who gets a checkpoint that leaves the house.
pub type HandOut = Box<dyn Fn(&Notes) + Send>;

/// What the signer asks of, and tells, the process it runs in.
pub struct Surroundings {
    /// The civil clock.
    pub now: Box<dyn Fn() -> CivilInstant + Send>,
    /// A checkpoint was signed at this instant.
    pub signed: Box<dyn Fn(CivilInstant) + Send>,
    /// Something stands in the way of signing; told once until it works again.
    pub failed: Box<dyn Fn(&str) + Send>,
    /// The hour's checkpoint: for whoever keeps it outside the house. Called on the signer's thread.
    pub hourly: HandOut,
    /// How many turns (seconds) lie between two hourly ones; at least one.
    pub hour_turns: u64,
}

impl Surroundings {
    /// Tells nobody.
    pub fn silent(now: impl Fn() -> CivilInstant + Send + 'static) -> Self {
        Self {
            now: Box::new(now),
            signed: Box::new(|_| {}),
            failed: Box::new(|_| {}),
            hourly: Box::new(|_| {}),
            hour_turns: HOUR_TURNS,
        }
    }
}

/// The running thread.
pub struct Signer {
    bell: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Signer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When more was signed than the ledger holds: a start would contradict what others keep.
    pub fn start(ledger: &Arc<Ledger>, keys: &Keys, around: Surroundings) -> Result<Self, OpenError> {
        let mut worker = Worker::open(ledger, keys, around)?;
        // A node that has never signed anything does so before it takes any traffic: whenever it is killed, its ledger verifies.
        let first = u64::from(worker.before.is_none());
        if first == 1 {
            worker.try_turn(0, false);
        }
        let bell = Arc::new((Mutex::new(false), Condvar::new()));
        let rung = Arc::clone(&bell);
        let spawned = Builder::new().name("ledger-sign".into()).spawn(move || worker.run(first, &rung));
        Ok(Self { bell, thread: Some(spawned.map_err(OpenError::io(ledger.dir()))?) })
    }

    /// Signs what is durable by now and ends. Call it when the ledger is closed: the last record is then covered.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        *self.bell.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic was printed by its thread; the ledger itself is whole without it.
            let _ = thread.join();
        }
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        self.end();
    }
}

/// Follows one stream.
struct Follower {
    journal: Journal,
    writer: TileWriter,
    reader: Option<Reader>,
}

/// Why a turn ends without a signature.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the hashes cannot be written: {0}")]
    Write(#[from] io::Error),
    #[error(
        "{stream}: the record at {size} is not the one that was signed: the log was changed. Nothing more is signed; \
             run `stopgate verify` and restore the data_dir"
    )]
    Contradiction { stream: &'static str, size: u64 },
}

impl Follower {
    fn open(ledger: &Ledger, stream: Stream, home: &Home) -> Result<Self, OpenError> {
        let dir = home.room("tree")?.join(stream.word());
        private_dir(&dir)?;
        let journal = ledger.journal(stream).clone();
        let writer = TileWriter::open(Arc::clone(&ledger.disk), &dir, journal.synced());
        Ok(Self { journal, writer, reader: None })
    }

    /// Hashes what has become durable.
    fn advance(&mut self) -> Result<(), Stuck> {
        let upto = self.journal.synced();
        if upto == self.writer.size() {
            return Ok(self.writer.write()?);
        }
        // After an error it is read anew from where the tree ends.
        let known = self.reader.take().filter(|reader| reader.position() == self.writer.size());
        let mut reader = known.unwrap_or_else(|| self.journal.read(self.writer.size(), upto));
        reader.go_on(upto);
        while let Some(frame) = reader.next_frame()? {
            self.writer.push(leaf_hash(frame.leaf));
            if self.writer.size().is_multiple_of(PIECE) {
                self.writer.write()?;
            }
        }
        self.reader = Some(reader);
        Ok(self.writer.write()?)
    }

    fn head(&self) -> Head {
        Head { size: self.writer.size(), root: self.writer.root() }
    }
}

struct Worker {
    ledger: Arc<Ledger>,
    signed: Signed,
    followers: [Follower; 2],
    around: Surroundings,
    /// The newest checkpoint of an earlier start: compared once the trees are that far.
    before: Option<Checkpoint>,
    last: Option<(Checkpoint, Notes)>,
    stuck: bool,
    /// The hour's checkpoint is not kept yet.
    hour_due: bool,
}

impl Worker {
    fn open(ledger: &Arc<Ledger>, keys: &Keys, around: Surroundings) -> Result<Self, OpenError> {
        let dir = ledger.home.room("checkpoints")?;
        let signed = Signed::open(Arc::clone(&ledger.disk), &dir, ledger.log_origin(), keys.sign_seed())?;
        let before = signed.found().cloned();
        if let Some(before) = &before {
            for stream in Stream::ALL {
                let (saved, found) = (before.head(stream).size, ledger.journal(stream).synced());
                if saved > found {
                    let path = dir.join("newest");
                    return Err(OpenError::SignedMore { path, stream: stream.word(), saved, found });
                }
            }
        }
        let follower = |stream| Follower::open(ledger, stream, &ledger.home);
        let followers = [follower(Stream::Events)?, follower(Stream::Verdicts)?];
        Ok(Self {
            ledger: Arc::clone(ledger),
            signed,
            followers,
            around,
            before,
            last: None,
            stuck: false,
            hour_due: false,
        })
    }

    fn run(mut self, mut turn: u64, bell: &(Mutex<bool>, Condvar)) {
        loop {
            let ending = *bell.0.lock().unwrap_or_else(PoisonError::into_inner);
            self.try_turn(turn, ending);
            if ending {
                return;
            }
            turn += 1;
            let state = bell.0.lock().unwrap_or_else(PoisonError::into_inner);
            drop(bell.1.wait_timeout_while(state, EVERY, |ending| !*ending).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// A turn whose failure is told once.
    fn try_turn(&mut self, turn: u64, ending: bool) {
        match self.turn(turn, ending) {
            Ok(()) => self.stuck = false,
            Err(error) if !self.stuck => {
                self.stuck = true;
                (self.around.failed)(&error.to_string());
            }
            Err(_) => {}
        }
    }

    fn turn(&mut self, turn: u64, ending: bool) -> Result<(), Stuck> {
        // Verdicts first: the events they were judged at are then in the events' tree.
        for follower in self.followers.iter_mut().rev() {
            follower.advance()?;
        }
        self.compare()?;
        let many = self.followers.iter().any(|follower| follower.writer.unsynced() >= UNSYNCED_MAX);
        if ending || many || turn.is_multiple_of(SYNC_TURNS) {
            for follower in &mut self.followers {
                follower.writer.sync()?;
            }
        }
        let [events, verdicts] = [&self.followers[0], &self.followers[1]].map(Follower::head);
        let same = |(last, _): &(Checkpoint, Notes)| (last.events, last.verdicts) == (events, verdicts);
        self.hour_due |= turn.is_multiple_of(self.around.hour_turns.max(1));
        if !self.last.as_ref().is_some_and(same) || turn.is_multiple_of(IDLE_TURNS) || self.hour_due || ending {
            let (origin, epoch) = (self.ledger.log_origin().to_owned(), self.ledger.epoch());
            let checkpoint = Checkpoint { origin, at: (self.around.now)(), epoch, events, verdicts };
            let notes = self.signed.sign(&checkpoint)?;
            if self.last.is_none() {
                // A file system keeps an old file until its replacement is whole; of the first one a power cut leaves nothing.
                self.signed.settle(&notes)?;
            }
            (self.around.signed)(checkpoint.at);
            self.last = Some((checkpoint, notes));
        }
        let Some((_, notes)) = &self.last else { return Ok(()) };
        if ending {
            self.signed.settle(notes)?;
        } else if self.hour_due {
            self.signed.keep(notes)?;
            self.hour_due = false;
            (self.around.hourly)(notes);
        }
        Ok(())
    }

    /// Whether the newest checkpoint of the last start is a prefix of the trees.
    fn compare(&mut self) -> Result<(), Stuck> {
        let Some(before) = &self.before else { return Ok(()) };
        for (stream, follower) in Stream::ALL.into_iter().zip(&self.followers) {
            let head = before.head(stream);
            if root_at(&follower.writer.tiles(), head.size) != Some(head.root) {
                return Err(Stuck::Contradiction { stream: stream.word(), size: head.size });
            }
        }
        self.before = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::Note;
    use super::super::open::OpenOptions;
    use super::*;
    use crate::journal::faults::FaultyDisk;

    const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);

    /// What the newest checkpoint covers: events.
    fn signed(dir: &std::path::Path) -> u64 {
        let octets = std::fs::read(dir.join("checkpoints/newest")).expect("signed");
        Checkpoint::read(Note::read(&octets).expect("a note").text).expect("a checkpoint").1.events.size
    }

    #[test]
    fn what_no_fsync_covers_is_not_signed() {
        let dir = tempfile::tempdir().expect("tempdir");
        let keys = Keys::from_octets([1; 32], [2; 32], [3; 32]);
        let disk = FaultyDisk::default();
        let options = OpenOptions { disk: Arc::new(disk.clone()), ..OpenOptions::new("gw-1", false) };
        let (ledger, _) = Ledger::open(dir.path(), &keys, options.with_segment_octets(16 << 10), NOW).expect("opened");
        ledger.intern("acme", NOW).expect("durable");
        let durable = ledger.durable_events();
        disk.fail_syncs(i64::MAX);
        ledger.intern("another", NOW).expect_err("no fsync covers it");
        assert!(ledger.events_appended() > durable && ledger.durable_events() == durable);
        let mut worker = Worker::open(&ledger, &keys, Surroundings::silent(|| NOW)).expect("opened");
        let turned = worker.turn(1, false);
        if turned.is_ok() || dir.path().join("checkpoints/newest").exists() {
            assert_eq!(signed(dir.path()), durable, "{turned:?}");
        }
        // The disk is well again, and the process ends: what was never durable is still not signed.
        disk.fail_syncs(0);
        worker.turn(2, false).expect("signed");
        assert_eq!(signed(dir.path()), durable);
    }
}
