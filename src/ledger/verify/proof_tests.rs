//! Owns the proof of a number, made from a ledger and checked by itself: whole it holds, with one octet changed it does not.
//! Must never accept what belongs to another number, another ledger or another key.

use super::super::note::{Note, NoteSigner};
use super::super::proof::{self, Opened, Proof, Proved};
use super::Asked;
use super::proof_file::{Shown, proof as check};
use super::report::Report;
use super::tests::{keys, number, session, some_records};
use std::path::Path;

fn ask(text: &str, asked: &Asked) -> (Report, Shown) {
    check("a.proof", text.as_bytes(), asked)
}

fn made(dir: &Path) -> String {
    session(dir, some_records);
    session(dir, some_records);
    proof::make(dir, &keys(), number(12)).unwrap().0
}

#[test]
fn a_proof_holds_by_itself_tells_the_story_and_says_what_it_does_not_show() {
    let dir = tempfile::tempdir().unwrap();
    let text = made(dir.path());
    let (report, shown) = ask(&text, &Asked::default());
    assert_eq!(report.findings, []);
    assert_eq!((report.events.records, report.verdicts.records, report.replayed.blobs), (4, 2, 2));
    assert_eq!(shown.number, "33639980012");
    assert_eq!(
        shown.story,
        [
            "2026-11-18T11:06:40Z  event 2: STOP (handset) to everybody, short code 36111: \"STOP\"",
            "2026-11-18T11:06:40Z  event 6: STOP (handset) to everybody, short code 36111: \"STOP\"",
            "2026-11-18T11:06:40Z  verdict 12: transactional message of acme refused SG111",
            "2026-11-18T11:06:40Z  verdict 312: transactional message of acme refused SG111",
        ]
    );
    let asked = Asked { tags: Some(keys().tag_links()), ..Asked::default() };
    let (report, _) = check("a.proof", text.as_bytes(), &asked);
    assert!(report.holds() && report.tags_checked, "{:?}", report.findings);
    let kept = std::fs::read(dir.path().join("checkpoints/newest")).unwrap();
    let since = Some(("kept".to_owned(), kept));
    let (report, _) = ask(&text, &Asked { since, ..Asked::default() });
    assert!(report.anchor_words().starts_with("anchored up to"), "{:?}", report.notes);
}

#[test]
fn one_flipped_octet_anywhere_in_a_proof_is_found_and_the_file_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = made(dir.path());
    for at in 0..text.len() {
        let mut copy = text.clone().into_bytes();
        copy[at] ^= 1 << (at % 8);
        let (report, _) = check("a.proof", &copy, &Asked::default());
        assert!(!report.holds(), "octet {at}");
        assert_eq!(report.findings[0].file, "a.proof");
    }
}

