//! Owns the fields that several operations share: addresses, esm_class, registered_delivery, the two times.
//! Must never look at a text or a TLV.

use super::cursor::Cursor;
use super::fault::Fault;
use super::time;
use crate::message::address::{AddressField, Npi, Ton};
use crate::message::instant::CivilInstant;
use crate::message::submission::{Span, TimeField};
use std::time::Duration;

/// service_type: 5 characters and NUL.
pub(super) const SERVICE_TYPE: usize = 6;
/// Addresses: 20 characters and NUL.
pub(super) const ADDRESS: usize = 21;
/// Addresses of data_sm: 64 characters and NUL.
pub(super) const DATA_ADDRESS: usize = 65;
/// message_id: 64 characters and NUL.
pub(super) const MESSAGE_ID: usize = 65;
/// A time: 16 characters and NUL.
pub(super) const TIME: usize = time::TIME_OCTETS + 1;
/// How far back a client's clock may stand before its times count as past.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// An address before its values were looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawAddress {
    ton: u8,
    npi: u8,
    whole: Span,
    text: Span,
}

impl RawAddress {
    /// TON, NPI and text, as they stand.
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'_>, limit: usize, overlong: Fault) -> Result<Self, Fault> {
        let start = cursor.at();
        let (ton, npi) = (cursor.octet()?, cursor.octet()?);
        let text = cursor.c_string(limit, overlong)?;
        Ok(Self { ton, npi, whole: Span::new(start, cursor.at()), text })
    }

    /// As a source: any defined TON and NPI.
    #[inline]
    pub(super) fn source(self) -> Result<AddressField, Fault> {
        let ton = Ton::from_octet(self.ton).ok_or(Fault::SourceTon)?;
        if !npi_is_defined(self.npi) {
            return Err(Fault::SourceNpi);
        }
        Ok(self.field(ton))
    }

    /// As a destination: something that names a subscriber.
    #[inline]
    pub(super) fn destination(self) -> Result<AddressField, Fault> {
        let ton = match Ton::from_octet(self.ton) {
            // Neither a name nor an abbreviated number can be matched to a subscriber.
            None | Some(Ton::Alphanumeric | Ton::Abbreviated) => return Err(Fault::DestinationTon),
            Some(ton) => ton,
        };
        if !npi_is_defined(self.npi) {
            return Err(Fault::DestinationNpi);
        }
        if self.text.is_empty() {
            return Err(Fault::Destination);
        }
        Ok(self.field(ton))
    }

    /// As an operator wrote it: a TON that is none counts as unknown.
    pub(super) fn lenient(self) -> AddressField {
        self.field(Ton::from_octet(self.ton).unwrap_or(Ton::Unknown))
    }

    const fn field(self, ton: Ton) -> AddressField {
        AddressField { ton, npi: Npi(self.npi), whole: self.whole, text: self.text }
    }
}

/// The values of SMPP 3.4 §5.2.6.
const fn npi_is_defined(npi: u8) -> bool {
    matches!(npi, 0 | 1 | 3 | 4 | 6 | 8 | 9 | 10 | 14 | 18)
}

/// esm_class bits 2–5 (SMPP 3.4 §5.2.12): a client may send a plain message or an acknowledgement, never a receipt,
/// a conversation abort or an intermediate notification.
pub(super) const fn message_type(esm_class: u8) -> Result<(), Fault> {
    match esm_class & 0x3C {
        0x00 | 0x08 | 0x10 => Ok(()),
        _ => Err(Fault::EsmClass),
    }
}

/// registered_delivery (SMPP 3.4 §5.2.17): bits 5–7 and the value 3 of bits 0–1 are reserved.
pub(super) const fn receipts_asked(registered_delivery: u8) -> Result<(), Fault> {
    if registered_delivery & 0xE0 != 0 || registered_delivery & 0x03 == 0x03 {
        return Err(Fault::RegisteredDelivery);
    }
    Ok(())
}

/// Both times. A relative time counts from now (SMPP 3.4 §7.1.1.1), so both can be compared.
///
/// A schedule in the past would be judged at an hour at which the message is not delivered: it is refused.
#[inline]
pub(super) fn times(schedule: &[u8], validity: &[u8], now: CivilInstant) -> Result<(TimeField, TimeField), Fault> {
    if schedule.is_empty() && validity.is_empty() {
        return Ok((TimeField::Absent, TimeField::Absent));
    }
    let oldest = now.minus(CLOCK_SLACK);
    let schedule = time::parse(schedule, now).ok_or(Fault::Schedule)?;
    let starts = schedule.resolve(now);
    if starts.is_some_and(|at| at < oldest) {
        return Err(Fault::Schedule);
    }
    let validity = time::parse(validity, now).ok_or(Fault::Validity)?;
    if let Some(expires) = validity.resolve(now)
        && (expires < oldest || starts.is_some_and(|at| expires <= at))
    {
        return Err(Fault::Validity);
    }
    Ok((schedule, validity))
}
