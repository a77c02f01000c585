//! Owns the proof over every octet: flip any one of a ledger that ended in order, and the record or the file it is in is named.
//! Must never leave an octet out without a reason that stands here.
//!
//! Not flipped, because nothing is evidence in them: `lock` (empty), and what a start makes again from the records and checks by
//! itself (`*.snapshot`, `store/`). Of a process that was killed, see the last test: behind the last whole record stands what a
//! power cut may have torn, and nobody can tell that from a flip.

use super::super::book::Ledger;
use super::super::checkpoint::{Head, Stream};
use super::super::event::{AccountCounter, Epoch, Event, LinkCounter, NamedCheckpoint, Reopen, ReopenedBy};
use super::super::generations::Secrets;
use super::super::golden_tests;
use super::super::keys::Keys;
use super::super::open::OpenOptions;
use super::super::sealed::Personal;
use super::super::signer::{Signer, Surroundings};
use super::super::verdict::{VerdictEntry, VerdictKind};
use super::report::Report;
use super::tests::{NOW, keys, number};
use super::{Asked, ledger};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::compliance::pack::Pack;
use crate::journal::frame;
use crate::message::name::NameId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Small, so that both streams have several.
const SEGMENT: u64 = 4 << 10;
const BODY: usize = 512;

/// The keys after the tag key and the sealing key were replaced: those of the second start.
fn later_keys() -> Keys {
    keys().replaced(Secrets::Tags, [4; 32]).replaced(Secrets::Sealing, [5; 32])
}

/// Every kind of event and of verdict, twice over, in a ledger that holds.
fn every_kind(dir: &Path, ends: bool) {
    for session in 0..2 {
        let head = Head { size: 1, root: [7; 32] };
        let backup = NamedCheckpoint { epoch: 0, at: NOW, events: head, verdicts: head };
        let epoch = Epoch { number: 1, backup, newest: Some(backup) };
        let options = OpenOptions { restored: (session == 1).then_some(epoch), ..OpenOptions::new("gw-1", false) };
        let options = options.with_segment_octets(SEGMENT);
        let keys = if session == 0 { keys() } else { later_keys() };
        let (ledger, _) = Ledger::open(dir, &keys, options, NOW).unwrap();
        let signer = Signer::start(&ledger, &keys, Surroundings::silent(|| NOW)).unwrap();
        write(&ledger, session == 0);
        if ends || session == 0 {
            ledger.close(NOW).unwrap();
        }
        signer.finish();
    }
}

fn write(ledger: &Arc<Ledger>, first: bool) {
    let acme = ledger.intern("acmé", NOW).unwrap();
    ledger.keep_pack(&Pack::embedded("fr-strict").unwrap()).unwrap();
    let mut appender = ledger.appender();
    for (mut event, _) in golden_tests::events() {
        if let Event::Erase(erase) = &mut event {
            // The blobs it names in the pinned record are not this ledger's.
            erase.events.clear();
        }
        let sealed = match &event {
            // The start and the end write these themselves, and names are given in order.
            Event::Begin(_) | Event::End { .. } | Event::Config { .. } => continue,
            // A start with a gap is not held against its counters: the other one is.
            Event::Gap(_) if !first => continue,
            Event::AccountCounter(_) | Event::LinkCounter(_) => continue,
            // The second start is of a restored ledger and wrote the one itself; the other follows.
            Event::Epoch(_) | Event::Reopen(_) | Event::Key(_) | Event::Rekey(_) => continue,
            Event::Suppression(_) | Event::Consent(_) | Event::Admin(_) => true,
            Event::Contract(_) | Event::Erase(_) | Event::Clock(_) | Event::Gap(_) => false,
            Event::Import(_) | Event::Retention(_) => false,
        };
        let personal = Personal { text: Some("STOP".into()), ..Personal::of(number(12)) };
        appender.event(NOW, &event, sealed.then_some(&personal)).unwrap();
        appender.commit(NOW).unwrap();
    }
    if !first {
        let reopen = Reopen { epoch: 1, by: ReopenedBy::Reached, people: [NameId::NONE; 2], detail: acme };
        appender.event(NOW, &Event::Reopen(reopen), None).unwrap();
    }
    for kind in [
        VerdictKind::Permitted,
        VerdictKind::Composed,
        VerdictKind::Observed(RefusalCode::MissingStopMention),
        VerdictKind::Refused(RefusalCode::OptedOut),
        VerdictKind::Withdrawn(RefusalCode::OutOfHours),
        VerdictKind::Unresolved,
        VerdictKind::LateAnswer(0x58),
        VerdictKind::Recalled(0x11),
        VerdictKind::NotRecalled,
    ]
    .into_iter()
    .cycle()
    .take(36)
    {
        let mut ruling = golden_tests::ruling();
        (ruling.class, ruling.account) = (TrafficClass::Transactional, acme);
        appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: 7, smsc: NameId::NONE, at: NOW });
        appender.commit(NOW).unwrap();
    }
    let verdicts = ledger.verdicts_appended();
    let (permitted, refused, unresolved, withdrawn) = (8, 4, 4, 4);
    let sums = AccountCounter { account: acme, verdicts, received: 12, permitted, refused, ..Default::default() };
    let sums = AccountCounter { unresolved, withdrawn, ..sums };
    appender.event(NOW, &Event::AccountCounter(sums), None).unwrap();
    let link = LinkCounter { smsc: acme, link: 1, received: 3, acked: 1, refused: 1, unanswered: 1 };
    appender.event(NOW, &Event::LinkCounter(link), None).unwrap();
    appender.commit(NOW).unwrap();
}

