//! Emergency releases: one record of ours to one partner.

use serde::{Deserialize, Serialize};

use super::approvals::ApprovalSaid;
use super::audit::AuditTold;
use super::keys::RootPassphrase;
use super::records::RecordLine;
use super::staff::StaffPassphrase;

/// A new emergency key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmergencyKeyRequest {
    /// What is to open the key; without it, it is not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<StaffPassphrase>,
    /// What opens the root keys, where their file is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_passphrase: Option<RootPassphrase>,
}

/// The key was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmergencyKeyMade {
    /// The key.
    pub key: String,
    /// Its file.
    pub file: String,
    /// Until when it is granted.
    pub until: String,
    /// The keys before it, which end now.
    pub ended: Vec<String>,
    /// The version of the keyring that grants it.
    pub keyring: u64,
}

/// One record of ours to one partner, whatever agreements and trust say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmergencyRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// The partner.
    pub to: String,
    /// Why, one line; kept here.
    pub reason: String,
    /// Only tell what the partner would get by it; needs no key.
    pub dry_run: bool,
    /// What opens the emergency key, where its file is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<StaffPassphrase>,
}

/// A second person's word about an emergency release.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmergencyConfirmRequest {
    /// The reference of the release, or that of its record where one of it waits.
    pub release: String,
    /// Whether it is a no: what went is recalled at once.
    pub refuse: bool,
    /// What the person says about it, one line; of a no, why.
    pub note: String,
    /// Only tell what it is about.
    pub dry_run: bool,
}

/// An emergency release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmergencyLine {
    /// Its reference: that of the record that says so.
    pub release: String,
    /// The reference of the record that goes.
    pub record: String,
    /// Its title, where that does not tell more than whoever asks may see.
    pub title: String,
    /// The strictest label among its parts.
    pub tlp: String,
    /// The partner: the name.
    pub to: String,
    /// The partner: the id.
    pub to_id: String,
    /// Who broke the glass.
    pub by: String,
    /// Why, where that does not tell more than whoever asks may see.
    pub reason: String,
    /// When.
    pub at: String,
    /// Unless a second person confirms it before, it is recalled.
    pub confirm_by: String,
    /// The first instant at which nothing goes by it any more, confirmed or not.
    pub until: String,
    /// `not confirmed`, `confirmed`, `refused`, `not confirmed in time`, `its key was stolen`.
    pub state: String,
    /// Whether it lets something go now.
    pub open: bool,
    /// Whether anything of the record possibly went by it.
    pub went: bool,
    /// Whether the recall from the partner is due, and not signed.
    pub recall_due: bool,
    /// What a second person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<ApprovalSaid>,
    /// The recall from the partner, by reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled_by: Option<String>,
    /// Whether the partner knows of that, and what it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall_told: Option<AuditTold>,
}

/// A part that goes, or does not go, by an emergency release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmergencyPart {
    /// By digest.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Its label.
    pub tlp: String,
    /// Bytes.
    pub size: u64,
    /// `by it`: it would not go otherwise; `anyway`; or `stays`.
    pub outcome: String,
    /// Why it stays, or what would have kept it.
    pub because: Vec<String>,
}

/// What became of it, or would.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmergencyAnswer {
    /// The record that goes.
    pub record: RecordLine,
    /// The partner.
    pub to: String,
    /// Each part of the record.
    pub parts: Vec<EmergencyPart>,
    /// What the partner takes on.
    pub obligations: String,
    /// Before which a second person has to confirm it.
    pub confirm_by: String,
    /// Who may.
    pub confirmers: Vec<String>,
    /// The first instant at which nothing goes by it any more.
    pub until: String,
    /// Nothing goes before: it can be unsent, or has a time of release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// The release, once it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<EmergencyLine>,
}

/// An emergency release that wants a person, for everybody who reaches the node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmergencyDue {
    /// Its reference.
    pub release: String,
    /// The reference of the record.
    pub record: String,
    /// The partner.
    pub to: String,
    /// As [`EmergencyLine::state`].
    pub state: String,
    /// Before which somebody has to confirm it, or since when its recall is due.
    pub due: String,
    /// Whether the recall is due.
    pub recall_due: bool,
}
