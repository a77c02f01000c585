//! Owns one `[[short_code]]` as it is written.
//! Must never look at an account or an operator: `cross` does.

use super::account::{STOP_SCOPES, narrow_scope};
use super::section::Table;
use super::value;
use crate::gateway::settings::{Confirmation, StartByMo, StopScope};

const CONFIRMATIONS: &[(&str, Confirmation)] = &[("send", Confirmation::Send), ("operator", Confirmation::Operator)];
const STARTS: &[(&str, StartByMo)] = &[("on", StartByMo::On), ("confirm", StartByMo::Confirm), ("off", StartByMo::Off)];

/// A short code, its names not yet resolved.
pub struct ShortCodeDraft {
    pub number: u32,
    pub smsc: Vec<String>,
    pub accounts: Option<Vec<String>>,
    pub identity: Option<String>,
    pub confirmation: Confirmation,
    pub start_by_mo: StartByMo,
    pub stop_scope: Option<StopScope>,
    pub line: usize,
    pub smsc_line: usize,
    pub accounts_line: usize,
}

/// Reads one short code; every error in it is told.
pub fn read(table: &Table<'_>) -> Option<ShortCodeDraft> {
    let number = table.get("number", value::short_code);
    let smsc = table.maybe("smsc", value::one_or_more(value::text));
    let accounts = table.maybe("accounts", value::list(value::text));
    let identity = table.maybe("identity", value::text);
    let confirmation = table.get("confirmation", value::choice(CONFIRMATIONS));
    let start_by_mo = table.get("start_by_mo", value::choice(STARTS));
    if (confirmation, start_by_mo) == (Some(Confirmation::Operator), Some(StartByMo::Confirm)) {
        table.error(
            table.line_of("start_by_mo"),
            "start_by_mo = \"confirm\" with confirmation = \"operator\": nobody would ask; write confirmation = \"send\", or start_by_mo = \"on\" or \"off\"",
        );
    }
    let stop_scope = table.maybe("stop_scope", value::choice(STOP_SCOPES));
    narrow_scope(table, stop_scope.flatten());
    Some(ShortCodeDraft {
        number: number?,
        smsc: smsc?.unwrap_or_default(),
        accounts: accounts?,
        identity: identity?,
        confirmation: confirmation?,
        start_by_mo: start_by_mo?,
        stop_scope: stop_scope?,
        line: table.line,
        smsc_line: table.line_of("smsc"),
        accounts_line: table.line_of("accounts"),
    })
}
