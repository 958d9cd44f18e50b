//! A group as its records make it, in whatever order they came.
//!
//! From the charter on, each epoch needs exactly one roster that follows. A roster that cites what is
//! not here waits, and until then can only narrow; two that may both follow freeze the group. Each
//! statement is weighed when it comes, with what it touches: a roster with the epoch that it follows, a
//! word with the rosters that waited for it. What came of all of them is worked out in one go, by
//! [`Group::settle`]. The order does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::epoch::{Chain, Epoch};
use super::follow::Next;
use super::founding::Founding;
use super::judge::{Judge, Judged, Signed};
use super::outcome::Outcome;
use super::refusal::Refusal;
use super::roster::{Roster, RosterBody};
use super::statement::{Says, Statement, Statements};
use crate::digest::Digest;
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::limits;
use crate::time::Timestamp;

/// A group: its charter, its rosters, and what was said about its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub(super) founding: Arc<Founding>,
    pub(super) statements: Statements,
    /// The statements of authors who are believed no more.
    pub(super) doubted: BTreeSet<RecordId>,
    /// The statements on which nothing rests.
    pub(super) idle: BTreeSet<RecordId>,
    /// The rosters, by epoch.
    pub(super) rosters: BTreeMap<u64, BTreeMap<RecordId, Digest>>,
    /// The rosters that follow each epoch, by what they name it by.
    pub(super) after: BTreeMap<Digest, BTreeSet<RecordId>>,
    /// Of the daily words about a roster the last one of each economy: no other counts.
    pub(super) heads: BTreeMap<(Digest, EconomyId), (Timestamp, RecordId)>,
    pub(super) chain: Chain,
    /// The rosters that may be the next.
    pub(super) next: Next,
    pub(super) refused: BTreeMap<RecordId, Refusal>,
    pub(super) waiting: BTreeMap<RecordId, BTreeSet<RecordId>>,
    /// The rosters that count for nothing beside one by which the role was handed on, and what each waits
    /// for.
    pub(super) yielded: BTreeMap<RecordId, BTreeSet<RecordId>>,
    pub(super) fork: Option<RosterFork>,
    pub(super) outcome: Outcome,
}

/// What taking in a statement has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taken {
    /// Nothing.
    Nothing,
    /// When the secretariat spoke last: [`Group::confirm`] suffices.
    Confirmed,
    /// More: [`Group::settle`] works it out.
    More,
}

/// Two or more rosters of one epoch: the secretariat contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterFork {
    /// The epoch.
    pub epoch: u64,
    /// The rosters, each with one of the records that carry it.
    pub rosters: BTreeMap<Digest, RecordId>,
}

impl Group {
    /// The group that `founding` founds, of which nothing was said yet.
    #[must_use]
    pub fn begin(founding: Arc<Founding>) -> Self {
        let mut group = Self {
            chain: Chain::begin(&founding),
            statements: Statements::new(),
            doubted: BTreeSet::new(),
            idle: BTreeSet::new(),
            rosters: BTreeMap::new(),
            after: BTreeMap::new(),
            heads: BTreeMap::new(),
            next: Next::default(),
            refused: BTreeMap::new(),
            waiting: BTreeMap::new(),
            yielded: BTreeMap::new(),
            fork: None,
            outcome: Outcome::default(),
            founding,
        };
        group.settle();
        group
    }

    /// The group that `founding` founds, after everything that was said about it.
    #[must_use]
    pub fn replay(
        founding: Arc<Founding>,
        statements: impl IntoIterator<Item = Statement>,
    ) -> Self {
        let mut group = Self::begin(founding);
        for statement in statements {
            group.take(statement);
        }
        group.settle();
        group
    }

    /// Takes in what was said. What is refused, and what waits, is kept and named: no record undoes another
    /// one. [`Group::settle`] works out what came of it.
    pub fn take(&mut self, statement: Statement) -> Taken {
        let record = statement.record;
        match statement.says.group() {
            Some(group) if group == self.id() => {}
            Some(_) => {
                self.refused.insert(record, Refusal::OtherGroup);
                return Taken::More;
            }
            None if record == self.founding.record() => return Taken::Nothing,
            None => {
                self.refused.insert(record, Refusal::SecondCharter);
                return Taken::More;
            }
        }
        if let Says::Roster(RosterBody::Head(word)) = &statement.says
            && !self.is_last_word((word.digest, statement.by), (statement.at, record))
        {
            return Taken::Nothing;
        }
        if statement.doubted {
            self.doubted.insert(record);
        } else {
            self.doubted.remove(&record);
        }
        let statement = Arc::new(statement);
        self.statements.insert(record, statement.clone());
        match &statement.says {
            Says::Roster(RosterBody::Roster(roster)) => {
                self.note_idle(record);
                self.rosters.entry(roster.epoch).or_default().insert(record, roster.digest());
                self.after.entry(roster.predecessor).or_default().insert(record);
                self.weigh(roster.epoch, record);
                // One may cite it, though it justifies nothing.
                self.weigh_what_waited(&record);
                self.weigh_what_yielded();
                self.go_on();
            }
            // The secretariat says every day that nothing has changed: that costs the same in every group.
            Says::Roster(RosterBody::Head(_))
                if self.fork.is_none()
                    && self.yielded.is_empty()
                    && self.would_rest(&statement) =>
            {
                return Taken::Confirmed;
            }
            Says::Roster(RosterBody::Head(_)) => {
                self.note_idle(record);
                self.weigh_what_yielded();
                self.go_on();
            }
            Says::Group(_) => {
                self.note_idle(record);
                if self.weigh_what_waited(&record) {
                    self.go_on();
                } else if self.is_contradicted() {
                    // A roster after one of two may have waited for it.
                    self.weigh_what_yielded();
                    self.go_on();
                } else {
                    self.note_fork();
                }
            }
        }
        Taken::More
    }

