//! Which records left as files.

use std::collections::BTreeMap;

use comity_core::RecordId;
use comity_core::journal::Exported;

use super::State;

/// All of them, of each record in the order in which they left.
#[derive(Debug, Default)]
pub(super) struct Files {
    left: BTreeMap<RecordId, Vec<Exported>>,
    /// Words of others that take back or replace what left, since this was last asked.
    to_tell: Vec<RecordId>,
}

impl Files {
    pub(super) fn left(&mut self, exported: &Exported) {
        self.left.entry(exported.record).or_default().push(exported.clone());
    }

    /// Somebody else's word takes these back, or replaces them.
    pub(super) fn taken_back(&mut self, by: RecordId, records: &[RecordId]) {
        if records.iter().any(|record| self.left.contains_key(record)) {
            self.to_tell.push(by);
        }
    }
}

impl State {
    /// The files that left of a record, in the order in which they did.
    #[must_use]
    pub fn files(&self, record: &RecordId) -> &[Exported] {
        self.files.left.get(record).map_or(&[], Vec::as_slice)
    }

    /// Words of others that take back or replace records of which files left, since this was last asked.
    pub(crate) fn take_files_to_tell(&mut self) -> Vec<RecordId> {
        std::mem::take(&mut self.files.to_tell)
    }
}
