//! Owns reading the ledger back: events one by one, the last verdicts of a number, the verdicts of the last minutes.
//! Must never return what does not hold its checksum, nor block a writer. Tags come back as they are under the newest key, whichever
//! generation of it a record was written under.

use super::book::Ledger;
use super::checkpoint::{Checkpoint, Stream};
use super::error::OpenError;
use super::event_code::{self, EventRecord};
use super::generations::Generations;
use super::note::Note;
use super::sealed::Personal;
use super::verdict::VerdictRecord;
use crate::journal::reader::{Label, Reader};
use crate::journal::scrub::Scrub;
use crate::message::instant::CivilInstant;
use crate::message::tag::NumberTag;
use std::collections::VecDeque;

/// Where a verdict's tag stands in its leaf.
const TAG_AT: usize = 28;

/// The tag, the sequence number and the leaf of a stop or a lift.
pub type SuppressionLeaf<'a> = (NumberTag, u64, &'a [u8]);

/// Reads events in order.
pub struct Events {
    reader: Reader,
    generations: Generations,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("position", &self.position()).finish_non_exhaustive()
    }
}

/// Reads verdicts in order.
pub struct Verdicts {
    reader: Reader,
    generations: Generations,
    since: CivilInstant,
}

impl Ledger {
    /// The events `from..upto` (at most what is appended).
    pub fn read_events(&self, from: u64, upto: u64) -> Events {
        Events { reader: self.events.read(from, upto), generations: self.generations.clone() }
    }

    /// Goes on with a reader that stands at `from`, else begins one there: a new one has to look for its place in the segment, which is
    /// dear for whoever follows in small steps. After an error the next step is to begin anew: give none.
    pub fn read_on(&self, kept: Option<Events>, from: u64, upto: u64) -> Events {
        match kept.filter(|events| events.position() == from) {
            Some(mut events) => {
                events.reader.go_on(upto);
                events
            }
            None => self.read_events(from, upto),
        }
    }

    /// The events from the segment in which those recorded at or after `since` begin: some are earlier. Instants need not rise;
    /// whole segments are skipped only when the segment after them begins before `since`.
    pub fn events_since(&self, since: CivilInstant) -> Result<Events, OpenError> {
        let mut from = 0;
        for start in self.events.segment_starts().into_iter().rev() {
            from = start;
            match self.read_events(start, start + 1).next_event()? {
                Some(first) if first.at < since => break,
                Some(_) | None => {}
            }
        }
        Ok(self.read_events(from, u64::MAX))
    }

    /// One event, and its personal data when they are there and not erased.
    pub fn event(&self, seq: u64) -> Result<Option<(EventRecord, Option<Personal>)>, OpenError> {
        let mut events = self.read_events(seq, seq + 1);
        let Some((record, blob)) = events.next_with_blob()? else { return Ok(None) };
        let personal = record.binding.and_then(|binding| self.sealer.open(blob, &binding));
        Ok(Some((record, personal)))
    }

    /// The verdicts `from..upto`.
    pub fn read_verdicts(&self, from: u64, upto: u64) -> Verdicts {
        let since = CivilInstant::from_micros(i64::MIN);
        Verdicts { reader: self.verdicts.read(from, upto), generations: self.generations.clone(), since }
    }

    /// The verdicts recorded at or after `since`: at a start, the last ten minutes tell which parts of messages were forwarded.
    /// Instants need not rise; whole segments are skipped only when the segment after them begins before `since`.
    pub fn verdicts_since(&self, since: CivilInstant) -> Result<Verdicts, OpenError> {
        let mut from = 0;
        for start in self.verdicts.segment_starts().into_iter().rev() {
            from = start;
            match self.read_verdicts(start, start + 1).next_verdict()? {
                Some(first) if first.at < since => break,
                Some(_) | None => {}
            }
        }
        Ok(Verdicts { since, ..self.read_verdicts(from, u64::MAX) })
    }

    /// When the newest checkpoint was signed; `None` before the first, or when it cannot be read.
    pub fn last_signed(&self) -> Option<CivilInstant> {
        let octets = std::fs::read(self.dir().join("checkpoints/newest")).ok()?;
        Some(Checkpoint::read(Note::read(&octets)?.text)?.1.at)
    }

    /// Begins to read everything of a stream again that is durable now.
    pub fn scrub(&self, stream: Stream) -> Scrub {
        self.journal(stream).scrub()
    }

    /// What is wrong with the segments of a stream, in words; one that is begun or given up at this moment may look wrong once.
    pub fn headers_fault(&self, stream: Stream) -> Option<String> {
        self.journal(stream).headers_fault()
    }

    /// Where the segments of the verdicts begin, oldest first.
    pub fn verdict_segments(&self) -> Vec<u64> {
        self.verdicts.segment_starts()
    }

    /// The oldest verdict there is.
    pub fn first_verdict(&self) -> u64 {
        self.verdicts.segment_starts().first().copied().unwrap_or(0)
    }

    /// The newest verdicts of a number, newest first, at most `limit`, looking back over at most `segments_max` segments.
    pub fn last_verdicts(
        &self,
        tag: NumberTag,
        limit: usize,
        segments_max: usize,
    ) -> Result<Vec<VerdictRecord>, OpenError> {
        let mut found = Vec::new();
        let mut upto = self.verdicts.appended();
        for start in self.verdicts.segment_starts().into_iter().rev().take(segments_max) {
            let mut newest = VecDeque::new();
            let mut verdicts = self.read_verdicts(start, upto);
            while let Some(record) = verdicts.next_about(&tag)? {
                if newest.len() + found.len() == limit {
                    newest.pop_front();
                }
                newest.push_back(record);
            }
            found.extend(newest.into_iter().rev());
            if found.len() >= limit || start == 0 {
                break;
            }
            upto = start;
        }
        found.truncate(limit);
        Ok(found)
    }
}

