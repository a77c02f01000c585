//! Owns what the events say of themselves when they are read in order: names, starts and ends, blobs, gaps.
//! Must never let a record pass that contradicts an earlier one.

use super::super::event::{Event, Rekey, Retention};
use super::super::event_code::EventRecord;
use super::super::keys::TagLinks;
use super::super::names::{self, Names};
use super::super::packs;
use super::super::rotation::Rotation;
use super::super::sealed::Sealer;
use super::super::verdict::VerdictRecord;
use super::Asked;
use super::counters::Counters;
use super::generations::{self, KeysSeen};
use super::hours::Hours;
use super::report::{Finding, GapFound, Report};
use super::stops::Stops;
use super::unsigned::Age;
use crate::compliance::class::TrafficClass;
use crate::journal::frame::Frame;
use crate::journal::reader::Label;
use crate::message::name::NameId;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

/// What is remembered while the events are read.
#[derive(Default)]
pub struct EventsSeen {
    names: Names,
    boot: u32,
    /// Under which keys the records say they were written.
    keys: KeysSeen,
    /// Verdicts that the last `begin` or `end` counted.
    verdicts: u64,
    /// Blobs that are blank: an `erase` record must name them.
    blank: BTreeSet<u64>,
    /// Events that `erase` records named, and how many of them were not blank then.
    erased: BTreeSet<u64>,
    /// The newest event that says which verdicts were given up.
    given_up: Option<(u64, Retention)>,
    unblanked: u64,
    stops: Stops,
    hours: Option<Hours>,
    counters: Counters,
    age: Age,
    /// The links of the tag key and the sealing keys, as far as they were brought along.
    links: Option<TagLinks>,
    sealer: Option<Sealer>,
}

impl EventsSeen {
    /// Nothing seen yet. With the tag key and the sealing key sealed numbers are opened, and their tags computed again.
    pub fn new(asked: &Asked) -> Self {
        Self { links: asked.tags.clone(), sealer: asked.sealer.clone(), ..Self::default() }
    }

    /// How long its starts have lasted.
    pub fn age(&self) -> &Age {
        &self.age
    }

    /// Takes the next event, and the mark of its segment.
    pub fn take(&mut self, frame: &Frame<'_>, mark: &Label, report: &mut Report) -> Result<(), String> {
        let record = EventRecord::read(frame.leaf).map_err(|what| format!("the record cannot be read: {what}"))?;
        if let Event::Rekey(rekey) = &record.event {
            return self.rekey(&record, rekey, frame.blob, report);
        }
        self.blob(&record, frame.blob, report)?;
        report.ended_in_order = false;
        self.age.take(record.boot, record.at);
        match &record.event {
            Event::Begin(begin) => {
                report.boots += 1;
                if report.origin.is_empty() {
                    // Nobody signed under it: the records say it themselves.
                    report.origin = format!("stopgate/{}", begin.node);
                }
                if record.boot != self.boot + 1 {
                    return Err(format!("start {} follows start {}", record.boot, self.boot));
                }
                self.boot = record.boot;
                self.keys.begin(begin, (record.boot, mark), self.links.as_ref())?;
                self.keys.settled(mark)?;
                report.lineage.begin(begin.epoch, record.seq, begin.verdicts)?;
                self.count_verdicts(begin.verdicts)?;
                self.counters.begin(record.boot, begin.verdicts);
                return Ok(());
            }
            Event::Epoch(epoch) => {
                report.lineage.take(record.seq, record.at, epoch)?;
                return self.keys.settled(mark);
            }
            Event::Reopen(reopen) => {
                let names = [reopen.people[0], reopen.people[1], reopen.detail].map(|id| self.name(id));
                report.lineage.reopen(record.seq, record.at, reopen, names)?;
            }
            Event::End { verdicts } => {
                self.count_verdicts(*verdicts)?;
                report.ended_in_order = true;
                self.age.ended();
                self.counters.end(record.boot);
            }
            Event::Config { id, name } => {
                if !self.names.insert(*id, name) {
                    return Err(format!("the name {name:?} takes a handle that is taken, or skips one"));
                }
            }
            Event::Erase(erase) => {
                for seq in &erase.events {
                    if *seq >= record.seq {
                        return Err(format!(
                            "it erases the sealed data of record {seq}, which does not stand before it"
                        ));
                    }
                    if !self.blank.remove(seq) && !self.erased.contains(seq) {
                        self.unblanked += 1;
                    }
                    self.erased.insert(*seq);
                }
            }
            Event::Gap(gap) => {
                self.counters.gap(record.boot, record.seq);
                if gap.messages > 0 {
                    report.gaps.push(GapFound {
                        seq: record.seq,
                        account: self.name(gap.account),
                        messages: gap.messages,
                        from: gap.from,
                        to: gap.to,
                    });
                }
            }
            Event::Key(rotation) => key_replaced(record.seq, rotation, report)?,
            Event::Retention(retention) => {
                if self.given_up.as_ref().is_some_and(|(_, before)| before.before > retention.before) {
                    return Err("it gives up fewer verdicts than were given up before".into());
                }
                self.given_up = Some((record.seq, retention.clone()));
            }
            Event::Suppression(event) => self.stops.take(&record, event, self.keys.place()),
            Event::AccountCounter(counter) => self.counters.take(record.boot, record.seq, counter)?,
            Event::LinkCounter(counter) => {
                if counter.received != counter.acked + counter.refused + counter.unanswered {
                    return Err("what a link received is not what was acked, refused and left unanswered".into());
                }
            }
            Event::Contract(_)
            | Event::Consent(_)
            | Event::Admin(_)
            | Event::Clock(_)
            | Event::Import(_)
            | Event::Rekey(_) => {}
        }
        report.lineage.settled()?;
        self.keys.settled(mark)?;
        if record.boot != self.boot {
            return Err(format!("a record of start {} stands among those of start {}", record.boot, self.boot));
        }
        Ok(())
    }

