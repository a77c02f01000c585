//! Owns the tests of the splice: what it changes, and that it changes nothing else.
//! Must never build a `Released`: they call the encoder beneath it.

use super::*;
use crate::compliance::numbers::NumberPlan;
use crate::compliance::verdict::Composed;
use crate::message::submission::TimeField;
use crate::message::text::Alphabet;
use crate::pdu::dialect::DestinationFormat;
use crate::pdu::scan::{self, Context};
use crate::pdu::status::CommandStatus;
use crate::pdu::{answer, multi as submit_multi, oracle};
use proptest::prelude::*;
use std::sync::Arc;

/// 2026-11-21T12:00:00Z.
const NOW: CivilInstant = CivilInstant::from_secs(1_795_262_400);
const CONTEXT: Context<'static> = Context { default_message_ids: &[], now: NOW };
const NUMBER: u64 = 33_639_980_001;

fn frame(id: CommandId, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    answer::write(id, CommandStatus::OK, 0x8000_0001, parts, &mut out);
    out
}

fn submit(destination: &[u8], validity: &[u8], text: &[u8], tlvs: &[u8]) -> Vec<u8> {
    let length = [u8::try_from(text.len()).expect("a short text")];
    let parts: [&[u8]; 9] =
        [b"\0\x05\0ACME\0", destination, b"\0\0\0\0", validity, b"\0\0\0\0\0", &length, text, tlvs, &[]];
    frame(CommandId::SubmitSm, &parts)
}

fn data(destination: &[u8], tlvs: &[u8]) -> Vec<u8> {
    frame(CommandId::DataSm, &[b"\0\x05\0ACME\0", destination, b"\0\0\0", tlvs])
}

fn number(value: u64) -> Option<Msisdn> {
    Msisdn::from_canonical(value)
}

fn dialect(destination_format: DestinationFormat, alphabet: Alphabet, validity: ValidityFormat) -> Dialect {
    // A plan without packs knows no trunk prefix.
    Dialect { destination_format, alphabet, validity, numbers: Arc::new(NumberPlan::new(&[])) }
}

fn spliced(
    octets: &[u8],
    validity: Option<CivilInstant>,
    format: DestinationFormat,
    dates: ValidityFormat,
    keep: &[u16],
) -> Vec<u8> {
    let dialect = dialect(format, Alphabet::Gsm, dates);
    let submission = scan::submit(octets, &CONTEXT).expect("a valid submission");
    let change = Change { destination: number(NUMBER), validity, now: NOW, vendor_tlvs: keep };
    let mut out = vec![0xEE; 3];
    forward(&submission, change, 7, &dialect, &mut out);
    assert_eq!(out[..3], [0xEE; 3], "what stood there stays");
    out.split_off(3)
}

fn plain(octets: &[u8]) -> Vec<u8> {
    spliced(octets, None, DestinationFormat::E164, ValidityFormat::Absolute, &[])
}

/// The same with another sequence number.
fn resequenced(octets: &[u8]) -> Vec<u8> {
    let mut copy = octets.to_vec();
    copy[12..16].copy_from_slice(&7u32.to_be_bytes());
    copy
}

const CANONICAL: &[u8] = b"\x01\x0133639980001\0";

#[test]
fn a_canonical_message_is_copied_but_for_its_sequence_number() {
    let octets = submit(CANONICAL, b"", b"hello", b"\x09\x99\0\x01x");
    assert_eq!(plain(&octets), resequenced(&octets));
    let octets = data(CANONICAL, b"\x04\x24\0\x05hello");
    assert_eq!(plain(&octets), resequenced(&octets));
}

#[test]
fn every_spelling_leaves_as_the_operator_writes_it() {
    let cases: [(DestinationFormat, &[u8]); 4] = [
        (DestinationFormat::E164, b"\x01\x0133639980001\0"),
        (DestinationFormat::Plus, b"\x01\x01+33639980001\0"),
        (DestinationFormat::DoubleZero, b"\x00\x010033639980001\0"),
        (DestinationFormat::National, b"\x01\x0133639980001\0"),
    ];
    for spelling in [&b"\x00\x000033639980001\0"[..], b"\x02\x010639980001\0", CANONICAL] {
        for (format, expected) in cases {
            let octets = submit(spelling, b"", b"hello", b"");
            let out = spliced(&octets, None, format, ValidityFormat::Absolute, &[]);
            assert_eq!(out, resequenced(&submit(expected, b"", b"hello", b"")), "{format:?}");
        }
    }
}

