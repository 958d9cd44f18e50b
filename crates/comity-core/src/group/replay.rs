//! A group as its records make it, in whatever order they came.
//!
//! Nothing is folded step by step: [`Group::replay`] looks at everything that is here. From the
//! charter on, each epoch needs exactly one roster that follows. A roster that cites what is not here
//! waits, and until then can only narrow; two that may both follow freeze the group.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::body::GroupBody;
use super::epoch::{Chain, Epoch};
use super::founding::Founding;
use super::judge::{Judge, Judged, Signed, citations};
use super::refusal::Refusal;
use super::roster::{Roster, RosterBody};
use super::statement::{Says, Statement, Statements};
use crate::digest::Digest;
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::time::Timestamp;

/// A group: its charter, its rosters, and what was said about its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub(super) founding: Arc<Founding>,
    pub(super) statements: Statements,
    pub(super) chain: Chain,
    refused: BTreeMap<RecordId, Refusal>,
    waiting: BTreeMap<RecordId, BTreeSet<RecordId>>,
    fork: Option<RosterFork>,
    /// The members that no roster which waits leaves out.
    certain: BTreeSet<EconomyId>,
    /// Those who apply, and whom a member has asked or speaks for.
    pub(super) welcome: BTreeSet<EconomyId>,
    /// Those to whom a member shows the charter.
    pub(super) invited: BTreeSet<EconomyId>,
    confirmed: Timestamp,
}

/// Two or more rosters of one epoch: the secretariat contradicts itself, or two hold the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterFork {
    /// The epoch.
    pub epoch: u64,
    /// The rosters, each with one of the records that carry it.
    pub rosters: BTreeMap<Digest, RecordId>,
}

impl Group {
    /// The group that `founding` founds, after everything that was said about it.
    ///
    /// What is refused, and what waits, is kept and named: no record undoes another one.
    #[must_use]
    pub fn replay(
        founding: Arc<Founding>,
        statements: impl IntoIterator<Item = Statement>,
    ) -> Self {
        let mut refused = BTreeMap::new();
        let mut kept = Statements::new();
        // Of the daily words only the last one of each roster counts.
        let mut heads: BTreeMap<(EconomyId, Digest), (Timestamp, RecordId)> = BTreeMap::new();
        for statement in statements {
            match statement.says.group() {
                Some(group) if group == founding.group() => {
                    if let Says::Roster(RosterBody::Head(word)) = &statement.says {
                        let (of, new) =
                            ((statement.by, word.digest), (statement.at, statement.record));
                        let last = heads.get(&of).copied().unwrap_or(new);
                        heads.insert(of, last.max(new));
                        if let Some(earlier) = (last != new).then_some(last.min(new)) {
                            kept.remove(&earlier.1);
                            if earlier == new {
                                continue;
                            }
                        }
                    }
                    kept.insert(statement.record, statement);
                }
                Some(_) => drop(refused.insert(statement.record, Refusal::OtherGroup)),
                None if statement.record == founding.record() => {}
                None => drop(refused.insert(statement.record, Refusal::SecondCharter)),
            }
        }
        let mut group = Self {
            chain: Chain::begin(&founding),
            certain: BTreeSet::new(),
            welcome: BTreeSet::new(),
            invited: BTreeSet::new(),
            confirmed: founding.at(),
            founding,
            statements: kept,
            refused,
            waiting: BTreeMap::new(),
            fork: None,
        };
        let mut of_epoch: BTreeMap<u64, Vec<RecordId>> = BTreeMap::new();
        for signed in group.rosters() {
            of_epoch.entry(signed.roster.epoch).or_default().push(signed.record);
        }
        while group.advance(&of_epoch) {}
        group.sort_the_rest();
        group.fork = group.fork.take().or_else(|| group.fork_ahead());
        group.certain = group.certain_members();
        group.invited = group.invitations().collect();
        group.welcome = group.welcome_applicants();
        group.confirmed = group.last_word();
        group
    }