    /// The secretariat said a word, and nothing else has changed.
    pub fn confirm(&mut self) {
        self.outcome.confirmed = self.last_word();
    }

    /// Whether a daily word is the last of its author about this roster, in whose place it then is.
    fn is_last_word(&mut self, of: (Digest, EconomyId), word: (Timestamp, RecordId)) -> bool {
        match self.heads.get(&of).copied() {
            Some(last) if last > word => return false,
            Some(last) if last.1 != word.1 => self.forget(&last.1),
            Some(_) | None => {}
        }
        self.heads.insert(of, word);
        true
    }

    fn forget(&mut self, record: &RecordId) {
        self.statements.remove(record);
        self.doubted.remove(record);
        self.idle.remove(record);
    }

    /// The author of a statement is believed no more. What it justified is done: the rosters that
    /// followed go on following, without those whom it let in.
    pub fn doubt(&mut self, record: &RecordId) {
        let Some(statement) = self.statements.get_mut(record) else { return };
        Arc::make_mut(statement).doubted = true;
        self.doubted.insert(*record);
        self.weigh_next();
        self.note_fork();
        self.settle();
    }

    pub(super) fn statement_of(&self, record: &RecordId) -> Option<Arc<Statement>> {
        self.statements.get(record).cloned()
    }

    pub(super) fn judge(&self) -> Judge<'_> {
        self.judge_from(self.chain.head())
    }

    pub(super) fn judge_from<'a>(&'a self, from: &'a Epoch) -> Judge<'a> {
        Judge { founding: &self.founding, chain: &self.chain, statements: &self.statements, from }
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
        if roster.epoch > limits::EPOCHS {
            return Err(Refusal::TooManyRosters);
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
            Judged::Sound => Ok(()),
            Judged::Waits(missing) => {
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
        self.statements.values().map(|one| &**one)
    }

    /// What a record says about the group.
    #[must_use]
    pub fn statement(&self, record: &RecordId) -> Option<&Statement> {
        self.statements.get(record).map(|one| &**one)
    }

    /// The rosters that count for nothing beside one by which whoever signed both has handed the role on.
    pub fn yielded(&self) -> impl Iterator<Item = RecordId> {
        self.yielded.keys().copied()
    }

    /// The last daily word of an economy about a roster that is kept and believed: when it was signed.
    #[must_use]
    pub fn last_head(&self, by: EconomyId, roster: Digest) -> Option<Timestamp> {
        let (at, record) = self.heads.get(&(roster, by))?;
        (!self.doubted.contains(record)).then_some(*at)
    }

    /// What was said that nothing rests on: it is in no roster of the group, no roster cites it, and it
    /// does not confirm one.
    pub(super) fn idle_words(&self) -> impl Iterator<Item = &Statement> {
        self.idle.iter().filter_map(|record| self.statement(record))
    }

    /// How much each economy has said that nothing rests on.
    #[must_use]
    pub fn idle(&self) -> &BTreeMap<EconomyId, u64> {
        &self.outcome.idle
    }

    /// When the secretariat said last that the head is the head.
    #[must_use]
    pub fn confirmed(&self) -> Timestamp {
        self.outcome.confirmed
    }

    /// The members, as far as they are certain: what a roster that waits leaves out is not, nor whom
    /// somebody let in who is believed no more.
    #[must_use]
    pub fn certain(&self) -> &BTreeSet<EconomyId> {
        &self.outcome.certain
    }

    /// Those who apply, and whom a member has asked or speaks for.
    #[must_use]
    pub fn welcome(&self) -> &BTreeSet<EconomyId> {
        &self.outcome.welcome
    }

    /// Those to whom a member shows the charter.
    #[must_use]
    pub fn invited(&self) -> &BTreeSet<EconomyId> {
        &self.outcome.invited
    }
}