#[test]
fn a_validity_is_replaced_or_inserted() {
    let closing = NOW.plus(std::time::Duration::from_secs(7 * 3600));
    let cases = [(ValidityFormat::Absolute, &b"261121190000000+"[..]), (ValidityFormat::Relative, b"000000070000000R")];
    for (dates, expected) in cases {
        for asked in [&b""[..], b"261122120000000+", b"000002000000000R"] {
            let octets = submit(CANONICAL, asked, b"hello", b"\0\x17\0\x04\0\x0f\0\0");
            let out = spliced(&octets, Some(closing), DestinationFormat::E164, dates, &[]);
            // A time to live beside it would supersede it at a 5.0 SMSC.
            assert_eq!(out, resequenced(&submit(CANONICAL, expected, b"hello", b"")));
        }
    }
    let octets = data(CANONICAL, b"\0\x17\0\x04\0\x0f\0\0\x04\x24\0\x05hello");
    let out = spliced(&octets, Some(closing), DestinationFormat::E164, ValidityFormat::Absolute, &[]);
    assert_eq!(out, resequenced(&data(CANONICAL, b"\x04\x24\0\x05hello\0\x17\0\x04\0\0\x62\x70")));
}

#[test]
fn vendor_tlvs_are_cut_unless_listed_and_unknown_standard_ones_stay() {
    let tlvs = b"\x14\0\0\x01a\x09\x99\0\x01b\x3f\xff\0\x01c\x40\0\0\x01d\x13\xff\0\x01e";
    let octets = submit(CANONICAL, b"", b"hello", tlvs);
    assert_eq!(
        plain(&octets),
        resequenced(&submit(CANONICAL, b"", b"hello", b"\x09\x99\0\x01b\x40\0\0\x01d\x13\xff\0\x01e"))
    );
    let kept = spliced(&octets, None, DestinationFormat::E164, ValidityFormat::Absolute, &[0x1400, 0x3FFF]);
    assert_eq!(kept, resequenced(&octets));
}

#[test]
fn slack_does_not_leave() {
    let whole = submit(CANONICAL, b"", b"hello", b"");
    assert_eq!(plain(&submit(CANONICAL, b"", b"hello", b"\0")), resequenced(&whole));
    // An empty payload is absent to us, so it is absent to the SMSC.
    assert_eq!(plain(&submit(CANONICAL, b"", b"hello", b"\x04\x24\0\0")), resequenced(&whole));
}

#[test]
fn a_request_with_a_status_leaves_without_one() {
    let mut octets = submit(CANONICAL, b"", b"hello", b"");
    octets[11] = 0x45;
    let mut expected = resequenced(&octets);
    expected[11] = 0;
    assert_eq!(plain(&octets), expected);
}

#[test]
fn a_multi_leaves_with_its_permitted_destinations_alone() {
    let tail: &[u8] = b"\0\0\0\0\0\0\0\0\0\x02hi\x14\0\0\x01a";
    let list: &[u8] = b"\x03\x01\x01\x0133639980001\0\x01\x01\x0133639980002\0\x01\0\x000033639980003\0";
    let octets = frame(CommandId::SubmitMulti, &[b"\0\x05\0ACME\0", list, tail]);
    let read = submit_multi::scan(&octets, &CONTEXT).expect("a valid submit_multi");
    let first = read.submissions().next().expect("three");
    let dialect = dialect(DestinationFormat::E164, Alphabet::Gsm, ValidityFormat::Absolute);
    let change = Change { destination: number(NUMBER), validity: None, now: NOW, vendor_tlvs: &[] };
    let mut out = Vec::new();
    multi(&first, change, &[number(NUMBER), number(NUMBER + 2)], 7, &dialect, &mut out);
    let list: &[u8] = b"\x02\x01\x01\x0133639980001\0\x01\x01\x0133639980003\0";
    let tail: &[u8] = b"\0\0\0\0\0\0\0\0\0\x02hi";
    assert_eq!(out, resequenced(&frame(CommandId::SubmitMulti, &[b"\0\x05\0ACME\0", list, tail])));
    assert_eq!(oracle::decode(&out).expect("rusmpp reads it").left_over, 0);
}

