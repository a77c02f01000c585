//! Owns an SMSC's answer to a submission on its way to the client: repaired, re-sequenced, stripped of TLVs.
//! Must never change a message_id or a status, nor make a success of an error.

use super::answer;
use super::command::CommandId;
use super::header::{HEADER_OCTETS, Header};
use super::status::CommandStatus;
use crate::message::submission::Operation;

/// What an SMSC answered to a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// submit_sm_resp, data_sm_resp or submit_multi_resp; generic_nack for a PDU it would not take.
    pub id: CommandId,
    pub status: CommandStatus,
    /// Our sequence number.
    pub sequence: u32,
    /// Without its NUL; empty when the SMSC left it out.
    pub message_id: &'a [u8],
}

/// Reads a whole frame. Missing bodies and missing NULs are repaired (both are common).
pub fn read(octets: &[u8]) -> Option<Response<'_>> {
    let header = Header::parse(octets)?;
    let body = &octets[HEADER_OCTETS..];
    let message_id = match header.id {
        CommandId::SubmitSmResp | CommandId::DataSmResp | CommandId::SubmitMultiResp => {
            &body[..body.iter().position(|octet| *octet == 0).unwrap_or(body.len())]
        }
        _ => &[],
    };
    let status = match (header.id, header.status) {
        // A generic_nack without a reason is an error all the same.
        (CommandId::GenericNack, CommandStatus::OK) => CommandStatus::SUBMIT_FAILED,
        (_, status) => status,
    };
    Some(Response { id: header.id, status, sequence: header.sequence, message_id })
}

/// Writes a response to the client that sent `operation`. `status` is the SMSC's, or what `status_map` makes of it.
///
/// A success has the message_id and its NUL, an error the length that clients take; never a TLV.
pub fn write(operation: Operation, status: CommandStatus, message_id: &[u8], sequence: u32, out: &mut Vec<u8>) {
    if status.is_ok() {
        answer::submit_resp(operation, message_id, sequence, out);
        return;
    }
    let command = match operation {
        Operation::SubmitSm => CommandId::SubmitSm,
        Operation::DataSm => CommandId::DataSm,
        Operation::SubmitMulti => CommandId::SubmitMulti,
    };
    answer::error(command, status, sequence, out);
}

/// The message_id of a whole frame, without its NUL; empty when there is none.
pub fn message_id(octets: &[u8]) -> &[u8] {
    read(octets).map_or(&[], |response| response.message_id)
}

/// Forwards a whole frame to the client that sent `command` (submit_sm, data_sm or submit_multi), repaired, with its
/// sequence number. `status` is the SMSC's, or what `status_map` makes of it; a generic_nack is an error whatever it says.
pub fn forward(octets: &[u8], command: CommandId, status: CommandStatus, sequence: u32, out: &mut Vec<u8>) {
    let Some(response) = read(octets) else { return };
    let status = if status.is_ok() { response.status } else { status };
    let operation = match command {
        CommandId::DataSm => Operation::DataSm,
        CommandId::SubmitMulti => Operation::SubmitMulti,
        _ => Operation::SubmitSm,
    };
    write(operation, status, response.message_id, sequence, out);
}

/// Writes a whole frame as it is with another sequence number: query_sm_resp and cancel_sm_resp on their way to the
/// client that asked.
pub fn resequence(octets: &[u8], sequence: u32, out: &mut Vec<u8>) {
    let Some((head, body)) = octets.split_first_chunk::<HEADER_OCTETS>() else { return };
    out.extend_from_slice(&head[..12]);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: CommandId, status: u32, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        answer::write(id, CommandStatus(status), 2, &[body], &mut out);
        out
    }

    #[test]
    fn answers_are_repaired_and_resequenced() {
        type Pdu = (CommandId, u32, &'static [u8]);
        let cases: [(Pdu, Pdu); 10] = [
            ((CommandId::SubmitSmResp, 0, b""), (CommandId::SubmitSmResp, 0, b"\0")),
            ((CommandId::SubmitSmResp, 0, b"abc"), (CommandId::SubmitSmResp, 0, b"abc\0")),
            ((CommandId::SubmitSmResp, 0, b"abc\0"), (CommandId::SubmitSmResp, 0, b"abc\0")),
            ((CommandId::SubmitSmResp, 0, b"abc\0\x00\x1d\0\x01x"), (CommandId::SubmitSmResp, 0, b"abc\0")),
            ((CommandId::SubmitSmResp, 0x58, b"\0"), (CommandId::SubmitSmResp, 0x58, b"")),
            ((CommandId::SubmitSmResp, 0x400, b""), (CommandId::SubmitSmResp, 0x400, b"")),
            ((CommandId::DataSmResp, 0, b"7"), (CommandId::DataSmResp, 0, b"7\0")),
            ((CommandId::DataSmResp, 0x45, b""), (CommandId::DataSmResp, 0x45, b"\0")),
            ((CommandId::GenericNack, 0x03, b""), (CommandId::SubmitSmResp, 0x03, b"")),
            ((CommandId::GenericNack, 0x00, b""), (CommandId::SubmitSmResp, 0x45, b"")),
        ];
        for ((id, status, body), (expected_id, expected_status, expected_body)) in cases {
            let mut out = Vec::new();
            let command = if id == CommandId::DataSmResp { CommandId::DataSm } else { CommandId::SubmitSm };
            forward(&frame(id, status, body), command, CommandStatus(status), 0x8000_0001, &mut out);
            let header = Header::parse(&out).expect("a header");
            assert_eq!(header.length as usize, out.len());
            assert_eq!((header.id, header.status.0, header.sequence), (expected_id, expected_status, 0x8000_0001));
            assert_eq!(&out[HEADER_OCTETS..], expected_body);
        }
    }

    #[test]
    fn a_mapped_status_replaces_the_operators() {
        let mut out = Vec::new();
        forward(&frame(CommandId::SubmitSmResp, 0x66, b""), CommandId::SubmitSm, CommandStatus(0x45), 1, &mut out);
        assert_eq!(Header::parse(&out).map(|header| header.status), Some(CommandStatus(0x45)));
    }

    #[test]
    fn a_status_map_cannot_make_a_success_of_an_error() {
        let mut out = Vec::new();
        forward(&frame(CommandId::SubmitSmResp, 0x66, b""), CommandId::SubmitSm, CommandStatus::OK, 1, &mut out);
        assert_eq!(Header::parse(&out).map(|header| header.status), Some(CommandStatus(0x66)));
    }

    #[test]
    fn a_query_answer_changes_in_its_sequence_alone() {
        let octets = frame(CommandId::QuerySmResp, 0, b"id\0\0\x02\0");
        let mut out = Vec::new();
        resequence(&octets, 9, &mut out);
        assert_eq!((&out[..12], &out[12..16], &out[16..]), (&octets[..12], &[0, 0, 0, 9][..], &octets[16..]));
    }
}
