//! Records of our own that can be unsent for a while, and those that were.

use std::collections::BTreeSet;

use comity_core::policy::Lifecycle;
use comity_core::{RecordId, Timestamp};

use super::{Held, State};

/// What can be unsent, and what was.
#[derive(Debug, Default)]
pub(super) struct Unsending {
    /// The record that is about to be entered, and until when it goes to nobody.
    next: Option<(RecordId, Timestamp)>,
    /// What never went to anybody.
    unsent: BTreeSet<RecordId>,
}

impl Unsending {
    /// The next record that enters, if it is this one, goes to nobody before an instant.
    pub(super) fn about_to(&mut self, record: RecordId, until: Timestamp) {
        self.next = Some((record, until));
    }

    /// A record of our own is entered. Until when it goes to nobody, if it waits.
    pub(super) fn came(&mut self, record: &RecordId) -> Option<Timestamp> {
        self.next.take().filter(|(next, _)| next == record).map(|(_, until)| until)
    }
}

impl State {
    /// Nobody was told of it, and nobody ever is. What it replaced stands again.
    pub(super) fn unsent(&mut self, record: &RecordId) {
        self.unsending.unsent.insert(*record);
        let Some(held) = self.records.get_mut(record) else { return };
        held.facts.lifecycle = Lifecycle::Withdrawn;
        self.turns = self.turns.saturating_add(1);
        for replaced in held.supersedes.clone() {
            let again = self.records.get(&replaced).is_some_and(|one| {
                one.facts.origin == self.us && one.facts.lifecycle == Lifecycle::Superseded
            });
            if again && self.replaced_by(&replaced).is_none() {
                if let Some(held) = self.records.get_mut(&replaced) {
                    held.facts.lifecycle = Lifecycle::Live;
                }
                self.arrive_again(&replaced);
            }
        }
    }

    /// The reference of a record of ours that replaces one, and was not unsent itself.
    pub(crate) fn replaced_by(&self, record: &RecordId) -> Option<&str> {
        let replaces = |one: &Held| one.facts.origin == self.us && one.supersedes.contains(record);
        let (_, by) = self.records.iter().find(|(id, one)| replaces(one) && !self.is_unsent(id))?;
        Some(&by.reference)
    }

    /// The records of ours that stand in the place of one.
    pub(crate) fn stand_for(&self, record: &RecordId) -> Vec<RecordId> {
        let stands = |one: &Held| {
            one.facts.origin == self.us
                && one.facts.lifecycle == Lifecycle::Live
                && one.is_accepted()
                && one.supersedes.contains(record)
        };
        let found = self.records.iter().filter(|(id, one)| stands(one) && !self.is_unsent(id));
        found.map(|(id, _)| *id).collect()
    }

    /// Until when a record of ours goes to nobody, and can be unsent. What is given may be past.
    #[must_use]
    pub fn unsend_until(&self, record: &RecordId) -> Option<Timestamp> {
        self.records.get(record)?.facts.unsend_until
    }

    /// Whether a record of ours was taken back before anybody was told of it.
    #[must_use]
    pub fn is_unsent(&self, record: &RecordId) -> bool {
        self.unsending.unsent.contains(record)
    }
}
