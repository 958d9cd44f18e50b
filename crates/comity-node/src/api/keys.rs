//! Keys of the keyring: their ends, and what they had signed.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::keyfile::Passphrase;

/// What opens the file of the root keys, on its way to the node over the local socket. It is erased
/// when dropped, and shows nowhere.
#[derive(Clone)]
pub struct RootPassphrase(Zeroizing<String>);

impl RootPassphrase {
    /// As typed, without the line's end.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// As typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// `None` when it is empty.
    pub(crate) fn typed(&self) -> Option<Passphrase> {
        Passphrase::new(self.0.as_str().to_owned())
    }
}

impl fmt::Debug for RootPassphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootPassphrase")
    }
}

impl Serialize for RootPassphrase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RootPassphrase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A new key for the links.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// The old one is in foreign hands: what it signed counts nowhere, whatever time it says.
    #[serde(default)]
    pub compromised: bool,
    /// Since when it may be; now, if this is not said. Keys of the links that were replaced since are
    /// declared stolen as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What opens the root keys, where their file is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_passphrase: Option<RootPassphrase>,
}

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
    /// Of an author: whether it signs content, or only words without any: agreements, approvals, withdrawals.
    #[serde(default)]
    pub content: bool,
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
    /// The front of the key's id, or the name of whoever of the staff has it; `desk` is the one with which the node
    /// signs.
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
    /// Also though a later keyring may have been lost with the end of the journal that was cut.
    #[serde(default)]
    pub anyway: bool,
    /// What opens the root keys, where their file is encrypted; a dry run needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_passphrase: Option<RootPassphrase>,
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
    /// What falls with them: agreements, proposals and groups, under which nothing goes any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub falls: Vec<FallLine>,
    /// Records signed before that partners hold: they count with whoever had them from us, and are set
    /// aside by whoever first sees them later, through others, until they are affirmed.
    pub doubts: Vec<SignedLine>,
}

/// Something that rests on what a key signed, and falls with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FallLine {
    /// What becomes of it, in a sentence.
    pub what: String,
    /// What mends it; none, where another line says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
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
    /// Its kind.
    pub kind: String,
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
    /// What opens the root keys, where their file is encrypted; a dry run needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_passphrase: Option<RootPassphrase>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_travels_and_is_not_printed() {
        let root_passphrase = Some(RootPassphrase::new("correct \"horse\"".to_owned()));
        let asked = RevokeRequest { root_passphrase, ..RevokeRequest::default() };
        assert!(!format!("{asked:?}").contains("horse"));
        let sent = serde_json::to_vec(&asked).unwrap();
        let taken: RevokeRequest = serde_json::from_slice(&sent).unwrap();
        assert_eq!(taken.root_passphrase.unwrap().0.as_str(), "correct \"horse\"");
        // A wrong request is told without what stood in it.
        let wrong = br#"{"root_passphrase": ["correct horse"]}"#;
        let refused = serde_json::from_slice::<RotateRequest>(wrong).unwrap_err().to_string();
        assert!(!refused.contains("horse"), "{refused}");
    }
}
