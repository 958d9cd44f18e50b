//! `comity status`.

use std::io::{self, Write};
use std::path::Path;

use comity_admin::Failure;
use comity_node::api::{AlarmLine, AwaitedLine, ContestedLine, DeadlineLine, Status};
use comity_node::shell_word::word;

use super::{Context, partner, release};
use crate::backend::Keys;
use crate::folder;
use crate::screen::format::{count, counted};
use crate::screen::printable;
use crate::screen::times::Zones;

/// Alarms that the screen shows; `--json` has all.
const ALARMS: usize = 5;

pub(super) fn run(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let status: Status = session.call("/status", &())?;
    let comity = context.comity();
    let data = context.data;
    context.screen.answer(&status, |out| {
        write(&status, &zones, &comity, out)?;
        awaited(&status.awaited, data, out)?;
        contested(&status.contested, data, out)?;
        deadlines(&status.deadlines, data, out)?;
        alarms(&status.alarms, &zones, out)
    })
}

fn write(status: &Status, zones: &Zones, comity: &str, out: &mut dyn Write) -> io::Result<()> {
    let state = match (status.running, &status.listening) {
        (true, Some(address)) => format!("running, listening on {address}"),
        (true, None) => "running".to_owned(),
        (false, _) => "not running".to_owned(),
    };
    writeln!(out, "{}  {state}  (comity {})", status.code, status.version)?;
    writeln!(out, "  id       {}", status.economy)?;
    let waiting = match status.waiting {
        0 => String::new(),
        waiting => format!(", {} waiting: {comity} list --waiting", count(waiting)),
    };
    let records = counted(status.records, "record", "records");
    writeln!(out, "  records  {records}{waiting}")?;
    if status.drafts > 0 {
        writeln!(out, "  drafts   {}: {comity} list --drafts", count(status.drafts))?;
    }
    if status.held_by_guard > 0 {
        let parts = counted(status.held_by_guard, "part is held", "parts are held");
        writeln!(out, "  guard    {parts}: {comity} guard list")?;
    }
    if status.awaiting_approval > 0 {
        let waiting = counted(status.awaiting_approval, "record waits", "records wait");
        let whom = match status.approvers {
            Some(0) => "a second person, and there is none",
            Some(_) | None => "a second person",
        };
        writeln!(out, "  approval {waiting} for {whom}: {comity} approvals")?;
    }
    release::write_due(&status.emergencies, zones, comity, out)?;
    if status.asks > 0 {
        let asks = counted(status.asks, "request waits", "requests wait");
        writeln!(out, "  consent  {asks} for an answer: {comity} consent list")?;
    }
    let entries = counted(status.entries, "entry", "entries");
    writeln!(out, "  journal  {entries}, head {}", status.chain)?;
    let changing = if status.keyring_changing { ", being changed right now" } else { "" };
    writeln!(out, "  keyring  version {}{changing}", status.keyring)?;
    if let Some(named) = &status.keyring_forgotten {
        let named = printable(named);
        writeln!(out, "           partners have heard of version {named}: {comity} doctor")?;
    }
    if let Some(problem) = &status.desk_problem {
        writeln!(out, "  key      {}", printable(problem))?;
        if let Some(next) = &status.desk_next {
            writeln!(out, "           -> {}", printable(next))?;
        }
    }
    if let Some(problem) = &status.root_problem {
        writeln!(out, "  root     {}", printable(problem))?;
        if let Some(next) = &status.root_next {
            writeln!(out, "           -> {}", printable(next))?;
        }
    }
    if let Some(problem) = &status.store_problem {
        writeln!(out, "  data     {}", printable(problem))?;
        if let Some(next) = &status.store_next {
            writeln!(out, "           -> {}", printable(next))?;
        }
    }
    if let Some(problem) = &status.clock_problem {
        writeln!(out, "  clock    {}", printable(problem))?;
        if let Some(next) = &status.clock_next {
            writeln!(out, "           -> {}", printable(next))?;
        }
    }
    if let Some(since) = &status.recovering {
        writeln!(
            out,
            "  recovery since {}: nothing is sent until {}",
            zones.written(since),
            still_owing(status, comity)
        )?;
    }
    for name in &status.pairing {
        let typed = word(name);
        writeln!(
            out,
            "\nPairing with {}: the digits wait to be typed: {comity} partner verify {typed}",
            printable(name)
        )?;
    }
    if status.partners.is_empty() && status.pairing.is_empty() {
        writeln!(out, "\nNo partners yet: {comity} partner invite --as NAME")?;
    } else if !status.partners.is_empty() {
        writeln!(out)?;
        partner::table(&status.partners).write(out)?;
        for partner in &status.partners {
            if let Some(due) = partner::due(partner) {
                writeln!(out, "{}: due {due}", printable(&partner.name))?;
            }
            for full in &partner.full {
                writeln!(out, "{}: {full}; more of that is put off", printable(&partner.name))?;
            }
        }
    }
    for partner in status.partners.iter().filter(|partner| partner.bond != "removed") {
        if let Some(why) = &partner.unconfirmed {
            let (name, why) = (printable(&partner.name), printable(why));
            writeln!(out, "{name}: {why}, nothing of it goes on: {comity} doctor")?;
        }
    }
    for group in &status.stopped_groups {
        let (name, state, reference) = (printable(&group.name), &group.state, &group.reference);
        writeln!(out, "{name}: {state}, nothing goes to it: {comity} group show {reference}")?;
    }
    Ok(())
}

