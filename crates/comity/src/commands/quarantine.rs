//! `comity quarantine`.

use comity_admin::{Failure, ask};
use comity_node::api::{ListRequest, RecordLine};

use super::{Context, records};
use crate::backend::Keys;
use crate::cli::QuarantineCommand;
use crate::screen::printable;

pub(super) fn run(command: QuarantineCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List => list(context),
        QuarantineCommand::Release { record, yes } => {
            let question = format!(
                "Count {record} as accepted, although its author may not have been entitled?"
            );
            context.asker.confirmed(yes, &question)?;
            judge(record, true, context)
        }
        QuarantineCommand::Hold { record } => judge(record, false, context),
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

fn judge(record: String, release: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Shut)?;
    let line: RecordLine = session.call("/judge", &ask::Judge { record, release })?;
    context
        .screen
        .answer(&line, |out| records::table(std::slice::from_ref(&line), &zones).write(out))
}