    /// Goes one epoch on; whether it could.
    fn advance(&mut self, of_epoch: &BTreeMap<u64, Vec<RecordId>>) -> bool {
        let next = self.chain.head().epoch.saturating_add(1);
        let judge = self.judge();
        // By what they say: a roster that was signed twice is one roster.
        let mut standing: BTreeMap<Digest, (RecordId, Judged)> = BTreeMap::new();
        let (mut refused, mut waiting) = (Vec::new(), Vec::new());
        let candidates = of_epoch.get(&next).into_iter().flatten();
        for signed in candidates.filter_map(|record| self.statements.get(record)?.signed()) {
            match judge.next(signed) {
                Judged::Refused(refusal) => refused.push((signed.record, refusal)),
                // Who may have the role or may not can freeze nobody.
                Judged::Waits { missing, entitled: false } => {
                    waiting.push((signed.record, missing));
                }
                judged @ (Judged::Sound(_) | Judged::Waits { .. }) => {
                    standing.entry(signed.roster.digest()).or_insert((signed.record, judged));
                }
            }
        }
        let only = standing.len() == 1;
        let mut follows = None;
        for (record, judged) in standing.values() {
            match judged {
                Judged::Sound(epoch) if only => follows = Some(epoch.clone()),
                Judged::Waits { missing, .. } => waiting.push((*record, missing.clone())),
                Judged::Sound(_) | Judged::Refused(_) => {}
            }
        }
        let fork = (standing.len() > 1).then(|| RosterFork {
            epoch: next,
            rosters: standing.iter().map(|(digest, (record, _))| (*digest, *record)).collect(),
        });
        self.refused.extend(refused);
        self.waiting.extend(waiting);
        self.fork = fork;
        let Some(epoch) = follows else { return false };
        let roster = self.statements.get(&epoch.record).and_then(Statement::roster);
        let cited: Vec<_> = roster.into_iter().flat_map(citations).collect();
        self.chain.push(*epoch, cited);
        true
    }

    /// Names why the rosters that were not met on the way do not count.
    fn sort_the_rest(&mut self) {
        let head = self.chain.head().epoch;
        let mut gaps = Vec::new();
        for signed in self.rosters() {
            let epoch = signed.roster.epoch;
            if epoch > head.saturating_add(1) {
                gaps.push(signed.record);
            }
        }
        self.waiting.extend(gaps.into_iter().map(|record| (record, BTreeSet::new())));
        for refusal in self.refused.iter_mut() {
            let epoch = self.statements.get(refusal.0).and_then(Statement::roster);
            if let Some(epoch) = epoch.map(|roster| roster.epoch).filter(|epoch| *epoch <= head)
                && *refusal.1 == Refusal::WrongPredecessor
            {
                *refusal.1 = Refusal::StaleEpoch { epoch, head };
            }
        }
    }

