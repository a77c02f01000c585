//! Owns the check of a proof file: its signature, its checkpoint, every record's way to the root, every sealed datum.
//! Must never let a reader believe that a proof shows what is not in it.

use super::super::about::About;
use super::super::checkpoint::{Checkpoint, Stream, log_name};
use super::super::event::{Begin, Event};
use super::super::event_code::EventRecord;
use super::super::generations::Secrets;
use super::super::keys::{TagLinks, hex};
use super::super::leaf::{Fields, Head};
use super::super::merkle::{Hash, inclusion_root, leaf_hash};
use super::super::note::{Note, NoteKey, unbase64};
use super::super::proof::{FORMAT, FORMAT_OF_TAGS, NamesIn, Proof, Proved};
use super::super::rotation::{Chain, Rotation};
use super::super::sealed::Personal;
use super::super::suppression_event::{Scope, SuppressionEvent};
use super::super::verdict::VerdictRecord;
use super::Asked;
use super::generations::KeysSeen;
use super::report::{Finding, Report, rfc3339};
use super::stops::Stops;
use crate::compliance::class::TrafficClass;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;

/// What a proof shows, for whoever reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub number: String,
    /// One line for each record about the number, in order.
    pub story: Vec<String>,
}

/// Verifies a proof file.
pub fn proof(name: &str, octets: &[u8], asked: &Asked) -> (Report, Shown) {
    let mut report = Report::default();
    let shown = match read(name, octets, asked, &mut report) {
        Ok(shown) => shown,
        Err((place, what)) => {
            let (stream, seq) = place.map_or((None, None), |(stream, seq)| (Some(stream), Some(seq)));
            report.find(Finding { stream, seq, file: name.to_owned(), offset: None, what });
            Shown::default()
        }
    };
    (report, shown)
}

/// Which record is wrong, and what is wrong with it.
pub(super) type Wrong = (Option<(Stream, u64)>, String);

pub(super) fn wrong<T>(what: impl Into<String>) -> Result<T, Wrong> {
    Err((None, what.into()))
}

fn read(name: &str, octets: &[u8], asked: &Asked, report: &mut Report) -> Result<Shown, Wrong> {
    let Some(note) = Note::read_long(octets) else {
        return wrong("this is no proof file: it is no signed note (damaged, or cut short)");
    };
    let Ok(proof) = serde_json::from_str::<Proof>(note.text) else { return wrong("the signed text is no proof") };
    let format = if proof.earlier_tags.is_empty() { FORMAT } else { FORMAT_OF_TAGS };
    if proof.text() != note.text || proof.format != format {
        return wrong("the signed text is not written as a proof is");
    }
    let texts = (proof.key.as_str(), proof.checkpoint.as_str());
    let checkpoint = signed(name, &note, texts, "proof", &proof.records, asked, report)?;
    let mut reader = Reader::new(&proof, checkpoint, asked.tags.clone())?;
    for (at, record) in proof.records.iter().enumerate() {
        let stream = Stream::ALL.into_iter().find(|stream| stream.word() == record.stream);
        let Some(stream) = stream else { return wrong(format!("record {at} of the file is of no stream")) };
        reader.take(stream, record, report).map_err(|what| (Some((stream, record.seq)), what))?;
    }
    reader.weigh(report)?;
    if let Some(links) = &asked.tags {
        let from_the_first = reader.tags(links)?;
        (report.tags_checked, report.later_links_only) = (true, !from_the_first);
        report.replayed.tags = u64::from(from_the_first);
    }
    Ok(Shown { number: proof.number.clone(), story: reader.story })
}