impl Events {
    /// The next event and its sealed blob (empty when it has none).
    pub fn next_with_blob(&mut self) -> Result<Option<(EventRecord, &[u8])>, OpenError> {
        self.next_where(|_| true)
    }

    /// The next event whose leaf is wanted, with its sealed blob; the others are passed over unread.
    fn next_where(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<Option<(EventRecord, &[u8])>, OpenError> {
        let Some((label, frame)) = self.reader.next_labelled_where(|_, leaf| wanted(leaf))? else { return Ok(None) };
        let unreadable = |what| OpenError::Record { stream: "events", seq: frame.seq, what };
        let mut record = EventRecord::read(frame.leaf).map_err(unreadable)?;
        if record.seq != frame.seq {
            return Err(unreadable("leaf and frame differ in number"));
        }
        record.event.carry(|tag| self.generations.carry(&label, tag));
        Ok(Some((record, frame.blob)))
    }

    /// The next event that touches the suppression list; the others are passed over without reading them.
    pub fn next_suppression(&mut self) -> Result<Option<EventRecord>, OpenError> {
        Ok(self.next_suppression_with_blob()?.map(|(record, _)| record))
    }

    /// The next act of a person, or lift, with its sealed blob; the others are passed over unread.
    pub fn next_step_of_a_lift(&mut self) -> Result<Option<(EventRecord, &[u8])>, OpenError> {
        self.next_where(|leaf| matches!(event_code::kind_of(leaf), Some(event_code::ADMIN | event_code::LIFT)))
    }

    /// The next event that touches the registry of opt-ins, with its sealed blob; the others are passed over unread.
    pub fn next_consent_with_blob(&mut self) -> Result<Option<(EventRecord, &[u8])>, OpenError> {
        self.next_where(|leaf| event_code::kind_of(leaf) == Some(event_code::CONSENT))
    }

    /// The same with its sealed blob (empty when it has none).
    pub fn next_suppression_with_blob(&mut self) -> Result<Option<(EventRecord, &[u8])>, OpenError> {
        self.next_where(touches_the_list)
    }

    /// The same as tag, sequence number and leaf, without reading the rest.
    pub fn next_suppression_leaf(&mut self) -> Result<Option<SuppressionLeaf<'_>>, OpenError> {
        let found = self.reader.next_labelled_where(|_, leaf| touches_the_list(leaf))?;
        let Some((label, frame)) = found else { return Ok(None) };
        let tag = event_code::suppression_tag(frame.leaf);
        let tag = tag.ok_or(OpenError::Record { stream: "events", seq: frame.seq, what: "a record is too short" })?;
        Ok(Some((self.generations.carry(&label, tag), frame.seq, frame.leaf)))
    }

    /// The sequence number of the event that comes next.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    /// The next event.
    pub fn next_event(&mut self) -> Result<Option<EventRecord>, OpenError> {
        Ok(self.next_with_blob()?.map(|(record, _)| record))
    }
}

impl Verdicts {
    /// Another reader, from `from` on or from the first verdict that is still there.
    pub fn again_from(&self, from: u64) -> Self {
        Self { reader: self.reader.again_from(from), generations: self.generations.clone(), since: self.since }
    }

    /// The sequence number of the verdict that comes next.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    /// The sequence number behind the last verdict that it reads.
    pub fn ends_at(&self) -> u64 {
        self.reader.ends_at()
    }

    /// Goes on from its place up to `upto`, at most what is appended now.
    pub fn go_on(&mut self, upto: u64) {
        self.reader.go_on(upto);
    }

    /// The next verdict of a message that left, or that was taken back; the others are passed over without reading them.
    pub fn next_leaving(&mut self) -> Result<Option<VerdictRecord>, OpenError> {
        self.next_where(|_, leaf| VerdictRecord::is_of_leaving(leaf))
    }

    /// The next verdict about a number, by its tag under the newest key; the others are passed over without reading them.
    pub fn next_about(&mut self, tag: &NumberTag) -> Result<Option<VerdictRecord>, OpenError> {
        let generations = self.generations.clone();
        let newest = generations.newest();
        self.next_where(|label, leaf| match leaf.get(TAG_AT..).and_then(|rest| rest.first_chunk()) {
            Some(own) if *label == newest => *own == tag.0,
            Some(own) => generations.carry(label, NumberTag(*own)) == *tag,
            None => false,
        })
    }

    /// The next verdict.
    pub fn next_verdict(&mut self) -> Result<Option<VerdictRecord>, OpenError> {
        loop {
            match self.next_where(|_, _| true)? {
                Some(record) if record.at < self.since => {}
                next => return Ok(next),
            }
        }
    }

    fn next_where(&mut self, wanted: impl Fn(&Label, &[u8]) -> bool) -> Result<Option<VerdictRecord>, OpenError> {
        let Some((label, frame)) = self.reader.next_labelled_where(wanted)? else { return Ok(None) };
        let read = VerdictRecord::read(frame.leaf);
        let mut record = read.map_err(|what| OpenError::Record { stream: "verdicts", seq: frame.seq, what })?;
        record.tag = record.tag.map(|tag| self.generations.carry(&label, tag));
        Ok(Some(record))
    }
}

/// Whether a leaf is of a stop or a lift.
fn touches_the_list(leaf: &[u8]) -> bool {
    matches!(event_code::kind_of(leaf), Some(event_code::STOP | event_code::LIFT))
}
