//! What an origin consented to: that somebody else may have some parts of a record, for a time.

use crate::identity::{EconomyId, PartDigest, RecordId};
use crate::ledger::Obligations;
use crate::time::Timestamp;

/// An origin's yes to a request that a record may go further. Its signature was verified when it came
/// in; whether it speaks for the record is asked here, each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The control record that says so.
    pub id: RecordId,
    /// Who signed it. Only the record's own origin counts.
    pub origin: EconomyId,
    /// The record that may go further.
    pub record: RecordId,
    /// The parts that may, ascending. No other part is meant, and none where it is empty.
    pub parts: Vec<PartDigest>,
    /// Who asked, and may pass them on.
    pub asker: EconomyId,
    /// The economy that may have them.
    pub grantee: EconomyId,
    /// The first instant at which it no longer holds.
    pub until: Timestamp,
    /// What the grantee takes on, besides everything else, where it has them by this consent.
    pub terms: Obligations,
}

impl Consent {
    /// Whether it ever let this part go to this economy, by us where we asked, or to ourselves.
    pub(super) fn speaks_of(
        &self,
        us: EconomyId,
        (record, origin): (RecordId, EconomyId),
        part: PartDigest,
        to: EconomyId,
    ) -> bool {
        [self.asker, self.grantee].contains(&us)
            && self.record == record
            && self.origin == origin
            && self.grantee == to
            && self.parts.binary_search(&part).is_ok()
    }
}
