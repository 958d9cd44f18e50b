//! Does it belong to an exercise, and does the recipient take part in such?
//!
//! An exercise goes only where an agreement admits it, and never as a part of a real record: somebody
//! would act on it.

use super::super::basis::{Basis, Candidate};
use super::super::fact::{Contradiction, Fact};
use super::super::facts::{PartFacts, Recipient, RecordFacts};
use super::{Finding, Found, Question, Refusal};
use crate::agreement::Field;

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Found {
    if asked.part.marking.exercise.is_none() {
        return Ok(Finding::pass(Fact::NoExercise));
    }
    if is_among_real(asked.record, asked.part) {
        return Err(Contradiction::ExerciseAmongReal);
    }
    if let Some(candidate) = basis.candidate() {
        return Ok(match refusal(asked, candidate) {
            Some((fact, field)) => Finding::deny(fact).citing(candidate.agreement, field),
            None => {
                Finding::pass(Fact::ExerciseAdmitted).citing(candidate.agreement, Field::Exercises)
            }
        });
    }
    Ok(match asked.recipient {
        Recipient::LocalRole { .. } => Finding::pass(Fact::OwnHouse),
        Recipient::Partner { .. } => Finding::pass(Fact::NotMeasured),
        Recipient::Constituent { .. } | Recipient::Public => {
            Finding::deny(Fact::ExerciseNotAdmitted)
        }
    })
}

/// Whether the part belongs to an exercise, and its record to none, or to another.
pub(in crate::policy) fn is_among_real(record: &RecordFacts, part: &PartFacts) -> bool {
    let exercise = &part.marking.exercise;
    exercise.is_some() && record.floor.exercise != *exercise
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let in_exercise = asked.part.marking.exercise.is_some();
    (in_exercise && !candidate.terms.admits_exercises())
        .then_some((Fact::ExerciseNotAdmitted, Field::Exercises))
}
