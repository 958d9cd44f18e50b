//! Two rosters after the same one: whoever had the role signed both.
//!
//! The group is frozen, unless one of them has been acted upon by somebody else: by it, or later, its
//! signer handed the role over, and who has it then has signed something on it. From then on that signer's
//! word is nothing beside what it gave away, so that nobody who kept the roster once can stop the group.
//! All of this is read from what was signed, and is the same at every reader, whatever came when. Only
//! where two of them have been acted upon by others does the group stay frozen: then two who had the role,
//! or were to have it, have agreed to contradict each other.

use std::collections::BTreeSet;

use super::epoch::Epoch;
use super::judge::{Judge, Judged, citations};
use super::refusal::Refusal;
use super::replay::Group;
use super::statement::Statement;
use crate::digest::Digest;
use crate::identity::{EconomyId, RecordId};

impl Group {
    /// A roster counts for nothing beside the one by which the role was handed on.
    pub(super) fn yields(&mut self, epoch: u64, record: RecordId, missing: BTreeSet<RecordId>) {
        self.refused.insert(record, Refusal::HandedOn(epoch));
        self.yielded.insert(record, missing);
    }

    /// Something was signed on a roster: where one that counts for nothing has been acted upon as well,
    /// neither does.
    pub(super) fn weigh_what_yielded(&mut self) {
        let place = |record: &RecordId| {
            let roster = self.statement(record).and_then(Statement::roster)?;
            roster.epoch.checked_sub(1)
        };
        let all = self.yielded.keys().filter_map(|record| Some((place(record)?, record)));
        let taken_up = all.filter(|(place, record)| self.may_be_taken_up(*place, record));
        let first = taken_up.map(|(place, _)| place).min();
        if let Some(first) = first {
            self.go_back(first);
        }
    }

    /// Whether two rosters after the same one are here, neither of which is refused for its own sake.
    pub(super) fn is_contradicted(&self) -> bool {
        !self.yielded.is_empty() || self.next.rivals().next().is_some()
    }

    /// Of several that may be the next, the one that counts.
    pub(super) fn taken_up(&self) -> Option<(Digest, RecordId)> {
        let place = self.chain.head().epoch;
        let open = self.next.rivals().filter(|(_, records)| {
            records.keys().any(|record| self.may_be_taken_up(place, record))
        });
        let open: Vec<_> = open.map(|(digest, _)| *digest).collect();
        let &[digest] = open.as_slice() else { return None };
        let record = self.next.sound(&digest)?;
        self.is_taken_up(place, record).then_some((digest, record))
    }

    /// Whether the role was handed on after an epoch that is here, and was taken up.
    pub(super) fn was_handed_on(&self, place: u64) -> bool {
        self.chain.handed_on(place).is_some_and(|later| self.has_taken_up(later))
    }

    /// Whether the last roster gave the role to somebody who has signed nothing on it yet.
    #[must_use]
    pub fn awaits_keeper(&self) -> bool {
        let head = self.chain.head();
        head.by != head.secretariat && !self.has_taken_up(head)
    }

    /// Whether who has the role with an epoch has signed something on it.
    fn has_taken_up(&self, epoch: &Epoch) -> bool {
        self.signs_on(&epoch.digest, |by| by == epoch.secretariat)
    }

    /// Whether one of these has signed a daily word about a roster, or a roster after it.
    fn signs_on(&self, digest: &Digest, whom: impl Fn(EconomyId) -> bool) -> bool {
        let (first, last) = (EconomyId([0; 32]), EconomyId([u8::MAX; 32]));
        let mut heads = self.heads.range((*digest, first)..=(*digest, last));
        heads.any(|((_, by), _)| whom(*by)) || self.after(digest).any(|one| whom(one.by))
    }

    fn after(&self, digest: &Digest) -> impl Iterator<Item = &Statement> {
        let after = self.after.get(digest).into_iter().flatten();
        after.filter_map(|record| self.statement(record))
    }

    /// Whether a roster after the epoch `place` may have been acted upon by somebody else: also where what
    /// it cites is not here, as long as whoever acts was a member before it. What is missing, or believed
    /// no more, lets nobody go on.
    pub(super) fn may_be_taken_up(&self, place: u64, record: &RecordId) -> bool {
        let Some(from) = self.chain.get(place) else { return false };
        let giver = from.secretariat;
        let member = |by: EconomyId| by != giver && from.members.contains_key(&by);
        self.is_acted_upon(giver, record, member)
            || (self.is_acted_upon(giver, record, |by| by != giver)
                && self.is_taken_up(place, *record))
    }

    /// Whether one of these has signed something on a roster, or on a later one of the same signer, that
    /// hands the role over.
    fn is_acted_upon(
        &self,
        giver: EconomyId,
        record: &RecordId,
        whom: impl Fn(EconomyId) -> bool,
    ) -> bool {
        let (mut open, mut seen) = (vec![*record], BTreeSet::new());
        while let Some(record) = open.pop() {
            let Some(one) = self.statement(&record).filter(|one| one.by == giver) else { continue };
            let Some(roster) = one.roster() else { continue };
            let digest = self.digest(roster.epoch, &record);
            if !seen.insert(digest) {
                continue;
            }
            if roster.handover.is_some() && self.signs_on(&digest, &whom) {
                return true;
            }
            open.extend(self.after(&digest).map(|one| one.record));
        }
        false
    }

    /// Whether the role was handed on by a roster after the epoch `place`, or by later ones of the same
    /// signer that all follow, and was taken up.
    fn is_taken_up(&self, place: u64, record: RecordId) -> bool {
        let mut chain = self.chain.clone();
        chain.truncate(place);
        let giver = chain.head().secretariat;
        let (mut open, mut seen) = (vec![record], BTreeSet::new());
        while let Some(record) = open.pop() {
            let Some(signed) = self.statement(&record).and_then(Statement::signed) else {
                continue;
            };
            let Some(before) = signed.roster.epoch.checked_sub(1).filter(|one| *one >= place)
            else {
                continue;
            };
            // Depth first: what is left to look at follows one of those before it.
            chain.truncate(before);
            if chain.head().epoch != before {
                continue;
            }
            let judge = Judge {
                founding: &self.founding,
                chain: &chain,
                statements: &self.statements,
                from: chain.head(),
            };
            if !matches!(judge.next(signed), Judged::Sound) {
                continue;
            }
            let digest = self.digest(signed.roster.epoch, &record);
            let epoch = judge.epoch(signed, digest);
            if !seen.insert(digest) {
                continue;
            }
            if epoch.secretariat == giver {
                open.extend(self.after(&digest).map(|one| one.record));
                chain.push(epoch, citations(signed.roster));
            } else if self.has_taken_up(&epoch) {
                return true;
            }
        }
        false
    }
}
