//! Owns the proof that verification sees what was done to a ledger: records changed, files gone, another's ledger, retention.
//! Must never change only what is easy to see.

use super::super::book::Ledger;
use super::super::event::{Event, Gap};
use super::super::golden_tests::ruling;
use super::super::keys::Keys;
use super::super::note::NoteSigner;
use super::super::open::OpenOptions;
use super::super::sealed::Personal;
use super::super::signer::{Signer, Surroundings};
use super::super::suppression_event::{Scope, Stop, StopSource, SuppressionEvent};
use super::super::verdict::{VerdictEntry, VerdictKind};
use super::report::Report;
use super::{Asked, ledger};
use crate::compliance::class::TrafficClass;
use crate::compliance::code::RefusalCode;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Wednesday 2026-11-18, 12:06 in Paris.
pub const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);

pub fn keys() -> Keys {
    Keys::from_octets([1; 32], [2; 32], [3; 32])
}

/// Opens the ledger, lets `write` write, and ends in order.
pub fn session(dir: &Path, write: impl FnOnce(&Arc<Ledger>)) {
    let options = OpenOptions::new("gw-1", false).with_segment_octets(16 << 10);
    let (ledger, _) = Ledger::open(dir, &keys(), options, NOW).unwrap();
    let signer = Signer::start(&ledger, &keys(), Surroundings::silent(|| NOW)).unwrap();
    write(&ledger);
    ledger.close(NOW).unwrap();
    signer.finish();
}

pub fn number(last: u64) -> Msisdn {
    Msisdn::from_canonical(33_639_980_000 + last).unwrap()
}

/// Names, a stop with its sealed number, a gap, and verdicts enough for three segments.
pub fn some_records(ledger: &Arc<Ledger>) {
    let acme = ledger.intern("acme", NOW).unwrap();
    let mut appender = ledger.appender();
    let stop = Stop {
        id: ledger.next_event_id(),
        tag: keys().tag_key().tag(number(12)),
        scope: Scope::Global,
        source: StopSource::Handset,
        account: acme,
        smsc: NameId::NONE,
        short_code: 36111,
        answers: None,
        detail: NameId::NONE,
    };
    let event = Event::Suppression(SuppressionEvent::Stop(stop));
    let personal = Personal { text: Some("STOP".into()), ..Personal::of(number(12)) };
    appender.event(NOW, &event, Some(&personal)).unwrap();
    appender.event(NOW, &Event::Gap(Gap { account: acme, messages: 3, from: NOW, to: NOW }), None).unwrap();
    appender.commit(NOW).unwrap();
    for at in 0..300 {
        let kind = if at % 3 == 0 { VerdictKind::Refused(RefusalCode::OutOfHours) } else { VerdictKind::Permitted };
        let mut ruling = ruling();
        (ruling.class, ruling.account) = (TrafficClass::Transactional, acme);
        ruling.tag = Some(keys().tag_key().tag(number(at)));
        appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: at, smsc: NameId::NONE, at: NOW });
        appender.commit(NOW).unwrap();
    }
}

fn whole(dir: &Path) -> Report {
    ledger(dir, &Asked::default())
}

fn two_sessions() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    session(dir.path(), some_records);
    session(dir.path(), some_records);
    dir
}

#[test]
fn an_untouched_ledger_holds_and_says_that_nobody_anchors_it() {
    let dir = two_sessions();
    let report = whole(dir.path());
    assert_eq!(report.findings, []);
    assert_eq!((report.verdicts.records, report.verdicts.signed), (600, 600));
    assert_eq!((report.events.records, report.events.signed, report.boots), (9, 9, 2));
    assert_eq!(
        report.gaps.iter().map(|gap| (gap.account.as_str(), gap.messages)).collect::<Vec<_>>(),
        [("acme", 3); 2]
    );
    assert!(report.anchor_words().starts_with("NOT ANCHORED"), "{}", report.anchor_words());
    assert_eq!((report.key_given, report.replayed.blobs, report.ended_in_order), (false, 2, true));
}

