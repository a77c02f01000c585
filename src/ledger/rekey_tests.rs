//! Owns the proof that a replaced tag or sealing key loses nothing: every number, blob and proof from before is found after it.
//! Must never find by chance what only the earlier key could find: each case is also asked without it.

use super::backup::{self, Source};
use super::book::Ledger;
use super::checkpoint::Stream;
use super::erasure::EraseOrder;
use super::error::OpenError;
use super::event::Event;
use super::event_code::EventRecord;
use super::generations::Secrets;
use super::keys::{GENERATIONS_MAX, Keys, TagLinks};
use super::open::OpenOptions;
use super::proof;
use super::rekey::{self, RekeyError, Step};
use super::restore::{self, Wanted};
use super::sealed::{Personal, Sealer};
use super::signer::{Signer, Surroundings};
use super::suppression_event::{Scope, Stop, StopSource, SuppressionEvent};
use super::verdict::{VerdictEntry, VerdictKind};
use super::verify::report::Report;
use super::verify::tests::{NOW, keys, number, session};
use super::verify::{self, Asked, proof_file};
use crate::compliance::class::TrafficClass;
use crate::journal::faults::FaultyDisk;
use crate::message::name::NameId;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

struct House {
    _room: tempfile::TempDir,
    data_dir: PathBuf,
    keys_dir: PathBuf,
}

fn options() -> OpenOptions {
    OpenOptions::new("gw-1", false).with_segment_octets(16 << 10)
}

/// A ledger in which number 12 has said STOP, with records of many others, and its keys in a keys_dir.
fn house() -> House {
    let room = tempfile::tempdir().unwrap();
    let (data_dir, keys_dir) = (room.path().join("data"), room.path().join("keys"));
    Keys::import(&keys().export(), &keys_dir).unwrap();
    session(&data_dir, |ledger| {
        ledger.intern("acme", NOW).unwrap();
        stop(ledger, &keys(), 12);
        (0..40).for_each(|last| permit(ledger, &keys(), last, TrafficClass::Transactional));
    });
    House { _room: room, data_dir, keys_dir }
}

impl House {
    fn keys(&self) -> Keys {
        Keys::open(&self.keys_dir, &self.data_dir).unwrap()
    }

    fn replace(&self, secret: Secrets) -> usize {
        rekey::replace(secret, &self.data_dir, &self.keys_dir, options(), NOW).unwrap().generation
    }

    /// A start with whatever keys are there, and an orderly end.
    fn start(&self, work: impl FnOnce(&Arc<Ledger>, &Keys)) {
        let keys = self.keys();
        let (ledger, _) = Ledger::open(&self.data_dir, &keys, options(), NOW).unwrap();
        let signer = Signer::start(&ledger, &keys, Surroundings::silent(|| NOW)).unwrap();
        work(&ledger, &keys);
        ledger.close(NOW).unwrap();
        signer.finish();
    }

    fn verify(&self, tags: Option<TagLinks>) -> Report {
        let sealer = tags.is_some().then(|| Sealer::new(&self.keys()));
        verify::ledger(&self.data_dir, &Asked { tags, sealer, ..Asked::default() })
    }

    /// The links from this generation on: what somebody has who was given the later files only.
    fn links_from(&self, first: usize) -> TagLinks {
        let TagLinks { links, .. } = self.keys().tag_links();
        TagLinks { first, links: links[first - 1..].to_vec() }
    }
}

fn stop(ledger: &Arc<Ledger>, keys: &Keys, last: u64) -> u64 {
    let stop = Stop {
        id: ledger.next_event_id(),
        tag: keys.tag_key().tag(number(last)),
        scope: Scope::Global,
        source: StopSource::Handset,
        account: NameId(1),
        smsc: NameId::NONE,
        short_code: 36111,
        answers: None,
        detail: NameId::NONE,
    };
    let personal = Personal { text: Some("STOP".into()), ..Personal::of(number(last)) };
    let mut appender = ledger.appender();
    let ticket = appender.event(NOW, &Event::Suppression(SuppressionEvent::Stop(stop)), Some(&personal)).unwrap();
    let seq = appender.commit(NOW).unwrap().seq(ticket);
    assert!(ledger.wait_durable(seq, Duration::from_secs(5)));
    seq
}

