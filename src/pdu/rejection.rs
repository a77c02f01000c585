//! Owns the receipt that tells a client of a refusal, for accounts with `refusal.style = "receipt"`.
//! Must never be written for a message that left.

use super::answer;
use super::command::CommandId;
use super::status::CommandStatus;
use crate::compliance::code::RefusalCode;
use crate::message::instant::CivilInstant;
use crate::message::submission::Submission;

/// Longest address of a deliver_sm, TON, NPI and NUL included (SMPP 3.4 §4.6.1); data_sm has room for longer ones.
const ADDRESS_OCTETS: usize = 2 + 21;

/// What the receipt of a submission is made from, should it be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    source: Box<[u8]>,
    destination: Box<[u8]>,
}

impl Addresses {
    /// The addresses as the sender wrote them; `None` when no receipt can be written to them, or when none was asked
    /// for: a sender that asked for none would take the accepted message for a sent one.
    pub fn of(submission: &Submission<'_>) -> Option<Self> {
        let (source, destination) = (submission.source.whole, submission.destination.whole);
        let asked = submission.registered_delivery & RECEIPT_ASKED != 0;
        (asked && source.len() <= ADDRESS_OCTETS && destination.len() <= ADDRESS_OCTETS).then(|| Self {
            source: submission.slice(source).into(),
            destination: submission.slice(destination).into(),
        })
    }
}

/// Bits of registered_delivery that ask for a receipt: 01 in any case, 10 on failure (SMPP 3.4 §5.2.17).
const RECEIPT_ASKED: u8 = 0x03;

/// A deliver_sm towards the client: addresses swapped, esm_class 0x04, body as in Appendix B with `stat:REJECTD`.
///
/// `message_id` is our own, told in the submit_sm_resp before. `err` is the number of the reason, three decimal digits;
/// dates are YYMMDDhhmm in UTC; `text:` is last and names the reason, never the message.
pub fn receipt(
    addresses: &Addresses,
    message_id: &str,
    code: RefusalCode,
    at: CivilInstant,
    sequence: u32,
    out: &mut Vec<u8>,
) {
    let date = at.to_utc().format("%y%m%d%H%M");
    let text = format!(
        "id:{message_id} sub:001 dlvrd:000 submit date:{date} done date:{date} stat:REJECTD err:{:03} text:{} {}",
        code.number(),
        code.code(),
        // The octet of an underscore is another sign in GSM 03.38, as which some clients read data_coding 0.
        code.slug().replace('_', " ")
    );
    // An id of ours is at most 64 octets, so the whole is under 200.
    let fields = [RECEIPT, 0, 0, 0, 0, 0, 0, 0, 0, text.len() as u8];
    let parts: [&[u8]; 5] = [&[0], &addresses.destination, &addresses.source, &fields, text.as_bytes()];
    answer::write(CommandId::DeliverSm, CommandStatus::OK, sequence, &parts, out);
}

/// esm_class of an SMSC delivery receipt.
const RECEIPT: u8 = 0x04;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::receipt::{self, MessageState};
    use crate::pdu::{inbound, oracle, scan};

    #[test]
    fn the_client_reads_the_refusal_as_a_receipt() {
        let now = CivilInstant::from_secs(1_795_262_400);
        let mut octets = Vec::new();
        let body: &[u8] = b"\0\x05\0ACME\0\x01\x0133639980001\0\0\0\0\0\0\x01\0\0\0\x05PROMO";
        answer::write(CommandId::SubmitSm, CommandStatus::OK, 1, &[body], &mut octets);
        let context = scan::Context { default_message_ids: &[], now };
        let submission = scan::submit(&octets, &context).expect("valid");
        let mut out = Vec::new();
        let addresses = Addresses::of(&submission).expect("a receipt was asked for");
        receipt(&addresses, "sg-1", RefusalCode::OptedOut, now, 7, &mut out);
        assert_eq!(oracle::decode(&out).expect("rusmpp reads it").left_over, 0);
        let read = inbound::scan(&out).expect("readable");
        assert_eq!(read.slice(read.source.text), b"33639980001");
        assert_eq!(read.slice(read.destination.text), b"ACME");
        let found = receipt::parse(&read).expect("a receipt");
        assert_eq!(
            (found.message_id, found.state, found.err),
            (&b"sg-1"[..], Some(MessageState::Rejected), &b"101"[..])
        );
        let text = String::from_utf8_lossy(read.slice(read.text)).into_owned();
        assert!(text.contains("done date:2611211200 ") && text.ends_with("text:SG101 opted out"), "{text}");
    }
}
