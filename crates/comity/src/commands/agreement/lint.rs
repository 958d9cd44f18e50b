//! `comity agreement lint`: what a careful reviewer says before anybody signs.

use std::io::{self, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind};
use comity_core::agreement::{self, Field, Flaw, Severity, Terms};
use comity_node::api::AgreementLine;
use comity_node::clock;
use serde::Serialize;

use super::super::Context;
use crate::screen::format::counted;
use crate::screen::{printable, the_answer_is_no};

/// A review.
#[derive(Debug, Serialize)]
pub(super) struct Review {
    agreement: String,
    errors: usize,
    warnings: usize,
    advice: usize,
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Finding {
    severity: &'static str,
    code: &'static str,
    /// The field of the terms; absent where it is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    line: usize,
    what: String,
    follows: String,
    instead: String,
}

pub(super) fn run(named: &Path, context: &mut Context<'_>) -> Result<(), Failure> {
    let name = named.display().to_string();
    let (text, line) = super::text_named(named, context)?;
    let review = Review::of(name, &text)?;
    // What takes the place of another text is read beside it.
    let review = match line.filter(|line| !line.amends.is_empty()) {
        Some(line) => review.in_the_place_of(&line, &text),
        None => review,
    };
    context.screen.answer(&review, |out| write(&review, out))?;
    if review.objects() {
        return Err(the_answer_is_no());
    }
    Ok(())
}

impl Review {
    /// Of a text; `name` is what it is called in the answer.
    fn of(name: String, text: &str) -> Result<Self, Failure> {
        let findings =
            agreement::lint(text, clock::now()).map_err(|error| super::invalid(&name, &error))?;
        let count = |severity| findings.iter().filter(|one| one.severity() == severity).count();
        Ok(Self {
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            advice: count(Severity::Advice),
            agreement: name,
            findings: findings.iter().map(finding).collect(),
        })
    }

    /// The same, of a text that is to take the place of those of an agreement: the longest notice of all counts.
    pub(super) fn in_the_place_of(mut self, line: &AgreementLine, text: &str) -> Self {
        let own = Terms::parse(text).ok().and_then(|terms| terms.notice_days()).unwrap_or_default();
        let (Some(longest), Some(notice)) = (line.notice_days, &line.notice) else { return self };
        if own >= longest {
            return self;
        }
        let place = text.lines().position(|line| line.trim_start().starts_with("notice"));
        self.warnings = self.warnings.saturating_add(1);
        self.findings.push(Finding {
            severity: Severity::Warning.name(),
            code: Flaw::DeadClause.code(),
            field: Some(Field::Notice.name()),
            line: place.map_or(1, |line| line.saturating_add(1)),
            what: format!(
                "its notice of {own} days is shorter than another text of the agreement says"
            ),
            follows: format!("it has no effect: the longest counts, {notice}"),
            instead: format!(
                "`notice = \"{longest} days\"`; or end the agreement, and propose anew"
            ),
        });
        self
    }

    /// Whether anything in it should be read before the text is signed.
    fn objects(&self) -> bool {
        self.errors > 0 || self.warnings > 0
    }

    /// The review, where it says anything that a person should know before signing.
    pub(super) fn write_objections(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.objects() { write(self, out) } else { Ok(()) }
    }
}

/// What is found in a text that is about to be signed. With an error in it the text cannot do what it is
/// for: nobody signs that by oversight.
pub(super) fn before_signing(
    file: &Path,
    text: &str,
    anyway: bool,
    context: &mut Context<'_>,
) -> Result<Review, Failure> {
    let name = file.display().to_string();
    let review = Review::of(name.clone(), text)?;
    if review.errors == 0 || anyway {
        return Ok(review);
    }
    let errors = counted(u64::try_from(review.errors).unwrap_or(u64::MAX), "error", "errors");
    let message = format!("{name} has {errors}, so nothing was signed");
    let failure = Failure::new(FailureKind::Data, "agreement-flawed", message)
        .next("mend what is named, or propose it as it is: --anyway");
    // For people the refusal follows what was found, and says what to do.
    if context.screen.is_json() {
        context.screen.refuse(&review, &failure, |_| Ok(()))?;
    }
    context.screen.show(|out| write(&review, out))?;
    Err(failure)
}

fn finding(one: &agreement::Finding) -> Finding {
    Finding {
        severity: one.severity().name(),
        code: one.flaw.code(),
        field: one.field.map(agreement::Field::name),
        line: one.line,
        what: one.what.clone(),
        follows: one.follows.clone(),
        instead: one.instead.clone(),
    }
}

fn write(review: &Review, out: &mut dyn Write) -> io::Result<()> {
    let name = printable(&review.agreement);
    for finding in &review.findings {
        let Finding { severity, code, line, .. } = finding;
        writeln!(out, "{name}:{line}: {severity}: {} [{code}]", printable(&finding.what))?;
        writeln!(out, "    so       {}", printable(&finding.follows))?;
        writeln!(out, "    instead  {}", printable(&finding.instead))?;
    }
    if review.findings.is_empty() {
        return writeln!(out, "{name}: nothing to object to");
    }
    let many =
        |count: usize, one, more| counted(u64::try_from(count).unwrap_or(u64::MAX), one, more);
    writeln!(
        out,
        "{}, {}, {}",
        many(review.errors, "error", "errors"),
        many(review.warnings, "warning", "warnings"),
        many(review.advice, "piece of advice", "pieces of advice")
    )
}