/// A message to a number that leaves.
fn permit(ledger: &Arc<Ledger>, keys: &Keys, last: u64, class: TrafficClass) {
    let mut ruling = super::golden_tests::ruling();
    (ruling.class, ruling.account, ruling.tag) = (class, NameId(1), Some(keys.tag_key().tag(number(last))));
    let mut appender = ledger.appender();
    appender.mark();
    let kind = VerdictKind::Permitted;
    appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: 9, smsc: NameId::NONE, at: NOW });
    appender.commit(NOW).unwrap();
}

/// The stops that the ledger tells of a number.
fn stops_of(ledger: &Ledger, keys: &Keys, last: u64) -> Vec<(u64, Option<Personal>)> {
    let tag = keys.tag_key().tag(number(last));
    let mut events = ledger.read_events(0, u64::MAX);
    let mut found = Vec::new();
    while let Some((own, seq, _)) = events.next_suppression_leaf().unwrap() {
        if own == tag {
            let (record, personal) = ledger.event(seq).unwrap().unwrap();
            assert_eq!(record.event.tag(), Some(tag), "a record reads the same by either way");
            found.push((seq, personal));
        }
    }
    found
}

#[test]
fn whatever_order_keys_are_replaced_in_every_number_is_found_and_every_blob_opens() {
    for order in [
        &[Secrets::Tags][..],
        &[Secrets::Sealing],
        &[Secrets::Tags, Secrets::Sealing, Secrets::Tags],
        &[Secrets::Sealing, Secrets::Sealing, Secrets::Tags],
    ] {
        let house = house();
        let mut stopped = vec![12];
        for (at, secret) in order.iter().enumerate() {
            let own = order[..=at].iter().filter(|other| *other == secret).count();
            assert_eq!(house.replace(*secret), own + 1);
            house.start(|ledger, keys| {
                let last = 50 + at as u64;
                stop(ledger, keys, last);
                stopped.push(last);
                for last in &stopped {
                    let found = stops_of(ledger, keys, *last);
                    assert_eq!(found.len(), 1, "{last} after {order:?}");
                    assert_eq!(found[0].1.as_ref().and_then(|personal| personal.number), Some(number(*last)));
                }
                assert_eq!(stops_of(ledger, keys, 99), []);
                // Verdicts of the first session, found by a number's newest tag; the same as before.
                let newest = ledger.last_verdicts(keys.tag_key().tag(number(30)), 10, 100).unwrap();
                assert_eq!(newest.len(), 1, "{order:?}");
                assert_eq!(newest[0].tag, Some(keys.tag_key().tag(number(30))));
            });
            for links in [None, Some(house.keys().tag_links())] {
                let with = links.is_some();
                let report = house.verify(links);
                assert_eq!(report.findings, [], "{order:?}");
                assert_eq!(report.rekeys.len(), at + 1);
                assert_eq!(
                    (report.replayed.tags, report.replayed.unopened),
                    if with { (2 + at as u64, 0) } else { (0, 0) }
                );
            }
        }
    }
}

#[test]
fn a_message_after_the_rotation_to_who_had_opted_out_before_it_is_found_with_the_newest_link() {
    let house = house();
    house.start(|ledger, keys| permit(ledger, keys, 13, TrafficClass::Commercial));
    house.replace(Secrets::Tags);
    let mut bad = 0;
    house.start(|ledger, keys| {
        permit(ledger, keys, 14, TrafficClass::Commercial);
        bad = ledger.verdicts_appended();
        permit(ledger, keys, 12, TrafficClass::Commercial);
    });
    let report = house.verify(None);
    assert_eq!(report.findings, [], "nobody can tell without the key");
    let boundary: Vec<_> = report.notes.iter().filter(|note| note.contains("followed past it")).collect();
    assert!(boundary.len() == 1 && boundary[0].contains("--tag-key KEYS_DIR/tag.key.2"), "{:?}", report.notes);
    for links in [house.links_from(1), house.links_from(2)] {
        let report = house.verify(Some(links));
        let [finding] = &report.findings[..] else { panic!("{:?}", report.findings) };
        assert_eq!((finding.stream, finding.seq), (Some(Stream::Verdicts), Some(bad)));
        assert!(finding.what.contains("had opted out"), "{finding}");
    }
    // Another key carries to nowhere, and is told from the right one.
    let mut other = house.links_from(2);
    other.links = Keys::from_octets([9; 32], [0; 32], [0; 32]).tag_links().links;
    let report = house.verify(Some(other));
    assert!(report.findings[0].what.contains("brings in another tag key"), "{:?}", report.findings);
    house.replace(Secrets::Tags);
    let report = house.verify(Some(house.links_from(3)));
    assert!(report.findings.is_empty(), "half of the links carries nothing: {:?}", report.findings);
    assert_eq!(house.verify(Some(house.links_from(2))).findings[0].seq, Some(bad));
    let words = |first| house.verify(Some(house.links_from(first))).tag_words();
    assert!(words(1).starts_with("tag key checked: it is") && words(2).contains("which tag is whose was not checked"));
}

