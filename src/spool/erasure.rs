//! Owns what is done to waiting items and scheduled messages from outside the traffic: access and erasure by number, and giving
//! disk space back.
//! Must never be called from a lane: these calls read files and wait for fsyncs.

use super::blanking;
use super::error::SpoolError;
use super::queue::{Delivery, Spool};
use super::record::{End, ITEM_LEAF, ItemLeaf};
use super::scheduled::{Recall, ScheduledId, ScheduledMessages};
use super::scheduled_leaf::{LEAF_MAX, ScheduledLeaf};
use super::shelf::{Item, Ticket};
use crate::journal::error::AppendError;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Dead records beside each live one, beyond which the oldest segment's items are copied on so that it can go.
const DEAD_MAX: u64 = 4;
/// Below this many records nothing is copied.
const SMALL: u64 = 10_000;
/// How long a segment is written at most.
const SEGMENT_SPAN: Duration = Duration::from_secs(24 * 3600);
/// How long a copy may take to become durable.
const PATIENCE: Duration = Duration::from_secs(10);

impl ScheduledMessages {
    /// What operators hold for a number: the person's right of access.
    pub fn by_tag(&self, tag: &NumberTag) -> Vec<Recall> {
        let state = self.lock();
        let of_tag = state.of(tag).into_iter().filter_map(|id| self.read(&state, id));
        of_tag.filter(|one| one.scheduled.tag == *tag).collect()
    }

    /// Drops from the disk what is remembered for a number; gives how many messages that was. Those that are not over are
    /// remembered in memory alone, so that a STOP still calls them back, until the process ends.
    ///
    /// # Errors
    /// The disk: call it again.
    pub fn erase(&self, tag: &NumberTag) -> Result<usize, SpoolError> {
        self.commit()?;
        let last = {
            let mut state = self.lock();
            for id in state.of(tag) {
                if let Some(found) = self.read(&state, id).filter(|one| one.scheduled.tag == *tag) {
                    state.in_memory.insert(id, found);
                }
            }
            state.next_id
        };
        let mut mark = [0; LEAF_MAX];
        let mark = ScheduledLeaf::Ended(ScheduledId(0)).write(&mut mark);
        let known = |leaf: &[u8]| match ScheduledLeaf::read(leaf) {
            // What is accepted meanwhile is not in memory.
            Some(ScheduledLeaf::Kept(id, scheduled)) => scheduled.tag == *tag && id.0 <= last,
            Some(ScheduledLeaf::Ended(_)) | None => false,
        };
        blanking::blank(&self.journal, mark, known)
    }
}

type LeafAndBlob = (Vec<u8>, Vec<u8>);

impl Spool {
    /// Everything that waits and concerns a number: the person's right of access.
    pub fn by_tag(&self, tag: &NumberTag) -> Result<Vec<Delivery>, SpoolError> {
        let items: BTreeMap<u64, (Ticket, Item)> = {
            let mut state = self.lock();
            self.write(&mut state)?;
            let of_tag = state.shelves.iter().filter(|(_, item)| item.tag == *tag);
            of_tag.map(|(ticket, item)| (item.record, (ticket, *item))).collect()
        };
        let mut found = Vec::with_capacity(items.len());
        for (record, (ticket, item)) in items {
            let Some((leaf, blob)) = self.read_one(record)? else { continue };
            let octets = self.sealer.open(&leaf, &blob).map_err(|_| SpoolError::Sealed { record })?;
            found.push(Delivery { ticket, kind: item.kind, tag: item.tag, pushed: item.pushed, octets });
        }
        Ok(found)
    }

    /// Ends everything that waits and concerns a number, and rewrites what else waits, so that no live file holds an octet of it,
    /// delivered or not. Returns how many items ended.
    pub fn erase(&self, tag: &NumberTag) -> Result<usize, SpoolError> {
        let ended = {
            let mut state = self.lock();
            self.write(&mut state)?;
            let tickets: Vec<_> = state.shelves.iter().filter(|(_, item)| item.tag == *tag).map(|(t, _)| t).collect();
            for ticket in &tickets {
                state.end(*ticket, End::Erased);
            }
            self.write(&mut state)?;
            tickets.len()
        };
        self.leave_segment()?;
        // What a failed write has left beside the records.
        self.journal.blank(&BTreeSet::new())?;
        Ok(ended)
    }