/// What waits for a word of ours.
fn awaited(lines: &[AwaitedLine], data: Option<&Path>, out: &mut dyn Write) -> io::Result<()> {
    for line in lines {
        let said = format!("{}: {}", line.what, folder::hint(&line.next, data));
        writeln!(out, "{}", printable(&said))?;
    }
    Ok(())
}

/// Agreements under which nothing goes until somebody settles them.
fn contested(lines: &[ContestedLine], data: Option<&Path>, out: &mut dyn Write) -> io::Result<()> {
    for line in lines {
        let said = format!("{}: {}", line.what, folder::hint(&line.next, data));
        writeln!(out, "{}", printable(&said))?;
    }
    Ok(())
}

/// Ends and reviews of agreements that are near.
fn deadlines(lines: &[DeadlineLine], data: Option<&Path>, out: &mut dyn Write) -> io::Result<()> {
    for line in lines {
        let said = format!("{}: {}", line.what, folder::hint(&line.next, data));
        writeln!(out, "{}", printable(&said))?;
    }
    Ok(())
}

fn alarms(alarms: &[AlarmLine], zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    if !alarms.is_empty() {
        writeln!(out, "\nLatest alarms")?;
    }
    for alarm in alarms.iter().take(ALARMS) {
        writeln!(out, "  {}", alarm_line(alarm, zones))?;
    }
    Ok(())
}

/// What the end of a recovery waits for.
fn still_owing(status: &Status, comity: &str) -> String {
    let owing = status.partners.iter().filter(|partner| partner.owes && partner.bond == "paired");
    let names: Vec<_> = owing.map(|partner| printable(&partner.name).to_string()).collect();
    if names.is_empty() {
        return format!("it is confirmed: {comity} recover confirm");
    }
    format!(
        "{} gave back what was lost, and it is confirmed: {comity} recover confirm",
        names.join(", ")
    )
}

/// An alarm in one line.
pub(super) fn alarm_line(alarm: &AlarmLine, zones: &Zones) -> String {
    let partner = alarm.partner.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    format!("{}  {}", zones.written(&alarm.at), printable(&format!("{partner}{}", alarm.text)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What is told of an agreement that ends, or wants a review with this effect.
    pub(in super::super) fn line(step: u64, overdue: Option<&str>) -> DeadlineLine {
        let kind = if overdue.is_some() { "review" } else { "end" };
        serde_json::from_value(serde_json::json!({
            "agreement": "", "reference": "KR-26-C001", "partner": "JP", "deadline": kind,
            "at": "2026-12-20T00:00:00Z", "day": "2026-12-19", "days": 27, "step": step,
            "overdue": overdue,
            "what": "NDA KR-26-C001 with JP ends in 27 days (last day 2026-12-19)",
            "next": "propose what shall hold from then on: comity agreement amend KR-26-C001 FILE",
        }))
        .unwrap()
    }

    #[test]
    fn what_ends_is_one_line_with_the_command_for_its_successor() {
        let shown = |data: Option<&Path>| {
            let mut out = Vec::new();
            deadlines(&[line(30, None)], data, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let line = "NDA KR-26-C001 with JP ends in 27 days (last day 2026-12-19): propose what shall hold from then on: ";
        assert_eq!(shown(None), format!("{line}comity agreement amend KR-26-C001 FILE\n"));
        let named = shown(Some(Path::new("/srv/kr")));
        assert_eq!(named, format!("{line}comity --data /srv/kr agreement amend KR-26-C001 FILE\n"));
    }
}
