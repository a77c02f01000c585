//! Owns the tests of erasing a number from the events: nothing of it is left, everybody else's evidence is, whenever the disk goes.
//! Must never look only through the ledger's own eyes: files are searched octet by octet.

use super::backup::{self, Derived, Source};
use super::book::Ledger;
use super::erasure::{EraseOrder, Erased};
use super::event::{Admin, Consent, ConsentAct, Event};
use super::open::OpenOptions;
use super::proof;
use super::restore::{self, Wanted};
use super::sealed::Personal;
use super::signer::{Signer, Surroundings};
use super::suppression_event::{Scope, Stop, StopSource, SuppressionEvent};
use super::verify::report::Report;
use super::verify::{self, Asked, proof_file};
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::faults::FaultyDisk;
use crate::ledger::Keys;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::tag::NumberTag;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);
/// Whose data are erased, and somebody else.
const WHO: u64 = 12;
const OTHER: u64 = 13;

fn keys() -> Keys {
    Keys::from_octets([1; 32], [2; 32], [3; 32])
}

fn number(n: u64) -> Msisdn {
    Msisdn::from_canonical(33_639_980_000 + n).expect("a number")
}

fn tag(n: u64) -> NumberTag {
    keys().tag_key().tag(number(n))
}

fn open(dir: &Path, disk: Arc<dyn Disk>) -> Arc<Ledger> {
    let options = OpenOptions { disk, ..OpenOptions::new("gw-1", false).with_segment_octets(16 << 10) };
    Ledger::open(dir, &keys(), options, NOW).expect("opened").0
}

/// A stop, an opt-in and an act about a number, each with a text of about 400 octets sealed beside it.
fn write(ledger: &Arc<Ledger>, n: u64) {
    let name = ledger.intern("acme", NOW).expect("interned");
    let id = ledger.next_event_id();
    let stop = Stop {
        id,
        tag: tag(n),
        scope: Scope::Global,
        source: StopSource::Handset,
        account: name,
        smsc: NameId::NONE,
        short_code: 36111,
        answers: None,
        detail: NameId::NONE,
    };
    let consent = Consent {
        id: ledger.next_event_id(),
        act: ConsentAct::Record,
        tag: tag(n),
        account: name,
        source: name,
        wording: name,
        given_at: NOW,
        by: name,
    };
    let admin = Admin { by: name, action: name, tag: Some(tag(n)), detail: NameId::NONE };
    let personal = Personal { text: Some("words ".repeat(60)), ..Personal::of(number(n)) };
    let mut appender = ledger.appender();
    for event in [Event::Suppression(SuppressionEvent::Stop(stop)), Event::Consent(consent), Event::Admin(admin)] {
        appender.event(NOW, &event, Some(&personal)).expect("taken");
    }
    appender.commit(NOW).expect("appended");
}

/// The sealed data of a number's events.
fn blobs(ledger: &Ledger, n: u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let each = |_, _: &[u8], blob: &[u8]| found.extend(blob.iter().any(|octet| *octet != 0).then(|| blob.to_vec()));
    ledger.events_about(&tag(n), (0, u64::MAX), each).expect("readable");
    found
}

fn order(ledger: &Arc<Ledger>) -> EraseOrder {
    let name = ledger.intern("letter", NOW).expect("interned");
    EraseOrder { tag: tag(WHO), reason: name, by: name, at: NOW }
}

/// As the gateway does it.
fn erase(ledger: &Arc<Ledger>) -> Result<Erased, super::erasure::EraseError> {
    let order = order(ledger);
    ledger.begin_erasure(order)?;
    let erased = ledger.erase(&order, NOW)?;
    ledger.end_erasure(&order.tag)?;
    Ok(erased)
}

/// Asserts that no file under `dir` holds any of these, nor their first 16 octets (the salt).
fn nowhere(dir: &Path, needles: &[Vec<u8>]) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            nowhere(&path, needles);
            continue;
        }
        // A file that is being made may get its name meanwhile.
        let Ok(octets) = std::fs::read(&path) else { continue };
        for needle in needles {
            assert!(!octets.windows(16).any(|part| part == &needle[..16]), "{}", path.display());
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("listed") {
        let path = entry.expect("listed").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else if let Err(error) = std::fs::copy(&path, &target) {
            assert_eq!(
                error.kind(),
                std::io::ErrorKind::NotFound,
                "a file that is being made may get its name meanwhile"
            );
        }
    }
}