#[test]
fn cut_off_at_any_step_the_ledger_opens_and_the_replacement_is_on_record_once() {
    for secret in Secrets::ALL {
        for step in [Step::Looked, Step::Placed, Step::Recorded, Step::Signed] {
            let house = house();
            let dirs = (house.data_dir.as_path(), house.keys_dir.as_path());
            rekey::replace_to(step, secret, dirs, options(), NOW).unwrap();
            house.start(|ledger, keys| {
                stop(ledger, keys, 60);
                assert_eq!((stops_of(ledger, keys, 12).len(), stops_of(ledger, keys, 60).len()), (1, 1), "{step:?}");
            });
            let wanted = usize::from(step > Step::Looked);
            let report = house.verify(Some(house.keys().tag_links()));
            assert_eq!((report.findings, report.rekeys.len()), (vec![], wanted), "{secret:?} {step:?}");
            // And once more.
            assert_eq!(house.replace(secret), wanted + 2);
            assert_eq!(house.verify(None).findings, [], "{secret:?} {step:?}");
        }
    }
}

/// What a kill leaves at the moments between the first write under the new keys and the record's fsync.
#[test]
fn a_first_start_under_new_keys_that_is_cut_anywhere_is_gone_on_from() {
    let house = house();
    let dirs = (house.data_dir.as_path(), house.keys_dir.as_path());
    rekey::replace_to(Step::Placed, Secrets::Tags, dirs, options(), NOW).unwrap();
    let before = std::fs::read_dir(house.data_dir.join("events")).unwrap().count();
    let (ledger, found) = Ledger::open(&house.data_dir, &house.keys(), options(), NOW).unwrap();
    assert_eq!(found.rekeyed, 1);
    drop(ledger);
    let newest = (1..).map(|index| house.data_dir.join(format!("events/{index:010}.seg")));
    let newest = newest.take_while(|path| path.exists()).filter(|path| {
        let octets = std::fs::read(path).unwrap();
        octets[512..].iter().any(|octet| *octet != 0)
    });
    let newest = newest.last().unwrap();
    let whole = std::fs::read(&newest).unwrap();
    let end = whole.iter().rposition(|octet| *octet != 0).unwrap() + 1;
    assert!(before >= 1 && end > 700);
    for cut in (512..=end).step_by(7).chain([end]) {
        let mut octets = whole.clone();
        octets[cut..].fill(0);
        std::fs::write(&newest, &octets).unwrap();
        std::fs::remove_file(house.data_dir.join("names")).ok();
        let (ledger, found) = Ledger::open(&house.data_dir, &house.keys(), options(), NOW).unwrap();
        assert!(found.rekeyed <= 1);
        let mut events = ledger.read_events(0, u64::MAX);
        let mut recorded = 0;
        while let Some(EventRecord { event, .. }) = events.next_event().unwrap() {
            recorded += usize::from(matches!(event, Event::Rekey(_)));
        }
        assert_eq!(recorded, 1, "cut at {cut}");
        drop((events, ledger));
        let report = house.verify(None);
        assert_eq!(report.findings, [], "cut at {cut}");
    }
}

