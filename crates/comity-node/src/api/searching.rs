//! Who was told what is asked by a partner, or by what was told.

use serde::{Deserialize, Serialize};

use super::{AuditConsent, AuditOutside, FileLine, RecordLine};

/// What one partner was told, a page of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditPartnerRequest {
    /// Its name, its id, or the front of its id.
    pub partner: String,
    /// Decided at or after this instant (RFC 3339, with a zone).
    #[serde(default)]
    pub since: Option<String>,
    /// Agreements, keyrings and other words of control as well.
    #[serde(default)]
    pub control: bool,
    /// The last number of the page before; 0: the first page.
    #[serde(default)]
    pub after: u64,
}

/// A page of what one partner was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditPartner {
    /// Its name.
    pub partner: String,
    /// Its id.
    pub partner_id: String,
    /// Deliveries in the order of their numbers.
    pub sent: Vec<AuditSent>,
    /// Words of control that are not among them.
    pub control: u64,
    /// What of our records it may have from others, by our consent; on the first page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consented: Vec<About<AuditConsent>>,
    /// What it was told by other means, as people say who called it by its name or its id; on the first page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_outside: Vec<About<AuditOutside>>,
    /// Where the next page goes on; none: this was the last.
    pub next: Option<u64>,
}

/// Something that was said of a record, in a list of many.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About<T> {
    /// The record's reference.
    pub reference: String,
    /// What it is called here, as far as whoever asks may see.
    pub title: String,
    /// What was said.
    #[serde(flatten)]
    pub said: T,
}

/// One delivery, in a list of many.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditSent {
    /// To whom: the name.
    pub partner: String,
    /// To whom: the id.
    pub partner_id: String,
    /// The number in the ledger to that partner.
    pub number: u64,
    /// The record's reference; its id where it is no longer here.
    pub reference: String,
    /// What the record is.
    pub kind: String,
    /// Its title for local screens.
    pub title: String,
    /// When it was decided.
    pub at: String,
    /// The sections that went.
    pub sections: Vec<String>,
    /// The parts that went, by digest.
    pub parts: Vec<String>,
    /// As of a delivery in the audit of one record.
    pub state: String,
    /// When a signed receipt that covers it came.
    pub receipt: Option<String>,
    /// The emergency release by which it went, by reference: no agreement let it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<String>,
}

/// What is looked for in the parts of records.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum SearchRequest {
    /// A word as it stands in a part: an address, a name, a number. Letters of ASCII in either case.
    Value(String),
    /// A word as it stands in a part that counts as `case`: the number or name of a case.
    Case(String),
    /// A part whose content is one of these files, whole.
    File(Vec<FileDigest>),
}

/// A file by what it contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 over it, in hexadecimal.
    pub sha256: String,
}

/// A line of the answer: what was found as it is found, how far it has come, and at last a summary.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchLine {
    /// Records that were looked at, of how many.
    Progress {
        /// So many.
        done: u64,
        /// Of these.
        total: u64,
    },
    /// A record that has it.
    Found(Box<AuditFound>),
    /// All of them were looked at.
    Done(SearchDone),
}

/// A record that has what was looked for, and who was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditFound {
    /// The record.
    pub record: RecordLine,
    /// The parts that have it.
    pub parts: Vec<FoundPart>,
    /// The deliveries with at least one of these parts.
    pub sent: Vec<AuditSent>,
    /// Whom our consents let have at least one of these parts from others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consented: Vec<AuditConsent>,
    /// Who was told at least one of these parts by other means.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_outside: Vec<AuditOutside>,
    /// The files that left with at least one of these parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileLine>,
}

/// A part that has what was looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FoundPart {
    /// The digest.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Its label.
    pub tlp: String,
}

/// What a search has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchDone {
    /// Records with parts.
    pub records: u64,
    /// Of these, records that have it.
    pub found: u64,
    /// Parts that whoever uses this node may not see, and that were not read.
    pub hidden: u64,
    /// Parts that could not be read: their bodies are erased or damaged.
    pub unreadable: u64,
}