#[test]
fn composed_texts_are_read_by_rusmpp_and_by_our_own_scan() {
    let cases = [
        (Alphabet::Gsm, "STOP bien pris en compte.".to_owned(), 0, false),
        (Alphabet::Latin1, "Désabonnement enregistré".to_owned(), 0, false),
        (Alphabet::GsmPacked, "STOP bien pris en compte.".to_owned(), 0, false),
        (Alphabet::Gsm, "Désinscription prise en compte ✓".to_owned(), 8, false),
        (Alphabet::Gsm, "x".repeat(161), 0, true),
        (Alphabet::Gsm, "✓".repeat(400), 8, true),
    ];
    for (alphabet, text, data_coding, in_payload) in cases {
        let dialect = dialect(DestinationFormat::Plus, alphabet, ValidityFormat::Absolute);
        let composed = Composed { source: 36_111, text: text.clone() };
        let mut out = Vec::new();
        compose::write(&composed, number(NUMBER).expect("a number"), 7, &dialect, &mut out);
        assert_eq!(oracle::decode(&out).expect("rusmpp reads it").left_over, 0);
        let read = scan::submit(&out, &CONTEXT).expect("our own scan reads it");
        assert_eq!(read.slice(read.destination.text), b"+33639980001");
        assert_eq!(read.slice(read.source.text), b"36111");
        assert_eq!((read.esm_class, read.data_coding, read.sequence_number()), (0, data_coding, 7));
        assert_eq!(read.text.start > read.tlvs.start, in_payload);
        let mut back = String::new();
        crate::message::text::decode(read.data_coding, read.slice(read.text), alphabet, &mut back).expect("decodable");
        assert_eq!(back, text);
    }
}

proptest! {
    /// Whatever leaves scans again to the same message for the canonical number, with nothing behind its last field.
    #[test]
    fn what_leaves_reads_as_what_was_judged(
        spelling in prop::sample::select(vec![&b"\x00\x000033639980001\0"[..], b"\x02\x010639980001\0", CANONICAL]),
        asked in prop::sample::select(vec![&b""[..], b"261122120000000+", b"000002000000000R"]),
        text in prop::collection::vec(any::<u8>(), 1..140),
        tlvs in prop::collection::vec((prop::sample::select(vec![0x0999u16, 0x1400, 0x1501, 0x3FFF, 0x0017, 0x0204]), any::<[u8; 4]>()), 0..4),
        clamp in prop::option::of(0u64..86_400),
        keep in prop::sample::select(vec![&[][..], &[0x1501u16][..]]),
        slack in any::<bool>(),
    ) {
        let mut stream = Vec::new();
        for (tag, value) in &tlvs {
            let value: &[u8] = if *tag == 0x0204 { &value[..2] } else { value };
            stream.extend_from_slice(&tag.to_be_bytes());
            stream.extend_from_slice(&(value.len() as u16).to_be_bytes());
            stream.extend_from_slice(value);
        }
        if slack {
            stream.push(0);
        }
        let octets = submit(spelling, asked, &text, &stream);
        let Ok(before) = scan::submit(&octets, &CONTEXT) else {
            // A duplicate among the chosen TLVs.
            return Ok(());
        };
        let clamp = clamp.map(|s| NOW.plus(std::time::Duration::from_secs(s + 900)));
        let out = spliced(&octets, clamp, DestinationFormat::E164, ValidityFormat::Absolute, keep);
        let after = scan::submit(&out, &CONTEXT).expect("what leaves is valid");
        prop_assert_eq!(after.end as usize, out.len());
        prop_assert_eq!(after.destination.whole.of(&out), CANONICAL);
        prop_assert_eq!(after.slice(after.text), before.slice(before.text));
        prop_assert_eq!(after.source, before.source);
        prop_assert_eq!((after.esm_class, after.data_coding), (before.esm_class, before.data_coding));
        if let Some(at) = clamp {
            prop_assert_eq!(after.validity, TimeField::Absolute(at));
        }
        for tlv in Tlvs::new(&out, after.tlvs) {
            prop_assert!(!tlv::is_vendor(tlv.tag) || keep.contains(&tlv.tag));
        }
    }
}
