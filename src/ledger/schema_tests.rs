//! Owns the comparison of docs/ledger.md with the octets: every field is described, in its place and with its length.
//! Must never read the page so kindly that a missing field passes.

use super::event::Event;
use super::event_code;
use super::golden_tests::{events, verdict};
use super::leaf::HEAD;
use super::verdict::{VERDICT_LEAF, VerdictKind};
use crate::message::instant::CivilInstant;

const PAGE: &str = include_str!("../../docs/ledger.md");

/// The rows of the first table behind a heading, without its header.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let section = PAGE.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("no section {heading:?}"));
    let table = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    table.skip(2).map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The octets a row of the kind `44–45` or `69, 70` is about.
fn places(cell: &str) -> Vec<usize> {
    let number = |text: &str| text.trim().parse::<usize>().unwrap_or_else(|_| panic!("{cell:?} is no place"));
    match cell.split_once('–') {
        Some((from, to)) => (number(from)..=number(to)).collect(),
        None => cell.split(',').map(number).collect(),
    }
}

#[test]
fn every_octet_of_a_head_and_of_a_verdict_is_described_once_and_in_order() {
    let head: Vec<usize> = rows("## Every leaf").iter().flat_map(|row| places(row[0])).collect();
    assert_eq!(head, (0..HEAD).collect::<Vec<_>>());
    let heading = format!("## Verdicts: {VERDICT_LEAF} octets");
    let fields: Vec<usize> = rows(&heading).iter().flat_map(|row| places(row[0])).collect();
    assert_eq!(fields, (HEAD..VERDICT_LEAF).collect::<Vec<_>>());
    assert_eq!(verdict(VerdictKind::Permitted, &super::golden_tests::ruling()).len(), VERDICT_LEAF);
}

/// The octets of a field as the page says it, read at the place where it stands. Names have four.
fn octets(field: &str, rest: &[u8]) -> usize {
    let counted = |unit: usize| 2 + unit * usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    let field = field.split(" (").next().unwrap_or(field);
    let said = |word: &str| field.split(' ').any(|part| part == word);
    if field.ends_with("count u16, each u64") {
        counted(8)
    } else if field.ends_with("count u16, each u32") {
        counted(4)
    } else if field.ends_with("count u16, each an event id") {
        counted(12)
    } else if said("text") {
        counted(1)
    } else if said("u64") && said("from") && field.contains(" and ") {
        16
    } else if field.starts_with("SHA-256") || field.ends_with(" 32") {
        32
    } else if field.ends_with(" 64") {
        64
    } else if field.ends_with(" 16") {
        16
    } else if field == "event id" {
        12
    } else if said("u64") || said("instant") || field == "from" || field == "to" {
        8
    } else if said("u8") {
        1
    } else {
        4
    }
}

#[test]
fn every_kind_of_event_is_described_with_the_octets_it_has() {
    let rows = rows("## Events");
    let all = events();
    let known = |event: &Event| {
        let mut leaf = Vec::new();
        event_code::write(event, CivilInstant::default(), 1, false, None, &mut leaf);
        (format!("{} {}", leaf[1], event.word()), leaf)
    };
    assert_eq!(
        rows.iter().map(|row| row[0]).collect::<Vec<_>>(),
        all.iter().map(|(event, _)| known(event).0).collect::<Vec<_>>()
    );
    for (row, (event, _)) in rows.iter().zip(&all) {
        let (name, leaf) = known(event);
        let mut at = HEAD;
        for field in row[1].split(" · ") {
            at += octets(field, &leaf[at.min(leaf.len() - 2)..]);
            // What follows only when the field before it says so.
            if field.contains("else followed by") && leaf[at - 8..at] != [0xff; 8] {
                at += 16;
            }
        }
        assert_eq!(at, leaf.len(), "{name}: the page describes {at} octets");
    }
}
