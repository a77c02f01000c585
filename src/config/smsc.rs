//! Owns one `[[smsc]]`: an operator as it is written, read whole.
//! Must never look at another operator or at an account.

use super::secret::Surroundings;
use super::section::Table;
use super::value;
use crate::gateway::settings::{DefaultAlphabet, DestinationFormat, MessageIdMatch, SmscBind, SmscSettings};
use crate::message::name::NameId;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::de::DeValue;

const BINDS: &[(&str, SmscBind)] =
    &[("transceiver", SmscBind::Transceiver), ("transmitter+receiver", SmscBind::TransmitterReceiver)];
const ALPHABETS: &[(&str, DefaultAlphabet)] =
    &[("gsm", DefaultAlphabet::Gsm), ("gsm-packed", DefaultAlphabet::GsmPacked), ("latin1", DefaultAlphabet::Latin1)];
const FORMATS: &[(&str, DestinationFormat)] = &[
    ("e164", DestinationFormat::E164),
    ("plus", DestinationFormat::Plus),
    ("00", DestinationFormat::DoubleZero),
    ("national", DestinationFormat::National),
];
const MATCHES: &[(&str, MessageIdMatch)] = &[
    ("exact", MessageIdMatch::Exact),
    ("hex_to_dec", MessageIdMatch::HexToDec),
    ("dec_to_hex", MessageIdMatch::DecToHex),
];
const VERSIONS: &[(&str, u8)] = &[("3.3", 0x33), ("3.4", 0x34), ("5.0", 0x50)];

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// An operator, and where it is written.
pub struct SmscDraft {
    pub settings: SmscSettings,
    pub line: usize,
    pub address_line: usize,
}

/// Reads one operator; every error in it is told. Ids are given later.
pub fn read(table: &Table<'_>, surroundings: &Surroundings<'_>) -> Option<SmscDraft> {
    let name = table.get("name", value::ascii(40));
    let address = table.get("address", value::host_port);
    let system_id = table.get("system_id", value::ascii(15));
    let password = table.get("password", |value| surroundings.password(value));
    let system_type = table.get("system_type", system_type);
    let interface_version = table.get("interface_version", value::choice(VERSIONS));
    let bind = table.get("bind", value::choice(BINDS));
    let links = table.get("links", value::integer(1, 64));
    let window = table.get("window", value::integer(1, 10_000));
    let throughput = table.get("throughput", value::integer(0, 1_000_000));
    let alphabet = table.get("alphabet", value::choice(ALPHABETS));
    let destination_format = table.get("destination_format", value::choice(FORMATS));
    let message_id_match = table.get("message_id_match", value::choice(MATCHES));
    let deliver_temporary = table.get("deliver_temporary", value::status);
    let deliver_final = table.get("deliver_final", value::status);
    let status_map = table.get("status_map", status_map);
    let optout_errors = table.get("optout_errors", value::list(optout_error));
    let grace = table.get("grace", value::duration(Duration::ZERO, 30 * SECOND));
    let enquire_link = table.get("enquire_link", value::duration(SECOND, HOUR));
    let response_timeout = table.get("response_timeout", value::duration(SECOND, 300 * SECOND));
    let reconnect_min = table.get("reconnect_min", value::duration(Duration::from_millis(50), 60 * SECOND));
    let reconnect_max = table.get("reconnect_max", value::duration(SECOND, HOUR));
    if let (Some(least), Some(most)) = (reconnect_min, reconnect_max)
        && least > most
    {
        table.error(table.line_of("reconnect_min"), "`reconnect_min` is longer than `reconnect_max`");
    }
    if password.as_ref().is_some_and(|password| password.expose().len() > 8) {
        table.warning(
            table.line_of("password"),
            "the password has more than 8 characters: SMPP allows 8; keep it only if the operator really gave it",
        );
    }
    let settings = SmscSettings {
        id: NameId::NONE,
        name: name?,
        address: address?,
        system_id: system_id?,
        password: password?,
        system_type: system_type?,
        interface_version: interface_version?,
        bind: bind?,
        links: links? as usize,
        window: window? as usize,
        throughput: throughput? as u32,
        alphabet: alphabet?,
        destination_format: destination_format?,
        message_id_match: message_id_match?,
        deliver_temporary: deliver_temporary?,
        deliver_final: deliver_final?,
        status_map: status_map?,
        optout_errors: optout_errors?,
        grace: grace?,
        enquire_link: enquire_link?,
        response_timeout: response_timeout?,
        reconnect_min: reconnect_min?,
        reconnect_max: reconnect_max?,
    };
    Some(SmscDraft { settings, line: table.line, address_line: table.line_of("address") })
}

fn system_type(value: &DeValue<'_>) -> value::Parsed<String> {
    if value.as_str() == Some("") { Ok(String::new()) } else { value::ascii(12)(value) }
}

/// Upper-case, without leading zeros: as receipts are compared.
fn optout_error(value: &DeValue<'_>) -> value::Parsed<String> {
    let written = match value.as_integer() {
        Some(integer) => integer.as_str().to_owned(),
        None => value::text(value)?,
    };
    let folded = written.trim().trim_start_matches('0').to_ascii_uppercase();
    if folded.is_empty() {
        return Err("err:000 says success, it cannot mean an opt-out".to_owned());
    }
    Ok(folded)
}

fn status_map(value: &DeValue<'_>) -> value::Parsed<BTreeMap<u32, u32>> {
    let table = value.as_table().ok_or("must be a table of statuses")?;
    let pair = |(from, to): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<DeValue<'_>>)| {
        Ok((value::status_text(from.get_ref())?, value::status(to.get_ref())?))
    };
    table.iter().map(pair).collect()
}
