//! Groups: what was said about each, and who its members therefore are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity_core::entitlement::Claim;
use comity_core::group::{Founding, Group, GroupBody, RosterBody, Says, Sight, Statement, Taken};
use comity_core::record::Addressee;
use comity_core::{EconomyId, GroupId, RecordId, Timestamp};

use crate::limits::HEADS_EVERY;

/// Every group whose charter is here.
#[derive(Debug, Default)]
pub struct Groups {
    known: BTreeMap<GroupId, Arc<Group>>,
    /// Those whose charter is believed no more: they are none, until it is believed again.
    doubted: BTreeMap<GroupId, Arc<Group>>,
    /// Those with which we have something to do: we founded one, were asked, ask, or stand in a roster.
    /// Of others nothing but the charter is weighed.
    ours: BTreeSet<GroupId>,
    /// When a daily word of a group came here last, by whoever said it.
    words: BTreeMap<(GroupId, EconomyId), Timestamp>,
    /// What came before its charter, or before we had anything to do with the group; with the partner to
    /// whose account it goes.
    early: BTreeMap<GroupId, Vec<(Statement, Option<EconomyId>)>>,
    said: BTreeMap<EconomyId, Share>,
    /// Those of which there are two rosters of one epoch, and which freeze it was, counted from 1.
    frozen: BTreeMap<GroupId, u64>,
    /// Grows whenever a group freezes.
    freezes: u64,
    /// Rosters of those who have handed their role on, of which the operator was told.
    late: BTreeSet<RecordId>,
    news: Vec<(GroupId, RecordId)>,
    /// While the journal is read, the groups of which it is worked out at the end who their members are.
    unsettled: Option<BTreeSet<GroupId>>,
}

/// What one economy has said of all groups.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    /// Charters, and words on which nothing rests.
    idle: u64,
    rosters: u64,
}

/// What became of a word about a group.
#[derive(Debug)]
pub(super) enum Said {
    /// It waits for the charter, or for a word that says what we have to do with the group.
    Early,
    /// It was weighed, perhaps with what had been waiting.
    Counted { brought: Vec<Option<EconomyId>>, turned: Option<Turned> },
}

/// What turned in a group.
#[derive(Debug, Default)]
pub(super) struct Turned {
    /// The members, those who may look in, or whether it may be relied on: with those whom it concerns,
    /// before or now. Nobody: nothing of that.
    pub(super) whom: BTreeSet<EconomyId>,
    pub(super) decides: bool,
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
    /// From now on the journal is read: who the members are is worked out at its end.
    pub(super) fn read(&mut self) {
        self.unsettled.get_or_insert_default();
    }

    /// The journal was read.
    pub(super) fn settle_all(&mut self) {
        for group in self.unsettled.take().unwrap_or_default() {
            self.settle(&group);
        }
        self.news.clear();
    }

    /// Takes in what an accepted record says. A charter that cannot be read founds nothing.
    pub(super) fn say(
        &mut self,
        us: EconomyId,
        statement: Statement,
        from: Option<EconomyId>,
        now: Timestamp,
    ) -> Said {
        let Some(id) = statement.says.group() else { return self.found(us, &statement, now) };
        if self.is_early(us, statement.by, &statement.says) {
            let early = self.early.entry(id).or_default();
            // What was in doubt for a while is said a second time.
            let again = early.iter_mut().find(|(one, _)| one.record == statement.record);
            if let Some((before, _)) = again {
                *before = statement;
                return Said::Counted { brought: Vec::new(), turned: None };
            }
            early.push((statement, from));
            return Said::Early;
        }
        // What turns by words of earlier turns now, whatever comes of this one.
        let (mut said, brought) = self.no_longer_early(id);
        said.push(statement);
        Said::Counted { brought, turned: Some(self.take(us, id, said, now)) }
    }

