//! Owns the agreement of two verifiers: this one and the Python one beside it, on whole and on flipped ledgers and proofs.
//! Must never pass because Python is missing: it says so, and fails where nothing may be skipped.

use super::house::{
    NOW, a_ruling, a_stop, forget_two_segments, keys, later_keys, number, session, session_of, session_under, write,
};
use super::skip::skip;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use stopgate::compliance::class::TrafficClass;
use stopgate::compliance::verdict::Ruling;
use stopgate::ledger::backup::{self, Derived, Source};
use stopgate::ledger::checkpoint::Stream;
use stopgate::ledger::counts::{self, Counts, Party};
use stopgate::ledger::event::{AccountCounter, Event, Gap};
use stopgate::ledger::note::NoteSigner;
use stopgate::ledger::proof;
use stopgate::ledger::restore::{self, Wanted};
use stopgate::ledger::suppression_event::{Stop, SuppressionEvent};
use stopgate::ledger::verify::report::Report;
use stopgate::ledger::verify::{self, Asked, counts_file, proof_file};
use stopgate::ledger::{Keys, Ledger, OpenOptions, Personal, VerdictEntry, VerdictKind};
use stopgate::message::name::NameId;

/// Flips of each kind of file, beside those of records.
const FLIPS: usize = 4;

