//! Owns `stopgate calendar`: a pack's sending hours, holidays and next opening, offline.
//! Must never speak of legal hours without naming the pack.

use super::exit::{Exit, Failure, Outcome};
use super::global::Global;
use super::instant;
use super::print::{self, Table};
use crate::clock::Clock;
use crate::compliance::hours::Opening;
use crate::compliance::pack::Pack;
use crate::compliance::pack::hours::DayHours;
use crate::compliance::pack::numbers::Territory;
use crate::message::instant::CivilInstant;
use chrono::{Datelike, NaiveDate, Weekday};
use serde_json::json;
use std::sync::Arc;

/// Show a pack's sending hours, holidays and next opening.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stopgate calendar                               this year, every territory of fr-strict\n  stopgate calendar 2027 --zone RE\n  stopgate calendar --at 2026-11-22T10:00:00Z --pack fr-8-20 --json"
)]
pub struct Args {
    /// The year whose holidays are listed [default: the year of now, or of --at]
    year: Option<i32>,
    /// One territory (FR, RE) or time zone (Europe/Paris)
    #[arg(long, value_name = "TERRITORY")]
    zone: Option<String>,
    /// The instant whose state is told, RFC 3339 [default: now]
    #[arg(long, value_name = "T")]
    at: Option<String>,
    /// The pack: an embedded one, or one of the configuration when --config is given
    #[arg(long, default_value = "fr-strict")]
    pack: String,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let pack = pack(&args.pack, global)?;
    let at = match &args.at {
        Some(text) => instant::read(text, "--at")?,
        None => Clock::system().civil(),
    };
    let year = args.year.unwrap_or_else(|| at.to_utc().year());
    let territories = territories(&pack, args.zone.as_deref())?;
    if global.json {
        let views: Vec<_> =
            territories.iter().map(|(index, territory)| view(&pack, *index, territory, at, year)).collect();
        print::json(&json!({
            "pack": pack.full_name(),
            "at": at.to_string(),
            "year": year,
            "hours": weekly(&pack).into_iter().map(|(day, hours)| json!({ "day": day, "windows": hours })).collect::<Vec<_>>(),
            "territories": views,
        }));
        return Ok(Exit::Ok);
    }
    print::line(format!("Sending hours of pack {} ({})", pack.id, pack.full_name()));
    let mut hours = Table::new(&["day", "recipient's local time"]);
    weekly(&pack).into_iter().for_each(|(day, windows)| hours.row([day.to_owned(), windows]));
    hours.print();
    print::line(format!("\nAt {at}"));
    let mut now = Table::new(&["territory", "name", "zones", "state", "until"]);
    for (index, territory) in &territories {
        let (state, until) = state(pack.opening(*index, at));
        let zones = territory.zones.iter().map(|zone| zone.name()).collect::<Vec<_>>().join(" ");
        let until = until.map_or_else(|| "-".to_owned(), |until| until.to_string());
        now.row([territory.id.clone(), territory.name.clone(), zones, state.to_owned(), until]);
    }
    now.print();
    print::line(format!("\nHolidays of {year}"));
    let mut days = Table::new(&["territory", "days"]);
    for (index, territory) in &territories {
        let dates = holidays(&pack, *index, year).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        days.row([territory.id.clone(), dates]);
    }
    days.print();
    Ok(Exit::Ok)
}

fn pack(id: &str, global: &Global) -> Result<Arc<Pack>, Failure> {
    if global.config.is_some() {
        let (_, loaded) = global.load()?;
        if let Some(pack) = loaded.packs().iter().find(|pack| pack.id == id) {
            return Ok(Arc::clone(pack));
        }
    }
    Pack::embedded(id).ok_or_else(|| {
        let known = Pack::embedded_ids().collect::<Vec<_>>().join(", ");
        Failure::usage(
            format!("no pack is named {id:?}"),
            format!("embedded packs: {known}; for your own give --config FILE"),
        )
    })
}

