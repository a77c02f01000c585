//! Owns a stream that is open for writing: its place, what is not yet durable, and who is told when it is.
//! Must never acknowledge: `synced` says what is durable, and the caller decides what follows from it.

use super::disk::{Disk, SegmentFile};
use super::error::{AppendError, OpenError};
use super::frame::Batch;
use super::recovery::{self, Identity, Recovery, Stretch};
use super::segment::{BODY, Blank, Header};
use super::{spare, sync};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long an append waits for a pre-written segment or for the disk before it gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Called after each fsync, and when the stream closes for good. Must not block.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How a stream is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// At most 8 ASCII characters; names threads and marks segments.
    pub stream: &'static str,
    /// Octets of each segment made from now on; at least 4 KiB.
    pub segment_octets: u64,
    /// How long an append may wait for its fsync to be shared; zero = at once (group commit still shares).
    pub sync_within: Duration,
    /// Written to every segment; one that is neither this nor `older` refuses to open.
    pub label: [u8; 16],
    /// Labels of segments from before: such a segment is read and never appended to; the stream goes on in a new one.
    pub older: Vec<[u8; 16]>,
    /// Where in a leaf its sequence number stands, if it does.
    pub leaf_seq_at: Option<usize>,
    /// Whether what was written is read back and compared before the fsync (for records that are acknowledged).
    pub read_back: bool,
}

/// A stream. Cheap to share; dropping the last handle closes it.
#[derive(Clone)]
pub struct Journal {
    pub(super) inner: Arc<Inner>,
    threads: Arc<Threads>,
}

pub(super) struct Inner {
    pub disk: Arc<dyn Disk>,
    pub dir: PathBuf,
    pub identity: Identity,
    pub options: Options,
    pub state: Mutex<State>,
    /// Rung when there is something to sync, or to close.
    pub dirty: Condvar,
    /// Rung when a sync ended, a spare is ready or the stream broke.
    pub progress: Condvar,
    /// Rung when a spare is wanted.
    pub wanted: Condvar,
    pub synced: AtomicU64,
    pub appended: AtomicU64,
    pub broken: AtomicBool,
    /// Held while segments are replaced or given up.
    pub rewriting: Mutex<()>,
}

pub(super) struct State {
    pub stretches: Vec<Stretch>,
    pub current: Blank,
    pub offset: u64,
    pub next_seq: u64,
    pub spare: Option<Blank>,
    /// Why the next segment could not be pre-written at the last try.
    pub trouble: Option<String>,
    pub highest: u64,
    /// The header the current segment gets once the one before is durable.
    pub header: Option<Header>,
    /// A write to the current segment failed: it is left at `offset` before the next write.
    pub tainted: bool,
    pub pending: Pending,
    /// Octets the sync thread holds while it works.
    pub in_flight: u64,
    pub synced_end: (u64, u64),
    pub wakes: Vec<Wake>,
    pub closing: bool,
    /// The fsync thread has nothing to do and waits for `dirty`.
    pub asleep: bool,
}

/// What was written and is not yet durable: kept in memory, because after a failed fsync the page cache cannot be trusted.
#[derive(Default)]
pub(super) struct Pending {
    pub octets: Vec<u8>,
    pub extents: Vec<Extent>,
}

#[derive(Clone)]
pub(super) struct Extent {
    pub index: u64,
    pub file: Arc<dyn SegmentFile>,
    pub start: u64,
    pub octets: u64,
}

impl Pending {
    pub fn clear(&mut self) {
        self.octets.clear();
        self.extents.clear();
    }

    fn add(&mut self, current: &Blank, start: u64, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
        match self.extents.last_mut() {
            Some(last) if last.index == current.index && last.start + last.octets == start => {
                last.octets += octets.len() as u64;
            }
            _ => self.extents.push(Extent {
                index: current.index,
                file: Arc::clone(&current.file),
                start,
                octets: octets.len() as u64,
            }),
        }
    }
}

#[derive(Default)]
struct Threads {
    handles: Mutex<Vec<JoinHandle<()>>>,
    inner: Mutex<Option<Arc<Inner>>>,
}

impl Drop for Threads {
    fn drop(&mut self) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(inner) = inner {
            inner.close();
        }
        for handle in self.handles.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A thread that panicked has already marked the stream; there is nothing to add here.
            let _ = handle.join();
        }
    }
}

