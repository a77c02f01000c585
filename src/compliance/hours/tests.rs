//! Owns the tests of the sending hours: the labelled instants, and every opening and closing of 21 years in every zone
//! against a computation that shares nothing with the product. Must never use chrono-tz or the packs for what is expected.

use super::*;
use crate::compliance::bench::Bench;
use crate::compliance::fixture::at;
use crate::compliance::numbers::NumberPlan;

#[test]
fn every_labelled_instant_is_judged_as_labelled() {
    let pack = Pack::embedded("fr-strict").unwrap();
    let plan = NumberPlan::new(std::slice::from_ref(&pack));
    let mut read = 0;
    for line in include_str!("../../../tests/compliance/windows.tsv").lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [instant, number, expected, next, note] = fields[..] else { panic!("five columns: {line}") };
        let territory = pack.territory(plan.read(number, "FR").unwrap()).unwrap();
        let opening = pack.opening(territory, at(instant));
        match expected {
            "allowed" => assert!(opening.is_open() && instant == next, "{note}: {opening:?}"),
            "blocked" => assert_eq!(opening, Opening::Closed { next: Some(at(next)) }, "{note}"),
            other => panic!("unknown label {other}"),
        }
        read += 1;
    }
    assert_eq!(read, 46);
}

#[test]
fn sundays_and_holidays_of_the_announced_charter_are_open_but_flagged() {
    let pack = Pack::embedded("fr-af2m-2026").unwrap();
    for (instant, expected) in [
        ("2026-01-11T11:30:00Z", Some(true)),  // a Sunday
        ("2026-07-14T11:30:00Z", Some(true)),  // a Tuesday, but a holiday
        ("2026-01-13T11:30:00Z", Some(false)), // a plain Tuesday
        ("2026-01-13T20:30:00Z", None),        // 21:30
    ] {
        let tolerated = match pack.opening(0, at(instant)) {
            Opening::Open { tolerated, .. } => Some(tolerated),
            Opening::Closed { .. } => None,
        };
        assert_eq!(tolerated, expected, "{instant}");
    }
}

#[test]
fn good_friday_and_saint_stephen_hold_in_alsace_moselle_only_where_the_parameter_says_so() {
    let parse = |value: &str| {
        let text = format!(
            "id = \"x\"\nversion = \"1\"\nextends = \"fr-strict\"\neffective_from = \"2026-01-01\"\n[parameters]\nalsace-moselle = {value}\n"
        );
        Pack::parse(&text, "x.toml").unwrap()
    };
    let plan = NumberPlan::new(&[Pack::embedded("fr-strict").unwrap()]);
    let (listed, other) = (plan.read("0639981234", "FR").unwrap(), plan.read("0639985678", "FR").unwrap());
    for (value, listed_open, other_open) in
        [("\"off\"", true, true), ("\"all\"", false, false), ("[\"3363998123\"]", false, true)]
    {
        let pack = parse(value);
        for instant in ["2026-04-03T08:00:00Z", "2028-12-26T10:00:00Z"] {
            let open = |number| pack.opening(pack.territory(number).unwrap(), at(instant)).is_open();
            assert_eq!((open(listed), open(other)), (listed_open, other_open), "{value} at {instant}");
        }
        // Any other day is a working day for all.
        let monday = at("2026-01-12T10:00:00Z");
        assert!([listed, other].into_iter().all(|n| pack.opening(pack.territory(n).unwrap(), monday).is_open()));
    }
}

#[test]
fn with_several_candidate_zones_all_must_be_open() {
    let text = include_str!("../../../config/packs/fr-base.toml")
        .replace("zones = [\"Europe/Paris\"]", "zones = [\"Europe/Paris\", \"America/Martinique\"]");
    let strict = include_str!("../../../config/packs/fr-strict.toml");
    let bases = |id: &str| (id == "fr-base").then(|| (text.clone(), "fr-base.toml".to_owned()));
    let pack = Pack::parse_with(strict, "fr-strict.toml", &bases).unwrap();
    // Paris is open 07:00Z to 19:00Z on a winter weekday, Martinique 12:00Z to 24:00Z: both 12:00Z to 19:00Z.
    for (instant, expected) in [
        ("2026-01-13T11:59:59Z", Opening::Closed { next: Some(at("2026-01-13T12:00:00Z")) }),
        ("2026-01-13T12:00:00Z", Opening::Open { until: at("2026-01-13T19:00:00Z"), tolerated: false }),
        ("2026-01-13T19:00:00Z", Opening::Closed { next: Some(at("2026-01-14T12:00:00Z")) }),
        // Saturday: Paris 09:00Z to 18:00Z, Martinique 14:00Z to 23:00Z.
        ("2026-01-16T19:00:00Z", Opening::Closed { next: Some(at("2026-01-17T14:00:00Z")) }),
    ] {
        assert_eq!(pack.opening(0, at(instant)), expected, "{instant}");
    }
    let apart = text.replace("\"America/Martinique\"]", "\"Pacific/Wallis\"]");
    let bases = |id: &str| (id == "fr-base").then(|| (apart.clone(), "fr-base.toml".to_owned()));
    let pack = Pack::parse_with(strict, "fr-strict.toml", &bases).unwrap();
    // Wallis is 11 hours ahead of winter Paris: on weekdays both are open from 07:00Z to 08:00Z only.
    let next = Opening::Closed { next: Some(at("2026-01-14T07:00:00Z")) };
    assert_eq!(pack.opening(0, at("2026-01-13T09:00:00Z")), next);
    let hour = Opening::Open { until: at("2026-01-14T08:00:00Z"), tolerated: false };
    assert_eq!(pack.opening(0, at("2026-01-14T07:00:00Z")), hour);
}