fn territories<'p>(pack: &'p Pack, zone: Option<&str>) -> Result<Vec<(u16, &'p Territory)>, Failure> {
    let all = pack.territories().iter().enumerate().map(|(index, territory)| (index as u16, territory));
    let Some(wanted) = zone else { return Ok(all.collect()) };
    let meant = |territory: &Territory| {
        territory.id.eq_ignore_ascii_case(wanted)
            || territory.zones.iter().any(|zone| zone.name().eq_ignore_ascii_case(wanted))
    };
    let found: Vec<_> = all.filter(|(_, territory)| meant(territory)).collect();
    if found.is_empty() {
        let known = pack.territories().iter().map(|territory| territory.id.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Failure::usage(
            format!("pack {} knows no territory or zone {wanted:?}", pack.id),
            format!("it knows {known}"),
        ));
    }
    Ok(found)
}

/// Monday to Sunday, then holidays where the pack treats them apart.
fn weekly(pack: &Pack) -> Vec<(&'static str, String)> {
    const DAYS: [Weekday; 7] =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    const NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let days = DAYS
        .iter()
        .zip(NAMES)
        .map(|(day, name)| (name, windows(&pack.hours.weekdays[day.num_days_from_monday() as usize])));
    days.chain(pack.hours.holiday.as_ref().map(|holiday| ("holidays", windows(holiday)))).collect()
}

fn windows(hours: &DayHours) -> String {
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let all = hours.windows.iter().map(|window| format!("{}-{}", clock(window.start), clock(window.end)));
    let all = all.collect::<Vec<_>>().join(" ");
    match (all.is_empty(), hours.tolerated) {
        (true, _) => "closed".to_owned(),
        (false, true) => format!("{all} (tolerated)"),
        (false, false) => all,
    }
}

const fn state(opening: Opening) -> (&'static str, Option<CivilInstant>) {
    match opening {
        Opening::Open { until, tolerated: false } => ("open", Some(until)),
        Opening::Open { until, tolerated: true } => ("open (tolerated)", Some(until)),
        Opening::Closed { next } => ("closed", next),
    }
}

fn holidays(pack: &Pack, territory: u16, year: i32) -> Vec<NaiveDate> {
    let days = (1..=366).filter_map(|day| NaiveDate::from_yo_opt(year, day));
    days.filter(|date| pack.is_holiday(territory, *date)).collect()
}

fn view(pack: &Pack, index: u16, territory: &Territory, at: CivilInstant, year: i32) -> serde_json::Value {
    let opening = pack.opening(index, at);
    let (open, until, next) = match opening {
        Opening::Open { until, .. } => (true, Some(until.to_string()), None),
        Opening::Closed { next } => (false, None, next.map(|next| next.to_string())),
    };
    json!({
        "id": territory.id,
        "name": territory.name,
        "zones": territory.zones.iter().map(|zone| zone.name()).collect::<Vec<_>>(),
        "open": open,
        "open_until": until,
        "next_opening": next,
        "holidays": holidays(pack, index, year).iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sunday_is_closed_until_monday_morning() {
        let pack = Pack::embedded("fr-strict").expect("embedded");
        let found = territories(&pack, Some("Europe/Paris")).expect("known");
        let at = instant::read("2026-11-22T10:00:00Z", "--at").expect("an instant");
        let view = view(&pack, found[0].0, found[0].1, at, 2026);
        assert_eq!((&view["open"], &view["next_opening"]), (&false.into(), &"2026-11-23T07:00:00Z".into()));
        assert!(view["holidays"].as_array().is_some_and(|days| days.contains(&"2026-07-14".into())), "{view}");
    }

    #[test]
    fn an_unknown_zone_or_pack_says_what_there_is() {
        let pack = Pack::embedded("fr-strict").expect("embedded");
        let failure = territories(&pack, Some("Mars")).expect_err("unknown");
        assert!(failure.next.contains("RE"), "{}", failure.next);
        let failure = super::pack("fr-lax", &Global::default()).expect_err("unknown");
        assert!(failure.next.contains("fr-8-20"), "{}", failure.next);
    }
}
