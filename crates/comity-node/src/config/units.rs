//! Durations, sizes and rates as people write them: a number and a unit.

use std::fmt;
use std::time::Duration;

/// The text is no number with a unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A number alone.
    #[error("`{text}` has no unit")]
    Missing {
        /// What was written.
        text: String,
        /// The units that are known here.
        units: Vec<&'static str>,
    },
    /// A unit that is not known here.
    #[error("`{unit}` is no unit of a {what}")]
    Unknown {
        /// What was written after the number.
        unit: String,
        /// What was expected: duration, size, rate.
        what: &'static str,
        /// The units that are known here.
        units: Vec<&'static str>,
    },
    /// No whole number in front.
    #[error("`{text}` does not begin with a whole number")]
    Number {
        /// What was written.
        text: String,
    },
    /// Beyond what can be counted.
    #[error("`{text}` is too large")]
    TooLarge {
        /// What was written.
        text: String,
    },
}

impl UnitError {
    /// The units that would have been understood.
    #[must_use]
    pub fn units(&self) -> &[&'static str] {
        match self {
            Self::Missing { units, .. } | Self::Unknown { units, .. } => units,
            Self::Number { .. } | Self::TooLarge { .. } => &[],
        }
    }
}

type Units = &'static [(&'static str, u64)];

// The first name of each factor is the one that is written back.
const DURATIONS: Units = &[
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("days", 86_400_000),
    ("day", 86_400_000),
    ("hours", 3_600_000),
    ("hour", 3_600_000),
    ("minutes", 60_000),
    ("minute", 60_000),
    ("seconds", 1_000),
    ("second", 1_000),
];
const SIZES: Units = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];
const RATES: Units =
    &[("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000)];

fn parse(text: &str, what: &'static str, units: Units) -> Result<u64, UnitError> {
    let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    if number.is_empty() {
        return Err(UnitError::Number { text: text.to_owned() });
    }
    if unit.is_empty() {
        return Err(UnitError::Missing { text: text.to_owned(), units: names() });
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(UnitError::Unknown { unit: unit.to_owned(), what, units: names() });
    };
    let too_large = || UnitError::TooLarge { text: text.to_owned() };
    let number: u64 = number.parse().map_err(|_beyond_64_bits| too_large())?;
    number.checked_mul(*factor).ok_or_else(too_large)
}

/// The largest unit in which the value is a whole number.
fn write(f: &mut fmt::Formatter<'_>, value: u64, units: Units, written: &[&str]) -> fmt::Result {
    let best = units
        .iter()
        .filter(|(name, factor)| written.contains(name) && value.is_multiple_of(*factor))
        .max_by_key(|(_, factor)| *factor);
    match best {
        Some((name, factor)) => write!(f, "{} {name}", value / factor),
        None => write!(f, "{value}"),
    }
}

/// Reads `45 s`, `5 min`, `24 h`, `90 days`.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    parse(text, "duration", DURATIONS).map(Duration::from_millis)
}

/// Reads `512 KiB`, `64 MiB`, `2 GiB` (powers of 1024) and `64 MB` (powers of 1000), in bytes.
pub fn size(text: &str) -> Result<u64, UnitError> {
    parse(text, "size", SIZES)
}

/// Reads `50 Mbit/s`, in bits per second.
pub fn rate(text: &str) -> Result<u64, UnitError> {
    parse(text, "rate", RATES)
}

/// A duration as it is written in a configuration.
#[derive(Clone, Copy, Debug)]
pub struct WrittenDuration(pub Duration);

impl fmt::Display for WrittenDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        write(f, millis, DURATIONS, &["ms", "s", "min", "h"])
    }
}

/// A size in bytes as it is written in a configuration.
#[derive(Clone, Copy, Debug)]
pub struct WrittenSize(pub u64);

impl fmt::Display for WrittenSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, SIZES, &["B", "KiB", "MiB", "GiB", "TiB"])
    }
}

/// A rate in bits per second as it is written in a configuration.
#[derive(Clone, Copy, Debug)]
pub struct WrittenRate(pub u64);

impl fmt::Display for WrittenRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, RATES, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_number_and_a_unit() {
        assert_eq!(duration("45 s"), Ok(Duration::from_secs(45)));
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("90 days"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(size("64 MiB"), Ok(64 << 20));
        assert_eq!(size("64 MB"), Ok(64_000_000));
        assert_eq!(rate("50 Mbit/s"), Ok(50_000_000));
    }

    #[test]
    fn refuses_what_could_mean_two_things() {
        assert!(matches!(duration("45"), Err(UnitError::Missing { .. })));
        assert!(matches!(duration("45 m"), Err(UnitError::Unknown { .. })));
        assert!(matches!(duration("-1 s"), Err(UnitError::Number { .. })));
        assert!(matches!(duration("1.5 h"), Err(UnitError::Unknown { .. })));
        assert!(matches!(size("64 Mb"), Err(UnitError::Unknown { .. })));
        assert!(matches!(size("99999999999 TiB"), Err(UnitError::TooLarge { .. })));
        assert!(matches!(size("99999999999999999999 B"), Err(UnitError::TooLarge { .. })));
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["45 s", "1500 ms", "5 min", "36 h"] {
            assert_eq!(WrittenDuration(duration(text).unwrap()).to_string(), text);
        }
        for text in ["64 MiB", "1 GiB", "1500 B"] {
            assert_eq!(WrittenSize(size(text).unwrap()).to_string(), text);
        }
        assert_eq!(WrittenRate(50_000_000).to_string(), "50 Mbit/s");
    }
}
