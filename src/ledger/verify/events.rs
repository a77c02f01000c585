//! Owns what the events say of themselves when they are read in order: names, starts and ends, blobs, gaps.
//! Must never let a record pass that contradicts an earlier one.

use super::super::event::{Event, Retention};
use super::super::event_code::EventRecord;
use super::super::names::{self, Names};
use super::super::packs;
use super::super::rotation::Rotation;
use super::super::verdict::VerdictRecord;
use super::Opener;
use super::counters::Counters;
use super::hours::Hours;
use super::report::{Finding, GapFound, Report};
use super::stops::Stops;
use super::unsigned::Age;
use crate::compliance::class::TrafficClass;
use crate::journal::frame::Frame;
use crate::message::name::NameId;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

/// What is remembered while the events are read.
#[derive(Default)]
pub struct EventsSeen {
    names: Names,
    boot: u32,
    /// Under which tag key the first record says it was written.
    commitment: Option<[u8; 32]>,
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
    opener: Option<Opener>,
}

impl EventsSeen {
    /// Nothing seen yet. With an opener sealed numbers are opened, and their tags computed again.
    pub fn new(opener: Option<Opener>) -> Self {
        Self { opener, ..Self::default() }
    }

    /// How long its starts have lasted.
    pub fn age(&self) -> &Age {
        &self.age
    }

    /// Takes the next event.
    pub fn take(&mut self, frame: &Frame<'_>, report: &mut Report) -> Result<(), String> {
        let record = EventRecord::read(frame.leaf).map_err(|what| format!("the record cannot be read: {what}"))?;
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
                if *self.commitment.get_or_insert(begin.tag_commitment) != begin.tag_commitment {
                    return Err("this start was made with another tag key than the first".into());
                }
                report.lineage.begin(begin.epoch, record.seq, begin.verdicts)?;
                self.count_verdicts(begin.verdicts)?;
                self.counters.begin(record.boot, begin.verdicts);
                return Ok(());
            }
            Event::Epoch(epoch) => return report.lineage.take(record.seq, record.at, epoch),
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
            Event::Suppression(event) => self.stops.take(&record, event),
            Event::AccountCounter(counter) => self.counters.take(record.boot, record.seq, counter)?,
            Event::LinkCounter(counter) => {
                if counter.received != counter.acked + counter.refused + counter.unanswered {
                    return Err("what a link received is not what was acked, refused and left unanswered".into());
                }
            }
            Event::Contract(_) | Event::Consent(_) | Event::Admin(_) | Event::Clock(_) | Event::Import(_) => {}
        }
        report.lineage.settled()?;
        if record.boot != self.boot {
            return Err(format!("a record of start {} stands among those of start {}", record.boot, self.boot));
        }
        Ok(())
    }

    /// Which tag key the first record commits to.
    pub fn commitment(&self) -> Option<&[u8; 32]> {
        self.commitment.as_ref()
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
        let Some(opener) = &self.opener else { return Ok(()) };
        let Some(personal) = opener.sealer.open(blob, &binding) else {
            report.replayed.unopened += 1;
            return Ok(());
        };
        match (personal.number, record.event.tag()) {
            (Some(number), Some(tag)) if opener.tags.tag(number) != tag => {
                Err("the number sealed beside the record is not the one whose tag the record bears".into())
            }
            (Some(_), Some(_)) => {
                report.replayed.tags += 1;
                Ok(())
            }
            (Some(_) | None, None) | (None, Some(_)) => Ok(()),
        }
    }

    /// What can only be said at the end.
    pub fn finish(&mut self, dir: &Path, label: &[u8; 16], report: &mut Report) {
        self.hours = Some(Hours::new(dir));
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
        match names::load(&dir.join(&file), label) {
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
    pub fn verdict(&mut self, record: &VerdictRecord, report: &mut Report) -> Result<(), String> {
        self.age.take(record.boot, record.at);
        if record.boot > self.boot {
            return Err(format!("the record says start {}, but there were {}", record.boot, self.boot));
        }
        self.counters.verdict(record, report.verdicts.first, report)?;
        if !record.kind.has_left() || record.class != TrafficClass::Commercial {
            return Ok(());
        }
        report.replayed.commercial += 1;
        self.stops.weigh(record)?;
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
