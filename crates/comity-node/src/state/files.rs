//! Which records left as files.

use std::collections::BTreeMap;

use comity_core::RecordId;
use comity_core::journal::Exported;

use super::State;

/// All of them, of each record in the order in which they left.
#[derive(Debug, Default)]
pub(super) struct Files(BTreeMap<RecordId, Vec<Exported>>);

impl Files {
    pub(super) fn left(&mut self, exported: &Exported) {
        self.0.entry(exported.record).or_default().push(exported.clone());
    }
}

impl State {
    /// The files that left of a record, in the order in which they did.
    #[must_use]
    pub fn files(&self, record: &RecordId) -> &[Exported] {
        self.files.0.get(record).map_or(&[], Vec::as_slice)
    }
}
