//! Tiers: presets of what an agreement covers, published as a table.

use std::fmt;
use std::fmt::Write as _;

use super::values::ValueSet;
use crate::marking::Tlp;
use crate::vocabulary::{Class, Section};

/// What kind of paper was signed. A tier is a ceiling: terms only say what is narrower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Paired, with no agreement.
    Paired,
    /// A memorandum of understanding.
    Mou,
    /// A non-disclosure agreement.
    Nda,
    /// An agreement with a law-enforcement desk.
    LawEnforcement,
}

impl Tier {
    /// From the narrowest to the widest.
    pub const ALL: [Self; 4] = [Self::Paired, Self::Mou, Self::Nda, Self::LawEnforcement];

    /// The tiers that an agreement may name.
    pub const SIGNED: [Self; 3] = [Self::Mou, Self::Nda, Self::LawEnforcement];

    /// The name in an agreement's text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Mou => "mou",
            Self::Nda => "nda",
            Self::LawEnforcement => "law-enforcement",
        }
    }

    /// What people call such a paper.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Paired => "pairing",
            Self::Mou => "MoU",
            Self::Nda => "NDA",
            Self::LawEnforcement => "law-enforcement agreement",
        }
    }

    /// What the tier covers before its terms narrow it.
    #[must_use]
    pub fn preset(self) -> Preset {
        let all = ValueSet::<Section>::all();
        let general = ValueSet::from_iter([Class::General]);
        match self {
            Self::Paired => Preset {
                max: Tlp::Clear,
                unaddressed: Tlp::Clear,
                sections: all,
                at_amber: ValueSet::none(),
                destined_sightings: false,
                classes: general,
            },
            Self::Mou => Preset {
                max: Tlp::Amber,
                unaddressed: Tlp::Green,
                sections: all,
                at_amber: ValueSet::from_iter([
                    Section::Summary,
                    Section::Mitigation,
                    Section::Case,
                    Section::Addressee,
                    Section::Sightings,
                ]),
                destined_sightings: true,
                classes: general,
            },
            Self::Nda => {
                let sections = all.without(ValueSet::from_iter([Section::Evidence]));
                Preset {
                    max: Tlp::Red,
                    unaddressed: Tlp::Amber,
                    sections,
                    at_amber: sections,
                    destined_sightings: false,
                    classes: ValueSet::from_iter([
                        Class::General,
                        Class::Sensitive,
                        Class::PersonalData,
                    ]),
                }
            }
            Self::LawEnforcement => Preset {
                max: Tlp::Red,
                unaddressed: Tlp::Amber,
                sections: all,
                at_amber: all,
                destined_sightings: false,
                classes: ValueSet::all(),
            },
        }
    }

    /// The condition under which one of the tier's classes passes; `None` when there is none.
    #[must_use]
    pub const fn condition(self, class: Class) -> Option<ClassCondition> {
        match (self, class) {
            (Self::Nda | Self::LawEnforcement, Class::PersonalData) => {
                Some(ClassCondition::LegalBasis)
            }
            (Self::LawEnforcement, Class::Evidence) => Some(ClassCondition::OrderReference),
            (
                Self::Paired | Self::Mou | Self::Nda | Self::LawEnforcement,
                Class::General
                | Class::Sensitive
                | Class::PersonalData
                | Class::Evidence
                | Class::OrderReference
                | Class::Unknown(_),
            ) => None,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a class needs besides being covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassCondition {
    /// A legal basis: one that the agreement lists, for when and from which address; for who that
    /// was, an order.
    LegalBasis,
    /// The record has a part of its own that refers to an order, and the agreement covers it.
    OrderReference,
}

/// What a tier covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The strictest label.
    pub max: Tlp,
    /// The strictest label that goes without being addressed. Under law enforcement what is
    /// stricter must be addressed to the agreement's own desk.
    pub unaddressed: Tlp,
    /// The sections.
    pub sections: ValueSet<Section>,
    /// The sections at AMBER and above.
    pub at_amber: ValueSet<Section>,
    /// Whether sightings at AMBER and above go only to the economy that they are destined to.
    pub destined_sightings: bool,
    /// The classes.
    pub classes: ValueSet<Class>,
}

/// The table of tiers, in Markdown: written from the presets that the decision reads.
#[must_use]
pub fn tier_table() -> String {
    let mut table = String::from("| tier | up to | sections | classes |\n|---|---|---|---|\n");
    for tier in Tier::ALL {
        let preset = tier.preset();
        let name = match tier {
            Tier::Paired => "paired, no agreement".to_owned(),
            Tier::Mou | Tier::Nda | Tier::LawEnforcement => format!("`{tier}`"),
        };
        let _infallible = writeln!(
            table,
            "| {name} | {} | {} | {} |",
            reach(tier, &preset),
            sections(&preset),
            classes(tier, &preset)
        );
    }
    table
}

fn reach(tier: Tier, preset: &Preset) -> String {
    let above: Vec<String> = Tlp::ALL
        .into_iter()
        .filter(|tlp| preset.unaddressed < *tlp && *tlp <= preset.max)
        .map(|tlp| tlp.to_string())
        .collect();
    if above.is_empty() {
        return preset.max.to_string();
    }
    let whom = match tier {
        Tier::LawEnforcement => "where addressed to the agreement's desk",
        Tier::Paired | Tier::Mou | Tier::Nda => "where addressed",
    };
    format!("{}; {} {whom}", preset.unaddressed, above.join(" and "))
}

fn sections(preset: &Preset) -> String {
    let all = ValueSet::<Section>::all();
    let missing = all.without(preset.sections);
    let whole = if missing.is_empty() { "all".to_owned() } else { format!("all but {missing}") };
    if preset.max < Tlp::Amber || preset.at_amber == preset.sections {
        return whole;
    }
    if !preset.destined_sightings {
        return format!("{whole}; at AMBER and above: {}", preset.at_amber);
    }
    let plain = preset.at_amber.without(ValueSet::from_iter([Section::Sightings]));
    format!("{whole}; at AMBER: {plain}, and sightings destined to it")
}

fn classes(tier: Tier, preset: &Preset) -> String {
    let conditional = |wanted| {
        preset
            .classes
            .iter()
            .filter(move |class| tier.condition(*class) == Some(wanted))
            .collect::<ValueSet<Class>>()
    };
    let basis = conditional(ClassCondition::LegalBasis);
    let order = conditional(ClassCondition::OrderReference);
    let mut text = preset.classes.without(basis).without(order).to_string();
    if !basis.is_empty() {
        text = format!("{text}; {basis} (when, from which address) under a listed legal basis");
    }
    if preset.classes.contains(Class::OrderReference) {
        text = format!("{text}; {} under an order reference", basis.or(order));
    }
    text
}
