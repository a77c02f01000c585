//! Owns the section `[hours]` of a pack: on which local minutes of which days commercial messages may be sent.
//! Must never know a zone or an instant: that is `compliance::hours`' work.

use super::report::Report;
use serde::Deserialize;
use toml::Spanned;

/// Minutes in a day.
pub const DAY_MINUTES: u16 = 1440;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHours {
    #[serde(default)]
    pub sources: Vec<Spanned<String>>,
    monday: Spanned<RawDay>,
    tuesday: Spanned<RawDay>,
    wednesday: Spanned<RawDay>,
    thursday: Spanned<RawDay>,
    friday: Spanned<RawDay>,
    saturday: Spanned<RawDay>,
    sunday: Spanned<RawDay>,
    holiday: Spanned<RawDay>,
    #[serde(default)]
    tolerated: Vec<Spanned<String>>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "write \"08:00-20:00\", a list of such stretches, or \"closed\"")]
enum RawDay {
    One(String),
    Many(Vec<String>),
}

/// A stretch of a local day: minutes since midnight, start inclusive, end exclusive, at most 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayWindow {
    pub start: u16,
    pub end: u16,
}

/// The stretches of one kind of day, in order, apart from each other; none on a closed day.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DayHours {
    pub windows: Vec<DayWindow>,
    /// Sending is tolerated, not free: to be shown as such.
    pub tolerated: bool,
}

/// The sending hours of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendingHours {
    /// Monday first.
    pub weekdays: [DayHours; 7],
    /// What holds on a public holiday; `None` when a holiday is like any other day.
    pub holiday: Option<DayHours>,
}

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const HOLIDAY: &str = "holiday";

/// Compiles the section, reporting every fault.
pub(super) fn compile(raw: &RawHours, report: &mut Report<'_>) -> SendingHours {
    let days = [&raw.monday, &raw.tuesday, &raw.wednesday, &raw.thursday, &raw.friday, &raw.saturday, &raw.sunday];
    for name in &raw.tolerated {
        if !DAYS.contains(&name.get_ref().as_str()) && name.get_ref() != HOLIDAY {
            report.at(name.span(), "hours.tolerated", "name days, monday to sunday, or holiday");
        }
    }
    let tolerated = |day: &str| raw.tolerated.iter().any(|name| name.get_ref() == day);
    let weekdays = std::array::from_fn(|i| DayHours {
        windows: compile_day(days[i], DAYS[i], report),
        tolerated: tolerated(DAYS[i]),
    });
    let as_weekday = matches!(raw.holiday.get_ref(), RawDay::One(word) if word == "as-weekday");
    let holiday = (!as_weekday)
        .then(|| DayHours { windows: compile_day(&raw.holiday, HOLIDAY, report), tolerated: tolerated(HOLIDAY) });
    if weekdays.iter().all(|day| day.windows.is_empty()) {
        report.at(raw.monday.span(), "hours", "no day is open: nothing could ever be sent");
    }
    SendingHours { weekdays, holiday }
}

fn compile_day(raw: &Spanned<RawDay>, day: &str, report: &mut Report<'_>) -> Vec<DayWindow> {
    let texts = match raw.get_ref() {
        RawDay::One(word) if word == "closed" => return Vec::new(),
        RawDay::One(text) => std::slice::from_ref(text),
        RawDay::Many(texts) => texts,
    };
    let mut windows: Vec<DayWindow> = Vec::new();
    for text in texts {
        match parse_window(text) {
            Some(window) if windows.last().is_none_or(|last| last.end < window.start) => windows.push(window),
            Some(_) => {
                report.at(raw.span(), format!("hours.{day}"), "stretches stand in order and apart from each other")
            }
            None => report.at(
                raw.span(),
                format!("hours.{day}"),
                "write \"08:00-20:00\" (at latest 24:00), a list of such stretches, or \"closed\"",
            ),
        }
    }
    windows
}

fn parse_window(text: &str) -> Option<DayWindow> {
    let (from, to) = text.split_once('-')?;
    let window = DayWindow { start: parse_minute(from)?, end: parse_minute(to)? };
    (window.start < window.end).then_some(window)
}

/// `HH:MM`, 00:00 to 24:00.
fn parse_minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two =
        |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u16>().ok())?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY_MINUTES).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_two_times_of_the_day_in_order() {
        assert_eq!(parse_window("08:00-20:00"), Some(DayWindow { start: 480, end: 1200 }));
        assert_eq!(parse_window("00:00-24:00"), Some(DayWindow { start: 0, end: 1440 }));
        for bad in [
            "",
            "8:00-20:00",
            "08:00",
            "20:00-08:00",
            "08:00-08:00",
            "08:60-20:00",
            "08:00-24:01",
            "08:00–20:00",
            "+8:00-20:00",
        ] {
            assert_eq!(parse_window(bad), None, "{bad}");
        }
    }
}
