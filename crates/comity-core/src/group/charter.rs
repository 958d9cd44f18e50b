//! The charter: what the group is for, who may come in and how, and on which terms members share.

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::Spanned;

use super::raw::{RawCharter, RawRemoval, RawSponsors};
use crate::agreement::raw::Names;
use crate::agreement::resolve::{Resolver, read};
use crate::agreement::{AgreementError, Terms, Tier};
use crate::cbor::{is_invisible, is_label};
use crate::limits;
use crate::marking::Tlp;

/// A charter's text, understood. Made by [`Charter::parse`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    purpose: String,
    founders: Vec<String>,
    criteria: Vec<Criterion>,
    sponsors_needed: usize,
    sponsors: Option<Vec<String>>,
    removal: Removers,
    later_joiners: bool,
    terms: Arc<Terms>,
}

/// What an applicant must answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// In a word.
    pub name: String,
    /// The question.
    pub text: String,
}

/// Who may remove a member. A member may always leave by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removers {
    /// The secretariat alone.
    Secretariat,
    /// So many of those who may sponsor.
    Sponsors(usize),
    /// So many members.
    Members(usize),
}

impl Removers {
    /// The words that people write.
    pub const NAMES: [&'static str; 3] = ["secretariat", "sponsors", "members"];

    /// How many must say so.
    #[must_use]
    pub const fn needed(self) -> usize {
        match self {
            Self::Secretariat => 1,
            Self::Sponsors(needed) | Self::Members(needed) => needed,
        }
    }

    /// The word that people write.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secretariat => "secretariat",
            Self::Sponsors(_) => "sponsors",
            Self::Members(_) => "members",
        }
    }
}

impl Charter {
    /// Reads a charter's text.
    ///
    /// # Errors
    ///
    /// What is wrong first, with its place in the text.
    pub fn parse(text: &str) -> Result<Self, AgreementError> {
        if text.len() > limits::CHARTER_BYTES {
            let (has, most) = (text.len(), limits::CHARTER_BYTES);
            let message = format!("text has {has} bytes; a charter has at most {most}");
            return Err(AgreementError::new(text, None, message));
        }
        Understands(Resolver { text }).charter(read(text)?)
    }

    /// What the group is called: display only.
    #[must_use]
    pub fn name(&self) -> &str {
        self.terms.title()
    }

    /// What the group is for.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// The founders as the text calls them: display only.
    #[must_use]
    pub fn founders(&self) -> &[String] {
        &self.founders
    }

    /// What an applicant must answer to, in order.
    #[must_use]
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// How many sponsors an applicant needs.
    #[must_use]
    pub fn sponsors_needed(&self) -> usize {
        self.sponsors_needed
    }

    /// Who may sponsor, as the text calls them: display only. `None`: every member.
    #[must_use]
    pub fn sponsors(&self) -> Option<&[String]> {
        self.sponsors.as_deref()
    }

    /// Who may remove a member.
    #[must_use]
    pub fn removal(&self) -> Removers {
        self.removal
    }

    /// Whether who joins later may have what was addressed to the group before.
    #[must_use]
    pub fn later_joiners_see_earlier_records(&self) -> bool {
        self.later_joiners
    }

    /// The terms on which members share.
    #[must_use]
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }
}

/// Understands what is a charter's own; names and dates of its terms are an agreement's.
struct Understands<'a>(Resolver<'a>);

