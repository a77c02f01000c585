//! Owns what is kept in RAM and follows from the records: read at start from a snapshot and the records after it, saved by a thread.
//! Must never start with less than the records say: a snapshot that cannot be used is made again from all of them.

use super::book::Ledger;
use super::error::OpenError;
use crate::journal::dump::Unusable;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Something that follows from the records of one stream. Applying a record twice must change nothing.
pub trait Derived: Send + Sync + 'static {
    /// Name of the snapshot in data_dir.
    const FILE: &'static str;
    /// Name of the thread that writes it.
    const THREAD: &'static str;

    /// Whether a start goes on while many records are still to be read: commercial traffic is refused until they are.
    const MAY_LAG: bool = false;

    /// Takes a snapshot in, while empty; gives the position of the record that comes next.
    fn load(&self, path: &Path, ledger: &Ledger) -> Result<u64, Unusable>;

    /// Writes a snapshot that holds every record before `position`.
    fn write(&self, path: &Path, ledger: &Ledger, position: u64) -> io::Result<()>;

    /// Applies the durable records from `from` on; gives the position behind the last of them.
    fn catch_up(&self, ledger: &Ledger, from: u64) -> Result<u64, OpenError>;

    /// How many durable records there are.
    fn durable(ledger: &Ledger) -> u64;

    /// Whether there is nothing to keep: no snapshot is written then.
    fn is_idle(&self) -> bool {
        false
    }

    /// Before a snapshot: applies what is durable and may not be in RAM yet.
    fn settle(&self, ledger: &Ledger, from: u64) -> Result<u64, OpenError> {
        self.catch_up(ledger, from)
    }
}

/// When the snapshot is written.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotRule {
    /// How often the keeper looks.
    pub look_every: Duration,
    /// Written when this many looks have passed and anything changed.
    pub looks: u32,
    /// Written at the next look when this many records are behind it, so that a start never has more to read.
    pub behind_max: u64,
}

impl Default for SnapshotRule {
    /// Every 5 minutes, or within 10 s of 250,000 records.
    fn default() -> Self {
        Self { look_every: Duration::from_secs(10), looks: 30, behind_max: 250_000 }
    }
}

/// What was found at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Records read after the snapshot (all of them when there was none).
    pub records_read: u64,
    /// Why the snapshot was not used, when one was there.
    pub damaged: Option<&'static str>,
    /// There was none.
    pub absent: bool,
}

impl Found {
    /// Says what was found of the snapshot in `file`; one that was not used is worth a warning, its loss at a later start a line.
    pub fn say(&self, file: &str) {
        let Self { records_read, damaged, absent } = *self;
        match damaged {
            Some(why) => tracing::warn!(event = "snapshot.rebuilt", file, why, records_read),
            None => tracing::info!(event = "snapshot.read", file, absent, records_read),
        }
    }
}