fn whole(dir: &Path) -> Report {
    ledger(dir, &Asked::default())
}

/// What a flip must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Called {
    /// This record of this stream, first of all.
    Record(Stream, u64),
    /// This file, first of all.
    File(String),
    /// The hashes of a tree: the file, or a record whose hash is not the kept one.
    Tree(Stream, String),
    /// A record of this stream, this one or a later one.
    FromRecordOn(Stream, u64),
    /// No finding, but a note that octets behind the last record are no whole record.
    Torn,
    /// Nothing: the stream has left the segment before this octet, and nobody reads what stands there.
    Abandoned,
}

impl Called {
    fn is(&self, report: &Report) -> bool {
        let Some(finding) = report.findings.first() else {
            let torn = report.notes.iter().any(|note| note.contains("are no whole record"));
            return *self == Self::Abandoned || *self == Self::Torn && torn;
        };
        match self {
            Self::Torn | Self::Abandoned => false,
            Self::FromRecordOn(stream, seq) => {
                report.findings.iter().any(|finding| finding.stream == Some(*stream) && finding.seq >= Some(*seq))
            }
            Self::Record(stream, seq) => (finding.stream, finding.seq) == (Some(*stream), Some(*seq)),
            Self::File(file) => finding.file == *file,
            Self::Tree(stream, file) => {
                finding.file == *file || finding.stream == Some(*stream) && finding.what.contains("hash")
            }
        }
    }
}

/// A place, its file, and what it must be called.
struct Place {
    path: PathBuf,
    at: usize,
    /// Where its frame begins, and the kind of its record, for one in a record.
    from: usize,
    kind: u8,
    /// Zero, and nothing but zeros behind it in its file.
    blank: bool,
    called: Called,
}

/// Where the frames of a segment stand: from, to, number.
fn frames(octets: &[u8]) -> Vec<(usize, usize, u64)> {
    let (mut at, mut found) = (BODY, Vec::new());
    while let frame::Look::Whole(frame) = frame::look(&octets[at.min(octets.len())..]) {
        found.push((at, at + frame.octets, frame.seq));
        at += frame.octets;
    }
    found
}

/// The last segment of a room that holds records.
fn newest_segment(room: &Path) -> PathBuf {
    let names = fs::read_dir(room).unwrap().map(|entry| entry.unwrap().path());
    let written = names.filter(|path| path.is_file() && !frames(&fs::read(path).unwrap()).is_empty());
    written.filter(|path| path.extension().is_some_and(|end| end == "seg")).max().unwrap_or_default()
}