impl Journal {
    /// Opens the stream in `dir` (which must exist), recovering it by the rules of `recovery`, and starts its threads.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<(Self, Recovery), OpenError> {
        let mut stream = [0; 8];
        let name = options.stream.as_bytes();
        stream[..name.len().min(8)].copy_from_slice(&name[..name.len().min(8)]);
        let identity = Identity { stream, label: options.label, segment_octets: options.segment_octets.max(4096) };
        let found = recovery::recover(&*disk, dir, identity, &options.older)?;
        let state = State {
            synced_end: (found.current.index, found.offset),
            stretches: found.stretches,
            current: found.current,
            offset: found.offset,
            next_seq: found.next_seq,
            spare: found.spare,
            trouble: None,
            highest: found.highest,
            header: None,
            tainted: false,
            pending: Pending::default(),
            in_flight: 0,
            wakes: Vec::new(),
            closing: false,
            asleep: false,
        };
        let inner = Arc::new(Inner {
            disk,
            dir: dir.to_path_buf(),
            identity,
            options,
            state: Mutex::new(state),
            dirty: Condvar::new(),
            progress: Condvar::new(),
            wanted: Condvar::new(),
            synced: AtomicU64::new(found.next_seq),
            appended: AtomicU64::new(found.next_seq),
            broken: AtomicBool::new(false),
            rewriting: Mutex::new(()),
        });
        let handles = vec![
            sync::spawn(Arc::clone(&inner)).map_err(OpenError::io(dir))?,
            spare::spawn(Arc::clone(&inner)).map_err(OpenError::io(dir))?,
        ];
        let threads = Threads { handles: Mutex::new(handles), inner: Mutex::new(Some(Arc::clone(&inner))) };
        Ok((Self { inner, threads: Arc::new(threads) }, found.report))
    }

    /// Appends the batch with one write and empties it. Returns the sequence numbers its frames got.
    /// On an error nothing of the batch is in the stream, and the batch is left as it was.
    pub fn append(&self, batch: &mut Batch) -> Result<Range<u64>, AppendError> {
        self.append_within(batch, PATIENCE)
    }

    /// As `append`, waiting at most `patience` for a pre-written segment or for the disk; zero never waits.
    pub fn append_within(&self, batch: &mut Batch, patience: Duration) -> Result<Range<u64>, AppendError> {
        let octets = batch.octets.len() as u64;
        if octets > self.inner.unsynced_max() {
            return Err(AppendError::TooLarge);
        }
        let mut state = self.inner.lock();
        if batch.is_empty() {
            return Ok(state.next_seq..state.next_seq);
        }
        if state.closing {
            return Err(AppendError::Closed);
        }
        let mut tries = 0;
        let first = loop {
            // The lock may be given up in here: numbers are taken only afterwards.
            state = self.inner.make_room(state, octets, patience)?;
            let first = state.next_seq;
            batch.number(first, self.inner.options.leaf_seq_at);
            match state.current.file.write_all_at(&batch.octets, state.offset) {
                Ok(()) => break first,
                Err(error) => {
                    state.tainted = true;
                    tries += 1;
                    // One attempt on the next segment; beyond that the disk is to be believed.
                    if tries > 1 {
                        return Err(AppendError::Write(error));
                    }
                }
            }
        };
        let (start, current) = (state.offset, state.current.clone());
        state.pending.add(&current, start, &batch.octets);
        state.offset += octets;
        state.next_seq += batch.len() as u64;
        let next = state.next_seq;
        self.inner.appended.store(next, Ordering::Release);
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            self.inner.dirty.notify_one();
        }
        batch.clear();
        Ok(first..next)
    }

    /// How many records are in the stream (the next sequence number).
    pub fn appended(&self) -> u64 {
        self.inner.appended.load(Ordering::Acquire)
    }

    /// How many records are durable: record `seq` is when `seq < synced()`.
    pub fn synced(&self) -> u64 {
        self.inner.synced.load(Ordering::Acquire)
    }

    /// Whether two fsyncs in a row failed: nothing is taken until restart.
    pub fn is_broken(&self) -> bool {
        self.inner.broken.load(Ordering::Acquire)
    }

    /// Why a batch of so many octets would not be taken now without waiting; `None` when it would.
    pub fn obstacle(&self, octets: u64) -> Option<AppendError> {
        if self.is_broken() {
            return Some(AppendError::Broken);
        }
        let state = self.inner.lock();
        let octets = octets.min(self.inner.unsynced_max());
        if state.closing {
            Some(AppendError::Closed)
        } else if state.held() + octets > self.inner.unsynced_max() {
            Some(AppendError::Stalled)
        } else if state.fits(octets) || (state.may_turn() && state.spare.is_some()) {
            None
        } else {
            Some(if state.may_turn() { AppendError::NoSegment } else { AppendError::Stalled })
        }
    }

    /// Why the next segment is not there yet, in the system's words: a disk that is full shows here long before records are refused.
    pub fn trouble(&self) -> Option<String> {
        self.inner.lock().trouble.clone()
    }

    /// Has `wake` called after each fsync and when the stream breaks.
    pub fn subscribe(&self, wake: Wake) {
        self.inner.lock().wakes.push(wake);
    }

    /// Waits until record `seq` is durable. `false` when the stream broke or `patience` is over.
    pub fn wait_synced(&self, seq: u64, patience: Duration) -> bool {
        let state = self.inner.lock();
        let waiting = |_: &mut State| self.synced() <= seq && !self.is_broken();
        drop(self.inner.progress.wait_timeout_while(state, patience, waiting).unwrap_or_else(PoisonError::into_inner));
        self.synced() > seq
    }

    /// Syncs what is pending and ends the threads. Idempotent.
    pub fn close(&self) {
        self.inner.close();
        for handle in self.threads.handles.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A thread that panicked has already marked the stream; there is nothing to add here.
            let _ = handle.join();
        }
    }
}

