//! Owns the tables of malformed PDUs as far as they can be answered without a gateway: frame, scan, answer.
//! Must never pass over a row in silence: rows whose answer is told in words are named, and all are counted.

use super::bind::BindKind;
use super::command::CommandId;
use super::frame::{self, Framing};
use super::header::Header;
use super::query::Query;
use super::status::CommandStatus;
use super::{answer, bind, inbound, multi, query, scan};
use crate::message::instant::CivilInstant;

/// Carried over as it came: octets, state and expectation of each case.
const TABLE: &str = include_str!("../../tests/compliance/bad_pdus.tsv");
/// Our own cases beside them, in the same columns: the siblings of what the table samples.
const SIBLINGS: &str = include_str!("../../tests/compliance/bad_pdus_siblings.tsv");

/// 2026-11-21T12:00:00Z.
const NOW: CivilInstant = CivilInstant::from_secs(1_795_262_400);
const CONTEXT: scan::Context<'static> = scan::Context { default_message_ids: &[], now: NOW };

struct Row {
    name: &'static str,
    /// `None` for a construction in words.
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

/// The answer in octets: hexadecimal, `none`, or two of them joined by "then". `None` when it is told in words.
fn exact(answer: &str) -> Option<Vec<u8>> {
    if answer == "none" {
        return Some(Vec::new());
    }
    answer.split(" then ").map(hex).collect::<Option<Vec<_>>>().map(|parts| parts.concat())
}

fn rows(table: &'static str) -> Vec<Row> {
    let part = |text: &'static str, key: &str| {
        text.split("; ").find_map(|part| part.strip_prefix(key)).unwrap_or_else(|| panic!("{key} in {text}"))
    };
    let row = |line: &'static str| {
        let columns: Vec<_> = line.split('\t').collect();
        let [name, octets, expected] = columns[..] else { panic!("three columns: {line}") };
        Row { name, octets: hex(octets), state: part(expected, "state="), answer: part(expected, "answer=") }
    };
    table.lines().skip(1).map(row).collect()
}

/// What a gateway without accounts, operators and messages of its own would answer.
#[derive(Default)]
struct Responder {
    bound: Option<BindKind>,
    /// interface_version of the bind.
    version: u8,
    /// Whether the peer is an SMSC.
    smsc: bool,
    out: Vec<u8>,
    /// Submissions that the judge would get, and deliveries that the opt-out engine would.
    judged: usize,
}

impl Responder {
    fn of(state: &str) -> Self {
        let bound = match state.split_whitespace().next() {
            Some("open") => None,
            Some("bound_rx") => Some(BindKind::Receiver),
            Some("bound_trx") | Some("smsc") => Some(BindKind::Transceiver),
            _ => panic!("a state nobody knows: {state}"),
        };
        let version = if state.contains("interface_version 50") { 0x50 } else { 0x34 };
        Self { bound, version, smsc: state.starts_with("smsc"), ..Self::default() }
    }

    fn feed(&mut self, mut octets: &[u8]) {
        loop {
            match frame::next(octets) {
                Framing::Incomplete => return,
                Framing::Impossible { .. } => {
                    return answer::generic_nack(CommandStatus::INVALID_COMMAND_LENGTH, 0, &mut self.out);
                }
                Framing::Whole(length) => {
                    let (pdu, rest) = octets.split_at(length);
                    let header = Header::parse(pdu).expect("a whole frame has a header");
                    self.take(&header, pdu);
                    if header.id == CommandId::Unbind {
                        return;
                    }
                    octets = rest;
                }
            }
        }
    }

    fn error(&mut self, header: &Header, status: CommandStatus) {
        answer::error(header.id, status, header.sequence, &mut self.out);
    }

