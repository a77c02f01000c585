//! Owns the two kinds of time: civil instants (the law, the ledger) and monotonic instants (timers).
//! Must never read a clock: instants are handed in by the shell.

use chrono::{DateTime, Utc};
use std::time::Duration;

/// An instant of civil time: microseconds since 1970-01-01T00:00:00Z. Virtual in a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CivilInstant(i64);

impl CivilInstant {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded towards the past.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The same instant as a chrono date-time in UTC (instants outside chrono's range become the epoch).
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// The instant `by` later, saturating.
    pub const fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.as_micros() as i64))
    }

    /// The instant `by` earlier, saturating.
    pub const fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by.as_micros() as i64))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

impl From<DateTime<Utc>> for CivilInstant {
    fn from(value: DateTime<Utc>) -> Self {
        Self(value.timestamp_micros())
    }
}

/// RFC 3339, in UTC, to the second (or microsecond where there is a fraction).
impl std::fmt::Display for CivilInstant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let format = if self.0 % 1_000_000 == 0 { chrono::SecondsFormat::Secs } else { chrono::SecondsFormat::Micros };
        f.write_str(&self.to_utc().to_rfc3339_opts(format, true))
    }
}

/// An instant of a clock that never steps: nanoseconds since some start of the process. Never scaled towards real peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonotonicInstant(u64);

impl MonotonicInstant {
    /// From nanoseconds since the process's chosen start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the process's chosen start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The instant `by` later, saturating.
    pub const fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.as_nanos() as u64))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
