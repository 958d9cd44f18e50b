//! A record to be signed and published, and who would get what.

use serde::{Deserialize, Serialize};

use super::{ApprovalNeed, FileLine, RecordLine};

/// A record to be signed and published, or a draft to be published.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishRequest {
    /// Publish this draft; `parts` must be empty then.
    pub draft: Option<u64>,
    /// `advisory`, `incident`, `sightings`, `request`, `response`, `note`; a draft has its own.
    pub kind: Option<String>,
    /// For local screens.
    pub title: String,
    /// `routine`, `priority` or `urgent`.
    pub urgency: Option<String>,
    /// Whether more is to come.
    pub interim: bool,
    /// The marking of every part that has none of its own.
    pub marking: MarkingFields,
    /// The parts.
    pub parts: Vec<PartRequest>,
    /// To whom it is addressed. Empty: to nobody by name.
    pub to: Vec<AddresseeRequest>,
    /// Own records that it replaces: references or ids.
    pub supersedes: Vec<String>,
    /// Only tell who would get what.
    pub dry_run: bool,
    /// Tell who gets what as well: it costs one decision for each partner and part.
    pub preview: bool,
}

/// A record of ours whose embargo is to be lifted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbargoRequest {
    /// A reference, or the front of an id.
    pub record: String,
    /// Lift the time of release; an embargo holds on.
    pub release: bool,
    /// Only tell who would get what.
    pub dry_run: bool,
    /// Tell who gets what as well.
    pub preview: bool,
}

/// A marking, as far as it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct MarkingFields {
    /// `CLEAR`, `GREEN`, `AMBER`, `AMBER+STRICT`, `RED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tlp: Option<String>,
    /// What may be done with it: `CLEAR`, `GREEN`, `AMBER`, `RED`. None: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pap: Option<String>,
    /// The group whose members alone get it: its name, the reference of its charter, or its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub community: Option<String>,
    /// Nobody before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_at: Option<String>,
    /// Partners at once, nobody else before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embargo_until: Option<String>,
    /// Nobody from this time on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// `within-marking`, `ask` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onward: Option<String>,
    /// The exercise that the record belongs to; a part has its record's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exercise: Option<String>,
    /// Subject categories, each of which an agreement has to cover. A part has the record's besides its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

impl MarkingFields {
    /// The label, and what else is set, one by one; times as `written` has them.
    #[must_use]
    pub fn in_words(&self, written: impl Fn(&str) -> String) -> Vec<String> {
        let named = |what: &str, given: &Option<String>| {
            given.as_ref().map(|given| format!("{what} {given}"))
        };
        let time = |what: &str, at: &Option<String>| {
            at.as_ref().map(|at| format!("{what} {}", written(at)))
        };
        let categories = (!self.categories.is_empty())
            .then(|| format!("categories {}", self.categories.join(" and ")));
        let said = [
            self.tlp.clone(),
            named("PAP", &self.pap),
            named("for the community", &self.community),
            time("release-at", &self.release_at),
            time("embargo-until", &self.embargo_until),
            time("expires", &self.expires),
            named("onward", &self.onward),
            categories,
            named("exercise", &self.exercise),
        ];
        said.into_iter().flatten().collect()
    }
}

/// A part to be sealed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartRequest {
    /// `summary`, `mitigation`, `detail`, `indicators`, `attribution`, `victim`, `evidence`, ...
    pub section: String,
    /// `general`, `sensitive`, ...; none is `general`.
    pub classes: Vec<String>,
    /// The media type; `text/plain` unless given.
    pub media_type: Option<String>,
    /// BCP 47.
    pub language: Option<String>,
    /// For a translation: the section that it translates.
    pub translates: Option<String>,
    /// The name of the file.
    pub file_name: Option<String>,
    /// The only economy that it is for: a name or an id.
    pub destination: Option<String>,
    /// What differs from the record's marking.
    pub marking: MarkingFields,
    /// The content as text.
    pub text: Option<String>,
    /// The content in base 64 (RFC 4648 section 4), if it is no text.
    pub base64: Option<String>,
}

