//! Owns the check of a party's file of counters: its signature, its checkpoint, every record's way to the root, every sum.
//! Must never let a reader believe that nothing was counted beside what is in it.

use super::super::checkpoint::Stream;
use super::super::counts::{Counted, Counts, FORMAT, Party, counted};
use super::super::event::{AccountCounter, Event, LinkCounter};
use super::super::event_code::EventRecord;
use super::super::note::Note;
use super::super::proof::Proved;
use super::Asked;
use super::proof_file::{self, Wrong, wrong};
use super::report::{Finding, Report, rfc3339};
use crate::message::name::NameId;
use std::collections::BTreeMap;

/// What such a file shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownCounts {
    /// `account acme` or `operator operator-a`.
    pub party: String,
    /// One line for each start (and link) of the gateway, and for each gap, in order.
    pub story: Vec<String>,
}

/// Whether a file says of itself that it is one.
pub fn is_one(octets: &[u8]) -> bool {
    let head = format!("{{\n  \"format\": \"{FORMAT}\"");
    octets.starts_with(head.as_bytes())
}

/// Verifies such a file.
pub fn counts(name: &str, octets: &[u8], asked: &Asked) -> (Report, ShownCounts) {
    let mut report = Report::default();
    let shown = match read(name, octets, asked, &mut report) {
        Ok(shown) => shown,
        Err((place, what)) => {
            let (stream, seq) = place.map_or((None, None), |(stream, seq)| (Some(stream), Some(seq)));
            report.find(Finding { stream, seq, file: name.to_owned(), offset: None, what });
            ShownCounts::default()
        }
    };
    (report, shown)
}

fn read(name: &str, octets: &[u8], asked: &Asked, report: &mut Report) -> Result<ShownCounts, Wrong> {
    let Some(note) = Note::read_long(octets) else {
        return wrong("this is no file of counters: it is no signed note (damaged, or cut short)");
    };
    let Ok(counts) = serde_json::from_str::<Counts>(note.text) else {
        return wrong("the signed text is no list of counters");
    };
    if counts.text() != note.text || counts.format != FORMAT {
        return wrong("the signed text is not written as a list of counters is");
    }
    let texts = (counts.key.as_str(), counts.checkpoint.as_str());
    let checkpoint = proof_file::signed(name, &note, texts, "counts", &counts.records, asked, report)?;
    let mut reader = Reader {
        party: counts.party,
        name: &counts.name,
        own: None,
        last: None,
        counts: BTreeMap::new(),
        gaps: vec![],
    };
    for (at, record) in counts.records.iter().enumerate() {
        if record.stream != Stream::Events.word() {
            return wrong(format!("record {at} of the file is no event"));
        }
        let place = |what| (Some((Stream::Events, record.seq)), what);
        let leaf = proof_file::included(Stream::Events, record, &checkpoint).map_err(place)?;
        reader.take(&leaf, record, report).map_err(place)?;
    }
    let party = match counts.party {
        Party::Account => "account",
        Party::Operator => "operator",
    };
    Ok(ShownCounts { party: format!("{party} {}", counts.name), story: reader.story() })
}

#[derive(Clone, Debug)]
enum Counter {
    Account(AccountCounter),
    Link(LinkCounter),
}

struct Reader<'c> {
    party: Party,
    name: &'c str,
    own: Option<NameId>,
    last: Option<u64>,
    /// The newest counter of each start and link, and when the first and that one were written.
    counts: BTreeMap<(u32, u32), (Counter, String, String)>,
    gaps: Vec<String>,
}

impl Reader<'_> {
    fn take(&mut self, leaf: &[u8], record: &Proved, report: &mut Report) -> Result<(), String> {
        if self.last.is_some_and(|last| last >= record.seq) {
            return Err("the records are not in order".into());
        }
        self.last = Some(record.seq);
        if record.sealed.is_some() {
            return Err("sealed data stand beside a counter".into());
        }
        let event = EventRecord::read(leaf).map_err(str::to_owned)?;
        report.rehearsal |= event.rehearsal;
        let stream = report.stream_mut(Stream::Events);
        (stream.records, stream.signed) = (stream.records + 1, stream.signed + 1);
        if let (Event::Config { id, name }, None) = (&event.event, self.own)
            && name == self.name
        {
            self.own = Some(*id);
            return Ok(());
        }
        // Whoever holds an earlier key follows it.
        if matches!(event.event, Event::Key(_)) {
            return Ok(());
        }
        let own =
            counted(&event.event).filter(|counted| Some(counted.whose()) == self.own.map(|own| (self.party, own)));
        let at = rfc3339(event.at);
        let (link, counter) = match own.ok_or("it is no counter of this party")? {
            Counted::Account(counter) => (0, Counter::Account(counter.clone())),
            Counted::Link(counter) => (counter.link, Counter::Link(counter.clone())),
            Counted::Gap(gap) => {
                let (from, to) = (rfc3339(gap.from), rfc3339(gap.to));
                self.gaps.push(format!("gap: {} left without a record from {from} to {to}", gap.messages));
                return Ok(());
            }
        };
        let first = match self.counts.remove(&(event.boot, link)) {
            Some((before, first, _)) if !before.has_fallen(&counter) => first,
            Some(_) => return Err("the counter is smaller than the one before".into()),
            None => at.clone(),
        };
        if !counter.adds_up() {
            return Err("its sums do not add up".into());
        }
        self.counts.insert((event.boot, link), (counter, first, at));
        report.replayed.counters += 1;
        Ok(())
    }

    fn story(self) -> Vec<String> {
        let lines = self.counts.into_iter().map(|((boot, link), (counter, first, at))| match counter {
            Counter::Account(AccountCounter {
                received,
                permitted,
                refused,
                waiting,
                answered,
                unresolved,
                withdrawn,
                in_flight,
                ..
            }) => format!(
                "start {boot}, counters of {first} to {at}: {received} received = {permitted} permitted + {refused} refused + {waiting} \
                 waiting; permitted = {answered} answered + {unresolved} unresolved + {withdrawn} withdrawn + {in_flight} in flight"
            ),
            Counter::Link(LinkCounter { received, acked, refused, unanswered, .. }) => format!(
                "start {boot}, link {link}, counters of {first} to {at}: {received} received = {acked} acknowledged + {refused} refused \
                 + {unanswered} unanswered"
            ),
        });
        lines.chain(self.gaps).collect()
    }
}

impl Counter {
    fn adds_up(&self) -> bool {
        match self {
            Self::Account(one) => {
                Some(one.received)
                    == one.permitted.checked_add(one.refused).and_then(|sum| sum.checked_add(one.waiting))
                    && Some(one.permitted)
                        == [one.answered, one.unresolved, one.withdrawn, one.in_flight]
                            .into_iter()
                            .try_fold(0_u64, u64::checked_add)
            }
            Self::Link(one) => {
                Some(one.received) == one.acked.checked_add(one.refused).and_then(|sum| sum.checked_add(one.unanswered))
            }
        }
    }

    /// Whether what only grows is less in the later one.
    fn has_fallen(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Account(one), Self::Account(next)) => {
                next.received < one.received || next.permitted < one.permitted || next.verdicts < one.verdicts
            }
            (Self::Link(one), Self::Link(next)) => next.received < one.received,
            (Self::Account(_), Self::Link(_)) | (Self::Link(_), Self::Account(_)) => true,
        }
    }
}