#[test]
fn an_area_code_of_two_zones_is_open_when_both_are() {
    let pack = Pack::embedded("us-ctia").unwrap();
    let plan = NumberPlan::new(std::slice::from_ref(&pack));
    for (number, instant, expected) in [
        // New York on a winter Sunday: 13:00Z to 02:00Z.
        ("+12125550123", "2026-01-11T12:59:59Z", Some("2026-01-11T13:00:00Z")),
        ("+12125550123", "2026-01-11T13:00:00Z", None),
        ("+12125550123", "2026-01-12T01:59:59Z", None),
        ("+12125550123", "2026-01-12T02:00:00Z", Some("2026-01-12T13:00:00Z")),
        // The Florida panhandle: Central opens last, Eastern closes first.
        ("+18505550123", "2026-01-11T13:30:00Z", Some("2026-01-11T14:00:00Z")),
        ("+18505550123", "2026-01-12T01:59:59Z", None),
        ("+18505550123", "2026-01-12T02:30:00Z", Some("2026-01-12T14:00:00Z")),
        // Christmas is a day like any other for this pack.
        ("+12125550123", "2026-12-25T15:00:00Z", None),
    ] {
        let territory = pack.territory(plan.read(number, "US").unwrap()).unwrap();
        let next = match pack.opening(territory, at(instant)) {
            Opening::Open { .. } => None,
            Opening::Closed { next } => next,
        };
        assert_eq!(next, expected.map(at), "{number} at {instant}");
    }
}

/// What is expected, computed from nothing but integers: no chrono, no chrono-tz, no pack.
mod independent {
    /// Days since 1970-01-01 -> year, month, day (proleptic Gregorian).
    fn civil(days: i64) -> (i64, i64, i64) {
        let (mut year, mut rest) = (1970, days);
        loop {
            let len = if leap(year) { 366 } else { 365 };
            if rest < len {
                break;
            }
            rest -= len;
            year += 1;
        }
        let mut month = 1;
        while rest >= month_len(year, month) {
            rest -= month_len(year, month);
            month += 1;
        }
        (year, month, rest + 1)
    }

