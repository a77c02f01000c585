//! Owns the answers that stopgate gives in its own name, with the exact lengths that real stacks take.
//! Must never put a TLV into an answer unless the account asked for it: clients are known to break on one.

use super::command::CommandId;
use super::header::{HEADER_OCTETS, Header};
use super::status::CommandStatus;
use super::tlv;
use crate::compliance::code::RefusalCode;
use crate::message::instant::CivilInstant;
use crate::message::submission::Operation;

/// Writes a header and the body that `parts` make.
pub(super) fn write(id: CommandId, status: CommandStatus, sequence: u32, parts: &[&[u8]], out: &mut Vec<u8>) {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    // Every body here is bounded by the frame it answers or by configuration.
    let length = u32::try_from(HEADER_OCTETS + body).expect("an answer is shorter than 4 GiB");
    Header { length, id, status, sequence }.write(out);
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// The body of an error answer, as peers expect it (measured): none, an empty message_id or system_id, an empty
/// message_id with no_unsuccess 0, or the four empty fields of query_sm_resp.
const fn error_body(response: CommandId) -> &'static [u8] {
    match response {
        CommandId::DataSmResp
        | CommandId::DeliverSmResp
        | CommandId::BindTransceiverResp
        | CommandId::BroadcastSmResp
        | CommandId::QueryBroadcastSmResp => &[0],
        CommandId::SubmitMultiResp => &[0, 0],
        CommandId::QuerySmResp => &[0, 0, 0, 0],
        _ => &[],
    }
}

/// Answers `command` with an error, in its own response where it has one, else in a generic_nack.
pub fn error(command: CommandId, status: CommandStatus, sequence: u32, out: &mut Vec<u8>) {
    let response = command.response();
    write(response, status, sequence, &[error_body(response)], out);
}

/// The refusal of a submission with its reason in additional_status_info_text, for accounts that ask for it
/// (`refusal.detail = "tlv"`): `SG111 out_of_hours; next opening 2026-11-23T07:00:00Z`.
///
/// An empty message_id stands before the TLV, so that a client that reads one finds it.
pub fn refusal_with_detail(
    operation: Operation,
    status: CommandStatus,
    code: RefusalCode,
    next_opening: Option<CivilInstant>,
    sequence: u32,
    out: &mut Vec<u8>,
) {
    let mut text = format!("{} {}", code.code(), code.slug());
    if let Some(opening) = next_opening {
        text.push_str(&format!("; next opening {opening}"));
    }
    let [high, low] = tlv::ADDITIONAL_STATUS_INFO_TEXT.to_be_bytes();
    // A code, a slug and an instant are under 100 octets. The text is a C-octet string (SMPP 3.4 §5.3.2.11).
    let head = [high, low, 0, text.len() as u8 + 1];
    let (id, body): (_, &[u8]) = match operation {
        Operation::SubmitSm => (CommandId::SubmitSmResp, &[0]),
        Operation::DataSm => (CommandId::DataSmResp, &[0]),
        Operation::SubmitMulti => (CommandId::SubmitMultiResp, &[0, 0]),
    };
    write(id, status, sequence, &[body, &head, text.as_bytes(), &[0]], out);
}

/// generic_nack. For a lost frame: status 0x02, sequence 0.
pub fn generic_nack(status: CommandStatus, sequence: u32, out: &mut Vec<u8>) {
    write(CommandId::GenericNack, status, sequence, &[], out);
}

/// The success of a submission; the SMSC's message_id reaches the client unchanged.
pub fn submit_resp(operation: Operation, message_id: &[u8], sequence: u32, out: &mut Vec<u8>) {
    let (id, tail): (_, &[u8]) = match operation {
        Operation::SubmitSm => (CommandId::SubmitSmResp, &[0]),
        Operation::DataSm => (CommandId::DataSmResp, &[0]),
        // no_unsuccess follows the id.
        Operation::SubmitMulti => (CommandId::SubmitMultiResp, &[0, 0]),
    };
    write(id, CommandStatus::OK, sequence, &[message_id, tail], out);
}

