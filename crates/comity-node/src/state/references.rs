//! Short references: `KR-26-0412` for what says something, `KR-26-C007` for what binds or takes back, so
//! that people who count the one do not stumble over the other.

use std::collections::BTreeMap;

use comity_core::{Kind, RecordId, Timestamp};

/// The short references of this node, and the last number of each year's, by what comes before it.
#[derive(Debug, Default)]
pub(super) struct References {
    records: BTreeMap<String, RecordId>,
    last: BTreeMap<String, u64>,
}

impl References {
    /// The record with this reference.
    pub(super) fn find(&self, reference: &str) -> Option<RecordId> {
        self.records.get(reference).copied()
    }

    /// What the next record of a kind is called.
    pub(super) fn next(&self, code: &str, kind: Kind, now: Timestamp) -> String {
        let front = format!("{code}-{:02}-{}", year(now), letter(kind));
        let next = self.last.get(&front).copied().unwrap_or(0).saturating_add(1);
        if kind.is_control() { format!("{front}{next:03}") } else { format!("{front}{next:04}") }
    }

    /// A record is called so.
    pub(super) fn note(&mut self, reference: &str, id: RecordId) {
        self.records.insert(reference.to_owned(), id);
        let front = reference.trim_end_matches(|digit: char| digit.is_ascii_digit());
        let number = reference.strip_prefix(front).and_then(|number| number.parse::<u64>().ok());
        if let Some(number) = number {
            let last = self.last.entry(front.to_owned()).or_default();
            *last = (*last).max(number);
        }
    }
}

/// What tells control records from the others.
fn letter(kind: Kind) -> &'static str {
    if kind.is_control() { "C" } else { "" }
}

/// The last two digits of the year, in UTC.
fn year(now: Timestamp) -> i16 {
    let seconds = i64::try_from(now.as_millis() / 1000).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .map_or(0, |instant| instant.to_zoned(jiff::tz::TimeZone::UTC).year().rem_euclid(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_something_is_counted_by_itself() {
        let now: Timestamp = "2026-11-21T22:00:00Z".parse().unwrap();
        let mut references = References::default();
        let mut name = |kind: Kind, now: Timestamp, id: u8| {
            let reference = references.next("KR", kind, now);
            references.note(&reference, RecordId([id; 32]));
            assert_eq!(references.find(&reference), Some(RecordId([id; 32])));
            reference
        };
        assert_eq!(name(Kind::Agreement, now, 1), "KR-26-C001");
        assert_eq!(name(Kind::Acceptance, now, 2), "KR-26-C002");
        assert_eq!(name(Kind::Advisory, now, 3), "KR-26-0001");
        assert_eq!(name(Kind::Withdrawal, now, 4), "KR-26-C003");
        assert_eq!(name(Kind::Incident, now, 5), "KR-26-0002");
        let later = "2027-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(name(Kind::Incident, later, 6), "KR-27-0001");
        assert_eq!(name(Kind::Unknown(99), later, 7), "KR-27-0002");
    }

    #[test]
    fn numbers_that_outgrow_their_width_go_on() {
        let now: Timestamp = "2026-11-21T22:00:00Z".parse().unwrap();
        let mut references = References::default();
        references.note("KR-26-9999", RecordId([1; 32]));
        references.note("KR-26-C999", RecordId([2; 32]));
        assert_eq!(references.next("KR", Kind::Note, now), "KR-26-10000");
        assert_eq!(references.next("KR", Kind::Keyring, now), "KR-26-C1000");
    }
}
