//! `comity agreement`.

mod amend;
pub(super) mod diff;
mod history;
mod lint;
mod terms;

use std::io::{self, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind, ask};
use comity_core::Timestamp;
use comity_core::agreement::{AgreementError, Terms};
use comity_node::api::{AgreementDiff, AgreementLine, DiffRequest, DiffSide, Published};

use serde_json::json;

use super::recall::{self, Narrowed};
use super::{Context, partner, records};
use crate::backend::{Keys, Session};
use crate::cli::AgreementCommand;
use crate::folder;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

/// Records that a preview names of what would go, and of what would stop.
pub(super) const EXAMPLES: usize = 5;

pub(super) fn run(command: AgreementCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        AgreementCommand::Lint { agreement } => lint::run(&agreement, context),
        AgreementCommand::Diff(asked) => diff::run(&asked, context),
        AgreementCommand::Propose { file, to, dry_run, again, anyway, yes } => {
            propose(&file, &to, dry_run, Meant { again, anyway, yes }, context)
        }
        AgreementCommand::Accept { agreement, dry_run, yes } => {
            accept(&agreement, dry_run, yes, context)
        }
        AgreementCommand::List => list(context),
        AgreementCommand::Amend { agreement, file, dry_run, again, anyway, yes } => {
            amend::run(&agreement, &file, dry_run, Meant { again, anyway, yes }, context)
        }
        AgreementCommand::Show { agreement, history } => show(&agreement, history, context),
        AgreementCommand::Terminate { agreement, on, immediately, dry_run, yes } => {
            terminate(&agreement, (on, immediately), dry_run, yes, context)
        }
    }
}

/// Agreements, one a line.
pub(super) fn table(agreements: &[AgreementLine], zones: &Zones) -> Table {
    let mut table = Table::new(&["ref", "with", "tier", "state", "from", "until", "title"]);
    for line in agreements {
        table.row([
            line.reference.clone(),
            line.partner.clone(),
            line.tier.clone(),
            standing(line),
            line.from.as_deref().map(|at| zones.day(at)).unwrap_or_default(),
            line.until.as_deref().map(|at| zones.last_day(at)).unwrap_or_default(),
            line.title.clone(),
        ]);
    }
    table
}

/// How it stands, and beside which other text of the same agreement.
fn standing(line: &AgreementLine) -> String {
    match (line.state.as_str(), &line.amended_by, &line.amends[..]) {
        ("contested", _, _) => "CONTESTED".to_owned(),
        ("in doubt", _, _) => "IN DOUBT".to_owned(),
        ("amended", Some(by), _) => format!("amended by {by}"),
        ("proposed by us" | "awaits our acceptance" | "starts later", _, [_, ..]) => {
            format!("{}, amends {}", line.state, line.amends.join(" and "))
        }
        (state, _, _) => state.to_owned(),
    }
}

/// The text of a file.
fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| {
        let failure = folder::unreadable(file, &error);
        if failure.kind != FailureKind::NoInput {
            return failure;
        }
        failure.next("name a file that is there; examples/agreements has some to start from")
    })
}

/// Why the text of an agreement cannot be read.
fn invalid(name: &str, error: &AgreementError) -> Failure {
    let next = match error.line() {
        Some(line) => format!("mend line {line} of {name}"),
        None => format!("mend {name}"),
    };
    Failure::new(FailureKind::Data, "agreement-invalid", format!("{name}, {error}")).next(next)
}

/// A file that is there; what is not, and cannot be a reference, is a file that is missing.
fn is_file(named: &Path) -> bool {
    let text = named.to_string_lossy();
    named.is_file() || text.contains(['/', '\\', '.'])
}

/// The text of a file, or of an agreement that is here, with how that stands.
fn text_named(
    named: &Path,
    context: &Context<'_>,
) -> Result<(String, Option<AgreementLine>), Failure> {
    if is_file(named) {
        return Ok((read(named)?, None));
    }
    let (session, _) = context.session(Keys::Reading)?;
    let line = one(&session, &named.to_string_lossy())?;
    Ok((line.text.clone().unwrap_or_default(), Some(line)))
}

