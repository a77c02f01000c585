//! Owns the section `[holidays]` of a pack: calendars of fixed days and Easter offsets, and regions with days of their own.
//! Must never hold a table of years, nor compute a date: that is `compliance::holidays`' work.

use super::report::Report;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHolidays {
    #[serde(default)]
    pub sources: Vec<Spanned<String>>,
    calendar: Vec<RawCalendar>,
    #[serde(default)]
    regional: Vec<RawRegional>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalendar {
    id: Spanned<String>,
    extends: Option<Spanned<String>>,
    #[serde(default)]
    fixed: Vec<Spanned<RawFixed>>,
    #[serde(default)]
    easter: Vec<Spanned<i16>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRegional {
    id: Spanned<String>,
    territory: Spanned<String>,
    #[serde(default)]
    fixed: Vec<Spanned<RawFixed>>,
    #[serde(default)]
    easter: Vec<Spanned<i16>>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "write \"07-14\" or { day = \"07-14\", from_year = 2025 }")]
enum RawFixed {
    Day(String),
    Dated(RawDated),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDated {
    day: String,
    from_year: Option<i32>,
    to_year: Option<i32>,
}

/// The same day every year, between two years where the law changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedDay {
    pub month: u8,
    pub day: u8,
    /// First year it is a holiday.
    pub from_year: i32,
    /// Last year it is a holiday.
    pub to_year: i32,
}

/// The public holidays of one calendar.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Calendar {
    pub id: String,
    pub fixed: Vec<FixedDay>,
    /// Days after Easter Sunday (negative: before).
    pub easter: Vec<i16>,
}

/// Days of a region that a number does not tell; a parameter of the pack says whether they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regional {
    pub id: String,
    /// Id of the territory it is part of.
    pub territory: String,
    pub extra: Calendar,
}

/// The compiled section.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Holidays {
    pub calendars: Vec<Calendar>,
    pub regional: Vec<Regional>,
}

impl Holidays {
    /// Index of a calendar.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.calendars.iter().position(|calendar| calendar.id == id)
    }
}

/// Compiles the section, reporting every fault.
pub(super) fn compile(raw: &RawHolidays, report: &mut Report<'_>) -> Holidays {
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calendars: Vec<Calendar> = Vec::new();
    for entry in &raw.calendar {
        let mut calendar = match &entry.extends {
            None => Calendar::default(),
            Some(base) => match done.get(base.get_ref().as_str()) {
                Some(at) => calendars[*at].clone(),
                None => {
                    report.at(base.span(), "holidays.calendar.extends", "no calendar above has this id");
                    Calendar::default()
                }
            },
        };
        calendar.id = entry.id.get_ref().clone();
        add_days(&mut calendar, &entry.fixed, &entry.easter, "holidays.calendar", report);
        if done.insert(entry.id.get_ref(), calendars.len()).is_some() {
            report.at(entry.id.span(), "holidays.calendar.id", "this id is taken: each calendar stands once");
        }
        calendars.push(calendar);
    }
    let mut regional = Vec::new();
    for entry in &raw.regional {
        let mut extra = Calendar { id: entry.id.get_ref().clone(), ..Calendar::default() };
        add_days(&mut extra, &entry.fixed, &entry.easter, "holidays.regional", report);
        regional.push(Regional { id: entry.id.get_ref().clone(), territory: entry.territory.get_ref().clone(), extra });
    }
    Holidays { calendars, regional }
}

fn add_days(
    calendar: &mut Calendar,
    fixed: &[Spanned<RawFixed>],
    easter: &[Spanned<i16>],
    key: &str,
    report: &mut Report<'_>,
) {
    for entry in fixed {
        let (text, from_year, to_year) = match entry.get_ref() {
            RawFixed::Day(text) => (text, None, None),
            RawFixed::Dated(dated) => (&dated.day, dated.from_year, dated.to_year),
        };
        match parse_month_day(text) {
            Some((month, day)) => calendar.fixed.push(FixedDay {
                month,
                day,
                from_year: from_year.unwrap_or(i32::MIN),
                to_year: to_year.unwrap_or(i32::MAX),
            }),
            None => report.at(entry.span(), format!("{key}.fixed"), "write month and day such as \"07-14\""),
        }
    }
    for offset in easter {
        match offset.get_ref() {
            -80..=250 => calendar.easter.push(*offset.get_ref()),
            _ => report.at(offset.span(), format!("{key}.easter"), "an offset from Easter Sunday is -80 to 250 days"),
        }
    }
}

/// `MM-DD`; 29 February is a day that some years do not have.
fn parse_month_day(text: &str) -> Option<(u8, u8)> {
    let (month, day) = text.split_once('-')?;
    let two =
        |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u8>().ok())?;
    let (month, day) = (two(month)?, two(day)?);
    chrono::NaiveDate::from_ymd_opt(2000, month.into(), day.into()).map(|_| (month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_day_is_a_month_and_a_day_that_exist() {
        assert_eq!(parse_month_day("02-29"), Some((2, 29)));
        assert_eq!(parse_month_day("12-25"), Some((12, 25)));
        for bad in ["", "2-29", "02-30", "13-01", "00-10", "1225", "12/25", "+1-01"] {
            assert_eq!(parse_month_day(bad), None, "{bad}");
        }
    }
}