    /// Whether a word about a group waits: its charter is not here, or we have nothing to do with it.
    pub(super) fn is_early(&self, us: EconomyId, by: EconomyId, says: &Says) -> bool {
        says.group().is_some_and(|id| {
            let known = self.known.contains_key(&id) || self.doubted.contains_key(&id);
            !known || !(self.ours.contains(&id) || is_ours(us, by, says))
        })
    }

    /// We have something to do with a group: what had been said before, and who brought it.
    fn no_longer_early(&mut self, id: GroupId) -> (Vec<Statement>, Vec<Option<EconomyId>>) {
        self.ours.insert(id);
        let early = self.early.remove(&id).unwrap_or_default();
        early.into_iter().unzip()
    }

    fn take(
        &mut self,
        us: EconomyId,
        id: GroupId,
        statements: impl IntoIterator<Item = Statement>,
        now: Timestamp,
    ) -> Turned {
        let Some(held) = held(&mut self.known, &mut self.doubted, &id) else {
            return Turned::default();
        };
        // While the journal is read nobody is asked what was before, and nobody else holds the group.
        let before = self.unsettled.is_none().then(|| (held.sight(), held.stale_from()));
        let group = Arc::make_mut(held);
        let (mut taken, mut asked_by) = (Taken::Nothing, BTreeSet::new());
        for one in statements {
            if has_asked(us, &one) {
                asked_by.insert(one.by);
            }
            let new = group.statement(&one.record).is_none();
            if new && matches!(one.says, Says::Roster(RosterBody::Roster(_))) {
                let said = self.said.entry(one.by).or_default();
                said.rosters = said.rosters.saturating_add(1);
            }
            if new && matches!(one.says, Says::Roster(RosterBody::Head(_))) {
                self.words.insert((id, one.by), now);
            }
            taken = taken.max(group.take(one));
        }
        if let Some(unsettled) = &mut self.unsettled {
            unsettled.insert(id);
            return Turned::default();
        }
        match taken {
            Taken::Nothing => return Turned::default(),
            Taken::Confirmed => group.confirm(),
            Taken::More => self.settle(&id),
        }
        let mut turned =
            before.map_or_else(Turned::default, |before| self.turned(&id, &before, now));
        // Ours is an application that others may have had long ago, and whoever asks us has it too.
        turned.whom.extend(asked_by);
        turned
    }

    /// What has turned. That the secretariat spoke again turns nothing for a group that could be relied on
    /// before.
    fn turned(&self, id: &GroupId, before: &(Sight, Timestamp), now: Timestamp) -> Turned {
        let (before, stale_from) = before;
        let Some(after) = self.known.get(id).or_else(|| self.doubted.get(id)) else {
            return Turned::default();
        };
        let (after, late) = (after.sight(), *stale_from <= now && after.stale_from() > now);
        if !late && after == *before {
            return Turned::default();
        }
        Turned { whom: before.whom().chain(after.whom()).copied().collect(), decides: true }
    }

    /// Works out who the members of a group are, and puts what leads to nothing to its authors' accounts.
    fn settle(&mut self, id: &GroupId) {
        let Some(held) = held(&mut self.known, &mut self.doubted, id) else { return };
        let before = held.idle().clone();
        let group = Arc::make_mut(held);
        group.settle();
        for (by, count) in &before {
            let said = self.said.entry(*by).or_default();
            said.idle = said.idle.saturating_sub(*count);
        }
        for (by, count) in group.idle() {
            let said = self.said.entry(*by).or_default();
            said.idle = said.idle.saturating_add(*count);
        }
        if group.fork().is_none() {
            self.frozen.remove(id);
        } else if !self.frozen.contains_key(id) {
            self.freezes = self.freezes.saturating_add(1);
            self.frozen.insert(*id, self.freezes);
        }
        for record in group.yielded() {
            if self.late.insert(record) {
                self.news.push((*id, record));
            }
        }
    }

