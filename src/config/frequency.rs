//! Owns `frequency = { messages = 4, per = "7d" }`: an account's cap on what it writes to one number.
//! Must never hold a cap of its own: without the table there is none.

use super::section::Table;
use super::value;
use crate::compliance::frequency::Cap;
use std::time::Duration;

/// Messages of a cap, at most: beyond, it is none.
const MESSAGES_MAX: u64 = 1_000;
const HOUR: Duration = Duration::from_secs(3600);
/// The longest span: what left before is not looked up again at a start.
const SPAN_MAX: Duration = Duration::from_secs(92 * 24 * 3600);

/// Reads the table, or its absence.
pub fn read(table: &Table<'_>) -> Option<Option<Cap>> {
    let messages = table.maybe("messages", value::integer(1, MESSAGES_MAX));
    let per = table.maybe("per", value::duration(HOUR, SPAN_MAX));
    match (messages?, per?) {
        (None, None) => Some(None),
        (Some(messages), Some(per)) => Some(Some(Cap { messages: messages as u32, per })),
        (Some(_), None) | (None, Some(_)) => {
            table.error(table.line, "a cap has both: write frequency = { messages = 4, per = \"7d\" }");
            None
        }
    }
}
