//! Why a partner may, or may not, have a record.

use serde::{Deserialize, Serialize};

use super::RecordLine;

/// Why a partner may, or may not, have a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The record.
    pub record: RecordLine,
    /// For each partner asked about.
    pub partners: Vec<ExplainedPartner>,
    /// Under which policy.
    pub policy: u64,
}

/// Why one partner may, or may not, have each part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainedPartner {
    /// The partner's name.
    pub partner: String,
    /// Whether anything goes.
    pub goes: bool,
    /// The agreement that covers it: its title.
    pub covered_by: Option<String>,
    /// Whether anything was sent already.
    pub sent: bool,
    /// Each part.
    pub parts: Vec<ExplainedPart>,
}

/// Why one part goes or stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExplainedPart {
    /// The digest; `manifest` for a control record.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Its label.
    pub tlp: String,
    /// `release`, `withhold` or `hold`.
    pub outcome: String,
    /// Until when it is held.
    pub until: Option<String>,
    /// Every gate, in order.
    pub gates: Vec<ExplainedGate>,
    /// What would change the answer, one change at a time.
    pub would_change: Vec<String>,
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
}
