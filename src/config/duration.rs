//! Owns how durations are written: "500ms", "30s", "5m", "72h", "1h30m", "7d".
//! Must never accept a bare number: its unit would be a guess.

use std::time::Duration;

/// The units, longest name first so that "ms" is not read as minutes.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads a duration. The error says what to write.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: write a number with its unit, such as \"30s\" (ms, s, m, h, d)");
    let (mut rest, mut total) = (text, 0u64);
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let (name, millis) = UNITS.into_iter().find(|(name, _)| rest.starts_with(name)).ok_or_else(wrong)?;
        total = count.checked_mul(millis).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = &rest[name.len()..];
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration the way it is read, in its largest whole unit.
pub fn write(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let whole = UNITS.into_iter().rev().find(|(_, unit)| millis % unit == 0 && millis >= *unit);
    let (name, unit) = whole.unwrap_or(("s", 1_000));
    format!("{}{name}", millis / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_written() {
        let cases = [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("72h", 259_200_000),
            ("1h30m", 5_400_000),
            ("0s", 0),
            ("7d", 604_800_000),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_has_no_unit_or_an_unknown_one_is_refused() {
        for text in ["", "30", "s", "30 s", "30x", "-1s", "1.5s", "99999999999999999999d"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_duration_is_written_in_its_largest_whole_unit() {
        for text in ["500ms", "30s", "5m", "3d", "90m", "0s"] {
            assert_eq!(write(parse(text).expect("a duration")), text);
        }
    }
}
