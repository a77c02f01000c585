//! Owns how instants are written on the command line: RFC 3339, or a local time of day with its zone left out as UTC.
//! Must never guess a zone other than UTC.

use super::exit::Failure;
use crate::message::instant::CivilInstant;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// Reads an instant given to `option`.
pub fn read(text: &str, option: &str) -> Result<CivilInstant, Failure> {
    parse(text).ok_or_else(|| {
        Failure::usage(
            format!("{option}: {text:?} is no instant"),
            "write RFC 3339, such as 2026-11-22T10:00:00Z or 2026-11-22T11:00:00+01:00",
        )
    })
}

/// Reads an instant: RFC 3339, or without a zone in UTC, or a date alone (midnight UTC).
pub fn parse(text: &str) -> Option<CivilInstant> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&Utc).into());
    }
    let formats = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let at = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let at = at.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    Some(at.and_utc().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_and_without_a_zone() {
        let expected = Some("2026-11-22T10:00:00Z".to_owned());
        for text in ["2026-11-22T10:00:00Z", "2026-11-22T11:00:00+01:00", "2026-11-22T10:00:00", "2026-11-22 10:00"] {
            assert_eq!(parse(text).map(|at| at.to_string()), expected, "{text}");
        }
        assert_eq!(parse("2026-11-22").map(|at| at.to_string()), Some("2026-11-22T00:00:00Z".to_owned()));
        for text in ["", "tomorrow", "2026-13-01", "10:00"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
