//! What waits for a second person, and why.

use std::fmt;

use crate::agreement::Tier;
use crate::identity::RecordId;
use crate::marking::Tlp;
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind};

/// A record of ours is about to be entered that goes to nobody before a second person has approved it.
/// Entered before the record: whoever reads one without the other reads of a record that never came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitsApproval {
    /// The record.
    pub record: RecordId,
    /// Why, by the rules of that day; at least one.
    pub causes: Vec<ApprovalCause>,
    /// When.
    pub at: Timestamp,
}

/// What about a record takes a second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalCause {
    /// The strictest label among its parts.
    Label(Tlp),
    /// One of its categories.
    Category(String),
    /// A class of one of its parts.
    Class(Class),
    /// As many partners would have got some of it when it was signed.
    Recipients(u64),
    /// The node was put back to a backup: what would have been asked cannot be told.
    Restored,
    /// Whoever signed it does not publish this alone.
    Beyond(AuthorLimit),
    /// An agreement of this tier lets some of it go, or would have from its first day on.
    Tier(Tier),
}

/// What of a record goes further than its author publishes alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorLimit {
    /// The strictest label among its parts.
    Label(Tlp),
    /// Its kind.
    Kind(Kind),
    /// One of its categories.
    Category(String),
    /// As many partners would have got some of it when it was signed.
    Recipients(u64),
}

/// In few words, as a gate says it.
impl fmt::Display for ApprovalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "TLP:{label}"),
            Self::Category(category) => write!(f, "category {category}"),
            Self::Class(class) => write!(f, "class {class}"),
            Self::Recipients(1) => f.write_str("1 recipient"),
            Self::Recipients(many) => write!(f, "{many} recipients"),
            Self::Restored => f.write_str("after a restore"),
            Self::Tier(tier) => write!(f, "goes by a {} agreement", tier.name()),
            Self::Beyond(limit) => write!(f, "{limit}: more than its author publishes alone"),
        }
    }
}

impl fmt::Display for AuthorLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "TLP:{label}"),
            Self::Kind(kind) => write!(f, "kind {kind}"),
            Self::Category(category) => write!(f, "category {category}"),
            Self::Recipients(1) => f.write_str("1 recipient"),
            Self::Recipients(many) => write!(f, "{many} recipients"),
        }
    }
}
