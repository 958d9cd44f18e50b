//! A certificate of erasure: two lines of JSON, of which the first says what was erased, when and why, and
//! the second seals it. Whoever asked for the erasure verifies it without this node.

use comity_core::digest::domains;
use comity_core::keyring::VerifiedKeyring;
use comity_core::sign::SecretKey;
use serde::{Deserialize, Serialize};

use crate::audit_file::Seal;

/// The version of the format of what says nothing of files.
pub const FORMAT: u64 = 1;
/// The version of the format of what does.
pub const FORMAT_WITH_FILES: u64 = 2;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`FORMAT`], or [`FORMAT_WITH_FILES`] where files left.
    #[serde(rename = "comity-erasure")]
    pub format: u64,
    /// The economy that certifies.
    pub economy: String,
    /// When this was written, by its clock.
    pub written: String,
    /// The record.
    pub record: String,
    /// The short reference, of whoever certifies.
    pub reference: String,
    /// The origin's id.
    pub origin: String,
    /// What was erased.
    pub erased: Vec<ErasedPart>,
    /// Parts of the record whose bodies are still there, by digest.
    pub kept: Vec<String>,
    /// Files of the record that left before, and that nothing here erases.
    #[serde(default, skip_serializing_if = "is_none")]
    pub files: u64,
}

const fn is_none(files: &u64) -> bool {
    *files == 0
}

impl Head {
    /// The format of a certificate with so many files.
    #[must_use]
    pub const fn format_with(files: u64) -> u64 {
        if files == 0 { FORMAT } else { FORMAT_WITH_FILES }
    }
}

/// A part whose body was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasedPart {
    /// The part, by digest.
    pub part: String,
    /// When.
    pub at: String,
    /// `person`: somebody asked for it; `term`: its time was over.
    pub cause: String,
    /// Why.
    pub reason: String,
}

/// Writes both lines.
pub fn write(
    head: &Head,
    keyring: &VerifiedKeyring,
    link_key: &SecretKey,
) -> Result<String, serde_json::Error> {
    let head = serde_json::to_string(head)?;
    let signature = link_key.sign(domains::SIGN_ERASURE, head.as_bytes());
    let seal = Seal {
        keyring: crate::service::to_base64(keyring.encoded()),
        key: link_key.id().to_string(),
        signature: crate::service::to_base64(&signature),
    };
    Ok(format!("{head}\n{}\n", serde_json::to_string(&seal)?))
}