#[test]
fn a_key_that_is_lost_after_a_rotation_refuses_and_names_its_file() {
    for secret in Secrets::ALL {
        let house = house();
        house.replace(secret);
        let lost = house.keys_dir.join(secret.file_of(2));
        std::fs::remove_file(&lost).unwrap();
        let refused = Ledger::open(&house.data_dir, &house.keys(), options(), NOW).unwrap_err();
        assert!(matches!(refused, OpenError::KeyMismatch { .. }), "{refused}");
        assert!(refused.to_string().contains(&secret.file_of(2)), "{refused}");
        assert!(matches!(
            rekey::replace(secret, &house.data_dir, &house.keys_dir, options(), NOW),
            Err(RekeyError::Open(OpenError::KeyMismatch { .. }))
        ));
        assert!(!lost.exists(), "no key is made in its place");
    }
}

#[test]
fn a_held_ledger_and_too_many_generations_are_refused_and_change_nothing() {
    let house = house();
    let (ledger, _) = Ledger::open(&house.data_dir, &house.keys(), options(), NOW).unwrap();
    let refused = rekey::replace(Secrets::Tags, &house.data_dir, &house.keys_dir, options(), NOW);
    assert!(matches!(refused, Err(RekeyError::Open(OpenError::Locked { .. }))));
    assert_eq!(house.keys().generation(Secrets::Tags), 1);
    drop(ledger);
    for generation in 2..=GENERATIONS_MAX {
        assert_eq!(house.replace(Secrets::Tags), generation);
    }
    let refused = rekey::replace(Secrets::Tags, &house.data_dir, &house.keys_dir, options(), NOW);
    assert!(matches!(refused, Err(RekeyError::Full(Secrets::Tags))));
    assert_eq!(house.keys().generation(Secrets::Tags), GENERATIONS_MAX);
    house.start(|ledger, keys| assert_eq!(stops_of(ledger, keys, 12).len(), 1));
}

#[test]
fn a_backup_from_before_rotations_is_restored_under_the_new_keys() {
    let house = house();
    house.start(|_, _| {});
    let target = house.data_dir.with_file_name("backup");
    let derived = [backup::Derived { file: "names", stream: Stream::Events }];
    let data_dir: &Path = &house.data_dir;
    let source = Source { data_dir, beside: &[], derived: &derived, plain: &[], running: false, now: NOW };
    backup::take(&source, &target).unwrap();
    house.replace(Secrets::Sealing);
    house.replace(Secrets::Tags);
    house.replace(Secrets::Tags);
    let newest = vec![("newest".to_owned(), std::fs::read(data_dir.join("checkpoints/newest")).unwrap())];
    let again =
        House { data_dir: house.data_dir.with_file_name("again"), keys_dir: house.keys_dir.clone(), ..self::house() };
    let (backup, keys_dir) = (target.as_path(), again.keys_dir.as_path());
    let wanted = Wanted { backup, data_dir: &again.data_dir, keys_dir, node: "gw-1", newest, now: NOW };
    assert!(restore::restore(&wanted).unwrap().closed, "the records of the rotations are lost, and made again");
    again.start(|ledger, keys| {
        stop(ledger, keys, 61);
        assert_eq!((stops_of(ledger, keys, 12).len(), stops_of(ledger, keys, 61).len()), (1, 1));
    });
    let report = again.verify(Some(again.keys().tag_links()));
    assert_eq!((report.findings, report.rekeys.len()), (vec![], 3));
    // A backup of what holds three marks by now.
    let source = Source { data_dir: &again.data_dir, ..source };
    let mixed = again.data_dir.with_file_name("mixed");
    backup::take(&source, &mixed).unwrap();
    let newest = vec![("newest".to_owned(), std::fs::read(again.data_dir.join("checkpoints/newest")).unwrap())];
    let third =
        House { data_dir: again.data_dir.with_file_name("third"), keys_dir: again.keys_dir.clone(), ..self::house() };
    let whole = Wanted { backup: &mixed, data_dir: &third.data_dir, keys_dir, node: "gw-1", newest, now: NOW };
    assert!(!restore::restore(&whole).unwrap().closed, "it holds everything that was signed");
    third.start(|ledger, keys| assert_eq!(stops_of(ledger, keys, 12).len(), 1));
    assert_eq!(third.verify(Some(third.keys().tag_links())).findings, []);
    // Keys that never were this backup's are a stranger's.
    let other = self::house();
    Keys::import(&Keys::from_octets([9; 32], [2; 32], [3; 32]).export(), &other.keys_dir.join("other")).unwrap();
    let keys_dir = other.keys_dir.join("other");
    let wanted = Wanted { data_dir: &other.keys_dir.join("data"), keys_dir: &keys_dir, ..wanted };
    assert!(matches!(restore::restore(&wanted), Err(restore::RestoreError::OtherKeys(_))));
}