/// Something derived, and its keeper.
pub struct Kept<D: Derived> {
    index: Arc<D>,
    keeper: Arc<Keeper<D>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Keeper<D> {
    ledger: Arc<Ledger>,
    index: Arc<D>,
    path: PathBuf,
    /// Records that were applied from the disk, in order.
    position: Mutex<u64>,
    saved: AtomicU64,
    closing: Mutex<bool>,
    bell: Condvar,
}

impl<D: Derived> Kept<D> {
    /// Reads the snapshot and the records after it into what `empty` makes, and starts the keeper.
    ///
    /// # Errors
    /// When records cannot be read, or the snapshot knows more of them than there are: segments are missing then.
    pub fn start(ledger: &Arc<Ledger>, empty: impl Fn() -> D, rule: SnapshotRule) -> Result<(Self, Found), OpenError> {
        let path = ledger.dir().join(D::FILE);
        let mut index = empty();
        let (mut position, mut damaged, mut absent) = (0, None, false);
        match index.load(&path, ledger) {
            Ok(loaded) => position = loaded,
            Err(Unusable::Absent) => absent = true,
            Err(Unusable::Damaged(why)) => {
                damaged = Some(why);
                index = empty();
            }
        }
        let found = D::durable(ledger);
        if position > found {
            return Err(OpenError::Behind { path, saved: position, found });
        }
        let keeper = Keeper {
            ledger: Arc::clone(ledger),
            index: Arc::new(index),
            path,
            position: Mutex::new(position),
            saved: AtomicU64::new(position),
            closing: Mutex::new(false),
            bell: Condvar::new(),
        };
        // More than a snapshot is ever behind: there was none that could be used.
        let lags = D::MAY_LAG && found - position > rule.behind_max.saturating_mul(2);
        if lags {
            ledger.set_behind(true);
        } else {
            keeper.advance(|index, ledger, from| index.catch_up(ledger, from))?;
        }
        let keeper = Arc::new(keeper);
        let worker = Arc::clone(&keeper);
        let thread = std::thread::Builder::new()
            .name(D::THREAD.into())
            .spawn(move || {
                if lags {
                    worker.make_whole();
                }
                worker.keep(rule);
            })
            .map_err(OpenError::io(ledger.dir()))?;
        let kept = Self { index: Arc::clone(&keeper.index), keeper, thread: Mutex::new(Some(thread)) };
        Ok((kept, Found { records_read: found - position, damaged, absent }))
    }

    /// What lanes ask.
    pub fn index(&self) -> &Arc<D> {
        &self.index
    }

    /// The position of the snapshot on disk.
    pub fn snapshot_position(&self) -> u64 {
        self.keeper.saved.load(Ordering::Acquire)
    }

    /// Writes the snapshot now.
    pub fn save(&self) -> Result<(), OpenError> {
        self.keeper.save()
    }

