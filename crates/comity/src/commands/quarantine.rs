//! `comity quarantine`.

mod ask;

use std::io::{self, Write};

use comity_admin::{Failure, FailureKind, ask as admin};
use comity_node::api::{
    HoldLine, QuarantineLine, QuarantineRequest, RecordDetail, RecordLine, RuleRequest,
    RuleVerdict, RuledLine, RulingLine,
};

use super::{Context, records};
use crate::backend::Keys;
use crate::cli::{QuarantineCommand, Ruling};
use crate::folder;
use crate::screen::printable;
use crate::screen::times::Zones;

pub(super) fn run(command: QuarantineCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List { dropped } => list(dropped, context),
        QuarantineCommand::Show { record, full } => show(record, full, context),
        QuarantineCommand::Ask(question) => self::ask::run(&question, context),
        QuarantineCommand::Release(ruling) => rule(ruling, RuleVerdict::Release, context),
        QuarantineCommand::Hold(ruling) => rule(ruling, RuleVerdict::Hold, context),
        QuarantineCommand::Drop(ruling) => rule(ruling, RuleVerdict::Drop, context),
    }
}

fn list(dropped: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let found: Vec<QuarantineLine> = session.call("/quarantine", &QuarantineRequest { dropped })?;
    context.screen.answer(&found, |out| {
        if found.is_empty() {
            return writeln!(out, "Nothing is in quarantine.");
        }
        for QuarantineLine { line, held } in &found {
            records::table(std::slice::from_ref(line), &zones).write(out)?;
            write_why(line, held, &zones, out)?;
        }
        Ok(())
    })
}

/// Why it is there, and since when.
fn write_why(
    line: &RecordLine,
    held: &HoldLine,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let why = line.standing_reason.as_deref().unwrap_or(&held.cause);
    writeln!(out, "  {}, since {}", printable(why), zones.written(&held.since))?;
    if !held.went_to.is_empty() {
        let names = held.went_to.join(", ");
        writeln!(out, "  it may have gone to {} before", printable(&names))?;
    }
    Ok(())
}

/// What a person decided last.
pub(super) fn write_ruling(
    ruling: &RulingLine,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let done = match ruling.verdict.as_str() {
        "release" => "released",
        "drop" => "dropped",
        _ => "held",
    };
    let (by, reason) = (printable(&ruling.by), printable(&ruling.reason));
    writeln!(out, "  {done} by {by}, {}: {reason}", zones.written(&ruling.at))
}

fn show(record: String, full: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let comity = context.comity();
    let detail: RecordDetail = session.call("/show", &admin::Show { record, content: true })?;
    let Some(held) = &detail.held else {
        let message = format!("{} is not in quarantine", detail.line.reference);
        return Err(Failure::new(FailureKind::Usage, "not-in-quarantine", message)
            .next(format!("{comity} show {}", detail.line.reference)));
    };
    context.screen.answer(&detail, |out| {
        records::write_record(&detail, full, &zones, out)?;
        writeln!(out)?;
        write_why(&detail.line, held, &zones, out)?;
        if !held.brought_by.is_empty() {
            writeln!(out, "  brought by {}", printable(&held.brought_by.join(", ")))?;
        }
        if let Some(unheeded) = &held.unheeded {
            writeln!(out, "  {}", printable(&folder::hint(unheeded, context.data)))?;
        }
        writeln!(out)?;
        write_choices(&detail.line.reference, held, &comity, out)
    })
}

/// What a person may decide about it.
fn write_choices(
    reference: &str,
    held: &HoldLine,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    // A service or a container has no user.
    let by = if logged_in().is_ok() { "" } else { " --by NAME" };
    match &held.not_released {
        None => {
            writeln!(out, "Let it out: {comity} quarantine release {reference} --reason TEXT{by}")?
        }
        Some(why) => writeln!(out, "Not to be let out: {}", printable(why))?,
    }
    match &held.not_dropped {
        _ if held.cause == "dropped" => Ok(()),
        None => {
            writeln!(out, "For good:   {comity} quarantine drop {reference} --reason TEXT{by}")
        }
        Some(why) => writeln!(out, "Not to be dropped: it {}", printable(why)),
    }
}

fn rule(ruling: Ruling, verdict: RuleVerdict, context: &mut Context<'_>) -> Result<(), Failure> {
    // Of somebody of the staff the node takes the name that the passphrase shows.
    let named = ruling.by.or_else(|| context.by.map(str::to_owned));
    let by = named.map_or_else(logged_in, Ok)?;
    let (session, zones) = context.session(Keys::Shut)?;
    let asked = admin::Show { record: ruling.record, content: false };
    let RecordDetail { line, held, .. } = session.call("/show", &asked)?;
    let changes = match verdict {
        RuleVerdict::Release => held.is_some(),
        RuleVerdict::Hold => held.is_none(),
        RuleVerdict::Drop => held.as_ref().is_none_or(|held| held.cause != "dropped"),
    };
    // What the node refuses anyway is not asked about.
    if changes && !ruling.dry_run {
        if !ruling.yes {
            context.screen.show(|out| {
                records::table(std::slice::from_ref(&line), &zones).write(out)?;
                held.as_ref().map_or(Ok(()), |held| write_why(&line, held, &zones, out))
            })?;
        }
        let reference = &line.reference;
        let doubted = held.as_ref().is_some_and(|held| held.cause == "doubt");
        let unheeded = held.as_ref().and_then(|held| held.unheeded.as_deref());
        let question = match (verdict, unheeded) {
            (RuleVerdict::Release, Some(why)) => {
                format!("Count {reference} as accepted here, and nowhere else ({why})?")
            }
            (RuleVerdict::Release, None) if doubted => format!(
                "Count {reference} as accepted, although its author may not have been entitled?"
            ),
            (RuleVerdict::Release, None) => format!("Count {reference} as accepted?"),
            (RuleVerdict::Hold, _) => format!("Count {reference} no more, and send it to nobody?"),
            (RuleVerdict::Drop, _) => {
                format!("Never count {reference}, and take no more of it from anybody?")
            }
        };
        context.asker.confirmed(ruling.yes, &question)?;
    }
    let (reason, dry_run) = (ruling.reason, ruling.dry_run);
    let asked = RuleRequest { record: line.record, verdict, by, reason, dry_run };
    let ruled: RuledLine = session.call("/judge", &asked)?;
    let data = context.data;
    context.screen.answer(&ruled, |out| {
        records::table(std::slice::from_ref(&ruled.line), &zones).write(out)?;
        if let Some(why) = &ruled.unheeded {
            writeln!(out, "  {}", printable(&folder::hint(why, data)))?;
        }
        if dry_run { writeln!(out, "It could be done. Nothing was decided.") } else { Ok(()) }
    })
}

/// Who is logged in, where nobody is named.
pub(super) fn logged_in() -> Result<String, Failure> {
    let named = |name: &str| std::env::var(name).ok().filter(|user| !user.trim().is_empty());
    named("USER").or_else(|| named("LOGNAME")).ok_or_else(|| {
        let message = "nobody is logged in by name, and the decision keeps who made it";
        Failure::new(FailureKind::Usage, "nobody-named", message)
            .next("the same command with --by NAME")
    })
}
