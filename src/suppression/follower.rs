//! Owns the thread that keeps the embedded store in step with the events: compare, rebuild, follow.
//! Must never delay a lane or an acknowledgement: the store may lag, and says by how much.

use super::heard::Heard;
use super::index::Index;
use super::sled_store::SledStore;
use super::store::{Fact, Mark, Store, StoreError};
use crate::ledger::book::Ledger;
use crate::ledger::error::OpenError;
use crate::ledger::read::Events;
use crate::message::tag::NumberTag;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Facts written in one batch: what they replace in sled is freed only behind it.
const BATCH: usize = 128;
/// How long a store that failed is left alone before it is made again; twice as long each time, while it never came into step.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// What the follower is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Opening the store and counting it again.
    Comparing,
    /// Making it again from the events.
    Rebuilding,
    /// In step, give or take its lag.
    Following,
    /// It cannot be used now; the list itself does not need it.
    Unavailable,
}

impl Stage {
    /// The word used in logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Comparing => "comparing",
            Self::Rebuilding => "rebuilding",
            Self::Following => "following",
            Self::Unavailable => "unavailable",
        }
    }
}

/// How the store stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStatus {
    pub stage: Stage,
    /// Events that are in the store.
    pub position: u64,
    /// Durable events that are not.
    pub lag: u64,
    /// How often a store was moved aside since the start.
    pub quarantined: u64,
    /// Why the last one was.
    pub why: Option<String>,
}

/// The store and its thread.
pub struct Follower {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    ledger: Arc<Ledger>,
    index: Arc<Index>,
    dir: PathBuf,
    store: RwLock<Option<Arc<dyn Store>>>,
    stage: Mutex<(Stage, Option<String>)>,
    /// Rung when stage or position changed.
    changed: Condvar,
    position: AtomicU64,
    /// Whether this store has come into step once.
    in_step: AtomicBool,
    quarantined: AtomicU64,
    bell: Arc<Bell>,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    condvar: Condvar,
    closing: AtomicBool,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condvar.notify_all();
    }

    /// Waits for the bell, or for `patience`. `false` when everything ends.
    fn wait(&self, patience: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |rung: &mut bool| !*rung && !self.closing.load(Ordering::Acquire);
        let (mut rung, _) =
            self.condvar.wait_timeout_while(rung, patience, idle).unwrap_or_else(PoisonError::into_inner);
        *rung = false;
        !self.closing.load(Ordering::Acquire)
    }
}

