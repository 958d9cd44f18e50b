//! From the text to the terms: names and dates understood, and nothing wider than the tier.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::value::Datetime;

use super::error::AgreementError;
use super::raw::{RawPaper, RawProhibitions, RawSignatory, RawTerms};
use super::terms::{
    DAY, Field, Paper, PaperVersion, Prohibitions, ReturnOrDestroy, ReviewOverdue, Signatory, Terms,
};
use super::tier::Tier;
use super::values::{Value, ValueSet};
use crate::digest::{Digest, read_hex};
use crate::ledger::Obligations;
use crate::limits;
use crate::marking::{Onward, Pap, Tlp};
use crate::time::Timestamp;
use crate::vocabulary::Kind;

/// The version of the text's format that is read.
const FORMAT: i64 = 1;

const ONWARD: [(&str, Onward); 3] =
    [("none", Onward::None), ("ask", Onward::Ask), ("within-marking", Onward::WithinMarking)];

const RETURN_OR_DESTROY: [(&str, ReturnOrDestroy); 3] = [
    ("return", ReturnOrDestroy::Return),
    ("destroy", ReturnOrDestroy::Destroy),
    ("either", ReturnOrDestroy::Either),
];

/// The word in the text.
pub(super) fn onward_name(onward: Onward) -> &'static str {
    name_in(&ONWARD, onward)
}

/// The word in the text.
pub(super) fn return_or_destroy_name(what: ReturnOrDestroy) -> &'static str {
    name_in(&RETURN_OR_DESTROY, what)
}

