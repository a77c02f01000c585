//! Owns judging the opt-out engine by labelled replies: every row must be understood as its label says.
//! Must never pass on an empty file: the number of rows is asserted.

use super::reading::Reading;
use super::{Engine, Reply};
use crate::compliance::pack::Pack;

/// Rows of a table with a header line: the fields, and the line number.
pub(super) fn rows(table: &str) -> Vec<(usize, Vec<String>)> {
    let lines = table.lines().enumerate().skip(1).filter(|(_, line)| !line.is_empty());
    lines.map(|(at, line)| (at + 1, line.split('\t').map(str::to_owned).collect())).collect()
}

/// Text columns are the bodies of JSON strings; a quotation mark may stand for itself.
pub(super) fn unescaped(text: &str) -> String {
    let body = text.replace("\\\"", "\"").replace('"', "\\\"");
    serde_json::from_str(&format!("\"{body}\"")).unwrap_or_else(|_| panic!("not a JSON body: {text}"))
}

pub(super) fn engine() -> Engine {
    Engine::new(&[Pack::embedded("fr-strict").expect("embedded")])
}

pub(super) fn label(reply: &Reply) -> &'static str {
    match reply {
        Reply::Stop(_) => "STOP",
        Reply::Start(_) => "START",
        Reply::Contact(_) => "HELP",
        Reply::None => "none",
    }
}

