//! Groups: what was said about each, and who its members therefore are.

use std::collections::BTreeMap;
use std::sync::Arc;

use comity_core::group::{Founding, Group, GroupBody, Says, Statement};
use comity_core::record::Addressee;
use comity_core::{EconomyId, GroupId, RecordId, Timestamp};

/// Every group whose charter is here.
#[derive(Debug, Default)]
pub struct Groups {
    known: BTreeMap<GroupId, Arc<Group>>,
    /// Those whose charter is believed no more: they are none, until it is believed again.
    doubted: BTreeMap<GroupId, Arc<Group>>,
    /// Those of which there are two rosters of one epoch, and which freeze it was, counted from 1.
    frozen: BTreeMap<GroupId, u64>,
    /// Grows whenever a group freezes.
    freezes: u64,
    /// What came before its charter, with the partner to whose account it goes.
    early: BTreeMap<GroupId, Vec<(Statement, Option<EconomyId>)>>,
}

/// What became of a word about a group.
#[derive(Debug)]
pub(super) enum Said {
    /// It waits for the charter.
    Early,
    /// It was weighed, or founded a group for which these had been waiting.
    Counted { brought: Vec<Option<EconomyId>> },
}

/// Whether an addressed record is meant for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// It names us, or a group in which we are.
    Yes,
    /// It names a group whose roster is not here.
    Wait,
    /// It names others.
    No,
}

impl Meant {
    /// One of several addressee parts suffices.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Wait, _) | (_, Self::Wait) => Self::Wait,
            (Self::No, Self::No) => Self::No,
        }
    }
}

impl Groups {
    /// Takes in what an accepted record says. A charter that cannot be read founds nothing.
    pub(super) fn say(&mut self, statement: Statement, from: Option<EconomyId>) -> Said {
        let Some(id) = statement.says.group() else { return self.found(&statement) };
        if let Some(group) = self.held(&id) {
            let said = group.statements().cloned().chain([statement]);
            *group = Arc::new(Group::replay(group.founding().clone(), said));
            self.note_fork(id);
            return Said::Counted { brought: Vec::new() };
        }
        let early = self.early.entry(id).or_default();
        // What was in doubt for a while is said a second time.
        if let Some((before, _)) = early.iter_mut().find(|(one, _)| one.record == statement.record)
        {
            *before = statement;
            return Said::Counted { brought: Vec::new() };
        }
        early.push((statement, from));
        Said::Early
    }

    fn held(&mut self, id: &GroupId) -> Option<&mut Arc<Group>> {
        match self.known.get_mut(id) {
            Some(group) => Some(group),
            None => self.doubted.get_mut(id),
        }
    }

    fn found(&mut self, statement: &Statement) -> Said {
        let mut brought = Vec::new();
        if let Some((id, group)) = self.doubted.remove_entry(&GroupId(statement.record.0)) {
            self.known.insert(id, group);
            self.note_fork(id);
            return Said::Counted { brought };
        }
        if let Says::Group(GroupBody::Charter(charter)) = &statement.says
            && let Ok(founding) =
                Founding::new(statement.record, statement.by, statement.at, charter)
            && !self.known.contains_key(&founding.group())
        {
            let group = founding.group();
            let (early, from): (Vec<_>, Vec<_>) =
                self.early.remove(&group).unwrap_or_default().into_iter().unzip();
            brought = from;
            self.known.insert(group, Arc::new(Group::replay(Arc::new(founding), early)));
            self.note_fork(group);
        }
        Said::Counted { brought }
    }

    /// A word is believed no more. Without its charter a group is none.
    pub(super) fn doubt(&mut self, record: &RecordId) {
        if let Some((id, group)) = self.known.remove_entry(&GroupId(record.0)) {
            self.doubted.insert(id, group);
            self.note_fork(id);
            return;
        }
        let early = self.early.values_mut().flatten();
        for (statement, _) in early.filter(|(statement, _)| statement.record == *record) {
            statement.doubted = true;
        }
        let mut held = self.known.values_mut().chain(self.doubted.values_mut());
        let Some(group) = held.find(|group| group.statement(record).is_some()) else { return };
        let said = group.statements().cloned().map(|one| {
            let doubted = one.doubted || one.record == *record;
            Statement { doubted, ..one }
        });
        *group = Arc::new(Group::replay(group.founding().clone(), said));
        let id = group.id();
        self.note_fork(id);
    }

    /// What is known of a group has changed: it may be frozen now, or no longer.
    fn note_fork(&mut self, id: GroupId) {
        if self.known.get(&id).is_none_or(|group| group.fork().is_none()) {
            self.frozen.remove(&id);
        } else if !self.frozen.contains_key(&id) {
            self.freezes = self.freezes.saturating_add(1);
            self.frozen.insert(id, self.freezes);
        }
    }

    /// How much an economy has said of groups that makes nobody a member: its charters are counted too.
    pub(super) fn idle(&self, by: EconomyId) -> u64 {
        let held = self.known.values().chain(self.doubted.values());
        let said = held.map(|group| {
            group.idle(by).count().saturating_add(usize::from(group.founding().by() == by))
        });
        said.fold(0, |sum, one| sum.saturating_add(one as u64))
    }

    /// Whether a word about this group waits for its charter.
    pub(super) fn is_early(&self, group: Option<GroupId>) -> bool {
        group.is_some_and(|id| !self.known.contains_key(&id) && !self.doubted.contains_key(&id))
    }

    /// The group with this id.
    #[must_use]
    pub fn get(&self, group: &GroupId) -> Option<&Arc<Group>> {
        self.known.get(group)
    }

    /// Every group.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.known.values()
    }

    /// Grows whenever a group freezes: there are two rosters of one epoch.
    pub(crate) fn freezes(&self) -> u64 {
        self.freezes
    }

    /// Groups that have frozen since [`Groups::freezes`] said so.
    pub(crate) fn frozen_since(&self, before: u64) -> Vec<GroupId> {
        let since = self.frozen.iter().filter(|(_, freeze)| **freeze > before);
        since.map(|(id, _)| *id).collect()
    }

    /// Whether an addressee part is for `us`, in a record of `origin`.
    pub(super) fn meant(&self, us: EconomyId, origin: EconomyId, named: &Addressee) -> Meant {
        let of_others = named.economy.is_some_and(|economy| economy != us);
        if named.relays.contains(&us) || (named.economy == Some(us) && named.group.is_none()) {
            return Meant::Yes;
        }
        let Some((id, epoch)) = named.group.filter(|_| !of_others) else { return Meant::No };
        let Some(group) = self.known.get(&id) else { return Meant::Wait };
        if group.head().epoch < epoch {
            return Meant::Wait;
        }
        let earlier = group.founding().charter().later_joiners_see_earlier_records();
        let ours =
            group.was_member(us, epoch) || (earlier && group.head().members.contains_key(&us));
        if ours && group.was_member(origin, epoch) { Meant::Yes } else { Meant::No }
    }

    /// The groups whose roster `us` keeps and has not confirmed since.
    pub(crate) fn unconfirmed(
        &self,
        us: EconomyId,
        since: Timestamp,
    ) -> impl Iterator<Item = &Arc<Group>> {
        self.known.values().filter(move |group| {
            group.head().secretariat == us && group.fork().is_none() && group.confirmed() <= since
        })
    }

    /// The group that a record about groups belongs to.
    #[must_use]
    pub fn of_record(&self, record: &RecordId) -> Option<&Arc<Group>> {
        let charter = self.known.get(&GroupId(record.0));
        charter.or_else(|| self.known.values().find(|group| group.statement(record).is_some()))
    }
}