/// What whoever proposes has said beforehand.
#[derive(Clone, Copy)]
struct Meant {
    /// Also where the same text stands.
    again: bool,
    /// Also with what `lint` calls an error.
    anyway: bool,
    /// Without a question.
    yes: bool,
}

fn propose(
    file: &Path,
    to: &str,
    dry_run: bool,
    Meant { again, anyway, yes }: Meant,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let text = read(file)?;
    let terms =
        Terms::parse(&text).map_err(|error| invalid(&file.display().to_string(), &error))?;
    let review = lint::before_signing(file, &text, anyway, context)?;
    let keys = if dry_run { Keys::Shut } else { Keys::Signing };
    let (session, zones) = context.session(keys)?;
    let comity = context.comity();
    let partner = partner::find(&session, to, &comity)?;
    let name = printable(&partner.name);
    let people = |out: &mut dyn Write| -> io::Result<()> {
        let (title, tier) = (printable(terms.title()), terms.tier().label());
        writeln!(out, "{title} ({tier}), with {name} ({})", partner.economy)?;
        terms::write(&terms, &zones, out)?;
        review.write_objections(out)
    };
    if dry_run {
        let data = json!({
            "to": partner.name,
            "economy": partner.economy,
            "title": terms.title(),
            "tier": terms.tier().to_string(),
            "text": text,
            "review": review,
        });
        return context.screen.answer(&data, |out| {
            people(out)?;
            writeln!(out, "Nothing was signed or sent.")
        });
    }
    if yes {
        context.screen.show(|out| review.write_objections(out))?;
    } else {
        context.screen.show(people)?;
    }
    let question = format!("Sign it, and propose it to {name}? It binds once they accept it.");
    context.asker.confirmed(yes, &question)?;
    let asked = ask::Propose { text, to: partner.economy.clone(), again };
    let published: Published = session.call("/propose", &asked)?;
    context.screen.answer(&published, |out| {
        let reference = published.reference.as_deref().unwrap_or(&published.record);
        writeln!(out, "{reference}  {} ({})", printable(terms.title()), terms.tier().label())?;
        writeln!(out, "proposed to {name}; it is in force when they have accepted it")?;
        writeln!(out, "until then it is taken back with: {comity} agreement terminate {reference}")
    })
}

/// What the text of an agreement comes to, if it is one that this program reads.
fn write_terms(line: &AgreementLine, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    match Terms::parse(line.text.as_deref().unwrap_or_default()) {
        Ok(terms) => terms::write(&terms, zones, out),
        Err(_) => Ok(()),
    }
}

