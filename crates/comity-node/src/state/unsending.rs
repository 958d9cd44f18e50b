//! Records of our own that can be unsent for a while, and those that were.

use std::collections::BTreeSet;

use comity_core::policy::Lifecycle;
use comity_core::{RecordId, Timestamp};

use super::State;

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
            if again && !self.is_replaced(&replaced) {
                if let Some(held) = self.records.get_mut(&replaced) {
                    held.facts.lifecycle = Lifecycle::Live;
                }
                self.arrive_again(&replaced);
            }
        }
    }

    /// Whether anything of ours that was not unsent replaces a record.
    fn is_replaced(&self, record: &RecordId) -> bool {
        self.records.iter().any(|(id, one)| {
            one.facts.origin == self.us && one.supersedes.contains(record) && !self.is_unsent(id)
        })
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
