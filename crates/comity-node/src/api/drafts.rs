//! Drafts.

use serde::{Deserialize, Serialize};

use super::records::PartDetail;

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
    /// The draft before it that was made of the same document, or of the same contents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
}

/// A draft with its contents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DraftDetail {
    /// The draft.
    #[serde(flatten)]
    pub line: DraftLine,
    /// `interim` or `final`.
    pub state: String,
    /// The parts that it would have.
    pub parts: Vec<PartDetail>,
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