impl Understands<'_> {
    fn charter(&self, raw: RawCharter) -> Result<Charter, AgreementError> {
        self.0.format(&raw.format)?;
        let name = self.0.line(&raw.name)?;
        if !is_label(&name) || name.chars().any(is_invisible) {
            let message = "the name has characters that a screen does not show".to_owned();
            return Err(self.0.refuse(raw.name.span(), message));
        }
        let founders = self.economies(&raw.founders, "founder")?;
        if raw.criteria.len() > limits::CRITERIA {
            let span = raw.criteria.last().map_or(0..0, |one| one.name.span());
            let message = format!("a charter has at most {} criteria", limits::CRITERIA);
            return Err(self.0.refuse(span, message));
        }
        let criteria = raw.criteria.iter().map(|one| {
            Ok(Criterion { name: self.0.line(&one.name)?, text: self.0.line(&one.text)? })
        });
        let criteria = criteria.collect::<Result<_, AgreementError>>()?;
        let (sponsors_needed, sponsors) = self.sponsors(&raw.sponsors, &founders)?;
        let may_vote = sponsors.as_ref().map_or(founders.len(), Vec::len);
        let removal = self.removal(&raw.removal, may_vote)?;
        let later_joiners = raw.later_joiners_see_earlier_records;
        let purpose = self.0.line(&raw.purpose)?;
        let terms = Arc::new(self.terms(raw)?);
        Ok(Charter {
            purpose,
            founders,
            criteria,
            sponsors_needed,
            sponsors,
            removal,
            later_joiners,
            terms,
        })
    }

    fn economies(&self, names: &Names, what: &str) -> Result<Vec<String>, AgreementError> {
        let mut seen = BTreeSet::new();
        for name in names.get_ref() {
            if !seen.insert(name.get_ref()) {
                let message = format!("`{}` is named twice", name.get_ref());
                return Err(self.0.refuse(name.span(), message));
            }
        }
        if seen.is_empty() || seen.len() > limits::MEMBERS {
            let message = format!("a group has 1 to {} {what}s", limits::MEMBERS);
            return Err(self.0.refuse(names.span(), message));
        }
        names.get_ref().iter().map(|name| self.0.line(name)).collect()
    }

    fn sponsors(
        &self,
        raw: &RawSponsors,
        founders: &[String],
    ) -> Result<(usize, Option<Vec<String>>), AgreementError> {
        let named = raw.economies.as_ref();
        let listed = named.map(|names| self.economies(names, "sponsor")).transpose()?;
        for name in named.into_iter().flat_map(Spanned::get_ref) {
            if !founders.contains(name.get_ref()) {
                let message = format!("the sponsor `{}` is no founder", name.get_ref());
                return Err(self
                    .0
                    .refuse(name.span(), message)
                    .with_valid(founders.iter().cloned()));
            }
        }
        let most = listed.as_ref().map_or(founders.len(), Vec::len);
        Ok((self.count(&raw.needed, most)?, listed))
    }

    fn removal(&self, raw: &RawRemoval, most: usize) -> Result<Removers, AgreementError> {
        let needed = |most| {
            let missing = || {
                let message = format!("`by = \"{}\"` needs `needed`", raw.by.get_ref());
                self.0.refuse(raw.by.span(), message)
            };
            self.count(raw.needed.as_ref().ok_or_else(missing)?, most)
        };
        match raw.by.get_ref().as_str() {
            "secretariat" => match &raw.needed {
                None => Ok(Removers::Secretariat),
                Some(needed) => {
                    let message = "the secretariat removes alone: leave `needed` out".to_owned();
                    Err(self.0.refuse(needed.span(), message))
                }
            },
            "sponsors" => needed(most).map(Removers::Sponsors),
            "members" => needed(limits::JUSTIFICATIONS).map(Removers::Members),
            _ => Err(self.0.unknown("way to remove", &raw.by, Removers::NAMES)),
        }
    }

    /// A number of economies that can ever be found.
    fn count(&self, number: &Spanned<i64>, most: usize) -> Result<usize, AgreementError> {
        // One of the records that justify an admission is the application.
        let most = most.min(limits::JUSTIFICATIONS - 1);
        let count = usize::try_from(*number.get_ref()).ok().filter(|one| (1..=most).contains(one));
        count.ok_or_else(|| {
            let message = format!("{} is not between 1 and {most}", number.get_ref());
            self.0.refuse(number.span(), message)
        })
    }

    fn terms(&self, raw: RawCharter) -> Result<Terms, AgreementError> {
        let tier = raw.terms.tier.clone();
        if tier.get_ref() == Tier::LawEnforcement.name() {
            let tiers = [Tier::Mou, Tier::Nda].map(|tier| tier.name().to_owned());
            let message = "a group has no desk, which this tier needs".to_owned();
            return Err(self.0.refuse(tier.span(), message).with_valid(tiers));
        }
        let raw = raw.into_terms();
        let label = raw.max_tlp.as_ref().map(Spanned::span);
        let mut terms = self.0.terms(raw)?;
        if terms.max_tlp() == Tlp::Red {
            if let Some(span) = label {
                let message = "RED is for named people, never for a group".to_owned();
                return Err(self.0.refuse(span, message));
            }
            terms.max_tlp = Tlp::AmberStrict;
        }
        Ok(terms)
    }
}