    fn found(&mut self, us: EconomyId, statement: &Statement, now: Timestamp) -> Said {
        let whole = |group: &Group| Turned {
            whom: group.founding().founders().iter().chain(group.certain()).copied().collect(),
            decides: true,
        };
        if let Some((id, group)) = self.doubted.remove_entry(&GroupId(statement.record.0)) {
            let mut turned = whole(&group);
            turned.whom.extend(group.invited().iter().chain(group.welcome()));
            self.known.insert(id, group);
            return Said::Counted { brought: Vec::new(), turned: Some(turned) };
        }
        let Says::Group(GroupBody::Charter(charter)) = &statement.says else {
            return Said::Counted { brought: Vec::new(), turned: None };
        };
        let founding = Founding::new(statement.record, statement.by, statement.at, charter);
        let id = GroupId(statement.record.0);
        let Some(founding) = founding.ok().filter(|_| !self.known.contains_key(&id)) else {
            return Said::Counted { brought: Vec::new(), turned: None };
        };
        let said = self.said.entry(statement.by).or_default();
        said.idle = said.idle.saturating_add(1);
        let founds = founding.founders().contains(&us);
        let early = self.early.get(&id).into_iter().flatten();
        let mut early = early.map(|(one, _)| one);
        let ours = founds || early.any(|one| is_ours(us, one.by, &one.says));
        self.known.insert(id, Arc::new(Group::begin(Arc::new(founding))));
        let mut brought = Vec::new();
        if ours {
            let said;
            (said, brought) = self.no_longer_early(id);
            self.take(us, id, said, now);
        }
        let turned = self.known.get(&id).map(|group| {
            let mut turned = whole(group);
            turned.whom.extend(group.invited().iter().chain(group.welcome()));
            turned.whom.extend(group.epochs().flat_map(|epoch| epoch.members.keys()));
            turned
        });
        Said::Counted { brought, turned }
    }

    /// A word is believed no more. Without its charter a group is none.
    pub(super) fn doubt(&mut self, record: &RecordId) {
        if let Some((id, group)) = self.known.remove_entry(&GroupId(record.0)) {
            self.doubted.insert(id, group);
            return;
        }
        let early = self.early.values_mut().flatten();
        for (statement, _) in early.filter(|(statement, _)| statement.record == *record) {
            statement.doubted = true;
        }
        let mut all = self.known.values_mut().chain(self.doubted.values_mut());
        let Some(group) = all.find(|group| group.statement(record).is_some()) else { return };
        let id = group.id();
        Arc::make_mut(group).doubt(record);
        if let Some(unsettled) = &mut self.unsettled {
            unsettled.insert(id);
        } else {
            self.settle(&id);
        }
    }

    /// Whether a word goes on with a group's rosters, or confirms one: it comes from whoever keeps them, and
    /// leads to something.
    pub(super) fn rests(&self, claim: &Claim, says: &Says) -> bool {
        let group = says.group().and_then(|id| self.known.get(&id));
        group.is_some_and(|group| {
            let (record, by, at) = (claim.record, claim.origin, claim.signed_at);
            group.would_rest(&Statement { record, by, at, says: says.clone(), doubted: false })
        })
    }

    /// How much an economy has said of groups that makes nobody a member: its charters are counted too.
    #[must_use]
    pub fn idle(&self, by: &EconomyId) -> u64 {
        self.said.get(by).map_or(0, |said| said.idle)
    }

