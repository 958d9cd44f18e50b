//! What the egress guard holds, as it is shown.

use serde::{Deserialize, Serialize};

use super::PartName;

/// The egress guard: its lists, and what they hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GuardReport {
    /// The lists in force; none: there is no guard.
    pub lists: Vec<GuardList>,
    /// Parts that are held, and those that somebody let pass although rules match them.
    pub parts: Vec<GuardPart>,
}

/// One of its lists.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GuardList {
    /// `strings`, `expressions`, `prefixes` or `hashes`.
    pub list: String,
    /// The file.
    pub file: String,
    /// How many rules it has.
    pub rules: u64,
}

/// A part that rules match.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GuardPart {
    /// The record's reference.
    pub reference: String,
    /// Its id.
    pub record: String,
    /// Its title, where that does not tell more than whoever asks may see.
    pub title: String,
    /// The number of the part, as `explain` shows it.
    pub number: u64,
    /// The part, by digest.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Its label.
    pub tlp: String,
    /// Where the rules stand that hold it, and never what they look for. None: it was let pass.
    pub held_by: Vec<String>,
    /// Partners that may have had it before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub went_to: Vec<String>,
    /// Who let it pass, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<GuardPass>,
}

/// Somebody let a part pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GuardPass {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// A part that somebody lets pass, or holds again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// The part, by its number as `explain` shows it, or by its section.
    pub part: PartName,
    /// Who decides; where somebody of the staff asks, that one does.
    #[serde(default)]
    pub by: String,
    /// Why. Kept here and sent to nobody.
    pub reason: String,
}
