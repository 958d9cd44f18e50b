//! Does the agreement cover this section?

use super::super::basis::{Basis, Candidate};
use super::super::fact::{Contradiction, Fact};
use super::{Finding, Found, Question, Refusal};
use crate::agreement::{Field, Tier};
use crate::marking::Tlp;
use crate::vocabulary::Section;

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Found {
    let section = asked.part.counts_as;
    if section == Section::Translation {
        return Err(Contradiction::TranslationOfNothing);
    }
    if let Some(agreement) = asked.prohibited(|never| never.sections.contains(section)) {
        let fact = Fact::SectionProhibited(section);
        return Ok(Finding::deny(fact).citing(Some(agreement), Field::Prohibits));
    }
    let Some(candidate) = basis.candidate() else { return Ok(Finding::pass(Fact::NotMeasured)) };
    Ok(match refusal(asked, candidate) {
        Some((fact, field)) => {
            Finding::deny(fact).citing(candidate.agreement, field).unless_emergency(asked)
        }
        None => Finding::pass(Fact::SectionCovered(section))
            .citing(candidate.agreement, Field::Sections),
    })
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    let (terms, tlp) = (candidate.terms, asked.part.marking.tlp);
    let section = asked.part.counts_as;
    // An addressee part says only who may have the others, and without it they would be refused.
    if asked.part.section == Section::Addressee {
        return None;
    }
    let covered = terms.sections_at(tlp);
    if !covered.contains(section) {
        let everywhere = terms.sections_at(Tlp::Clear).contains(section);
        let field = if everywhere { Field::SectionsAtAmber } else { Field::Sections };
        return Some((Fact::SectionNotCovered(section, covered), field));
    }
    let destined = asked.part.destination == asked.recipient.economy();
    (terms.tier() == Tier::Mou
        && tlp >= Tlp::Amber
        && section == Section::Sightings
        && !(destined && asked.part.destination.is_some()))
    .then_some((Fact::SightingsNotDestined, Field::SectionsAtAmber))
}
