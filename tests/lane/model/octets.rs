//! Owns the reading of a message in an operator's hands: fields, user data header, segmentation, schedule.
//! Must never use the gateway's scanner, nor correct what it reads.

use super::law::{Checked, refuse};
use std::time::Duration;
use stopgate::message::instant::CivilInstant;
use stopgate::sim::wire::{DATA_SM, Pdu, SUBMIT_MULTI};

/// The fields of a message in the operator's hands.
pub struct Fields<'p> {
    pub service_type: &'p [u8],
    pub source: String,
    pub destinations: Vec<String>,
    pub esm_class: u8,
    pub protocol_id: u8,
    pub schedule: &'p [u8],
    pub data_coding: u8,
    pub default_message_id: u8,
    pub short_message: &'p [u8],
    pub tlvs: Vec<(u16, &'p [u8])>,
}

/// The fields; `None` when one is missing, or anything is left behind the last.
pub fn read(pdu: &Pdu) -> Option<Fields<'_>> {
    let mut rest = pdu.body();
    let service_type = string(&mut rest)?;
    let (_, source) = address(&mut rest)?;
    let source = String::from_utf8(source.to_vec()).ok()?;
    let count = if pdu.command() == SUBMIT_MULTI { octet(&mut rest)? } else { 1 };
    let mut destinations = Vec::new();
    for _ in 0..count {
        if pdu.command() == SUBMIT_MULTI && octet(&mut rest)? != 1 {
            return None;
        }
        let (_, number) = address(&mut rest)?;
        destinations.push(String::from_utf8(number.to_vec()).ok()?);
    }
    let esm_class = octet(&mut rest)?;
    let mut fields = Fields {
        service_type,
        source,
        destinations,
        esm_class,
        protocol_id: 0,
        schedule: &[],
        data_coding: 0,
        default_message_id: 0,
        short_message: &[],
        tlvs: Vec::new(),
    };
    if pdu.command() == DATA_SM {
        octet(&mut rest)?;
        fields.data_coding = octet(&mut rest)?;
    } else {
        fields.protocol_id = octet(&mut rest)?;
        octet(&mut rest)?;
        fields.schedule = string(&mut rest)?;
        string(&mut rest)?;
        octet(&mut rest)?;
        octet(&mut rest)?;
        fields.data_coding = octet(&mut rest)?;
        fields.default_message_id = octet(&mut rest)?;
        let length = usize::from(octet(&mut rest)?);
        fields.short_message = rest.split_off(..length)?;
    }
    while !rest.is_empty() {
        let tag = u16::from_be_bytes([octet(&mut rest)?, octet(&mut rest)?]);
        let length = usize::from(u16::from_be_bytes([octet(&mut rest)?, octet(&mut rest)?]));
        fields.tlvs.push((tag, rest.split_off(..length)?));
    }
    Some(fields)
}

fn octet(rest: &mut &[u8]) -> Option<u8> {
    rest.split_off_first().copied()
}

fn string<'p>(rest: &mut &'p [u8]) -> Option<&'p [u8]> {
    let end = rest.iter().position(|octet| *octet == 0)?;
    let text = rest.split_off(..end)?;
    rest.split_off_first()?;
    Some(text)
}

fn address<'p>(rest: &mut &'p [u8]) -> Option<((u8, u8), &'p [u8])> {
    Some(((octet(rest)?, octet(rest)?), string(rest)?))
}

/// A user data header without its length, and the text behind it.
pub fn split_header(user_data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = user_data.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// Reference, total and number.
pub type Segmentation = Option<(u16, u8, u8)>;

/// Reference, total and number of a part, and whether the header addresses ports.
pub fn segmentation<'p>(header: &[u8], tlv: &impl Fn(u16) -> Option<&'p [u8]>) -> Checked<(Segmentation, bool)> {
    let (mut by_header, mut ports) = (None, false);
    let mut rest = header;
    while let [id, length, more @ ..] = rest {
        let (value, behind) = more.split_at_checked(usize::from(*length)).ok_or("a cut user data header")?;
        match (id, value) {
            (0x00, [reference, total, at]) => by_header = Some((u16::from(*reference), *total, *at)),
            (0x08, [high, low, total, at]) => by_header = Some((u16::from_be_bytes([*high, *low]), *total, *at)),
            (0x04 | 0x05, _) => ports = true,
            _ => {}
        }
        rest = behind;
    }
    let by_tlv = match (tlv(0x020c), tlv(0x020e), tlv(0x020f)) {
        (Some([high, low]), Some([total]), Some([at])) => Some((u16::from_be_bytes([*high, *low]), *total, *at)),
        _ => None,
    };
    refuse(by_header.is_some() && by_tlv.is_some(), "two segmentations")?;
    let segment = by_header.or(by_tlv).filter(|(_, total, _)| *total > 1);
    refuse(segment.is_some_and(|(_, total, at)| at == 0 || at > total), "a part that cannot be")?;
    Ok((segment, ports))
}

/// When a message is to be delivered (SMPP 3.4 §7.1.1): now, or later.
pub fn schedule(field: &[u8], now: CivilInstant) -> Option<CivilInstant> {
    if field.is_empty() {
        return Some(now);
    }
    let text = std::str::from_utf8(field).ok().filter(|text| text.len() == 16)?;
    let two = |at: usize| text.get(at..at + 2)?.parse::<u32>().ok();
    let [year, month, day, hour, minute, second] = [two(0)?, two(2)?, two(4)?, two(6)?, two(8)?, two(10)?];
    let quarters = i64::from(two(13)?) * 900;
    let at = match text.as_bytes()[15] {
        b'R' => {
            // A year of 365 and a month of 30 days are what nobody schedules a promotion for: beyond a day all the same.
            let days = u64::from(year) * 365 + u64::from(month) * 30 + u64::from(day);
            let seconds = u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second);
            now.plus(Duration::from_secs(days * 86_400 + seconds))
        }
        sign @ (b'+' | b'-') => {
            let date = chrono::NaiveDate::from_ymd_opt(2000 + year as i32, month, day)?;
            let local = date.and_hms_opt(hour, minute, second)?.and_utc().timestamp();
            CivilInstant::from_secs(if sign == b'+' { local - quarters } else { local + quarters })
        }
        _ => return None,
    };
    Some(at.max(now))
}
