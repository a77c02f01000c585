//! Owns how instants, numbers and classes stand in the JSON of the API.
//! Must never write one of them in two ways.

use crate::compliance::class::TrafficClass;
use crate::message::instant::CivilInstant;
use crate::message::msisdn::Msisdn;
use serde::Serializer;

/// An instant as RFC 3339.
pub(super) fn instant<S: Serializer>(at: &CivilInstant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// The same, or null.
pub(super) fn instant_or_null<S: Serializer>(at: &Option<CivilInstant>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

/// A number with its plus, or null.
pub(super) fn number_or_null<S: Serializer>(number: &Option<Msisdn>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.collect_str(&format_args!("+{}", number.as_u64())),
        None => serializer.serialize_none(),
    }
}

/// A class by its word.
pub(super) fn class_word<S: Serializer>(class: &TrafficClass, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(class.word())
}
