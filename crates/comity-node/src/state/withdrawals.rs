//! Withdrawals, and what is answered to them.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::control::{AcknowledgementBody, Answer, WithdrawalBody};
use comity_core::journal::Source;
use comity_core::policy::Lifecycle;
use comity_core::receipt::RejectReason;
use comity_core::{EconomyId, KeptBecause, Kind, RecordId, Timestamp};

use super::State;
use super::bound::Bound;
use super::records::{Held, Tombstone};
use crate::limits::ANSWERS;

/// What was answered to withdrawals, and what we have not answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Withdrawals of others that took something back here.
    open: BTreeSet<RecordId>,
    /// By withdrawal and by who answers.
    given: BTreeMap<RecordId, BTreeMap<EconomyId, Given>>,
    /// Recalls of others that nobody here was told of.
    recalled: Vec<RecordId>,
}

/// What one economy answers to one withdrawal.
#[derive(Debug, Default)]
struct Given {
    /// When each was signed, and the record: the last one counts, in whatever order they come.
    records: BTreeSet<(Timestamp, RecordId)>,
    /// To whose account those go that came before the withdrawal.
    early: Vec<EconomyId>,
}

/// An answer to a withdrawal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Who answers.
    pub by: EconomyId,
    /// The record that says it.
    pub record: RecordId,
    /// What it says.
    pub body: AcknowledgementBody,
    /// Who brought it, if that was not the economy itself.
    pub through: Option<EconomyId>,
}

/// Whether a withdrawal takes records of this kind back: content, and words about consent. What else of
/// control was said ends in a way of its own; an agreement, by its termination.
pub(crate) fn is_withdrawable(kind: Kind) -> bool {
    !kind.is_control() || kind == Kind::Consent
}

impl State {
    /// How many records were taken back from everybody, here or not.
    pub(crate) fn withdrawn(&self) -> usize {
        self.tombstones.len()
    }

    /// Only the origin withdraws. A target that is not here leaves a tombstone.
    pub(super) fn withdraw(&mut self, by: RecordId, origin: EconomyId, body: WithdrawalBody) {
        if origin == self.us && !body.from.is_empty() {
            return self.recalled_only(by, &body);
        }
        // What is taken back from others alone stands for us.
        if !body.concerns(&self.us) {
            return;
        }
        let mut new = false;
        let taken_back = body.records.clone();
        for target in body.records {
            if self.stands_whatever_is_withdrawn(&target) {
                continue;
            }
            if self.is_withdrawn_anew(&target, origin) {
                if !self.remembers_withdrawn(&origin) {
                    continue;
                }
                self.charge(Some(origin), Bound::Tombstones, 1);
            }
            if let Some(held) = self.records.get_mut(&target) {
                if held.facts.origin != origin {
                    continue;
                }
                held.facts.lifecycle = Lifecycle::Withdrawn;
                self.turns = self.turns.saturating_add(1);
                if held.facts.kind == Kind::Consent {
                    self.consent_taken_back(&target, &origin);
                }
            }
            // Somebody else's withdrawal of a record that is not here must not shadow the origin's.
            let stone = self.tombstones.entry((target, origin)).or_insert_with(|| {
                new = true;
                Tombstone { origin, by, recall: None }
            });
            // One that is set aside counts here and reached nobody; the next says it to all.
            let idle = |word: RecordId| self.records.get(&word).is_some_and(Held::is_set_aside);
            if stone.by != by && idle(stone.by) {
                stone.by = by;
            }
            if body.recall.is_some() && stone.recall.is_none_or(idle) {
                stone.recall = Some(by);
                new = true;
            }
        }
        let given = self.answers.given.get_mut(&by).into_iter().flat_map(BTreeMap::values_mut);
        let early: Vec<_> = given.flat_map(|given| std::mem::take(&mut given.early)).collect();
        let done = self.answers.given.get(&by).is_some_and(|given| given.contains_key(&self.us));
        // What takes back nothing that was not taken back before has its answer: so nobody makes us answer
        // without end.
        if new && origin != self.us && !done {
            self.answers.open.insert(by);
            self.files.taken_back(by, &taken_back);
            if body.recall.is_some() {
                self.answers.recalled.push(by);
            }
        }
        for from in early {
            self.discharge(Some(from), Bound::Early, 1);
        }
    }

    /// Whether a record is here of a kind that no withdrawal takes back.
    pub(super) fn stands_whatever_is_withdrawn(&self, record: &RecordId) -> bool {
        self.records.get(record).is_some_and(|held| !is_withdrawable(held.facts.kind))
    }

    /// An economy says what it did with what was withdrawn.
    pub(super) fn withdrawal_answered(
        &mut self,
        (record, by, signed_at): (RecordId, EconomyId, Timestamp),
        withdrawal: RecordId,
        from: Option<EconomyId>,
    ) {
        let given = self.answers.given.entry(withdrawal).or_default().entry(by).or_default();
        if !given.records.insert((signed_at, record)) {
            return;
        }
        if by == self.us {
            self.answers.open.remove(&withdrawal);
        } else if !self.records.contains_key(&withdrawal) {
            given.early.extend(from);
            self.charge(from, Bound::Early, 1);
        }
    }

