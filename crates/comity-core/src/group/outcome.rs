//! What came of everything that was said: who is a member for certain, who may look in, and what was
//! said for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::body::GroupBody;
use super::epoch::{Epoch, Membership};
use super::judge::Signed;
use super::refusal::Refusal;
use super::replay::{Group, RosterFork};
use super::roster::{Roster, RosterBody};
use super::statement::{Says, Statement};
use crate::digest::Digest;
use crate::identity::{EconomyId, RecordId};
use crate::time::Timestamp;

/// What is worked out of a group's records in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The members that no roster which waits leaves out, and whose coming in is not in doubt.
    pub(super) certain: BTreeSet<EconomyId>,
    /// Memberships by the epoch of their beginning, of which what justified them is believed no more.
    pub(super) in_doubt: BTreeSet<(EconomyId, u64)>,
    /// Those who apply, and whom a member has asked or speaks for.
    pub(super) welcome: BTreeSet<EconomyId>,
    /// Those to whom a member shows the charter.
    pub(super) invited: BTreeSet<EconomyId>,
    /// How much each economy has said that nothing rests on.
    pub(super) idle: BTreeMap<EconomyId, u64>,
    pub(super) confirmed: Timestamp,
}

/// What the decision about anybody reads of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    head: Arc<Epoch>,
    fork: Option<RosterFork>,
    certain: BTreeSet<EconomyId>,
    in_doubt: BTreeSet<(EconomyId, u64)>,
    welcome: BTreeSet<EconomyId>,
    invited: BTreeSet<EconomyId>,
}

impl Sight {
    /// Those who are concerned.
    pub fn whom(&self) -> impl Iterator<Item = &EconomyId> {
        let sees = self.certain.iter().chain(&self.invited).chain(&self.welcome);
        // Who went has to learn it.
        sees.chain(self.head.members.keys())
    }
}

impl Group {
    /// Works out what came of what was taken in. It goes through what nothing rests on, which is
    /// bounded, and through the epochs only where somebody is in doubt.
    pub fn settle(&mut self) {
        #[cfg(any(test, feature = "test-util"))]
        crate::test_util::work::add(self.idle.len());
        self.name_what_does_not_count();
        self.fork = self.fork.take().or_else(|| self.fork_ahead());
        self.outcome.in_doubt = self.doubtful_memberships();
        self.outcome.certain = self.certain_members();
        self.outcome.invited = self.invitations().collect();
        self.outcome.welcome = self.welcome_applicants();
        self.outcome.confirmed = self.last_word();
        let mut idle: BTreeMap<EconomyId, u64> = BTreeMap::new();
        for one in self.idle_words() {
            let count = idle.entry(one.by).or_default();
            *count = count.saturating_add(1);
        }
        self.outcome.idle = idle;
    }

    /// What the decision about anybody reads of the group, and who may look in; but for when its secretariat
    /// spoke last.
    #[must_use]
    pub fn sight(&self) -> Sight {
        let outcome = &self.outcome;
        Sight {
            head: self.chain.shared_head(),
            fork: self.fork.clone(),
            certain: outcome.certain.clone(),
            in_doubt: outcome.in_doubt.clone(),
            welcome: outcome.welcome.clone(),
            invited: outcome.invited.clone(),
        }
    }

    /// Names why the rosters that were not met on the way do not count.
    fn name_what_does_not_count(&mut self) {
        let head = self.chain.head().epoch;
        let gaps = self.rosters.range(head.saturating_add(2)..).flat_map(|(_, all)| all.keys());
        let gaps = gaps.filter(|record| !self.refused.contains_key(*record)).copied();
        let gaps: Vec<_> = gaps.collect();
        self.waiting.extend(gaps.into_iter().map(|record| (record, BTreeSet::new())));
        let statements = &self.statements;
        for (record, refusal) in &mut self.refused {
            let roster = statements.get(record).and_then(|one| one.roster());
            let passed = roster.map(|roster| roster.epoch).filter(|epoch| *epoch <= head);
            if let Some(epoch) = passed
                && matches!(refusal, Refusal::WrongPredecessor | Refusal::StaleEpoch { .. })
            {
                *refusal = Refusal::StaleEpoch { epoch, head };
            }
        }
    }

