//! What was said about groups: bodies with who signed them, and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::body::GroupBody;
use super::judge::Signed;
use super::roster::{Roster, RosterBody};
use crate::cbor::Fault;
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::time::Timestamp;
use crate::vocabulary::Kind;

/// An accepted record of kind `group` or `roster`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The record.
    pub record: RecordId,
    /// The economy that signed it.
    pub by: EconomyId,
    /// When, by its clock.
    pub at: Timestamp,
    /// What it says.
    pub says: Says,
    /// Whether it is not believed any more: its author's key was stolen, or contradicts itself. It
    /// justifies nothing then, and what it takes away stays away.
    pub doubted: bool,
}

/// The body of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// Of kind `group`.
    Group(GroupBody),
    /// Of kind `roster`.
    Roster(RosterBody),
}

impl Says {
    /// Reads the body of a record of `kind`. `None`: records of that kind say nothing about groups.
    pub fn decode(kind: Kind, body: &[u8]) -> Option<Result<Self, Fault>> {
        if kind == Kind::Group {
            Some(GroupBody::decode(body).map(Self::Group))
        } else if kind == Kind::Roster {
            Some(RosterBody::decode(body).map(Self::Roster))
        } else {
            None
        }
    }

    /// The group that it is about; `None` for a charter, which founds one.
    #[must_use]
    pub const fn group(&self) -> Option<GroupId> {
        match self {
            Self::Group(body) => body.group(),
            Self::Roster(body) => Some(body.group()),
        }
    }
}

impl Statement {
    pub(super) fn signed(&self) -> Option<Signed<'_>> {
        let roster = self.roster()?;
        let (record, by, at, doubted) = (self.record, self.by, self.at, self.doubted);
        Some(Signed { record, by, at, roster, doubted })
    }

    pub(super) fn roster(&self) -> Option<&Roster> {
        match &self.says {
            Says::Roster(RosterBody::Roster(roster)) => Some(roster),
            Says::Roster(RosterBody::Head(_)) | Says::Group(_) => None,
        }
    }
}

/// Everything that was said about one group, by record: in what order it came does not show.
pub(super) type Statements = BTreeMap<RecordId, Arc<Statement>>;