#[test]
fn what_a_power_cut_leaves_of_the_last_checkpoints_is_said_and_is_no_fault() {
    let dir = two_sessions();
    let path = dir.path().join("checkpoints/recent");
    let octets = fs::read(&path).unwrap();
    fs::write(&path, [&octets[..], &[0; 309]].concat()).unwrap();
    let report = whole(dir.path());
    assert!(report.holds(), "{:?}", report.findings);
    assert!(report.notes.iter().any(|note| note.contains("the power failed")), "{:?}", report.notes);
    fs::write(&path, &octets[..octets.len() - 7]).unwrap();
    assert!(!whole(dir.path()).holds(), "a note cut short by hand");
    // The file system may know of the first sectors of a note alone.
    let long = octets.repeat(512 / octets.len() + 2);
    let sectors = long.len() / 512 * 512;
    assert_ne!(long[sectors - 1], b'\n', "it would be whole");
    fs::write(&path, &long[..sectors]).unwrap();
    let report = whole(dir.path());
    assert!(
        report.holds() && report.notes.iter().any(|note| note.contains("the power failed")),
        "{:?}",
        report.findings
    );
    fs::write(&path, &long[..sectors - 1]).unwrap();
    assert!(!whole(dir.path()).holds(), "no sector ends there");
    fs::write(&path, &octets).unwrap();
    for (left, name) in [(&[][..], "newest"), (&[0; 309][..], "newest-verdicts")] {
        fs::write(dir.path().join("checkpoints").join(name), left).unwrap();
        let report = whole(dir.path());
        assert!(report.holds(), "{:?}", report.findings);
        assert!(report.notes.iter().any(|note| note.contains(name)), "{:?}", report.notes);
    }
    // With the others gone too it says no more than if it were not there.
    for name in ["recent", "recent-old", "hourly"] {
        let _ = fs::remove_file(dir.path().join("checkpoints").join(name));
    }
    assert!(!whole(dir.path()).holds(), "nothing is signed any more, and it was");
}

#[test]
fn a_changed_record_is_named_even_when_its_checksum_was_made_to_fit() {
    let dir = two_sessions();
    let path = dir.path().join("verdicts/0000000001.seg");
    let mut octets = fs::read(&path).unwrap();
    // The third record: its account.
    let at = 512 + 2 * (20 + super::super::verdict::VERDICT_LEAF);
    octets[at + 20 + 27] ^= 1;
    let frame = &octets[at..at + 20 + super::super::verdict::VERDICT_LEAF];
    let sum = crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..]);
    octets[at + 4..at + 8].copy_from_slice(&sum.to_be_bytes());
    fs::write(&path, octets).unwrap();
    let report = whole(dir.path());
    let first = &report.findings[0];
    assert_eq!((first.seq, first.offset), (Some(2), Some(at as u64)), "{first}");
    assert!(first.to_string().starts_with("verdicts record 2: "), "{first}");
    assert!(report.findings.iter().any(|finding| finding.what.contains("were signed at")), "{:?}", report.findings);
}

#[test]
fn a_ledger_that_was_shortened_or_signed_by_another_is_found() {
    let dir = two_sessions();
    let kept = fs::read(dir.path().join("checkpoints/newest")).unwrap();
    let other = NoteSigner::new("stopgate/gw-1/events", &[9; 32]).key();
    let report = ledger(dir.path(), &Asked { key: Some(other), ..Asked::default() });
    assert!(report.findings[0].what.contains("not the one you gave"), "{:?}", report.findings);

    // Another ledger of the same node and keys, whole in itself, but not the one whose checkpoint was kept.
    let forged = tempfile::tempdir().unwrap();
    session(forged.path(), some_records);
    assert!(whole(forged.path()).holds());
    let asked = Asked { since: Some(("kept.note".into(), kept.clone())), ..Asked::default() };
    assert!(!ledger(forged.path(), &asked).holds());
    let report = ledger(dir.path(), &asked);
    assert!(report.holds(), "{:?}", report.findings);
    assert_eq!(report.anchor_words(), "anchored up to 2026-11-18T11:06:40Z by kept.note");

    for file in [
        "checkpoints/newest",
        "checkpoints/key",
        "verdicts/0000000002.seg",
        "events/0000000001.seg",
        "tree/events/size",
    ] {
        let octets = fs::read(dir.path().join(file)).unwrap();
        fs::remove_file(dir.path().join(file)).unwrap();
        let report = whole(dir.path());
        assert!(!report.holds(), "{file} was removed");
        fs::write(dir.path().join(file), octets).unwrap();
    }
    assert!(whole(dir.path()).holds());
}

