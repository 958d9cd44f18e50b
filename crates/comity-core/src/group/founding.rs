//! A charter as it was signed: which group it founds, and with whom.

use std::collections::{BTreeMap, BTreeSet};

use super::body::CharterBody;
use super::charter::Charter;
use super::epoch::{Epoch, Membership};
use crate::agreement::AgreementError;
use crate::digest::Digest;
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::time::Timestamp;

/// A charter with the record that it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    record: RecordId,
    by: EconomyId,
    at: Timestamp,
    charter: Charter,
    founders: BTreeSet<EconomyId>,
    sponsors: BTreeSet<EconomyId>,
}

/// Why a charter founds no group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoundingError {
    /// Its text cannot be read.
    #[error("{0}")]
    Text(#[from] AgreementError),
    /// The text and the record disagree on how many there are.
    #[error("the text names {text} {what}, the record {record}")]
    Count {
        /// Founders or sponsors.
        what: &'static str,
        /// In the text.
        text: usize,
        /// In the record.
        record: usize,
    },
    /// Who signs it is not among the founders.
    #[error("its author is not among the founders")]
    AuthorIsNoFounder,
    /// A sponsor who is not among the founders.
    #[error("the sponsor {} is not among the founders", .0.short())]
    SponsorIsNoFounder(EconomyId),
}

impl Founding {
    /// The group that the record `record`, signed by `by` at `at`, founds.
    pub fn new(
        record: RecordId,
        by: EconomyId,
        at: Timestamp,
        body: &CharterBody,
    ) -> Result<Self, FoundingError> {
        let charter = Charter::parse(&body.text)?;
        let agree = |what, text: usize, record: usize| {
            if text == record { Ok(()) } else { Err(FoundingError::Count { what, text, record }) }
        };
        agree("founders", charter.founders().len(), body.founders.len())?;
        agree("sponsors", charter.sponsors().map_or(0, <[_]>::len), body.sponsors.len())?;
        if !body.founders.contains(&by) {
            return Err(FoundingError::AuthorIsNoFounder);
        }
        if let Some(stranger) = body.sponsors.difference(&body.founders).next() {
            return Err(FoundingError::SponsorIsNoFounder(*stranger));
        }
        let (founders, sponsors) = (body.founders.clone(), body.sponsors.clone());
        Ok(Self { record, by, at, charter, founders, sponsors })
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        GroupId(self.record.0)
    }

    /// The record that carries the charter.
    #[must_use]
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// The founder that signed it: the first member and the first secretariat.
    #[must_use]
    pub fn by(&self) -> EconomyId {
        self.by
    }

    /// When it was signed.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What it says.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// Those who need no sponsor to come in for the first time.
    #[must_use]
    pub fn founders(&self) -> &BTreeSet<EconomyId> {
        &self.founders
    }

    /// Whether the charter lets this economy sponsor, if it is a member.
    #[must_use]
    pub fn may_sponsor(&self, economy: EconomyId) -> bool {
        self.sponsors.is_empty() || self.sponsors.contains(&economy)
    }

    /// Epoch 0: the author alone.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch {
            epoch: 0,
            digest: Digest(self.record.0),
            by: self.by,
            secretariat: self.by,
            members: BTreeMap::from([(self.by, Membership::default())]),
            record: self.record,
            at: self.at,
        }
    }
}
