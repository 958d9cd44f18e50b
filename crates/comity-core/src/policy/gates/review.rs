//! Has the agreement been reviewed in time?
//!
//! The agreement says itself what an overdue review does. One that stops permits nothing until it is
//! reviewed, while what it prohibits stays prohibited.

use super::super::basis::{Basis, Candidate};
use super::super::fact::Fact;
use super::{Finding, Question, Refusal};
use crate::agreement::{Field, ReviewOverdue};

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Finding {
    let Some(candidate) = basis.candidate() else { return Finding::pass(Fact::NotMeasured) };
    if let Some((fact, field)) = refusal(asked, candidate) {
        let stops = Finding::deny(fact).citing(candidate.agreement, field);
        return stops.unless_emergency(asked);
    }
    match candidate.terms.overdue_from().filter(|from| *from <= asked.now) {
        Some(from) => Finding::pass(Fact::ReviewOverdue(from))
            .citing(candidate.agreement, Field::ReviewOverdue),
        None => Finding::pass(Fact::ReviewNotDue),
    }
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let from = candidate.terms.overdue_from().filter(|from| *from <= asked.now)?;
    match candidate.terms.review_overdue() {
        ReviewOverdue::Warn => None,
        ReviewOverdue::Stop => Some((Fact::ReviewStops(from), Field::ReviewOverdue)),
    }
}
