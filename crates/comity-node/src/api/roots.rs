//! New root keys in the place of the present ones.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::{KeyLine, RootPassphrase, SignedLine};
use crate::service::{from_base64, to_base64};

/// A key file, sealed as it lies on a disk, on its way to the node over the local socket: the node need
/// not reach the safe. Base 64 there; erased when dropped, and it shows nowhere.
#[derive(Clone)]
pub struct SealedKeys(Zeroizing<Vec<u8>>);

impl SealedKeys {
    /// The bytes of the file.
    #[must_use]
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SealedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKeys")
    }
}

impl Serialize for SealedKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(to_base64(&self.0)))
    }
}

impl<'de> Deserialize<'de> for SealedKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = from_base64(&text).map_err(|_not_base64| {
            serde::de::Error::custom("a key file travels in base 64, and this is none")
        })?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

/// A file of root keys that are to be in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextRootFile {
    /// What it is called where it lies: for what is said about it.
    pub name: String,
    /// What is in it.
    pub keys: SealedKeys,
    /// What opens it, where it is encrypted; a dry run needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<RootPassphrase>,
}

/// The root keys to which the present ones committed take their place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateRootRequest {
    /// The present ones were stolen, or are lost: they do not sign, and what others signed with them counts
    /// no more.
    #[serde(default)]
    pub stolen: bool,
    /// The last instant at which the present ones were certainly ours alone: what they granted or affirmed
    /// here since is left out. Only of stolen ones.
    #[serde(default)]
    pub from: Option<String>,
    /// The keys that take their place.
    pub next: Vec<NextRootFile>,
    /// What opens the present ones, where their file is encrypted and they sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_passphrase: Option<RootPassphrase>,
    /// What seals the files that are written; without it, what opened the keys that take the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_passphrase: Option<RootPassphrase>,
    /// Only say what it would do.
    #[serde(default)]
    pub dry_run: bool,
    /// Also though a later keyring may have been lost with the end of the journal that was cut.
    #[serde(default)]
    pub anyway: bool,
}

/// Root keys, replaced or as they would be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RootRotated {
    /// Whether without the word of those before.
    pub stolen: bool,
    /// Whether the keys that take the place were opened, and are those to which the present ones committed.
    pub checked: bool,
    /// How many times the root keys have been replaced, with this.
    pub times: u64,
    /// The version of the keyring that says so; none of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<u64>,
    /// Where the root keys lie now.
    pub root_file: String,
    /// Where those lie that follow them.
    pub next_file: String,
    /// Since when what the old ones granted is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Keys that they granted since, and that are granted nothing any more.
    pub left_out: Vec<KeyLine>,
    /// Of stolen ones: what they granted that is granted again, besides the keys with which the node runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anew: Vec<KeyLine>,
    /// Of stolen ones: records that a keyring affirms, and the next one will; whoever had the root may have done it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affirmed: Vec<SignedLine>,
    /// `desk`, `link`: keys of the node that the keyring has ended, left out or narrowed, and that get successors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renewed: Vec<String>,
    /// What those keys signed, and counts no more.
    pub takes_back: Vec<SignedLine>,
    /// How many affirmations they made since, which are left out.
    pub unaffirmed: u64,
    /// What it is for every partner.
    pub partners: Vec<RootPartner>,
}

/// How a partner comes to hear of new root keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RootPartner {
    /// Its name here.
    pub name: String,
    /// When.
    pub hears: Hears,
}

/// When a partner hears of new root keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hears {
    /// At once: its link is up.
    AtOnce,
    /// When its link comes up.
    WhenItConnects,
    /// When a person here resumes it.
    WhenResumed,
    /// From whoever passes our records on to it: there is no link.
    ThroughOthers,
}
