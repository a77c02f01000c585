//! Owns the delivery receipt: what makes one of a deliver_sm, and what it says (SMPP 3.4 §5.2.12, Appendix B).
//! Must never take a person's message for one: a receipt is not scanned for STOP.

use crate::message::inbound::Inbound;
use crate::message::submission::Span;

/// Message type bits of esm_class.
const TYPE: u8 = 0x3C;
/// SMSC delivery receipt.
const RECEIPT: u8 = 0x04;
/// Intermediate delivery notification.
const INTERMEDIATE: u8 = 0x20;

/// What became of a message (SMPP 3.4 §5.2.28).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageState {
    Enroute,
    Delivered,
    Expired,
    Deleted,
    Undeliverable,
    Accepted,
    Unknown,
    Rejected,
}

impl MessageState {
    /// From the octet of message_state.
    pub const fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            1 => Self::Enroute,
            2 => Self::Delivered,
            3 => Self::Expired,
            4 => Self::Deleted,
            5 => Self::Undeliverable,
            6 => Self::Accepted,
            7 => Self::Unknown,
            8 => Self::Rejected,
            _ => return None,
        })
    }

    /// From the word behind `stat:`, in any case, abbreviated as the appendix has it or written out.
    pub fn from_word(word: &[u8]) -> Option<Self> {
        const WORDS: [(&str, MessageState); 17] = [
            ("ENROUTE", MessageState::Enroute),
            ("BUFFRED", MessageState::Enroute),
            ("DELIVRD", MessageState::Delivered),
            ("DELIVERED", MessageState::Delivered),
            ("EXPIRED", MessageState::Expired),
            ("DELETED", MessageState::Deleted),
            ("UNDELIV", MessageState::Undeliverable),
            ("UNDELIVERED", MessageState::Undeliverable),
            ("UNDELIVRD", MessageState::Undeliverable),
            ("UNDELIVERABLE", MessageState::Undeliverable),
            ("FAILED", MessageState::Undeliverable),
            ("ACCEPTD", MessageState::Accepted),
            ("ACCEPTED", MessageState::Accepted),
            ("UNKNOWN", MessageState::Unknown),
            ("REJECTD", MessageState::Rejected),
            ("REJECTED", MessageState::Rejected),
            ("SKIPPED", MessageState::Rejected),
        ];
        WORDS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word)).map(|(_, state)| *state)
    }

    /// The abbreviation of the appendix.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enroute => "ENROUTE",
            Self::Delivered => "DELIVRD",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIV",
            Self::Accepted => "ACCEPTD",
            Self::Unknown => "UNKNOWN",
            Self::Rejected => "REJECTD",
        }
    }
}

/// A delivery receipt. Its fields are as the SMSC wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// receipted_message_id when it stands there, else `id:`. Empty when neither does.
    pub message_id: &'a [u8],
    /// `id:` of the body, which some operators write in another base than the TLV.
    pub body_id: &'a [u8],
    /// message_state, else `stat:`.
    pub state: Option<MessageState>,
    /// The word behind `stat:`.
    pub stat: &'a [u8],
    /// The text behind `err:`.
    pub err: &'a [u8],
    /// Whether it tells of an attempt, not of the end.
    pub intermediate: bool,
}

impl<'a> Receipt<'a> {
    /// `err:` without leading zeros, at least one character when there was any: what `optout_errors` lists.
    pub fn error(&self) -> &'a [u8] {
        let zeros = self.err.iter().take_while(|octet| **octet == b'0').count();
        &self.err[zeros.min(self.err.len().saturating_sub(1))..]
    }
}

/// Reads a receipt: message type 0x04 or 0x20 whatever the other bits, or type 0 with a body that is a receipt from
/// its first octet to its last. A TLV alone never makes one: some replies carry receipted_message_id.
pub fn parse<'a>(inbound: &Inbound<'a>) -> Option<Receipt<'a>> {
    let mut body = Body::read(inbound.slice(inbound.text));
    if body.is_empty() && !inbound.udh.is_empty() {
        // Some set UDHI on receipts that have no header (0x44): its length octet is then the `i` of `id:`.
        body = Body::read(inbound.slice(Span { start: inbound.udh.start - 1, end: inbound.text.end }));
    }
    let intermediate = match inbound.esm_class & TYPE {
        RECEIPT => false,
        INTERMEDIATE => true,
        0 if body.is_whole() => false,
        _ => return None,
    };
    let body_id = body.value(Key::Id);
    let stat = body.value(Key::Stat);
    Some(Receipt {
        message_id: inbound
            .receipted_message_id
            .map(|id| inbound.slice(id))
            .filter(|id| !id.is_empty())
            .unwrap_or(body_id),
        body_id,
        state: inbound.message_state.and_then(MessageState::from_octet).or_else(|| MessageState::from_word(stat)),
        stat,
        err: body.value(Key::Err),
        intermediate,
    })
}

/// The fields of Appendix B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Id,
    Sub,
    Dlvrd,
    SubmitDate,
    DoneDate,
    Stat,
    Err,
    Text,
}

impl Key {
    const ALL: [(Self, &'static [u8]); 9] = [
        (Self::Id, b"id:"),
        (Self::Sub, b"sub:"),
        (Self::Dlvrd, b"dlvrd:"),
        (Self::SubmitDate, b"submit date:"),
        (Self::DoneDate, b"done date:"),
        (Self::Stat, b"stat:"),
        (Self::Err, b"err:"),
        // Written with a capital by most, and with a blank by a few.
        (Self::Text, b"text:"),
        (Self::Text, b"text "),
    ];

    /// The key that `text` opens with, and how long it is.
    fn at(text: &[u8]) -> Option<(Self, usize)> {
        let (key, name) = Self::ALL
            .iter()
            .find(|(_, name)| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)))?;
        Some((*key, name.len()))
    }
}

