//! Owns the number plan of all loaded packs: every spelling of a number becomes one canonical E.164 number.
//! Must never guess: what has no single reading is an error, and the caller refuses it.

use super::pack::Pack;
use super::pack::numbers::{Country, Territory};
use super::pack::prefixes::{POW10, decimal_len};
use crate::message::address::{Npi, Ton};
use crate::message::msisdn::{Msisdn, Spelling, SpellingError};
use std::sync::Arc;

/// Most digits of an E.164 number.
const DIGITS_MAX: usize = 15;

/// Why a text is not a number that can be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("there is no digit in it")]
    Empty,
    #[error("it has something beside ASCII digits, a leading plus, blanks, dots, dashes and parentheses")]
    NotDigits,
    #[error("it has more digits than a telephone number (15)")]
    TooLong,
    #[error("it has fewer digits than a telephone number in international form (7)")]
    TooShort,
    #[error("alphanumeric and abbreviated addresses are not numbers")]
    NotANumberType,
    #[error("it is written nationally, and no loaded pack knows the dial plan of the default country")]
    NationalUnknown,
    #[error("its length is not that of a number of its country")]
    Length,
}

impl From<SpellingError> for NumberError {
    fn from(error: SpellingError) -> Self {
        match error {
            SpellingError::Empty => Self::Empty,
            SpellingError::NotDigits => Self::NotDigits,
            SpellingError::TooLong => Self::TooLong,
        }
    }
}

/// No country has this code.
const NO_COUNTRY: u8 = u8::MAX;

/// The dial plans of all loaded packs. One for the process, so that a number is one number for every account.
#[derive(Clone, Debug)]
pub struct NumberPlan {
    packs: Vec<Arc<Pack>>,
    countries: Vec<Country>,
    /// For the first three digits of an international number, the index of its country.
    by_code: Vec<u8>,
}

/// What leading digits turned out to be.
enum International {
    Number(Msisdn),
    /// A country of the plan, but not one of its lengths.
    WrongLength,
    /// A country the plan does not know.
    Foreign,
}

impl NumberPlan {
    /// Joins the plans of the packs. Where two packs describe one country code, the first one's description holds.
    pub fn new(packs: &[Arc<Pack>]) -> Self {
        let mut countries: Vec<Country> = Vec::new();
        for pack in packs {
            let known = countries.len();
            // `national_as` is an index into the pack's list: translate it by country code once all are in.
            let fresh: Vec<&Country> = pack
                .numbers
                .countries
                .iter()
                .filter(|c| !countries[..known].iter().any(|k| k.code == c.code))
                .collect();
            countries.extend(fresh.into_iter().cloned());
            for at in known..countries.len() {
                let code = countries[at].national_as.map(|index| pack.numbers.countries[index].code);
                countries[at].national_as = code.and_then(|code| countries.iter().position(|c| c.code == code));
            }
        }
        let mut by_code = vec![NO_COUNTRY; 1000];
        for (index, country) in countries.iter().enumerate().take(usize::from(NO_COUNTRY)) {
            let (code, len) = (usize::from(country.code), decimal_len(country.code.into()));
            let unit = POW10[3 - len] as usize;
            by_code[code * unit..(code + 1) * unit].fill(index as u8);
        }
        Self { packs: packs.to_vec(), countries, by_code }
    }

    /// The one canonical number behind an address. `default_country` (ISO 3166 alpha-2) is the country of national spellings.
    pub fn canonical(&self, ton: Ton, npi: Npi, text: &[u8], default_country: &str) -> Result<Msisdn, NumberError> {
        // Nothing is decided by the NPI: senders write 0, 1 and worse for the same number.
        let Npi(_) = npi;
        match ton {
            Ton::Alphanumeric | Ton::Abbreviated => Err(NumberError::NotANumberType),
            Ton::International => self.resolve(Spelling::read(text)?, Reading::International, default_country),
            Ton::National => self.resolve(Spelling::read(text)?, Reading::National, default_country),
            Ton::Unknown | Ton::NetworkSpecific | Ton::SubscriberNumber => {
                self.resolve(Spelling::read(text)?, Reading::Plain, default_country)
            }
        }
    }

    /// The one canonical number behind what a person, a file or an API call wrote.
    pub fn read(&self, text: &str, default_country: &str) -> Result<Msisdn, NumberError> {
        self.resolve(Spelling::read(text.trim().as_bytes())?, Reading::Plain, default_country)
    }

    /// The territory of a number, by the first loaded pack that knows it.
    pub fn territory(&self, number: Msisdn) -> Option<&Territory> {
        self.packs.iter().find_map(|pack| pack.territories().get(usize::from(pack.territory(number)?)))
    }

    /// Whether national spellings of this country can be read.
    pub fn knows_country(&self, iso: &str) -> bool {
        self.country(iso).is_some()
    }

    /// The number as dialled at home, trunk prefix first. `None` where the plan knows no trunk prefix.
    pub fn national(&self, number: Msisdn, buffer: &mut [u8; 20]) -> Option<usize> {
        let (country, national) = self.split(number.as_u64(), number.len())?;
        let trunk = country.trunk.as_bytes();
        let mut all = [0u8; 20];
        let all = number.digits(&mut all);
        let digits = &all[all.len() - decimal_len(national)..];
        let len = trunk.len() + digits.len();
        if trunk.is_empty() || len > buffer.len() {
            return None;
        }
        buffer[..trunk.len()].copy_from_slice(trunk);
        buffer[trunk.len()..len].copy_from_slice(digits);
        Some(len)
    }

    fn country(&self, iso: &str) -> Option<&Country> {
        let iso: [u8; 2] = iso.as_bytes().try_into().ok()?;
        self.countries.iter().find(|country| country.iso.contains(&iso))
    }