fn holds(dir: &Path, since: Option<&[u8]>) -> Report {
    let since = since.map(|octets| ("kept".to_owned(), octets.to_vec()));
    let report = verify::ledger(dir, &Asked { since, ..Asked::default() });
    assert_eq!(report.findings, []);
    report
}

#[test]
fn a_number_s_data_are_gone_everybody_else_s_stay_and_old_proofs_and_checkpoints_hold() {
    let dir = tempfile::tempdir().expect("tempdir");
    let ledger = open(dir.path(), Arc::new(RealDisk));
    let signer = Signer::start(&ledger, &keys(), Surroundings::silent(|| NOW)).expect("started");
    for n in (0..20).chain([WHO]) {
        write(&ledger, n);
    }
    ledger.close(NOW).expect("closed");
    signer.finish();
    drop(ledger);
    let (of_other, made) = proof::make(dir.path(), &keys(), number(OTHER)).expect("made");
    assert_eq!(made.events, 3);
    let (of_who, _) = proof::make(dir.path(), &keys(), number(WHO)).expect("made");
    let kept = std::fs::read(dir.path().join("checkpoints/newest")).expect("signed");

    let ledger = open(dir.path(), Arc::new(RealDisk));
    let signer = Signer::start(&ledger, &keys(), Surroundings::silent(|| NOW)).expect("started");
    let (gone, others) = (blobs(&ledger, WHO), blobs(&ledger, OTHER));
    assert_eq!((gone.len(), others.len()), (6, 3));
    let erased = erase(&ledger).expect("erased");
    assert_eq!(erased.events.len(), 6);
    nowhere(dir.path(), &gone);
    assert_eq!((blobs(&ledger, WHO), blobs(&ledger, OTHER)), (Vec::new(), others));
    let (record, none) = ledger.event(erased.record).expect("readable").expect("there");
    let Event::Erase(said) = record.event else { panic!("{record:?}") };
    assert_eq!((said.tag, said.events, none), (tag(WHO), erased.events.into_iter().collect(), None));
    assert_eq!((ledger.pending_erasures().expect("readable").orders, ledger.erasures_waiting()), (vec![], 0));
    // Twice, of nothing: said, and harmless. What comes afterwards is recorded anew.
    assert!(erase(&ledger).expect("again").events.is_empty());
    write(&ledger, WHO);
    assert_eq!(blobs(&ledger, WHO).len(), 3);
    ledger.close(NOW).expect("closed");
    signer.finish();
    drop(ledger);
    let report = holds(dir.path(), Some(&kept));
    assert_eq!((report.replayed.erased, report.notes), (6, vec![]));
    for (text, blobs) in [(&of_other, 3), (&of_who, 6)] {
        let (report, _) = proof_file::proof("old", text.as_bytes(), &Asked::default());
        assert_eq!((report.findings, report.replayed.blobs), (vec![], blobs), "a proof that was given out stands");
    }
    let (text, made) = proof::make(dir.path(), &keys(), number(WHO)).expect("made");
    assert_eq!(made.events, 11);
    let (report, _) = proof_file::proof("new", text.as_bytes(), &Asked::default());
    assert_eq!((report.findings, report.replayed.blobs, report.replayed.erased), (vec![], 3, 6));
    drop(open(dir.path(), Arc::new(RealDisk)));
    holds(dir.path(), Some(&kept));
}

#[test]
fn wherever_the_disk_goes_away_the_next_start_finishes_and_the_ledger_holds() {
    let (mut cut_off, mut begun) = (0, 0);
    for calls in 0.. {
        let room = tempfile::tempdir().expect("tempdir");
        let (dir, crashed) = (room.path().join("live"), room.path().join("crashed"));
        let disk = FaultyDisk::default();
        let ledger = open(&dir, Arc::new(disk.clone()));
        let signer = Signer::start(&ledger, &keys(), Surroundings::silent(|| NOW)).expect("started");
        (0..14).for_each(|n| write(&ledger, n));
        assert!(ledger.wait_durable(ledger.events_appended() - 1, Duration::from_secs(20)));
        signer.finish();
        let gone = blobs(&ledger, WHO);
        order(&ledger);
        disk.gone_after(calls);
        let outcome = erase(&ledger);
        copy(&dir, &crashed);
        let found = open(&crashed, Arc::new(RealDisk));
        let pending = found.pending_erasures().expect("readable").orders;
        assert_eq!(found.erasures_waiting(), pending.len() as u64, "counted at the start");
        let signer = Signer::start(&found, &keys(), Surroundings::silent(|| NOW)).expect("started");
        match (&outcome, pending.is_empty()) {
            (Ok(_), true) => nowhere(&crashed, &gone),
            // Its last step alone was missing, or it never began.
            (Err(_), true) => assert!(blobs(&found, WHO).len() == 3 || blobs(&found, WHO).is_empty(), "{calls}"),
            (_, false) => {
                begun += 1;
                for order in pending {
                    found.erase(&order, NOW).expect("finished");
                    found.end_erasure(&order.tag).expect("over");
                }
                nowhere(&crashed, &gone);
            }
        }
        assert_eq!(blobs(&found, OTHER).len(), 3, "after {calls} calls");
        found.close(NOW).expect("closed");
        signer.finish();
        drop(found);
        holds(&crashed, None);
        if outcome.is_ok() {
            break;
        }
        cut_off += 1;
    }
    assert!(cut_off >= 16 && begun >= 15, "{cut_off} places to fail at, {begun} of them after it was noted");
}