fn accept(
    agreement: &str,
    dry_run: bool,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(if dry_run { Keys::Shut } else { Keys::Signing })?;
    let (line, comity) = (one(&session, agreement)?, context.comity());
    let again = line.state == "in doubt" && line.doubt.as_ref().is_some_and(|doubt| doubt.ours);
    let waits = line.state == "awaits our acceptance" || again;
    if let Some(doubt) = line.doubt.as_ref().filter(|_| dry_run && !waits) {
        let message = format!("{} cannot be accepted: {}", line.reference, doubt.why);
        let next = doubt.next.replace("comity agreement ", &format!("{comity} agreement "));
        return Err(Failure::new(FailureKind::Data, "in-doubt", message).next(next));
    }
    if dry_run && !waits {
        let message =
            format!("{} does not wait for our acceptance: {}", line.reference, line.state);
        return Err(Failure::new(FailureKind::Data, "nothing-to-accept", message)
            .next(format!("{comity} agreement show {}", line.reference)));
    }
    if dry_run {
        let diff = accepted(&session, &line, context)?;
        context.screen.answer(&diff, |out| {
            table(std::slice::from_ref(&line), &zones).write(out)?;
            write_terms(&line, &zones, out)?;
            write_accepted(&line, &diff, &zones, out)?;
            diff::write_against(&diff, "accepted", &comity, out)
        })?;
        return diff::is_possible(&diff);
    }
    if !yes {
        context.screen.show(|out| {
            table(std::slice::from_ref(&line), &zones).write(out)?;
            write_terms(&line, &zones, out)?;
            writeln!(out, "\n{}", text_of(&line))
        })?;
    }
    if !yes && waits {
        let diff = accepted(&session, &line, context)?;
        context.screen.show(|out| {
            write_accepted(&line, &diff, &zones, out)?;
            diff::write_against(&diff, "accepted", &comity, out)
        })?;
    }
    if yes && let Some(diff) = amended(&session, &line)? {
        context.screen.show(|out| diff::terms(&diff, out))?;
    }
    context.asker.confirmed(yes, &format!("Accept this agreement with {}?", line.partner))?;
    let before = recall::due_of(&session, &line.partner).unwrap_or_default();
    let asked = ask::Reference { reference: line.agreement };
    let published: Published = session.call("/accept", &asked)?;
    // An agreement permits, and prohibits as well.
    let narrowed = Narrowed::newly(&session, &line.partner, &published, &before);
    let partner = printable(&line.partner);
    context.screen.answer(&narrowed, |out| {
        writeln!(out, "{}  accepted; {partner} is told", line.reference)?;
        recall::write_due(&narrowed.recall_due, &partner, &comity, out)
    })
}

/// What would go, and what no more, once it is accepted: beside what is in force, or in the place of what
/// it amends.
fn accepted(
    session: &Session,
    line: &AgreementLine,
    context: &Context<'_>,
) -> Result<AgreementDiff, Failure> {
    let request = DiffRequest {
        before: None,
        after: DiffSide::Reference(line.agreement.clone()),
        with: None,
        besides: line.amends.is_empty(),
        examples: EXAMPLES,
    };
    diff::compare(session, &request, context)
}

/// What accepting does; of an amendment, the terms that differ before it.
fn write_accepted(
    line: &AgreementLine,
    diff: &AgreementDiff,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    if line.amends.is_empty() {
        diff::write_effects(diff, zones, out)?;
        return diff::write_without_effect(diff, out);
    }
    writeln!(out)?;
    diff::write(diff, zones, out)
}

/// The terms in which an amendment differs from the text that it amends, without a look at what is here.
fn amended(session: &Session, line: &AgreementLine) -> Result<Option<AgreementDiff>, Failure> {
    match line.amends.last() {
        Some(amended) => Ok(history::changed(&one(session, amended)?, line)),
        None => Ok(None),
    }
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let mut agreements: Vec<AgreementLine> = session.call("/agreements", &())?;
    // The order of partners' ids is none that people know.
    let place = |line: &AgreementLine| (line.partner.clone(), line.reference.clone());
    agreements.sort_by_key(place);
    let comity = context.comity();
    context.screen.answer(&agreements, |out| {
        if agreements.is_empty() {
            return writeln!(out, "No agreements yet: {comity} agreement propose FILE --to NAME");
        }
        table(&agreements, &zones).write(out)
    })
}

fn show(agreement: &str, history: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let line = one(&session, agreement)?;
    let comity = context.comity();
    context.screen.answer(&line, |out| {
        table(std::slice::from_ref(&line), &zones).write(out)?;
        writeln!(out, "  id           {}", line.agreement)?;
        writeln!(out, "  proposed by  {}", printable(&line.proposed_by))?;
        if history {
            return history::write(&line, &zones, &comity, out);
        }
        history::write_place(&line, &zones, &comity, out)?;
        write_terms(&line, &zones, out)?;
        writeln!(out, "\n{}", text_of(&line))
    })
}