/// The body of a receipt, split at its keys.
struct Body<'a> {
    values: [Option<&'a [u8]>; 8],
    /// It opened with a key, and no key came twice.
    clean: bool,
}

impl<'a> Body<'a> {
    fn read(text: &'a [u8]) -> Self {
        let mut body = Self { values: [None; 8], clean: true };
        let mut rest = text.trim_ascii();
        // Only a body that opens with a key is looked through for more: `id:` amid a sentence is none.
        while let Some((key, length)) = Key::at(rest) {
            let after = &rest[length..];
            let end = if key == Key::Text { after.len() } else { Self::end_of_value(after) };
            let slot = &mut body.values[key as usize];
            body.clean &= slot.is_none();
            slot.get_or_insert(after[..end].trim_ascii());
            rest = after[end..].trim_ascii_start();
        }
        body.clean &= rest.is_empty();
        body
    }

    /// A value ends before the next key, or with the text.
    fn end_of_value(text: &[u8]) -> usize {
        (0..text.len())
            .find(|at| text[*at].is_ascii_whitespace() && Key::at(text[*at..].trim_ascii_start()).is_some())
            .unwrap_or(text.len())
    }

    fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }

    fn value(&self, key: Key) -> &'a [u8] {
        self.values[key as usize].unwrap_or_default()
    }

    /// `id:… stat:…` with a known state and single words as values: nothing in it is a person's.
    fn is_whole(&self) -> bool {
        let single = |key: Key| !self.value(key).iter().any(u8::is_ascii_whitespace);
        self.clean
            && !self.value(Key::Id).is_empty()
            && MessageState::from_word(self.value(Key::Stat)).is_some()
            && [Key::Id, Key::Sub, Key::Dlvrd, Key::SubmitDate, Key::DoneDate, Key::Err].into_iter().all(single)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::command::CommandId;
    use crate::pdu::status::CommandStatus;
    use crate::pdu::{answer, inbound};

    const FULL: &[u8] = b"id:0123456789 sub:001 dlvrd:001 submit date:2611211030 done date:2611211031 stat:DELIVRD err:000 text:Promo STOP au";

    fn deliver(esm_class: u8, text: &[u8], tlvs: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let length = u8::try_from(text.len()).expect("a short text");
        let body: [&[u8]; 5] =
            [b"\0\x01\x0133639980001\0\x03\x0036111\0", &[esm_class, 0, 0, 0, 0], &[0, 0, 0, 0, length], text, tlvs];
        answer::write(CommandId::DeliverSm, CommandStatus::OK, 1, &body, &mut out);
        out
    }

    fn parsed(octets: &[u8]) -> Option<Receipt<'_>> {
        parse(&inbound::scan(octets).expect("readable"))
    }

    #[test]
    fn a_full_receipt_is_read() {
        for esm_class in [0x04, 0x44, 0x84, 0x00] {
            let octets = deliver(esm_class, FULL, &[]);
            let receipt = parsed(&octets).expect("a receipt");
            assert_eq!(receipt.message_id, b"0123456789");
            assert_eq!((receipt.stat, receipt.state), (&b"DELIVRD"[..], Some(MessageState::Delivered)));
            assert_eq!((receipt.err, receipt.error()), (&b"000"[..], &b"0"[..]));
            assert!(!receipt.intermediate);
        }
    }

    #[test]
    fn the_type_bits_decide_not_the_whole_octet() {
        let makes_one = |esm_class: u8, text: &[u8]| parsed(&deliver(esm_class, text, &[])).is_some();
        assert!(makes_one(0x04, b"anything"));
        assert!(makes_one(0x44, b"anything"));
        assert!(makes_one(0x20, b"anything"));
        for esm_class in [0x00, 0x03, 0x08, 0x10, 0x40, 0x80] {
            assert!(!makes_one(esm_class, b"anything"), "{esm_class:#x}");
        }
        // What a person typed as an acknowledgement is read as a reply, even when it quotes a receipt.
        assert!(!makes_one(0x08, FULL));
        assert!(!makes_one(0x10, FULL));
    }

    #[test]
    fn a_body_makes_a_receipt_only_as_a_whole() {
        let cases: [(&[u8], bool); 11] = [
            (b"id:1 stat:DELIVRD", true),
            (b"ID:1 STAT:delivrd", true),
            (b"id:1 sub:001 stat:UNDELIV err:053", true),
            (b"id:1 stat:DELIVRD text:STOP", true),
            (b"id:1", false),
            (b"stat:DELIVRD", false),
            (b"id: stat:DELIVRD", false),
            (b"id:1 stat:STOP", false),
            (b"id:1 STOP stat:DELIVRD", false),
            (b"STOP id:1 stat:DELIVRD", false),
            (b"id:1 stat:DELIVRD STOP", false),
        ];
        for (text, expected) in cases {
            let octets = deliver(0, text, &[]);
            assert_eq!(parsed(&octets).is_some(), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_tlv_alone_never_makes_a_receipt_but_tells_the_id_of_one() {
        let tlvs = [0x00, 0x1e, 0, 3, b'1', b'f', 0, 0x04, 0x27, 0, 1, 5];
        assert_eq!(parsed(&deliver(0, b"STOP", &tlvs)), None);
        let octets = deliver(4, b"id:31 stat:DELIVRD err:0A1", &tlvs);
        let receipt = parsed(&octets).expect("a receipt");
        assert_eq!((receipt.message_id, receipt.body_id), (&b"1f"[..], &b"31"[..]));
        assert_eq!(receipt.state, Some(MessageState::Undeliverable));
        assert_eq!(receipt.error(), b"A1");
    }
}