    /// Rosters that do not follow yet, from whoever has the role, or is given it by one of them.
    pub(super) fn ahead(&self) -> impl Iterator<Item = Signed<'_>> {
        let head = self.chain.head();
        let ahead = self.rosters.range(head.epoch.saturating_add(1)..);
        let ahead = ahead.flat_map(|(_, rosters)| rosters.keys());
        let ahead = ahead.filter(|record| !self.refused.contains_key(*record));
        let signed = ahead.filter_map(|record| self.statement(record)?.signed());
        let mut trusted = BTreeSet::from([head.secretariat]);
        let given: Vec<_> =
            signed.clone().filter_map(|one| Some((one.by, self.given_to(one)?))).collect();
        loop {
            let new = given.iter().filter(|(by, to)| trusted.contains(by) && !trusted.contains(to));
            let new: Vec<_> = new.map(|(_, to)| *to).collect();
            if new.is_empty() {
                break;
            }
            trusted.extend(new);
        }
        signed.filter(move |signed| trusted.contains(&signed.by))
    }

    /// To whom a roster gives the role, if to anybody else.
    fn given_to(&self, signed: Signed<'_>) -> Option<EconomyId> {
        let word = self.statement(&signed.roster.handover?)?;
        let says =
            matches!(&word.says, Says::Group(GroupBody::Handover(body)) if body.to == word.by);
        says.then_some(word.by)
    }

    /// Two rosters after the same one are two, though it is not here yet.
    fn fork_ahead(&self) -> Option<RosterFork> {
        let mut after: BTreeMap<(u64, Digest), BTreeMap<Digest, RecordId>> = BTreeMap::new();
        for signed in self.ahead() {
            let epoch = signed.roster.epoch;
            let digest = self.rosters.get(&epoch).and_then(|all| all.get(&signed.record));
            let place = after.entry((epoch, signed.roster.predecessor)).or_default();
            place.insert(digest.copied().unwrap_or(Digest::ZERO), signed.record);
        }
        let (place, rosters) = after.into_iter().find(|(_, rosters)| rosters.len() > 1)?;
        Some(RosterFork { epoch: place.0, rosters })
    }

    /// A roster that waits admits nobody, but whom it leaves out may be gone: until it is known, they
    /// get nothing. Nor does whom somebody let in who is believed no more.
    fn certain_members(&self) -> BTreeSet<EconomyId> {
        let head = self.chain.head();
        let certain = |(one, member): &(&EconomyId, &Membership)| self.is_sound(**one, member);
        let mut certain: BTreeSet<_> =
            head.members.iter().filter(certain).map(|(one, _)| *one).collect();
        for signed in self.ahead() {
            certain.retain(|member| signed.roster.members.contains_key(member));
        }
        certain
    }

    /// What let somebody in, and is believed no more: its application, so many of its sponsors that too
    /// few are left, the roster that admitted it, or a hand-over by which its signer had the role.
    fn doubtful_memberships(&self) -> BTreeSet<(EconomyId, u64)> {
        let mut in_doubt = BTreeSet::new();
        if self.doubted.is_empty() {
            return in_doubt;
        }
        // Those who had the role before it came to somebody by a hand-over that is in doubt, and those to
        // whom they handed it.
        let mut rightful: Option<BTreeSet<EconomyId>> = None;
        let mut had = BTreeSet::new();
        let mut before: Option<&Epoch> = None;
        for epoch in self.chain.epochs() {
            let roster = self.statement(&epoch.record).and_then(Statement::roster);
            if let (Some(from), Some(roster)) = (before, roster) {
                let usurped = rightful.as_ref().is_some_and(|all| !all.contains(&epoch.by));
                let unsound = usurped || !self.is_believed(epoch);
                let came =
                    epoch.members.keys().filter(|one| !from.members.contains_key(one)).copied();
                for economy in came {
                    if unsound || !self.stands_for(from, economy, roster, &in_doubt) {
                        in_doubt.insert((economy, epoch.epoch));
                    }
                }
                let doubtful = roster.handover.is_some_and(|one| self.doubted.contains(&one));
                if epoch.secretariat != epoch.by && (unsound || doubtful) {
                    rightful.get_or_insert_with(|| had.clone());
                } else if let Some(all) = rightful.as_mut().filter(|_| !unsound) {
                    all.insert(epoch.secretariat);
                }
            }
            had.insert(epoch.secretariat);
            before = Some(epoch);
        }
        in_doubt
    }

    /// Whether one of the records that carry an epoch's roster is believed.
    fn is_believed(&self, epoch: &Epoch) -> bool {
        let same = self.rosters.get(&epoch.epoch).into_iter().flatten();
        let mut same = same.filter(|(_, digest)| **digest == epoch.digest);
        same.any(|(record, _)| {
            let signed = self.statement(record).is_some_and(|one| one.by == epoch.by);
            signed && !self.doubted.contains(record)
        })
    }

    /// Whether what a roster cites for somebody who came in after `from` is still enough.
    fn stands_for(
        &self,
        from: &Epoch,
        economy: EconomyId,
        roster: &Roster,
        in_doubt: &BTreeSet<(EconomyId, u64)>,
    ) -> bool {
        let cited = roster.changes.get(&economy).into_iter().flatten();
        let believed: Vec<_> = cited
            .filter(|record| !self.doubted.contains(*record))
            .filter_map(|record| self.statement(record))
            .collect();
        let applied = |one: &&Statement| matches!(one.says, Says::Group(GroupBody::Application(_)));
        let speaks = |one: &&&Statement| {
            let member = from.members.get(&one.by);
            let doubtful = member.is_none_or(|member| in_doubt.contains(&(one.by, member.since)));
            matches!(one.says, Says::Group(GroupBody::Sponsorship(_))) && !doubtful
        };
        let sponsors = believed.iter().filter(speaks).count();
        believed.iter().any(applied) && sponsors >= self.judge_from(from).sponsors_needed(economy)
    }

    /// The last time at which the secretariat said that the head is the head. What is believed no more
    /// confirms nothing.
    pub(super) fn last_word(&self) -> Timestamp {
        let head = self.chain.head();
        let word = self.heads.get(&(head.digest, head.secretariat)).copied();
        let word = word.filter(|(_, record)| {
            let says = self.statement(record).map(|one| &one.says);
            let same = |says: &Says| match says {
                Says::Roster(RosterBody::Head(word)) => word.epoch == head.epoch,
                Says::Roster(RosterBody::Roster(_)) | Says::Group(_) => false,
            };
            says.is_some_and(same) && !self.doubted.contains(record)
        });
        let rosters = self.rosters.get(&head.epoch).into_iter().flatten();
        let rosters = rosters
            .filter(|(record, digest)| **digest == head.digest && !self.doubted.contains(*record));
        let rosters = rosters.filter_map(|(record, _)| self.statement(record));
        let rosters = rosters.filter(|one| one.by == head.by).map(|one| one.at);
        let charter = (head.epoch == 0).then_some(head.at);
        let last = rosters.chain(word.map(|(at, _)| at)).chain(charter).max();
        last.unwrap_or_else(|| {
            let believed = self.chain.epochs().rev().find(|one| self.is_believed(one));
            believed.map_or(self.founding.at(), |one| one.at)
        })
    }
}
