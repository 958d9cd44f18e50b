//! How far what came in is to be believed, as it is shown.

use serde::{Deserialize, Serialize};

use super::records::RecordLine;

/// What somebody says of a source, or of a record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssessRequest {
    /// A record: a reference, or the front of an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Or a source: a partner's name or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How reliable the source is, `A` to `F`: in general, or in what the record says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reliability: Option<String>,
    /// How credible the record is, 1 to 6; not of a source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credibility: Option<u64>,
    /// Why. Kept here and sent to nobody.
    pub reason: String,
    /// Who says so; where there is staff, whoever asks.
    pub by: String,
}

/// How far a source, or a record, is to be believed, as people here said. Ours alone, never sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AssessmentLine {
    /// What this node calls the source, or the record's reference.
    pub of: String,
    /// Of a record, both grades together: `B2`; `F` and 6 stand for what nobody has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<String>,
    /// How reliable the source is, `A` to `F`.
    pub reliability: Option<String>,
    /// What that means.
    pub reliability_in_words: Option<String>,
    /// Whether that is held of the source in general, and was not said of it in this record.
    #[serde(default)]
    pub reliability_in_general: bool,
    /// How credible the record is, 1 to 6.
    pub credibility: Option<u64>,
    /// What that means.
    pub credibility_in_words: Option<String>,
    /// What was said of it, the first one first. A later word counts; none is gone.
    pub said: Vec<AssessedLine>,
    /// How many words came before those; they are in the journal.
    #[serde(default)]
    pub earlier: u64,
}

/// One word.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AssessedLine {
    /// `A` to `F`.
    pub reliability: Option<String>,
    /// 1 to 6.
    pub credibility: Option<u64>,
    /// Who said so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// Where a record is from, and by whom it came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProvenanceLine {
    /// Who signed it.
    pub origin: String,
    /// The id.
    pub origin_id: String,
    /// How reliable that source is, by the last word.
    pub reliability: Option<String>,
    /// The partners that brought it, each with the first time.
    pub came: Vec<CameLine>,
    /// The public documents that it imports.
    pub imports: Vec<ImportLine>,
}

/// A partner that brought a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CameLine {
    /// What this node calls it.
    pub partner: String,
    /// The id.
    pub partner_id: String,
    /// When it did for the first time.
    pub at: String,
    /// How reliable that partner is as a source, by the last word.
    pub reliability: Option<String>,
}

/// A public document, as it names itself. Nobody signed that here but whoever imported it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportLine {
    /// The publisher's name.
    pub publisher: String,
    /// The publisher's namespace: an address.
    pub namespace: String,
    /// The publisher's id of the document.
    pub id: String,
    /// The version.
    pub version: String,
}

/// One line of what is told while records are looked through for what speaks of the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CorroborationLine {
    /// Records that were looked at, of how many.
    Progress {
        /// So many.
        done: u64,
        /// Of these.
        total: u64,
    },
    /// All of them were looked at.
    Done(Box<Corroboration>),
}

/// Who else says what a record says. It decides nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Corroboration {
    /// The record.
    pub record: RecordLine,
    /// How far it is to be believed, as people here said.
    pub assessment: AssessmentLine,
    /// Where it is from.
    pub provenance: ProvenanceLine,
    /// The vulnerabilities that it speaks of: the first ones.
    pub cves: Vec<String>,
    /// How many more.
    pub more_cves: u64,
    /// How it was counted, in words.
    pub in_words: String,
    /// Records that count, this one among them if it does.
    pub records: u64,
    /// Records that would count, and found no room in memory.
    #[serde(default)]
    pub not_counted: u64,
    /// Those who stand behind them.
    pub origins: u64,
    /// Who they are.
    pub counted: Vec<OriginLine>,
    /// Those who signed the records that count.
    pub signers: Vec<String>,
    /// Why this record does not count itself, where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub does_not_count: Option<String>,
    /// The other records that speak of the same, newest first: the first ones.
    pub others: Vec<CorroboratingLine>,
    /// How many more.
    pub more_others: u64,
    /// What was looked at.
    pub looked_at: LookedAt,
}

/// Somebody who stands behind records, counted once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OriginLine {
    /// An economy in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub economy: Option<String>,
    /// Or publishers, by namespace; several where one takes over documents of another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publishers: Vec<String>,
    /// With their documents: the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<ImportedLine>,
    /// How many more.
    #[serde(default)]
    pub more_documents: u64,
}

/// A public document, and by whom it is here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ImportedLine {
    /// The document.
    #[serde(flatten)]
    pub document: ImportLine,
    /// Economies that imported it.
    pub imported_by: Vec<String>,
}

/// A record that speaks of the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CorroboratingLine {
    /// The record.
    #[serde(flatten)]
    pub record: RecordLine,
    /// Why it does not count; none: it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub does_not_count: Option<String>,
    /// Vulnerabilities that both speak of: the first ones.
    pub cves: Vec<String>,
    /// How many more.
    pub more_cves: u64,
    /// Whether both import one document, or one that the other takes over.
    pub same_document: bool,
    /// Whether one refers to the other's document.
    pub refers: bool,
    /// The public documents that it imports.
    pub imports: Vec<ImportLine>,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedAt {
    /// Records with content.
    pub records: u64,
    /// Parts that whoever uses this node may not see, or that were erased: what they say is not known here.
    pub hidden: u64,
    /// Parts that could not be read.
    pub unreadable: u64,
}
