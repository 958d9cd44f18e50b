//! The text's shape, before its names and dates are understood.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

type Name = Spanned<String>;
type Names = Spanned<Vec<Name>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawTerms {
    pub(super) format: Spanned<i64>,
    pub(super) title: String,
    pub(super) name: Option<String>,
    pub(super) tier: Name,
    #[serde(default)]
    pub(super) parties: Vec<String>,
    pub(super) starts: Spanned<Datetime>,
    pub(super) ends: Option<Spanned<Datetime>>,
    pub(super) review: Option<Spanned<Datetime>>,
    pub(super) review_overdue: Option<Name>,
    pub(super) notice: Option<Name>,
    pub(super) max_tlp: Option<Name>,
    pub(super) max_pap: Option<Name>,
    pub(super) sections: Option<Names>,
    pub(super) sections_at_amber: Option<Names>,
    pub(super) classes: Option<Names>,
    pub(super) kinds: Option<Names>,
    #[serde(default)]
    pub(super) categories: Vec<Name>,
    #[serde(default)]
    pub(super) legal_bases: Vec<Name>,
    #[serde(default)]
    pub(super) exercises: bool,
    pub(super) onward: Option<Name>,
    pub(super) retention: Option<Name>,
    pub(super) return_or_destroy: Option<Name>,
    #[serde(default)]
    pub(super) purposes: Vec<Name>,
    pub(super) no_law_enforcement_use: Option<Spanned<bool>>,
    pub(super) compelled_disclosure_notice: Option<Name>,
    pub(super) desk: Option<Name>,
    pub(super) prohibits: Option<RawProhibitions>,
    #[serde(default)]
    pub(super) clauses: BTreeMap<Name, String>,
    pub(super) paper: Option<RawPaper>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawProhibitions {
    pub(super) tlp_above: Option<Name>,
    pub(super) sections: Option<Names>,
    pub(super) classes: Option<Names>,
    pub(super) kinds: Option<Names>,
    #[serde(default)]
    pub(super) categories: Vec<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawPaper {
    #[serde(default)]
    pub(super) versions: Vec<RawVersion>,
    #[serde(default)]
    pub(super) signatories: Vec<RawSignatory>,
    pub(super) notices: Option<Name>,
    pub(super) survival: Option<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawVersion {
    pub(super) language: Name,
    pub(super) sha256: Name,
    #[serde(default)]
    pub(super) authentic: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawSignatory {
    pub(super) name: Name,
    pub(super) capacity: Name,
    #[serde(rename = "for")]
    pub(super) party: Name,
}
