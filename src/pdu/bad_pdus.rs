//! Owns the table of malformed PDUs as far as it can be answered without a gateway: frame, scan, answer.
//! Must never pass over a row in silence: rows that need a gateway are named, and all are counted.

use super::command::CommandId;
use super::frame::{self, Framing};
use super::header::Header;
use super::status::CommandStatus;
use super::{answer, scan};
use crate::message::instant::CivilInstant;

const TABLE: &str = include_str!("../../tests/compliance/bad_pdus.tsv");

/// 2026-11-21T12:00:00Z.
const NOW: CivilInstant = CivilInstant::from_secs(1_795_262_400);

struct Row {
    name: &'static str,
    octets: Option<Vec<u8>>,
    state: &'static str,
    answer: &'static str,
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn rows() -> Vec<Row> {
    let part = |text: &'static str, key: &str| {
        text.split("; ").find_map(|part| part.strip_prefix(key)).unwrap_or_else(|| panic!("{key} in {text}"))
    };
    TABLE
        .lines()
        .skip(1)
        .map(|line| {
            let mut columns = line.split('\t');
            let (name, octets, expected) = (columns.next(), columns.next(), columns.next());
            let expected = expected.expect("three columns");
            Row {
                name: name.expect("a name"),
                octets: octets.and_then(hex),
                state: part(expected, "state="),
                answer: part(expected, "answer="),
            }
        })
        .collect()
}

fn submit_context() -> scan::Context<'static> {
    scan::Context { default_message_ids: &[], now: NOW }
}

#[test]
fn every_submission_of_the_table_that_structure_refuses_gets_its_exact_octets() {
    let mut exact = 0;
    let mut passed = Vec::new();
    for row in rows() {
        let Some(octets) = &row.octets else { continue };
        let Framing::Whole(length) = frame::next(octets) else { continue };
        if length != octets.len() || row.state != "bound_trx" {
            continue;
        }
        let header = Header::parse(octets).expect("a whole frame");
        if !matches!(header.id, CommandId::SubmitSm | CommandId::DataSm) {
            continue;
        }
        match scan::submit(octets, &submit_context()) {
            Err(rejection) => {
                let mut out = Vec::new();
                answer::error(header.id, rejection.status, header.sequence, &mut out);
                assert_eq!(Some(&out), hex(row.answer).as_ref(), "{}: {rejection:?}", row.name);
                exact += 1;
            }
            Ok(_) => passed.push(row.name),
        }
    }
    assert_eq!(exact, 30);
    assert_eq!(
        passed,
        [
            "submit_seq_high_bit",
            "submit_dest_unicode_digits",
            "submit_dest_trailing_space",
            "submit_dest_00_prefix",
            "submit_dest_plus",
            "submit_dest_trunk_after_cc",
            "submit_sm_empty",
            "tlv_unknown_standard",
            "tlv_vendor",
            "dcs_reserved",
        ],
        "these are the judge's"
    );
}

#[test]
fn every_impossible_length_of_the_table_loses_the_frame() {
    let mut count = 0;
    for row in rows() {
        let Some(octets) = &row.octets else { continue };
        if let Framing::Impossible { .. } = frame::next(octets) {
            let mut out = Vec::new();
            answer::generic_nack(CommandStatus::INVALID_COMMAND_LENGTH, 0, &mut out);
            assert_eq!(Some(out), hex(row.answer), "{}", row.name);
            count += 1;
        }
    }
    assert_eq!(count, 5);
}
