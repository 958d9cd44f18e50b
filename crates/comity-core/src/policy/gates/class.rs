//! Does the agreement cover each of its classes?

use super::super::basis::{Basis, Candidate};
use super::super::emergency::never_passed;
use super::super::fact::{Contradiction, Fact};
use super::super::facts::Recipient;
use super::{Finding, Found, Question, Refusal};
use crate::agreement::{Field, ValueSet};
use crate::vocabulary::Class;

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Found {
    let classes = asked.part.classes;
    if classes.is_empty() {
        return Err(Contradiction::NoClass);
    }
    let never = asked.prohibited(|never| !never.classes.and(classes).is_empty());
    if let Some(agreement) = never {
        let common = agreement.terms().prohibitions().classes.and(classes);
        let fact = common.iter().next().map_or(Fact::NotMeasured, Fact::ClassProhibited);
        return Ok(Finding::deny(fact).citing(Some(agreement), Field::Prohibits));
    }
    if let Some(candidate) = basis.candidate() {
        return Ok(match refusal(asked, candidate) {
            Some((fact, field)) => {
                let refused = Finding::deny(fact).citing(candidate.agreement, field);
                let for_good = asked.emergency.and_then(|_| refusal_for_good(asked, candidate));
                match for_good {
                    Some((fact, field)) => Finding::deny(fact).citing(candidate.agreement, field),
                    None => refused.unless_emergency(asked),
                }
            }
            None => Finding::pass(Fact::ClassesCovered).citing(candidate.agreement, Field::Classes),
        });
    }
    Ok(match asked.recipient {
        Recipient::Partner { .. } | Recipient::LocalRole { .. } => Finding::pass(Fact::NotMeasured),
        Recipient::Constituent { .. } | Recipient::Public => without_agreement(classes),
    })
}

/// Those with whom nothing is signed get what is general.
fn without_agreement(classes: ValueSet<Class>) -> Finding {
    match classes.iter().find(|class| *class != Class::General) {
        Some(class) => Finding::deny(Fact::ClassNotCovered(class)),
        None => Finding::pass(Fact::ClassesCovered),
    }
}

/// What is about persons, and evidence, no emergency lets go where the agreement does not.
pub(super) fn refusal_for_good(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let missing = asked.part.classes.without(candidate.terms.classes());
    let missing = never_passed(missing).iter().next()?;
    Some((Fact::ClassNotCovered(missing), Field::Classes))
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let missing = asked.part.classes.without(candidate.terms.classes()).iter().next()?;
    Some((Fact::ClassNotCovered(missing), Field::Classes))
}
