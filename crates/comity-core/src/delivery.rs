//! What may leave: a record's manifest and those of its parts that were decided Release for one partner.

use bytes::Bytes;

use crate::identity::{EconomyId, PartDigest};
use crate::ledger::LedgerEntry;
use crate::vocabulary::Urgency;

/// A delivery that was decided Release at hand-over.
///
/// Only `policy::release` makes one; the link protocol's only record-bearing input takes it.
#[derive(Debug)]
pub struct Delivery {
    to: EconomyId,
    entry: LedgerEntry,
    urgency: Urgency,
    record: Bytes,
    parts: Vec<(PartDigest, Bytes)>,
}

impl Delivery {
    pub(crate) fn new(
        to: EconomyId,
        entry: LedgerEntry,
        urgency: Urgency,
        record: Bytes,
        parts: Vec<(PartDigest, Bytes)>,
    ) -> Self {
        Self { to, entry, urgency, record, parts }
    }

    /// The partner that it is for, and nobody else.
    #[must_use]
    pub fn to(&self) -> EconomyId {
        self.to
    }

    /// Its line in the ledger, durable already.
    #[must_use]
    pub fn entry(&self) -> &LedgerEntry {
        &self.entry
    }

    /// How soon it should arrive.
    #[must_use]
    pub fn urgency(&self) -> Urgency {
        self.urgency
    }

    /// The signed form of the record.
    #[must_use]
    pub fn record(&self) -> &Bytes {
        &self.record
    }

    /// The parts, in the entry's order, with their bytes.
    #[must_use]
    pub fn parts(&self) -> &[(PartDigest, Bytes)] {
        &self.parts
    }
}
