//! Owns how one value of the file becomes a value of ours, and what is said when it cannot.
//! Must never look at another key: what two keys say together is checked elsewhere.

use super::duration;
use crate::gateway::settings::Network;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use toml::de::DeValue;

/// What a value must be, as the error says it: one of ours, or the words.
pub type Parsed<T> = Result<T, String>;

fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            format!("a {}", value.type_str())
        }
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A string that is not empty.
pub fn text(value: &DeValue<'_>) -> Parsed<String> {
    match value.as_str() {
        Some("") => Err("must not be empty".to_owned()),
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("must be a string in quotes, not {}", found(value))),
    }
}

/// A string, empty allowed.
pub fn text_or_empty(value: &DeValue<'_>) -> Parsed<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("must be a string in quotes, not {}", found(value)))
}

/// A string of printable ASCII, at most `most` octets: what fits an SMPP field and a metric's label.
pub fn ascii(most: usize) -> impl Fn(&DeValue<'_>) -> Parsed<String> {
    move |value| {
        let text = text(value)?;
        if text.len() > most {
            return Err(format!("{text:?} has {} characters: SMPP has room for {most}", text.len()));
        }
        if !text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'"' && octet != b'\\') {
            return Err(format!("{text:?} may hold letters, digits and signs of ASCII only, without spaces or quotes"));
        }
        Ok(text)
    }
}

/// A whole number within a range.
pub fn integer(least: u64, most: u64) -> impl Fn(&DeValue<'_>) -> Parsed<u64> {
    move |value| {
        let number = value.as_integer().and_then(|integer| {
            let digits = integer.as_str().trim_start_matches('+').replace('_', "");
            u64::from_str_radix(&digits, integer.radix()).ok()
        });
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            Some(number) => Err(format!("{number} is outside {least} to {most}")),
            None => Err(format!("must be a whole number from {least} to {most}, not {}", found(value))),
        }
    }
}

/// A duration within a range.
pub fn duration(least: Duration, most: Duration) -> impl Fn(&DeValue<'_>) -> Parsed<Duration> {
    move |value| {
        let Some(text) = value.as_str() else {
            return Err(format!("must be a duration in quotes such as \"30s\", not {}", found(value)));
        };
        let read = duration::parse(text)?;
        if (least..=most).contains(&read) {
            Ok(read)
        } else {
            Err(format!("{text:?} is outside {} to {}", duration::write(least), duration::write(most)))
        }
    }
}

/// One of a closed list of words.
pub fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&DeValue<'_>) -> Parsed<T> {
    move |value| {
        let written = value.as_str().unwrap_or_default();
        if let Some((_, choice)) = words.iter().find(|(word, _)| *word == written) {
            return Ok(*choice);
        }
        let all = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let meant = nearest(written, words.iter().map(|(word, _)| *word));
        let hint = meant.map(|word| format!(" (did you mean \"{word}\"?)")).unwrap_or_default();
        Err(format!("{} is not one of {all}{hint}", found(value)))
    }
}

