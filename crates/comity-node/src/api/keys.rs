//! Keys of the keyring: their ends, and what they had signed.

use serde::{Deserialize, Serialize};

/// A key of our keyring.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyLine {
    /// Its id.
    pub key: String,
    /// What it is for: `link`, `author`.
    pub role: String,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// The strictest label that it may sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<String>,
    /// Granted from here on.
    pub from: String,
    /// Up to here.
    pub until: String,
    /// It ended early, here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// Whether it is in foreign hands.
    pub compromised: bool,
    /// Whether this node signs records with it.
    pub signs_here: bool,
}

/// The end of an author's key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// The front of the key's id; `desk` is the one with which the node signs.
    pub key: String,
    /// What it signs from here on counts no more; now, if this is not said.
    #[serde(default)]
    pub from: Option<String>,
    /// Whether it is in foreign hands.
    #[serde(default)]
    pub compromised: bool,
    /// Why: kept here, and sent to nobody.
    #[serde(default)]
    pub reason: Option<String>,
    /// Only say what it would take back.
    #[serde(default)]
    pub dry_run: bool,
}

/// The end of an author's key, done or tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revoked {
    /// The key.
    pub key: String,
    /// From when on.
    pub from: String,
    /// Whether it is in foreign hands.
    pub compromised: bool,
    /// Whether this node signed with it, so that a new key takes its place.
    pub replaced: bool,
    /// The version of the keyring that says so; none of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<u64>,
    /// Records that count no more: signed from then on.
    pub takes_back: Vec<SignedLine>,
    /// Records signed before that partners hold: they count with whoever had them from us, and are set
    /// aside by whoever first sees them later, through others, until they are affirmed.
    pub doubts: Vec<SignedLine>,
}

/// A record that a key signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedLine {
    /// Its id.
    pub record: String,
    /// Its reference here.
    pub reference: String,
    /// Its title here.
    pub title: String,
    /// When it says that it was signed.
    pub signed_at: String,
    /// The partners that possibly hold something of it.
    pub held_by: Vec<String>,
}

/// The root's word for single records.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffirmRequest {
    /// References, or the fronts of ids.
    #[serde(default)]
    pub records: Vec<String>,
    /// All that revoked keys signed from the first instant on, before the second.
    #[serde(default)]
    pub signed_between: Option<(String, String)>,
    /// Only say which.
    #[serde(default)]
    pub dry_run: bool,
}

/// The root's word, given or tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Affirmed {
    /// The version of the keyring that says so; none of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<u64>,
    /// The records.
    pub records: Vec<SignedLine>,
}
