//! Values as they are typed.

use comity_core::assessment::{Credibility, Reliability};
use comity_core::staff::StaffRole;
use comity_core::{Kind, Means, RecallReason, RefusalReason, Timestamp, Tlp};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

pub(super) fn tlp(text: &str) -> Result<Tlp, String> {
    Tlp::from_name(text).ok_or_else(|| "one of clear, green, amber, amber+strict, red".to_owned())
}

pub(super) fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| one_of(Kind::ALL))
}

pub(super) fn means(text: &str) -> Result<Means, String> {
    Means::from_name(text).ok_or_else(|| one_of(Means::ALL))
}

pub(super) fn recall_reason(text: &str) -> Result<RecallReason, String> {
    RecallReason::from_name(text).ok_or_else(|| one_of(RecallReason::ALL))
}

pub(super) fn refusal_reason(text: &str) -> Result<RefusalReason, String> {
    RefusalReason::from_name(text).ok_or_else(|| one_of(RefusalReason::ALL))
}

pub(super) fn reliability(text: &str) -> Result<Reliability, String> {
    Reliability::from_name(text).ok_or_else(|| {
        "A (completely reliable) to E (unreliable), or F (cannot be judged)".to_owned()
    })
}

pub(super) fn credibility(text: &str) -> Result<Credibility, String> {
    text.parse().ok().and_then(Credibility::from_code).ok_or_else(|| {
        "1 (confirmed by other sources) to 5 (improbable), or 6 (cannot be judged)".to_owned()
    })
}

fn one_of(all: &[impl std::fmt::Display]) -> String {
    let names: Vec<_> = all.iter().map(ToString::to_string).collect();
    format!("one of {}", names.join(", "))
}

pub(super) fn role(text: &str) -> Result<StaffRole, String> {
    StaffRole::from_name(text)
        .ok_or_else(|| format!("one of {}", StaffRole::ALL.map(StaffRole::name).join(", ")))
}

/// An instant with a zone. A time without one could be meant in any.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error: comity_core::time::ParseTimestampError| error.to_string())
}

/// A time zone: its name in the database, or its distance from UTC.
pub(super) fn zone(text: &str) -> Result<TimeZone, String> {
    let found = DateTimeParser::new().parse_time_zone(text);
    found.map_err(|_unknown| "no time zone, such as UTC, Asia/Seoul or +09:00".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_name_or_a_distance() {
        for fine in ["UTC", "Asia/Seoul", "+09:00", "-03"] {
            assert!(zone(fine).is_ok(), "{fine}");
        }
        for wrong in ["", "Seoul", "9", "KST9:"] {
            assert!(zone(wrong).unwrap_err().contains("such as"), "{wrong}");
        }
    }

    #[test]
    fn a_time_needs_its_zone() {
        assert!(instant("2026-11-22T03:00:00Z").is_ok());
        assert!(instant("2026-11-22T12:00:00+09:00").is_ok());
        assert!(instant("2026-11-22T12:00:00").unwrap_err().contains("zone"));
    }

    #[test]
    fn wrong_words_are_answered_with_the_right_ones() {
        assert_eq!(tlp("amber+strict"), Ok(Tlp::AmberStrict));
        assert!(tlp("orange").unwrap_err().contains("amber+strict"));
        assert!(kind("advisry").unwrap_err().contains("advisory"));
        assert!(means("fax").unwrap_err().contains("paper"));
        assert!(recall_reason("mistake").unwrap_err().contains("sent-in-error"));
        assert!(refusal_reason("no").unwrap_err().contains("investigation"));
    }
}
