//! How people name a part of a record.

use std::fmt;
use std::str::FromStr;

use comity_core::Section;
use serde::{Deserialize, Serialize};

/// Digits of a digest by which a part is named at the least.
const FRONT: usize = 8;

/// A part: by its number here, from 1, by its section, or by the front of its digest. Numbers are each node's own: another
/// may count the same parts otherwise. Digests are the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PartName {
    /// Its number among the parts that are here.
    Number(u64),
    /// The section of which it is the only part here; or eight digits of its digest, from the front, or more.
    Section(String),
}

/// Whether a text may be the front of a digest: no section is written so.
#[must_use]
pub(crate) fn is_front(text: &str) -> bool {
    text.len() >= FRONT && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Section(section) => f.write_str(section),
        }
    }
}

impl FromStr for PartName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // No record has as many parts.
        if is_front(text) {
            return Ok(Self::Section(text.to_owned()));
        }
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        match Section::from_name(text) {
            Some(section) => Ok(Self::Section(section.to_string())),
            None => {
                Err("neither a number, as `comity show` has it, nor a section, such as `summary`, nor the front of a digest"
                    .to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_number_or_a_section() {
        assert_eq!("2".parse(), Ok(PartName::Number(2)));
        assert_eq!("mitigation".parse(), Ok(PartName::Section("mitigation".to_owned())));
        assert!("two".parse::<PartName>().is_err());
        for front in ["3f9a1c02", "12345678"] {
            assert_eq!(front.parse(), Ok(PartName::Section(front.to_owned())));
        }
        assert_eq!("1234567".parse(), Ok(PartName::Number(1_234_567)), "too few to be a front");
        let all: Vec<PartName> = serde_json::from_str(r#"[1, "summary"]"#).unwrap();
        assert_eq!(all, ["1".parse().unwrap(), "summary".parse().unwrap()]);
    }
}
