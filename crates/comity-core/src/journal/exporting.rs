//! What left as a file.

use crate::exit::Readers;
use crate::identity::{PartDigest, RecordId};
use crate::ledger::Obligations;
use crate::time::Timestamp;

/// A record left as a file: its bytes were given out for these readers, and nothing takes them back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The record.
    pub record: RecordId,
    /// The parts that are in the file, ascending.
    pub parts: Vec<PartDigest>,
    /// Who reads it.
    pub readers: Readers,
    /// What they take on.
    pub obligations: Obligations,
    /// Who of the staff asked for it; empty where nobody is named.
    pub by: String,
    /// When.
    pub at: Timestamp,
}
