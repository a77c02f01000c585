//! Owns a message as the simulator writes and reads it: every field of submit_sm, deliver_sm and data_sm, open to be set to anything.
//! Must never correct what it is given: tests send what no honest peer would.

use super::wire::{DATA_SM, DELIVER_SM, Pdu, SUBMIT_SM};

/// Which PDU carries the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Submit,
    Deliver,
    Data,
}

/// TON, NPI and text, unchecked.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Address {
    pub ton: u8,
    pub npi: u8,
    pub text: Vec<u8>,
}

impl Address {
    /// A number (TON 1, NPI 1 from seven digits on, a leading `+` dropped), a short code (0, 0) or a name (5, 0).
    pub fn of(text: &str) -> Self {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let (ton, npi, text) = match digits.bytes().all(|octet| octet.is_ascii_digit()) {
            true if digits.len() >= 7 => (1, 1, digits),
            true => (0, 0, digits),
            false => (5, 0, text),
        };
        Self { ton, npi, text: text.as_bytes().to_vec() }
    }

    /// Its text, for people.
    pub fn as_text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

/// The fields of a message PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub shape: Shape,
    pub service_type: Vec<u8>,
    pub source: Address,
    pub destination: Address,
    pub esm_class: u8,
    pub protocol_id: u8,
    pub priority: u8,
    pub schedule: Vec<u8>,
    pub validity: Vec<u8>,
    pub registered_delivery: u8,
    pub replace_if_present: u8,
    pub data_coding: u8,
    pub default_message_id: u8,
    pub short_message: Vec<u8>,
    pub tlvs: Vec<(u16, Vec<u8>)>,
}

/// message_payload (SMPP 3.4 §5.3.2.32).
pub const MESSAGE_PAYLOAD: u16 = 0x0424;
/// receipted_message_id (§5.3.2.12).
pub const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
/// message_state (§5.3.2.35).
pub const MESSAGE_STATE: u16 = 0x0427;

impl Message {
    fn new(shape: Shape, source: &str, destination: &str, text: &str) -> Self {
        let (data_coding, octets) = encode(text);
        let mut message = Self {
            shape,
            service_type: Vec::new(),
            source: Address::of(source),
            destination: Address::of(destination),
            esm_class: 0,
            protocol_id: 0,
            priority: 0,
            schedule: Vec::new(),
            validity: Vec::new(),
            registered_delivery: 0,
            replace_if_present: 0,
            data_coding,
            default_message_id: 0,
            short_message: Vec::new(),
            tlvs: Vec::new(),
        };
        if shape == Shape::Data || octets.len() > 254 {
            message.tlvs.push((MESSAGE_PAYLOAD, octets));
        } else {
            message.short_message = octets;
        }
        message
    }

    /// A submit_sm from a sender.
    pub fn submit(source: &str, destination: &str, text: &str) -> Self {
        Self::new(Shape::Submit, source, destination, text)
    }

    /// A deliver_sm from a handset (an MO).
    pub fn mo(from: &str, to: &str, text: &str) -> Self {
        Self::new(Shape::Deliver, from, to, text)
    }

    /// A data_sm, either way.
    pub fn data(source: &str, destination: &str, text: &str) -> Self {
        Self::new(Shape::Data, source, destination, text)
    }

    /// The same, asking for a receipt on success and failure.
    pub fn with_receipt(mut self) -> Self {
        self.registered_delivery = 1;
        self
    }

    /// The same with one more TLV.
    pub fn with_tlv(mut self, tag: u16, value: impl Into<Vec<u8>>) -> Self {
        self.tlvs.push((tag, value.into()));
        self
    }

    /// The same with these octets as text under this data_coding.
    pub fn with_octets(mut self, data_coding: u8, octets: impl Into<Vec<u8>>) -> Self {
        self.data_coding = data_coding;
        self.short_message = octets.into();
        self
    }

    /// The same as part `number` of `total`, by an 8-bit UDH.
    pub fn as_part(mut self, reference: u8, total: u8, number: u8) -> Self {
        self.esm_class |= 0x40;
        self.short_message.splice(0..0, [5, 0, 3, reference, total, number]);
        self
    }

