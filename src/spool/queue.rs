//! Owns the receipts and messages that wait for slow or absent senders: sealed, durable, in order, bounded.
//! Must never acknowledge: `durable` says what is on disk, and the caller decides what follows from it.

use super::Keeping;
use super::error::SpoolError;
use super::keys::{self, SpoolKeys};
use super::record::{End, ITEM_LEAF, ItemLeaf};
use super::seal::Sealer;
use super::shelf::{Item, ItemKind, ShelfCounts, Shelves, Ticket};
use crate::journal::error::AppendError;
use crate::journal::frame::Batch;
use crate::journal::stream::{Journal, Wake};
use crate::message::instant::{CivilInstant, MonotonicInstant};
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name of its journal.
pub const STREAM: &str = "spool";
/// Octets that are written and not yet durable, beyond which nothing more is taken: the disk has stalled.
const UNSYNCED_MAX: u64 = 2 << 20;
/// A batch is written when it has this many octets, whether or not its turn has come.
const BATCH_MAX: usize = 1 << 20;
/// Records read ahead for an account at once, and octets kept in memory in all.
const AHEAD: usize = 256;
const AHEAD_SCAN: usize = 16_384;
const KEPT_MAX: usize = 8 << 20;

/// What is bounded, and by how much.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Items an account may have waiting (100,000).
    pub per_account: usize,
    /// How long an item waits (72 h).
    pub span: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_account: 100_000, span: Duration::from_secs(72 * 3600) }
    }
}

/// Why an item is not taken. The SMSC gets its temporary status and redelivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    #[error("the account has as many items waiting as it may have")]
    Full,
    #[error("the spool's disk takes nothing now")]
    Unusable,
}

/// An item handed out for replay.
#[derive(Debug, PartialEq, Eq)]
pub struct Delivery {
    pub ticket: Ticket,
    pub kind: ItemKind,
    pub tag: NumberTag,
    pub pushed: CivilInstant,
    /// The PDU as it was pushed.
    pub octets: Vec<u8>,
}

/// The queue. Shared by all lanes; each call holds its lock for no longer than it works in memory, and `commit` for one write.
pub struct Spool {
    pub(super) journal: Journal,
    pub(super) sealer: Sealer,
    pub(super) keys: SpoolKeys,
    limits: Limits,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub shelves: Shelves,
    pub batch: Batch,
    /// For each frame of the batch, the item it holds.
    pub batched: Vec<Option<Ticket>>,
    /// The items by their record: the first says what the journal may forget.
    pub live: BTreeMap<u64, Ticket>,
    pub next_id: u64,
    /// The newest item that is written.
    written_id: u64,
    /// Batches on their way to the disk: the record behind the last, the newest item, the octets.
    syncing: VecDeque<(u64, u64, u64)>,
    unsynced: u64,
    durable_id: u64,
    /// Sealed octets of items that will be asked for soon.
    kept: HashMap<u64, Vec<u8>>,
    kept_octets: usize,
    unreadable: u64,
    /// When the segment being written was begun, as far as `tidy` knows.
    pub segment_since: Option<CivilInstant>,
}

impl Spool {
    /// Opens the spool in `dir` (made if it is missing).
    pub fn open(keeping: &Keeping, dir: &Path, limits: Limits) -> Result<Self, SpoolError> {
        let journal = keeping.open(dir, STREAM, Duration::ZERO)?;
        let mut state = State::default();
        let mut reader = journal.read(journal.segment_starts().first().copied().unwrap_or(0), u64::MAX);
        while let Some((label, frame)) = reader.next_labelled_where(|_, _| true)? {
            let leaf = ItemLeaf::read(frame.leaf, frame.seq).ok_or(SpoolError::Unknown { record: frame.seq })?;
            state.replay(leaf.carried(|tag| keeping.keys.carry(&label, tag)));
        }
        state.written_id = state.next_id;
        state.durable_id = state.next_id;
        let sealer = keeping.keys.sealer()?;
        let (keys, state) = (keeping.keys.clone(), Mutex::new(state));
        let mut opened = Self { journal, sealer, keys, limits, patience: keys::PATIENCE, state };
        if opened.journal.has_older_labels() {
            opened.leave_segment()?;
        }
        opened.patience = keeping.patience;
        Ok(opened)
    }

