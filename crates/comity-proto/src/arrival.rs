//! What has arrived: whole deliveries, and pieces of parts that are not whole yet.

use std::fmt;

use bytes::Bytes;
use comity_core::digest::Digest;
use comity_core::identity::PartDigest;
use comity_core::ledger::{LedgerEntry, Ranges};

use crate::load::Lane;

/// A delivery as it arrived: whole, and each part the one that the ledger entry names. The record
/// is not verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The sender's ledger entry.
    pub entry: LedgerEntry,
    /// The signed form of the record.
    pub signed: Bytes,
    /// The parts, in the entry's order. Of what is given back those are not here that were erased since where
    /// it was.
    pub parts: Vec<(PartDigest, PartBody)>,
    /// The lane it came in.
    pub lane: Lane,
}

/// Where the bytes of a part that arrived are.
#[derive(Clone, PartialEq, Eq)]
pub enum PartBody {
    /// Here.
    Here(Bytes),
    /// With whoever did [`crate::Output::Keep`]: every leaf of it was kept.
    Kept {
        /// Bytes of the part.
        length: usize,
    },
}

/// One leaf of a large part: which, and of which delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    /// The number in the partner's ledger.
    pub number: u64,
    /// The digest of the ledger entry.
    pub entry: Digest,
    /// The part.
    pub part: PartDigest,
    /// Bytes of the part.
    pub length: usize,
    /// The leaf's place in the part.
    pub leaf: usize,
}

/// One leaf of a large part, with its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Which.
    pub piece: Piece,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What is kept of a part that has not arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The number in the partner's ledger.
    pub number: u64,
    /// The digest of the ledger entry.
    pub entry: Digest,
    /// The part.
    pub part: PartDigest,
    /// Bytes of the part.
    pub length: usize,
    /// The leaves that are here, durably.
    pub leaves: Ranges,
}

/// Without the bytes: what partners tell each other is not for logs.
impl fmt::Debug for PartBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(bytes) => write!(f, "Here({} bytes)", bytes.len()),
            Self::Kept { length } => write!(f, "Kept({length} bytes)"),
        }
    }
}

/// Without the bytes.
impl fmt::Debug for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fragment").field("piece", &self.piece).finish_non_exhaustive()
    }
}

/// Without the bytes: what partners tell each other is not for logs.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("entry", &self.entry)
            .field("lane", &self.lane)
            .finish_non_exhaustive()
    }
}
