//! Owns the PDU of a text that stopgate writes itself: a confirmation or a CONTACT answer.
//! Must never be reached but through a `Released`.

use super::dialect::Dialect;
use crate::compliance::verdict::Composed;
use crate::message::gsm7;
use crate::message::msisdn::Msisdn;
use crate::message::text::Alphabet;
use rusmpp::encode::{Encode, Length};
use rusmpp::pdus::SubmitSm;
use rusmpp::tlvs::MessageSubmissionRequestTlvValue;
use rusmpp::types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString};
use rusmpp::values::{
    DataCoding, EsmClass, MessagePayload, Npi, PriorityFlag, RegisteredDelivery, ReplaceIfPresentFlag, ServiceType, Ton,
};
use rusmpp::{Command, CommandStatus};

/// Octets that fit one SMS: 140, or 160 septets written one an octet.
const ONE_SMS: usize = 140;
const ONE_SMS_SEPTETS: usize = 160;

/// The octets of a text and what says how to read them.
struct Coded {
    octets: Vec<u8>,
    data_coding: u8,
    /// Octets of this coding that fit one SMS.
    fits: usize,
}

/// Writes a submit_sm from a short code.
pub(super) fn write(composed: &Composed, to: Msisdn, sequence: u32, dialect: &Dialect, out: &mut Vec<u8>) {
    let coded = code(&composed.text, dialect.alphabet);
    let written = dialect.destination(to);
    let [ton, npi, ..] = *written.octets() else { return };
    let (short_message, payload) =
        if coded.octets.len() <= coded.fits { (coded.octets, None) } else { (Vec::new(), Some(coded.octets)) };
    let tlvs = payload
        .map(|octets| {
            let payload = MessagePayload::new(AnyOctetString::from_vec(octets));
            MessageSubmissionRequestTlvValue::MessagePayload(payload)
        })
        .into_iter()
        .collect();
    let source = composed.source.to_string();
    let pdu = SubmitSm::new(
        ServiceType::default(),
        // What operators ask for a short code: network specific, no plan.
        Ton::NetworkSpecific,
        Npi::Unknown,
        COctetString::from_vec(with_nul(source.as_bytes())).expect("ten digits fit twenty characters"),
        Ton::from(ton),
        Npi::from(npi),
        COctetString::from_vec(with_nul(written.text())).expect("a canonical number fits twenty characters"),
        // rusmpp's own default is 0x08, an acknowledgement.
        EsmClass::from(0),
        0,
        PriorityFlag::from(0),
        EmptyOrFullCOctetString::empty(),
        EmptyOrFullCOctetString::empty(),
        RegisteredDelivery::from(0),
        ReplaceIfPresentFlag::from(0),
        DataCoding::from(coded.data_coding),
        0,
        OctetString::from_vec(short_message).expect("one SMS fits a short_message"),
        tlvs,
    );
    let command = Command::new(CommandStatus::EsmeRok, sequence, pdu);
    let length = 4 + command.length();
    let start = out.len();
    out.resize(start + length, 0);
    // rusmpp leaves command_length to its codec.
    out[start..start + 4].copy_from_slice(&(length as u32).to_be_bytes());
    let written = command.encode(&mut out[start + 4..]);
    debug_assert_eq!(written + 4, length, "rusmpp writes what it announced");
}

fn with_nul(text: &[u8]) -> Vec<u8> {
    let mut octets = text.to_vec();
    octets.push(0);
    octets
}

/// The operator's default alphabet where it has every character, else UCS-2.
fn code(text: &str, alphabet: Alphabet) -> Coded {
    let mut octets = Vec::with_capacity(text.len());
    match alphabet {
        Alphabet::Gsm | Alphabet::GsmPacked => {
            if gsm7::encode(text, &mut octets).is_ok() {
                return match alphabet {
                    Alphabet::GsmPacked => {
                        let mut packed = Vec::with_capacity(octets.len());
                        gsm7::pack(&octets, &mut packed);
                        Coded { octets: packed, data_coding: 0, fits: ONE_SMS }
                    }
                    Alphabet::Gsm | Alphabet::Latin1 => Coded { octets, data_coding: 0, fits: ONE_SMS_SEPTETS },
                };
            }
        }
        Alphabet::Latin1 => {
            let latin: Option<Vec<u8>> = text.chars().map(latin1).collect();
            if let Some(octets) = latin {
                return Coded { octets, data_coding: 0, fits: ONE_SMS };
            }
        }
    }
    Coded { octets: text.encode_utf16().flat_map(u16::to_be_bytes).collect(), data_coding: 8, fits: ONE_SMS }
}

/// A printable character of ISO 8859-1.
fn latin1(character: char) -> Option<u8> {
    u8::try_from(u32::from(character))
        .ok()
        .filter(|octet| !matches!(octet, 0x00..=0x09 | 0x0B | 0x0C | 0x0E..=0x1F | 0x7F..=0x9F))
}
