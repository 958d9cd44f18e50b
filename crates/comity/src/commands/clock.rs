//! `comity clock`.

use std::io::{self, Write};

use comity_admin::{Failure, ask};
use comity_node::api::ClockState;
use serde::Serialize;

use super::Context;
use crate::backend::Keys;
use crate::cli::ClockCommand;
use crate::screen::printable;
use crate::screen::times::Zones;

/// What came of a confirmation.
#[derive(Serialize)]
struct Confirmed {
    confirmed: bool,
    #[serde(flatten)]
    clock: ClockState,
}

pub(super) fn run(command: &ClockCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        ClockCommand::Show => show(context),
        ClockCommand::Confirm { yes } => confirm(*yes, context),
    }
}

fn show(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Shut)?;
    let clock: ClockState = session.call("/clock", &())?;
    context.screen.answer(&clock, |out| write(&clock, &zones, out))
}

fn confirm(yes: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Shut)?;
    let clock: ClockState = session.call("/clock", &())?;
    if !clock.held && !clock.unsure {
        let answer = Confirmed { confirmed: false, clock };
        return context.screen.answer(&answer, |out| {
            writeln!(out, "nothing waits to be confirmed: the system's clock is not ahead")
        });
    }
    let question = format!(
        "The node goes by {}; the system's clock says {}. Is the system's clock right? What waits for a time before that is released at once",
        zones.written(&clock.node),
        zones.written(&clock.system)
    );
    context.asker.confirmed(yes, &question)?;
    // What was seen is what is confirmed: if the clock moves meanwhile, the node refuses.
    let clock: ClockState = session.call("/confirm-clock", &ask::Time { time: clock.system })?;
    let answer = Confirmed { confirmed: true, clock };
    context.screen.answer(&answer, |out| {
        writeln!(out, "confirmed: the node goes by {}", zones.written(&answer.clock.node))
    })
}

fn write(clock: &ClockState, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "the node goes by         {}", zones.written(&clock.node))?;
    writeln!(out, "the system's clock says  {}", zones.written(&clock.system))?;
    if let Some(problem) = &clock.problem {
        writeln!(out, "{}", printable(problem))?;
    }
    if let Some(next) = &clock.next {
        writeln!(out, "-> {}", printable(next))?;
    }
    Ok(())
}