#[test]
fn data_that_are_still_here_although_a_record_says_they_are_erased_are_noted() {
    let dir = tempfile::tempdir().expect("tempdir");
    let ledger = open(dir.path(), Arc::new(RealDisk));
    let signer = Signer::start(&ledger, &keys(), Surroundings::silent(|| NOW)).expect("started");
    write(&ledger, WHO);
    let order = order(&ledger);
    let mut events = Vec::new();
    ledger.events_about(&order.tag, (0, u64::MAX), |seq, _, _| events.push(seq)).expect("readable");
    let erase = super::event::Erase { tag: order.tag, reason: order.reason, by: order.by, events };
    let mut appender = ledger.appender();
    appender.event(NOW, &Event::Erase(erase), None).expect("taken");
    appender.commit(NOW).expect("appended");
    drop(appender);
    ledger.close(NOW).expect("closed");
    signer.finish();
    drop(ledger);
    let report = holds(dir.path(), None);
    assert!(report.notes[0].contains("sealed data of 3 record(s)"), "{:?}", report.notes);
}

#[test]
fn an_erasure_that_a_backup_holds_half_done_is_carried_out_behind_its_restore() {
    let room = tempfile::tempdir().expect("tempdir");
    let (data, keys_dir) = (room.path().join("data"), room.path().join("keys"));
    Keys::import(&keys().export(), &keys_dir).expect("imported");
    let ledger = open(&data, Arc::new(RealDisk));
    let signer = Signer::start(&ledger, &keys(), Surroundings::silent(|| NOW)).expect("started");
    write(&ledger, OTHER);
    erase(&ledger).expect("nothing of this one is here yet");
    write(&ledger, WHO);
    let order = order(&ledger);
    let mut events = Vec::new();
    ledger
        .events_about(&order.tag, (0, u64::MAX), |seq, _, blob| events.extend((!blob.is_empty()).then_some(seq)))
        .expect("read");
    let erase = super::event::Erase { tag: order.tag, reason: order.reason, by: order.by, events };
    let mut appender = ledger.appender();
    appender.event(NOW, &Event::Erase(erase), None).expect("taken");
    appender.commit(NOW).expect("appended");
    drop(appender);
    let gone = blobs(&ledger, WHO);
    ledger.close(NOW).expect("closed");
    signer.finish();
    drop(ledger);
    let target = room.path().join("backup");
    let derived = [Derived { file: "names", stream: super::checkpoint::Stream::Events }];
    let source = Source { data_dir: &data, beside: &[], derived: &derived, plain: &[], running: false, now: NOW };
    backup::take(&source, &target).expect("it holds");
    let (backup, again) = (target.as_path(), room.path().join("again"));
    let wanted = Wanted { backup, data_dir: &again, keys_dir: &keys_dir, node: "gw-1", newest: vec![], now: NOW };
    restore::restore(&wanted).expect("restored");
    let ledger = open(&again, Arc::new(RealDisk));
    let pending = ledger.pending_erasures().expect("readable").orders;
    assert_eq!(pending, [EraseOrder { at: NOW, ..order }], "this one, and not the one that was over");
    let signer = Signer::start(&ledger, &keys(), Surroundings::silent(|| NOW)).expect("started");
    ledger.erase(&pending[0], NOW).expect("finished");
    ledger.end_erasure(&order.tag).expect("over");
    nowhere(&again, &gone);
    assert_eq!((blobs(&ledger, OTHER).len(), ledger.recorded_and_not_done().expect("read")), (3, vec![]));
    ledger.close(NOW).expect("closed");
    signer.finish();
    drop(ledger);
    holds(&again, None);
}