/// Retention: whole segments of old verdicts go, and their hashes with them where a whole file of hashes is old.
#[test]
fn what_is_past_its_retention_may_go_and_everything_else_still_holds() {
    let dir = tempfile::tempdir().unwrap();
    session(dir.path(), some_records);
    let kept = fs::read(dir.path().join("checkpoints/newest")).unwrap();
    session(dir.path(), |ledger| {
        some_records(ledger);
        let verdicts = ledger.journal(super::super::checkpoint::Stream::Verdicts);
        assert!(verdicts.wait_synced(verdicts.appended() - 1, std::time::Duration::from_secs(20)));
        // The thread behind the ledger has hashed them by then.
        let tree = dir.path().join("tree/verdicts");
        while super::super::tiles::covered(&tree).unwrap_or(0) < 300 {
            std::thread::yield_now();
        }
        let span = std::time::Duration::from_secs(86_400);
        let older_than = NOW.plus(span);
        assert_eq!(ledger.forget_verdicts((NOW, span), 350, NOW).unwrap(), None, "none is older");
        let left = ledger.forget_verdicts((older_than, span), 350, NOW).unwrap().expect("given up");
        assert!((1..=350).contains(&left), "{left}");
        assert_eq!(ledger.forget_verdicts((older_than, span), 350, NOW).unwrap(), None, "once");
    });
    let check = |since: Option<(String, Vec<u8>)>| {
        let report = ledger(dir.path(), &Asked { since, ..Asked::default() });
        assert_eq!(report.findings, []);
        let first = report.verdicts.first;
        assert!((1..=350).contains(&first), "{first}");
        assert_eq!((report.verdicts.records, report.verdicts.signed), (600, 600));
        let said = format!("verdicts begin with {first}: those before were given up");
        assert!(report.notes.iter().any(|note| note.starts_with(&said)), "{:?}", report.notes);
    };
    check(None);
    // Also against a checkpoint from the time of the records that are gone.
    check(Some(("kept".into(), kept)));
    let (text, made) = super::super::proof::make(dir.path(), &keys(), number(10)).unwrap();
    assert_eq!(made.verdicts, 1, "its first verdict is gone");
    let (report, _) = super::proof_file::proof("a proof", text.as_bytes(), &Asked::default());
    assert_eq!(report.findings, []);
    // A start on it goes on signing.
    session(dir.path(), |_| {});
    check(None);
    // Somebody takes away more than a record says.
    let path = fs::read_dir(dir.path().join("verdicts")).unwrap().map(|file| file.unwrap().path()).min().unwrap();
    let next = format!("{:010}.seg", super::stream::shown(dir.path(), &path)[9..19].parse::<u64>().unwrap() + 1);
    let other = dir.path().join("verdicts").join(next);
    let (gone, header) = (fs::read(&path).unwrap(), fs::read(&other).unwrap());
    let mut octets = header.clone();
    octets.copy_within(16..24, 32);
    octets[40..48].fill(0);
    let sum = crc32c::crc32c(&octets[..64]);
    octets[64..68].copy_from_slice(&sum.to_be_bytes());
    fs::write(&other, octets).unwrap();
    fs::remove_file(&path).unwrap();
    let report = whole(dir.path());
    assert!(
        report.findings.iter().any(|one| one.what.contains("no record says that they were given up")),
        "{:?}",
        report.findings
    );
    fs::write(&path, gone).unwrap();
    fs::write(&other, header).unwrap();
    // One octet of a hash that stands for what is gone.
    let first_hashes = dir.path().join("tree/verdicts/0-0000000000.hash");
    let octets = fs::read(&first_hashes).unwrap();
    for at in [0, 31, 32 * 100, 32 * 255 + 7] {
        let mut copy = octets.clone();
        copy[at] ^= 1;
        fs::write(&first_hashes, copy).unwrap();
        assert!(!whole(dir.path()).holds(), "octet {at}");
    }
    fs::write(&first_hashes, octets).unwrap();
    check(None);
    // Without the hashes of the records that are gone nothing can be said.
    let hashes = dir.path().join("tree/verdicts/0-0000000000.hash");
    let octets = fs::read(&hashes).unwrap();
    fs::write(&hashes, vec![0; octets.len()]).unwrap();
    assert!(!whole(dir.path()).holds());
}