    /// Writes the snapshot a last time and ends the keeper. Call it before the ledger is closed; idempotent.
    pub fn close(&self) -> Result<(), OpenError> {
        self.keeper.ring();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread.map(JoinHandle::join) {
            Some(_) => self.keeper.save(),
            None => Ok(()),
        }
    }
}

impl<D: Derived> Drop for Kept<D> {
    fn drop(&mut self) {
        self.keeper.ring();
        // Joined, so that the ledger (and its lock) is free when this is gone.
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl<D> Keeper<D> {
    fn ring(&self) {
        *self.closing.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }
}

impl<D: Derived> Keeper<D> {
    fn advance(&self, by: impl FnOnce(&D, &Ledger, u64) -> Result<u64, OpenError>) -> Result<u64, OpenError> {
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        *position = by(&self.index, &self.ledger, *position)?;
        Ok(*position)
    }

    /// Reads what the start has left. Records that come meanwhile are applied by those who make them; the order does not matter.
    fn make_whole(&self) {
        match self.advance(|index, ledger, from| index.catch_up(ledger, from)) {
            Ok(_) => self.ledger.set_behind(false),
            Err(error) => {
                let mut failure = self.ledger.list_failure.lock().unwrap_or_else(PoisonError::into_inner);
                *failure = Some(error);
            }
        }
    }

    fn save(&self) -> Result<(), OpenError> {
        if self.index.is_idle() || (D::MAY_LAG && self.ledger.is_behind()) {
            return Ok(());
        }
        let position = self.advance(|index, ledger, from| index.settle(ledger, from))?;
        if position == self.saved.load(Ordering::Acquire) && self.path.exists() {
            return Ok(());
        }
        self.index.write(&self.path, &self.ledger, position).map_err(OpenError::io(&self.path))?;
        self.saved.store(position, Ordering::Release);
        Ok(())
    }

    fn keep(&self, rule: SnapshotRule) {
        let mut looks = 0;
        let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        while !*closing {
            let waiting = |closing: &mut bool| !*closing;
            (closing, _) =
                self.bell.wait_timeout_while(closing, rule.look_every, waiting).unwrap_or_else(PoisonError::into_inner);
            if *closing {
                return;
            }
            drop(closing);
            looks += 1;
            let behind = D::durable(&self.ledger).saturating_sub(self.saved.load(Ordering::Acquire));
            if behind >= rule.behind_max || (looks >= rule.looks && behind > 0) {
                // A disk that is full now may have room at the next look; the records hold everything meanwhile.
                if self.save().is_ok() {
                    looks = 0;
                }
            }
            closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::facts::Evidence;
    use crate::ledger::fixture::{self, NOW};
    use std::sync::mpsc::{Receiver, Sender, channel};

    const SOON: Duration = Duration::from_secs(20);
    const SHORT: SnapshotRule = SnapshotRule { look_every: Duration::from_secs(3600), looks: u32::MAX, behind_max: 2 };

    /// Reads its records when it is told to.
    struct Slow {
        told: Mutex<Receiver<Result<(), OpenError>>>,
    }

    impl Derived for Slow {
        const FILE: &'static str = "slow.snapshot";
        const THREAD: &'static str = "slow";
        const MAY_LAG: bool = true;

        fn load(&self, _: &Path, _: &Ledger) -> Result<u64, Unusable> {
            Err(Unusable::Damaged("for the test"))
        }

        fn write(&self, path: &Path, _: &Ledger, _: u64) -> io::Result<()> {
            std::fs::write(path, "written")
        }

        fn catch_up(&self, ledger: &Ledger, from: u64) -> Result<u64, OpenError> {
            if from < ledger.durable_events() {
                self.told.lock().expect("alone").recv_timeout(SOON).expect("told")?;
            }
            Ok(ledger.durable_events())
        }

        fn durable(ledger: &Ledger) -> u64 {
            ledger.durable_events()
        }
    }

    fn started(dir: &Path) -> (Arc<Ledger>, Kept<Slow>, Sender<Result<(), OpenError>>) {
        let ledger = fixture::ledger(dir, 16);
        let names: Vec<String> = (0..10).map(|name| format!("name {name}")).collect();
        ledger.intern_all(&names.iter().map(String::as_str).collect::<Vec<_>>(), NOW).expect("recorded");
        let (tell, told) = channel();
        let told = Mutex::new(Some(told));
        let made = AtomicU64::new(0);
        // The first one made goes with its damaged snapshot; the second one is kept.
        let make = || {
            let kept = made.fetch_add(1, Ordering::SeqCst) > 0;
            let told = if kept { told.lock().expect("alone").take() } else { None };
            Slow { told: Mutex::new(told.unwrap_or_else(|| channel().1)) }
        };
        let (kept, found) = Kept::start(&ledger, make, SHORT).expect("a start does not wait for the records");
        assert!(found.damaged.is_some() && found.records_read > 2 * SHORT.behind_max);
        (ledger, kept, tell)
    }

    fn becomes(what: impl Fn() -> bool) {
        assert!((0..20_000).any(|_| {
            std::thread::park_timeout(Duration::from_millis(1));
            what()
        }));
    }

    #[test]
    fn without_a_snapshot_a_start_goes_on_and_commercial_traffic_is_closed_until_all_records_are_read() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (ledger, kept, tell) = started(dir.path());
        assert_eq!(ledger.evidence(), Evidence::ListNotWhole);
        kept.save().expect("nothing to do");
        assert!(!dir.path().join(Slow::FILE).exists(), "half of it is no snapshot");
        tell.send(Ok(())).expect("heard");
        becomes(|| ledger.evidence() == Evidence::Whole);
        kept.close().expect("written");
        assert!(dir.path().join(Slow::FILE).exists());
        assert_eq!(ledger.list_failure(), None);
    }

    #[test]
    fn records_that_cannot_be_read_stay_closed_and_are_said() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (ledger, kept, tell) = started(dir.path());
        tell.send(Err(OpenError::Record { stream: "events", seq: 3, what: "for the test" })).expect("heard");
        becomes(|| ledger.list_failure().is_some());
        assert_eq!(ledger.evidence(), Evidence::ListNotWhole);
        kept.close().expect("nothing is written");
        assert!(!dir.path().join(Slow::FILE).exists());
        assert!(matches!(ledger.take_list_failure(), Some(OpenError::Record { seq: 3, .. })));
    }
}