    /// Gives disk space back: forgets whole segments of ended items, and copies the few that still wait in a mostly dead segment.
    /// A segment is written for a day at most: nothing that is over stays on disk for more than a day beyond its 72 hours.
    /// About once a minute.
    pub fn tidy(&self, now: CivilInstant) -> Result<(), SpoolError> {
        let since = self.lock().segment_since;
        if since.is_none_or(|since| now.since(since) >= SEGMENT_SPAN) {
            self.journal.roll(PATIENCE)?;
            self.mark()?;
            self.lock().segment_since = Some(now);
        }
        let starts = self.journal.segment_starts();
        let (first, live) = {
            let state = self.lock();
            (state.live.keys().next().copied().unwrap_or(u64::MAX), state.live.len() as u64)
        };
        let records = self.journal.appended() - starts.first().copied().unwrap_or(0);
        if let Some(&second) = starts.get(1)
            && first < second
            && records > SMALL + live * DEAD_MAX
        {
            self.copy_on(second)?;
        }
        self.forget()
    }

    /// Begins a new segment, copies everything that waits into it, and forgets all that stands before.
    pub(super) fn leave_segment(&self) -> Result<(), SpoolError> {
        let end = self.journal.roll(PATIENCE)?;
        self.copy_on(end)?;
        self.mark()?;
        self.forget()
    }

    /// Writes a record that names no item and keeps the count of ids, so that a new segment has something durable.
    fn mark(&self) -> Result<(), SpoolError> {
        let last = {
            let mut state = self.lock();
            let nobody = Ticket { account: NameId::NONE, id: state.next_id };
            state.log(ItemLeaf::Ended(nobody, End::Done));
            self.write(&mut state)?;
            self.journal.appended()
        };
        if last > 0 && !self.journal.wait_synced(last - 1, PATIENCE) {
            return Err(SpoolError::Append(AppendError::Stalled));
        }
        Ok(())
    }

    fn forget(&self) -> Result<(), SpoolError> {
        let needed = self.lock().live.keys().next().copied().unwrap_or(u64::MAX);
        // Items of a batch on its way have no record yet: what is forgotten is only ever durable.
        let forgotten = self.journal.forget_before(needed.min(self.journal.synced()));
        forgotten.map(|_| ()).map_err(SpoolError::Forget)
    }

    /// Writes the live items of records before `end` again, at the end of the journal.
    fn copy_on(&self, end: u64) -> Result<(), SpoolError> {
        let records: Vec<u64> = self.lock().live.range(..end).map(|(record, _)| *record).collect();
        for chunk in records.chunks(1_000) {
            let mut copies = Vec::with_capacity(chunk.len());
            for &record in chunk {
                copies.extend(self.read_one(record)?.map(|(leaf, blob)| (record, leaf, blob)));
            }
            let last = {
                let mut state = self.lock();
                for (record, leaf, blob) in copies {
                    let Some(ticket) = state.live.get(&record).copied() else { continue };
                    state.batch.push(&leaf, &blob);
                    state.batched.push(Some(ticket));
                    if state.batch.octets() > 1 << 20 {
                        self.write(&mut state)?;
                    }
                }
                self.write(&mut state)?;
                self.journal.appended()
            };
            // What is forgotten must stand elsewhere, durably.
            if last > 0 && !self.journal.wait_synced(last - 1, PATIENCE) {
                return Err(SpoolError::Append(AppendError::Stalled));
            }
        }
        Ok(())
    }

    /// An item's leaf and sealed octets, as they are under the newest keys.
    fn read_one(&self, record: u64) -> Result<Option<LeafAndBlob>, SpoolError> {
        let mut reader = self.journal.read(record, record + 1);
        let Some((label, frame)) = reader.next_labelled_where(|_, _| true)? else { return Ok(None) };
        let Some(leaf @ ItemLeaf::Item(_, _)) = ItemLeaf::read(frame.leaf, record) else { return Ok(None) };
        if label == self.keys.label() {
            return Ok(Some((frame.leaf.to_vec(), frame.blob.to_vec())));
        }
        let Ok(octets) = self.sealer.open(frame.leaf, frame.blob) else { return Ok(None) };
        let mut buffer = [0; ITEM_LEAF];
        let leaf = leaf.carried(|tag| self.keys.carry(&label, tag)).write(&mut buffer).to_vec();
        let sealed = self.sealer.seal(&leaf, &octets);
        Ok(Some((leaf, sealed)))
    }
}