/// Checks whose key has signed a file that leaves the house, under the log's name with this end, and the checkpoint in it.
pub(super) fn signed(
    name: &str,
    note: &Note<'_>,
    (key, checkpoint): (&str, &str),
    end: &str,
    records: &[Proved],
    asked: &Asked,
    report: &mut Report,
) -> Result<Checkpoint, Wrong> {
    let Some(own) = NoteKey::read(key) else { return wrong("the public key in the file is none") };
    let Some(origin) = own.name.strip_suffix("/events") else {
        return wrong("the key in the file is of no events' log");
    };
    let key = match &asked.key {
        Some(given) if given.public() != own.public() => {
            let chain = Chain::new(rotations_of(records), &own);
            let Some((chain, at)) = chain.and_then(|chain| chain.place(given).map(|at| (chain, at))) else {
                return wrong("the file was made with another key than the one you gave");
            };
            report.notes.push(super::replaced_words(given, chain.keys.len() - 1 - at, &own));
            own.clone()
        }
        Some(given) => given.renamed(&own.name),
        None => own.clone(),
    };
    (report.origin, report.key, report.key_given) = (origin.to_owned(), key.text(), asked.key.is_some());
    if note.signatures.len() != 1 || !key.renamed(&format!("{origin}/{end}")).has_signed(note) {
        return wrong("the signature of the file does not hold: something in it was changed");
    }
    let checkpoint = checkpoint_of(checkpoint.as_bytes(), &key, origin)?;
    (report.checkpoints, report.newest) = (1, Some(checkpoint.at));
    anchor(name, asked, &checkpoint, &key, origin, report)?;
    Ok(checkpoint)
}

/// The leaf of a record whose way leads to the signed root.
pub(super) fn included(stream: Stream, record: &Proved, checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    let leaf = unhex(&record.leaf).ok_or("its leaf is not hexadecimal")?;
    let path = record.path.iter().map(|hash| unbase64(hash)?.try_into().ok()).collect::<Option<Vec<Hash>>>();
    let path = path.ok_or("its audit path is none")?;
    let head = checkpoint.head(stream);
    if inclusion_root(&leaf_hash(&leaf), record.seq, head.size, &path) != Some(head.root) {
        return Err("its audit path does not lead to the signed root: it is not in that ledger".into());
    }
    let numbered = Head::read(&mut Fields::new(&leaf)).map_err(str::to_owned)?;
    if numbered.seq != record.seq {
        return Err("its own number is not that of its place".into());
    }
    Ok(leaf)
}

/// The replacements of the signing key among its records: each is also held to the signed root, as every record is.
fn rotations_of(records: &[Proved]) -> Vec<Rotation> {
    let events = records.iter().filter(|record| record.stream == Stream::Events.word());
    let read = events.filter_map(|record| EventRecord::read(&unhex(&record.leaf)?).ok());
    read.filter_map(|record| if let Event::Key(rotation) = record.event { Some(rotation) } else { None }).collect()
}

fn checkpoint_of(octets: &[u8], key: &NoteKey, origin: &str) -> Result<Checkpoint, Wrong> {
    let checked = Note::read(octets).and_then(|note| {
        let (stream, checkpoint) = Checkpoint::read(note.text)?;
        let signed = key.renamed(&log_name(origin, stream)).has_signed(&note);
        (signed && checkpoint.origin == origin).then_some(checkpoint)
    });
    checked.ok_or((None, "the signature of the checkpoint does not hold under this key".into()))
}

/// With a kept checkpoint: either it is this one, or the file cannot be joined to it.
fn anchor(
    name: &str,
    asked: &Asked,
    checkpoint: &Checkpoint,
    key: &NoteKey,
    origin: &str,
    report: &mut Report,
) -> Result<(), Wrong> {
    let Some((kept_name, octets)) = &asked.since else { return Ok(()) };
    let kept = checkpoint_of(octets, key, origin).map_err(|(_, what)| (None, format!("{kept_name}: {what}")))?;
    for stream in Stream::ALL {
        let (ours, theirs) = (checkpoint.head(stream), kept.head(stream));
        if ours.size == theirs.size && ours.root != theirs.root {
            return wrong(format!("{kept_name} signs another root over the same {} {}", ours.size, stream.word()));
        }
    }
    if (kept.events, kept.verdicts) == (checkpoint.events, checkpoint.verdicts) {
        report.anchored = Some((kept_name.clone(), kept.at));
    } else {
        report.notes.push(format!(
            "{kept_name} is of another moment than {name}: only the whole ledger (`stopgate verify DIR --since`) joins them"
        ));
    }
    Ok(())
}

