//! What was taken back, and what was answered.

use serde::{Deserialize, Serialize};

/// What an economy did with what was withdrawn. Whatever it is, nobody gets it from there any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerLine {
    /// `honoured`; of a recall also `stopped, not erased`, and `refused`.
    pub outcome: String,
    /// Since when, by its clock.
    pub at: String,
    /// Parts that are still there.
    pub parts: u64,
    /// Why they are: `not-asked`, `not-yet`, `legal-hold`, `cannot-erase`; of a refusal `law`, `order`,
    /// `investigation`, `agreement`, `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Why it refuses, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who brought the answer, if that was not the economy itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// The signed record that says it.
    pub record: String,
}

/// A recall by somebody else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecallLine {
    /// Its reference.
    pub reference: String,
    /// What it recalls: references; of what is not here the fronts of ids.
    pub records: Vec<String>,
    /// Who recalls.
    pub origin: String,
    /// `sent-in-error`, `agreement`, `law`, `personal-data`, `source` or `other`.
    pub reason: String,
    /// When it entered here.
    pub entered_at: String,
    /// What we answered.
    pub answer: Option<AnswerLine>,
    /// The files that left here of what it recalls, whose readers are told by people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<super::FileLine>,
}

/// What was recalled stays here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalRequest {
    /// The reference of the recall or of what it recalls, or the front of an id.
    pub record: String,
    /// `law`, `order`, `investigation`, `agreement` or `other`.
    pub reason: String,
    /// The same in your own words, one line; `other` needs them.
    #[serde(default)]
    pub text: Option<String>,
    /// Only who would be told.
    #[serde(default)]
    pub dry_run: bool,
}

/// A record of ours of which a partner may hold something that it would not get now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DueLine {
    /// The id.
    pub record: String,
    /// Its reference.
    pub reference: String,
    /// Its title for local screens.
    pub title: String,
    /// The sections that would stay.
    pub sections: Vec<String>,
    /// The gate that would keep the first of them.
    pub gate: Option<String>,
    /// Why, with the clause.
    pub reason: Option<String>,
}