    /// The tag key or the sealing key was replaced, by the start that follows.
    fn rekey(&mut self, record: &EventRecord, rekey: &Rekey, blob: &[u8], report: &mut Report) -> Result<(), String> {
        self.blob(record, blob, report)?;
        report.ended_in_order = false;
        report.lineage.settled()?;
        if record.boot != self.boot + 1 {
            return Err(format!("it is of start {}, but start {} is the next one", record.boot, self.boot + 1));
        }
        self.keys.rekey(record.seq, record.boot, rekey)?;
        report.rekeys.push(generations::words(record.seq, record.at, rekey));
        Ok(())
    }

    /// The keys as the records bring them in.
    pub fn keys(&self) -> &KeysSeen {
        &self.keys
    }

    /// A name, or its handle when no record gave it one.
    pub fn name(&self, id: NameId) -> String {
        self.names.name(id).map_or_else(|| format!("#{}", id.0), |name| name.to_string())
    }

    fn count_verdicts(&mut self, verdicts: u64) -> Result<(), String> {
        if verdicts < self.verdicts {
            return Err(format!("it counts {verdicts} verdicts where {} had been counted before", self.verdicts));
        }
        self.verdicts = verdicts;
        Ok(())
    }

    fn blob(&mut self, record: &EventRecord, blob: &[u8], report: &mut Report) -> Result<(), String> {
        let Some(binding) = record.binding else {
            return if blob.is_empty() {
                Ok(())
            } else {
                Err("sealed data stand behind a record that has none".into())
            };
        };
        if blob.iter().all(|octet| *octet == 0) {
            self.blank.insert(record.seq);
            report.replayed.erased += 1;
            return Ok(());
        }
        report.replayed.blobs += 1;
        if <[u8; 32]>::from(Sha256::digest(blob)) != binding {
            return Err("the sealed personal data are not those that the record is bound to".into());
        }
        let (Some(sealer), Some(links)) = (&self.sealer, &self.links) else { return Ok(()) };
        let Some(personal) = sealer.open(blob, &binding) else {
            report.replayed.unopened += 1;
            return Ok(());
        };
        let (Some(number), Some(tag)) = (personal.number, record.event.tag()) else { return Ok(()) };
        match self.keys.tag(links, number) {
            Some(own) if own != tag => {
                Err("the number sealed beside the record is not the one whose tag the record bears".into())
            }
            Some(_) => {
                report.replayed.tags += 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What can only be said at the end.
    pub fn finish(&mut self, dir: &Path, report: &mut Report) {
        self.hours = Some(Hours::new(dir));
        self.keys.say(self.links.as_ref(), report);
        let (keys, links) = (&self.keys, self.links.as_ref());
        self.stops.carry(|tag, place| keys.carry(links, tag, place));
        for name in packs::damaged(&dir.join(packs::ROOM)) {
            report.find(Finding {
                stream: None,
                seq: None,
                file: format!("{}/{name}", packs::ROOM),
                offset: None,
                what: "the pack is not the one of this name: its text was changed".into(),
            });
        }
        if let Some(seq) = self.blank.first() {
            report.find(Finding {
                stream: Some(super::super::checkpoint::Stream::Events),
                seq: Some(*seq),
                file: "events".into(),
                offset: None,
                what: "the sealed personal data were removed, and no erase record says so".into(),
            });
        }
        if self.unblanked > 0 {
            report.notes.push(format!(
                "sealed data of {} record(s) that an erase record names are still here: the erasure runs, or was cut off and is \
                 finished by the next start",
                self.unblanked
            ));
        }
        let file = "names".to_owned();
        let mut wrong = |what: &str| {
            report.find(Finding { stream: None, seq: None, file: file.clone(), offset: None, what: what.into() });
        };
        match names::load(&dir.join(&file), |label| self.keys.knows(label)) {
            None => wrong("the file is missing or damaged; the next start of the daemon makes it again"),
            Some(saved) => {
                let other = (1..).map(NameId).map_while(|id| Some((id, saved.names.name(id)?)));
                if other.into_iter().any(|(id, name)| self.names.name(id).as_deref() != Some(&name)) {
                    wrong("a name in it is not the one the events give");
                }
            }
        }
    }

    /// Takes a verdict, after all events.
    pub fn verdict(&mut self, record: &VerdictRecord, mark: &Label, report: &mut Report) -> Result<(), String> {
        self.age.take(record.boot, record.at);
        if record.boot > self.boot {
            return Err(format!("the record says start {}, but there were {}", record.boot, self.boot));
        }
        let place = self.keys.place_of(record.boot, mark)?;
        self.counters.verdict(record, report.verdicts.first, report)?;
        if !record.kind.has_left() || record.class != TrafficClass::Commercial {
            return Ok(());
        }
        report.replayed.commercial += 1;
        let tag = record.tag.map(|tag| self.keys.carry(self.links.as_ref(), tag, place));
        self.stops.weigh(&VerdictRecord { tag, ..*record })?;
        report.lineage.weigh(record)?;
        report.replayed.against_stops += 1;
        if let Some(hours) = &mut self.hours
            && hours.weigh(record, &self.names)?
        {
            report.replayed.against_hours += 1;
        }
        Ok(())
    }

    /// What the verdicts leave to say.
    pub fn close(&mut self, all_read: bool, report: &mut Report) {
        let (first, records) = (report.verdicts.first, report.verdicts.records);
        match &self.given_up {
            Some((seq, said)) if first > 0 && first <= said.before => report.notes.push(format!(
                "verdicts begin with {first}: those before were given up when their retention of {} days was over (event {seq}); \
                 their hashes are here, and signed roots over them were compared",
                said.kept_s / 86_400
            )),
            Some(_) | None if first > 0 => report.find(Finding {
                stream: Some(super::super::checkpoint::Stream::Verdicts),
                seq: Some(first),
                file: "verdicts".into(),
                offset: None,
                what: "verdicts before this one are gone, and no record says that they were given up".into(),
            }),
            Some(_) | None => {}
        }
        if all_read && let Err(what) = self.counters.compare(records, first, report) {
            let (stream, file) = (Some(super::super::checkpoint::Stream::Verdicts), "verdicts".to_owned());
            report.find(Finding { stream, seq: records.checked_sub(1), file, offset: None, what });
        }
        let Some(hours) = &self.hours else { return };
        for (pack, count) in &hours.unchecked {
            report.notes.push(format!(
                "the hours of {count} messages under {} were not checked: {}",
                self.name(*pack),
                hours.missing(*pack)
            ));
        }
    }
}

/// The signing key was replaced: as it was published, or by a rotation that was cut off and that the next start carries out.
fn key_replaced(seq: u64, rotation: &Rotation, report: &mut Report) -> Result<(), String> {
    let published = report.chain.as_ref().map_or(&[][..], |chain| &chain.rotations);
    match published.get(report.rotations.len()) {
        Some(known) if known == rotation => report.rotations.push(seq),
        Some(_) => return Err("this replacement of the signing key is not the one that was published".into()),
        None if !rotation.holds(&report.origin) => {
            return Err("the old and the new key have not both signed this replacement of the signing key".into());
        }
        None => report
            .notes
            .push("a replacement of the signing key is on record and not carried out yet: the next start does".into()),
    }
    Ok(())
}