/// What Python says of each target: whether it holds, and its words. `None` without Python.
fn python(targets: &[PathBuf]) -> Option<Vec<(bool, String)>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledger/verify.py");
    let Ok(output) = Command::new("python3").arg(script).args(targets).output() else {
        skip("python3 is missing: the second verifier was not asked");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<(bool, String)> =
        text.lines().map(|line| (!line.starts_with("DOES NOT HOLD"), line.to_owned())).collect();
    assert_eq!(lines.len(), targets.len(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let all = lines.iter().all(|(holds, _)| *holds);
    assert_eq!(output.status.code(), Some(if all { 0 } else { 3 }), "{text}");
    Some(lines)
}

fn rust(target: &Path) -> bool {
    if target.is_dir() {
        return verify::ledger(target, &Asked::default()).holds();
    }
    of_file(target).holds()
}

fn of_file(target: &Path) -> Report {
    let octets = fs::read(target).expect("a file");
    match counts_file::is_one(&octets) {
        true => counts_file::counts("counts", &octets, &Asked::default()).0,
        false => proof_file::proof("a proof", &octets, &Asked::default()).0,
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let path = entry.expect("listed").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => assert!(fs::copy(&path, &target).is_ok()),
        }
    }
}

fn flip(path: &Path, at: usize) {
    let mut octets = fs::read(path).expect("read");
    octets[at] ^= 1 << (at % 8);
    fs::write(path, octets).expect("written");
}

#[test]
fn both_verifiers_agree_on_whole_and_on_flipped_ledgers_and_proofs() {
    let room = tempfile::tempdir().expect("tempdir");
    let whole = room.path().join("whole");
    session(&whole, 90);
    session(&whole, 60);
    let (text, made) = proof::make(&whole, &keys(), number(12)).expect("made");
    assert_eq!((made.events, made.verdicts), (2, 2));
    let proof_path = room.path().join("whole.proof");
    fs::write(&proof_path, &text).expect("written");
    let mut targets = vec![whole.clone(), proof_path];
    for file in [
        "events/0000000001.seg",
        "verdicts/0000000001.seg",
        "verdicts/0000000002.seg",
        "checkpoints/newest",
        "checkpoints/newest-verdicts",
        "checkpoints/recent",
        "tree/verdicts/0-0000000000.hash",
        "tree/events/size",
        "names",
        "format",
    ] {
        let octets = fs::read(whole.join(file)).expect("there");
        let used = octets.iter().rposition(|octet| *octet != 0).expect("not empty") + 1;
        for turn in 0..FLIPS {
            let target = room.path().join(format!("{}-{turn}", file.replace('/', "-")));
            copy(&whole, &target);
            flip(&target.join(file), used * (2 * turn + 1) / (2 * FLIPS));
            targets.push(target);
        }
    }
    // What a power cut leaves behind the last checkpoint.
    let torn = room.path().join("torn");
    copy(&whole, &torn);
    let recent = fs::read(torn.join("checkpoints/recent")).expect("there");
    fs::write(torn.join("checkpoints/recent"), [&recent[..], &[0; 300]].concat()).expect("written");
    targets.push(torn);
    let half = room.path().join("half");
    copy(&whole, &half);
    let long = recent.repeat(512 / recent.len() + 2);
    fs::write(half.join("checkpoints/recent"), &long[..long.len() / 512 * 512]).expect("written");
    targets.push(half);
    for (left, name) in [(&[][..], "newest"), (&[0; 309][..], "newest-verdicts")] {
        let target = room.path().join(format!("blank-{name}"));
        copy(&whole, &target);
        fs::write(target.join("checkpoints").join(name), left).expect("written");
        targets.push(target);
    }
    for turn in 0..FLIPS * 4 {
        let target = room.path().join(format!("{turn}.proof"));
        fs::write(&target, &text).expect("written");
        flip(&target, text.len() * (2 * turn + 1) / (8 * FLIPS));
        targets.push(target);
    }
    flipped_records(&whole, room.path(), &mut targets);
    told(room.path(), &mut targets);
    counts_of(room.path(), &mut targets);
    replaced_keys(room.path(), &mut targets);
    let ours: Vec<bool> = targets.iter().map(|target| rust(target)).collect();
    // The whole ones, the four that a power cut tore, of those that tell themselves: before a stop, counted (twice), past their
    // retention, young; those whose keys were replaced, with the proofs from before and after it and two whose first start was cut off;
    // two parties' counters.
    assert_eq!(
        ours.iter().filter(|holds| **holds).count(),
        18,
        "{:?}",
        targets.iter().zip(&ours).filter(|(_, holds)| **holds)
    );
    let Some(theirs) = python(&targets) else { return };
    let mut records = 0;
    for ((target, ours), (theirs, words)) in targets.iter().zip(ours).zip(theirs) {
        assert_eq!(ours, theirs, "{}: {words}", target.display());
        if let Some(record) = named(target) {
            assert!(
                words.contains(&format!("{record},")) || words.contains(&format!("{record}:")),
                "{}: {record}, but {words}",
                target.display()
            );
            records += 1;
        }
    }
    assert!(records > 120, "{records} records named by both");
}

/// What the first finding of ours names: stream and number of a record, where it names one.
fn named(target: &Path) -> Option<String> {
    let report = match target.is_dir() {
        true => verify::ledger(target, &Asked::default()),
        false => of_file(target),
    };
    let first = report.findings.first()?;
    Some(format!("{} record {}", first.stream?.word(), first.seq?))
}

/// Files of counters: of an operator, of an account, flipped ones, and those that say more or less than the ledger under a good signature.
fn counts_of(room: &Path, targets: &mut Vec<PathBuf>) {
    let mut put = |name: String, text: &str| {
        let target = room.join(name);
        fs::write(&target, text).expect("written");
        targets.push(target);
    };
    for (ledger, party, counters) in [("whole", Party::Operator, 2), ("counted", Party::Account, 2)] {
        let (text, made) = counts::make(&room.join(ledger), &keys(), (party, "acmé"), None).expect("made");
        assert_eq!((made.counters, made.left_out), (counters, 0), "{ledger}");
        put(format!("{ledger}.counts"), &text);
        let (report, shown) = counts_file::counts("counts", text.as_bytes(), &Asked::default());
        assert_eq!((report.findings, report.replayed.counters), (vec![], counters as u64), "{ledger}");
        assert!(shown.story.iter().any(|line| line.contains(" received = ")), "{:?}", shown.story);
        for turn in 0..FLIPS * 2 {
            let mut octets = text.clone().into_bytes();
            let at = octets.len() * (2 * turn + 1) / (4 * FLIPS);
            octets[at] ^= 1;
            put(format!("{ledger}-{turn}.counts"), &String::from_utf8_lossy(&octets));
        }
        let body: Counts = serde_json::from_str(&text[..text.rfind("\n\n").expect("a note") + 1]).expect("JSON");
        let sign = |body: &Counts| NoteSigner::new("stopgate/gw-1/counts", &[2; 32]).sign(&body.text());
        assert_eq!(sign(&body), text, "the same hand");
        let mut without_name = body.clone();
        without_name.records.remove(0);
        let mut reversed = body.clone();
        reversed.records.reverse();
        let mut another = body.clone();
        another.name = "acme".to_owned();
        let mut other_party = body.clone();
        other_party.party = if party == Party::Account { Party::Operator } else { Party::Account };
        let mut bent = body.clone();
        let last = bent.records.last_mut().expect("a counter");
        last.leaf.replace_range(last.leaf.len() - 1.., if last.leaf.ends_with('1') { "2" } else { "1" });
        for (nth, body) in [without_name, reversed, another, other_party, bent].iter().enumerate() {
            put(format!("{ledger}-signed-{nth}.counts"), &sign(body));
        }
    }
    let none = counts::make(&room.join("whole"), &keys(), (Party::Account, "nobody"), None).expect("made");
    assert_eq!(none.1.counters, 0);
}

/// The frames of a segment: where each begins and ends, and the kind of its record.
fn frames(octets: &[u8]) -> Vec<(usize, usize, u8)> {
    let (mut at, mut found) = (512, Vec::new());
    while let Some(length) = octets.get(at..at + 4).map(|head| u32::from_be_bytes([head[0], head[1], head[2], head[3]]))
    {
        if length == 0 {
            break;
        }
        let end = at + length as usize;
        found.push((at, end, octets[at + 21]));
        at = end;
    }
    found
}

/// Flips an octet of a record and makes the checksum of its frame fit.
fn flip_and_fit(path: &Path, from: usize, end: usize, at: usize) {
    let mut octets = fs::read(path).expect("read");
    octets[at] ^= 1 << (at % 8);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&octets[from..from + 4]), &octets[from + 8..end]);
    octets[from + 4..from + 8].copy_from_slice(&sum.to_be_bytes());
    fs::write(path, octets).expect("written");
}