    fn take(&mut self, header: &Header, pdu: &[u8]) {
        let wrong_state = CommandStatus::INVALID_BIND_STATUS;
        let sends = !matches!(self.bound, None | Some(BindKind::Receiver));
        match header.id {
            id if id.is_response() => {}
            CommandId::EnquireLink => answer::enquire_link_resp(header.sequence, &mut self.out),
            CommandId::Unbind if self.bound.is_some() => answer::unbind_resp(header.sequence, &mut self.out),
            CommandId::BindTransmitter | CommandId::BindReceiver | CommandId::BindTransceiver => self.bind(header, pdu),
            CommandId::DeliverSm if self.smsc => match inbound::scan(pdu) {
                Ok(_) => self.judged += 1,
                Err(rejection) => self.error(header, rejection.status),
            },
            CommandId::SubmitSm | CommandId::DataSm if sends => match scan::submit(pdu, &CONTEXT) {
                Ok(_) => self.judged += 1,
                Err(rejection) => self.error(header, rejection.status),
            },
            CommandId::SubmitMulti if sends => match multi::scan(pdu, &CONTEXT) {
                Ok(_) => self.error(header, CommandStatus::SUBMIT_FAILED),
                Err(rejection) => self.error(header, rejection.status),
            },
            CommandId::QuerySm | CommandId::CancelSm | CommandId::ReplaceSm if sends => match query::parse(pdu) {
                Ok(Query::Query { .. }) => self.error(header, CommandStatus::QUERY_FAILED),
                Ok(Query::Cancel { .. }) => self.error(header, CommandStatus::CANCEL_FAILED),
                Ok(Query::Replace { .. }) => self.error(header, CommandStatus::REPLACE_FAILED),
                Err(rejection) => self.error(header, rejection.status),
            },
            CommandId::BroadcastSm | CommandId::QueryBroadcastSm | CommandId::CancelBroadcastSm
                if self.version >= 0x50 =>
            {
                self.error(header, CommandStatus::PROHIBITED);
            }
            CommandId::BroadcastSm
            | CommandId::QueryBroadcastSm
            | CommandId::CancelBroadcastSm
            | CommandId::Other(_) => {
                answer::generic_nack(CommandStatus::INVALID_COMMAND_ID, header.sequence, &mut self.out);
            }
            _ => self.error(header, wrong_state),
        }
    }

    fn bind(&mut self, header: &Header, pdu: &[u8]) {
        if self.bound.is_some() {
            return self.error(header, CommandStatus::ALREADY_BOUND);
        }
        match bind::parse(pdu) {
            Err(rejection) => self.error(header, rejection.status),
            Ok(bind) if bind.password != b"secret" => self.error(header, CommandStatus::INVALID_PASSWORD),
            Ok(bind) => {
                answer::bind_resp(header.id, "stopgate", bind.interface_version, header.sequence, &mut self.out)
            }
        }
    }
}

fn hex_of(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What became of the rows of a table.
#[derive(Default)]
struct Outcome {
    exact: usize,
    /// Rows that only the judge can answer: octets were due, and the scan found nothing to refuse.
    judged: Vec<&'static str>,
    /// Rows whose answer is told in words, or that are a construction.
    in_words: Vec<&'static str>,
}

fn answer_all(table: &'static str) -> Outcome {
    let mut outcome = Outcome::default();
    for row in rows(table) {
        let Some(octets) = &row.octets else {
            outcome.in_words.push(row.name);
            continue;
        };
        let mut responder = Responder::of(row.state);
        responder.feed(octets);
        match exact(row.answer) {
            None if row.answer == "judge" => {
                assert_eq!((hex_of(&responder.out).as_str(), responder.judged), ("", 1), "{}", row.name);
                outcome.judged.push(row.name);
            }
            None => outcome.in_words.push(row.name),
            Some(_) if responder.judged == 1 => {
                assert!(responder.out.is_empty(), "{}", row.name);
                outcome.judged.push(row.name);
            }
            Some(expected) => {
                assert_eq!(hex_of(&responder.out), hex_of(&expected), "{}", row.name);
                outcome.exact += 1;
            }
        }
    }
    outcome
}

#[test]
fn every_row_of_the_table_with_octets_for_an_answer_gets_them() {
    let outcome = answer_all(TABLE);
    assert_eq!(rows(TABLE).len(), 92);
    assert_eq!(outcome.exact, 67);
    assert_eq!(outcome.judged, ["submit_dest_unicode_digits", "dcs_reserved", "smsc_deliver_stop_store_down"]);
    assert_eq!(
        outcome.in_words,
        [
            "byte_by_byte",
            "submit_seq_high_bit",
            "duplicate_seq_in_flight",
            "enquire_reuses_submit_seq",
            "bind_addr_range_regex_bomb",
            "bind_version_00",
            "bind_version_33",
            "bind_version_99",
            "bind_invalid_ton",
            "bind_flood",
            "connect_and_silence",
            "submit_dest_trailing_space",
            "submit_dest_00_prefix",
            "submit_dest_plus",
            "submit_dest_trunk_after_cc",
            "submit_sm_empty",
            "tlv_unknown_standard",
            "tlv_vendor",
            "smsc_deliver_before_bind_resp",
            "smsc_dlr_esm_44",
            "smsc_submit_resp_no_body_ok",
            "smsc_submit_resp_id_no_nul",
        ],
        "a gateway answers these"
    );
}

#[test]
fn every_sibling_gets_its_exact_octets() {
    let outcome = answer_all(SIBLINGS);
    assert_eq!((outcome.exact, outcome.judged.len(), outcome.in_words.len()), (193, 48, 0));
}
