//! What a careful reviewer says about an agreement's text, before anybody signs it.
//!
//! [`Terms::parse`] refuses what cannot be read. What can be read may still say less than was signed:
//! a clause without effect, two that contradict each other, something left unsaid that keeps records
//! back in silence. Whether anything goes is asked of the decision itself, never guessed from the words.

mod dates;
mod given;
mod page;
mod reach;
mod scope;

use std::fmt;

use page::Page;
use reach::Reach;

use super::error::AgreementError;
use super::terms::{Field, Terms};
use crate::time::Timestamp;

/// How much it matters, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The text cannot do what it was signed for.
    Error,
    /// The text does less, or other things, than it says.
    Warning,
    /// The text leaves something open that the parties will ask about one day.
    Advice,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Advice => "advice",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// Nothing goes under it that would not go without it.
    ReleasesNothing,
    /// It is for a desk that nobody can be at, or for parties that are one.
    EmptyAudience,
    /// Two things that it says exclude each other.
    Contradiction,
    /// Its last day has passed.
    Ended,
    /// It says something that has no effect.
    DeadClause,
    /// Personal data is covered, and no legal basis is listed.
    NoLegalBasis,
    /// It names no day on which it is reviewed.
    NoReview,
    /// The day of its review has passed.
    ReviewOverdue,
    /// One side can ask, and nobody can answer.
    OneWay,
    /// Its parties or those who signed do not fit.
    Parties,
    /// A duty ends before that to which it applies.
    ShortDuty,
    /// It lets information pass on to others without asking.
    PassedOnUnasked,
    /// It leaves open what the parties will ask about.
    Unsaid,
}

impl Flaw {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::ReleasesNothing,
        Self::EmptyAudience,
        Self::Contradiction,
        Self::Ended,
        Self::DeadClause,
        Self::NoLegalBasis,
        Self::NoReview,
        Self::ReviewOverdue,
        Self::OneWay,
        Self::Parties,
        Self::ShortDuty,
        Self::PassedOnUnasked,
        Self::Unsaid,
    ];

    /// What programs match on.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ReleasesNothing => "releases-nothing",
            Self::EmptyAudience => "empty-audience",
            Self::Contradiction => "contradiction",
            Self::Ended => "ended",
            Self::DeadClause => "dead-clause",
            Self::NoLegalBasis => "no-legal-basis",
            Self::NoReview => "no-review",
            Self::ReviewOverdue => "review-overdue",
            Self::OneWay => "one-way",
            Self::Parties => "parties",
            Self::ShortDuty => "short-duty",
            Self::PassedOnUnasked => "passed-on-unasked",
            Self::Unsaid => "unsaid",
        }
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::ReleasesNothing | Self::EmptyAudience | Self::Contradiction | Self::Ended => {
                Severity::Error
            }
            Self::DeadClause
            | Self::NoLegalBasis
            | Self::NoReview
            | Self::ReviewOverdue
            | Self::OneWay
            | Self::Parties
            | Self::ShortDuty => Severity::Warning,
            Self::PassedOnUnasked | Self::Unsaid => Severity::Advice,
        }
    }
}

/// One thing that a reviewer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of fault it is.
    pub flaw: Flaw,
    /// The field that it is about; `None` for what is no field of the terms, such as the parties' names.
    pub field: Option<Field>,
    /// The line, from 1. Of what is missing: where the text says its tier, from which follows what holds
    /// instead.
    pub line: usize,
    /// What the text says, or does not say.
    pub what: String,
    /// What follows from it.
    pub follows: String,
    /// What to write instead.
    pub instead: String,
}

impl Finding {
    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.flaw.severity()
    }
}

/// Reads an agreement's text as a careful reviewer does on the day of `today`; in the order of its lines.
///
/// # Errors
///
/// The text cannot be read: see [`Terms::parse`].
pub fn lint(text: &str, today: Timestamp) -> Result<Vec<Finding>, AgreementError> {
    let terms = Terms::parse(text)?;
    let page = Page::read(text)?;
    let mut review = Review { page: &page, terms: &terms, findings: Vec::new() };
    dates::look(&mut review, today);
    scope::look(&mut review, &Reach::of(&terms));
    given::look(&mut review);
    let mut findings = review.findings;
    findings.sort_by_key(|finding| (finding.line, finding.flaw));
    Ok(findings)
}

/// A review on its way through the text.
struct Review<'a> {
    page: &'a Page<'a>,
    terms: &'a Terms,
    findings: Vec<Finding>,
}

impl Review<'_> {
    /// Says something about a line.
    fn say(&mut self, flaw: Flaw, field: Option<Field>, line: usize, words: [String; 3]) {
        let [what, follows, instead] = words;
        self.findings.push(Finding { flaw, field, line, what, follows, instead });
    }

    /// Says something about what stands at a field of the top.
    fn at(&mut self, flaw: Flaw, field: Field, words: [String; 3]) {
        let line = self.page.line(&[field.name()]);
        self.say(flaw, Some(field), line, words);
    }
}

#[cfg(test)]
mod tests;
