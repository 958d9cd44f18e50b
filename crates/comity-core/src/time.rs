//! Instants as the records carry them.

use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Negative instants do not occur: every codec refuses them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The start of the Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// An instant after every other.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// The instant `milliseconds` after the epoch, capped at [`Timestamp::MAX`].
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        if milliseconds > Self::MAX.0 { Self::MAX } else { Self(milliseconds) }
    }

    /// The instant `seconds` after the epoch.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This instant moved later, capped at [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(self.0.saturating_add(milliseconds))
    }

    /// This instant moved earlier, not before the epoch.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(milliseconds))
    }

    /// Time from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// RFC 3339, UTC, to the second: `2026-11-21T22:01:29Z`.
impl Timestamp {
    /// RFC 3339 with the milliseconds, where there are any; on screens, seconds suffice.
    #[must_use]
    pub fn precise(self) -> String {
        let milliseconds = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(milliseconds) {
            Ok(instant) => instant.to_string(),
            Err(_) => self.to_string(),
        }
    }

    /// The end of its second, where it is a whole one: what a screen shows for this second is before it.
    #[must_use]
    pub const fn through_its_second(self) -> Self {
        if self.0.is_multiple_of(1000) { Self(self.0.saturating_add(999)) } else { self }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0 / 1000).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_second(seconds) {
            Ok(instant) => write!(f, "{instant}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Reads RFC 3339 with a zone (`Z` or an offset); an instant without one is refused.
    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        let refused = || ParseTimestampError(text.to_owned());
        let instant: jiff::Timestamp = text.parse().map_err(|_refused_by_jiff| refused())?;
        let milliseconds =
            u64::try_from(instant.as_millisecond()).map_err(|_before_1970| refused())?;
        Ok(Self::from_millis(milliseconds))
    }
}

/// The text is no RFC 3339 instant with a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time with a zone, such as 2026-11-21T22:00:00Z")]
pub struct ParseTimestampError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let instant = Timestamp::from_secs(1_795_298_489);
        assert_eq!(instant.to_string().parse(), Ok(instant));
    }

    #[test]
    fn refuses_an_instant_without_a_zone() {
        assert!("2026-11-21T22:00:00".parse::<Timestamp>().is_err());
        assert!("1969-12-31T23:59:59Z".parse::<Timestamp>().is_err());
    }
}
