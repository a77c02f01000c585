//! Owns the proof that what waits is there, and found by its number, after the tag key and the sealing key were replaced.
//! Must never read what is left of the old files as if it were written under the new keys.

use super::Keeping;
use super::confirmations::Confirmations;
use super::duty::{Duty, DutyKind};
use super::error::SpoolError;
use super::keys::SpoolKeys;
use super::queue::{Limits, Spool};
use super::record::{ITEM_LEAF, ItemLeaf};
use super::reply_parts::{KEPT, ReplyPart, ReplyPartJournal};
use super::scheduled::{Names, Scheduled, ScheduledMessages};
use super::shelf::ItemKind;
use crate::journal::disk::RealDisk;
use crate::journal::error::OpenError;
use crate::journal::frame::Batch;
use crate::journal::offline::Offline;
use crate::message::instant::{CivilInstant, MonotonicInstant};
use crate::message::msisdn::Msisdn;
use crate::message::name::NameId;
use crate::message::segment::{Segment, SegmentScheme};
use crate::message::tag::{NumberTag, TagKey};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const NOW: CivilInstant = CivilInstant::from_secs(1_795_000_000);
const T0: MonotonicInstant = MonotonicInstant::from_nanos(0);
const PATIENCE: Duration = Duration::from_secs(20);
const ACME: NameId = NameId(1);

/// The keys of each stage: as they were, the sealing key replaced, the tag key too, and both once more.
fn stages() -> [(SpoolKeys, TagKey); 4] {
    let first = TagKey::new(&[1; 32]);
    let tags = |later: &[[u8; 32]]| first.clone().replaced(later);
    [
        (&[[3; 32]][..], tags(&[])),
        (&[[3; 32], [4; 32]], tags(&[])),
        (&[[3; 32], [4; 32]], tags(&[[5; 32]])),
        (&[[3; 32], [4; 32], [6; 32]], tags(&[[5; 32], [7; 32]])),
    ]
    .map(|(seals, tags)| {
        let newest_first: Vec<&[u8; 32]> = seals.iter().rev().collect();
        let marks = (0..tags.generations()).map(|generation| [generation as u8 + 1; 8]).collect();
        (SpoolKeys::new(&newest_first, (tags.clone(), marks)), tags)
    })
}

fn keeping(keys: &SpoolKeys) -> Keeping {
    let (disk, keys) = (Arc::new(RealDisk), keys.clone());
    Keeping { disk, keys, segment_octets: 64 << 10, patience: PATIENCE }
}

fn number(last: u64) -> Msisdn {
    Msisdn::from_canonical(33_639_980_000 + last).unwrap()
}

/// Every segment of a part of the spool bears the newest mark, and none but its own key's tags.
fn only_under(keys: &SpoolKeys, dir: &Path, stream: &str) {
    let files = Offline::open(dir, stream).unwrap();
    assert!(files.labels().all(|label| label == keys.label()), "{stream}: an older segment is left");
}

#[test]
fn receipts_and_messages_wait_on_in_order_and_are_found_by_their_number() {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("items");
    let mut pushed = Vec::new();
    for (at, (keys, tags)) in stages().into_iter().enumerate() {
        let spool = Spool::open(&keeping(&keys), &dir, Limits::default()).unwrap();
        if at > 0 {
            only_under(&keys, &dir, "spool");
        }
        for (last, text) in &pushed {
            let found = spool.by_tag(&tags.tag(number(*last))).unwrap();
            let texts: Vec<Vec<u8>> = found.into_iter().map(|one| one.octets).collect();
            assert_eq!(texts, [Vec::<u8>::clone(text)], "stage {at}");
        }
        let mut handed = Vec::new();
        while let Some(delivery) = spool.next(ACME, T0) {
            handed.push(delivery.octets);
        }
        assert_eq!(handed, pushed.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>(), "stage {at}");
        assert_eq!(spool.totals().1, 0, "nothing became unreadable");
        for last in [at as u64 * 10, at as u64 * 10 + 1] {
            let text = format!("to {last}, {}", "x".repeat(3_000)).into_bytes();
            spool.push(ACME, ItemKind::Mo, &text, tags.tag(number(last)), NOW).unwrap();
            pushed.push((last, text));
        }
        // One whose source is no number: nobody's tag stays nobody's.
        if at == 0 {
            spool.push(NameId(9), ItemKind::Receipt, b"nobody's", NumberTag::default(), NOW).unwrap();
        }
        assert_eq!(spool.by_tag(&NumberTag::default()).unwrap().len(), 1, "stage {at}");
        spool.commit().unwrap();
        if at == 1 {
            assert_eq!(spool.erase(&tags.tag(number(0))).unwrap(), 1, "sealed under the first key");
            pushed.retain(|(last, _)| *last != 0);
        }
    }
    let [(first, _), ..] = stages();
    let refused = Spool::open(&keeping(&first), &dir, Limits::default()).map(|_| ());
    assert!(matches!(refused, Err(SpoolError::Open(OpenError::Label { .. }))), "a key that is lost refuses");
}

