//! What waits for a second person, and what was said.

use serde::{Deserialize, Serialize};

use super::{EmergencyLine, Preview};

/// Records that wait for a second person, and who may be that.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ApprovalReport {
    /// Those of the staff who may approve something, by name. None: nothing that waits can go.
    pub approvers: Vec<String>,
    /// What waits, the record that has waited longest first.
    pub waiting: Vec<ApprovalLine>,
    /// Emergency releases that nobody has confirmed, and those whose recall is due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emergencies: Vec<EmergencyLine>,
}

/// A record of ours that takes a second person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApprovalLine {
    /// The record.
    pub record: String,
    /// Its reference.
    pub reference: String,
    /// Its kind.
    pub kind: String,
    /// Its title, where that does not tell more than whoever asks may see.
    pub title: String,
    /// The strictest label among its parts.
    pub tlp: String,
    /// Who signed it: a name of the staff, `desk`, or the key of somebody whose name is not known here.
    pub author: String,
    /// That key, where nothing here says whose it is: then nobody may approve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclaimed: Option<String>,
    /// Those of the staff who may say a word about it, where it waits: not whoever signed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// Why it takes a second person: `TLP:RED`, `category ...`, `class ...`, `N recipients`.
    pub causes: Vec<String>,
    /// Since when.
    pub since: String,
    /// What was said, if somebody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<ApprovalSaid>,
}

/// A second person's word.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApprovalSaid {
    /// `approved` or `refused`.
    pub verdict: String,
    /// Who said it.
    pub by: String,
    /// When.
    pub at: String,
    /// What the person says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The reference of the record that says so.
    pub reference: String,
}

/// A second person's word about a record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApproveRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// Whether it is a no: the record never leaves.
    pub refuse: bool,
    /// What the person says about it, one line; of a no, why.
    pub note: String,
    /// Only tell who would get what.
    pub dry_run: bool,
}

/// What became of it, or would.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approved {
    /// The record.
    pub line: ApprovalLine,
    /// Who gets what once it is approved: of a no, and after the word, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// Until when nobody gets it all the same, since it can be unsent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsend_until: Option<String>,
    /// Whether the node is in recovery: nothing is sent until that is over.
    #[serde(default)]
    pub recovering: bool,
    /// Why it goes to nobody though it is approved, where it is in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_quarantine: Option<String>,
}

/// Why something that is published takes a second person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApprovalNeed {
    /// Why: `TLP:RED`, `category ...`, `class ...`, `N recipients`.
    pub causes: Vec<String>,
    /// Those of the staff who may approve it: not whoever signs it.
    pub approvers: Vec<String>,
}
