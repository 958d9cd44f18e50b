//! Records as they are shown.

use serde::{Deserialize, Serialize};

use super::MarkingFields;
use super::PartName;
use super::approvals::ApprovalLine;
use super::assessing::{AssessmentLine, ProvenanceLine};
use super::audit::TermsLine;
use super::emergencies::EmergencyLine;
use super::quarantine::{HoldLine, RulingLine};

/// A record in one line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordLine {
    /// The id.
    pub record: String,
    /// The short reference.
    pub reference: String,
    /// What it is.
    pub kind: String,
    /// A title for local screens.
    pub title: String,
    /// The strictest label among the parts that are here.
    pub tlp: String,
    /// What this node calls its origin.
    pub origin: String,
    /// The origin's id.
    pub origin_id: String,
    /// How it came: `own`, or the partner's name.
    pub source: String,
    /// `introduced by KR` where the origin is not paired.
    pub introduced_by: Option<String>,
    /// `accepted`, `pending`, `quarantined` or `dropped`.
    pub standing: String,
    /// Why it does not count.
    pub standing_reason: Option<String>,
    /// `live`, `unsent`, `withdrawn`, `recalled` or `superseded`.
    pub lifecycle: String,
    /// Whether it is for those only whom it names.
    pub addressed: bool,
    /// Until when some of it may be passed on to nobody, where that is still ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embargo_until: Option<String>,
    /// The exercise that it belongs to: nothing of it is real.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exercise: Option<String>,
    /// When it was signed, by its author's clock.
    pub signed_at: String,
    /// When it entered here.
    pub entered_at: String,
    /// How reliable its source is and how credible it is, as people here said: `B2`. Never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<String>,
}

/// A record whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordDetail {
    /// The line.
    pub line: RecordLine,
    /// The key that signed it.
    pub author: String,
    /// `routine`, `priority` or `urgent`.
    pub urgency: String,
    /// `interim` or `final`.
    pub state: String,
    /// The lines of the manifest that are not here: parts withheld from us, or padding.
    pub not_here: u64,
    /// The parts that are here.
    pub parts: Vec<PartDetail>,
    /// A control record's body, in words.
    pub body: Option<String>,
    /// By what it is no more what it was, if it was taken back or replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndLine>,
    /// Where it is kept from everybody: how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HoldLine>,
    /// What a person here decided about it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<RulingLine>,
    /// Where it takes a second person: why, and what was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalLine>,
    /// Emergency releases of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emergencies: Vec<EmergencyLine>,
    /// How far it is to be believed, where somebody here said so of it, or of its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assessment: Option<AssessmentLine>,
    /// Where it is from; of what binds economies, the lines above say all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<ProvenanceLine>,
}

/// How a record ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndLine {
    /// `withdrawn`, `recalled` or `superseded`.
    pub how: String,
    /// The reference of the record that says so.
    pub by: String,
    /// When that was signed, by its author's clock.
    pub signed_at: String,
    /// When it entered here.
    pub entered_at: String,
}

/// A part that is here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartDetail {
    /// Its place among the parts that are here, from 1: what `--part` names. Another node may count otherwise.
    #[serde(default)]
    pub number: usize,
    /// The digest; of a draft's part, which has no salt yet, that of its content.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Its label; `none` where a draft has none yet.
    pub tlp: String,
    /// Its marking whole; of a part that is not shown, the label alone.
    #[serde(default)]
    pub marking: MarkingFields,
    /// What this node took on with it from whoever gave it, where that binds beyond the marking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_on: Option<TermsLine>,
    /// Whether those who gave it bound it to purposes that have none in common: it may be used for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_no_purpose: bool,
    /// How sensitive it is in law.
    pub classes: Vec<String>,
    /// Bytes.
    pub size: u64,
    /// The media type.
    pub media_type: String,
    /// The file name.
    pub file_name: Option<String>,
    /// The economy that it is destined to.
    pub destination: Option<String>,
    /// Whom an addressee part names, in words.
    pub addressee: Option<String>,
    /// The content, where it is text, asked for, and may be seen here.
    pub text: Option<String>,
    /// Why whoever uses this node may not see it; then its file's name and its content are not told.
    pub withheld: Option<String>,
}

/// Which record is to become a file, and for whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordFileRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// Who reads the file, `constituents` or `public`. Nothing: whoever uses this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers: Option<String>,
    /// Only these parts, by their numbers, from 1, or their sections. None: all that may go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartName>,
}

/// A record as a file that verifies offline: a CBOR sequence of the signed record and its parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordFile {
    /// The record's reference.
    pub reference: String,
    /// The file's bytes, in base 64.
    pub file: String,
    /// How many parts are in it.
    pub parts: u64,
    /// When it left.
    pub at: String,
    /// What whoever has it takes on.
    pub terms: TermsLine,
    /// What stands beside it, so that its readers know: TOML.
    pub terms_file: String,
    /// Those that are here and not in it.
    pub left_out: Vec<LeftOut>,
}

/// A part that is not in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeftOut {
    /// The digest.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Why it stays.
    pub why: String,
}

/// Which records.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ListRequest {
    /// Of this kind.
    pub kind: Option<String>,
    /// From this origin: a name or an id.
    pub from: Option<String>,
    /// Entered since.
    pub since: Option<String>,
    /// Those that await a person: pending or in quarantine.
    pub waiting: bool,
    /// Control records as well.
    pub control: bool,
    /// At most; newest first.
    pub limit: usize,
}