    /// The PDU.
    pub fn pdu(&self, sequence: u32) -> Pdu {
        let command = match self.shape {
            Shape::Submit => SUBMIT_SM,
            Shape::Deliver => DELIVER_SM,
            Shape::Data => DATA_SM,
        };
        let mut body = Vec::with_capacity(64 + self.short_message.len());
        c_string(&mut body, &self.service_type);
        for address in [&self.source, &self.destination] {
            body.extend_from_slice(&[address.ton, address.npi]);
            c_string(&mut body, &address.text);
        }
        match self.shape {
            Shape::Data => body.extend_from_slice(&[self.esm_class, self.registered_delivery, self.data_coding]),
            Shape::Submit | Shape::Deliver => {
                body.extend_from_slice(&[self.esm_class, self.protocol_id, self.priority]);
                c_string(&mut body, &self.schedule);
                c_string(&mut body, &self.validity);
                body.extend_from_slice(&[self.registered_delivery, self.replace_if_present, self.data_coding]);
                body.extend_from_slice(&[self.default_message_id, self.short_message.len() as u8]);
                body.extend_from_slice(&self.short_message);
            }
        }
        for (tag, value) in &self.tlvs {
            body.extend_from_slice(&tag.to_be_bytes());
            body.extend_from_slice(&(value.len() as u16).to_be_bytes());
            body.extend_from_slice(value);
        }
        Pdu::new(command, 0, sequence, &body)
    }

    /// Reads a message PDU back; `None` when a field is missing or runs past the end.
    pub fn parse(pdu: &Pdu) -> Option<Self> {
        let shape = match pdu.command() {
            SUBMIT_SM => Shape::Submit,
            DELIVER_SM => Shape::Deliver,
            DATA_SM => Shape::Data,
            _ => return None,
        };
        let mut rest = pdu.body();
        let mut message = Self::new(shape, "", "", "");
        message.tlvs.clear();
        message.service_type = take_string(&mut rest)?;
        message.source = Address { ton: take(&mut rest)?, npi: take(&mut rest)?, text: take_string(&mut rest)? };
        message.destination = Address { ton: take(&mut rest)?, npi: take(&mut rest)?, text: take_string(&mut rest)? };
        message.esm_class = take(&mut rest)?;
        if shape == Shape::Data {
            message.registered_delivery = take(&mut rest)?;
            message.data_coding = take(&mut rest)?;
        } else {
            message.protocol_id = take(&mut rest)?;
            message.priority = take(&mut rest)?;
            message.schedule = take_string(&mut rest)?;
            message.validity = take_string(&mut rest)?;
            message.registered_delivery = take(&mut rest)?;
            message.replace_if_present = take(&mut rest)?;
            message.data_coding = take(&mut rest)?;
            message.default_message_id = take(&mut rest)?;
            let length = take(&mut rest)? as usize;
            message.short_message = rest.split_off(..length)?.to_vec();
        }
        while !rest.is_empty() {
            let tag = u16::from_be_bytes([take(&mut rest)?, take(&mut rest)?]);
            let length = u16::from_be_bytes([take(&mut rest)?, take(&mut rest)?]) as usize;
            message.tlvs.push((tag, rest.split_off(..length)?.to_vec()));
        }
        Some(message)
    }

    /// The value of the first TLV with this tag.
    pub fn tlv(&self, tag: u16) -> Option<&[u8]> {
        self.tlvs.iter().find(|(own, _)| *own == tag).map(|(_, value)| value.as_slice())
    }

    /// The text for people and phones: short_message or message_payload without UDH, read by data_coding.
    pub fn text(&self) -> String {
        let mut octets =
            if self.short_message.is_empty() { self.tlv(MESSAGE_PAYLOAD).unwrap_or(&[]) } else { &self.short_message };
        if self.esm_class & 0x40 != 0 {
            let header = octets.first().map_or(0, |length| *length as usize + 1);
            octets = octets.get(header..).unwrap_or(&[]);
        }
        match self.data_coding {
            8 => {
                let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
            }
            3 => octets.iter().map(|&octet| octet as char).collect(),
            _ => octets.iter().map(|&octet| gsm_char(octet)).collect(),
        }
    }
}

