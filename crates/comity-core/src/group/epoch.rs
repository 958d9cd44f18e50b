//! One epoch of a group, and the chain that the epochs make.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::founding::Founding;
use crate::digest::Digest;
use crate::identity::{EconomyId, RecordId};
use crate::time::Timestamp;

/// The members from one roster to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number; 0 is the charter's.
    pub epoch: u64,
    /// What the next one names it by.
    pub digest: Digest,
    /// Who signed it: whoever had the role before it.
    pub by: EconomyId,
    /// Who has the role from now on.
    pub secretariat: EconomyId,
    /// The members.
    pub members: BTreeMap<EconomyId, Membership>,
    /// The record that carries it.
    pub record: RecordId,
    /// When that was signed.
    pub at: Timestamp,
}

/// What a roster says of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The epoch in which it came in.
    pub since: u64,
    /// What else it belongs to: `FIRST`, `APCERT`.
    pub affiliations: BTreeSet<String>,
}

/// The epochs that follow one another, and what was used up by them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    head: Arc<Epoch>,
    /// Those before it, from 0 without gaps.
    earlier: Vec<Arc<Epoch>>,
    /// Records that have justified a change, and in which epoch: none does so twice.
    spent: BTreeMap<RecordId, u64>,
    /// In which epochs somebody was a member no longer.
    left: BTreeMap<EconomyId, Vec<u64>>,
}

impl Chain {
    pub(super) fn begin(founding: &Founding) -> Self {
        Self {
            head: Arc::new(founding.epoch()),
            earlier: Vec::new(),
            spent: BTreeMap::new(),
            left: BTreeMap::new(),
        }
    }

    /// The last epoch.
    pub(super) fn head(&self) -> &Epoch {
        &self.head
    }

    pub(super) fn shared_head(&self) -> Arc<Epoch> {
        self.head.clone()
    }

    /// Every epoch, ascending from 0 without gaps.
    pub(super) fn epochs(&self) -> impl DoubleEndedIterator<Item = &Epoch> {
        self.earlier.iter().chain([&self.head]).map(|epoch| &**epoch)
    }

    pub(super) fn get(&self, epoch: u64) -> Option<&Epoch> {
        if epoch == self.head.epoch {
            return Some(&self.head);
        }
        self.earlier.get(usize::try_from(epoch).ok()?).map(|epoch| &**epoch)
    }

    /// Whether a record had justified a change by `epoch`.
    pub(super) fn is_spent(&self, record: &RecordId, epoch: u64) -> bool {
        self.spent_in(record, epoch).is_some()
    }

    /// The epoch, up to `epoch`, whose roster cites a record.
    pub(super) fn spent_in(&self, record: &RecordId, epoch: u64) -> Option<u64> {
        self.spent.get(record).copied().filter(|spent| *spent <= epoch)
    }

    /// The last epoch up to `epoch` in which an economy was a member no longer.
    pub(super) fn left(&self, economy: &EconomyId, epoch: u64) -> Option<u64> {
        let left = self.left.get(economy).into_iter().flatten().copied();
        left.filter(|left| *left <= epoch).max()
    }

    /// The first epoch after `epoch` with which somebody else has the role.
    pub(super) fn handed_on(&self, epoch: u64) -> Option<&Epoch> {
        let keeper = self.get(epoch)?.secretariat;
        let after = usize::try_from(epoch).ok()?.saturating_add(1);
        let later = self.earlier.get(after..).into_iter().flatten().chain([&self.head]);
        later.map(|one| &**one).find(|one| one.secretariat != keeper)
    }

    pub(super) fn push(&mut self, next: Epoch, cited: impl IntoIterator<Item = RecordId>) {
        for record in cited {
            self.spent.entry(record).or_insert(next.epoch);
        }
        for gone in self.head.members.keys().filter(|one| !next.members.contains_key(one)) {
            self.left.entry(*gone).or_default().push(next.epoch);
        }
        let before = std::mem::replace(&mut self.head, Arc::new(next));
        self.earlier.push(before);
    }

    /// The same roster came in another record: of several the first by its id counts, in whatever
    /// order they come.
    pub(super) fn signed_again(&mut self, epoch: u64, record: RecordId, at: Timestamp) {
        let held = if epoch == self.head.epoch {
            Some(&mut self.head)
        } else {
            let place = usize::try_from(epoch).ok();
            place.and_then(|place| self.earlier.get_mut(place))
        };
        if let Some(held) = held.filter(|held| record < held.record) {
            let held = Arc::make_mut(held);
            (held.record, held.at) = (record, at);
        }
    }

    /// Goes back to an epoch.
    pub(super) fn truncate(&mut self, epoch: u64) {
        while self.head.epoch > epoch
            && let Some(before) = self.earlier.pop()
        {
            self.head = before;
        }
        self.spent.retain(|_, spent| *spent <= epoch);
        self.left.retain(|_, left| {
            left.retain(|left| *left <= epoch);
            !left.is_empty()
        });
    }
}