/// A ledger that was written and never signed; `then` is the instant of its last record.
fn unsigned(then: CivilInstant) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(dir.path(), &keys(), OpenOptions::new("gw-1", false), NOW).unwrap();
    some_records(&ledger);
    let mut appender = ledger.appender();
    appender.event(then, &Event::Gap(Gap { account: NameId(1), messages: 3, from: NOW, to: NOW }), None).unwrap();
    let committed = appender.commit(then).unwrap();
    assert!(ledger.wait_durable(committed.events.start, std::time::Duration::from_secs(60)));
    let verdicts = ledger.journal(super::super::checkpoint::Stream::Verdicts);
    assert!(verdicts.wait_synced(verdicts.appended() - 1, std::time::Duration::from_secs(60)));
    dir
}

#[test]
fn a_ledger_killed_in_its_first_second_is_said_to_be_unsigned_and_one_whose_checkpoints_were_removed_is_found() {
    let report = whole(unsigned(NOW).path());
    assert!(report.holds() && report.unsigned, "{:?}", report.findings);
    assert_eq!((report.verdicts.signed, report.origin.as_str()), (0, "stopgate/gw-1"));
    let late = unsigned(NOW.plus(std::time::Duration::from_secs(20)));
    let first = whole(late.path()).findings[0].to_string();
    assert!(first.contains("one of its starts lasted 20 s"), "{first}");
    // With everything that tells of signing gone, an orderly end still tells.
    let dir = tempfile::tempdir().unwrap();
    session(dir.path(), some_records);
    for (gone, said) in [
        ("checkpoints/key", "checkpoints/hourly is not empty"),
        ("checkpoints", "one of its starts ended in order"),
        ("tree", "one of its starts ended in order"),
    ] {
        let path = dir.path().join(gone);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        let report = whole(dir.path());
        let first = report.findings[0].to_string();
        assert!(first.contains("this ledger was signed") && first.contains(said), "{gone}: {first}");
        assert!(!report.unsigned && report.advice().is_some_and(|[_, next]| next.contains("--since")));
    }
    // Who has the key and a checkpoint from elsewhere learns it too.
    let asked = Asked { since: Some(("kept".into(), Vec::new())), ..Asked::default() };
    assert!(ledger(unsigned(NOW).path(), &asked).findings[0].what.contains("give it by --key"));
}

#[test]
fn a_kept_checkpoint_is_held_against_the_ledger_whether_it_is_old_of_the_future_or_another_s() {
    let dir = tempfile::tempdir().unwrap();
    session(dir.path(), some_records);
    let newest = |dir: &Path| fs::read(dir.join("checkpoints/newest")).unwrap();
    let old = newest(dir.path());
    let early = tempfile::tempdir().unwrap();
    copy_all(dir.path(), early.path());
    session(dir.path(), some_records);
    let (middle, torn) = (newest(dir.path()), &old[..old.len() - 5]);
    let another = tempfile::tempdir().unwrap();
    let (of_another, _) = Ledger::open(another.path(), &keys(), OpenOptions::new("gw-2", false), NOW).unwrap();
    let signer = Signer::start(&of_another, &keys(), Surroundings::silent(|| NOW)).unwrap();
    of_another.close(NOW).unwrap();
    signer.finish();
    let both = [old.clone(), middle.clone()].concat();
    for (what, dir, kept, said) in [
        ("an old one", dir.path(), &old[..], None),
        ("the newest", dir.path(), &middle, None),
        ("several", dir.path(), &both, None),
        ("of the future", early.path(), &middle, Some("records were signed at 2026-11-18T11:06:40Z, but only")),
        (
            "another node's",
            dir.path(),
            &newest(another.path()),
            Some("the checkpoint is of another log: stopgate/gw-2/events"),
        ),
        ("a torn one", dir.path(), torn, Some("no signed checkpoint (damaged, or cut short)")),
        ("none", dir.path(), b"", Some("no signed checkpoint (damaged, or cut short)")),
    ] {
        let report = ledger(dir, &Asked { since: Some(("kept".into(), kept.to_vec())), ..Asked::default() });
        match said {
            None => {
                assert_eq!(report.findings, [], "{what}");
                assert_eq!(report.anchor_words(), "anchored up to 2026-11-18T11:06:40Z by kept", "{what}");
            }
            Some(said) => {
                let first = report.findings.first().map(ToString::to_string).unwrap_or_default();
                assert!(first.contains(said), "{what}: {first}");
                assert!(report.advice().is_some(), "{what}");
            }
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy_all(&path, &target) } else { assert!(fs::copy(&path, &target).is_ok()) }
    }
}
