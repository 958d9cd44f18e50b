//! `comity agreement amend`.

use std::io::{self, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind, ask};
use comity_core::agreement::Terms;
use comity_node::api::{AgreementLine, DiffAgainst, DiffRequest, DiffSide, Published};
use serde_json::json;

use super::super::Context;
use super::{EXAMPLES, Meant, diff, invalid, lint, one, read, terms};
use crate::backend::Keys;
use crate::screen::printable;

/// Shows what a new text changes, asks, signs it and sends it.
pub(super) fn run(
    agreement: &str,
    file: &Path,
    dry_run: bool,
    Meant { again, anyway, yes }: Meant,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let text = read(file)?;
    let new = Terms::parse(&text).map_err(|error| invalid(&file.display().to_string(), &error))?;
    let review = lint::before_signing(file, &text, anyway, context)?;
    let (session, zones) = context.session(if dry_run { Keys::Shut } else { Keys::Signing })?;
    let line = one(&session, agreement)?;
    let review = review.in_the_place_of(&line, &text);
    let request = DiffRequest {
        before: Some(DiffSide::Reference(line.agreement.clone())),
        after: DiffSide::Text(text.clone()),
        with: None,
        besides: false,
        examples: EXAMPLES,
    };
    let (partner, comity) = (printable(&line.partner), context.comity());
    let diff = diff::compare(&session, &request, context)?;
    let people = |out: &mut dyn Write| -> io::Result<()> {
        writeln!(out, "{} ({}), with {partner}", printable(new.title()), new.tier().label())?;
        terms::write(&new, &zones, out)?;
        writeln!(out)?;
        diff::write(&diff, &zones, out)?;
        diff::write_against(&diff, "proposed", &comity, out)?;
        review.write_objections(out)
    };
    if dry_run {
        let data = json!({
            "amends": last(&line),
            "with": line.partner,
            "title": new.title(),
            "tier": new.tier().to_string(),
            "text": text,
            "review": review,
            "diff": diff,
        });
        context.screen.answer(&data, |out| {
            people(out)?;
            writeln!(out, "Nothing was signed or sent.")
        })?;
        return diff::is_possible(&diff);
    }
    if let Some(DiffAgainst { code, message, next }) = &diff.against {
        let failure = Failure::new(FailureKind::Data, code, message);
        return Err(match next {
            Some(next) => failure.next(next),
            None => failure,
        });
    }
    if yes {
        context.screen.show(|out| review.write_objections(out))?;
    } else {
        context.screen.show(people)?;
    }
    let Place { of, until } = place(&line);
    let question = format!(
        "Sign it, and propose it to {partner} in the place of {of}? It binds once they accept it."
    );
    context.asker.confirmed(yes, &question)?;
    let asked = ask::Amend { reference: line.agreement.clone(), text, again, shown: last(&line) };
    let published: Published = session.call("/amend", &asked)?;
    context.screen.answer(&published, |out| {
        let reference = published.reference.as_deref().unwrap_or(&published.record);
        writeln!(out, "{reference}  {} ({})", printable(new.title()), new.tier().label())?;
        writeln!(
            out,
            "proposed to {partner}; when they have accepted it, it takes the place of {of}; {until}"
        )?;
        writeln!(out, "until then it is taken back with: {comity} agreement terminate {reference}")
    })
}

/// The texts whose place it takes: those that are last, whichever a person has named.
fn last(line: &AgreementLine) -> Vec<String> {
    match &line.texts {
        Some(texts) => texts.last.clone(),
        None => vec![line.reference.clone()],
    }
}

/// What it takes the place of, and how that stands meanwhile.
struct Place {
    of: String,
    until: &'static str,
}

fn place(line: &AgreementLine) -> Place {
    let still = line.texts.as_ref().filter(|texts| texts.why.is_some());
    match still {
        Some(texts) if texts.contested => Place {
            of: format!("all texts of {}", texts.first),
            until: "until then nothing goes under it, and all its texts bind",
        },
        Some(_) => Place {
            of: last(line).join(" and "),
            until: "until then nothing goes under the agreement, and it binds",
        },
        None => Place { of: last(line).join(" and "), until: "as before until then" },
    }
}
