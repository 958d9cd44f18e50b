//! What is kept from everybody until a person decides, as it is shown.

use serde::{Deserialize, Serialize};

use super::records::RecordLine;

/// A record that is kept from everybody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuarantineLine {
    /// The record, with why in words.
    #[serde(flatten)]
    pub line: RecordLine,
    /// How it is kept back.
    #[serde(flatten)]
    pub held: HoldLine,
}

/// Why and since when a record is kept from everybody, and who brought it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldLine {
    /// `doubt`: its author may not have been entitled; `review`: by our rule a person looks first;
    /// `person`: somebody here held it; `dropped`: somebody here dropped it.
    pub cause: String,
    /// Since when.
    pub since: String,
    /// Partners that brought it, the first one first.
    pub brought_by: Vec<String>,
    /// Partners to which it may have gone before.
    pub went_to: Vec<String>,
    /// Why it cannot be refused for good, where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_dropped: Option<String>,
    /// Why it cannot be let out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_released: Option<String>,
    /// Of one of our own: why no partner counts it, whatever is decided here, and what to do instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheeded: Option<String>,
}

/// What a person decided about a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RulingLine {
    /// `release`, `hold` or `drop`.
    pub verdict: String,
    /// Who decided.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// Which records.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuarantineRequest {
    /// Those that were dropped as well.
    pub dropped: bool,
}

/// What a person decides about a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// What is to become of it.
    pub verdict: RuleVerdict,
    /// Who decides.
    pub by: String,
    /// Why. Kept here and sent to nobody.
    pub reason: String,
    /// Only whether it would be refused.
    #[serde(default)]
    pub dry_run: bool,
}

/// A record about which a person has decided.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuledLine {
    /// The record as it stands now.
    #[serde(flatten)]
    pub line: RecordLine,
    /// Of one of our own that was let out: why no partner counts it all the same, and what to do instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheeded: Option<String>,
}

/// What a person may decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleVerdict {
    /// It counts.
    Release,
    /// It counts no more, until a person decides again.
    Hold,
    /// It is not to count, and does not come back.
    Drop,
}
