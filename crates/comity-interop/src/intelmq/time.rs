//! Times of rows: an instant, or a time of day that somebody has to say the zone of.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// What a text is as a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// An instant: it has a zone.
    Instant,
    /// It has none, and is this instant in the zone that was named.
    In(String),
    /// It has none, and none was named.
    NoZone,
    /// In the zone that was named it comes twice, or never: a clock was set then.
    NotOnce,
    /// No time.
    No,
}

/// Reads a time, and one without a zone in this one.
pub(super) fn read(text: &str, zone: Option<&TimeZone>) -> Read {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return Read::Instant;
    }
    let Ok(local) = text.parse::<DateTime>() else { return Read::No };
    let Some(zone) = zone else { return Read::NoZone };
    match zone.to_ambiguous_timestamp(local).unambiguous() {
        Ok(instant) => Read::In(instant.display_with_offset(Offset::UTC).to_string()),
        Err(_) => Read::NotOnce,
    }
}