/// The destinations of a submit_multi; `None` when it is cut, or names a distribution list.
pub fn multi_destinations(pdu: &Pdu) -> Option<Vec<Address>> {
    let mut rest = pdu.body();
    take_string(&mut rest)?;
    rest.split_off(..2)?;
    take_string(&mut rest)?;
    let count = take(&mut rest)?;
    let one = |_| {
        (take(&mut rest)? == 1).then_some(())?;
        Some(Address { ton: take(&mut rest)?, npi: take(&mut rest)?, text: take_string(&mut rest)? })
    };
    (0..count).map(one).collect()
}

fn c_string(body: &mut Vec<u8>, text: &[u8]) {
    body.extend_from_slice(text);
    body.push(0);
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    rest.split_off_first().copied()
}

fn take_string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|&octet| octet == 0)?;
    let text = rest.split_off(..end)?.to_vec();
    rest.split_off_first()?;
    Some(text)
}

/// The octets of GSM 03.38 that are not the ASCII of the same value, as far as French and a phone's reply need them.
const GSM: [(u8, char); 19] = [
    (0x00, '@'),
    (0x01, '£'),
    (0x02, '$'),
    (0x04, 'è'),
    (0x05, 'é'),
    (0x06, 'ù'),
    (0x07, 'ì'),
    (0x08, 'ò'),
    (0x09, 'Ç'),
    (0x11, '_'),
    (0x1f, 'É'),
    (0x5b, 'Ä'),
    (0x5c, 'Ö'),
    (0x5d, 'Ñ'),
    (0x5e, 'Ü'),
    (0x7b, 'ä'),
    (0x7c, 'ö'),
    (0x7e, 'ü'),
    (0x7f, 'à'),
];

fn gsm_char(octet: u8) -> char {
    match GSM.iter().find(|(code, _)| *code == octet) {
        Some((_, char)) => *char,
        None if octet.is_ascii() => octet as char,
        None => char::REPLACEMENT_CHARACTER,
    }
}

/// data_coding 0 when the text fits what the simulator knows of GSM 03.38, UCS-2 otherwise.
fn encode(text: &str) -> (u8, Vec<u8>) {
    let gsm: Option<Vec<u8>> = text
        .chars()
        .map(|char| match GSM.iter().find(|(_, own)| *own == char) {
            Some((code, _)) => Some(*code),
            None => (char.is_ascii_graphic() && !"[\\]^`{|}~".contains(char) || " \n\r".contains(char))
                .then_some(char as u8),
        })
        .collect();
    match gsm {
        Some(octets) => (0, octets),
        None => (8, text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_each_shape_is_read_back_as_it_was_written() {
        let texts = ["Promo -20% STOP au 36111", "Arrêt café", "été à 20 €", &"x".repeat(400)];
        for text in texts {
            let all = [
                Message::submit("ACME", "33639980012", text).with_receipt(),
                Message::mo("33639980012", "36111", text),
                Message::data("36111", "+33639980012", text).with_tlv(0x1400, *b"v"),
            ];
            for message in all {
                let read = Message::parse(&message.pdu(9)).expect("well formed");
                assert_eq!(read, message);
                assert_eq!(read.text(), text);
            }
        }
    }

    #[test]
    fn a_cut_message_is_not_read() {
        let whole = Message::submit("ACME", "33639980012", "hi").with_tlv(0x1400, *b"v").pdu(1);
        let length = whole.octets().len();
        let read: Vec<usize> = (16..length)
            .filter(|&cut| Message::parse(&Pdu::from_octets(&whole.octets()[..cut]).expect("header")).is_some())
            .collect();
        assert_eq!(read, [length - 5], "only the cut just before the TLV leaves a whole message");
    }

    #[test]
    fn a_part_carries_its_header_and_its_text_reads_without_it() {
        let part = Message::submit("ACME", "33639980012", "hello").as_part(7, 2, 1);
        assert_eq!(&part.short_message[..6], [5, 0, 3, 7, 2, 1]);
        assert_eq!(part.text(), "hello");
    }
}