#[test]
fn proofs_from_before_hold_after_it_and_later_ones_tell_both_sides() {
    let house = house();
    house.start(|_, _| {});
    let (before, _) = proof::make(&house.data_dir, &house.keys(), number(12)).unwrap();
    let bare = Asked::default();
    house.replace(Secrets::Tags);
    house.start(|ledger, keys| {
        stop(ledger, keys, 12);
        permit(ledger, keys, 12, TrafficClass::Transactional);
    });
    let with_keys = Asked { tags: Some(house.keys().tag_links()), ..Asked::default() };
    let (after, made) = proof::make(&house.data_dir, &house.keys(), number(12)).unwrap();
    assert_eq!((made.events, made.verdicts), (2, 2));
    for (name, text, stops, version) in [("before", &before, 1, 1), ("after", &after, 2, 2)] {
        assert!(text.contains(&format!("stopgate proof {version}")), "{name}");
        for asked in [&bare, &with_keys] {
            let (report, shown) = proof_file::proof(name, text.as_bytes(), asked);
            assert_eq!(report.findings, [], "{name}");
            assert_eq!(shown.story.iter().filter(|line| line.contains("STOP")).count(), stops, "{name}");
        }
    }
    let others = Some(Keys::from_octets([1; 32], [2; 32], [3; 32]).replaced(Secrets::Tags, [7; 32]).tag_links());
    let (report, _) = proof_file::proof("after", after.as_bytes(), &Asked { tags: others, ..Asked::default() });
    assert!(!report.holds(), "another second key");
    let half = Some(house.links_from(2));
    let (report, _) = proof_file::proof("after", after.as_bytes(), &Asked { tags: half, ..Asked::default() });
    assert!(report.holds() && report.tag_words().contains("the first one was not given"), "{}", report.tag_words());
    let other = Some(TagLinks { first: 2, ..Keys::from_octets([9; 32], [0; 32], [0; 32]).tag_links() });
    let (report, _) = proof_file::proof("after", after.as_bytes(), &Asked { tags: other, ..Asked::default() });
    assert!(report.findings[0].what.contains("brings in another tag key"), "{:?}", report.findings);
}

#[test]
fn a_proof_shows_a_message_after_the_rotation_to_who_had_opted_out_before_it() {
    let house = house();
    house.replace(Secrets::Tags);
    house.start(|ledger, keys| permit(ledger, keys, 12, TrafficClass::Commercial));
    let (text, _) = proof::make(&house.data_dir, &house.keys(), number(12)).unwrap();
    let (report, _) = proof_file::proof("p", text.as_bytes(), &Asked::default());
    assert!(report.findings[0].what.contains("had opted out"), "{:?}", report.findings);
}

#[test]
fn an_erasure_reaches_what_was_sealed_before_and_one_that_was_begun_goes_on_after() {
    let house = house();
    let order =
        |keys: &Keys| EraseOrder { tag: keys.tag_key().tag(number(12)), reason: NameId(1), by: NameId(1), at: NOW };
    house.start(|ledger, keys| ledger.begin_erasure(order(keys)).unwrap());
    house.replace(Secrets::Tags);
    house.replace(Secrets::Sealing);
    house.start(|ledger, keys| {
        assert_eq!(ledger.pending_erasures().unwrap().orders, [order(keys)], "noted under the earlier key");
        let seq = stop(ledger, keys, 12);
        let erased = ledger.erase(&order(keys), NOW).unwrap();
        assert!(erased.events.len() == 2 && erased.events.contains(&seq), "{erased:?}");
        ledger.end_erasure(&order(keys).tag).unwrap();
        let found = stops_of(ledger, keys, 12);
        assert!(found.len() == 2 && found.iter().all(|(_, personal)| personal.is_none()), "still stopped: {found:?}");
    });
    house.replace(Secrets::Tags);
    house.start(|ledger, keys| assert_eq!(stops_of(ledger, keys, 12).len(), 2, "an erased number stays stopped"));
    assert_eq!(house.verify(Some(house.keys().tag_links())).findings, []);
}