    /// Takes an item in. It is on disk after `commit`, and durable once `durable` has reached its ticket.
    pub fn push(
        &self,
        account: NameId,
        kind: ItemKind,
        octets: &[u8],
        tag: NumberTag,
        now: CivilInstant,
    ) -> Result<Ticket, PushError> {
        let mut state = self.lock();
        state.note_synced(self.journal.synced());
        if self.journal.is_broken() || state.unsynced + state.batch.octets() as u64 > UNSYNCED_MAX {
            return Err(PushError::Unusable);
        }
        if state.shelves.account_len(account) >= self.limits.per_account {
            return Err(PushError::Full);
        }
        if state.batch.octets() > BATCH_MAX && self.write(&mut state).is_err() {
            return Err(PushError::Unusable);
        }
        let ticket = Ticket { account, id: state.next_id + 1 };
        let item = Item { kind, tag, pushed: now, record: u64::MAX };
        let mut buffer = [0; ITEM_LEAF];
        let leaf = ItemLeaf::Item(ticket, item).write(&mut buffer);
        let sealed = self.sealer.seal(leaf, octets);
        if !state.batch.push(leaf, &sealed) {
            return Err(PushError::Unusable);
        }
        state.batched.push(Some(ticket));
        state.next_id = ticket.id;
        state.shelves.insert(ticket, item);
        state.keep(ticket.id, sealed);
        Ok(ticket)
    }

    /// Writes what was pushed and ended since the last call, with one write to the page cache. On an error the items pushed since
    /// are not taken, and their tickets name nothing: the SMSC is to be told to try again.
    pub fn commit(&self) -> Result<(), AppendError> {
        self.write(&mut self.lock())
    }

    /// Items up to this id are durable: they survive a power cut.
    pub fn durable(&self) -> u64 {
        let mut state = self.lock();
        state.note_synced(self.journal.synced());
        state.durable_id
    }

    /// Whether this item waits, or is durable: not so when its batch could not be written.
    pub fn is_taken(&self, ticket: Ticket) -> bool {
        self.is_durable(ticket) || self.lock().shelves.get(ticket).is_some()
    }

    /// Whether this item is durable.
    pub fn is_durable(&self, ticket: Ticket) -> bool {
        ticket.id <= self.durable()
    }

    /// Has `wake` called after each fsync. It must not block.
    pub fn subscribe(&self, wake: Wake) {
        self.journal.subscribe(wake);
    }

    /// The next item for an account, messages before receipts, oldest first; `None` when nothing is ready.
    /// It stays handed out until `done`, `retry`, `put_back` or `put_all_back`.
    pub fn next(&self, account: NameId, now: MonotonicInstant) -> Option<Delivery> {
        let mut state = self.lock();
        let upto = state.written_id;
        loop {
            let (ticket, item) = state.shelves.next(account, upto, now)?;
            let mut buffer = [0; ITEM_LEAF];
            let leaf = ItemLeaf::Item(ticket, item).write(&mut buffer);
            let sealed = match state.unkeep(ticket.id) {
                Some(sealed) => Some(sealed),
                None => {
                    self.read_ahead(&mut state, account, item.record);
                    state.unkeep(ticket.id)
                }
            };
            if let Some(octets) = sealed.and_then(|sealed| self.sealer.open(leaf, &sealed).ok()) {
                return Some(Delivery { ticket, kind: item.kind, tag: item.tag, pushed: item.pushed, octets });
            }
            state.unreadable += 1;
            state.end(ticket, End::Erased);
        }
    }

    /// Notes that this item is in a client's hands already: it is not handed out by `next`.
    pub fn hand_out(&self, ticket: Ticket) {
        self.lock().shelves.hand_out(ticket);
    }

    /// The client acknowledged it: it is over.
    pub fn done(&self, ticket: Ticket) {
        self.lock().end(ticket, End::Done);
    }

    /// The client refused it for now: it is handed out again from `due` on; others may pass it.
    pub fn retry(&self, ticket: Ticket, due: MonotonicInstant) {
        self.lock().shelves.delay(ticket, due);
    }

    /// It was not written to the client: it goes back to its place.
    pub fn put_back(&self, ticket: Ticket) {
        self.lock().shelves.put_back(ticket);
    }

    /// The account's last receiving session is gone: everything handed out to it goes back.
    pub fn put_all_back(&self, account: NameId) {
        self.lock().shelves.put_all_back(account);
    }

    /// When the first delayed item of an account is due.
    pub fn next_due(&self, account: NameId) -> Option<MonotonicInstant> {
        self.lock().shelves.next_due(account)
    }

    /// How an account's items stand.
    pub fn counts(&self, account: NameId) -> ShelfCounts {
        self.lock().shelves.counts(account)
    }

    /// How many items wait in all, and how many could not be read back since the start.
    pub fn totals(&self) -> (usize, u64) {
        let state = self.lock();
        (state.shelves.len(), state.unreadable)
    }