    /// Whether an answer may come in that `by` has signed and `partner` brings. It counts for the origin of
    /// the withdrawal and is passed on to it by whoever passed the withdrawal on: from whom something went
    /// to, by our ledger, or who passed it on there.
    pub(crate) fn may_answer(
        &self,
        partner: &EconomyId,
        by: &EconomyId,
        body: &AcknowledgementBody,
    ) -> Result<(), RejectReason> {
        // After a restore what we said, and to whom, may still be on its way back.
        let lost = self.recovery.is_some() || self.awaits_return(partner);
        let Some(held) = self.records.get(&body.withdrawal) else {
            return if lost { Ok(()) } else { Err(RejectReason::NotEntitled) };
        };
        let given = self.answers.given.get(&body.withdrawal).and_then(|given| given.get(by));
        let full = given.is_some_and(|given| given.records.len() >= ANSWERS);
        let fits = held.facts.kind == Kind::Withdrawal && held.facts.origin == body.to;
        let may = fits && !full && (lost || self.went_to(held, [partner, by]));
        if may { Ok(()) } else { Err(RejectReason::NotEntitled) }
    }

    /// Whether anything that a withdrawal takes back possibly went to any of these.
    fn went_to(&self, withdrawal: &Held, any: [&EconomyId; 2]) -> bool {
        let targets = withdrawal.targets();
        any.iter()
            .filter_map(|economy| self.partners.get(economy))
            .any(|partner| targets.iter().any(|target| partner.out.possibly_held(target).is_some()))
    }

    /// Whether a partner told us of the withdrawal that our answer is about, and is to have the answer: its
    /// origin, or else who passed it on.
    pub(super) fn has_told_us(&self, answer: &Held, economy: &EconomyId) -> bool {
        let body = answer.body.as_deref().map(AcknowledgementBody::decode);
        let Some(Ok(body)) = body else { return false };
        self.records.get(&body.withdrawal).is_some_and(|withdrawal| {
            if withdrawal.from_origin {
                withdrawal.facts.origin == *economy
            } else {
                withdrawal.came_from(economy)
            }
        })
    }

    /// What was answered to a withdrawal of ours, or what we answered to one of others, the last word of
    /// each economy.
    #[must_use]
    pub fn answers(&self, withdrawal: &RecordId) -> Vec<Answered> {
        let Some(about) = self.records.get(withdrawal) else { return Vec::new() };
        let given = self.answers.given.get(withdrawal).into_iter().flatten();
        let answered = |(by, given): (&EconomyId, &Given)| {
            let here = given.records.iter().rev().filter_map(|(_, record)| {
                Some((record, self.records.get(record).filter(|held| held.is_accepted())?))
            });
            let (record, held) = here.into_iter().next()?;
            let body = AcknowledgementBody::decode(held.body.as_deref()?).ok()?;
            let through = match &held.source {
                Source::Partner(delivered) if delivered.from != *by => Some(delivered.from),
                Source::Partner(_) | Source::Own | Source::Returned { .. } => None,
            };
            let counts =
                *by == self.us || self.went_to(about, [by, through.as_ref().unwrap_or(by)]);
            counts.then_some(Answered { by: *by, record: *record, body, through })
        };
        given.filter_map(answered).collect()
    }

    /// How often we have answered this one.
    pub(crate) fn answers_by_us(&self, withdrawal: &RecordId) -> usize {
        let given = self.answers.given.get(withdrawal).and_then(|given| given.get(&self.us));
        given.map_or(0, |given| given.records.len())
    }

    /// Withdrawals of others that are not answered.
    pub fn unanswered(&self) -> impl ExactSizeIterator<Item = &RecordId> {
        self.answers.open.iter()
    }

    /// What is true to say of a withdrawal of others: its origin, and what became of what it takes back.
    #[must_use]
    pub fn answer_to(&self, withdrawal: &RecordId) -> Option<(EconomyId, Answer)> {
        let held = self.records.get(withdrawal).filter(|held| held.facts.origin != self.us)?;
        let body = WithdrawalBody::decode(held.body.as_deref()?).ok()?;
        let origin = held.facts.origin;
        let here = body.records.iter().filter_map(|target| self.records.get(target));
        let here = here.filter(|target| target.facts.origin == origin);
        let left = |held: &Held| held.parts.iter().filter(|part| !part.erased).count() as u64;
        let kept: Vec<_> = here.filter(|held| left(held) > 0).collect();
        let parts = kept.iter().map(|held| left(held)).sum();
        let on_hold = kept.iter().any(|held| self.erasures.hold(&held.facts.id).is_some());
        let because = match body.recall {
            Some(_) if on_hold => KeptBecause::LegalHold,
            Some(_) => KeptBecause::NotYet,
            None => KeptBecause::NotAsked,
        };
        let answer = if parts == 0 { Answer::Gone } else { Answer::Stopped { parts, because } };
        Some((origin, answer))
    }

    /// Something of a record was erased: a withdrawal of it whose answer was that parts stay is answered anew
    /// when none does, however that came about.
    pub(super) fn owes_answer_anew(&mut self, record: &RecordId) {
        let Some(origin) = self.records.get(record).map(|held| held.facts.origin) else { return };
        let Some(stone) = self.tombstones.get(&(*record, origin)) else { return };
        let withdrawal = stone.recall.unwrap_or(stone.by);
        if !matches!(self.answer_to(&withdrawal), Some((_, Answer::Gone))) {
            return;
        }
        let said = self.answers(&withdrawal).into_iter().find(|said| said.by == self.us);
        if said.is_some_and(|said| said.body.answer != Answer::Gone) {
            self.answers.open.insert(withdrawal);
        }
    }

    /// Recalls of others since this was last asked.
    pub(crate) fn take_recalled(&mut self) -> Vec<RecordId> {
        std::mem::take(&mut self.answers.recalled)
    }
}
