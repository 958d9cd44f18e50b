//! `comity agreement lint`: what a careful reviewer says before anybody signs.

use std::io::{self, Write};
use std::path::Path;

use comity_admin::Failure;
use comity_core::agreement::{self, Severity};
use comity_node::clock;
use serde::Serialize;

use super::super::Context;
use crate::screen::format::counted;
use crate::screen::{printable, the_answer_is_no};

/// A review.
#[derive(Debug, Serialize)]
struct Review {
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
    let text = super::text_named(named, context)?;
    let findings =
        agreement::lint(&text, clock::now()).map_err(|error| super::invalid(&name, &error))?;
    let count = |severity| findings.iter().filter(|one| one.severity() == severity).count();
    let review = Review {
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        advice: count(Severity::Advice),
        agreement: name,
        findings: findings.iter().map(finding).collect(),
    };
    context.screen.answer(&review, |out| write(&review, out))?;
    if review.errors > 0 || review.warnings > 0 {
        return Err(the_answer_is_no());
    }
    Ok(())
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