impl Follower {
    /// Starts the thread; the store is opened there. `index` is compared with what the store holds.
    pub fn start(ledger: &Arc<Ledger>, index: &Arc<Index>) -> Result<Self, OpenError> {
        let bell = Arc::new(Bell::default());
        let ringer = Arc::clone(&bell);
        ledger.subscribe(Arc::new(move || ringer.ring()));
        let shared = Arc::new(Shared {
            ledger: Arc::clone(ledger),
            index: Arc::clone(index),
            dir: ledger.dir().to_path_buf(),
            store: RwLock::new(None),
            stage: Mutex::new((Stage::Comparing, None)),
            changed: Condvar::new(),
            position: AtomicU64::new(0),
            in_step: AtomicBool::new(false),
            quarantined: AtomicU64::new(0),
            bell,
            heard: Arc::default(),
        });
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("list-store".into())
            .spawn(move || worker.run())
            .map_err(OpenError::io(ledger.dir()))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// How the store stands.
    pub fn status(&self) -> StoreStatus {
        let (stage, why) = self.shared.stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let position = self.shared.position.load(Ordering::Acquire);
        StoreStatus {
            stage,
            position,
            lag: self.shared.ledger.durable_events().saturating_sub(position),
            quarantined: self.shared.quarantined.load(Ordering::Acquire),
            why,
        }
    }

    /// Waits (blocking the thread) until every event that is durable now is in the store. `false` when `patience` is over.
    pub fn wait_in_step(&self, patience: Duration) -> bool {
        let wanted = self.shared.ledger.durable_events();
        let behind = |stage: &mut (Stage, Option<String>)| {
            stage.0 != Stage::Following || self.shared.position.load(Ordering::Acquire) < wanted
        };
        let stage = self.shared.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.shared.changed.wait_timeout_while(stage, patience, behind);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Where a number's events stand, and the event position up to which that is whole; `None` when the store cannot tell now.
    pub fn history(&self, tag: &NumberTag) -> Option<(Vec<u64>, u64)> {
        if self.status().stage != Stage::Following {
            return None;
        }
        let store = self.shared.store.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        // Read first: what comes in meanwhile is then found in the events too, and once is enough.
        let position = self.shared.position.load(Ordering::Acquire);
        Some((store.history(tag).ok()?, position))
    }

    /// The numbers that the store and the events name.
    pub fn heard(&self) -> &Arc<Heard> {
        &self.shared.heard
    }

    /// Ends the thread and closes the store. Idempotent.
    pub fn close(&self) {
        self.shared.bell.closing.store(true, Ordering::Release);
        self.shared.bell.ring();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn run(&self) {
        let mut rest = AGAIN;
        while !self.bell.closing.load(Ordering::Acquire) {
            self.in_step.store(false, Ordering::Release);
            let Err(why) = self.follow() else { break };
            self.set(Stage::Unavailable, Some(why.to_string()));
            *self.store.write().unwrap_or_else(PoisonError::into_inner) = None;
            if self.in_step.load(Ordering::Acquire) {
                rest = AGAIN;
            }
            match why {
                // A full disk stays full for a while, and what is wrong with the events is not the store's fault.
                StoreError::Disk(_) | StoreError::Events(_) => rest = AGAIN,
                // Nothing is wrong with it: a key was replaced. What cannot be removed is tried again.
                StoreError::OtherKeys(mark) if self.ledger.knows_keys(&mark) => {
                    self.position.store(0, Ordering::Release);
                    if std::fs::remove_dir_all(self.dir.join("store")).is_ok() {
                        continue;
                    }
                }
                StoreError::Failed(_)
                | StoreError::Panicked(_)
                | StoreError::Mismatch(_)
                | StoreError::OtherKeys(_) => self.quarantine(),
            }
            self.rest(rest);
            rest = (rest * 2).min(AGAIN_MAX);
        }
        *self.store.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits whatever becomes durable meanwhile; until the end only.
    fn rest(&self, patience: Duration) {
        let rung = self.bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let open = |_: &mut bool| !self.bell.closing.load(Ordering::Acquire);
        drop(self.bell.condvar.wait_timeout_while(rung, patience, open).unwrap_or_else(PoisonError::into_inner));
    }

    fn set(&self, stage: Stage, why: Option<String>) {
        let mut held = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 = stage;
        if why.is_some() {
            held.1 = why;
        }
        drop(held);
        self.changed.notify_all();
    }

    /// Opens, compares, catches up and follows until the end. An error means: this store is not to be used any more.
    fn follow(&self) -> Result<(), StoreError> {
        let home = self.dir.join("store");
        let store: Arc<dyn Store> = Arc::new(SledStore::open(&home, self.ledger.key_check())?);
        let mark = store.mark()?;
        if let Some(stated) = mark {
            self.set(Stage::Comparing, None);
            // Half a list would make the store look wrong.
            while self.ledger.is_behind() && !self.bell.closing.load(Ordering::Acquire) {
                self.rest(AGAIN);
            }
            self.compare(&*store, stated)?;
        }
        self.position.store(mark.unwrap_or_default().position, Ordering::Release);
        if self.lag() > 0 && mark.is_none() {
            self.set(Stage::Rebuilding, None);
        }
        *self.store.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&store));
        let mut reading = None;
        while !self.bell.closing.load(Ordering::Acquire) {
            if self.lag() > 0 {
                self.step(&*store, &mut reading)?;
                continue;
            }
            self.in_step.store(true, Ordering::Release);
            self.set(Stage::Following, None);
            self.bell.wait(Duration::from_secs(3600));
        }
        store.flush()
    }

    fn lag(&self) -> u64 {
        self.ledger.durable_events().saturating_sub(self.position.load(Ordering::Acquire))
    }

    fn compare(&self, store: &dyn Store, stated: Mark) -> Result<(), StoreError> {
        if stated.position > self.ledger.durable_events() {
            return Err(StoreError::Mismatch("it knows more events than there are"));
        }
        self.heard.reserve((stated.numbers as usize).min(self.index.len()));
        let found = store.recount(&|_| !self.bell.closing.load(Ordering::Acquire), &|tag| self.heard.add(tag))?;
        if self.bell.closing.load(Ordering::Acquire) {
            return Ok(());
        }
        if found != stated {
            return Err(StoreError::Mismatch("numbers or digests differ from its mark"));
        }
        if found.numbers > self.index.len() as u64 {
            return Err(StoreError::Mismatch("it knows more numbers than the list"));
        }
        self.heard.is_whole_to(stated.position);
        Ok(())
    }

    /// Takes one batch of events, where `reading` left off.
    fn step(&self, store: &dyn Store, reading: &mut Option<Events>) -> Result<(), StoreError> {
        let from = self.position.load(Ordering::Acquire);
        let upto = self.ledger.durable_events();
        let kept = reading.take();
        let was_kept = kept.is_some();
        let mut events = self.ledger.read_on(kept, from, upto);
        let facts = match next_facts(&mut events) {
            // What an erasure has written anew is not where it was.
            Err(_) if was_kept => {
                events = self.ledger.read_events(from, upto);
                next_facts(&mut events)
            }
            read => read,
        };
        let facts = facts.map_err(|error| StoreError::Events(error.to_string()))?;
        let position = events.position();
        *reading = Some(events);
        store.take(&facts, position)?;
        facts.iter().for_each(|fact| self.heard.add(&fact.tag));
        // From the first event on, or from where a store goes on whose numbers are known.
        if from <= self.heard.whole_to() {
            self.heard.is_whole_to(position);
        }
        self.position.store(position, Ordering::Release);
        Ok(())
    }

    /// Moves a store that is not to be used aside. The one that was aside before goes: it helps nobody twice.
    fn quarantine(&self) {
        let home = self.dir.join("store");
        if !home.exists() {
            return;
        }
        let aside = self.dir.join("store.quarantine");
        // What cannot be moved is tried again in a second; the list does not need the store.
        let _ = std::fs::remove_dir_all(&aside);
        if std::fs::rename(&home, &aside).is_ok() {
            self.quarantined.fetch_add(1, Ordering::AcqRel);
        }
        self.position.store(0, Ordering::Release);
    }
}

/// The facts of the next batch; fewer at the end of what is durable.
fn next_facts(events: &mut Events) -> Result<Vec<Fact>, OpenError> {
    let mut facts = Vec::with_capacity(BATCH);
    while facts.len() < BATCH {
        match events.next_suppression_leaf()? {
            Some((tag, seq, _)) => facts.push(Fact { tag, seq }),
            None => break,
        }
    }
    Ok(facts)
}

/// Where a store that was moved aside stands: it holds pseudonymous leaves only, no personal data.
pub fn quarantine_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("store.quarantine")
}
