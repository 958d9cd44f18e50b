//! Terms made wide enough for one part, and no wider than their tier.

use crate::agreement::{Field, Terms, ValueSet};
use crate::policy::PartFacts;
use crate::vocabulary::Kind;

/// The legal basis that two parties would have to name.
const SOME_BASIS: &str = "as agreed";

/// The fields that say what an agreement covers.
pub(super) const COVERAGE: &[Field] = &[
    Field::MaxTlp,
    Field::MaxPap,
    Field::Sections,
    Field::SectionsAtAmber,
    Field::Classes,
    Field::Kinds,
    Field::Categories,
    Field::LegalBases,
    Field::Exercises,
    Field::Purposes,
];

/// Those, and the fields that keep something back.
pub(super) const ALL: &[Field] = &[
    Field::MaxTlp,
    Field::MaxPap,
    Field::Sections,
    Field::SectionsAtAmber,
    Field::Classes,
    Field::Kinds,
    Field::Categories,
    Field::LegalBases,
    Field::Exercises,
    Field::Purposes,
    Field::Review,
    Field::NoLawEnforcementUse,
    Field::Prohibits,
];

/// Changes one field so that it lets the part pass, as far as the tier goes. Whether it changed.
pub(super) fn widen(terms: &mut Terms, field: Field, part: &PartFacts, kind: Kind) -> bool {
    let before = terms.clone();
    let preset = terms.tier().preset();
    let section = ValueSet::from_iter([part.counts_as]);
    match field {
        Field::MaxTlp => {
            terms.max_tlp = terms.max_tlp.max(part.marking.tlp.min(preset.max));
        }
        Field::MaxPap => {
            terms.max_pap = part.marking.pap.map_or(terms.max_pap, |pap| terms.max_pap.max(pap));
        }
        Field::Sections => terms.sections = terms.sections.or(preset.sections.and(section)),
        Field::SectionsAtAmber => {
            terms.at_amber = terms.at_amber.or(preset.at_amber.and(section));
        }
        Field::Classes => terms.classes = terms.classes.or(preset.classes.and(part.classes)),
        Field::Kinds => terms.kinds = terms.kinds.or(ValueSet::from_iter([kind])),
        Field::Categories => {
            terms.categories.extend(part.marking.categories.iter().cloned());
            terms.categories.sort();
            terms.categories.dedup();
        }
        Field::LegalBases => {
            if terms.legal_bases.is_empty() {
                terms.legal_bases.push(SOME_BASIS.to_owned());
            }
        }
        Field::Exercises => terms.exercises |= part.marking.exercise.is_some(),
        Field::Purposes => terms.obligations.purposes.clear(),
        Field::Review => terms.review = None,
        Field::NoLawEnforcementUse => terms.no_law_enforcement_use = false,
        Field::Prohibits => permit(terms, part, kind),
        // The tier, the days and the duties stay as they are: to change those is to sign anew.
        Field::Tier
        | Field::Starts
        | Field::Ends
        | Field::ReviewOverdue
        | Field::Notice
        | Field::Onward
        | Field::Retention
        | Field::ReturnOrDestroy
        | Field::CompelledDisclosureNotice
        | Field::Desk
        | Field::Survival
        | Field::Paper
        | Field::Signatories
        | Field::Notices => {}
    }
    *terms != before
}

/// Prohibits no more what the part is; anything else as before.
fn permit(terms: &mut Terms, part: &PartFacts, kind: Kind) {
    let never = &mut terms.prohibitions;
    let label = part.marking.tlp;
    never.tlp_above = never.tlp_above.map(|ceiling| ceiling.max(label));
    never.sections = never.sections.without([part.counts_as, part.section].into_iter().collect());
    never.classes = never.classes.without(part.classes);
    never.kinds = never.kinds.without(ValueSet::from_iter([kind]));
    never.categories.retain(|category| !part.marking.categories.contains(category));
}
