//! Why a partner may, or may not, have a record.

use serde::{Deserialize, Serialize};

use super::{PartName, RecordLine};

/// What is asked about a record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// A partner's name or id; `constituents`; `public`; none: every partner.
    #[serde(default)]
    pub to: Option<String>,
    /// One part, by its number among those that are here, or by its section; none: all.
    #[serde(default)]
    pub part: Option<PartName>,
    /// With what was known at this instant, RFC 3339; none: now.
    #[serde(default)]
    pub at: Option<String>,
}

/// Those in our own economy for whom this node works, as an answer names them.
pub const CONSTITUENTS: &str = "our constituents";

/// Everybody, as an answer names them.
pub const PUBLIC: &str = "the public";

/// Why a partner may, or may not, have a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The record.
    pub record: RecordLine,
    /// For each partner asked about.
    pub partners: Vec<ExplainedPartner>,
    /// Under which policy.
    pub policy: u64,
    /// The instant that was asked about, with what was known then. `None`: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Of one of ours that goes by a person's word: why no partner counts it, and what to do instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheeded: Option<String>,
}

/// Why one partner may, or may not, have each part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainedPartner {
    /// The partner's name; [`CONSTITUENTS`], [`PUBLIC`].
    pub partner: String,
    /// Whether anything goes.
    pub goes: bool,
    /// The agreement that covers it: its title.
    pub covered_by: Option<String>,
    /// The consents by which something of it goes: their short references.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consented_by: Vec<String>,
    /// Whether anything was sent already.
    pub sent: bool,
    /// Each part.
    pub parts: Vec<ExplainedPart>,
}

/// Why one part goes or stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainedPart {
    /// Its place among the parts that are here, from 1: what `--part` names.
    pub number: usize,
    /// The digest; `manifest` for a control record.
    pub part: String,
    /// What it says.
    pub section: String,
    /// The economy that it is for alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Its label.
    pub tlp: String,
    /// `release`, `withhold` or `hold`.
    pub outcome: String,
    /// Until when it is held.
    pub until: Option<String>,
    /// In one sentence, why it stays.
    pub reason: Option<String>,
    /// Every gate, in order.
    pub gates: Vec<ExplainedGate>,
    /// The smallest sets of changes that would turn the answer, the smallest first.
    pub would_change: Vec<Vec<ExplainedChange>>,
    /// Where there is none: what stays against it, whatever anybody changes.
    pub fixed: Vec<String>,
}

/// One change of several that would turn the answer together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainedChange {
    /// What would have to happen.
    pub what: String,
    /// The command that does it here, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// What one gate says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainedGate {
    /// The gate.
    pub gate: String,
    /// `pass`, `deny` or `hold`.
    pub verdict: String,
    /// Why.
    pub sentence: String,
    /// The article that it cites.
    pub clause: Option<String>,
    /// Whether it would have said no, and passes by an emergency release.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed: bool,
}
