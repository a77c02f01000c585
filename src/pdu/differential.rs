//! Owns the comparison of our framing and scan with rusmpp, on valid, mutated and arbitrary octets.
//! Must never take rusmpp's word where it left octets of a frame behind.

use super::command::CommandId;
use super::frame::{self, Framing};
use super::header::Header;
use super::status::CommandStatus;
use super::{answer, bind, inbound, multi, oracle, query, receipt, response, scan};
use crate::message::instant::CivilInstant;
use crate::message::submission::{Operation, Submission};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusmpp::Pdu;
use rusmpp::tlvs::{Tlv, TlvValue};
use std::cell::Cell;

const CONTEXT: scan::Context<'static> =
    scan::Context { default_message_ids: &[], now: CivilInstant::from_secs(1_795_262_400) };

fn frame_of(id: CommandId, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    answer::write(id, CommandStatus::OK, 7, parts, &mut out);
    out
}

#[test]
fn smuggled_submit_in_enquire_link() {
    let submit = frame_of(CommandId::SubmitSm, &[b"\0\x05\0ACME\0\x01\x0133639980001\0\0\0\0\0\0\0\0\0\0\x05PROMO"]);
    let stream = frame_of(CommandId::EnquireLink, &[&submit]);
    // One PDU, by its command_length, and what it carries is never looked at.
    assert_eq!(frame::next(&stream), Framing::Whole(stream.len()));
    assert_eq!(Header::parse(&stream).map(|header| header.id), Some(CommandId::EnquireLink));
    // rusmpp takes 16 octets for it, and its codec would read the submit_sm next: why we frame ourselves.
    let theirs = oracle::decode(&stream).expect("rusmpp reads it");
    assert_eq!(theirs.left_over, submit.len());
}

/// A submit_sm or data_sm, mostly valid.
fn submissions() -> impl Strategy<Value = Vec<u8>> {
    // Tag and length; the last two are wrong.
    let tlvs = [
        (0x0204u16, 2usize),
        (0x0999, 3),
        (0x1400, 5),
        (0x0017, 4),
        (0x0201, 1),
        (0x0304, 1),
        (0x0424, 0),
        (0x0424, 4),
        (0x020C, 2),
        (0x0204, 1),
    ];
    let head = ("[A-Z]{0,5}", 0u8..7, "[0-9A-Z]{0,20}", 0u8..5, "[0-9]{1,20}");
    let times = (
        prop::sample::select(vec!["", "261122100000004+", "000000020000000R"]),
        prop::sample::select(vec!["", "261123100000000+"]),
    );
    let flags = (prop::sample::select(vec![0u8, 0, 1, 3, 8, 0x40, 4]), 0u8..0x40, 0u8..4);
    let more = (0u8..3, 0u8..2, prop::sample::select(vec![0u8, 1, 3, 8, 0xF0]));
    let text = prop::collection::vec(any::<u8>(), 0..60);
    let tlvs = prop::collection::vec(prop::sample::select(tlvs.to_vec()), 0..4);
    (any::<bool>(), head, flags, times, more, text, tlvs).prop_map(|(data, head, flags, times, more, text, tlvs)| {
        let mut stream = Vec::new();
        for (tag, length) in tlvs {
            stream.extend_from_slice(&tag.to_be_bytes());
            stream.extend_from_slice(&(length as u16).to_be_bytes());
            stream.extend(std::iter::repeat_n(1u8, length));
        }
        let (service, source_ton, source, ton, destination) = head;
        let (esm, pid, priority) = flags;
        let (registered, replace, dcs) = more;
        let (from, to) = ([source_ton, 0], [ton, 1]);
        let (nul, source, destination): (&[u8], _, _) = (b"\0", source.as_bytes(), destination.as_bytes());
        let head = [service.as_bytes(), nul, &from, source, nul, &to, destination, nul];
        let length = text.len() as u8;
        if data {
            let payload = [0x04, 0x24, 0, length];
            let tail: [&[u8]; 4] = [&[esm, registered, dcs], &payload, &text, &stream];
            frame_of(CommandId::DataSm, &[&head[..], &tail[..]].concat())
        } else {
            let (flags, more) = ([esm, pid, priority], [registered, replace, dcs, 0, length]);
            let (schedule, validity) = (times.0.as_bytes(), times.1.as_bytes());
            let tail: [&[u8]; 8] = [&flags, schedule, nul, validity, nul, &more, &text, &stream];
            frame_of(CommandId::SubmitSm, &[&head[..], &tail[..]].concat())
        }
    })
}