fn name_in<T: PartialEq>(all: &[(&'static str, T)], value: T) -> &'static str {
    all.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

/// Reads a text and understands it.
pub(super) fn resolve(text: &str) -> Result<Terms, AgreementError> {
    Resolver { text }.terms(read(text)?)
}

/// Reads a text in the shape of `T`, or says with its place what does not fit.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, AgreementError> {
    let refuse = |error: &toml::de::Error| {
        let (message, valid) = split_valid(error.message());
        AgreementError::new(text, error.span(), message).with_valid(valid)
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| refuse(&error))?;
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(deserializer, &mut track);
    T::deserialize(tracked).map_err(|error| refuse(&error).with_path(&track.path().to_string()))
}

/// Serde ends its complaint with the names that it knows: they get a line of their own.
fn split_valid(message: &str) -> (String, Vec<String>) {
    let Some((what, names)) = message.split_once(", expected ") else {
        return (message.to_owned(), Vec::new());
    };
    let names: Vec<String> = names.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    if names.is_empty() { (message.to_owned(), names) } else { (what.to_owned(), names) }
}

/// Understands names and dates, and refuses what is wider than the tier.
pub(crate) struct Resolver<'a> {
    pub(crate) text: &'a str,
}

impl Resolver<'_> {
    pub(crate) fn terms(&self, raw: RawTerms) -> Result<Terms, AgreementError> {
        self.format(&raw.format)?;
        let tier = self.tier(&raw.tier)?;
        let mut terms = Terms::preset(tier, self.day(&raw.starts)?);
        terms.title = raw.title;
        if let Some(name) = &raw.name {
            terms.label = self.line(name)?;
        }
        terms.party_names = raw.parties;
        self.period(&mut terms, raw.ends.as_ref(), raw.review.as_ref())?;
        terms.review_overdue = self.review_overdue(&terms, raw.review_overdue.as_ref())?;
        terms.notice_days = self.days(raw.notice.as_ref())?;
        if let Some(name) = &raw.max_tlp {
            terms.max_tlp = self.max_tlp(tier, name)?;
        }
        if let Some(name) = &raw.max_pap {
            terms.max_pap = self.pap(name)?;
        }
        terms.sections = self.narrowed(tier, terms.sections, raw.sections.as_ref())?;
        terms.at_amber = self.narrowed(tier, terms.at_amber, raw.sections_at_amber.as_ref())?;
        terms.classes = self.narrowed(tier, terms.classes, raw.classes.as_ref())?;
        terms.kinds = self.narrowed(tier, terms.kinds, raw.kinds.as_ref())?;
        terms.categories = self.names(&raw.categories)?;
        terms.legal_bases = self.names(&raw.legal_bases)?;
        terms.exercises = raw.exercises;
        terms.return_or_destroy =
            raw.return_or_destroy.as_ref().map(|name| self.return_or_destroy(name)).transpose()?;
        terms.no_law_enforcement_use =
            self.no_law_enforcement_use(tier, raw.no_law_enforcement_use.as_ref())?;
        terms.obligations = Obligations {
            onward: raw.onward.as_ref().map_or(Ok(Onward::Ask), |name| self.onward(name))?,
            retention_days: self.days(raw.retention.as_ref())?,
            purposes: self.names(&raw.purposes)?,
        };
        terms.disclosure_notice_days = self.days(raw.compelled_disclosure_notice.as_ref())?;
        terms.desk = self.desk(&raw.tier, tier, raw.desk)?;
        terms.prohibitions = self.prohibitions(raw.prohibits)?;
        terms.clauses = self.clauses(raw.clauses)?;
        terms.paper = self.paper(raw.paper)?;
        Ok(terms)
    }

    pub(crate) fn refuse(&self, span: Range<usize>, message: String) -> AgreementError {
        AgreementError::new(self.text, Some(span), message)
    }

    pub(crate) fn format(&self, format: &Spanned<i64>) -> Result<(), AgreementError> {
        if *format.get_ref() == FORMAT {
            return Ok(());
        }
        let message = format!(
            "format {} is not known to this version of comity; it reads format {FORMAT}",
            format.get_ref()
        );
        Err(self.refuse(format.span(), message))
    }

    fn tier(&self, name: &Spanned<String>) -> Result<Tier, AgreementError> {
        let known = Tier::SIGNED.into_iter().find(|tier| tier.name() == name.get_ref());
        known.ok_or_else(|| self.unknown("tier", name, Tier::SIGNED.map(Tier::name)))
    }

    pub(crate) fn unknown<'n>(
        &self,
        what: &str,
        name: &Spanned<String>,
        valid: impl IntoIterator<Item = &'n str>,
    ) -> AgreementError {
        self.refuse(name.span(), format!("unknown {what} `{}`", name.get_ref()))
            .with_valid(valid.into_iter().map(str::to_owned))
    }

    fn day(&self, date: &Spanned<Datetime>) -> Result<Timestamp, AgreementError> {
        let refused = || {
            let message = format!(
                "`{}` is not a day between 1970 and 9999; write one as 2026-11-21 (days are UTC)",
                date.get_ref()
            );
            self.refuse(date.span(), message)
        };
        let Datetime { date: Some(day), time: None, offset: None } = date.get_ref() else {
            return Err(refused());
        };
        let text = format!("{day}T00:00:00Z");
        text.parse().map_err(|_not_an_instant| refused())
    }

    fn period(
        &self,
        terms: &mut Terms,
        ends: Option<&Spanned<Datetime>>,
        review: Option<&Spanned<Datetime>>,
    ) -> Result<(), AgreementError> {
        if let Some(date) = ends {
            let last = self.day(date)?;
            if last < terms.starts {
                let message = "the agreement ends before it starts".to_owned();
                return Err(self.refuse(date.span(), message));
            }
            terms.ends = Some(last.saturating_add(DAY));
        }
        terms.review = review.map(|date| self.day(date)).transpose()?;
        Ok(())
    }

    fn days(&self, duration: Option<&Spanned<String>>) -> Result<Option<u32>, AgreementError> {
        let Some(duration) = duration else { return Ok(None) };
        let parsed = parse_days(duration.get_ref()).filter(|days| *days > 0);
        parsed.map(Some).ok_or_else(|| {
            let message =
                format!("`{}` is not a duration; write one as \"90 days\"", duration.get_ref());
            self.refuse(duration.span(), message)
                .with_valid(["days", "weeks (7 days)", "years (365 days)"].map(str::to_owned))
        })
    }

    fn tlp(&self, name: &Spanned<String>) -> Result<Tlp, AgreementError> {
        Tlp::from_name(name.get_ref()).ok_or_else(|| {
            self.unknown("label", name, ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"])
        })
    }

    fn max_tlp(&self, tier: Tier, name: &Spanned<String>) -> Result<Tlp, AgreementError> {
        let tlp = self.tlp(name)?;
        if tlp <= tier.preset().max {
            return Ok(tlp);
        }
        let message = format!("{tlp} is above what the tier {tier} covers ({})", tier.preset().max);
        Err(self.refuse(name.span(), message))
    }

    fn pap(&self, name: &Spanned<String>) -> Result<Pap, AgreementError> {
        Pap::from_name(name.get_ref())
            .ok_or_else(|| self.unknown("label", name, ["CLEAR", "GREEN", "AMBER", "RED"]))
    }

    fn review_overdue(
        &self,
        terms: &Terms,
        name: Option<&Spanned<String>>,
    ) -> Result<ReviewOverdue, AgreementError> {
        let Some(name) = name else { return Ok(ReviewOverdue::default()) };
        let all = [("warn", ReviewOverdue::Warn), ("stop", ReviewOverdue::Stop)];
        let known = self.one_of(name, all)?;
        if terms.review.is_none() {
            let message = "nothing is ever overdue: the agreement has no `review` date".to_owned();
            return Err(self.refuse(name.span(), message));
        }
        Ok(known)
    }

    fn return_or_destroy(&self, name: &Spanned<String>) -> Result<ReturnOrDestroy, AgreementError> {
        self.one_of(name, RETURN_OR_DESTROY)
    }

    fn no_law_enforcement_use(
        &self,
        tier: Tier,
        excluded: Option<&Spanned<bool>>,
    ) -> Result<bool, AgreementError> {
        let Some(excluded) = excluded else { return Ok(false) };
        if *excluded.get_ref() && tier == Tier::LawEnforcement {
            let message = "the tier law-enforcement is for that very use".to_owned();
            return Err(self.refuse(excluded.span(), message));
        }
        Ok(*excluded.get_ref())
    }

    fn onward(&self, name: &Spanned<String>) -> Result<Onward, AgreementError> {
        self.one_of(name, ONWARD)
    }

    fn one_of<T: Copy, const N: usize>(
        &self,
        name: &Spanned<String>,
        all: [(&str, T); N],
    ) -> Result<T, AgreementError> {
        let known = all.iter().find(|(known, _)| known == name.get_ref());
        known
            .map(|(_, value)| *value)
            .ok_or_else(|| self.unknown("value", name, all.iter().map(|(known, _)| *known)))
    }

    /// Names from open vocabularies (categories, legal bases, purposes), ascending, each once.
    fn names(&self, names: &[Spanned<String>]) -> Result<Vec<String>, AgreementError> {
        let mut read: Vec<String> =
            names.iter().map(|name| self.line(name)).collect::<Result<_, _>>()?;
        read.sort();
        read.dedup();
        // Purposes go with every delivery, whose reader takes no more of them.
        match names.get(limits::PURPOSES) {
            Some(over) if read.len() > limits::PURPOSES => {
                let message = format!("more than {} names in one list", limits::PURPOSES);
                Err(self.refuse(over.span(), message))
            }
            Some(_) | None => Ok(read),
        }
    }

    /// One line of text that says something: what is compared with other names must not differ from
    /// them in what nobody sees.
    pub(crate) fn line(&self, text: &Spanned<String>) -> Result<String, AgreementError> {
        let line = text.get_ref();
        let fault = if line.trim().is_empty() {
            "is blank".to_owned()
        } else if line.trim() != line {
            "begins or ends with a space".to_owned()
        } else if line.chars().any(char::is_control) {
            "has a control character".to_owned()
        } else if line.len() > limits::TEXT_BYTES {
            format!("is longer than {} bytes", limits::TEXT_BYTES)
        } else {
            return Ok(line.clone());
        };
        Err(self.refuse(text.span(), format!("the text {fault}")))
    }

    fn values<T: Value>(
        &self,
        names: &Spanned<Vec<Spanned<String>>>,
        valid: impl Fn(T) -> bool,
    ) -> Result<Vec<(T, Range<usize>)>, AgreementError> {
        let understand = |name: &Spanned<String>| {
            let value = T::named(name.get_ref()).filter(|value| valid(*value));
            value.map(|value| (value, name.span())).ok_or_else(|| {
                let known = T::KNOWN.iter().filter(|value| valid(**value));
                self.refuse(name.span(), format!("unknown name `{}`", name.get_ref()))
                    .with_valid(known.map(ToString::to_string))
            })
        };
        names.get_ref().iter().map(understand).collect()
    }

    fn narrowed<T: Value + PartialEq>(
        &self,
        tier: Tier,
        preset: ValueSet<T>,
        names: Option<&Spanned<Vec<Spanned<String>>>>,
    ) -> Result<ValueSet<T>, AgreementError> {
        let Some(names) = names else { return Ok(preset) };
        let mut narrowed = ValueSet::none();
        for (value, span) in self.values::<T>(names, |_| true)? {
            if !preset.contains(value) {
                let message = format!("`{value}` is not covered by the tier {tier}");
                let valid = preset.iter().map(|value| value.to_string());
                return Err(self.refuse(span, message).with_valid(valid));
            }
            narrowed = narrowed.or(ValueSet::from_iter([value]));
        }
        if narrowed.is_empty() {
            let message = "the list is empty: nothing could ever go".to_owned();
            return Err(self.refuse(names.span(), message));
        }
        Ok(narrowed)
    }

    fn desk(
        &self,
        tier_name: &Spanned<String>,
        tier: Tier,
        desk: Option<Spanned<String>>,
    ) -> Result<Option<String>, AgreementError> {
        let desk_needed = tier == Tier::LawEnforcement;
        match desk {
            Some(desk) if !desk_needed => {
                let message = format!("only the tier law-enforcement names a desk, not {tier}");
                Err(self.refuse(desk.span(), message))
            }
            Some(desk) => Ok(Some(desk.into_inner())),
            None if desk_needed => {
                let message =
                    "the tier law-enforcement needs `desk`, the only one to which records stricter than AMBER go"
                        .to_owned();
                Err(self.refuse(tier_name.span(), message))
            }
            None => Ok(None),
        }
    }

    fn prohibitions(&self, raw: Option<RawProhibitions>) -> Result<Prohibitions, AgreementError> {
        let Some(raw) = raw else { return Ok(Prohibitions::nothing()) };
        Ok(Prohibitions {
            tlp_above: raw.tlp_above.as_ref().map(|name| self.tlp(name)).transpose()?,
            sections: self.listed(raw.sections.as_ref(), |_| true)?,
            classes: self.listed(raw.classes.as_ref(), |_| true)?,
            // Control records pass whatever an agreement says: prohibiting one would have no effect.
            kinds: self.listed(raw.kinds.as_ref(), |kind: Kind| !kind.is_control())?,
            categories: self.names(&raw.categories)?,
        })
    }

    fn listed<T: Value>(
        &self,
        names: Option<&Spanned<Vec<Spanned<String>>>>,
        valid: impl Fn(T) -> bool,
    ) -> Result<ValueSet<T>, AgreementError> {
        let Some(names) = names else { return Ok(ValueSet::none()) };
        Ok(self.values(names, valid)?.into_iter().map(|(value, _)| value).collect())
    }

    fn clauses(
        &self,
        raw: BTreeMap<Spanned<String>, Spanned<String>>,
    ) -> Result<BTreeMap<Field, String>, AgreementError> {
        raw.into_iter()
            .map(|(name, clause)| {
                let field = Field::from_name(name.get_ref()).ok_or_else(|| {
                    self.unknown("field", &name, Field::ALL.iter().map(|field| field.name()))
                })?;
                // It is quoted wherever it keeps something back, in the journal too.
                Ok((field, self.line(&clause)?))
            })
            .collect()
    }

    fn paper(&self, raw: Option<RawPaper>) -> Result<Paper, AgreementError> {
        let Some(raw) = raw else { return Ok(Paper::default()) };
        let mut versions: Vec<PaperVersion> = Vec::new();
        for version in raw.versions {
            let language = self.line(&version.language)?;
            if versions.iter().any(|other| other.language == language) {
                let message = format!("a second version in the language `{language}`");
                return Err(self.refuse(version.language.span(), message));
            }
            let sha256 = read_hex::<32>(version.sha256.get_ref()).ok_or_else(|| {
                let message = "a SHA-256 digest has 64 hexadecimal digits".to_owned();
                self.refuse(version.sha256.span(), message)
            })?;
            versions.push(PaperVersion {
                language,
                sha256: Digest(sha256),
                authentic: version.authentic,
            });
        }
        let signatory = |raw: &RawSignatory| {
            Ok(Signatory {
                name: self.line(&raw.name)?,
                capacity: self.line(&raw.capacity)?,
                party: self.line(&raw.party)?,
            })
        };
        Ok(Paper {
            versions,
            signatories: raw.signatories.iter().map(signatory).collect::<Result<_, _>>()?,
            notices: raw.notices.as_ref().map(|notices| self.line(notices)).transpose()?,
            survival_days: self.days(raw.survival.as_ref())?,
        })
    }
}

/// `90 days`, `2 weeks`, `1 year`.
fn parse_days(text: &str) -> Option<u32> {
    let (number, unit) = text.split_once(' ')?;
    let number: u32 = number.parse().ok()?;
    let days = match unit {
        "day" | "days" => 1,
        "week" | "weeks" => 7,
        "year" | "years" => 365,
        _ => return None,
    };
    number.checked_mul(days)
}
