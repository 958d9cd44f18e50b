//! A group as its records make it, in whatever order they came.
//!
//! From the charter on, each epoch needs exactly one roster that follows. A roster that cites what is
//! not here waits, and until then can only narrow; two that may both follow freeze the group. Each
//! statement is weighed when it comes, with what it touches: a roster with the epoch that it follows, a
//! word with the rosters that waited for it. What came of all of them is worked out in one go, by
//! [`Group::settle`].
//!
//! The order does not matter, but for one thing: an epoch whose successor has been here for long is
//! settled, and no roster that comes then contradicts it.

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
    /// Of the daily words of an economy the last one about each roster: no other counts.
    pub(super) heads: BTreeMap<(EconomyId, Digest), (Timestamp, RecordId)>,
    pub(super) chain: Chain,
    /// The rosters that may be the next.
    pub(super) next: Next,
    pub(super) refused: BTreeMap<RecordId, Refusal>,
    pub(super) waiting: BTreeMap<RecordId, BTreeSet<RecordId>>,
    pub(super) fork: Option<RosterFork>,
    pub(super) outcome: Outcome,
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
    /// The group that `founding` founds, of which nothing was said yet.
    #[must_use]
    pub fn begin(founding: Arc<Founding>) -> Self {
        let mut group = Self {
            chain: Chain::begin(&founding),
            statements: Statements::new(),
            doubted: BTreeSet::new(),
            idle: BTreeSet::new(),
            rosters: BTreeMap::new(),
            heads: BTreeMap::new(),
            next: Next::default(),
            refused: BTreeMap::new(),
            waiting: BTreeMap::new(),
            fork: None,
            outcome: Outcome::default(),
            founding,
        };
        group.settle();
        group
    }

    /// The group that `founding` founds, after everything that was said about it, all of it lately.
    #[must_use]
    pub fn replay(
        founding: Arc<Founding>,
        statements: impl IntoIterator<Item = Statement>,
    ) -> Self {
        let now = founding.at();
        let mut group = Self::begin(founding);
        for statement in statements {
            group.take(statement, now);
        }
        group.settle();
        group
    }

    /// Takes in what was said at `now`, by our clock. What is refused, and what waits, is kept and named:
    /// no record undoes another one. [`Group::settle`] works out what came of it.
    pub fn take(&mut self, statement: Statement, now: Timestamp) {
        let record = statement.record;
        match statement.says.group() {
            Some(group) if group == self.id() => {}
            Some(_) => {
                self.refused.insert(record, Refusal::OtherGroup);
                return;
            }
            None if record == self.founding.record() => return,
            None => {
                self.refused.insert(record, Refusal::SecondCharter);
                return;
            }
        }
        if let Says::Roster(RosterBody::Head(word)) = &statement.says
            && !self.is_last_word((statement.by, word.digest), (statement.at, record))
        {
            return;
        }
        let roster = statement.roster().map(|roster| (roster.epoch, roster.digest()));
        if statement.doubted {
            self.doubted.insert(record);
        } else {
            self.doubted.remove(&record);
        }
        self.statements.insert(record, Arc::new(statement));
        self.note_idle(record);
        match roster {
            Some((epoch, digest)) => {
                self.rosters.entry(epoch).or_default().insert(record, digest);
                self.weigh(epoch, record, now);
            }
            None => self.weigh_what_waited(&record, now),
        }
        self.go_on(now);
    }

    /// Whether a daily word is the last of its author about this roster, in whose place it then is.
    fn is_last_word(&mut self, of: (EconomyId, Digest), word: (Timestamp, RecordId)) -> bool {
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
        if let Some((_, to)) = self.offer().filter(|_| roster.handover.is_none()) {
            return Err(if by == head.secretariat {
                Refusal::Offered(to)
            } else {
                Refusal::NotSecretariat(by)
            });
        }
        let record = RecordId(roster.digest().0);
        let (at, doubted) = (head.at, false);
        match self.judge().next(Signed { record, by, at, roster, doubted }) {
            Judged::Sound => Ok(()),
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
        self.statements.values().map(|one| &**one)
    }

    /// What a record says about the group.
    #[must_use]
    pub fn statement(&self, record: &RecordId) -> Option<&Statement> {
        self.statements.get(record).map(|one| &**one)
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