/// One record of each kind, flipped in several places, with and without a checksum that fits.
fn flipped_records(whole: &Path, room: &Path, targets: &mut Vec<PathBuf>) {
    for stream in ["events", "verdicts"] {
        let file = format!("{stream}/0000000001.seg");
        let octets = fs::read(whole.join(&file)).expect("there");
        let mut kinds = std::collections::BTreeSet::new();
        for (from, end, kind) in frames(&octets) {
            if !kinds.insert(kind) {
                continue;
            }
            for (nth, at) in
                [from, from + 6, from + 15, from + 22, from + 30, (from + end) / 2, end - 1].into_iter().enumerate()
            {
                let target = room.join(format!("{stream}-{kind}-{nth}"));
                copy(whole, &target);
                match nth {
                    0 | 1 => flip(&target.join(&file), at),
                    _ => flip_and_fit(&target.join(&file), from, end, at),
                }
                targets.push(target);
            }
        }
        assert!(kinds.len() >= 9, "{stream}: {kinds:?}");
    }
}

/// A ledger that was restored from a backup which may lack STOPs, and in which a commercial message left before anybody had said
/// that nothing was lost.
fn restored(room: &Path, dir: &Path, permit: impl Fn(&Arc<Ledger>, NameId, u64)) {
    let (before, keys_dir, backup) = (room.join("before-the-restore"), room.join("its-keys"), room.join("its-backup"));
    Keys::import(&keys().export(), &keys_dir).expect("imported");
    session(&before, 9);
    let derived = [Derived { file: "names", stream: Stream::Events }];
    let source = Source { data_dir: &before, beside: &[], derived: &derived, plain: &[], running: false, now: NOW };
    backup::take(&source, &backup).expect("it holds");
    let wanted = Wanted { backup: &backup, data_dir: dir, keys_dir: &keys_dir, node: "gw-1", newest: vec![], now: NOW };
    assert!(restore::restore(&wanted).expect("restored").closed);
    assert!(rust(dir), "closed, and nothing has left");
    session_of(dir, |ledger| {
        let acme = ledger.intern("acmé", NOW).expect("interned");
        let mut appender = ledger.appender();
        let kind = VerdictKind::Permitted;
        let code = a_ruling(acme, 15);
        appender.verdict(&VerdictEntry { kind, ruling: &code, message_ref: 15, smsc: NameId::NONE, at: NOW });
        appender.commit(NOW).expect("committed");
        permit(ledger, acme, 16);
    });
    let report = verify::ledger(dir, &Asked::default());
    let (first, what) =
        (report.findings.first().expect("found"), "a commercial message left although the ledger was restored");
    assert_eq!((first.stream, first.seq), (Some(Stream::Verdicts), Some(10)), "the code may leave: {first}");
    assert!(first.what.starts_with(what), "{first}");
}

/// A stop of a number under these keys, and a promotion to it.
fn stop_of(ledger: &Arc<Ledger>, keys: &Keys, last: u64) {
    let acme = ledger.intern("acmé", NOW).expect("interned");
    let stop = Stop { tag: keys.tag_key().tag(number(last)), ..a_stop(ledger, acme, last) };
    let mut appender = ledger.appender();
    let event = Event::Suppression(SuppressionEvent::Stop(stop));
    appender.event(NOW, &event, Some(&Personal::of(number(last)))).expect("taken");
    appender.commit(NOW).expect("committed");
}

