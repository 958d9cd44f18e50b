//! Which roster is the next, and which contradicts one that was.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{Judged, citations};
use super::refusal::Refusal;
use super::replay::{Group, RosterFork};
use super::roster::RosterBody;
use super::statement::{Says, Statement};
use crate::digest::Digest;
use crate::identity::RecordId;
use crate::limits;

/// The rosters that may be the next one, by what they say: one that was signed twice is one roster. Of
/// each record whether it follows, or waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Next(BTreeMap<Digest, BTreeMap<RecordId, bool>>);

impl Next {
    fn put(&mut self, digest: Digest, record: RecordId, sound: bool) {
        self.0.entry(digest).or_default().insert(record, sound);
    }

    fn remove(&mut self, digest: &Digest, record: &RecordId) {
        if let Some(records) = self.0.get_mut(digest) {
            records.remove(record);
            if records.is_empty() {
                self.0.remove(digest);
            }
        }
    }

    /// The one that follows: no other one may.
    fn follows(&self) -> Option<(Digest, RecordId)> {
        let digest = self.0.keys().next().filter(|_| self.0.len() == 1)?;
        Some((*digest, self.sound(digest)?))
    }

    pub(super) fn sound(&self, digest: &Digest) -> Option<RecordId> {
        self.0.get(digest)?.iter().find(|(_, sound)| **sound).map(|(record, _)| *record)
    }

    /// Each with the records that carry it, where there is more than one.
    pub(super) fn rivals(&self) -> impl Iterator<Item = (&Digest, &BTreeMap<RecordId, bool>)> {
        self.0.iter().filter(|_| self.0.len() > 1)
    }

    fn fork(&self, epoch: u64) -> Option<RosterFork> {
        let first = |(digest, records): (&Digest, &BTreeMap<RecordId, bool>)| {
            Some((*digest, *records.first_key_value()?.0))
        };
        let rosters: BTreeMap<_, _> = self.0.iter().filter_map(first).collect();
        (rosters.len() > 1).then_some(RosterFork { epoch, rosters })
    }
}

impl Group {
    /// A roster came, or is believed again.
    pub(super) fn weigh(&mut self, epoch: u64, record: RecordId) {
        let head = self.chain.head().epoch;
        if epoch > limits::EPOCHS {
            self.refused.insert(record, Refusal::TooManyRosters);
        } else if epoch <= head {
            self.weigh_late(epoch, record);
        } else if epoch == head.saturating_add(1) {
            self.weigh_as_next(record);
        }
    }

    /// A word came that rosters may have waited for. Whether any had.
    pub(super) fn weigh_what_waited(&mut self, word: &RecordId) -> bool {
        let waiting = self.waiting.iter().chain(&self.yielded);
        let waited = waiting.filter(|(_, missing)| missing.contains(word));
        let waited: Vec<_> = waited.map(|(roster, _)| *roster).collect();
        for record in &waited {
            let epoch = self.statement(record).and_then(Statement::roster).map(|one| one.epoch);
            if let Some(epoch) = epoch {
                self.weigh(epoch, *record);
            }
        }
        !waited.is_empty()
    }

    /// Weighs again those that may be the next.
    pub(super) fn weigh_next(&mut self) {
        self.next = Next::default();
        let epoch = self.chain.head().epoch.saturating_add(1);
        let candidates: Vec<_> =
            self.rosters.get(&epoch).into_iter().flatten().map(|(record, _)| *record).collect();
        for record in candidates.into_iter().filter(|_| epoch <= limits::EPOCHS) {
            self.weigh_as_next(record);
        }
    }

    fn weigh_as_next(&mut self, record: RecordId) {
        let Some(statement) = self.statement_of(&record) else { return };
        let Some(signed) = statement.signed() else { return };
        let digest = self.digest(signed.roster.epoch, &record);
        self.refused.remove(&record);
        self.waiting.remove(&record);
        self.next.remove(&digest, &record);
        match self.judge().next(signed) {
            Judged::Refused(refusal) => {
                self.refused.insert(record, refusal);
            }
            Judged::Waits(missing) => {
                self.waiting.insert(record, missing);
                self.next.put(digest, record, false);
            }
            Judged::Sound => self.next.put(digest, record, true),
        }
    }

