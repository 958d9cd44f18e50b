//! `comity quarantine`.

use comity_admin::{Failure, ask};
use comity_node::api::{ListRequest, RecordDetail, RecordLine};

use super::{Context, records};
use crate::backend::Keys;
use crate::cli::QuarantineCommand;
use crate::screen::printable;

pub(super) fn run(command: QuarantineCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List => list(context),
        QuarantineCommand::Release { record, yes } => judge(record, true, yes, context),
        QuarantineCommand::Hold { record, yes } => judge(record, false, yes, context),
    }
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Shut)?;
    let asked = ListRequest { waiting: true, limit: 1000, ..ListRequest::default() };
    let found: Vec<RecordLine> = session.call("/list", &asked)?;
    let held: Vec<_> = found.into_iter().filter(|line| line.standing == "quarantined").collect();
    context.screen.answer(&held, |out| {
        if held.is_empty() {
            return writeln!(out, "Nothing is in quarantine.");
        }
        for line in &held {
            records::table(std::slice::from_ref(line), &zones).write(out)?;
            if let Some(why) = &line.standing_reason {
                writeln!(out, "  {}", printable(why))?;
            }
        }
        Ok(())
    })
}

fn judge(
    record: String,
    release: bool,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Shut)?;
    let asked = ask::Show { record, content: false };
    let RecordDetail { line, .. } = session.call("/show", &asked)?;
    // What the node refuses anyway is not asked about.
    if release == (line.standing == "quarantined") {
        if !yes {
            context.screen.show(|out| {
                records::table(std::slice::from_ref(&line), &zones).write(out)?;
                match &line.standing_reason {
                    Some(why) => writeln!(out, "  {}", printable(why)),
                    None => Ok(()),
                }
            })?;
        }
        let reference = &line.reference;
        let question = match release {
            true => format!(
                "Count {reference} as accepted, although its author may not have been entitled?"
            ),
            false => format!("Count {reference} no more, and send it to nobody?"),
        };
        context.asker.confirmed(yes, &question)?;
    }
    let asked = ask::Judge { record: line.record, release };
    let line: RecordLine = session.call("/judge", &asked)?;
    context
        .screen
        .answer(&line, |out| records::table(std::slice::from_ref(&line), &zones).write(out))
}
