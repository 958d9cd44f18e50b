//! One epoch of a group, and the chain that the epochs make.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Who has the role.
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
    head: Epoch,
    /// Those before it, from 0 without gaps.
    earlier: Vec<Epoch>,
    /// Records that have justified a change: none does so twice.
    pub(super) spent: BTreeSet<RecordId>,
    /// Who was a member, and in which epoch it was one no longer.
    pub(super) left: BTreeMap<EconomyId, u64>,
}

impl Chain {
    pub(super) fn begin(founding: &Founding) -> Self {
        Self {
            head: founding.epoch(),
            earlier: Vec::new(),
            spent: BTreeSet::new(),
            left: BTreeMap::new(),
        }
    }

    /// The last epoch.
    pub(super) fn head(&self) -> &Epoch {
        &self.head
    }

    /// Every epoch, ascending from 0 without gaps.
    pub(super) fn epochs(&self) -> impl DoubleEndedIterator<Item = &Epoch> {
        self.earlier.iter().chain([&self.head])
    }

    pub(super) fn get(&self, epoch: u64) -> Option<&Epoch> {
        if epoch == self.head.epoch {
            return Some(&self.head);
        }
        self.earlier.get(usize::try_from(epoch).ok()?)
    }

    pub(super) fn push(&mut self, next: Epoch, cited: impl IntoIterator<Item = RecordId>) {
        self.spent.extend(cited);
        let gone = self.head.members.keys().filter(|one| !next.members.contains_key(one));
        self.left.extend(gone.map(|member| (*member, next.epoch)));
        self.earlier.push(std::mem::replace(&mut self.head, next));
    }
}
