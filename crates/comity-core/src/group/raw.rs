//! The charter's shape, before its names, numbers and dates are understood.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::agreement::raw::{Name, Names, RawPaper, RawProhibitions, RawTerms};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawCharter {
    pub(super) format: Spanned<i64>,
    pub(super) name: Name,
    pub(super) purpose: Name,
    pub(super) founders: Names,
    pub(super) starts: Spanned<Datetime>,
    pub(super) ends: Option<Spanned<Datetime>>,
    pub(super) review: Option<Spanned<Datetime>>,
    pub(super) review_overdue: Option<Name>,
    #[serde(default)]
    pub(super) later_joiners_see_earlier_records: bool,
    #[serde(default)]
    pub(super) criteria: Vec<RawCriterion>,
    pub(super) sponsors: RawSponsors,
    pub(super) removal: RawRemoval,
    pub(super) terms: RawCharterTerms,
    pub(super) paper: Option<RawPaper>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawCriterion {
    pub(super) name: Name,
    pub(super) text: Name,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawSponsors {
    pub(super) needed: Spanned<i64>,
    pub(super) economies: Option<Names>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRemoval {
    pub(super) by: Name,
    pub(super) needed: Option<Spanned<i64>>,
}

/// The terms of an agreement without what the charter says itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawCharterTerms {
    pub(super) tier: Name,
    max_tlp: Option<Name>,
    max_pap: Option<Name>,
    sections: Option<Names>,
    sections_at_amber: Option<Names>,
    classes: Option<Names>,
    kinds: Option<Names>,
    #[serde(default)]
    categories: Vec<Name>,
    #[serde(default)]
    legal_bases: Vec<Name>,
    #[serde(default)]
    exercises: bool,
    onward: Option<Name>,
    retention: Option<Name>,
    return_or_destroy: Option<Name>,
    #[serde(default)]
    purposes: Vec<Name>,
    no_law_enforcement_use: Option<Spanned<bool>>,
    compelled_disclosure_notice: Option<Name>,
    prohibits: Option<RawProhibitions>,
    #[serde(default)]
    clauses: BTreeMap<Name, Name>,
}

impl RawCharter {
    /// The charter as an agreement among its members.
    pub(super) fn into_terms(self) -> RawTerms {
        let terms = self.terms;
        RawTerms {
            format: self.format,
            title: self.name.get_ref().clone(),
            name: Some(self.name),
            tier: terms.tier,
            parties: self.founders.into_inner().into_iter().map(Spanned::into_inner).collect(),
            starts: self.starts,
            ends: self.ends,
            review: self.review,
            review_overdue: self.review_overdue,
            notice: None,
            max_tlp: terms.max_tlp,
            max_pap: terms.max_pap,
            sections: terms.sections,
            sections_at_amber: terms.sections_at_amber,
            classes: terms.classes,
            kinds: terms.kinds,
            categories: terms.categories,
            legal_bases: terms.legal_bases,
            exercises: terms.exercises,
            onward: terms.onward,
            retention: terms.retention,
            return_or_destroy: terms.return_or_destroy,
            purposes: terms.purposes,
            no_law_enforcement_use: terms.no_law_enforcement_use,
            compelled_disclosure_notice: terms.compelled_disclosure_notice,
            desk: None,
            prohibits: terms.prohibits,
            clauses: terms.clauses,
            paper: self.paper,
        }
    }
}
