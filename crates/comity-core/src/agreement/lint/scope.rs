//! What it covers: whether anything goes, and whether each word that it says about that has an effect.

use super::super::terms::{Field, Prohibitions};
use super::super::tier::Tier;
use super::super::values::{Value, ValueSet};
use super::reach::Reach;
use super::{Flaw, Review};
use crate::marking::{Onward, Tlp};
use crate::vocabulary::{Class, Kind, Section};

pub(super) fn look(review: &mut Review<'_>, reach: &Reach) {
    if reach.is_empty() {
        return nothing_goes(review);
    }
    label(review, reach);
    sections(review, reach);
    classes(review, reach);
    kinds(review, reach);
    categories(review);
    desk(review, reach);
    if review.terms.obligations().onward == Onward::WithinMarking
        && review.terms.tier() != Tier::Mou
    {
        let words = [
            "it lets information pass on as far as its marking goes, without asking".to_owned(),
            "whoever receives something may give it to others, and the originator is not told"
                .to_owned(),
            "`onward = \"ask\"`; an originator can still consent to a case, or mark it for passing on"
                .to_owned(),
        ];
        review.at(Flaw::PassedOnUnasked, Field::Onward, words);
    }
}

fn nothing_goes(review: &mut Review<'_>) {
    let terms = review.terms;
    let (tier, max) = (terms.tier(), terms.max_tlp());
    let (field, what) = if max == Tlp::Clear {
        (Field::MaxTlp, format!("its tier is {tier}, and its strictest label CLEAR"))
    } else if terms.prohibitions() != &Prohibitions::nothing() {
        (Field::Prohibits, format!("what it prohibits leaves nothing of its tier, {tier}"))
    } else {
        (Field::Tier, format!("what it says leaves nothing of its tier, {tier}"))
    };
    let words = [
        what,
        "nothing goes under it that would not go without: what is CLEAR goes to every partner anyway"
            .to_owned(),
        format!(
            "sections, classes and kinds that its articles exchange, up to {} (the tier reaches {})",
            if max == Tlp::Clear { Tlp::Green } else { max },
            tier.preset().max
        ),
    ];
    review.at(Flaw::ReleasesNothing, field, words);
}

fn label(review: &mut Review<'_>, reach: &Reach) {
    let terms = review.terms;
    let Some(reached) = reach.label else { return };
    let ceiling = terms.prohibitions().tlp_above;
    if let Some(ceiling) = ceiling.filter(|ceiling| *ceiling >= Tlp::Red) {
        let words = [
            format!("it prohibits what is stricter than {ceiling}"),
            "no label is: it prohibits nothing".to_owned(),
            "the strictest label that may still go, or no `tlp-above` at all".to_owned(),
        ];
        let line = review.page.line(&["prohibits", "tlp-above"]);
        review.say(Flaw::DeadClause, Some(Field::Prohibits), line, words);
    }
    if !review.page.says(&[Field::MaxTlp.name()]) || reached >= terms.max_tlp() {
        return;
    }
    let max = terms.max_tlp();
    if let Some(ceiling) = ceiling.filter(|ceiling| *ceiling < max) {
        let words = [
            format!("it covers up to {max}, and prohibits what is stricter than {ceiling}"),
            format!("nothing above {ceiling} goes"),
            format!("`max-tlp = \"{ceiling}\"`, or a `tlp-above` of {max}"),
        ];
        return review.at(Flaw::Contradiction, Field::MaxTlp, words);
    }
    let words = [
        format!("it covers up to {max}, and nothing that it covers goes above {reached}"),
        format!("a record of {max} is withheld whole"),
        format!("`max-tlp = \"{reached}\"`, or a section with content in `sections-at-amber`"),
    ];
    review.at(Flaw::DeadClause, Field::MaxTlp, words);
}