/// A list, each element by `one`.
pub fn list<T>(one: impl Fn(&DeValue<'_>) -> Parsed<T>) -> impl Fn(&DeValue<'_>) -> Parsed<Vec<T>> {
    move |value| match value.as_array() {
        Some(array) => array.iter().map(|element| one(element.get_ref())).collect(),
        None => Err(format!("must be a list in brackets, not {}", found(value))),
    }
}

/// One element, or a list of them; never empty.
pub fn one_or_more<T>(one: impl Fn(&DeValue<'_>) -> Parsed<T>) -> impl Fn(&DeValue<'_>) -> Parsed<Vec<T>> {
    move |value| match value.as_array() {
        Some(array) if array.is_empty() => Err("must name at least one".to_owned()),
        Some(array) => array.iter().map(|element| one(element.get_ref())).collect(),
        None => Ok(vec![one(value)?]),
    }
}

/// An address to listen on.
pub fn socket(value: &DeValue<'_>) -> Parsed<SocketAddr> {
    let text = text(value)?;
    text.parse().map_err(|_| format!("{text:?} is no address to listen on: write \"127.0.0.1:2775\" or \"[::1]:2775\""))
}

/// A peer to connect to: `host:port`.
pub fn host_port(value: &DeValue<'_>) -> Parsed<String> {
    let text = text(value)?;
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(port) if port != 0 => Ok(text),
        Some(_) | None => Err(format!("{text:?} is no address: write host:port, such as \"smsc.example:2775\"")),
    }
}

/// A network: `10.0.0.0/8`, or one address.
pub fn network(value: &DeValue<'_>) -> Parsed<Network> {
    let text = text(value)?;
    let wrong = || format!("{text:?} is no network: write \"192.0.2.0/24\", \"2001:db8::/32\" or one address");
    let (address, prefix) =
        text.split_once('/').map_or((text.as_str(), None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix: u8 = prefix.map_or(Ok(width), str::parse).map_err(|_| wrong())?;
    if prefix > width {
        return Err(wrong());
    }
    Ok(Network { address, prefix })
}

/// A short code: 3 to 8 digits, as a string or a number.
pub fn short_code(value: &DeValue<'_>) -> Parsed<u32> {
    let written = match value.as_integer() {
        Some(integer) => integer.as_str().to_owned(),
        None => text(value)?,
    };
    let digits = (3..=8).contains(&written.len()) && written.bytes().all(|octet| octet.is_ascii_digit());
    match written.parse::<u32>() {
        Ok(code) if digits && !written.starts_with('0') => Ok(code),
        Ok(_) | Err(_) => Err(format!("{written:?} is no short code: write 3 to 8 digits, such as \"36111\"")),
    }
}

/// ISO 3166 alpha-2.
pub fn country(value: &DeValue<'_>) -> Parsed<String> {
    let text = text(value)?;
    if text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_uppercase()) {
        Ok(text)
    } else {
        Err(format!("{text:?} is no country: write its two capital letters, such as \"FR\""))
    }
}

/// A command_status: a number, or a string such as "0x45".
pub fn status(value: &DeValue<'_>) -> Parsed<u32> {
    match value.as_str() {
        Some(text) => status_text(text),
        None => integer(1, u64::from(u32::MAX))(value).map(|status| status as u32),
    }
}

/// A command_status as a word of the file.
pub fn status_text(text: &str) -> Parsed<u32> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    match parsed {
        Ok(status) if status != 0 => Ok(status),
        Ok(_) | Err(_) => Err(format!("{text:?} is no error status: write it like 0x45 (never 0, which says success)")),
    }
}

/// The nearest of some words, when it is near enough to be meant.
pub fn nearest<'w>(written: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    words
        .map(|word| (strsim::damerau_levenshtein(written, word), word))
        .filter(|(distance, word)| {
            *distance <= (word.len() / 3).max(1) || (!written.is_empty() && word.starts_with(written))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(toml: &str, parse: impl Fn(&DeValue<'_>) -> Parsed<T>) -> Parsed<T> {
        parse(DeValue::parse(toml).expect("TOML").get_ref())
    }

    #[test]
    fn networks_are_read_with_and_without_a_prefix() {
        let network = |text: &str| read(&format!("{text:?}"), network);
        assert_eq!(network("127.0.0.0/8").map(|n| n.prefix), Ok(8));
        assert_eq!(network("192.0.2.7").map(|n| n.prefix), Ok(32));
        assert_eq!(network("2001:db8::/32").map(|n| n.prefix), Ok(32));
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "everywhere", "10.0.0.0/-1"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn statuses_are_read_in_both_bases_and_success_is_refused() {
        assert_eq!(read("0x66", status), Ok(0x66));
        assert_eq!(read("\"0x66\"", status), Ok(0x66));
        assert_eq!(read("102", status), Ok(102));
        assert!(read("0", status).is_err() && read("\"0x0\"", status).is_err());
    }

    #[test]
    fn short_codes_have_3_to_8_digits() {
        assert_eq!(read("\"36111\"", short_code), Ok(36111));
        assert_eq!(read("36111", short_code), Ok(36111));
        for wrong in ["\"36\"", "\"036111\"", "\"123456789\"", "\"ACME\"", "true", "-36111"] {
            assert!(read(wrong, short_code).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_near_miss_is_offered_and_a_far_one_is_not() {
        assert_eq!(nearest("widnow", ["window", "links"].into_iter()), Some("window"));
        assert_eq!(nearest("default", ["default_country", "links"].into_iter()), Some("default_country"));
        assert_eq!(nearest("colour", ["window", "links"].into_iter()), None);
    }
}
