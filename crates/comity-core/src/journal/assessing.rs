//! What people here think of sources, and of what they say.

use crate::assessment::{Credibility, Reliability};
use crate::identity::{EconomyId, RecordId};
use crate::time::Timestamp;

/// Somebody here said how far a source, or a record, is to be believed. Kept here and sent to nobody; what is
/// said later counts, and nothing said before is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessed {
    /// Of what.
    pub subject: AssessedSubject,
    /// How reliable the source is: in general, or in what this record says.
    pub reliability: Option<Reliability>,
    /// How credible it is what the record says; never of a source.
    pub credibility: Option<Credibility>,
    /// Why, in that person's words.
    pub reason: String,
    /// Who said so, as that person is called here.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Of what somebody said how far it is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssessedSubject {
    /// An economy.
    Source(EconomyId),
    /// A record.
    Record(RecordId),
}