/// Reads a table of replies, prints precision and recall of STOP, and fails on any row understood otherwise.
fn judge(name: &str, table: &str, count: usize) {
    let engine = engine();
    let rows = rows(table);
    assert_eq!(rows.len(), count, "{name}: rows");
    let (mut right, mut wrong_stops, mut missed) = (0, 0, 0);
    let mut wrong = Vec::new();
    for (line, fields) in &rows {
        let text = unescaped(&fields[0]);
        let reply = engine.read_text(&text, &[36111]);
        match (fields[1].as_str(), label(&reply)) {
            ("STOP", "STOP") => right += 1,
            ("STOP", _) => missed += 1,
            (_, "STOP") => wrong_stops += 1,
            _ => {}
        }
        if fields[1] != label(&reply) {
            let fitting = Reading::new(&text, &engine.languages, &[36111]).fitting().join("\n      ");
            wrong.push(format!("{name}:{line}: {text:?} is {}, understood as {reply:?}\n      {fitting}", fields[1]));
        }
    }
    println!(
        "{name}: {count} replies, STOP precision {}/{}, recall {right}/{}",
        right,
        right + wrong_stops,
        right + missed
    );
    assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_reply_of_our_own_set_is_understood_as_labelled() {
    judge("replies.tsv", include_str!("../../../tests/compliance/replies.tsv"), 588);
    judge("replies_more.tsv", include_str!("../../../tests/compliance/replies_more.tsv"), 1477);
}

/// Sets written before it was known what the engine makes of them. What it made of them at first sight: docs/compliance.md.
#[test]
fn every_reply_of_the_sets_written_blind_is_understood_as_labelled() {
    judge("replies_unseen_a.tsv", include_str!("../../../tests/compliance/replies_unseen_a.tsv"), 376);
    judge("replies_unseen_b.tsv", include_str!("../../../tests/compliance/replies_unseen_b.tsv"), 387);
    judge("replies_unseen_c.tsv", include_str!("../../../tests/compliance/replies_unseen_c.tsv"), 393);
    judge("replies_unseen_d.tsv", include_str!("../../../tests/compliance/replies_unseen_d.tsv"), 358);
    judge("replies_blind.tsv", include_str!("../../../tests/compliance/replies_blind.tsv"), 1396);
}

#[test]
fn every_reply_of_the_sample_is_understood_as_labelled() {
    judge("replies_sample.tsv", include_str!("../../../tests/compliance/replies_sample.tsv"), 87);
}

/// A name, and how it changes a text.
type Way<'w> = (&'w str, &'w dyn Fn(&str) -> String);

/// What a STOP should survive, as people type it; what they type otherwise should still be none.
#[test]
fn case_accents_apostrophes_and_politeness_change_nothing() {
    let engine = engine();
    let folded = |text: &str| crate::compliance::wording::fold::folded(text);
    let ways: [Way<'_>; 7] = [
        ("lower case", &|text| text.to_lowercase()),
        ("upper case", &|text| text.to_uppercase()),
        ("without accents", &|text| folded(text).to_lowercase()),
        ("typographic apostrophe", &|text| text.replace('\'', "’")),
        ("space for apostrophe", &|text| text.replace(['\'', '’'], " ")),
        ("thanks behind it", &|text| format!("{text} merci")),
        ("greeting before it", &|text| format!("Bonjour, {text}")),
    ];
    let mut cases = 0;
    let mut wrong = Vec::new();
    let tables = [
        include_str!("../../../tests/compliance/replies.tsv"),
        include_str!("../../../tests/compliance/replies_more.tsv"),
    ];
    for (line, fields) in tables.into_iter().flat_map(rows) {
        let text = unescaped(&fields[0]);
        // Quoted lines are told by where they stand.
        // "Sto" is Italian for "I am", but no Italian says it with French thanks.
        if text.contains(['\n', '"', '>']) || text.trim().is_empty() || text == "sto" {
            continue;
        }
        for (way, change) in &ways {
            cases += 1;
            let changed = change(&text);
            let stops = matches!(engine.read_text(&changed, &[36111]), Reply::Stop(_));
            if stops != (fields[1] == "STOP") {
                wrong.push(format!("{line}, {way}: {changed:?} is {}", fields[1]));
            }
        }
    }
    assert!(cases > 12_000, "{cases}");
    assert!(wrong.is_empty(), "{} of {cases}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn octets_are_understood_under_every_coding_they_may_come_in() {
    use super::InboundText;
    use crate::message::text::Alphabet;
    use crate::message::udh;
    let engine = engine();
    let octets = |hex: &str| -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        (0..hex.len()).step_by(2).map(digit).collect()
    };
    let tables = [
        (include_str!("../../../tests/compliance/replies_bytes.tsv"), 38),
        (include_str!("../../../tests/compliance/replies_bytes_more.tsv"), 80),
        (include_str!("../../../tests/compliance/replies_bytes_unseen.tsv"), 77),
    ];
    let rows = tables.into_iter().flat_map(|(table, count)| {
        let rows = rows(table);
        assert_eq!(rows.len(), count);
        rows
    });
    for (line, fields) in rows {
        let number = |text: &str| u8::from_str_radix(text.trim_start_matches("0x"), 16).expect("hex");
        let (data_coding, esm_class) = (number(&fields[0]), number(&fields[1]));
        let mut text = octets(&fields[2]);
        if let Some(payload) = fields[3].strip_prefix("message_payload=") {
            text = octets(payload);
        }
        let mut expected = fields[4].as_str();
        if esm_class & 0x40 != 0 {
            let header = udh::parse(&text[1..=usize::from(text[0])]).expect("a header");
            text.drain(..=usize::from(text[0]));
            if header.segment.is_some_and(|segment| segment.total > 1) {
                // Alone a second part says nothing; joined to "ST" it says STOP.
                expected = "none";
            }
        }
        for alphabet in [Alphabet::Gsm, Alphabet::GsmPacked, Alphabet::Latin1] {
            let inbound = InboundText { data_coding, octets: &text, alphabet, short_codes: &[36111] };
            // What a device acknowledges by itself is no person's words, nor is a receipt; the gateway keeps them away (SMPP 3.4 §5.2.12).
            let reply =
                if matches!(esm_class & 0x3C, 0x04 | 0x08 | 0x20) { Reply::None } else { engine.read(&inbound) };
            assert_eq!(label(&reply), expected, "line {line}, {alphabet:?}: {}", fields[6]);
        }
    }
    let joined = InboundText { data_coding: 0, octets: b"STOP", alphabet: Alphabet::Gsm, short_codes: &[] };
    assert_eq!(label(&engine.read(&joined)), "STOP");
}

proptest::proptest! {
    #[test]
    fn any_text_and_any_octets_are_understood_somehow(
        text in proptest::prelude::any::<String>(),
        octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..160),
        data_coding in proptest::prelude::any::<u8>(),
    ) {
        let engine = engine();
        engine.read_text(&text, &[]);
        let inbound = super::InboundText {
            data_coding,
            octets: &octets,
            alphabet: crate::message::text::Alphabet::Gsm,
            short_codes: &[],
        };
        engine.read(&inbound);
    }
}