impl Inner {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn close(&self) {
        self.lock().closing = true;
        self.dirty.notify_all();
        self.wanted.notify_all();
        self.progress.notify_all();
    }

    fn wait_until<'s>(
        &self,
        state: MutexGuard<'s, State>,
        patience: Duration,
        otherwise: AppendError,
        ready: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'s, State>, AppendError> {
        let waiting = |state: &mut State| !ready(state) && !state.closing && !self.broken.load(Ordering::Acquire);
        let (state, _) =
            self.progress.wait_timeout_while(state, patience, waiting).unwrap_or_else(PoisonError::into_inner);
        if self.broken.load(Ordering::Acquire) {
            return Err(AppendError::Broken);
        }
        if ready(&state) { Ok(state) } else { Err(otherwise) }
    }

    /// What may be unsynced at most: it must fit into one new segment when an fsync fails.
    fn unsynced_max(&self) -> u64 {
        self.identity.segment_octets - BODY
    }

    /// Sees to it that `octets` fit into the current segment and into what may be unsynced, turning to the next when needed.
    fn make_room<'s>(
        &self,
        state: MutexGuard<'s, State>,
        octets: u64,
        patience: Duration,
    ) -> Result<MutexGuard<'s, State>, AppendError> {
        let bounded = |state: &State| state.held() + octets <= self.unsynced_max();
        let fits = |state: &State| state.fits(octets);
        let mut state = state;
        loop {
            state = self.wait_until(state, patience, AppendError::Stalled, bounded)?;
            if fits(&state) {
                return Ok(state);
            }
            // The lock may have been given up in there: what was bounded is looked at again.
            state = self.go_on(state, patience, fits)?;
        }
    }

    /// Turns to the next segment as soon as that is possible, unless it is `enough` before.
    pub(super) fn go_on<'s>(
        &self,
        state: MutexGuard<'s, State>,
        patience: Duration,
        enough: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'s, State>, AppendError> {
        let otherwise = if state.may_turn() { AppendError::NoSegment } else { AppendError::Stalled };
        let can_turn = |state: &State| state.may_turn() && state.spare.is_some();
        if !can_turn(&state) {
            self.wanted.notify_all();
        }
        let mut state = self.wait_until(state, patience, otherwise, |state| enough(state) || can_turn(state))?;
        if !enough(&state) {
            self.turn(&mut state);
        }
        Ok(state)
    }

    /// Leaves the current segment where it ends and goes on in the spare one.
    fn turn(&self, state: &mut State) {
        let Some(next) = state.spare.take() else { return };
        let (previous, previous_end) = match state.header {
            Some(passed) => (passed.previous, passed.previous_end),
            None => (state.current.index, state.offset),
        };
        if state.header.is_some() {
            state.stretches.pop();
            state.offset = previous_end;
        }
        state.header = Some(Header {
            stream: self.identity.stream,
            index: next.index,
            first_seq: state.next_seq,
            previous,
            previous_end,
            label: self.identity.label,
        });
        state.begin(next, self.identity.label);
        self.wanted.notify_all();
    }
}

impl State {
    /// Only one segment at a time may lack its header, else recovery could not tell what was durable.
    /// One that holds no frame yet (its first write failed) is passed over instead.
    fn may_turn(&self) -> bool {
        self.header.is_none() || self.offset == BODY
    }

    /// Octets that are not durable yet.
    fn held(&self) -> u64 {
        self.in_flight + self.pending.octets.len() as u64
    }

    /// Whether the current segment has room for so many octets.
    fn fits(&self, octets: u64) -> bool {
        !self.tainted && self.offset + octets <= self.current.octets
    }

    /// Makes `next` the segment that is written, from its first frame.
    pub fn begin(&mut self, next: Blank, label: [u8; 16]) {
        let end = self.offset;
        if let Some(last) = self.stretches.last_mut() {
            last.end = Some(end);
        }
        self.stretches.push(Stretch { index: next.index, first_seq: self.next_seq, end: None, label });
        self.current = next;
        self.offset = BODY;
        self.tainted = false;
    }
}
