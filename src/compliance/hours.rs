//! Owns whether an instant is inside the sending hours of a territory, and when that changes next.
//! Must never read a clock, nor hold an hour or a day itself: those are the pack's.

use super::pack::Pack;
use super::pack::hours::{DayHours, DayWindow};
use super::pack::numbers::Territory;
use crate::message::instant::CivilInstant;
use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use std::time::Duration;

/// How far an opening is looked for. No calendar closes longer.
const DAYS_SEARCHED: u64 = 370;

/// The state of the sending hours at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Open until this instant (exclusive). `tolerated`: the pack shows such days as tolerated, not free.
    Open { until: CivilInstant, tolerated: bool },
    /// Closed; open again at `next`. `None` when no opening was found within 370 days, or there is no such territory.
    Closed { next: Option<CivilInstant> },
}

impl Opening {
    /// Whether it is open.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

impl Pack {
    /// The state of the sending hours for numbers of a territory (an index into `territories`) at an instant.
    /// With several candidate zones all of them must be open.
    pub fn opening(&self, territory: u16, at: CivilInstant) -> Opening {
        let Some(place) = self.territories().get(usize::from(territory)) else { return Opening::Closed { next: None } };
        let horizon = at.plus(Duration::from_secs(DAYS_SEARCHED * 86_400));
        let mut asked = at;
        while asked <= horizon {
            match self.opening_everywhere(place, territory, asked) {
                Opening::Open { .. } if asked > at => return Opening::Closed { next: Some(asked) },
                open @ Opening::Open { .. } => return open,
                Opening::Closed { next: None } => break,
                Opening::Closed { next: Some(next) } => asked = next,
            }
        }
        Opening::Closed { next: None }
    }

    /// Open when every zone is open; else closed until the last of the closed ones opens (which may find another closed).
    fn opening_everywhere(&self, place: &Territory, territory: u16, at: CivilInstant) -> Opening {
        let mut until: Option<CivilInstant> = None;
        let mut next: Option<CivilInstant> = None;
        let mut flagged = false;
        for zone in &place.zones {
            match self.opening_in_zone(*zone, territory, at) {
                Opening::Open { until: edge, tolerated } => {
                    until = Some(until.map_or(edge, |known| known.min(edge)));
                    flagged |= tolerated;
                }
                Opening::Closed { next: None } => return Opening::Closed { next: None },
                Opening::Closed { next: Some(edge) } => next = Some(next.map_or(edge, |known| known.max(edge))),
            }
        }
        match (next, until) {
            (None, Some(until)) => Opening::Open { until, tolerated: flagged },
            (next, _) => Opening::Closed { next },
        }
    }

    fn opening_in_zone(&self, zone: Tz, territory: u16, at: CivilInstant) -> Opening {
        let today = at.to_utc().with_timezone(&zone).date_naive();
        // Yesterday too: where the clock is set back across midnight a local date occurs in two pieces.
        let first = today.pred_opt().unwrap_or(today);
        let mut open: Option<(CivilInstant, bool)> = None;
        for date in (0..DAYS_SEARCHED).map_while(|ahead| first.checked_add_days(Days::new(ahead))) {
            let hours = self.hours_of(territory, date);
            for window in &hours.windows {
                let Some((start, end)) = instants(zone, date, *window) else { continue };
                if end <= at || start >= end {
                    continue;
                }
                match open {
                    None if start > at => return Opening::Closed { next: Some(start) },
                    None => open = Some((end, hours.tolerated)),
                    // A stretch until 24:00 goes on where the next day opens at 00:00.
                    Some((until, tolerated)) if start == until => open = Some((end, tolerated || hours.tolerated)),
                    Some((until, tolerated)) => return Opening::Open { until, tolerated },
                }
            }
            if let Some((until, tolerated)) = open
                && date > today
            {
                return Opening::Open { until, tolerated };
            }
        }
        open.map_or(Opening::Closed { next: None }, |(until, tolerated)| Opening::Open { until, tolerated })
    }

    /// What holds on a local date: the holiday's hours, or the weekday's.
    pub fn hours_of(&self, territory: u16, date: NaiveDate) -> &DayHours {
        match &self.hours.holiday {
            Some(holiday) if self.is_holiday(territory, date) => holiday,
            Some(_) | None => &self.hours.weekdays[date.weekday().num_days_from_monday() as usize],
        }
    }

    /// Whether a local date is a public holiday of a territory.
    pub fn is_holiday(&self, territory: u16, date: NaiveDate) -> bool {
        let calendar =
            self.territory_calendars.get(usize::from(territory)).and_then(|at| self.holidays.calendars.get(*at));
        calendar.is_some_and(|calendar| calendar.is_holiday(date))
    }
}

/// The instants of a stretch of a local day.
fn instants(zone: Tz, date: NaiveDate, window: DayWindow) -> Option<(CivilInstant, CivilInstant)> {
    let midnight = date.and_hms_opt(0, 0, 0)?;
    let start = instant(zone, midnight.checked_add_signed(TimeDelta::minutes(window.start.into()))?, Edge::Opening)?;
    let end = instant(zone, midnight.checked_add_signed(TimeDelta::minutes(window.end.into()))?, Edge::Closing)?;
    Some((start, end))
}

#[derive(Clone, Copy)]
enum Edge {
    Opening,
    Closing,
}

/// The instant of a local time. Where the clock shows it twice, the stricter one: open at the later, close at the earlier.
/// Where the clock skips it, the first instant after the gap.
fn instant(zone: Tz, local: NaiveDateTime, edge: Edge) -> Option<CivilInstant> {
    let utc: DateTime<Tz> = match (zone.from_local_datetime(&local), edge) {
        (MappedLocalTime::Single(at), _) => at,
        (MappedLocalTime::Ambiguous(earlier, _), Edge::Closing) => earlier,
        (MappedLocalTime::Ambiguous(_, later), Edge::Opening) => later,
        (MappedLocalTime::None, _) => {
            // Gaps are minutes to a day long; local times are whole minutes.
            (1..=1_500).find_map(|minutes| {
                zone.from_local_datetime(&local.checked_add_signed(TimeDelta::minutes(minutes))?).earliest()
            })?
        }
    };
    Some(utc.to_utc().into())
}

#[cfg(test)]
mod tests;