/// Up to three octets of the body changed, or the end cut, with command_length put right.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (
        submissions(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        prop::sample::select(vec![0, 0, 0, 1, 4]),
    )
        .prop_map(|(mut octets, changes, cut)| {
            for (index, value) in changes {
                let at = 16 + index.index(octets.len() - 16);
                octets[at] = value;
            }
            octets.truncate(octets.len() - cut);
            let length = octets.len() as u32;
            octets[..4].copy_from_slice(&length.to_be_bytes());
            octets
        })
}

/// The C-octet string without its NUL.
fn text(with_nul: &[u8]) -> &[u8] {
    &with_nul[..with_nul.len() - 1]
}

fn payload(tlvs: &[Tlv]) -> Option<Vec<u8>> {
    tlvs.iter().find_map(|tlv| match tlv.value() {
        Some(TlvValue::MessagePayload(payload)) if !payload.value.as_ref().is_empty() => {
            Some(payload.value.as_ref().to_vec())
        }
        _ => None,
    })
}

fn agree(ours: &Submission<'_>, theirs: &Pdu) {
    // The text with its header, as it stands in the PDU.
    let start = if ours.udh.is_empty() { ours.text.start } else { ours.udh.start - 1 } as usize;
    let user_data = &ours.octets[start..ours.text.end as usize];
    match theirs {
        Pdu::SubmitSm(theirs) => {
            assert_eq!(ours.operation, Operation::SubmitSm);
            assert_eq!(ours.slice(ours.source.text), text(theirs.source_addr.as_ref()));
            assert_eq!(ours.slice(ours.destination.text), text(theirs.destination_addr.as_ref()));
            assert_eq!(ours.source.ton as u8, u8::from(theirs.source_addr_ton));
            assert_eq!(ours.destination.ton as u8, u8::from(theirs.dest_addr_ton));
            assert_eq!(ours.esm_class, u8::from(theirs.esm_class));
            assert_eq!(ours.protocol_id, theirs.protocol_id);
            assert_eq!(ours.data_coding, u8::from(theirs.data_coding));
            assert_eq!(ours.slice(ours.schedule_span), theirs.schedule_delivery_time.as_ref());
            assert_eq!(ours.slice(ours.validity_span), theirs.validity_period.as_ref());
            let text = payload(theirs.tlvs()).unwrap_or_else(|| theirs.short_message().as_ref().to_vec());
            assert_eq!(user_data, text);
        }
        Pdu::DataSm(theirs) => {
            assert_eq!(ours.operation, Operation::DataSm);
            assert_eq!(ours.slice(ours.source.text), text(theirs.source_addr.as_ref()));
            assert_eq!(ours.slice(ours.destination.text), text(theirs.destination_addr.as_ref()));
            assert_eq!(ours.esm_class, u8::from(theirs.esm_class));
            assert_eq!(ours.data_coding, u8::from(theirs.data_coding));
            assert_eq!(Some(user_data.to_vec()), payload(theirs.tlvs()));
        }
        other => panic!("neither submit_sm nor data_sm: {other:?}"),
    }
}

/// Everything that reads octets of a peer.
fn read_all(octets: &[u8]) {
    let _ = frame::next(octets);
    if octets.len() < 16 {
        return;
    }
    let _ = scan::submit(octets, &CONTEXT);
    let _ = multi::scan(octets, &CONTEXT).map(|multi| multi.submissions().count());
    let _ = bind::parse(octets);
    let _ = query::parse(octets);
    let _ = response::read(octets);
    let _ = inbound::alert_esme_addr(octets);
    if let Ok(inbound) = inbound::scan(octets) {
        let _ = receipt::parse(&inbound);
    }
}

