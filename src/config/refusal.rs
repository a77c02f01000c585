//! Owns `[account.refusal]`: how refusals reach a sender.
//! Must never hold the table of statuses itself: `pdu::status` does.

use super::section::Table;
use super::value;
use crate::compliance::code::RefusalCode;
use crate::gateway::settings::{RefusalDetail, RefusalStyle};
use std::collections::BTreeMap;
use toml::de::DeValue;

const STYLES: &[(&str, RefusalStyle)] = &[("status", RefusalStyle::Status), ("receipt", RefusalStyle::Receipt)];
const DETAILS: &[(&str, RefusalDetail)] = &[("none", RefusalDetail::None), ("tlv", RefusalDetail::Tlv)];

/// As written.
pub struct RefusalDraft {
    pub style: RefusalStyle,
    pub detail: RefusalDetail,
    pub status: BTreeMap<RefusalCode, u32>,
}

/// Reads the table, or its defaults.
pub fn read(table: &Table<'_>) -> Option<RefusalDraft> {
    let style = table.get("style", value::choice(STYLES));
    let detail = table.get("detail", value::choice(DETAILS));
    let status = table.get("status", statuses);
    Some(RefusalDraft { style: style?, detail: detail?, status: status? })
}

fn statuses(value: &DeValue<'_>) -> value::Parsed<BTreeMap<RefusalCode, u32>> {
    let table = value.as_table().ok_or("must be a table of codes and statuses")?;
    let mut statuses = BTreeMap::new();
    for (name, status) in table {
        let name = name.get_ref().as_ref();
        let code =
            RefusalCode::ALL.into_iter().find(|code| code.code().eq_ignore_ascii_case(name) || code.slug() == name);
        let Some(code) = code else {
            let meant = value::nearest(name, RefusalCode::ALL.into_iter().flat_map(|code| [code.code(), code.slug()]));
            let hint = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
            return Err(format!("{name:?} is no reason for a refusal{hint}"));
        };
        statuses.insert(code, value::status(status.get_ref())?);
    }
    Ok(statuses)
}
