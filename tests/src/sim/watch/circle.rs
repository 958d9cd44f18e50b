//! A group, as far as what was heard of it tells: what the watcher asks of one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comity_core::agreement::Tier;
use comity_core::{Digest, EconomyId, GroupId, Timestamp};

use super::rosters::{Reader, word};
use crate::sim::truth::Deed;

/// After so long a silence of its secretariat nothing is released to a group.
pub const SILENCE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What a charter says.
#[derive(Clone, Debug)]
pub struct Founded {
    /// Who founded the group.
    pub by: EconomyId,
    /// When.
    pub at: Timestamp,
    /// Those who need no sponsor.
    pub founders: BTreeSet<EconomyId>,
    /// How many sponsors whoever is none needs.
    pub sponsors: usize,
    /// How many members remove one; none: the secretariat does.
    pub voters: Option<usize>,
    /// Whether later joiners see earlier records.
    pub later: bool,
    /// The terms.
    pub tier: Tier,
    /// The first day.
    pub starts: Timestamp,
}

/// The members from one roster to the next.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// What the next one names it by.
    pub digest: Digest,
    /// The members, and since which epoch each is one.
    pub members: BTreeMap<EconomyId, u64>,
    /// Who keeps the next.
    pub secretariat: EconomyId,
    /// Who signed it.
    pub by: EconomyId,
    /// When.
    pub at: Timestamp,
}

/// A group, as far as what was heard of it tells.
pub struct Circle {
    /// What its charter says.
    pub founded: Founded,
    /// The epochs, from 0 on.
    pub epochs: Vec<Epoch>,
    /// The members whom no roster that waits leaves out.
    pub certain: BTreeSet<EconomyId>,
    /// Whether there are two rosters of one number.
    pub frozen: bool,
    /// When its secretariat last said that the last roster is the last.
    pub confirmed: Timestamp,
    /// In which epoch each was a member no longer.
    pub left: BTreeMap<EconomyId, u64>,
    /// Whom a member shows the charter.
    pub invited: BTreeSet<EconomyId>,
    /// Who applies, and whether a member speaks for it.
    pub applies: BTreeMap<EconomyId, bool>,
    /// Of each epoch when somebody who had the role said last that it is the last one.
    pub(super) vouched: Vec<Option<Timestamp>>,
}

impl Circle {
    /// What these records about a group come to, each of which may be believed no more, where these rosters followed
    /// at one time or another.
    pub fn read<'a>(
        group: GroupId,
        founded: &Founded,
        followed: &BTreeSet<Digest>,
        deeds: impl Iterator<Item = (&'a Deed, bool)>,
    ) -> Self {
        let words =
            deeds.filter_map(|(deed, doubted)| Some((deed.id, word(group, deed, doubted)?)));
        Reader { group, founded, followed, words: words.collect() }.read()
    }

    /// The last epoch.
    pub fn head(&self) -> &Epoch {
        self.epochs.last().expect("the charter is one")
    }

    /// Why nothing that is addressed to the group goes now, if so.
    pub fn unusable(&self, now: Timestamp) -> Option<&'static str> {
        if self.frozen {
            return Some("the group is frozen");
        }
        let stale = self.confirmed.saturating_add(SILENCE) <= now;
        stale.then_some("its secretariat has been silent for too long")
    }

    /// Why an economy may not have what `origin` addressed to the group at an epoch, if so.
    pub fn keeps_out(
        &self,
        to: EconomyId,
        origin: EconomyId,
        epoch: u64,
        now: Timestamp,
    ) -> Option<&'static str> {
        let then = usize::try_from(epoch).ok().and_then(|epoch| self.epochs.get(epoch));
        let Some(then) = then else { return Some("the roster that it names is not here") };
        if !self.certain.contains(&to) {
            return Some("the recipient is no member");
        }
        if !then.members.contains_key(&origin) {
            return Some("its origin was no member");
        }
        if !then.members.contains_key(&to) && !self.founded.later {
            return Some("the recipient joined later");
        }
        self.unusable(now)
    }

    /// Since when an economy that was a member is none: the later of its removal and of the last word that an
    /// earlier roster was the last.
    pub fn gone_since(&self, economy: &EconomyId) -> Option<Timestamp> {
        if self.head().members.contains_key(economy) {
            return None;
        }
        let was = |epoch: &Epoch| epoch.members.contains_key(economy);
        let last = self.epochs.iter().rposition(was)?;
        let removed = self.epochs.get(last + 1)?.at;
        let vouched = self.vouched.iter().take(last + 1).flatten().copied();
        vouched.chain([removed]).max()
    }

    /// Whether an economy that is no member may look in: it was asked and never left, or a member speaks
    /// for it.
    pub fn welcomes(&self, economy: &EconomyId) -> bool {
        let asked = self.founded.founders.contains(economy) || self.invited.contains(economy);
        let spoken = self.applies.get(economy).copied();
        spoken.is_some_and(|spoken| spoken || (asked && !self.left.contains_key(economy)))
    }

    /// Whether an economy stands in the roster of this number.
    pub fn listed(&self, economy: &EconomyId, epoch: u64) -> bool {
        let epoch = usize::try_from(epoch).ok().and_then(|epoch| self.epochs.get(epoch));
        epoch.is_some_and(|epoch| epoch.members.contains_key(economy))
    }
}
