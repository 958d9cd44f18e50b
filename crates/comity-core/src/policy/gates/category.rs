//! Does the agreement cover each of its subject categories?

use super::super::basis::{Basis, Candidate};
use super::super::fact::Fact;
use super::super::facts::Recipient;
use super::super::word::Word;
use super::{Finding, Question, Refusal};
use crate::agreement::Field;

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Finding {
    let categories = &asked.part.marking.categories;
    let Some(first) = categories.first() else { return Finding::pass(Fact::NoCategory) };
    let never =
        asked.prohibited(|never| never.categories.iter().any(|one| categories.contains(one)));
    if let Some(agreement) = never {
        let all = &agreement.terms().prohibitions().categories;
        let named = categories.iter().find(|one| all.contains(one)).unwrap_or(first);
        let fact = Fact::CategoryProhibited(Word::new(named));
        return Finding::deny(fact).citing(Some(agreement), Field::Prohibits);
    }
    if let Some(candidate) = basis.candidate() {
        return match refusal(asked, candidate) {
            Some((fact, field)) => {
                Finding::deny(fact).citing(candidate.agreement, field).unless_emergency(asked)
            }
            None => Finding::pass(Fact::CategoriesCovered)
                .citing(candidate.agreement, Field::Categories),
        };
    }
    match asked.recipient {
        Recipient::LocalRole { .. } => Finding::pass(Fact::OwnHouse),
        Recipient::Partner { .. } => Finding::pass(Fact::NotMeasured),
        // Whom nothing signed says what it is for gets what is for everybody.
        Recipient::Constituent { .. } | Recipient::Public => {
            Finding::deny(Fact::CategoryNotCovered(Word::new(first)))
        }
    }
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let covered = candidate.terms.categories();
    let mut categories = asked.part.marking.categories.iter();
    let missing = categories.find(|category| !covered.contains(category))?;
    Some((Fact::CategoryNotCovered(Word::new(missing)), Field::Categories))
}
