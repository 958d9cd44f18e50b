//! `comity embargo`.

use comity_admin::{Failure, ask};
use comity_node::api::{EmbargoRequest, Preview, RecordDetail};

use super::Context;
use super::publish::Publishing;
use crate::backend::Keys;
use crate::cli::EmbargoCommand;

pub(super) fn run(command: EmbargoCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    let EmbargoCommand::Lift { record, release, dry_run, yes } = command;
    let (session, zones) = context.session(Keys::Signing)?;
    let detail: RecordDetail = session.call("/show", &ask::Show { record, content: false })?;
    let (record, reference) = (detail.line.record, detail.line.reference);
    let send = |dry_run, preview| {
        let asked = EmbargoRequest { record: record.clone(), release, dry_run, preview };
        session.call("/lift-embargo", &asked)
    };
    let question = |_: &Preview| match release {
        true => format!("Release {reference} before its time? What has left cannot be taken back."),
        false => format!("Lift the embargo on {reference}? What has left cannot be taken back."),
    };
    let without = if release { "its time of release" } else { "the embargo" };
    let said = format!("It takes the place of {reference}, without {without}.");
    Publishing { dry_run, yes, send: &send, question: &question, said: &said }.run(&zones, context)
}