    /// A roster came of an epoch that was: the same one, one that counts for nothing, or one that
    /// contradicts it.
    fn weigh_late(&mut self, epoch: u64, record: RecordId) {
        let Some(statement) = self.statement_of(&record) else { return };
        let (Some(signed), Some(before)) = (statement.signed(), epoch.checked_sub(1)) else {
            return;
        };
        let Some(from) = self.chain.get(before) else { return };
        self.refused.remove(&record);
        self.waiting.remove(&record);
        self.yielded.remove(&record);
        let same = self.chain.get(epoch).is_some_and(|one| {
            self.rosters.get(&epoch).and_then(|all| all.get(&record)) == Some(&one.digest)
        });
        let missing = match self.judge_from(from).next(signed) {
            Judged::Refused(refusal) => {
                self.refused.insert(record, refusal);
                return;
            }
            // Of the roster that is here it is no news that its author is in doubt.
            Judged::Waits(_) if same => return,
            Judged::Sound if same => {
                let held = self.chain.get(epoch).map(|one| one.record);
                self.chain.signed_again(epoch, record, statement.at);
                if let Some(held) = held.filter(|held| record <= *held) {
                    self.idle.insert(held);
                    self.idle.remove(&record);
                }
                return;
            }
            Judged::Waits(missing) => missing,
            Judged::Sound => BTreeSet::new(),
        };
        if self.was_handed_on(before) && !self.may_be_taken_up(before, &record) {
            self.yields(epoch, record, missing);
        } else {
            self.go_back(before);
        }
    }

    /// Back to an epoch that nothing contradicts.
    pub(super) fn go_back(&mut self, epoch: u64) {
        self.chain.truncate(epoch);
        let statements = &self.statements;
        let stands = |record: &RecordId| {
            let roster = statements.get(record).and_then(|one| one.roster());
            roster.is_none_or(|roster| roster.epoch <= epoch)
        };
        self.refused.retain(|record, _| stands(record));
        self.waiting.retain(|record, _| stands(record));
        self.yielded.retain(|record, _| stands(record));
        let too_late = self.rosters.range(limits::EPOCHS.saturating_add(1)..);
        let too_late = too_late.flat_map(|(_, rosters)| rosters.keys());
        self.refused.extend(too_late.map(|record| (*record, Refusal::TooManyRosters)));
        let all: Vec<_> = self.statements.keys().copied().collect();
        for record in all {
            self.note_idle(record);
        }
        self.weigh_next();
    }

    /// Goes on as far as one roster follows the other.
    pub(super) fn go_on(&mut self) {
        while let Some((digest, record)) = self.next.follows().or_else(|| self.taken_up())
            && let Some(statement) = self.statement_of(&record)
            && let Some(signed) = statement.signed()
        {
            let epoch = self.judge().epoch(signed, digest);
            let cited: Vec<_> = citations(signed.roster).collect();
            let word = self.heads.get(&(digest, epoch.secretariat)).map(|(_, word)| *word);
            for rests in cited.iter().chain([&record]).chain(&word) {
                self.idle.remove(rests);
            }
            let others = self.next.rivals().filter(|(other, _)| **other != digest);
            let others: Vec<_> = others.flat_map(|(_, all)| all.keys().copied()).collect();
            for other in others {
                let missing = self.waiting.remove(&other).unwrap_or_default();
                self.yields(epoch.epoch, other, missing);
            }
            self.chain.push(epoch, cited);
            self.weigh_next();
        }
        self.note_fork();
    }

    pub(super) fn note_fork(&mut self) {
        self.fork = self.next.fork(self.chain.head().epoch.saturating_add(1));
    }

    /// Whether nothing rests on a statement.
    pub(super) fn note_idle(&mut self, record: RecordId) {
        let Some(one) = self.statements.get(&record) else { return };
        let head = self.chain.head().epoch;
        let rests = match &one.says {
            Says::Roster(RosterBody::Roster(roster)) => {
                self.epoch(roster.epoch).is_some_and(|epoch| epoch.record == record)
            }
            Says::Roster(RosterBody::Head(_)) => self.would_rest(one),
            Says::Group(_) => self.chain.is_spent(&record, head),
        };
        if rests {
            self.idle.remove(&record);
        } else {
            self.idle.insert(record);
        }
    }

    pub(super) fn digest(&self, epoch: u64, record: &RecordId) -> Digest {
        let rosters = self.rosters.get(&epoch);
        rosters.and_then(|rosters| rosters.get(record)).copied().unwrap_or(Digest::ZERO)
    }
}
