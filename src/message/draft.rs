//! Owns a submission that nobody sent: octets made up so that a question ("may I send this?") is judged like a message.
//! Must never leave the house: what is drafted here is judged and thrown away.

use super::address::{AddressField, Npi, Ton};
use super::gsm7;
use super::submission::{Operation, Span, Submission, TimeField};
use std::borrow::Cow;

/// What to draft a submit_sm from (SMPP 3.4 §4.4.1).
#[derive(Clone, Debug)]
pub struct Draft<'d> {
    pub service_type: &'d str,
    pub source_ton: Ton,
    pub source: &'d str,
    pub destination_ton: Ton,
    pub destination: &'d str,
    pub schedule: TimeField,
    pub validity: TimeField,
    /// data_coding and octets of the text.
    pub data_coding: u8,
    pub text: Cow<'d, [u8]>,
}

impl<'d> Draft<'d> {
    /// A plain message: types of number as the addresses look, the text in the GSM alphabet, in UCS-2 where that lacks a character.
    pub fn new(source: &'d str, destination: &'d str, text: &str) -> Self {
        let name = source.bytes().any(|octet| octet.is_ascii_alphabetic());
        let mut octets = Vec::with_capacity(text.len());
        let mut data_coding = 0;
        if gsm7::encode(text, &mut octets).is_err() {
            data_coding = 8;
            octets = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        }
        Self {
            service_type: "",
            source_ton: if name { Ton::Alphanumeric } else { Ton::Unknown },
            source,
            destination_ton: Ton::Unknown,
            destination,
            schedule: TimeField::Absent,
            validity: TimeField::Absent,
            data_coding,
            text: octets.into(),
        }
    }

    /// The submission. A text over 254 octets stands in message_payload, as a sender would write it.
    pub fn submission(&self) -> Submission<'static> {
        let mut octets = vec![0u8; 16];
        let service_type = c_string(&mut octets, self.service_type);
        let source = address(&mut octets, self.source_ton, self.source);
        let destination = address(&mut octets, self.destination_ton, self.destination);
        // esm_class, protocol_id, priority_flag; times are given as fields: their octets stay empty.
        octets.extend([0, 0, 0]);
        let schedule_span = c_string(&mut octets, "");
        let validity_span = c_string(&mut octets, "");
        octets.extend([0, 0, self.data_coding, 0]);
        let payload = self.text.len() > 254;
        octets.push(if payload { 0 } else { self.text.len() as u8 });
        let short = octets.len();
        if payload {
            octets.extend(0x0424u16.to_be_bytes());
            octets.extend((self.text.len() as u16).to_be_bytes());
        }
        let text_start = octets.len();
        octets.extend_from_slice(&self.text);
        let text = Span::new(text_start, octets.len());
        let end = octets.len() as u32;
        octets[0..4].copy_from_slice(&end.to_be_bytes());
        octets[4..8].copy_from_slice(&4u32.to_be_bytes());
        octets[12..16].copy_from_slice(&1u32.to_be_bytes());
        let tlvs = Span::new(if payload { short } else { octets.len() }, octets.len());
        Submission {
            octets: Cow::Owned(octets),
            operation: Operation::SubmitSm,
            service_type,
            source,
            destination,
            esm_class: 0,
            protocol_id: 0,
            priority: 0,
            registered_delivery: 0,
            replace_if_present: 0,
            data_coding: self.data_coding,
            schedule: self.schedule,
            schedule_span,
            validity: self.validity,
            validity_span,
            text,
            udh: Span::default(),
            segment: None,
            ports: false,
            tlvs,
            has_vendor_tlvs: false,
            end,
        }
    }
}

/// Appends text and NUL; the span covers the text alone.
fn c_string(octets: &mut Vec<u8>, text: &str) -> Span {
    let start = octets.len();
    octets.extend_from_slice(text.as_bytes());
    let span = Span::new(start, octets.len());
    octets.push(0);
    span
}

fn address(octets: &mut Vec<u8>, ton: Ton, text: &str) -> AddressField {
    let start = octets.len();
    let npi = if matches!(ton, Ton::Alphanumeric) { 0 } else { 1 };
    octets.extend([ton as u8, npi]);
    let text = c_string(octets, text);
    AddressField { ton, npi: Npi(npi), whole: Span::new(start, octets.len()), text }
}
