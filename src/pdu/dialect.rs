//! Owns what is particular to an operator's link when octets are written to it.
//! Must never hold a rule of compliance: it changes how things are said, not what.

use crate::compliance::numbers::NumberPlan;
use crate::message::msisdn::Msisdn;
use crate::message::text::Alphabet;
use std::sync::Arc;

/// How destinations are written towards an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DestinationFormat {
    /// Digits in E.164, TON 1 NPI 1.
    #[default]
    E164,
    /// `+` and digits, TON 1 NPI 1.
    Plus,
    /// `00` and digits, TON 0 NPI 1.
    DoubleZero,
    /// National digits with the trunk prefix, TON 2 NPI 1 (E.164 where the plan knows no trunk prefix).
    National,
}

/// How a validity is written where stopgate sets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ValidityFormat {
    /// `YYMMDDhhmmss000+`, in UTC.
    #[default]
    Absolute,
    /// `YYMMDDhhmmss000R`, for operators that take no absolute times.
    Relative,
}

/// One operator's ways.
#[derive(Clone, Debug)]
pub struct Dialect {
    pub destination_format: DestinationFormat,
    /// What data_coding 0 means there, for the texts that stopgate composes.
    pub alphabet: Alphabet,
    pub validity: ValidityFormat,
    /// For national formats.
    pub numbers: Arc<NumberPlan>,
}

/// TON, NPI and text of a destination, written without allocating: at most 2 + 2 + 15 + NUL octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrittenAddress {
    octets: [u8; 24],
    length: usize,
}

impl WrittenAddress {
    /// TON, NPI, text and NUL.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    /// The text alone.
    pub(super) fn text(&self) -> &[u8] {
        &self.octets[2..self.length - 1]
    }

    fn new(ton: u8, prefix: &[u8], digits: &[u8]) -> Self {
        let mut octets = [0u8; 24];
        octets[0] = ton;
        octets[1] = ISDN;
        let text = 2 + prefix.len();
        octets[2..text].copy_from_slice(prefix);
        octets[text..text + digits.len()].copy_from_slice(digits);
        Self { octets, length: text + digits.len() + 1 }
    }
}

/// NPI of telephone numbers.
const ISDN: u8 = 1;

impl Dialect {
    /// TON, NPI and text of the canonical number as this operator gets it, without the NUL.
    pub fn address(&self, number: Msisdn) -> Box<[u8]> {
        let written = self.destination(number);
        let octets = written.octets();
        octets[..octets.len() - 1].into()
    }

    /// The canonical number as this operator wants it.
    #[inline]
    pub(super) fn destination(&self, number: Msisdn) -> WrittenAddress {
        let mut buffer = [0u8; 20];
        match self.destination_format {
            DestinationFormat::E164 => WrittenAddress::new(1, b"", number.digits(&mut buffer)),
            DestinationFormat::Plus => WrittenAddress::new(1, b"+", number.digits(&mut buffer)),
            DestinationFormat::DoubleZero => WrittenAddress::new(0, b"00", number.digits(&mut buffer)),
            DestinationFormat::National => match self.numbers.national(number, &mut buffer) {
                Some(length) => WrittenAddress::new(2, b"", &buffer[..length]),
                None => WrittenAddress::new(1, b"", number.digits(&mut buffer)),
            },
        }
    }
}