/// The success of a bind. `peer_version` is the interface_version of the bind: sc_interface_version is told only to
/// peers that may know TLVs (0x34 and later), and is always 3.4.
pub fn bind_resp(bind: CommandId, system_id: &str, peer_version: u8, sequence: u32, out: &mut Vec<u8>) {
    let [high, low] = tlv::SC_INTERFACE_VERSION.to_be_bytes();
    let version: &[u8] = if peer_version >= 0x34 { &[high, low, 0, 1, 0x34] } else { &[] };
    write(bind.response(), CommandStatus::OK, sequence, &[system_id.as_bytes(), &[0], version], out);
}

/// enquire_link, towards a client.
pub fn enquire_link(sequence: u32, out: &mut Vec<u8>) {
    write(CommandId::EnquireLink, CommandStatus::OK, sequence, &[], out);
}

/// enquire_link_resp.
pub fn enquire_link_resp(sequence: u32, out: &mut Vec<u8>) {
    write(CommandId::EnquireLinkResp, CommandStatus::OK, sequence, &[], out);
}

/// unbind_resp.
pub fn unbind_resp(sequence: u32, out: &mut Vec<u8>) {
    write(CommandId::UnbindResp, CommandStatus::OK, sequence, &[], out);
}

/// deliver_sm_resp or data_sm_resp, as `operation` says (`SubmitSm` stands for deliver_sm), always 17 octets.
pub fn deliver_resp(operation: Operation, status: CommandStatus, sequence: u32, out: &mut Vec<u8>) {
    let id = match operation {
        Operation::SubmitSm | Operation::SubmitMulti => CommandId::DeliverSmResp,
        Operation::DataSm => CommandId::DataSmResp,
    };
    write(id, status, sequence, &[&[0]], out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_answers_have_the_measured_lengths() {
        let cases = [
            (CommandId::SubmitSm, 16),
            (CommandId::DataSm, 17),
            (CommandId::DeliverSm, 17),
            (CommandId::BindTransceiver, 17),
            (CommandId::BindTransmitter, 16),
            (CommandId::BindReceiver, 16),
            (CommandId::SubmitMulti, 18),
            (CommandId::QuerySm, 20),
            (CommandId::CancelSm, 16),
            (CommandId::ReplaceSm, 16),
            (CommandId::Unbind, 16),
            (CommandId::EnquireLink, 16),
            (CommandId::BroadcastSm, 17),
            (CommandId::QueryBroadcastSm, 17),
            (CommandId::CancelBroadcastSm, 16),
            (CommandId::Outbind, 16),
            (CommandId::AlertNotification, 16),
            (CommandId::Other(0x10200), 16),
        ];
        for (command, length) in cases {
            let mut out = Vec::new();
            error(command, CommandStatus::INVALID_BIND_STATUS, 7, &mut out);
            assert_eq!(out.len(), length, "{command:?}");
            let header = Header::parse(&out).expect("a header");
            assert_eq!(header.length as usize, length);
            assert_eq!(header.id, command.response());
            assert_eq!((header.status, header.sequence), (CommandStatus::INVALID_BIND_STATUS, 7));
        }
    }

    #[test]
    fn a_bind_is_told_our_version_only_when_it_may_know_tlvs() {
        for (version, told) in [(0x00, false), (0x33, false), (0x34, true), (0x50, true), (0x99, true)] {
            let mut out = Vec::new();
            bind_resp(CommandId::BindTransceiver, "stopgate", version, 1, &mut out);
            assert_eq!(out.ends_with(&[0x02, 0x10, 0, 1, 0x34]), told, "{version:#x}");
            assert_eq!(out.len(), 16 + 9 + if told { 5 } else { 0 });
        }
    }

    #[test]
    fn a_detail_stands_behind_an_empty_message_id() {
        let mut out = Vec::new();
        let opening = Some(CivilInstant::from_secs(1_795_417_200));
        refusal_with_detail(
            Operation::SubmitSm,
            CommandStatus::INVALID_SCHEDULE,
            RefusalCode::OutOfHours,
            opening,
            7,
            &mut out,
        );
        let text = b"SG111 out_of_hours; next opening 2026-11-23T07:00:00Z";
        assert_eq!(out[16..21], [0, 0x00, 0x1d, 0, text.len() as u8 + 1]);
        assert_eq!(&out[21..], [&text[..], &[0]].concat());
        assert_eq!(Header::parse(&out).map(|header| header.length as usize), Some(out.len()));
    }
}
