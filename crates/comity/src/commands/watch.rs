//! `comity watch`.

use std::io::{self, Write};

use comity_admin::Failure;
use comity_node::api::Event;

use super::{Context, partner, status};
use crate::cli::Watch;
use crate::screen::printable;
use crate::screen::times::Zones;

pub(super) fn run(watch: &Watch, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.running()?;
    let partner =
        watch.partner.as_deref().map(|name| partner::find(&session, name, &context.comity()));
    let partner = partner.transpose()?.map(|partner| partner.name);
    let mut lines = session.lines("/watch", &())?;
    context.screen.say("Following; Ctrl-C ends it.");
    while let Some(event) = session.next::<Event>(&mut lines)? {
        if partner.as_ref().is_none_or(|name| concerns(&event, name)) {
            context.screen.answer(&event, |out| write(&event, &zones, out))?;
        }
    }
    Ok(())
}

fn concerns(event: &Event, name: &str) -> bool {
    let is = |other: &str| other == name;
    match event {
        Event::Record { record, .. } => is(&record.source) || is(&record.origin),
        Event::Delivery { partner, .. }
        | Event::Receipt { partner, .. }
        | Event::Link { partner, .. } => is(partner),
        Event::Alarm(alarm) => alarm.partner.as_deref().is_none_or(is),
    }
}

fn write(event: &Event, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    match event {
        Event::Record { at, record } => {
            let from = match record.source.as_str() {
                "own" => "ours".to_owned(),
                source if source == record.origin => format!("from {source}"),
                source => format!("from {} via {source}", record.origin),
            };
            let line = format!(
                "{}  {}  {}  {}, {from}, {}",
                record.reference, record.tlp, record.title, record.kind, record.standing
            );
            writeln!(out, "{}  record    {}", zones.written(at), printable(&line))
        }
        Event::Delivery { at, partner, reference, sections } => {
            let line = format!("{reference} to {partner}: {}", sections.join(" "));
            writeln!(out, "{}  delivery  {}", zones.written(at), printable(&line))
        }
        Event::Receipt { at, partner, upto } => {
            let line = format!("{partner} has stored everything up to {upto}");
            writeln!(out, "{}  receipt   {}", zones.written(at), printable(&line))
        }
        Event::Link { at, partner, up } => {
            let state = if *up { "up" } else { "down" };
            writeln!(out, "{}  link      {} is {state}", zones.written(at), printable(partner))
        }
        Event::Alarm(alarm) => writeln!(out, "ALARM {}", status::alarm_line(alarm, zones)),
    }
}
