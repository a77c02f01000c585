//! Owns the time format of SMPP (SMPP 3.4 §7.1.1): `YYMMDDhhmmsstnnp`.
//! Must never read a clock: `now` serves for the century of a two-digit year alone.

use crate::message::instant::CivilInstant;
use crate::message::submission::TimeField;
use chrono::{Datelike, NaiveDate};
use std::time::Duration;

/// Characters of a time that is not empty.
pub(super) const TIME_OCTETS: usize = 16;

/// Reads a field without its NUL. `None` when it is neither empty nor a time.
///
/// A relative time is counted as SMSCs do it, with months of 30 days and years of 365.
pub(super) fn parse(text: &[u8], now: CivilInstant) -> Option<TimeField> {
    if text.is_empty() {
        return Some(TimeField::Absent);
    }
    let text: &[u8; TIME_OCTETS] = text.try_into().ok()?;
    if !text[..15].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let pair = |at: usize| u32::from(text[at] - b'0') * 10 + u32::from(text[at + 1] - b'0');
    let (year, month, day, hour, minute, second) = (pair(0), pair(2), pair(4), pair(6), pair(8), pair(10));
    let (tenths, quarters) = (u32::from(text[12] - b'0'), pair(13));
    match text[15] {
        sign @ (b'+' | b'-') => {
            let date = NaiveDate::from_ymd_opt(nearest_year(year, now), month, day)?;
            let local = date.and_hms_milli_opt(hour, minute, second, tenths * 100)?.and_utc().timestamp_micros();
            if quarters > 48 {
                return None;
            }
            let offset = i64::from(quarters) * 15 * 60 * 1_000_000;
            // `+`: the local time is ahead of UTC.
            Some(TimeField::Absolute(CivilInstant::from_micros(if sign == b'+' {
                local - offset
            } else {
                local + offset
            })))
        }
        b'R' => {
            if tenths != 0 || quarters != 0 || month > 12 || day > 31 || hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            let days = u64::from(year) * 365 + u64::from(month) * 30 + u64::from(day);
            let seconds = ((days * 24 + u64::from(hour)) * 60 + u64::from(minute)) * 60 + u64::from(second);
            Some(TimeField::Relative(Duration::from_secs(seconds)))
        }
        _ => None,
    }
}

/// The year that ends in these two digits and is nearest to now.
fn nearest_year(two_digits: u32, now: CivilInstant) -> i32 {
    let this = now.to_utc().year();
    let candidate = this - this.rem_euclid(100) + two_digits as i32;
    if candidate - this > 50 {
        candidate - 100
    } else if this - candidate >= 50 {
        candidate + 100
    } else {
        candidate
    }
}

/// Writes an instant as an absolute time in UTC, rounded down to the second (never later than meant).
pub(super) fn absolute(at: CivilInstant) -> [u8; TIME_OCTETS] {
    use chrono::Timelike;
    let utc = at.to_utc();
    let mut text = *b"000000000000000+";
    let mut pair = |place: usize, value: u32| {
        text[place] = b'0' + (value / 10 % 10) as u8;
        text[place + 1] = b'0' + (value % 10) as u8;
    };
    pair(0, utc.year().rem_euclid(100) as u32);
    pair(2, utc.month());
    pair(4, utc.day());
    pair(6, utc.hour());
    pair(8, utc.minute());
    pair(10, utc.second());
    text
}

/// Writes a span as a relative time, at most 31 days, rounded down to the second.
pub(super) fn relative(span: Duration) -> [u8; TIME_OCTETS] {
    let seconds = span.as_secs().min(31 * 86_400);
    let mut text = *b"000000000000000R";
    let mut pair = |place: usize, value: u64| {
        text[place] = b'0' + (value / 10 % 10) as u8;
        text[place + 1] = b'0' + (value % 10) as u8;
    };
    pair(4, seconds / 86_400);
    pair(6, seconds / 3_600 % 24);
    pair(8, seconds / 60 % 60);
    pair(10, seconds % 60);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> CivilInstant {
        instant("2026-11-21T12:00:00Z")
    }

    fn instant(text: &str) -> CivilInstant {
        chrono::DateTime::parse_from_rfc3339(text).expect("a valid instant").to_utc().into()
    }

    #[test]
    fn absolute_times_are_resolved_to_utc() {
        let cases = [
            ("261122103000000+", "2026-11-22T10:30:00Z"),
            ("261122103000004+", "2026-11-22T09:30:00Z"),
            ("261122103000004-", "2026-11-22T11:30:00Z"),
            ("261122103000048+", "2026-11-21T22:30:00Z"),
            ("280229000000000+", "2028-02-29T00:00:00Z"),
            ("760101000000000+", "2076-01-01T00:00:00Z"),
            ("770101000000000+", "1977-01-01T00:00:00Z"),
            ("991231235959900+", "1999-12-31T23:59:59.900Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes(), now()), Some(TimeField::Absolute(instant(expected))), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let cases = [
            "1",
            "2612112",
            "26112210300000+",
            "2611221030000000+",
            "270230100000004+",
            "270229100000004+",
            "261322103000000+",
            "260022103000000+",
            "261100103000000+",
            "261122243000000+",
            "261122106000000+",
            "261122103060000+",
            "261122103000049+",
            "261122103000099-",
            "261122103000000 ",
            "261122103000000Z",
            "261122103000000r",
            "2611221030000x0+",
            "26112210300000 +",
            "000013000000000R",
            "001300000000000R",
            "000032000000000R",
            "000000240000000R",
            "000000006000000R",
            "000000000060000R",
            "000000010000100R",
            "000000010000001R",
        ];
        for text in cases {
            let valid = parse(text.as_bytes(), now());
            if text == "000013000000000R" {
                assert_eq!(valid, Some(TimeField::Relative(Duration::from_secs(13 * 86_400))));
            } else {
                assert_eq!(valid, None, "{text}");
            }
        }
    }

    #[test]
    fn relative_times_are_counted() {
        let cases = [
            ("000000000000000R", 0),
            ("000000000005000R", 5),
            ("000000010000000R", 3_600),
            ("000002233429000R", 2 * 86_400 + 23 * 3_600 + 34 * 60 + 29),
            ("000100000000000R", 30 * 86_400),
            ("010000000000000R", 365 * 86_400),
        ];
        for (text, seconds) in cases {
            assert_eq!(
                parse(text.as_bytes(), now()),
                Some(TimeField::Relative(Duration::from_secs(seconds))),
                "{text}"
            );
        }
        assert_eq!(parse(b"", now()), Some(TimeField::Absent));
    }

    #[test]
    fn written_times_read_back() {
        let at = instant("2027-02-28T19:59:59Z");
        assert_eq!(&absolute(at), b"270228195959000+");
        assert_eq!(parse(&absolute(at), now()), Some(TimeField::Absolute(at)));
        let span = Duration::from_secs(3 * 86_400 + 4 * 3_600 + 5 * 60 + 6);
        assert_eq!(&relative(span), b"000003040506000R");
        assert_eq!(parse(&relative(span), now()), Some(TimeField::Relative(span)));
    }
}
