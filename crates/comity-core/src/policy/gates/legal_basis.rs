//! Is there a legal basis for what is about persons?
//!
//! When and from which address somebody acted goes under a basis that the agreement lists once for
//! all. Who that was, and evidence, goes only with the reference of an order: a part of its own in the
//! same record, of class `order-reference`, that the same agreement covers.

use super::super::basis::{Basis, Candidate};
use super::super::fact::Fact;
use super::super::facts::{PartFacts, Recipient};
use super::{Finding, Question, Refusal};
use crate::agreement::{ClassCondition, Field};
use crate::vocabulary::{Class, Section};

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Finding {
    let needy = asked.part.classes.iter().find(|class| needs_basis(*class));
    let Some(class) = needy else { return Finding::pass(Fact::NoBasisNeeded) };
    if let Some(candidate) = basis.candidate() {
        return match weigh(asked, candidate) {
            Err((fact, field)) => Finding::deny(fact).citing(candidate.agreement, field),
            Ok((fact, field)) => Finding::pass(fact).citing(candidate.agreement, field),
        };
    }
    match asked.recipient {
        Recipient::LocalRole { .. } => Finding::pass(Fact::OwnHouse),
        Recipient::Partner { .. } => Finding::pass(Fact::NotMeasured),
        Recipient::Constituent { .. } | Recipient::Public => {
            Finding::deny(Fact::NoLegalBasis(class))
        }
    }
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    weigh(asked, candidate).err()
}

/// On what it rests, or what is missing. Every class that needs a basis must have it.
fn weigh(asked: &Question<'_>, candidate: &Candidate<'_>) -> Result<Refusal, Refusal> {
    let terms = candidate.terms;
    let conditions =
        asked.part.classes.iter().filter_map(|class| Some((class, terms.tier().condition(class)?)));
    let order = !asked.record.orders.is_empty() && terms.classes().contains(Class::OrderReference);
    // What its tier has no condition for, it does not cover: that is for the gate of classes to say.
    let mut rests = (Fact::NotMeasured, Field::LegalBases);
    for (class, condition) in conditions {
        let listed = condition == ClassCondition::LegalBasis
            && says_no_name(asked.part)
            && !terms.legal_bases().is_empty();
        rests = match (listed, order) {
            // An order that is asked for by one class is asked for by the part.
            (true, _) if rests.0 == Fact::UnderOrder => rests,
            (true, _) => (Fact::BasisListed, Field::LegalBases),
            (false, true) => (Fact::UnderOrder, Field::Classes),
            (false, false)
                if condition == ClassCondition::LegalBasis && says_no_name(asked.part) =>
            {
                return Err((Fact::NoLegalBasis(class), Field::LegalBases));
            }
            (false, false) => return Err((Fact::NoOrderReference(class), Field::Classes)),
        };
    }
    Ok(rests)
}

const fn needs_basis(class: Class) -> bool {
    match class {
        Class::PersonalData | Class::Evidence => true,
        Class::General | Class::Sensitive | Class::OrderReference | Class::Unknown(_) => false,
    }
}

/// Rows and indicators say when and from which address; an addressee part, whom at the recipient to
/// ask. Any other section may say who the subscriber is.
const fn says_no_name(part: &PartFacts) -> bool {
    matches!(part.counts_as, Section::Sightings | Section::Indicators | Section::Addressee)
}
