//! Owns the ledger that is open: its two streams, its names, its event numbers, and whether it can be used.
//! Must never say `Whole` while a stream takes no records.

use super::appender::Appender;
use super::checkpoint::Stream;
use super::error::{LedgerError, OpenError};
use super::event::Event;
use super::gap::Gaps;
use super::generations::Generations;
use super::home::Home;
use super::names::{self, Names, Place};
use super::packs;
use super::sealed::Sealer;
use super::suppression_event::EventId;
use crate::compliance::facts::Evidence;
use crate::compliance::pack::Pack;
use crate::journal::disk::Disk;
use crate::journal::stream::{Journal, Wake};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Names are written in batches of about this size: a batch never outgrows a segment.
const NAMING_OCTETS: usize = 2048;

/// Octets that must find room in both streams before a gap is closed: a large batch of a lane.
const ROOM_OCTETS: u64 = 256 << 10;

/// How long a caller that must wait for durability waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The ledger of one data_dir. Shared; each lane has its own [`Appender`].
pub struct Ledger {
    pub(super) events: Journal,
    pub(super) verdicts: Journal,
    /// One order over both streams.
    pub(super) sequencer: Mutex<()>,
    pub(super) sealer: Sealer,
    pub(super) boot: u32,
    pub(super) epoch: u32,
    /// The `epoch` record of a restore that may lack stops; `u64::MAX` = none, or it was opened again.
    pub(super) closed: AtomicU64,
    /// The list is being made again from all events; what stands in the way of that, once something does.
    pub(super) behind: AtomicBool,
    pub(super) list_failure: Mutex<Option<OpenError>>,
    pub(super) rehearsal: bool,
    pub(super) gaps: Gaps,
    /// The civil instant of the last commit: the ledger reads no clock.
    pub(super) last_now: AtomicI64,
    pub(super) home: Home,
    pub(super) disk: Arc<dyn Disk>,
    /// The marks of the keys, and what carries tags from an older generation.
    pub(super) generations: Generations,
    /// `stopgate/NODE`: what its logs are called.
    pub(super) log_origin: String,
    pub(super) names: Names,
    pub(super) naming: Mutex<()>,
    pub(super) origin: u32,
    pub(super) event_number: AtomicU64,
    /// Erasures that were begun and are not over.
    pub(super) erasures_waiting: AtomicU64,
}

impl Ledger {
    /// A lane's own way of writing.
    pub fn appender(self: &Arc<Self>) -> Appender {
        Appender::new(Arc::clone(self))
    }

    /// The handle of a name; a new one gets a durable `config` record first.
    ///
    /// # Errors
    /// When the record cannot be made durable within 5 s.
    pub fn intern(self: &Arc<Self>, name: &str, now: CivilInstant) -> Result<NameId, LedgerError> {
        self.intern_all(&[name], now).map(|handles| handles[0])
    }

    /// Handles of many names, with one fsync for all that are new.
    pub fn intern_all(self: &Arc<Self>, wanted: &[&str], now: CivilInstant) -> Result<Vec<NameId>, LedgerError> {
        let find = || wanted.iter().map(|name| self.names.handle(name)).collect::<Option<Vec<_>>>();
        if let Some(handles) = find() {
            return Ok(handles);
        }
        let _alone = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh: Vec<(NameId, &str)> = Vec::new();
        let mut next = self.names.next();
        let mut appender = self.appender();
        for name in wanted {
            if self.names.handle(name).is_some() || fresh.iter().any(|(_, other)| other == name) {
                continue;
            }
            appender.event(now, &Event::Config { id: next, name: (*name).to_owned() }, None)?;
            fresh.push((next, name));
            next = NameId(next.0 + 1);
            if appender.event_octets() >= NAMING_OCTETS {
                self.take_names(&mut appender, &mut fresh, now)?;
            }
        }
        self.take_names(&mut appender, &mut fresh, now)?;
        let last = self.events.appended().saturating_sub(1);
        if !self.events.wait_synced(last, PATIENCE) {
            return Err(LedgerError::NotDurable);
        }
        find().ok_or(LedgerError::NotDurable)
    }