fn promote(ledger: &Arc<Ledger>, keys: &Keys, last: u64) {
    let acme = ledger.intern("acmé", NOW).expect("interned");
    let tag = Some(keys.tag_key().tag(number(last)));
    let ruling = Ruling { class: TrafficClass::Commercial, tag, ..a_ruling(acme, last) };
    let mut appender = ledger.appender();
    let kind = VerdictKind::Permitted;
    appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: last, smsc: NameId::NONE, at: NOW });
    appender.commit(NOW).expect("committed");
}

/// A ledger whose tag and sealing keys were replaced, proofs from before and after that, and what is bent about the replacement.
fn replaced_keys(room: &Path, targets: &mut Vec<PathBuf>) {
    let whole = room.join("replaced");
    session_of(&whole, |ledger| stop_of(ledger, &keys(), 12));
    let (before, _) = proof::make(&whole, &keys(), number(12)).expect("made");
    session_under(&later_keys(), &whole, |ledger| {
        stop_of(ledger, &later_keys(), 12);
        promote(ledger, &later_keys(), 13);
    });
    let (after, made) = proof::make(&whole, &later_keys(), number(12)).expect("made");
    assert_eq!(made.events, 2);
    for (name, text) in [("before.proof", &before), ("after.proof", &after)] {
        fs::write(room.join(name), text).expect("written");
        targets.push(room.join(name));
    }
    for turn in 0..8 {
        let target = room.join(format!("after-{turn}.proof"));
        fs::write(&target, &after).expect("written");
        flip(&target, after.len() * (2 * turn + 1) / 16);
        targets.push(target);
    }
    targets.push(whole.clone());
    let path = "events/0000000002.seg";
    let octets = fs::read(whole.join(path)).expect("the segment that the new keys began");
    let records = frames(&octets);
    assert_eq!((records[0].2, records[1].2, records[2].2), (48, 48, 32));
    for (nth, (from, end, _)) in records.iter().enumerate().take(3) {
        for (place, at) in [from + 22, from + 24, from + 46, from + 50, from + 90, end - 3].into_iter().enumerate() {
            let target = room.join(format!("replaced-{nth}-{place}"));
            copy(&whole, &target);
            flip_and_fit(&target.join(path), *from, *end, at);
            targets.push(target);
        }
    }
    // A start under the new keys that was killed before its first record, and before its second.
    for kept in 0..2 {
        let target = room.join(format!("first-start-{kept}"));
        session_of(&target, |ledger| stop_of(ledger, &keys(), 12));
        // Saved once the record is durable: not by then.
        let names = fs::read(target.join("names")).expect("there");
        let small = OpenOptions::new("gw-1", false).with_segment_octets(16 << 10);
        drop(Ledger::open(&target, &later_keys(), small, NOW).expect("opened"));
        let mut octets = fs::read(target.join(path)).expect("there");
        let cut = frames(&octets)[kept].0;
        octets[cut..].fill(0);
        fs::write(target.join(path), octets).expect("written");
        fs::write(target.join("names"), names).expect("written");
        targets.push(target);
    }
    // The header's mark is not signed: whoever changes it and its checksum is told by the records.
    for (place, path) in [path, "events/0000000001.seg", "verdicts/0000000002.seg"].into_iter().enumerate() {
        for at in [48, 56] {
            let target = room.join(format!("marked-{place}-{at}"));
            copy(&whole, &target);
            let mut octets = fs::read(target.join(path)).expect("there");
            octets[at] ^= 1;
            let sum = crc32c::crc32c(&octets[..64]);
            octets[64..68].copy_from_slice(&sum.to_be_bytes());
            fs::write(target.join(path), octets).expect("written");
            targets.push(target);
        }
    }
}

#[test]
fn both_verifiers_follow_opt_outs_past_a_replaced_tag_key_with_the_newest_link() {
    let room = tempfile::tempdir().expect("tempdir");
    let (good, bad) = (room.path().join("good"), room.path().join("bad"));
    for (dir, last) in [(&good, 13), (&bad, 12)] {
        session_of(dir, |ledger| stop_of(ledger, &keys(), 12));
        session_under(&later_keys(), dir, |ledger| {
            promote(ledger, &later_keys(), 14);
            promote(ledger, &later_keys(), last);
        });
    }
    let file = room.path().join("tag.key.2");
    let mut key = fs::OpenOptions::new();
    let key = std::os::unix::fs::OpenOptionsExt::mode(key.write(true).create_new(true), 0o600);
    key.open(&file).and_then(|mut key| writeln!(key, "{}", "04".repeat(32))).expect("written");
    let tags = Some(Keys::tag_links_of(&file).expect("a key"));
    let asked = Asked { tags, ..Asked::default() };
    assert!(verify::ledger(&good, &asked).holds() && verify::ledger(&bad, &Asked::default()).holds());
    let report = verify::ledger(&bad, &asked);
    let first = report.findings.first().expect("found");
    assert_eq!((first.stream.map(|stream| stream.word()), first.seq), (Some("verdicts"), Some(1)), "{first}");
    let targets = ["--tag-key".into(), file, good, bad.clone()];
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ledger/verify.py");
    let Some(without) = python(&[bad]) else { return };
    assert!(without[0].0, "nobody can tell without the key: {}", without[0].1);
    let output = Command::new("python3").arg(script).args(&targets).output().expect("it was there");
    let words = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = words.lines().collect();
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(lines[0].contains("\"followed_past_replaced_tag_keys\": true"), "{words}");
    assert!(lines[1].starts_with("DOES NOT HOLD") && lines[1].contains("verdicts record 1,"), "{words}");
}

