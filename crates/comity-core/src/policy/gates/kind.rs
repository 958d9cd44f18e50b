//! Does the agreement cover records of this kind?

use super::super::basis::{Basis, Candidate};
use super::super::fact::Fact;
use super::{Finding, Question, Refusal};
use crate::agreement::Field;

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Finding {
    let kind = asked.record.kind;
    if kind.is_control() {
        return Finding::deny(Fact::WrongShape(kind));
    }
    if let Some(agreement) = asked.prohibited(|never| never.kinds.contains(kind)) {
        let fact = Fact::KindProhibited(kind);
        return Finding::deny(fact).citing(Some(agreement), Field::Prohibits);
    }
    let Some(candidate) = basis.candidate() else { return Finding::pass(Fact::NotMeasured) };
    match refusal(asked, candidate) {
        Some((fact, field)) => {
            Finding::deny(fact).citing(candidate.agreement, field).unless_emergency(asked)
        }
        None => Finding::pass(Fact::KindCovered(kind)).citing(candidate.agreement, Field::Kinds),
    }
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let (kind, covered) = (asked.record.kind, candidate.terms.kinds());
    (!covered.contains(kind)).then_some((Fact::KindNotCovered(kind, covered), Field::Kinds))
}