#[test]
fn a_ledger_that_begins_under_replaced_keys_needs_no_record_of_them() {
    let room = tempfile::tempdir().unwrap();
    let (data_dir, keys_dir) = (room.path().join("data"), room.path().join("keys"));
    Keys::import(&keys().replaced(Secrets::Tags, [8; 32]).export(), &keys_dir).unwrap();
    let house = House { _room: room, data_dir, keys_dir };
    house.start(|ledger, keys| {
        ledger.intern("acme", NOW).unwrap();
        stop(ledger, keys, 12);
    });
    let report = house.verify(Some(house.keys().tag_links()));
    assert_eq!((report.findings, report.rekeys.len(), report.replayed.tags), (vec![], 0, 1));
    house.replace(Secrets::Tags);
    house.start(|ledger, keys| assert_eq!(stops_of(ledger, keys, 12).len(), 1));
    let report = house.verify(Some(house.keys().tag_links()));
    assert_eq!((report.findings, report.rekeys.len(), report.replayed.tags), (vec![], 1, 1));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { assert!(std::fs::copy(&path, &target).is_ok()) }
    }
}

#[test]
fn a_disk_that_goes_at_any_call_of_the_first_start_under_new_keys_leaves_what_the_next_one_opens() {
    let house = house();
    let dirs = (house.data_dir.as_path(), house.keys_dir.as_path());
    rekey::replace_to(Step::Placed, Secrets::Tags, dirs, options(), NOW).unwrap();
    let (keys, mut refused) = (house.keys(), 0);
    for calls in 0.. {
        let room = tempfile::tempdir().unwrap();
        let data_dir = room.path().join("data");
        copy(&house.data_dir, &data_dir);
        let disk = FaultyDisk::default();
        disk.gone_after(calls);
        let opened = Ledger::open(&data_dir, &keys, OpenOptions { disk: Arc::new(disk.clone()), ..options() }, NOW);
        let (went, opened) = (disk.switches.calls_until_gone.load(Ordering::SeqCst) == 0, opened.map(|_| ()).is_ok());
        refused += u32::from(!opened);
        let next = House { _room: room, data_dir, keys_dir: house.keys_dir.clone() };
        next.start(|ledger, keys| assert_eq!(stops_of(ledger, keys, 12).len(), 1, "after {calls} calls"));
        let report = next.verify(Some(keys.tag_links()));
        assert_eq!((report.findings, report.rekeys.len()), (vec![], 1), "after {calls} calls");
        if !went {
            break;
        }
    }
    assert!(refused > 10, "{refused} starts were refused");
}

#[test]
fn a_disk_that_goes_while_a_key_is_replaced_is_said_with_where_the_new_key_stands() {
    let house = house();
    let mut not_closed = 0;
    // The first writes open the ledger, the next ones close it.
    for calls in 0..12 {
        let room = tempfile::tempdir().unwrap();
        let (data_dir, keys_dir) = (room.path().join("data"), room.path().join("keys"));
        copy(&house.data_dir, &data_dir);
        Keys::import(&house.keys().export(), &keys_dir).unwrap();
        let disk = FaultyDisk::default();
        disk.fail_writes(1_000);
        disk.switches.writes_until_failure.store(calls, Ordering::SeqCst);
        let options = OpenOptions { disk: Arc::new(disk), ..options() };
        let outcome = rekey::replace(Secrets::Tags, &data_dir, &keys_dir, options, NOW);
        let there = keys_dir.join("tag.key.2").exists();
        match outcome {
            Err(RekeyError::Open(_)) => assert!(!there, "after {calls} writes"),
            Err(RekeyError::NotClosed(_)) => {
                not_closed += 1;
                assert!(!there, "after {calls} writes");
            }
            Err(RekeyError::NotRecorded { .. }) => assert!(there, "after {calls} writes"),
            Err(RekeyError::Full(_)) => panic!("it was never replaced"),
            Ok(_) => break,
        }
    }
    assert!(not_closed > 0, "the end of the ledger was refused at least once");
}