/// Ledgers that are whole and young, or that say themselves what is wrong, or of which old records are gone.
fn told(room: &Path, targets: &mut Vec<PathBuf>) {
    let stop = |ledger: &Arc<Ledger>, acme, last| {
        let event = Event::Suppression(SuppressionEvent::Stop(a_stop(ledger, acme, last)));
        let mut appender = ledger.appender();
        appender.event(NOW, &event, None).expect("taken");
        appender.commit(NOW).expect("committed");
    };
    let permit = |ledger: &Arc<Ledger>, acme, last| {
        let mut appender = ledger.appender();
        let ruling = Ruling { class: TrafficClass::Commercial, ..a_ruling(acme, last) };
        let kind = VerdictKind::Permitted;
        appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: last, smsc: NameId::NONE, at: NOW });
        appender.commit(NOW).expect("committed");
    };
    let count = |ledger: &Arc<Ledger>, acme, permitted: u64, gap: bool| {
        let verdicts = ledger.verdicts_appended();
        let sums =
            AccountCounter { account: acme, verdicts, received: permitted, permitted, ..AccountCounter::default() };
        let mut appender = ledger.appender();
        let counter = AccountCounter { answered: permitted, ..sums };
        appender.event(NOW, &Event::AccountCounter(counter), None).expect("taken");
        if gap {
            let gap = Gap { account: acme, messages: 1, from: NOW, to: NOW };
            appender.event(NOW, &Event::Gap(gap), None).expect("taken");
        }
        appender.commit(NOW).expect("committed");
    };
    type Write<'w> = &'w dyn Fn(&Arc<Ledger>, NameId);
    let ledgers: [(&str, Write<'_>); 5] = [
        ("after-a-stop", &|ledger, acme| {
            permit(ledger, acme, 11);
            stop(ledger, acme, 12);
            permit(ledger, acme, 12);
        }),
        ("before-a-stop", &|ledger, acme| {
            permit(ledger, acme, 12);
            stop(ledger, acme, 12);
            permit(ledger, acme, 11);
        }),
        ("counted", &|ledger, acme| {
            permit(ledger, acme, 11);
            count(ledger, acme, 1, false);
            permit(ledger, acme, 12);
            count(ledger, acme, 2, false);
            permit(ledger, acme, 13);
        }),
        ("miscounted", &|ledger, acme| {
            permit(ledger, acme, 11);
            count(ledger, acme, 2, false);
            permit(ledger, acme, 12);
        }),
        ("counted-over-a-gap", &|ledger, acme| {
            count(ledger, acme, 1, true);
            permit(ledger, acme, 12);
            count(ledger, acme, 2, false);
        }),
    ];
    for (name, write) in ledgers {
        let dir = room.join(name);
        session_of(&dir, |ledger| write(ledger, ledger.intern("acmé", NOW).expect("interned")));
        targets.push(dir);
    }
    let old = room.join("past-its-retention");
    session(&old, 400);
    session(&old, 20);
    forget_two_segments(&old);
    targets.push(old);
    let closed = room.join("left-while-closed");
    restored(room, &closed, permit);
    targets.push(closed);
    let young = room.join("young");
    fs::create_dir(&young).expect("made");
    let (ledger, _) = Ledger::open(&young, &keys(), OpenOptions::new("gw-1", false), NOW).expect("opened");
    write(&ledger, 9);
    assert!(ledger.wait_durable(ledger.events_appended() - 1, Duration::from_secs(60)));
    while ledger.durable_verdicts() < 9 {
        std::thread::yield_now();
    }
    drop(ledger);
    targets.push(young);
    let robbed = room.join("robbed");
    session(&robbed, 9);
    fs::remove_dir_all(robbed.join("checkpoints")).expect("removed");
    targets.push(robbed);
}