#[test]
fn what_both_accept_has_the_same_fields_and_nothing_left_over() {
    let (submits, datas) = (Cell::new(0), Cell::new(0));
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() });
    let compared = runner.run(&mutated(), |octets| {
        let (Ok(ours), Some(theirs)) = (scan::submit(&octets, &CONTEXT), oracle::decode(&octets)) else {
            return Ok(());
        };
        // The one octet that may stand behind the last field is the NUL that we cut.
        prop_assert_eq!(theirs.left_over, octets.len() - ours.end as usize);
        prop_assert!(theirs.left_over <= 1);
        agree(&ours, theirs.command.pdu().expect("a body"));
        let count = if ours.operation == Operation::DataSm { &datas } else { &submits };
        count.set(count.get() + 1);
        Ok(())
    });
    compared.expect("both agree");
    // Enough of them are accepted by both for the comparison to mean something.
    assert!(submits.get() > 100 && datas.get() > 100, "{} and {}", submits.get(), datas.get());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn spans_stay_inside_what_leaves(octets in mutated()) {
        if let Ok(ours) = scan::submit(&octets, &CONTEXT) {
            for span in [ours.service_type, ours.source.whole, ours.destination.whole, ours.text, ours.udh, ours.tlvs] {
                prop_assert!(span.start >= 16 && span.start <= span.end && span.end <= ours.end);
            }
            prop_assert!(ours.end as usize <= octets.len());
        }
    }

    #[test]
    fn no_octets_make_a_reader_panic(id in prop::sample::select(vec![1u32, 2, 3, 4, 5, 7, 8, 9, 0x21, 0x102, 0x103, 0x8000_0004]), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let octets = frame_of(CommandId::from_wire(id), &[&body]);
        read_all(&octets);
        read_all(&body);
    }

    #[test]
    fn mutated_messages_make_no_reader_panic(octets in mutated(), id in prop::sample::select(vec![4u32, 5, 0x21, 0x103])) {
        let mut octets = octets;
        octets[4..8].copy_from_slice(&id.to_be_bytes());
        read_all(&octets);
    }
}

#[test]
fn rusmpp_reads_every_answer_of_ours_to_its_last_octet() {
    let mut answers = Vec::new();
    let mut add = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        answers.push(out);
    };
    for operation in [Operation::SubmitSm, Operation::DataSm, Operation::SubmitMulti] {
        add(&|out| answer::submit_resp(operation, b"id-1", 7, out));
    }
    for operation in [Operation::SubmitSm, Operation::DataSm] {
        add(&|out| answer::deliver_resp(operation, CommandStatus::SYSTEM_ERROR, 7, out));
    }
    for bind in [CommandId::BindTransmitter, CommandId::BindReceiver, CommandId::BindTransceiver] {
        for version in [0x33, 0x34] {
            add(&|out| answer::bind_resp(bind, "stopgate", version, 7, out));
        }
    }
    add(&|out| answer::enquire_link(7, out));
    add(&|out| answer::enquire_link_resp(7, out));
    add(&|out| answer::unbind_resp(7, out));
    add(&|out| answer::generic_nack(CommandStatus::INVALID_COMMAND_ID, 7, out));
    // The error of a query_sm has the four empty fields that stacks take; rusmpp reads them too.
    for command in
        [CommandId::SubmitMulti, CommandId::QuerySm, CommandId::DataSm, CommandId::DeliverSm, CommandId::Unbind]
    {
        add(&|out| answer::error(command, CommandStatus::INVALID_BIND_STATUS, 7, out));
    }
    assert_eq!(answers.len(), 20);
    for octets in answers {
        let theirs = oracle::decode(&octets).unwrap_or_else(|| panic!("rusmpp refuses {octets:02x?}"));
        assert_eq!(theirs.left_over, 0, "{octets:02x?}");
        assert_eq!(theirs.command.sequence_number(), 7);
    }
}
