//! The text's shape, before its names and dates are understood.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

pub(crate) type Name = Spanned<String>;
pub(crate) type Names = Spanned<Vec<Name>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawTerms {
    pub(crate) format: Spanned<i64>,
    pub(crate) title: String,
    pub(crate) name: Option<Name>,
    pub(crate) tier: Name,
    #[serde(default)]
    pub(crate) parties: Vec<String>,
    pub(crate) starts: Spanned<Datetime>,
    pub(crate) ends: Option<Spanned<Datetime>>,
    pub(crate) review: Option<Spanned<Datetime>>,
    pub(crate) review_overdue: Option<Name>,
    pub(crate) notice: Option<Name>,
    pub(crate) max_tlp: Option<Name>,
    pub(crate) max_pap: Option<Name>,
    pub(crate) sections: Option<Names>,
    pub(crate) sections_at_amber: Option<Names>,
    pub(crate) classes: Option<Names>,
    pub(crate) kinds: Option<Names>,
    #[serde(default)]
    pub(crate) categories: Vec<Name>,
    #[serde(default)]
    pub(crate) legal_bases: Vec<Name>,
    #[serde(default)]
    pub(crate) exercises: bool,
    pub(crate) onward: Option<Name>,
    pub(crate) retention: Option<Name>,
    pub(crate) return_or_destroy: Option<Name>,
    #[serde(default)]
    pub(crate) purposes: Vec<Name>,
    pub(crate) no_law_enforcement_use: Option<Spanned<bool>>,
    pub(crate) compelled_disclosure_notice: Option<Name>,
    pub(crate) desk: Option<Name>,
    pub(crate) prohibits: Option<RawProhibitions>,
    #[serde(default)]
    pub(crate) clauses: BTreeMap<Name, Name>,
    pub(crate) paper: Option<RawPaper>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawProhibitions {
    pub(crate) tlp_above: Option<Name>,
    pub(crate) sections: Option<Names>,
    pub(crate) classes: Option<Names>,
    pub(crate) kinds: Option<Names>,
    #[serde(default)]
    pub(crate) categories: Vec<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawPaper {
    #[serde(default)]
    pub(crate) versions: Vec<RawVersion>,
    #[serde(default)]
    pub(crate) signatories: Vec<RawSignatory>,
    pub(crate) notices: Option<Name>,
    pub(crate) survival: Option<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawVersion {
    pub(crate) language: Name,
    pub(crate) sha256: Name,
    #[serde(default)]
    pub(crate) authentic: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RawSignatory {
    pub(crate) name: Name,
    pub(crate) capacity: Name,
    #[serde(rename = "for")]
    pub(crate) party: Name,
}