struct Reader {
    checkpoint: Checkpoint,
    number: Msisdn,
    tag: NumberTag,
    /// The tags that the number had, the oldest first; the last is `tag`.
    tags: Vec<NumberTag>,
    keys: KeysSeen,
    links: Option<TagLinks>,
    last: Option<(Stream, u64)>,
    names: NamesIn,
    stops: Stops,
    verdicts: Vec<VerdictRecord>,
    story: Vec<String>,
}

impl Reader {
    fn new(proof: &Proof, checkpoint: Checkpoint, links: Option<TagLinks>) -> Result<Self, Wrong> {
        let number = proof.number.parse().ok().and_then(Msisdn::from_canonical);
        let texts = proof.earlier_tags.iter().chain([&proof.tag]);
        let tags = texts.map(|text| unhex(text)?.try_into().ok().map(NumberTag)).collect::<Option<Vec<_>>>();
        let (Some(number), Some(tags)) = (number, tags) else { return wrong("its number or its tag is none") };
        let Some(tag) = tags.last().copied() else { return wrong("its tag is none") };
        Ok(Self {
            checkpoint,
            number,
            tag,
            tags,
            keys: KeysSeen::default(),
            links,
            last: None,
            names: NamesIn::default(),
            stops: Stops::default(),
            verdicts: Vec::new(),
            story: Vec::new(),
        })
    }

    fn name(&self, id: NameId) -> String {
        self.names.get(&id).cloned().unwrap_or_else(|| "nobody named".to_owned())
    }

    fn take(&mut self, stream: Stream, record: &Proved, report: &mut Report) -> Result<(), String> {
        if self.last.is_some_and(|last| last >= (stream, record.seq)) {
            return Err("the records are not in order".into());
        }
        self.last = Some((stream, record.seq));
        let leaf = included(stream, record, &self.checkpoint)?;
        let counted = report.stream_mut(stream);
        (counted.records, counted.signed) = (counted.records + 1, counted.signed + 1);
        match stream {
            Stream::Events => self.event(&leaf, record, report),
            Stream::Verdicts => self.verdict(&leaf, record),
        }
    }

    fn event(&mut self, leaf: &[u8], record: &Proved, report: &mut Report) -> Result<(), String> {
        let mut event = EventRecord::read(leaf).map_err(str::to_owned)?;
        if event.event.tag().is_some() && event.event.tag() == self.tags.get(self.keys.place()).copied() {
            // As it is under the newest key: so what stands before a replacement is held against what stands behind it.
            event.event.carry(|_| self.tag);
        } else if event.event.tag().is_some() {
            return Err("it is about another number".into());
        }
        let personal = self.personal(&event, record, report)?;
        report.rehearsal |= event.rehearsal;
        let about = match (&event.event, event.event.about()) {
            (Event::Config { id, name }, _) => {
                self.names.insert(*id, name.clone());
                return Ok(());
            }
            (Event::Begin(begin), _) => {
                return self.keys.begin(begin, (event.boot, &mark_of(begin)), self.links.as_ref());
            }
            (Event::Rekey(rekey), _) if rekey.secret == Secrets::Tags => {
                return self.keys.rekey(event.seq, event.boot, rekey);
            }
            (Event::Key(rotation), _) if rotation.holds(&self.checkpoint.origin) => return Ok(()),
            (_, Some(about)) if about.tag() == Some(self.tag) => about,
            (_, Some(_) | None) => return Err("it is about another number".into()),
        };
        let words = match about {
            About::Suppression(SuppressionEvent::Stop(stop)) => {
                self.stops.take(&event, &SuppressionEvent::Stop(stop.clone()), 0);
                let whom = match stop.scope {
                    Scope::Global => "everybody".to_owned(),
                    Scope::Account(account) => self.name(account),
                    Scope::Sender(_) => "one sender".to_owned(),
                };
                format!("STOP ({}) to {whom}, short code {}", stop.source.word(), stop.short_code)
            }
            About::Suppression(SuppressionEvent::Lift(lift)) => {
                self.stops.take(&event, &SuppressionEvent::Lift(lift.clone()), 0);
                let accounts: Vec<String> = lift.accounts.iter().map(|account| self.name(*account)).collect();
                format!("START ({}) for {}", lift.source.word(), accounts.join(", "))
            }
            About::Consent(consent) => {
                format!("consent of {}: {:?}", self.name(consent.account), consent.act).to_lowercase()
            }
            About::Erase(erase) => {
                format!("personal data erased by {}: {}", self.name(erase.by), self.name(erase.reason))
            }
            About::Admin(admin) => format!("{} by {}", self.name(admin.action), self.name(admin.by)),
        };
        let text = personal.and_then(|personal| personal.text).map(|text| format!(": {text:?}")).unwrap_or_default();
        self.story.push(format!("{}  event {}: {words}{text}", rfc3339(event.at), event.seq));
        Ok(())
    }

