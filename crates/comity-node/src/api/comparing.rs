//! Two agreements side by side, and what the difference would do to what is here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is compared with what. Nothing is changed by asking.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffRequest {
    /// What would be replaced; none: what is in force with that partner.
    #[serde(default)]
    pub before: Option<DiffSide>,
    /// What would hold then.
    pub after: DiffSide,
    /// The partner, by name or id; none: the one of an agreement that is here.
    #[serde(default)]
    pub with: Option<String>,
    /// It would hold beside what is in force, and replace nothing; `before` must be absent then.
    #[serde(default)]
    pub besides: bool,
    /// How many records are named for each of what begins and what stops.
    #[serde(default = "some_examples")]
    pub examples: usize,
}

const fn some_examples() -> usize {
    5
}

/// One of the two.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum DiffSide {
    /// The exact TOML.
    Text(String),
    /// An agreement or a proposal that is here: its reference, or the front of its id.
    Reference(String),
    /// A trust level, 0 to 4, instead of the one that `with` has; as `after` alone.
    Level(u8),
    /// The partner `with` taken up again, that is suspended; as `after` alone.
    Resumed,
}

/// A line of the answer: how far it has come, and at last what was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiffLine {
    /// Records that were looked at, of how many.
    Progress {
        /// So many.
        done: u64,
        /// Of these.
        total: u64,
    },
    /// All of them were.
    Done(Box<AgreementDiff>),
}

/// What differs, and what that would do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AgreementDiff {
    /// The partner; none: only the texts were compared.
    pub with: Option<String>,
    /// How far the partner is trusted here: nothing goes beyond that, whatever is agreed.
    pub level: Option<String>,
    /// What would be replaced; none: nothing.
    pub before: Option<DiffedSide>,
    /// What would hold then.
    pub after: DiffedSide,
    /// The instant for which it was decided: now, or the first day of what would hold.
    pub at: Option<String>,
    /// Field by field.
    pub terms: Vec<TermsDifference>,
    /// Records that were looked at.
    pub records: u64,
    /// What would change, for each partner for whom anything would.
    pub effects: Vec<DiffEffect>,
    /// What has no effect in the place of the texts that are agreed, and why: a shorter notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_effect: Option<String>,
    /// Why `agreement amend` would not propose the second in the place of the first now, where that is an agreement
    /// and the second a text; or why `agreement accept` would refuse the one proposal that is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<DiffAgainst>,
}

/// Why something is not proposed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiffAgainst {
    /// The code of the error that it would be.
    pub code: String,
    /// Why.
    pub message: String,
    /// What to do about it.
    pub next: Option<String>,
}

/// What one of the two is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DiffedSide {
    /// Its short reference, where it is here.
    pub reference: Option<String>,
    /// Its title.
    pub title: String,
    /// `mou`, `nda`, ...
    pub tier: String,
}

/// One field that differs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TermsDifference {
    /// Its name in the text.
    pub field: String,
    /// What it was; empty: nothing.
    pub before: String,
    /// What it would be.
    pub after: String,
    /// `wider`, `narrower` or `other`, looked at by itself; `none`, where it has no effect.
    pub effect: String,
    /// The article.
    pub clause: Option<String>,
}

/// What would change for one partner.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DiffEffect {
    /// The partner's name.
    pub partner: String,
    /// What would newly be released.
    pub begins: DiffCount,
    /// What would be released no more.
    pub stops: DiffCount,
}

/// Records and parts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DiffCount {
    /// Records of which some part is concerned.
    pub records: u64,
    /// The parts.
    pub parts: u64,
    /// The parts, by section.
    pub sections: BTreeMap<String, u64>,
    /// Records among them of which the partner may hold something already.
    pub sent: u64,
    /// Some of them, the newest first.
    pub examples: Vec<DiffExample>,
}

/// A record, and what of it is concerned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiffExample {
    /// Its short reference.
    pub reference: String,
    /// Its title.
    pub title: String,
    /// What it is.
    pub kind: String,
    /// The strictest label among the parts that are concerned.
    pub tlp: String,
    /// Their sections.
    pub sections: Vec<String>,
}
