//! The people of this economy.

use serde::{Deserialize, Serialize};

use super::keys::{RootPassphrase, SignedLine};

/// What opens the key of somebody of the staff: it travels as that of the root keys does.
pub type StaffPassphrase = RootPassphrase;

/// Somebody of the staff.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StaffLine {
    /// Who.
    pub name: String,
    /// `analyst`, `approver`, `liaison`, `operator`, `auditor`.
    pub roles: Vec<String>,
    /// The person's key.
    pub key: String,
    /// The strictest label of content that it may sign; none for who signs no content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<String>,
    /// How far the person publishes alone.
    #[serde(default, skip_serializing_if = "AloneFields::is_unlimited")]
    pub alone: AloneFields,
    /// Since when, under this key.
    pub since: String,
    /// Until when the key is granted; none where the keyring does not grant it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// When the person left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// The key ended early, here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
    /// Whether it is in foreign hands.
    pub compromised: bool,
    /// How many records the key has signed.
    pub signed: u64,
}

/// How far somebody publishes alone. What is not said is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AloneFields {
    /// Up to this label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<String>,
    /// These kinds; none named: every kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Marked with these categories, or with none; none named: every category.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// To as many partners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<u64>,
}

impl AloneFields {
    /// Whether it limits nothing.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// Somebody who is to join the staff.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffAddRequest {
    /// Who: 1 to 32 lower-case letters, digits and hyphens.
    pub name: String,
    /// The roles.
    pub roles: Vec<String>,
    /// The strictest label of content that the person may sign; AMBER, if this is not said.
    #[serde(default)]
    pub up_to: Option<String>,
    /// How far the person publishes alone; beyond it, an approver says yes first.
    #[serde(default, skip_serializing_if = "AloneFields::is_unlimited")]
    pub alone: AloneFields,
    /// What is to open the person's key; without it, it is not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<StaffPassphrase>,
    /// What opens the root keys, where their file is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_passphrase: Option<RootPassphrase>,
}

/// Somebody has joined.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StaffAdded {
    /// Who.
    pub line: StaffLine,
    /// The file of the person's key.
    pub file: String,
    /// The version of the keyring that grants the key.
    pub keyring: u64,
    /// What nobody may do from now on, where this is the first of the staff: in one line each, with what to do about
    /// it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nobody_may: Vec<String>,
}

/// Somebody who is to leave the staff.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffLeaveRequest {
    /// Who.
    pub name: String,
    /// Only say what it would leave in doubt.
    #[serde(default)]
    pub dry_run: bool,
    /// What opens the root keys, where their file is encrypted; a dry run needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_passphrase: Option<RootPassphrase>,
}

/// Somebody has left, or would.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StaffLeft {
    /// Who.
    pub name: String,
    /// The key that ends.
    pub key: String,
    /// From when on.
    pub from: String,
    /// The version of the keyring that says so; none of a dry run, and where it had said so before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<u64>,
    /// Records of the person that partners hold: they count with whoever had them from us, and are set
    /// aside by whoever first sees them later, through others, until they are affirmed.
    pub doubts: Vec<SignedLine>,
    /// What nobody who stays could do then: in one line each, with what to do about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
}

/// A key of the staff is to be known as somebody's. Needs the root keys, as it ends the key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecogniseRequest {
    /// The key: the front of its id.
    pub key: String,
    /// Whose it is, or was.
    pub name: String,
    /// Only say what it would do.
    #[serde(default)]
    pub dry_run: bool,
    /// What opens the root keys, where their file is encrypted; a dry run needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_passphrase: Option<RootPassphrase>,
}

/// A key of the staff is known as somebody's, or would be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recognised {
    /// The key.
    pub key: String,
    /// Whose it is, or was.
    pub name: String,
    /// Where nobody ever was here under this name: who was. A name that is mistyped is somebody else for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// How many records here are signed with it.
    pub signed: u64,
    /// The version of the keyring that ends it; none of a dry run, and where it had ended before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<u64>,
}

/// A key of the staff, of which nothing here says whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnclaimedKey {
    /// The key.
    pub key: String,
    /// Until when it is granted.
    pub until: String,
    /// Whether it ended before.
    pub ended: bool,
    /// How many records here are signed with it.
    pub signed: u64,
}

/// Somebody of the staff was shown content above TLP:GREEN.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadLine {
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// The record; none where it was a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// How the record, or the draft, is called here.
    pub reference: String,
}

/// Which readings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadsRequest {
    /// Of this record only, or of this draft.
    pub record: Option<String>,
    /// By this person only.
    pub by: Option<String>,
}