    /// The accounts that have something waiting (some may no longer be configured).
    pub fn accounts(&self) -> Vec<NameId> {
        self.lock().shelves.accounts().collect()
    }

    /// Ends what has waited for 72 hours. Each is returned, to be counted and told: nothing expires silently.
    pub fn expire(&self, now: CivilInstant) -> Vec<(Ticket, ItemKind)> {
        let mut state = self.lock();
        let old = state.shelves.older_than(now.minus(self.limits.span));
        old.into_iter().filter_map(|ticket| state.end(ticket, End::Expired).map(|item| (ticket, item.kind))).collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, state: &mut State) -> Result<(), AppendError> {
        if state.batch.is_empty() {
            return Ok(());
        }
        let octets = state.batch.octets() as u64;
        let batched = std::mem::take(&mut state.batched);
        let outcome = self.journal.append_within(&mut state.batch, self.patience);
        match &outcome {
            Ok(records) => {
                for (record, ticket) in records.clone().zip(&batched) {
                    ticket.map(|ticket| state.written(ticket, record));
                }
                state.written_id = state.next_id;
                state.syncing.push_back((records.end, state.next_id, octets));
                state.unsynced += octets;
            }
            Err(_) => {
                state.batch.clear();
                for ticket in batched.iter().flatten() {
                    // A copy that could not be written leaves the item where it stands.
                    if state.shelves.get(*ticket).is_some_and(|item| item.record == u64::MAX) {
                        state.shelves.remove(*ticket);
                        state.unkeep(ticket.id);
                    }
                }
            }
        }
        state.batched = batched;
        state.batched.clear();
        outcome.map(|_| ())
    }

    /// Reads on from `record`, keeping what belongs to the account: it will be asked for next.
    fn read_ahead(&self, state: &mut State, account: NameId, record: u64) {
        let mut reader = self.journal.read(record, u64::MAX);
        let mut found = 0;
        for _ in 0..AHEAD_SCAN {
            let Ok(Some(frame)) = reader.next_frame() else { return };
            let ticket = state.live.get(&frame.seq).copied();
            if let Some(ticket) = ticket.filter(|ticket| ticket.account == account) {
                state.keep(ticket.id, frame.blob.to_vec());
                found += 1;
            }
            if found >= AHEAD || state.kept_octets > KEPT_MAX {
                return;
            }
        }
    }
}

impl State {
    fn replay(&mut self, leaf: ItemLeaf) {
        match leaf {
            ItemLeaf::Item(ticket, item) => {
                self.next_id = self.next_id.max(ticket.id);
                if let Some(earlier) = self.shelves.get(ticket) {
                    self.live.remove(&earlier.record);
                }
                self.shelves.insert(ticket, item);
                self.live.insert(item.record, ticket);
            }
            ItemLeaf::Ended(ticket, _) => {
                self.next_id = self.next_id.max(ticket.id);
                if let Some(item) = self.shelves.remove(ticket) {
                    self.live.remove(&item.record);
                }
            }
        }
    }

    fn written(&mut self, ticket: Ticket, record: u64) {
        if let Some(item) = self.shelves.get(ticket) {
            self.live.remove(&item.record);
            self.live.insert(record, ticket);
            self.shelves.place(ticket, record);
        }
    }

    pub(super) fn end(&mut self, ticket: Ticket, end: End) -> Option<Item> {
        let item = self.shelves.remove(ticket)?;
        self.live.remove(&item.record);
        self.unkeep(ticket.id);
        self.log(ItemLeaf::Ended(ticket, end));
        Some(item)
    }

    /// Adds a record that holds no item.
    pub(super) fn log(&mut self, leaf: ItemLeaf) {
        let mut buffer = [0; ITEM_LEAF];
        self.batch.push(leaf.write(&mut buffer), &[]);
        self.batched.push(None);
    }

    fn note_synced(&mut self, synced: u64) {
        while let Some((_, id, octets)) = self.syncing.pop_front_if(|(end, _, _)| *end <= synced) {
            self.durable_id = id;
            self.unsynced -= octets;
        }
    }

    fn keep(&mut self, id: u64, sealed: Vec<u8>) {
        if self.kept_octets + sealed.len() <= KEPT_MAX {
            self.kept_octets += sealed.len();
            if let Some(before) = self.kept.insert(id, sealed) {
                self.kept_octets -= before.len();
            }
        }
    }

    fn unkeep(&mut self, id: u64) -> Option<Vec<u8>> {
        let sealed = self.kept.remove(&id)?;
        self.kept_octets -= sealed.len();
        Some(sealed)
    }
}