    fn take_names(
        &self,
        appender: &mut Appender,
        fresh: &mut Vec<(NameId, &str)>,
        now: CivilInstant,
    ) -> Result<(), LedgerError> {
        appender.commit(now)?;
        // Appended means the handles are taken, durable or not: nobody else may get them.
        for (id, name) in fresh.drain(..) {
            self.names.insert(id, name);
        }
        Ok(())
    }

    /// The name of a handle.
    pub fn name(&self, id: NameId) -> Option<Arc<str>> {
        self.names.name(id)
    }

    /// The handle of a name that already has one.
    pub fn handle(&self, name: &str) -> Option<NameId> {
        self.names.handle(name)
    }

    /// How many names there are: each stays for ever.
    pub fn names_known(&self) -> usize {
        self.names.next().0 as usize - 1
    }

    /// A new event's name: numbers rise within this node, across restarts. Draw it right before applying the event.
    pub fn next_event_id(&self) -> EventId {
        EventId { origin: self.origin, number: self.event_number.fetch_add(1, Ordering::Relaxed) }
    }

    /// This node's origin in event ids.
    pub fn origin(&self) -> u32 {
        self.origin
    }

    /// Counts the starts of this data_dir, from 1.
    pub fn boot(&self) -> u32 {
        self.boot
    }

    /// Whether the civil clock is virtual.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// Events in the stream, durable or not.
    pub fn events_appended(&self) -> u64 {
        self.events.appended()
    }

    /// Verdicts in the stream, durable or not.
    pub fn verdicts_appended(&self) -> u64 {
        self.verdicts.appended()
    }

    /// How many events are durable: event `seq` is when `seq < durable_events()`.
    pub fn durable_events(&self) -> u64 {
        self.events.synced()
    }

    /// How many verdicts are durable.
    pub fn durable_verdicts(&self) -> u64 {
        self.verdicts.synced()
    }

    /// Waits (blocking the thread) until an event is durable.
    pub fn wait_durable(&self, seq: u64, patience: Duration) -> bool {
        self.events.wait_synced(seq, patience)
    }

    /// Has `wake` called after each fsync of events, and when that stream closes for good. Must not block.
    pub fn subscribe(&self, wake: Wake) {
        self.events.subscribe(wake);
    }

    /// Whether events are taken no more until restart: what is not durable by now never will be.
    pub fn events_are_broken(&self) -> bool {
        self.events.is_broken()
    }

    /// Whether the ledger can be used.
    pub fn evidence(&self) -> Evidence {
        if self.gaps.is_open() || self.events.is_broken() || self.verdicts.is_broken() {
            Evidence::LedgerUnusable
        } else if self.is_behind() {
            Evidence::ListNotWhole
        } else if self.closed.load(Ordering::Relaxed) != u64::MAX {
            Evidence::Restored
        } else {
            Evidence::Whole
        }
    }

