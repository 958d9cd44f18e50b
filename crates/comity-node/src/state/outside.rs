//! Who was told of records by other means than comity, as people here say.

use std::collections::BTreeMap;

use comity_core::RecordId;
use comity_core::journal::ToldOutside;

use super::State;

/// One such word, and why it was wrong, if it was.
#[derive(Clone, Debug)]
pub struct Outside {
    /// What was said.
    pub told: ToldOutside,
    /// Why it was wrong.
    pub wrong: Option<String>,
}

/// All of them, of each record in the order in which they were said.
#[derive(Debug, Default)]
pub(super) struct Outsides(BTreeMap<RecordId, Vec<Outside>>);

impl Outsides {
    pub(super) fn said(&mut self, told: &ToldOutside) {
        let said = Outside { told: told.clone(), wrong: None };
        self.0.entry(told.record).or_default().push(said);
    }

    pub(super) fn wrong(&mut self, record: &RecordId, word: u64, reason: &str) {
        let words = self.0.get_mut(record);
        let place = usize::try_from(word.saturating_sub(1)).ok();
        let one = words.zip(place).and_then(|(words, place)| words.get_mut(place));
        if let Some(one) = one {
            one.wrong = Some(reason.to_owned());
        }
    }
}

impl State {
    /// The records of which somebody was told by other means.
    pub fn told_of_outside(&self) -> impl Iterator<Item = &RecordId> {
        self.outsides.0.keys()
    }

    /// Who was told of a record by other means, in the order in which it was said.
    #[must_use]
    pub fn told_outside(&self, record: &RecordId) -> &[Outside] {
        self.outsides.0.get(record).map_or(&[], Vec::as_slice)
    }
}