/// Every octet of every file that is evidence.
fn places(dir: &Path) -> Vec<Place> {
    let mut found = Vec::new();
    let rooms = ["events", "verdicts", "tree/events", "tree/verdicts", "checkpoints", "packs", ""];
    for room in rooms {
        let newest = newest_segment(&dir.join(room));
        for entry in fs::read_dir(dir.join(room)).unwrap() {
            let path = entry.unwrap().path();
            // No evidence, and a start says what is wrong with it: orders that wait.
            if !path.is_file() || path.ends_with("erase.pending") {
                continue;
            }
            let name = super::stream::shown(dir, &path);
            let octets = fs::read(&path).unwrap();
            let stream = Stream::ALL.into_iter().find(|stream| room.ends_with(stream.word()));
            let used = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
            let frames = if name.ends_with(".seg") { frames(&octets) } else { Vec::new() };
            for at in 0..octets.len() {
                let within = frames.iter().find(|(from, to, _)| (*from..*to).contains(&at));
                let called = match (stream, within) {
                    (Some(stream), Some((_, _, seq))) => Called::Record(stream, *seq),
                    (Some(_), None) if frames.last().is_some_and(|last| at >= last.1) && path < newest => {
                        Called::Abandoned
                    }
                    (Some(stream), None) if room.starts_with("tree") => Called::Tree(stream, name.clone()),
                    (Some(_) | None, _) => Called::File(name.clone()),
                };
                let from = within.map_or(0, |(from, ..)| *from);
                let kind = within.map_or(0, |(from, ..)| octets[from + frame::HEADER + 1]);
                let path = path.strip_prefix(dir).unwrap().to_owned();
                found.push(Place { path, at, from, kind, blank: at >= used, called });
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { assert!(fs::copy(&path, &target).is_ok()) }
    }
}

/// Flips at each place in turn, on as many threads as there are cores; what was not found, or called something else.
fn missed(dir: &Path, places: &[Place], bend: impl Fn(&mut Vec<u8>, &Place) + Sync) -> Vec<String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let missed = |nth: usize| {
        let own = tempfile::tempdir().unwrap();
        copy(dir, own.path());
        let mut missed = Vec::new();
        for place in places.iter().skip(nth).step_by(threads) {
            let path = own.path().join(&place.path);
            let octets = fs::read(&path).unwrap();
            let mut bent = octets.clone();
            bend(&mut bent, place);
            fs::write(&path, &bent).unwrap();
            let report = whole(own.path());
            if !place.called.is(&report) {
                let found = report.findings.first().map(ToString::to_string);
                missed.push(format!("{} octet {}: {:?} but {found:?}", place.path.display(), place.at, place.called));
            }
            fs::write(&path, &octets).unwrap();
        }
        missed
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|nth| scope.spawn(move || missed(nth))).collect();
        running.into_iter().flat_map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn every_octet_of_a_ledger_of_every_kind_of_record_is_held_by_name() {
    let dir = tempfile::tempdir().unwrap();
    every_kind(dir.path(), true);
    let report = whole(dir.path());
    assert_eq!((report.findings, report.rekeys.len()), (vec![], 2));
    assert_eq!((report.verdicts.records, report.replayed.counters, report.boots), (72, 2, 2));
    let chosen = chosen(places(dir.path()));
    let records = chosen.iter().filter(|place| matches!(place.called, Called::Record(..))).count();
    let files: BTreeSet<&PathBuf> = chosen.iter().map(|place| &place.path).collect();
    assert!(records > 3_000 && files.len() >= 18, "{records} octets of records, {files:?}");
    println!("{} octets flipped, {records} of records, in {} files", chosen.len(), files.len());
    none(&missed(dir.path(), &chosen, |octets, place| octets[place.at] ^= 1 << (place.at % 8)));
}

/// Whoever flips may also make the checksum of the frame fit.
#[test]
fn every_octet_of_a_record_is_held_by_name_when_its_checksum_was_made_to_fit() {
    let dir = tempfile::tempdir().unwrap();
    every_kind(dir.path(), true);
    let of_record = |place: &Place| matches!(place.called, Called::Record(..));
    let behind_the_sum = |place: &Place| place.at - place.from >= 8;
    let chosen: Vec<Place> = chosen(places(dir.path())).into_iter().filter(of_record).filter(behind_the_sum).collect();
    assert!(chosen.len() > 3_000, "{}", chosen.len());
    let bend = |octets: &mut Vec<u8>, place: &Place| {
        let length = u32::from_be_bytes(*octets[place.from..].first_chunk().unwrap()) as usize;
        octets[place.at] ^= 1 << (place.at % 8);
        let frame = &octets[place.from..place.from + length];
        let sum = crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..]);
        octets[place.from + 4..place.from + 8].copy_from_slice(&sum.to_be_bytes());
    };
    none(&missed(dir.path(), &chosen, bend));
    // And take the kept hashes away: then the signed roots tell, at the record that the next checkpoint covers.
    for stream in Stream::ALL {
        for entry in fs::read_dir(dir.path().join("tree").join(stream.word())).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
    let leaves: Vec<Place> = chosen
        .into_iter()
        .filter(|place| place.at - place.from >= frame::HEADER && place.at.is_multiple_of(11))
        .map(|place| match place.called {
            Called::Record(stream, seq) => Place { called: Called::FromRecordOn(stream, seq), ..place },
            Called::FromRecordOn(..) | Called::File(_) | Called::Tree(..) | Called::Torn | Called::Abandoned => place,
        })
        .collect();
    none(&missed(dir.path(), &leaves, bend));
}

/// What a process that was killed leaves: only there may a flip be taken for what a power cut tears, and that is said.
#[test]
fn of_a_killed_process_only_what_stands_behind_the_last_signed_records_may_be_flipped_without_a_finding() {
    let dir = tempfile::tempdir().unwrap();
    every_kind(dir.path(), false);
    // Written and durable, and the process ends before it is signed.
    let options = OpenOptions::new("gw-1", false).with_segment_octets(SEGMENT);
    let (last, _) = Ledger::open(dir.path(), &later_keys(), options, NOW).unwrap();
    let mut appender = last.appender();
    for _ in 0..3 {
        let mut ruling = golden_tests::ruling();
        ruling.class = TrafficClass::Transactional;
        let kind = VerdictKind::Permitted;
        appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: 7, smsc: NameId::NONE, at: NOW });
    }
    let committed = appender.commit(NOW).unwrap();
    let verdicts = last.journal(Stream::Verdicts).clone();
    assert!(verdicts.wait_synced(committed.verdicts.end - 1, std::time::Duration::from_secs(60)));
    drop((appender, last));
    let report = whole(dir.path());
    assert_eq!((report.findings.len(), report.notes.len()), (0, 1), "{:?} {:?}", report.findings, report.notes);
    assert!(report.verdicts.records >= report.verdicts.signed + 3, "{report:?}");
    assert!(report.events.records > report.events.signed, "{report:?}");
    let last = [report.events.records - 1, report.verdicts.records - 1];
    let newest = Stream::ALL.map(|stream| newest_segment(&dir.path().join(stream.word())));
    let torn = |place: Place| {
        let path = dir.path().join(&place.path);
        let stream = Stream::ALL.into_iter().find(|stream| place.path.starts_with(stream.word()));
        let is_last = |stream: Stream| place.called == Called::Record(stream, last[stream as usize]);
        let behind = |stream: Stream| place.blank && place.at >= BODY && path >= newest[stream as usize];
        let called = match stream {
            // The verdicts of a start whose `begin` is gone tell of it.
            Some(Stream::Events) if is_last(Stream::Events) => Called::FromRecordOn(Stream::Verdicts, 72),
            Some(stream) if is_last(stream) || behind(stream) => Called::Torn,
            Some(_) | None => place.called,
        };
        Place { called, ..place }
    };
    let of_segment = |place: &Place| place.path.extension().is_some_and(|end| end == "seg");
    let all = places(dir.path()).into_iter().filter(of_segment).map(torn);
    let long = std::env::var_os("STOPGATE_LONG").is_some();
    let chosen: Vec<Place> =
        all.filter(|place| long || place.at.is_multiple_of(if place.blank { 97 } else { 7 })).collect();
    let untold = chosen.iter().filter(|place| place.called == Called::Torn).count();
    let records = chosen.iter().filter(|place| !place.blank).count();
    let torn_records = chosen.iter().filter(|place| !place.blank && place.called == Called::Torn).count();
    assert!(untold > 50 && records > 10 * torn_records, "{untold} of {}, {torn_records} of {records}", chosen.len());
    println!("{} octets flipped, {records} of records, {untold} of no consequence", chosen.len());
    none(&missed(dir.path(), &chosen, |octets, place| octets[place.at] ^= 1 << (place.at % 8)));
}