    /// The opened data of an event: they are those its leaf is bound to, and of this number.
    fn personal(&self, event: &EventRecord, record: &Proved, report: &mut Report) -> Result<Option<Personal>, String> {
        let Some(opened) = &record.sealed else {
            report.replayed.erased += u64::from(event.binding.is_some());
            return Ok(None);
        };
        let binding = event.binding.ok_or("sealed data stand beside a record that has none")?;
        let blob = unhex(&opened.blob).ok_or("its sealed data are not hexadecimal")?;
        let key =
            unhex(&opened.key).and_then(|octets| octets.try_into().ok()).ok_or("the key of its sealed data is none")?;
        let personal =
            Personal::disclosed(&blob, &binding, &key).ok_or("its sealed data are not those it is bound to")?;
        if personal.number.is_some_and(|number| number != self.number) {
            return Err("its sealed data name another number".into());
        }
        report.replayed.blobs += 1;
        Ok(Some(personal))
    }

    fn verdict(&mut self, leaf: &[u8], record: &Proved) -> Result<(), String> {
        let mut verdict = VerdictRecord::read(leaf).map_err(str::to_owned)?;
        if verdict.tag != self.tags.get(self.keys.place_at(verdict.boot)).copied() || verdict.tag.is_none() {
            return Err("it is about another number".into());
        }
        verdict.tag = Some(self.tag);
        if record.sealed.is_some() {
            return Err("sealed data stand beside a verdict".into());
        }
        let class = match verdict.class {
            TrafficClass::Commercial => "commercial",
            TrafficClass::Transactional => "transactional",
        };
        let code = verdict.kind.code().map(|code| format!(" SG{}", code.number())).unwrap_or_default();
        let (at, account) = (rfc3339(verdict.at), self.name(verdict.account));
        self.story.push(format!(
            "{at}  verdict {}: {class} message of {account} {}{code}",
            verdict.seq,
            verdict.kind.word()
        ));
        self.verdicts.push(verdict);
        Ok(())
    }

    /// I1 among the records of the file.
    fn weigh(&mut self, report: &mut Report) -> Result<(), Wrong> {
        if self.tags.len() != self.keys.place() + 1 {
            return wrong("its tags are not as many as the replacements of the tag key among its records");
        }
        for verdict in &self.verdicts {
            if verdict.kind.has_left() && verdict.class == TrafficClass::Commercial {
                report.replayed.commercial += 1;
                self.stops.weigh(verdict).map_err(|what| (Some((Stream::Verdicts, verdict.seq)), what))?;
                report.replayed.against_stops += 1;
            }
        }
        Ok(())
    }

    /// Every tag is the one that the key at hand makes of the number, or of the tag before it where the first generation is not at
    /// hand; and the records commit to that key. Whether the first one was.
    fn tags(&self, links: &TagLinks) -> Result<bool, Wrong> {
        self.keys.compare(links).map_err(|(_, what)| (None, what))?;
        let all = self.keys.tags(links, self.number);
        if all.as_ref().map_or(!self.keys.follows(links, &self.tags), |all| *all != self.tags) {
            return wrong("its tag is not the one that this tag key makes of its number");
        }
        Ok(all.is_some())
    }
}

/// The mark that a segment of this start bears, as far as a proof can tell.
fn mark_of(begin: &Begin) -> [u8; 16] {
    let mut mark = [0; 16];
    mark[..8].copy_from_slice(&begin.tag_commitment[..8]);
    mark
}

/// Reads lower-case hexadecimal; `None` unless it is the one way to write these octets.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let octets = text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    octets.collect::<Option<Vec<u8>>>().filter(|octets| hex(octets) == text)
}
