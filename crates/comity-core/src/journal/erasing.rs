//! What is let go, and what keeps something from being let go.

use crate::identity::{PartDigest, RecordId};
use crate::time::Timestamp;

/// Bodies of a record were erased. What was signed stays, and so does every digest: only the bytes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The record, whether it is here or not.
    pub record: RecordId,
    /// The parts. They are refused from now on, whoever brings them.
    pub parts: Vec<PartDigest>,
    /// Other bodies that say something of what the parts said: the title for screens, the sections of
    /// the draft that the record was made from.
    pub beside: Vec<PartDigest>,
    /// What made it due.
    pub cause: ErasureCause,
    /// Why, in a person's words; or the rule, in ours.
    pub reason: String,
    /// Who of the staff asked for it; empty where nobody is named.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What made an erasure due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasureCause {
    /// A person asked for it.
    Person,
    /// The term was over for which it may be kept.
    Term,
}

/// Nothing of a record is erased while this stands; or it stands no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalHold {
    /// The record.
    pub record: RecordId,
    /// Why, in a person's words.
    pub reason: String,
    /// Who of the staff said so; empty where nobody is named.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The journal was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// The folder that the copy lies in.
    pub folder: String,
    /// The last entry that is in it.
    pub upto: u64,
    /// When the copy was begun.
    pub at: Timestamp,
}
