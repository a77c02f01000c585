//! Owns the words of the demo: local times, masked numbers, refusals by their name.
//! Must never print a whole number of somebody: the demo's are fictional, and masked all the same.

use crate::compliance::code::RefusalCode;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;

/// The time of day in Paris.
pub fn time(at: CivilInstant) -> String {
    at.to_utc().with_timezone(&chrono_tz::Europe::Paris).format("%H:%M:%S").to_string()
}

/// The day in Paris.
pub fn day(at: CivilInstant) -> String {
    at.to_utc().with_timezone(&chrono_tz::Europe::Paris).format("%A %-d %B %Y, %H:%M").to_string()
}

/// A number with its middle hidden.
pub fn masked(number: &str) -> String {
    let number = number.parse().ok().and_then(Msisdn::from_canonical);
    number.map_or_else(|| "an unknown number".to_owned(), Msisdn::masked)
}

/// What a status of a submit_sm_resp means, by the table of refusals.
pub fn outcome(status: u32) -> String {
    let name = match status {
        0 => return "accepted".into(),
        0x66 => RefusalCode::OptedOut,
        0x61 => RefusalCode::OutOfHours,
        0x65 => RefusalCode::MissingStopMention,
        0x0a => RefusalCode::SenderNotAllowed,
        0x0b => RefusalCode::BadDestination,
        0x15 => RefusalCode::UndecodableText,
        0x58 => RefusalCode::RateLimited,
        0x14 => RefusalCode::QueueFull,
        other => return format!("refused, status {other:#04x}"),
    };
    format!("refused {} {} ({status:#04x})", name.code(), name.slug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::class::TrafficClass;

    #[test]
    fn a_refusal_is_named_as_the_table_has_it() {
        let named = [
            RefusalCode::OptedOut,
            RefusalCode::OutOfHours,
            RefusalCode::MissingStopMention,
            RefusalCode::SenderNotAllowed,
            RefusalCode::BadDestination,
            RefusalCode::UndecodableText,
            RefusalCode::RateLimited,
            RefusalCode::QueueFull,
        ];
        for code in named {
            let status = crate::pdu::status::of(code, TrafficClass::Commercial).0;
            assert!(outcome(status).starts_with(&format!("refused {}", code.code())), "{}", outcome(status));
        }
        assert_eq!(outcome(0), "accepted");
    }

    #[test]
    fn times_are_told_as_in_paris() {
        let at = CivilInstant::from_secs(1_795_269_600);
        assert_eq!((day(at).as_str(), time(at).as_str()), ("Saturday 21 November 2026, 15:00", "15:00:00"));
        assert_eq!(masked("33639980012"), "+336••••••12");
    }
}