/// A kill while the items are written anew: some stand under both keys.
#[test]
fn items_that_were_written_anew_in_part_are_there_once() {
    let room = tempfile::tempdir().unwrap();
    let dir = room.path().join("items");
    let [(first, tags), .., (newest, newest_tags)] = stages();
    let spool = Spool::open(&keeping(&first), &dir, Limits::default()).unwrap();
    for last in 0..20 {
        spool.push(ACME, ItemKind::Mo, &[last as u8; 900], tags.tag(number(last)), NOW).unwrap();
    }
    spool.commit().unwrap();
    drop(spool);
    // The first seven of them, as they are written anew; then the power goes.
    let journal = keeping(&newest).open(&dir, "spool", Duration::ZERO).unwrap();
    let (mut reader, sealer, mut batch) = (journal.read(0, 7), newest.sealer().unwrap(), Batch::default());
    while let Some((label, frame)) = reader.next_labelled_where(|_, _| true).unwrap() {
        let octets = sealer.open(frame.leaf, frame.blob).unwrap();
        let mut buffer = [0; ITEM_LEAF];
        let leaf = ItemLeaf::read(frame.leaf, frame.seq).unwrap().carried(|tag| newest.carry(&label, tag));
        let leaf = leaf.write(&mut buffer);
        assert!(batch.push(leaf, &sealer.seal(leaf, &octets)));
    }
    let written = journal.append(&mut batch).unwrap();
    assert!(written.end - written.start == 7 && journal.wait_synced(written.end - 1, PATIENCE));
    drop((reader, journal));
    let spool = Spool::open(&keeping(&newest), &dir, Limits::default()).unwrap();
    for last in 0..20 {
        assert_eq!(spool.by_tag(&newest_tags.tag(number(last))).unwrap().len(), 1, "{last}");
    }
    let handed = std::iter::from_fn(|| spool.next(ACME, T0)).map(|one| one.octets[0]).collect::<Vec<_>>();
    assert_eq!(handed, (0..20).collect::<Vec<u8>>());
    only_under(&newest, &dir, "spool");
}

#[test]
fn scheduled_messages_parts_of_replies_and_duties_are_found_by_their_number() {
    let room = tempfile::tempdir().unwrap();
    let [plans, parts, duties] = ["scheduled", "parts", "duties"].map(|name| room.path().join(name));
    let (person, later) = (number(77), NOW.plus(Duration::from_secs(3600)));
    for (at, (keys, tags)) in stages().into_iter().enumerate() {
        let keeping = keeping(&keys);
        let own = tags.tag(person);
        let messages = ScheduledMessages::open(&keeping, &plans, 100, NOW).unwrap();
        let (journal, joinable) = ReplyPartJournal::open(&keeping, &parts, KEPT, NOW).unwrap();
        let (confirmations, unknown) = Confirmations::open(&keeping, &duties, NOW).unwrap();
        assert_eq!((messages.by_tag(&own).len(), joinable.len(), unknown), (at, at, 0), "stage {at}");
        assert!(joinable.iter().all(|part| part.from == own));
        assert_eq!((journal.by_tag(&own).unwrap(), confirmations.by_tag(&own).len()), (joinable, at), "stage {at}");
        if at > 0 {
            for (dir, stream) in [(&plans, "sched"), (&parts, "parts"), (&duties, "duties")] {
                only_under(&keys, dir, stream);
            }
        }
        let scheduled = Scheduled {
            smsc: NameId(9),
            account: ACME,
            tag: own,
            due: later,
            message_ref: at as u64,
            pack: NameId(2),
            sender: 3,
            campaign: 4,
            territory: 0,
            segment: None,
        };
        let words = || Box::from(&b"words"[..]);
        let names = Names { message_id: words(), service_type: words(), source: words(), destination: words() };
        messages.keep(&scheduled, &names);
        messages.commit().unwrap();
        let segment = Segment { scheme: SegmentScheme::Udh8, reference: 7, total: 9, number: at as u8 + 1 };
        let (to, octets) = (Box::from(&b"36111"[..]), Box::from(&b"ST"[..]));
        journal.keep(&ReplyPart { from: own, to, segment, data_coding: 0, octets, at: NOW }).unwrap();
        let kind = [DutyKind::Stop, DutyKind::Start, DutyKind::Contact, DutyKind::StartQuestion][at];
        let duty = Duty { kind, number: person, tag: own, short_code: 36111, account: ACME };
        // Three answers a day: the fourth is kept quiet about, by what was remembered under the earlier keys.
        assert_eq!(confirmations.owe(duty, true, NOW).is_ok(), at < 3, "stage {at}");
        confirmations.commit(NOW).unwrap();
        // A STOP calls all of them back.
        messages.stopped(&own);
        let recalled = std::iter::from_fn(|| messages.next(NameId(9), T0)).collect::<Vec<_>>();
        assert_eq!(recalled.len(), at + 1);
        assert!(recalled.iter().all(|recall| recall.scheduled.tag == own && *recall.names.message_id == *b"words"));
    }
}