    /// Rosters that do not follow yet, from those who have the role, or may have it by then.
    fn ahead(&self) -> impl Iterator<Item = Signed<'_>> {
        let head = self.chain.head();
        let mut trusted = BTreeSet::from([head.secretariat]);
        loop {
            let new: Vec<_> = self
                .statements
                .values()
                .filter(|one| trusted.contains(&one.by))
                .filter_map(|one| self.open_offer(one))
                .filter(|to| !trusted.contains(to))
                .collect();
            if new.is_empty() {
                break;
            }
            trusted.extend(new);
        }
        self.rosters().filter(move |signed| {
            signed.roster.epoch > head.epoch
                && trusted.contains(&signed.by)
                && !self.refused.contains_key(&signed.record)
        })
    }

    /// To whom a statement offers the role, unless the roster that is here has made that void: whoever
    /// was offered it once could keep things from members for ever.
    fn open_offer(&self, one: &Statement) -> Option<EconomyId> {
        let Says::Group(GroupBody::Handover(offer)) = &one.says else { return None };
        let head = self.chain.head();
        let open = match offer.epoch.cmp(&head.epoch) {
            Ordering::Less => false,
            Ordering::Equal => one.by == head.secretariat && head.members.contains_key(&offer.to),
            // Whether it stood then is not known before the rosters between are here.
            Ordering::Greater => true,
        };
        open.then_some(offer.to)
    }

    /// Two rosters after the same one are two, though it is not here yet.
    fn fork_ahead(&self) -> Option<RosterFork> {
        let mut after: BTreeMap<(u64, Digest), BTreeMap<Digest, RecordId>> = BTreeMap::new();
        for signed in self.ahead() {
            let place = (signed.roster.epoch, signed.roster.predecessor);
            after.entry(place).or_default().insert(signed.roster.digest(), signed.record);
        }
        let (place, rosters) = after.into_iter().find(|(_, rosters)| rosters.len() > 1)?;
        Some(RosterFork { epoch: place.0, rosters })
    }

    /// A roster that waits admits nobody, but whom it leaves out may be gone: until it is known, they
    /// get nothing.
    fn certain_members(&self) -> BTreeSet<EconomyId> {
        let mut certain: BTreeSet<_> = self.chain.head().members.keys().copied().collect();
        for signed in self.ahead() {
            certain.retain(|member| signed.roster.members.contains_key(member));
        }
        certain
    }

    /// The last time at which the secretariat said that the head is the head.
    fn last_word(&self) -> Timestamp {
        let head = self.chain.head();
        let words = self.statements.values();
        let words = words.filter(|one| one.by == head.secretariat && !one.doubted);
        let words = words.filter(|one| match &one.says {
            Says::Roster(RosterBody::Head(word)) => {
                word.epoch == head.epoch && word.digest == head.digest
            }
            Says::Roster(RosterBody::Roster(roster)) => {
                roster.epoch == head.epoch && roster.digest() == head.digest
            }
            Says::Group(_) => false,
        });
        words.map(|one| one.at).chain([head.at]).max().unwrap_or(head.at)
    }

    fn rosters(&self) -> impl Iterator<Item = Signed<'_>> {
        self.statements.values().filter_map(Statement::signed)
    }

    pub(super) fn judge(&self) -> Judge<'_> {
        Judge { founding: &self.founding, chain: &self.chain, statements: &self.statements }
    }

    /// Whether a roster that `by` is about to sign follows from what is here.
    ///
    /// # Errors
    ///
    /// Why it would count for nothing, or freeze the group.
    pub fn check(&self, by: EconomyId, roster: &Roster) -> Result<(), Refusal> {
        let head = self.chain.head();
        if let Some(fork) = &self.fork {
            return Err(Refusal::Frozen(fork.epoch));
        }
        if roster.group != self.id() {
            return Err(Refusal::OtherGroup);
        }
        if roster.epoch <= head.epoch {
            return Err(Refusal::StaleEpoch { epoch: roster.epoch, head: head.epoch });
        }
        if roster.epoch != head.epoch.saturating_add(1) {
            return Err(Refusal::WrongPredecessor);
        }
        // Of whoever else says that it has the role nothing is here, and it cannot stop anybody.
        let rival =
            |signed: Signed<'_>| signed.roster.epoch == roster.epoch && signed.roster != roster;
        if self.ahead().any(rival) {
            return Err(Refusal::Frozen(roster.epoch));
        }
        let record = RecordId(roster.digest().0);
        let (at, doubted) = (head.at, false);
        match self.judge().next(Signed { record, by, at, roster, doubted }) {
            Judged::Sound(_) => Ok(()),
            Judged::Waits { missing, .. } => {
                Err(missing.first().map_or(Refusal::WrongPredecessor, |id| Refusal::NotHere(*id)))
            }
            Judged::Refused(refusal) => Err(refusal),
        }
    }

    /// The group's id.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.founding.group()
    }

    /// The charter, with the record that it came in.
    #[must_use]
    pub fn founding(&self) -> &Arc<Founding> {
        &self.founding
    }

    /// The last epoch.
    #[must_use]
    pub fn head(&self) -> &Epoch {
        self.chain.head()
    }

    /// Every epoch from the charter's on.
    pub fn epochs(&self) -> impl DoubleEndedIterator<Item = &Epoch> {
        self.chain.epochs()
    }

    /// An epoch by its number.
    #[must_use]
    pub fn epoch(&self, epoch: u64) -> Option<&Epoch> {
        self.chain.get(epoch)
    }

    /// The contradiction by which the group is frozen, if it is.
    #[must_use]
    pub fn fork(&self) -> Option<&RosterFork> {
        self.fork.as_ref()
    }

    /// The records that count for nothing, and why.
    #[must_use]
    pub fn refused(&self) -> &BTreeMap<RecordId, Refusal> {
        &self.refused
    }

    /// The rosters that wait, and for which records; none: for the rosters between.
    #[must_use]
    pub fn waiting(&self) -> &BTreeMap<RecordId, BTreeSet<RecordId>> {
        &self.waiting
    }

    /// What was said about the group, by record.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.statements.values()
    }

    /// What a record says about the group.
    #[must_use]
    pub fn statement(&self, record: &RecordId) -> Option<&Statement> {
        self.statements.get(record)
    }

    /// What an economy has said that nothing rests on: it is in no roster of the group, no roster
    /// cites it, and it does not confirm one.
    pub fn idle(&self, by: EconomyId) -> impl Iterator<Item = &Statement> {
        self.statements.values().filter(move |one| one.by == by && !self.rests_on(one))
    }

    fn rests_on(&self, one: &Statement) -> bool {
        match &one.says {
            Says::Roster(RosterBody::Roster(roster)) => {
                self.epoch(roster.epoch).is_some_and(|epoch| epoch.record == one.record)
            }
            Says::Roster(RosterBody::Head(word)) => self
                .epoch(word.epoch)
                .is_some_and(|epoch| epoch.digest == word.digest && epoch.secretariat == one.by),
            Says::Group(_) => self.chain.spent.contains(&one.record),
        }
    }

    /// When the secretariat said last that the head is the head.
    #[must_use]
    pub fn confirmed(&self) -> Timestamp {
        self.confirmed
    }

    /// The members, as far as they are certain: what a roster that waits leaves out is not.
    #[must_use]
    pub fn certain(&self) -> &BTreeSet<EconomyId> {
        &self.certain
    }
}