fn sections(review: &mut Review<'_>, reach: &Reach) {
    // Who is addressed always goes, and a translation counts as what it translates.
    let always = ValueSet::from_iter([Section::Addressee, Section::Translation]);
    let prohibited = review.terms.prohibitions().sections;
    listed(review, Field::Sections, reach.sections.or(always), prohibited, |_| {
        "the other fields leave nothing of it".to_owned()
    });
    let (covered, max) = (review.terms.sections_at(Tlp::Clear), review.terms.max_tlp());
    if max < Tlp::Amber && review.page.says(&[Field::SectionsAtAmber.name()]) {
        let words = [
            format!("it lists sections at AMBER, and its strictest label is {max}"),
            "nothing of AMBER goes, whatever the section".to_owned(),
            "`max-tlp = \"AMBER\"`, or no `sections-at-amber`".to_owned(),
        ];
        return review.at(Flaw::DeadClause, Field::SectionsAtAmber, words);
    }
    listed(review, Field::SectionsAtAmber, reach.at_amber.or(always), prohibited, |section| {
        if covered.contains(section) {
            "the other fields leave nothing of it".to_owned()
        } else {
            "`sections` does not list it, and at AMBER no section goes that does not go below"
                .to_owned()
        }
    });
}

fn classes(review: &mut Review<'_>, reach: &Reach) {
    let terms = review.terms;
    let covered = terms.classes().without(terms.prohibitions().classes);
    let about_persons = covered.contains(Class::PersonalData);
    let path = [Field::LegalBases.name()];
    if about_persons && terms.legal_bases().is_empty() {
        let said = review.page.says(&[Field::Classes.name()]);
        let field = if said { Field::Classes } else { Field::LegalBases };
        let what = if said {
            "it covers personal data and lists no legal basis".to_owned()
        } else {
            format!("its tier, {}, covers personal data, and it lists no legal basis", terms.tier())
        };
        let words = [
            what,
            "no address of a victim and no time of a connection goes, without anybody having meant that"
                .to_owned(),
            "`legal-bases = [\"Act 12, s. 4\"]`, or `classes` without \"personal-data\"".to_owned(),
        ];
        review.at(Flaw::NoLegalBasis, field, words);
    }
    if !about_persons && !terms.legal_bases().is_empty() {
        let words = [
            "it lists a legal basis, and does not cover personal data".to_owned(),
            "nothing ever rests on that basis".to_owned(),
            match terms.tier() {
                Tier::Nda | Tier::LawEnforcement => {
                    "\"personal-data\" in `classes`, or no `legal-bases`"
                }
                Tier::Paired | Tier::Mou => {
                    "no `legal-bases`; personal data needs the tier nda or law-enforcement"
                }
            }
            .to_owned(),
        ];
        let line = review.page.line(&path);
        review.say(Flaw::DeadClause, Some(Field::LegalBases), line, words);
    }
    // That personal data needs a basis is said above.
    let known = reach.classes.or(ValueSet::from_iter([Class::PersonalData]));
    let prohibited = terms.prohibitions().classes;
    listed(review, Field::Classes, known, prohibited, |class| {
        if class == Class::Evidence {
            "evidence goes under an order only, and \"order-reference\" is not covered".to_owned()
        } else {
            "the other fields leave nothing of it".to_owned()
        }
    });
}

fn kinds(review: &mut Review<'_>, reach: &Reach) {
    let prohibited = review.terms.prohibitions().kinds;
    listed(review, Field::Kinds, reach.kinds, prohibited, |_| {
        "the other fields leave nothing of it".to_owned()
    });
    let goes = |kind| reach.kinds.contains(kind);
    let (missing, there) = match (goes(Kind::Request), goes(Kind::Response)) {
        (true, false) => (Kind::Response, Kind::Request),
        (false, true) => (Kind::Request, Kind::Response),
        (true, true) | (false, false) => return,
    };
    let words = [
        format!("records of kind {there} go, and none of kind {missing}"),
        "whoever is asked has no way to answer, or answers what nobody could ask".to_owned(),
        "both \"request\" and \"response\" in `kinds`, or neither".to_owned(),
    ];
    review.at(Flaw::OneWay, Field::Kinds, words);
}