fn terminate(
    agreement: &str,
    (on, immediately): (Option<Timestamp>, bool),
    dry_run: bool,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Signing)?;
    let line = one(&session, agreement)?;
    let effective = on.map(Timestamp::precise);
    let question = question(&line, effective.as_deref(), immediately, &zones);
    context.asker.confirmed(yes || dry_run, &printable(&question))?;
    let first = line.texts.as_ref().map_or(&line.agreement, |texts| &texts.first);
    let asked = ask::Terminate { reference: first.clone(), effective, immediately, dry_run };
    let published: Published = session.call("/terminate", &asked)?;
    if dry_run {
        let comity = context.comity();
        return context.screen.answer(&published, |out| {
            writeln!(out, "{}", printable(&question))?;
            records::write_would_be_told(&published, &zones, &comity, out)
        });
    }
    let ends = one(&session, &line.agreement)?;
    let narrowed = Narrowed::after(&session, &line.partner, &published);
    let (partner, comity) = (printable(&line.partner), context.comity());
    context.screen.answer(&narrowed, |out| {
        let of_all = ends.texts.as_ref().and_then(|texts| texts.ends.as_deref());
        let Some(until) = of_all.or(ends.until.as_deref()) else {
            let done = if ends.state == "declined" { "declined" } else { "taken back" };
            return writeln!(out, "{}  {done}; {partner} is told", line.reference);
        };
        writeln!(out, "{}  ends {}; {partner} is told", line.reference, zones.written(until))?;
        let bound = match &ends.texts {
            Some(texts) => texts.bound_until.as_deref().filter(|bound| *bound > until),
            None => ends.bound_until.as_deref(),
        };
        if let Some(bound) = bound {
            let bound = zones.written(bound);
            writeln!(
                out,
                "Its prohibitions and duties hold until {bound}, when the notice would be over"
            )?;
        }
        recall::write_due(&narrowed.recall_due, &partner, &comity, out)
    })
}

/// Says when it ends: a person who does not name a time is told what the notice makes of it.
fn question(line: &AgreementLine, on: Option<&str>, immediately: bool, zones: &Zones) -> String {
    let notice = line.notice.as_deref().filter(|_| line.from.is_some());
    let when = match (on, immediately, notice) {
        (Some(on), _, _) => format!("on {}", zones.written(on)),
        (None, true, Some(notice)) => format!("now, in breach of its notice of {notice}"),
        (None, false, Some(notice)) => {
            format!("on {}: its notice is {notice}", zones.written(&line.earliest_end))
        }
        (None, _, None) => "now".to_owned(),
    };
    if line.state == "awaits our acceptance" {
        return format!("Decline {}, which {} proposes?", line.title, line.partner);
    }
    let end = format!("End {} with {}, {when}?", line.title, line.partner);
    if line.state == "proposed by us" && !line.amends.is_empty() {
        // Their word may be on its way, and neither side could know what the other relies on.
        return format!(
            "{end} If {} has accepted it already, nothing goes under {} until you both settle it",
            line.partner,
            line.amends.join(" and ")
        );
    }
    let mut said = match &line.texts {
        Some(texts) if texts.first != line.reference => {
            format!("{end} That ends all of the agreement, which began as {}", texts.first)
        }
        Some(_) | None => end,
    };
    if !line.open_amendments.is_empty() {
        // Until the end it would apply as soon as they accept it.
        let open = line.open_amendments.join(" and ");
        let them = if line.open_amendments.len() == 1 { "it" } else { "each of them" };
        said.push_str(&format!(
            " Open stays our own {open}, which {} may accept until then: take {them} back too, with comity agreement terminate",
            line.partner
        ));
    }
    said
}

fn one(session: &Session, agreement: &str) -> Result<AgreementLine, Failure> {
    session.call("/agreement", &ask::Reference { reference: agreement.to_owned() })
}

/// The exact text, made harmless for a terminal line by line.
fn text_of(line: &AgreementLine) -> String {
    let text = line.text.as_deref().unwrap_or_default();
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}
