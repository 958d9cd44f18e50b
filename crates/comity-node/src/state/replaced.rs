//! Records that were replaced before they came.

use std::collections::BTreeMap;

use comity_core::{EconomyId, RecordId};

use crate::limits::SUPERSEDED;

/// Replaced records that are not here, by who replaced them: only a record's own origin counts. Of one
/// origin so many are remembered, the last ones: an update of what never comes is nothing unusual.
#[derive(Debug, Default)]
pub struct Replaced {
    /// Each with its place.
    of: BTreeMap<EconomyId, BTreeMap<RecordId, u64>>,
    /// The same by place, in the order in which they were named.
    places: BTreeMap<EconomyId, BTreeMap<u64, RecordId>>,
    next: u64,
}

impl Replaced {
    /// Whether an origin has replaced a record, as far as that is remembered.
    #[must_use]
    pub fn has(&self, origin: &EconomyId, record: &RecordId) -> bool {
        self.of.get(origin).is_some_and(|of| of.contains_key(record))
    }

    /// How many of an origin are remembered.
    #[must_use]
    pub fn count(&self, origin: &EconomyId) -> u64 {
        self.of.get(origin).map_or(0, |of| of.len() as u64)
    }

    /// An origin has replaced a record that is not here.
    pub(super) fn note(&mut self, origin: EconomyId, record: RecordId) {
        let of = self.of.entry(origin).or_default();
        if of.contains_key(&record) {
            return;
        }
        let places = self.places.entry(origin).or_default();
        of.insert(record, self.next);
        places.insert(self.next, record);
        self.next = self.next.saturating_add(1);
        while of.len() as u64 > SUPERSEDED {
            let Some((_, oldest)) = places.pop_first() else { return };
            of.remove(&oldest);
        }
    }

    /// The record has come. Whether its origin had replaced it.
    pub(super) fn came(&mut self, origin: &EconomyId, record: &RecordId) -> bool {
        let place = self.of.get_mut(origin).and_then(|of| of.remove(record));
        if let (Some(place), Some(places)) = (place, self.places.get_mut(origin)) {
            places.remove(&place);
        }
        place.is_some()
    }
}
