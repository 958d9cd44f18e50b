//! Instants with their zones: UTC, yours and theirs.

use comity_core::Timestamp;
use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, Zoned};

/// A zone, and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    zone: TimeZone,
    city: String,
}

impl Place {
    /// A zone, called by its city unless `city` says otherwise.
    pub(crate) fn new(zone: TimeZone, city: Option<String>) -> Self {
        let name = zone.iana_name().unwrap_or_default();
        let named = name.rsplit('/').next().unwrap_or(name).replace('_', " ");
        let city = city.unwrap_or(named);
        Self { zone, city }
    }

    fn is_utc(&self) -> bool {
        matches!(self.zone.iana_name(), None | Some("UTC" | "Etc/UTC"))
    }
}

/// The places whose time is shown beside UTC.
#[derive(Clone, Debug)]
pub(crate) struct Zones {
    yours: Place,
    theirs: Option<Place>,
}

impl Zones {
    /// UTC and ours.
    pub(crate) fn ours(yours: Place) -> Self {
        Self { yours, theirs: None }
    }

    /// And a partner's.
    #[allow(dead_code, reason = "asked for where a partner's zone is known: the demo")]
    pub(crate) fn with(&self, theirs: Place) -> Self {
        Self { yours: self.yours.clone(), theirs: Some(theirs) }
    }

    /// `2026-11-22 03:02:11Z (12:02 Seoul, 15:02 Suva)`; a day that differs is written out.
    pub(crate) fn show(&self, at: Timestamp) -> String {
        let utc = instant(at).to_zoned(TimeZone::UTC);
        let mut local: Vec<String> = Vec::new();
        for place in std::iter::once(&self.yours).chain(&self.theirs) {
            if let Some(text) = beside(&utc, place)
                && !local.contains(&text)
            {
                local.push(text);
            }
        }
        let utc = utc.strftime("%Y-%m-%d %H:%M:%SZ");
        if local.is_empty() { utc.to_string() } else { format!("{utc} ({})", local.join(", ")) }
    }

    /// The same for a time as the node writes it (RFC 3339).
    pub(crate) fn written(&self, at: &str) -> String {
        at.parse().map_or_else(|_| at.to_owned(), |at| self.show(at))
    }

    /// The day alone, in UTC: for what lasts long.
    pub(crate) fn day(&self, at: &str) -> String {
        at.get(..10).unwrap_or(at).to_owned()
    }

    /// The last day, in UTC, of what ends at `at`, as the paper names it.
    pub(crate) fn last_day(&self, at: &str) -> String {
        at.parse().map_or_else(|_| at.to_owned(), comity_core::agreement::last_day)
    }
}

/// `03:02:11 (12:02 Seoul)`: within a list of one day.
#[allow(dead_code, reason = "asked for by the demo's screen")]
pub(crate) fn clock(at: Timestamp, place: &Place) -> String {
    let utc = instant(at).to_zoned(TimeZone::UTC);
    let time = utc.strftime("%H:%M:%S");
    beside(&utc, place).map_or_else(|| time.to_string(), |local| format!("{time} ({local})"))
}

fn instant(at: Timestamp) -> Instant {
    i64::try_from(at.as_millis())
        .ok()
        .and_then(|millis| Instant::from_millisecond(millis).ok())
        .unwrap_or(Instant::MAX)
}

/// The same instant in a zone that is not UTC, with what it is called.
fn beside(utc: &Zoned, place: &Place) -> Option<String> {
    if place.is_utc() {
        return None;
    }
    let local = utc.with_time_zone(place.zone.clone());
    let format = if local.date() == utc.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    Some(format!("{} {}", local.strftime(format), place.city))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Place {
        Place::new(TimeZone::get(name).unwrap(), None)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_runs_to_the_end_of_a_day_is_shown_with_that_day() {
        let ours = Zones::ours(zone("Asia/Seoul"));
        assert_eq!(ours.last_day("2026-12-20T00:00:00Z"), "2026-12-19");
        // Terminated in the course of a day, of which it lasts a part.
        assert_eq!(ours.last_day("2026-12-20T00:00:00.001Z"), "2026-12-20");
    }

    #[test]
    fn shows_every_zone_once() {
        let ours = Zones::ours(zone("Asia/Seoul"));
        let at_three = at("2026-11-22T03:02:11Z");
        assert_eq!(ours.show(at_three), "2026-11-22 03:02:11Z (12:02 Seoul)");
        assert_eq!(
            ours.with(zone("Pacific/Fiji")).show(at_three),
            "2026-11-22 03:02:11Z (12:02 Seoul, 15:02 Fiji)"
        );
        assert_eq!(
            ours.with(zone("Asia/Seoul")).show(at_three),
            "2026-11-22 03:02:11Z (12:02 Seoul)"
        );
        assert_eq!(Zones::ours(zone("UTC")).show(at_three), "2026-11-22 03:02:11Z");
        let suva = Place::new(TimeZone::get("Pacific/Fiji").unwrap(), Some("Suva".to_owned()));
        assert_eq!(clock(at_three, &suva), "03:02:11 (15:02 Suva)");
        assert_eq!(clock(at_three, &zone("Asia/Tokyo")), "03:02:11 (12:02 Tokyo)");
    }

    #[test]
    fn a_day_that_differs_is_written_out() {
        let ours = Zones::ours(zone("America/New_York"));
        assert_eq!(
            ours.show(at("2026-11-22T03:02:11Z")),
            "2026-11-22 03:02:11Z (2026-11-21 22:02 New York)"
        );
    }
}
