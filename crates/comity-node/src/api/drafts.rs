//! Drafts.

use serde::{Deserialize, Serialize};

/// A draft.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DraftLine {
    /// `KR-D-0003`.
    pub reference: String,
    /// The number.
    pub number: u64,
    /// The title.
    pub title: String,
    /// What it would become.
    pub kind: String,
    /// The format that it was read from.
    pub format: String,
    /// Publisher and id in that format.
    pub provenance: String,
    /// The label; none where a person must mark it first.
    pub tlp: Option<String>,
    /// Its sections.
    pub sections: Vec<String>,
    /// Bytes of content.
    pub size: u64,
    /// When it was made.
    pub at: String,
}

/// Drafts to be kept: what an import made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DraftsRequest {
    /// Each becomes a draft.
    pub drafts: Vec<NewDraft>,
}

/// A draft to be kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewDraft {
    /// The title.
    pub title: String,
    /// What it would become.
    pub kind: String,
    /// Whether more is to come.
    pub interim: bool,
    /// `csaf`, `intelmq`.
    pub format: String,
    /// Publisher and id in that format.
    pub provenance: String,
    /// The label; none where a person must mark it first.
    pub tlp: Option<String>,
    /// Each section: its header as encoded, and its content, both in base 64.
    pub sections: Vec<(String, String)>,
}