    /// How many rosters an economy has signed, of all groups.
    #[must_use]
    pub fn rosters(&self, by: &EconomyId) -> u64 {
        self.said.get(by).map_or(0, |said| said.rosters)
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

    /// Every group whose charter is believed no more.
    pub(crate) fn in_doubt(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.doubted.values()
    }

    /// Whether its charter is believed no more.
    #[must_use]
    pub fn is_in_doubt(&self, group: &GroupId) -> bool {
        self.doubted.contains_key(group)
    }

    /// Whether we have something to do with a group: otherwise its name is a stranger's choice.
    #[must_use]
    pub fn is_ours(&self, group: &GroupId) -> bool {
        self.ours.contains(group)
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

    /// Rosters of those who have handed their role on since, since this was last asked.
    pub(crate) fn take_late(&mut self) -> Vec<(GroupId, RecordId)> {
        std::mem::take(&mut self.news)
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
            group.is_listed(us, epoch) || (earlier && group.head().members.contains_key(&us));
        // Whoever joins later has it as well, and the roster by which we do may be on its way: without our own
        // application there is none.
        let joins = || earlier && group.applications().any(|one| one.by == us);
        if !group.is_listed(origin, epoch) || !(ours || joins()) {
            Meant::No
        } else if !ours {
            Meant::Wait
        } else if group.was_member(origin, epoch) {
            Meant::Yes
        } else {
            // What let it in is in doubt.
            Meant::Wait
        }
    }

    /// Whether its author has said the same of a roster lately: no more of it is kept.
    pub(crate) fn said_lately(&self, by: EconomyId, at: Timestamp, says: &Says) -> bool {
        let Says::Roster(RosterBody::Head(word)) = says else { return false };
        let group = self.known.get(&word.group);
        let last = group.and_then(|group| group.last_head(by, word.digest));
        last.is_some_and(|last| at < last.saturating_add(HEADS_EVERY))
    }

    /// Whether no daily word of a group came lately from whoever may say one.
    pub(crate) fn awaits_word(&self, group: GroupId, by: EconomyId, now: Timestamp) -> bool {
        let last = self.words.get(&(group, by));
        last.is_none_or(|last| *last <= now.saturating_sub(HEADS_EVERY))
    }

    /// The groups whose roster `us` keeps and has not confirmed since, or never.
    pub(crate) fn unconfirmed(
        &self,
        us: EconomyId,
        since: Timestamp,
    ) -> impl Iterator<Item = &Arc<Group>> {
        self.known.values().filter(move |group| {
            let due = group.confirmed() <= since || group.awaits_keeper();
            group.head().secretariat == us && group.fork().is_none() && due && !group.is_closed()
        })
    }

    /// The group that a record about groups belongs to.
    #[must_use]
    pub fn of_record(&self, record: &RecordId) -> Option<&Arc<Group>> {
        let charter = self.known.get(&GroupId(record.0));
        charter.or_else(|| self.known.values().find(|group| group.statement(record).is_some()))
    }
}

fn held<'a>(
    known: &'a mut BTreeMap<GroupId, Arc<Group>>,
    doubted: &'a mut BTreeMap<GroupId, Arc<Group>>,
    id: &GroupId,
) -> Option<&'a mut Arc<Group>> {
    match known.get_mut(id) {
        Some(group) => Some(group),
        None => doubted.get_mut(id),
    }
}

/// Whether somebody shows us the charter, whether it is a member or only says so.
fn has_asked(us: EconomyId, one: &Statement) -> bool {
    matches!(&one.says, Says::Group(GroupBody::Invitation(body)) if body.to == us && !one.doubted)
}

/// Whether a word makes a group one with which we have something to do: it is our own, asks us, or
/// names us in a roster.
fn is_ours(us: EconomyId, by: EconomyId, says: &Says) -> bool {
    by == us
        || match says {
            Says::Group(GroupBody::Invitation(body)) => body.to == us,
            Says::Group(GroupBody::Charter(body)) => body.founders.contains(&us),
            Says::Roster(RosterBody::Roster(roster)) => roster.members.contains_key(&us),
            Says::Group(
                GroupBody::Application(_)
                | GroupBody::Sponsorship(_)
                | GroupBody::Removal(_)
                | GroupBody::Handover(_),
            )
            | Says::Roster(RosterBody::Head(_)) => false,
        }
}