/// What the holder of the signing key could write, and what the tree then says.
#[test]
fn what_is_not_in_the_ledger_is_found_even_under_a_good_signature() {
    let dir = tempfile::tempdir().unwrap();
    let text = made(dir.path());
    let signer = NoteSigner::new("stopgate/gw-1/proof", keys().sign_seed());
    let whole: Proof = serde_json::from_str(Note::read_long(text.as_bytes()).unwrap().text).unwrap();
    let bent = |bend: &dyn Fn(&mut Proof)| {
        let mut proof = whole.clone();
        bend(&mut proof);
        let (report, _) = ask(&signer.sign(&proof.text()), &Asked::default());
        report.findings.first().map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(bent(&|_| {}), "");
    let last = whole.records.len() - 1;
    let digit = |text: &mut String| text.replace_range(60..61, if &text[60..61] == "0" { "1" } else { "0" });
    for (said, bend) in [
        (
            "verdicts record 312: its audit path does not lead",
            &(|proof: &mut Proof| digit(&mut proof.records[last].leaf)) as &dyn Fn(&mut Proof),
        ),
        ("verdicts record 312: its audit path does not lead", &|proof| proof.records[last].path.swap(0, 1)),
        ("verdicts record 313: its audit path does not lead", &|proof| proof.records[last].seq += 1),
        ("verdicts record 12: the records are not in order", &|proof| proof.records.swap(last, last - 1)),
        ("events record 2: its sealed data are not those", &|proof| {
            let event = proof.records.iter_mut().find(|record| record.seq == 2).unwrap();
            digit(&mut event.sealed.as_mut().unwrap().blob);
        }),
        ("events record 2: its sealed data are not those", &|proof| {
            let event = proof.records.iter_mut().find(|record| record.seq == 2).unwrap();
            digit(&mut event.sealed.as_mut().unwrap().key);
        }),
        ("events record 2: its sealed data name another number", &|proof| proof.number = "33639980013".into()),
        ("events record 2: it is about another number", &|proof| proof.tag = "00".repeat(16)),
        ("the signature of the checkpoint does not hold", &|proof| {
            proof.checkpoint = proof.checkpoint.replace("epoch 0", "epoch 1");
        }),
    ] {
        let found = bent(bend);
        assert!(found.starts_with(said), "{said}: {found}");
    }
    let other = NoteSigner::new("stopgate/gw-1/events", &[9; 32]).key();
    let (report, _) = ask(&text, &Asked { key: Some(other), ..Asked::default() });
    assert!(report.findings[0].what.contains("another key than the one you gave"), "{:?}", report.findings);
}

/// Every field of every record, changed under a good signature: the record that bears it is named.
#[test]
fn every_field_of_a_proof_is_held_by_the_tree_and_not_by_the_signature_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = made(dir.path());
    let signer = NoteSigner::new("stopgate/gw-1/proof", keys().sign_seed());
    let whole: Proof = serde_json::from_str(Note::read_long(text.as_bytes()).unwrap().text).unwrap();
    let found = |proof: &Proof| {
        let (report, _) = ask(&signer.sign(&proof.text()), &Asked::default());
        report.findings.into_iter().next()
    };
    assert_eq!(found(&whole), None);
    let turned = |text: &str, at: usize| {
        let mut octets = text.as_bytes().to_vec();
        octets[at] = if octets[at] == b'1' { b'2' } else { b'1' };
        String::from_utf8(octets).unwrap()
    };
    let mut fields = 0;
    for (nth, record) in whole.records.iter().enumerate() {
        let named = |bend: &dyn Fn(&mut Proved, usize), length: usize| {
            for at in 0..length {
                let mut proof = whole.clone();
                bend(&mut proof.records[nth], at);
                let first = found(&proof).unwrap_or_else(|| panic!("record {nth}, {at}"));
                let seq = proof.records[nth].seq;
                assert!(first.seq == Some(seq) && first.stream.is_some(), "record {nth} ({seq}), {at}: {first}");
            }
        };
        named(&|record, at| record.leaf = turned(&record.leaf, at), record.leaf.len());
        for hash in 0..record.path.len() {
            named(&|record, at| record.path[hash] = turned(&record.path[hash], at), record.path[hash].len());
        }
        named(&|record, _| record.path.push(record.path.first().cloned().unwrap_or_default()), 1);
        named(&|record, _| drop(record.path.pop()), record.path.len().min(1));
        named(&|record, _| record.seq += 1, 1);
        if let Some(sealed) = &record.sealed {
            named(&|record, at| bent(record, |sealed| sealed.blob = turned(&sealed.blob, at)), sealed.blob.len());
            named(&|record, at| bent(record, |sealed| sealed.key = turned(&sealed.key, at)), sealed.key.len());
        }
        fields += 3 + record.path.len() + 2 * usize::from(record.sealed.is_some());
    }
    assert!(fields > 40, "{fields}");
    for at in 0..whole.checkpoint.len() {
        // The signature's first octets name its key; what stands behind them is checked.
        let mut proof = whole.clone();
        if !proof.checkpoint.is_char_boundary(at) || !proof.checkpoint.is_char_boundary(at + 1) {
            continue;
        }
        proof.checkpoint = turned(&proof.checkpoint, at);
        assert!(found(&proof).is_some(), "octet {at} of the checkpoint");
    }
    type Bend = fn(&mut Proof);
    let others: [(&str, Bend); 6] = [
        ("stream", |proof| proof.records[0].stream = "verdicts".into()),
        ("no stream", |proof| proof.records[0].stream = "letters".into()),
        ("format", |proof| proof.format.push('0')),
        ("number", |proof| proof.number = "33639980014".into()),
        ("tag", |proof| proof.tag.replace_range(0..1, if proof.tag.starts_with('0') { "1" } else { "0" })),
        ("key", |proof| proof.key.insert(0, 'x')),
    ];
    for (field, bend) in others {
        let mut proof = whole.clone();
        bend(&mut proof);
        assert!(found(&proof).is_some(), "{field}");
    }
}

fn bent(record: &mut Proved, bend: impl FnOnce(&mut Opened)) {
    bend(record.sealed.as_mut().unwrap());
}