    /// The country of an international number and what stands behind its code.
    fn split(&self, digits: u64, len: usize) -> Option<(&Country, u64)> {
        let head = digits / POW10[len.checked_sub(3)?];
        let country = self.countries.get(usize::from(self.by_code[head as usize]))?;
        let code_len = decimal_len(country.code.into());
        Some((country, digits % POW10[len - code_len]))
    }

    fn resolve(&self, spelling: Spelling, reading: Reading, default_country: &str) -> Result<Msisdn, NumberError> {
        let home = self.country(default_country);
        let home = home.map(|country| country.national_as.map_or(country, |index| &self.countries[index]));
        let (digits, len) = (spelling.rest, usize::from(spelling.len));
        let national = || home.filter(|country| country.has_length(len)).map(|country| assemble(country, digits, len));
        let reading = if spelling.plus { Reading::International } else { reading };

        // An international prefix that is not zeros, such as 011.
        if let (Some(country), false, true) = (home, spelling.plus, spelling.zeros > 0) {
            let prefix = country.international.as_bytes();
            let behind = country.international.trim_start_matches('0').len();
            let zeros = prefix.len() - behind;
            if behind > 0 && usize::from(spelling.zeros) == zeros && len > behind + 6 {
                let code: u64 = country.international.parse().unwrap_or(0);
                if digits / POW10[len - behind] == code {
                    return self.foreign_or_known(digits % POW10[len - behind], None);
                }
            }
        }
        match (spelling.zeros, reading) {
            // Digits as they are: E.164, or national digits by the number type.
            (0, Reading::International) => self.foreign_or_known(digits, None),
            (0, Reading::National) => match national() {
                Some(number) => number,
                None => self.foreign_or_known(digits, home),
            },
            (0, Reading::Plain) => match self.international(digits, len) {
                International::Number(number) => Ok(number),
                International::WrongLength => self.person(national()).ok_or(NumberError::Length)?,
                International::Foreign => match self.person(national()) {
                    Some(number) => number,
                    None => self.foreign_or_known(digits, None),
                },
            },
            // One zero is the trunk prefix, unless a whole international number follows it.
            (1, _) => match (national(), self.international(digits, len)) {
                (Some(number), _) => number,
                (None, International::Number(number)) => Ok(number),
                (None, _) if home.is_none() => Err(NumberError::NationalUnknown),
                (None, International::WrongLength | International::Foreign) => Err(NumberError::Length),
            },
            // Two or more: the international prefix, or a trunk prefix with zeros before it.
            (_, _) => match self.international(digits, len) {
                International::Number(number) => Ok(number),
                International::WrongLength => self.person(national()).ok_or(NumberError::Length)?,
                International::Foreign => match self.person(national()) {
                    Some(number) => number,
                    None => self.foreign_or_known(digits, None),
                },
            },
        }
    }

    /// A national reading, provided it leads to a number of a person: without that a foreign number could be swallowed.
    fn person(&self, number: Option<Result<Msisdn, NumberError>>) -> Option<Result<Msisdn, NumberError>> {
        number.filter(|number| number.is_ok_and(|number| self.territory(number).is_some()))
    }

    /// Digits that begin with a country code of the plan, with or without the trunk prefix behind it.
    fn international(&self, digits: u64, len: usize) -> International {
        let Some((country, mut national)) = self.split(digits, len) else { return International::Foreign };
        let mut national_len = len - decimal_len(country.code.into());
        // `+33 06…`: a trunk prefix of zero is written behind the code; taking the remainder has already dropped it.
        let significant = if national == 0 { 0 } else { decimal_len(national) };
        if significant < national_len {
            if country.trunk != "0" {
                return International::WrongLength;
            }
            national_len = significant;
        }
        if !country.has_length(national_len) {
            // `+33 0033 6…`: the code written twice, zeros between.
            let code_len = decimal_len(country.code.into());
            let doubled = national_len > code_len
                && country.has_length(national_len - code_len)
                && national / POW10[national_len - code_len] == u64::from(country.code);
            if !doubled {
                return International::WrongLength;
            }
            national_len -= code_len;
            national %= POW10[national_len];
            if decimal_len(national) != national_len {
                return International::WrongLength;
            }
        }
        match assemble(country, national, national_len) {
            Ok(number) => International::Number(number),
            Err(_) => International::WrongLength,
        }
    }

    /// Digits read as E.164. With `home` given they were said to be national and can only be a known country's.
    fn foreign_or_known(&self, digits: u64, home: Option<&Country>) -> Result<Msisdn, NumberError> {
        let len = decimal_len(digits);
        match self.international(digits, len) {
            International::Number(number) => Ok(number),
            International::WrongLength => Err(NumberError::Length),
            International::Foreign if home.is_some() && len < 10 => Err(NumberError::Length),
            International::Foreign if len > DIGITS_MAX => Err(NumberError::TooLong),
            International::Foreign => Msisdn::from_canonical(digits).ok_or(NumberError::TooShort),
        }
    }
}

/// What the number type says about digits without a plus.
#[derive(Clone, Copy)]
enum Reading {
    Plain,
    International,
    National,
}

/// The canonical number of a national one: some national prefixes belong to another country code.
fn assemble(country: &Country, national: u64, len: usize) -> Result<Msisdn, NumberError> {
    let code = country.moved.get(national, len).unwrap_or(country.code);
    if len + decimal_len(code.into()) > DIGITS_MAX {
        return Err(NumberError::TooLong);
    }
    Msisdn::from_canonical(u64::from(code) * POW10[len] + national).ok_or(NumberError::TooShort)
}

#[cfg(test)]
mod tests;
