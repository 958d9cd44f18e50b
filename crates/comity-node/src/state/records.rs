//! What is held of records.

use std::collections::BTreeMap;

use comity_core::journal::{Source, Standing};
use comity_core::policy::{PartFacts, RecordFacts};
use comity_core::{EconomyId, PartDigest, RecordId, Timestamp};

/// A record that is here.
#[derive(Clone, Debug)]
pub struct Held {
    /// What the decision reads of it.
    pub facts: RecordFacts,
    /// What the decision reads of the parts that are here.
    pub parts: Vec<PartFacts>,
    /// Bytes of each part that is here.
    pub sizes: BTreeMap<PartDigest, u64>,
    /// The journal entry that holds its signed form.
    pub seq: u64,
    /// Where it came from.
    pub source: Source,
    /// Whether it is believed.
    pub standing: Standing,
    /// The local short reference.
    pub reference: String,
    /// A title for local screens.
    pub title: String,
    /// When it entered.
    pub entered_at: Timestamp,
    /// When it was signed, by its author's clock.
    pub signed_at: Timestamp,
    /// For a control kind: its body.
    pub body: Option<Vec<u8>>,
}

impl Held {
    /// Whether it came from, or was given back by, this partner.
    #[must_use]
    pub fn came_from(&self, economy: &EconomyId) -> bool {
        match &self.source {
            Source::Own => false,
            Source::Partner(delivered) => delivered.from == *economy,
            Source::Returned { .. } => false,
        }
    }

    /// Whether this part is here.
    #[must_use]
    pub fn has_part(&self, part: &PartDigest) -> bool {
        self.sizes.contains_key(part)
    }

    /// Whether nothing speaks against it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.standing == Standing::Accepted
    }
}

/// A target of a withdrawal that has not come, or has come and gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Who withdrew it: only the record's own origin counts.
    pub origin: EconomyId,
    /// The withdrawal.
    pub by: RecordId,
}