    fn leap(year: i64) -> bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    fn month_len(year: i64, month: i64) -> i64 {
        match month {
            2 if leap(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    pub fn days(year: i64, month: i64, day: i64) -> i64 {
        let years: i64 = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
        years + (1..month).map(|m| month_len(year, m)).sum::<i64>() + day - 1
    }

    /// Monday = 0. 1 January 1970 was a Thursday.
    fn weekday(days: i64) -> i64 {
        (days + 3).rem_euclid(7)
    }

    /// Easter Sunday by counting: the first Sunday after the ecclesiastical full moon on or after 21 March (Gauss's epact).
    fn easter(year: i64) -> i64 {
        let century = year / 100 + 1;
        let epact = (14 + 11 * (year % 19) - 3 * century / 4 + (5 + 8 * century) / 25).rem_euclid(30);
        let epact = if epact == 0 || (epact == 1 && year % 19 > 10) { epact + 1 } else { epact };
        let moon = days(year, 4, 19) - epact;
        moon + (7 - (weekday(moon) + 1) % 7)
    }

    fn nth_sunday(year: i64, month: i64, nth: i64) -> i64 {
        let first = days(year, month, 1);
        first + (6 - weekday(first)) + 7 * (nth - 1)
    }

    fn last_sunday(year: i64, month: i64) -> i64 {
        let last = days(year, month, month_len(year, month));
        last - (weekday(last) + 1) % 7
    }

    /// First and last year that is computed.
    pub const YEARS: std::ops::RangeInclusive<i64> = 2019..=2041;

    /// A territory with its summer times and holidays worked out.
    pub struct Place {
        standard: i64,
        /// UTC minutes of summer time, an hour ahead.
        summers: Vec<std::ops::Range<i64>>,
        first_day: i64,
        holidays: Vec<bool>,
    }

    impl Place {
        pub fn new(territory: &str) -> Self {
            let standard = match territory {
                "FR" => 60,
                "RE" => 240,
                "YT" => 180,
                "GP" | "MQ" => -240,
                "GF" | "PM" => -180,
                "NC" => 660,
                "PF" => -600,
                "WF" => 720,
                other => panic!("no such territory: {other}"),
            };
            let summer = |year| match territory {
                // European: last Sundays of March and October, 01:00 UTC.
                "FR" => Some(last_sunday(year, 3) * 1440 + 60..last_sunday(year, 10) * 1440 + 60),
                // North American: second Sunday of March, first of November, 02:00 local.
                "PM" => Some(nth_sunday(year, 3, 2) * 1440 + 300..nth_sunday(year, 11, 1) * 1440 + 240),
                _ => None,
            };
            let first_day = days(*YEARS.start(), 1, 1);
            let holidays = (first_day..days(YEARS.end() + 1, 1, 1)).map(|day| holiday(territory, day)).collect();
            Self { standard, summers: YEARS.filter_map(summer).collect(), first_day, holidays }
        }

        /// Whether a pack is open at a UTC minute.
        pub fn open(&self, pack: &str, utc: i64) -> bool {
            let summer = self.summers.iter().any(|summer| summer.contains(&utc));
            let local = utc + self.standard + if summer { 60 } else { 0 };
            let (day, minute) = (local.div_euclid(1440), local.rem_euclid(1440));
            let rest = self.holidays[(day - self.first_day) as usize] || weekday(day) == 6;
            let hours = match (pack, rest, weekday(day)) {
                ("fr-af2m-2026", ..) => 480..1290,
                (_, true, _) => 0..0,
                ("fr-strict", false, 5) => 600..1140,
                ("fr-af2m-2024", false, _) => 480..1320,
                (_, false, _) => 480..1200,
            };
            hours.contains(&minute)
        }
    }

    fn holiday(territory: &str, day: i64) -> bool {
        let (year, month, of_month) = civil(day);
        let common =
            matches!((month, of_month), (1, 1) | (5, 1) | (5, 8) | (7, 14) | (8, 15) | (11, 1) | (11, 11) | (12, 25));
        let after_easter = day - easter(year);
        let own = match (territory, month, of_month) {
            ("YT", 4, 27) | ("MQ", 5, 22) | ("GP", 5, 27) | ("GF", 6, 10) | ("RE", 12, 20) => true,
            ("NC", 9, 24) | ("PF", 3, 5) | ("WF", 4, 28) | ("WF", 6, 29) | ("WF", 7, 29) => true,
            ("PF", 6, 29) => year <= 2024,
            ("PF", 11, 20) => year >= 2025,
            ("PF", ..) => after_easter == -2,
            _ => false,
        };
        common || own || matches!(after_easter, 1 | 39 | 50)
    }
}

const FIRST: (i64, i64, i64) = (2020, 1, 1);
const LAST: (i64, i64, i64) = (2041, 1, 1);

fn minute(at: (i64, i64, i64)) -> i64 {
    independent::days(at.0, at.1, at.2) * 1440
}

#[test]
fn every_opening_and_closing_of_21_years_is_where_an_independent_computation_puts_it() {
    let mut edges = 0;
    for id in Pack::embedded_ids().filter(|id| id.starts_with("fr-")) {
        let pack = Pack::embedded(id).unwrap();
        for (index, territory) in pack.territories().iter().enumerate() {
            let place = independent::Place::new(&territory.id);
            let (mut at, last) = (minute(FIRST), minute(LAST));
            let mut opening = pack.opening(index as u16, CivilInstant::from_secs(at * 60));
            // All edges lie on half hours: none of the offsets and hours is finer.
            while at < last {
                let start = at;
                let open = place.open(id, at);
                while place.open(id, at) == open {
                    at += 30;
                }
                let edge = CivilInstant::from_secs(at * 60);
                match opening {
                    Opening::Open { until, .. } => {
                        assert!(open && until == edge, "{id} {}: {until} for {edge}", territory.id)
                    }
                    Opening::Closed { next } => {
                        assert!(!open && next == Some(edge), "{id} {}: {next:?} for {edge} from {start}", territory.id);
                    }
                }
                opening = pack.opening(index as u16, edge);
                edges += 1;
            }
        }
    }
    assert!(edges > 400_000, "only {edges} edges");
}

#[test]
fn every_minute_of_21_years_in_every_zone() {
    if std::env::var_os("STOPGATE_LONG").is_none() {
        println!("skipped: each minute of 21 years takes a while; make hours-long runs it");
        return;
    }
    let mut read = 0u64;
    for id in Pack::embedded_ids().filter(|id| id.starts_with("fr-")) {
        let (pack, bench) = (Pack::embedded(id).unwrap(), Bench::new());
        for (index, territory) in pack.territories().iter().enumerate() {
            let place = independent::Place::new(&territory.id);
            for at in minute(FIRST)..minute(LAST) {
                let opening = bench.opening(&pack, index as u16, CivilInstant::from_secs(at * 60));
                assert_eq!(opening.is_open(), place.open(id, at), "{id} {} {at}", territory.id);
                read += 1;
            }
        }
    }
    println!("{read} minutes");
}
