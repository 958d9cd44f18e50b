//! Does the agreement reach that label?

use super::super::addressing::desks;
use super::super::basis::{Basis, Candidate};
use super::super::fact::Fact;
use super::{Finding, Question, Refusal};
use crate::agreement::{Field, Tier};

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Finding {
    let tlp = asked.part.marking.tlp;
    let above = asked.prohibited(|never| never.tlp_above.is_some_and(|ceiling| tlp > ceiling));
    if let Some(agreement) = above {
        let ceiling = agreement.terms().prohibitions().tlp_above.unwrap_or(tlp);
        let fact = Fact::ProhibitedAbove(ceiling);
        return Finding::deny(fact).citing(Some(agreement), Field::Prohibits);
    }
    let Some(candidate) = basis.candidate() else { return Finding::pass(Fact::NotMeasured) };
    match refusal(asked, candidate) {
        Some((fact, field)) => {
            Finding::deny(fact).citing(candidate.agreement, field).unless_emergency(asked)
        }
        None => Finding::pass(Fact::WithinCeiling(candidate.terms.max_tlp()))
            .citing(candidate.agreement, Field::MaxTlp),
    }
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let (terms, tlp) = (candidate.terms, asked.part.marking.tlp);
    if tlp > terms.max_tlp() {
        return Some((Fact::AboveCeiling(tlp, terms.max_tlp()), Field::MaxTlp));
    }
    if tlp <= terms.unaddressed_tlp() {
        return None;
    }
    match terms.tier() {
        Tier::Paired | Tier::Mou | Tier::Nda => {
            (!asked.is_chosen()).then_some((Fact::NeedsAddressing(tlp), Field::MaxTlp))
        }
        Tier::LawEnforcement => {
            let mut desks = desks(asked.record, asked.part, asked.recipient, asked.snapshot.us());
            let agreed = desks.any(|desk| terms.desk() == Some(desk));
            (!agreed).then_some((Fact::NeedsAgreedDesk(tlp), Field::Desk))
        }
    }
}
