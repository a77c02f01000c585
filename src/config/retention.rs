//! Owns for how long the verdicts are kept.
//! Must never take a span that is too short for what the verdicts are needed for.

use super::duration;
use super::section::Table;
use super::value;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Three years: for how long at least the proof that an objection was honoured is kept (CNIL, délibération 2021-131). Replies are
/// attributed and caps counted over less.
pub const VERDICTS_MIN: Duration = DAY.saturating_mul(1096);
/// Five years: personal and movable actions are prescribed then (art. 2224 Code civil).
pub const VERDICTS_KEPT: Duration = DAY.saturating_mul(1826);

/// Reads `[retention]`.
pub fn read(table: &Table<'_>) -> Option<Duration> {
    let kept = table.get("verdicts", value::duration(Duration::ZERO, DAY.saturating_mul(36_525)))?;
    if kept < VERDICTS_MIN {
        table.error(
            table.line_of("verdicts"),
            format!(
                "`verdicts` = \"{}\": write at least \"{}\", three years: for so long the proof that an opt-out was honoured is to be \
                 kept (CNIL, délibération 2021-131), and replies (90 days) and frequency caps (up to 92) need verdicts too; \
                 \"{}\", five years, is the default (art. 2224 Code civil)",
                duration::write(kept),
                duration::write(VERDICTS_MIN),
                duration::write(VERDICTS_KEPT)
            ),
        );
        return None;
    }
    Some(kept)
}