    /// Whether the list is not whole: a start found no usable snapshot, and its records are being read.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Acquire)
    }

    /// The list is not whole from now on, or is again.
    pub fn set_behind(&self, behind: bool) {
        self.behind.store(behind, Ordering::Release);
    }

    /// Why the list cannot be made whole: its records cannot be read. The process is to end with it.
    pub fn list_failure(&self) -> Option<String> {
        self.list_failure.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ToString::to_string)
    }

    /// The same, for the end of the process.
    pub fn take_list_failure(&self) -> Option<OpenError> {
        self.list_failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What stands in the way of records now, in words; `None` when both streams take them.
    pub fn obstacle(&self) -> Option<String> {
        [(&self.events, "events"), (&self.verdicts, "verdicts")].into_iter().find_map(|(journal, name)| {
            let why = journal.obstacle(ROOM_OCTETS)?;
            let because = journal.trouble().map(|trouble| format!(": {trouble}")).unwrap_or_default();
            Some(format!("{name}: {why}{because}"))
        })
    }

    /// Why the next segment of a stream cannot be pre-written: records are taken until the one before is full.
    pub fn trouble(&self) -> Option<String> {
        [(&self.events, "events"), (&self.verdicts, "verdicts")].into_iter().find_map(|(journal, name)| {
            let trouble = journal.trouble()?;
            Some(format!("the next segment of {name} cannot be pre-written: {trouble}"))
        })
    }

    /// Counts a transactional message that left without a record because the ledger was unusable.
    pub fn count_unrecorded(&self, account: NameId, now: CivilInstant) {
        self.gaps.count(account, now);
    }

    /// The data_dir.
    pub fn dir(&self) -> &Path {
        self.home.dir()
    }

    /// What its logs are called, before the stream's name.
    pub fn log_origin(&self) -> &str {
        &self.log_origin
    }

    /// Counts the restores from a backup.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The `epoch` record of the restore since which commercial traffic is refused, if it still is.
    pub fn closed_since(&self) -> Option<u64> {
        Some(self.closed.load(Ordering::Acquire)).filter(|seq| *seq != u64::MAX)
    }

    /// Commercial traffic may flow again: the `reopen` record that says why is durable.
    pub fn reopened(&self) {
        self.closed.store(u64::MAX, Ordering::Release);
        // The file only saves time: the record says it too.
        let _ = self.save_names();
    }

    pub(super) fn journal(&self, stream: Stream) -> &Journal {
        match stream {
            Stream::Events => &self.events,
            Stream::Verdicts => &self.verdicts,
        }
    }

    /// The key-check value: stands in every file made beside the ledger.
    pub fn key_check(&self) -> [u8; 16] {
        self.generations.newest()
    }

    /// Whether a file of this key-check value was made under these keys or earlier generations of them.
    pub fn knows_keys(&self, mark: &[u8; 16]) -> bool {
        self.generations.knows(mark)
    }

    /// The disk the ledger writes to.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Opens sealed personal data.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Keeps a pack beside the verdicts that name it.
    pub fn keep_pack(&self, pack: &Pack) -> std::io::Result<()> {
        let room = self.home.room(packs::ROOM).map_err(std::io::Error::other)?;
        packs::keep(&*self.disk, &room, pack)
    }

    /// Saves the names beside the events, so that a start need not read all events for them.
    pub fn save_names(&self) -> std::io::Result<()> {
        // Held, so that no name is appended but not yet in the table.
        let _alone = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        let position = self.events.synced();
        let place = Place { position, boot: self.boot, epoch: self.epoch, closed: self.closed_since() };
        names::save(&*self.disk, &self.dir().join("names"), &self.key_check(), &self.names, place)
    }

    /// Writes the `end` record, makes everything durable and closes the streams. Nothing is taken afterwards.
    pub fn close(self: &Arc<Self>, now: CivilInstant) -> Result<(), LedgerError> {
        self.gaps.close();
        let counted = self.gaps.record_at_the_end(self);
        let verdicts = self.verdicts.appended();
        if verdicts > 0 {
            self.verdicts.wait_synced(verdicts - 1, PATIENCE);
        }
        let mut appender = self.appender();
        appender.event(now, &Event::End { verdicts }, None)?;
        let committed = appender.commit(now)?;
        let durable = self.events.wait_synced(committed.events.end - 1, PATIENCE);
        // The file only saves time at the next start.
        let _ = self.save_names();
        self.events.close();
        self.verdicts.close();
        if durable && counted { Ok(()) } else { Err(LedgerError::NotDurable) }
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Ledger(boot {}, {} events, {} verdicts)",
            self.boot,
            self.events.appended(),
            self.verdicts.appended()
        )
    }
}