fn categories(review: &mut Review<'_>) {
    let prohibited = &review.terms.prohibitions().categories;
    for (category, line) in review.page.items(&[Field::Categories.name()]) {
        if prohibited.contains(&category) {
            let words = contradiction(&category);
            review.say(Flaw::Contradiction, Some(Field::Categories), line, words);
        }
    }
    twice(review, Field::Categories);
    twice(review, Field::Purposes);
    twice(review, Field::LegalBases);
    if review.terms.no_law_enforcement_use() {
        for (purpose, line) in review.page.items(&[Field::Purposes.name()]) {
            let lower = purpose.to_lowercase();
            let words = ["law enforcement", "law-enforcement", "prosecution", "criminal"];
            if words.iter().any(|word| lower.contains(word)) {
                let words = [
                    format!(
                        "it is for the purpose `{purpose}`, and excludes any use for law enforcement"
                    ),
                    "the recipient cannot keep to both".to_owned(),
                    "purposes without it; law enforcement has a tier and an agreement of its own"
                        .to_owned(),
                ];
                review.say(Flaw::Contradiction, Some(Field::Purposes), line, words);
            }
        }
    }
}

fn desk(review: &mut Review<'_>, reach: &Reach) {
    let Some(desk) = review.terms.desk() else { return };
    let as_written = desk.to_owned();
    if desk.trim() != desk || desk.is_empty() || desk.chars().any(char::is_control) {
        let words = [
            format!("its desk is `{}`", as_written.escape_debug()),
            "a record that names the desk as people write it goes past it: what is stricter than AMBER goes to nobody"
                .to_owned(),
            "the name by which records are addressed to it, as `desk = \"cyber crime\"`".to_owned(),
        ];
        return review.at(Flaw::EmptyAudience, Field::Desk, words);
    }
    if reach.label.is_some_and(|label| label <= Tlp::Amber) {
        let words = [
            format!("its desk is `{as_written}`, and nothing stricter than AMBER goes"),
            "up to AMBER nothing has to be addressed to a desk: the whole partner node has it"
                .to_owned(),
            "`max-tlp = \"RED\"`; or the tier nda, if no desk is meant".to_owned(),
        ];
        review.at(Flaw::DeadClause, Field::Desk, words);
    }
}

/// Every value that a list names has to have an effect.
fn listed<T: Value + PartialEq>(
    review: &mut Review<'_>,
    field: Field,
    reached: ValueSet<T>,
    prohibited: ValueSet<T>,
    why: impl Fn(T) -> String,
) {
    twice(review, field);
    for (name, line) in review.page.items(&[field.name()]) {
        let Some(value) = T::named(&name).filter(|value| !reached.contains(*value)) else {
            continue;
        };
        if prohibited.contains(value) {
            review.say(Flaw::Contradiction, Some(field), line, contradiction(&name));
            continue;
        }
        let words = [
            format!("`{field}` lists `{name}`, and nothing of it ever goes"),
            why(value),
            format!("`{field}` without it, or what it needs besides"),
        ];
        review.say(Flaw::DeadClause, Some(field), line, words);
    }
}

fn contradiction(name: &str) -> [String; 3] {
    [
        format!("it covers `{name}`, and prohibits it"),
        "prohibitions override: it never goes, under this agreement or any other with this partner"
            .to_owned(),
        format!("`{name}` in one of the two lists only"),
    ]
}

fn twice(review: &mut Review<'_>, field: Field) {
    let items = review.page.items(&[field.name()]);
    for (index, (name, line)) in items.iter().enumerate() {
        if items.iter().take(index).any(|(before, _)| before == name) {
            let words = [
                format!("`{field}` names `{name}` twice"),
                "the second has no effect; perhaps another was meant".to_owned(),
                "each once".to_owned(),
            ];
            review.say(Flaw::DeadClause, Some(field), *line, words);
        }
    }
}
