//! Owns whether a local date is a public holiday of a calendar: computed, no table of years.
//! Must never know which calendar holds where: that is the pack's to say.

use super::pack::holidays::Calendar;
use chrono::{Datelike, Days, NaiveDate};

/// Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8). `None` outside chrono's years.
pub fn easter(year: i32) -> Option<NaiveDate> {
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let (d, e) = (b.div_euclid(4), b.rem_euclid(4));
    let f = (b + 8).div_euclid(25);
    let g = (b - f + 1).div_euclid(3);
    let h = (19 * a + b - d - g + 15).rem_euclid(30);
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k).rem_euclid(7);
    let m = (a + 11 * h + 22 * l) / 451;
    let month = (h + l - 7 * m + 114) / 31;
    let day = (h + l - 7 * m + 114) % 31 + 1;
    NaiveDate::from_ymd_opt(year, month as u32, day as u32)
}

impl Calendar {
    /// Whether this local date is a public holiday.
    pub fn is_holiday(&self, date: NaiveDate) -> bool {
        let (year, month, day) = (date.year(), date.month(), date.day());
        let fixed = self.fixed.iter().any(|fixed| {
            u32::from(fixed.month) == month
                && u32::from(fixed.day) == day
                && (fixed.from_year..=fixed.to_year).contains(&year)
        });
        fixed
            || (!self.easter.is_empty()
                && easter(year).is_some_and(|sunday| {
                    let offset = date.signed_duration_since(sunday).num_days();
                    self.easter.iter().any(|easter| i64::from(*easter) == offset)
                }))
    }

    /// The holidays of a year, in order.
    pub fn of_year(&self, year: i32) -> Vec<NaiveDate> {
        let first = NaiveDate::from_ymd_opt(year, 1, 1);
        (0..366)
            .filter_map(|day| first?.checked_add_days(Days::new(day)))
            .filter(|date| date.year() == year && self.is_holiday(*date))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_falls_where_the_almanacs_say() {
        for (year, month, day) in [
            (1961, 4, 2),
            (2000, 4, 23),
            (2008, 3, 23),
            (2019, 4, 21),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2028, 4, 16),
            (2029, 4, 1),
            (2030, 4, 21),
            (2035, 3, 25),
            (2038, 4, 25),
            (2100, 3, 28),
        ] {
            assert_eq!(easter(year), NaiveDate::from_ymd_opt(year, month, day), "{year}");
        }
    }
}