/// An addressee.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AddresseeRequest {
    /// A name or an id; empty for a group.
    pub economy: String,
    /// A group in its place: its name, the reference of its charter, or its id.
    pub group: Option<String>,
    /// The desk or person there.
    pub desk: Option<String>,
    /// Economies through which it may come: names or ids.
    pub relays: Vec<String>,
    /// Sections that it may have. Empty: all.
    pub sections: Vec<String>,
}

/// What became of a publication, or would.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Published {
    /// The id; of a dry run that of a record that was thrown away.
    pub record: String,
    /// The short reference; none of a dry run.
    pub reference: Option<String>,
    /// Who gets what, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// Whether the node is in recovery: nothing is sent until that is over.
    #[serde(default)]
    pub recovering: bool,
    /// Until when nobody gets it, and it can be unsent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsend_until: Option<String>,
    /// Why it takes a second person before it goes, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalNeed>,
    /// Of what is withdrawn: whether it waited for a second person and nothing of it was sent to anybody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_sent: bool,
    /// Of what is withdrawn or replaced: the files that left of it, whose readers are told by people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileLine>,
    /// Suspended partners that may hold what is withdrawn: they are told when they are resumed.
    #[serde(default)]
    pub waits_for: Vec<String>,
    /// Partners that may hold what it replaces, and get nothing of it: they go on with the old one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unaware: Vec<UnawareLine>,
}

/// A partner that goes on with what was replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnawareLine {
    /// The partner.
    pub partner: String,
    /// What it may hold: references.
    pub records: Vec<String>,
    /// Why it does not get what replaces them.
    pub reason: Option<String>,
}

/// Who gets which part of a record, and why not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Preview {
    /// The record.
    pub record: RecordLine,
    /// The partners, in the order of the columns.
    pub partners: Vec<String>,
    /// The rows.
    pub parts: Vec<PreviewPart>,
    /// Parts that everybody might have, and that go with others by which whoever gets them is bound.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound_together: Vec<BoundTogether>,
    /// Members of a group that it is addressed to who are no partners: they get nothing from us.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_partners: Vec<NoPartner>,
    /// Until when whoever has any of it may not pass it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embargo_until: Option<String>,
    /// The desks or people for whom it is, each with its economy: `JP, desk \`duty officer\``.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub desks: Vec<String>,
    /// What each partner takes on with what it gets, beyond the marking.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes_on: Vec<TakesOn>,
    /// Under which policy.
    pub policy: u64,
    /// When it was computed.
    pub at: String,
}

/// What a partner takes on with what it gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakesOn {
    /// The partner.
    pub partner: String,
    /// `onward: ask, keep 300 days`.
    pub obligations: String,
}

/// Parts at TLP:CLEAR that bind a partner to what the other parts of the record are given under: one delivery carries one set
/// of obligations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundTogether {
    /// The partner.
    pub partner: String,
    /// What the parts say.
    pub sections: Vec<String>,
    /// What the partner takes on with them: `onward: ask, keep 300 days`.
    pub obligations: String,
    /// What it would take on, were they published by themselves.
    pub alone: String,
}

/// A member of a group to which nothing can go from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoPartner {
    /// What this node calls it.
    pub member: String,
    /// The group.
    pub group: String,
    /// Why it gets nothing, in a sentence.
    pub reason: String,
}

/// One part, for every partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewPart {
    /// The digest; `manifest` for a control record.
    pub part: String,
    /// What it says.
    pub section: String,
    /// Its label.
    pub tlp: String,
    /// Its marking whole; of a part that is not shown, the label alone.
    #[serde(default)]
    pub marking: MarkingFields,
    /// Bytes.
    pub size: u64,
    /// The file name, if it has one.
    pub file_name: Option<String>,
    /// The economy that it is destined to, if any.
    pub destination: Option<String>,
    /// One for each partner.
    pub cells: Vec<Cell>,
}

/// One part for one partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// The partner's name.
    pub partner: String,
    /// `release`, `withhold` or `hold`.
    pub outcome: String,
    /// The same once a second person has approved it, where that is what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once_approved: Option<String>,
    /// Until when it is held.
    pub until: Option<String>,
    /// The gate that keeps it.
    pub gate: Option<String>,
    /// Why it stays, with the clause: `MoU art. 4.2: ...`.
    pub reason: Option<String>,
}