fn none(missed: &[String]) {
    assert!(missed.is_empty(), "{} missed, the first: {:#?}", missed.len(), &missed[..missed.len().min(10)]);
}

/// All of them in the long form (`STOPGATE_LONG=1`). In the short one every octet of the first record of each kind and of whatever
/// comes once, and one octet in many of what repeats: later records, hashes, the texts of packs, zeros.
fn chosen(all: Vec<Place>) -> Vec<Place> {
    let long = std::env::var_os("STOPGATE_LONG").is_some();
    let mut kinds: BTreeMap<(usize, u8), (PathBuf, usize)> = BTreeMap::new();
    let first_of_its_kind = |kinds: &mut BTreeMap<_, (PathBuf, usize)>, place: &Place, stream: Stream| {
        let first = kinds.entry((stream as usize, place.kind)).or_insert((place.path.clone(), place.from));
        *first == (place.path.clone(), place.from)
    };
    let keep = |place: &Place| {
        long || match &place.called {
            Called::Record(stream, _) => first_of_its_kind(&mut kinds, place, *stream) || place.at.is_multiple_of(13),
            Called::Tree(..) => place.at.is_multiple_of(5),
            Called::File(_) if place.blank || place.path.starts_with("packs") => place.at.is_multiple_of(97),
            // Headers of segments are alike: those of the first ones whole.
            Called::File(name) => !name.ends_with(".seg") || name.ends_with("0001.seg") || place.at.is_multiple_of(11),
            Called::Abandoned => place.at.is_multiple_of(7),
            Called::FromRecordOn(..) | Called::Torn => true,
        }
    };
    let mut keep = keep;
    all.into_iter().filter(|place| keep(place)).collect()
}
