//! What is let go, and what is kept on legal grounds.

use serde::{Deserialize, Serialize};

use super::PartName;

/// Parts of a record are to be erased here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// Parts, by number or section; none: every part that is here.
    #[serde(default)]
    pub parts: Vec<PartName>,
    /// Why, in a person's words; it is in the certificate.
    pub reason: String,
    /// Only tell what would go, and who has copies.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is erased, or would be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Erasing {
    /// The id.
    pub record: String,
    /// Its reference.
    pub reference: String,
    /// Whether it was done.
    pub done: bool,
    /// Every part that came.
    pub parts: Vec<ErasingPart>,
    /// Bodies beside them that go as well: the title for screens, the sections of the draft that it was
    /// made from.
    pub beside: u64,
    /// Who has copies, as far as the ledgers say: a copy elsewhere is not erased by this.
    pub holders: Vec<ErasingHolder>,
    /// People who were told by other means, as far as somebody entered it.
    pub told_outside: u64,
    /// How many files left of it.
    #[serde(default)]
    pub files: u64,
    /// What keeps it from being erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<LegalHoldLine>,
    /// Recalls that were answered with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<String>,
}

/// A part, and whether its body goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErasingPart {
    /// Its number.
    pub number: usize,
    /// The part, by digest.
    pub part: String,
    /// Its section.
    pub section: String,
    /// Its label.
    pub tlp: String,
    /// Bytes of its body.
    pub size: u64,
    /// Whether it goes, or went, with this.
    pub goes: bool,
    /// What took it, if it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<ErasedLine>,
}

/// An erasure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErasedLine {
    /// When.
    pub at: String,
    /// `person`: somebody asked for it; `term`: its time was over.
    pub cause: String,
    /// Why.
    pub reason: String,
    /// Who of the staff asked for it; empty where nobody is named.
    pub by: String,
}

/// Somebody who has copies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErasingHolder {
    /// What we call it.
    pub partner: String,
    /// Numbers of the parts that it may hold. Empty: whoever brought it has what it brought.
    pub parts: Vec<usize>,
    /// `sent`: by our ledger; `brought`: it came from there; `origin`: it was made there.
    pub how: String,
}

/// The certificate of an erasure, as a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// Its text.
    pub file: String,
}

/// A record is kept on legal grounds, or need not be any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalHoldRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// Why.
    pub reason: String,
}

/// A record that is kept on legal grounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LegalHoldLine {
    /// The id.
    pub record: String,
    /// Its reference; the front of the id where it is not here.
    pub reference: String,
    /// Why.
    pub reason: String,
    /// Who of the staff said so; empty where nobody is named.
    pub by: String,
    /// Since when.
    pub since: String,
}

/// What goes within a time from now.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionDueRequest {
    /// Such as `30 days`.
    pub within: String,
}

/// A part, and until when its body is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetentionLine {
    /// The record's id.
    pub record: String,
    /// Its reference.
    pub reference: String,
    /// Its title for local screens.
    pub title: String,
    /// The part's number.
    pub number: usize,
    /// The part, by digest.
    pub part: String,
    /// Its section.
    pub section: String,
    /// Its label.
    pub tlp: String,
    /// When its body goes; none: it is kept for ever, or gone.
    pub goes_at: Option<String>,
    /// By which rule.
    pub rule: Option<String>,
    /// Whether that was agreed with somebody.
    #[serde(default)]
    pub agreed: bool,
    /// What keeps it all the same: `legal-hold`, or `asked`: somebody waits for our consent about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays: Option<String>,
    /// What took it, if it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<ErasedLine>,
}

/// The copies of the journal that were made here and are still where they were made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Backups {
    /// The shortest term that binds anything here, in days; none: everything is kept for ever.
    pub shortest_term_days: Option<u64>,
    /// The oldest first.
    pub backups: Vec<BackupLine>,
}

/// A copy of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackupLine {
    /// Where it lies.
    pub folder: String,
    /// When it was begun.
    pub at: String,
    /// Whether it is older than the shortest term: it has what should be gone.
    pub stale: bool,
}
