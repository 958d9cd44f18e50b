//! `comity consent`.

use std::io::{self, Write};

use comity_admin::{Failure, ask};
use comity_core::Timestamp;
use comity_node::api::{
    ConsentAskRequest, ConsentDone, ConsentGrantRequest, ConsentLine, ConsentPart,
    ConsentRefuseRequest, ConsentWithdrawRequest, GrantedLine,
};

use super::Context;
use crate::backend::Keys;
use crate::cli::{Condition, ConsentAskArgs, ConsentCommand, ConsentGrantArgs};
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

pub(super) fn run(command: ConsentCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        ConsentCommand::Ask(asked) => ask_origin(asked, context),
        ConsentCommand::List => list(context),
        ConsentCommand::Show { consent } => show(consent, context),
        ConsentCommand::Grant(asked) => grant(asked, context),
        ConsentCommand::Refuse { ask, reason } => {
            let (session, zones) = context.session(Keys::Signing)?;
            let asked = ConsentRefuseRequest { ask, reason };
            let done: ConsentDone = session.call("/refuse-consent", &asked)?;
            say(&done, &zones, context)
        }
        ConsentCommand::Withdraw { consent, to, yes } => withdraw(consent, to, yes, context),
    }
}

fn ask_origin(asked: ConsentAskArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let ConsentAskArgs { record, recipients, why, parts, until, again, dry_run } = asked;
    let (session, zones) = context.session(Keys::Signing)?;
    let until = until.map(Timestamp::precise);
    let asked = ConsentAskRequest { record, parts, recipients, why, until, dry_run, again };
    let done: ConsentDone = session.call("/ask-consent", &asked)?;
    say(&done, &zones, context)
}

fn grant(asked: ConsentGrantArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let ConsentGrantArgs { ask, parts, recipients, until, conditions, yes, again, dry_run } = asked;
    let mut request = ConsentGrantRequest {
        ask,
        parts,
        recipients,
        until: until.map(Timestamp::precise),
        dry_run: true,
        again,
        ..ConsentGrantRequest::default()
    };
    for condition in conditions {
        match condition {
            Condition::Retention(days) => {
                let days = request.retention_days.map_or(days, |before| before.min(days));
                request.retention_days = Some(days);
            }
            Condition::Purpose(name) => request.purposes.push(name),
            Condition::NoOnward => request.never_onward = true,
        }
    }
    let (session, zones) = context.session(Keys::Signing)?;
    let would: ConsentDone = session.call("/grant-consent", &request)?;
    if dry_run {
        return say(&would, &zones, context);
    }
    if !yes {
        context.screen.show(|out| {
            if let Some(line) = &would.line {
                write_line(line, &zones, out)?;
            }
            write_opens(&would, &zones, out)
        })?;
    }
    let to = would.opens.iter().map(|one| one.recipient.clone());
    let mut to: Vec<_> = to.collect();
    to.dedup();
    let question = format!("Sign it? It lets {} have these parts.", to.join(", "));
    context.asker.confirmed(yes, &printable(&question))?;
    request.dry_run = false;
    let done: ConsentDone = session.call("/grant-consent", &request)?;
    say(&done, &zones, context)
}

fn withdraw(
    consent: String,
    to: Vec<String>,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Signing)?;
    let named = ask::Reference { reference: consent.clone() };
    session.call::<_, ConsentLine>("/consent", &named)?;
    let question = format!("Take back what was said about {consent}?");
    context.asker.confirmed(yes, &printable(&question))?;
    let asked = ConsentWithdrawRequest { consent, recipients: to };
    let done: ConsentDone = session.call("/withdraw-consent", &asked)?;
    say(&done, &zones, context)
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let lines: Vec<ConsentLine> = session.call("/consents", &())?;
    let comity = context.comity();
    context.screen.answer(&lines, |out| {
        if lines.is_empty() {
            return writeln!(
                out,
                "Nothing was asked: {comity} consent ask ID --for NAME --why TEXT"
            );
        }
        let headings = ["ref", "record", "state", "asked by", "of", "for", "until", "title"];
        let mut table = Table::new(&headings);
        for line in &lines {
            let until = line.grants.iter().map(|grant| &grant.until).max();
            let until = until.or(line.wanted_until.as_ref());
            table.row([
                line.reference.clone(),
                line.record.clone(),
                line.state.clone(),
                line.asked_by.clone(),
                line.origin.clone(),
                line.recipients.join(", "),
                until.map(|until| zones.day(until)).unwrap_or_default(),
                line.title.clone(),
            ]);
        }
        table.write(out)
    })
}

fn show(consent: String, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let line: ConsentLine = session.call("/consent", &ask::Reference { reference: consent })?;
    context.screen.answer(&line, |out| write_line(&line, &zones, out))
}

/// What was signed, what it opens, and how things stand after it.
fn say(done: &ConsentDone, zones: &Zones, context: &mut Context<'_>) -> Result<(), Failure> {
    context.screen.answer(done, |out| {
        for published in &done.published {
            let parts = published.preview.iter().flat_map(|preview| &preview.parts);
            let going = parts.flat_map(|part| &part.cells).filter(|one| one.outcome == "release");
            let names: Vec<_> = going.map(|cell| printable(&cell.partner)).collect();
            let signed = published.reference.as_deref().unwrap_or("not signed");
            let to =
                if names.is_empty() { String::new() } else { format!("  to {}", names.join(", ")) };
            writeln!(out, "{signed}{to}")?;
            for name in &published.waits_for {
                writeln!(
                    out,
                    "  {} is suspended, and is told when it is resumed",
                    printable(name)
                )?;
            }
        }
        write_opens(done, zones, out)?;
        if let Some(line) = &done.line {
            write_line(line, zones, out)?;
        }
        writeln!(out, "{}", printable(&done.outcome))
    })
}

fn write_opens(done: &ConsentDone, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    if done.opens.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["for", "part", "with the consent"]);
    let all: Vec<ConsentPart> = done.opens.iter().map(|one| one.part.clone()).collect();
    for one in &done.opens {
        let reason = one.reason.clone().unwrap_or_default();
        let then = if one.goes { "goes".to_owned() } else { format!("stays: {reason}") };
        table.row([one.recipient.clone(), part(&one.part, &all), then]);
    }
    table.write(out)?;
    if let Some(until) = &done.until {
        writeln!(out, "  until {}", zones.written(until))?;
    }
    if !done.conditions.is_empty() {
        writeln!(out, "  on condition: {}", printable(&done.conditions.join(", ")))?;
    }
    Ok(())
}

fn write_line(line: &ConsentLine, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let ConsentLine { reference, record, state, asked_by, origin, .. } = line;
    writeln!(out, "{reference}  {}  {}", printable(record), printable(&line.title))?;
    writeln!(out, "  {state}: asked by {} of {}", printable(asked_by), printable(origin))?;
    writeln!(out, "  for {}", printable(&line.recipients.join(", ")))?;
    if !line.why.is_empty() {
        writeln!(out, "  because: {}", printable(&line.why))?;
    }
    if let Some(until) = &line.wanted_until {
        writeln!(out, "  wanted until {}", zones.written(until))?;
    }
    for asked in &line.parts {
        writeln!(out, "  part {}", printable(&part(asked, &line.parts)))?;
    }
    for grant in &line.grants {
        let GrantedLine { reference, to, until, state, conditions, parts, .. } = grant;
        let parts: Vec<_> = parts.iter().map(|one| part(one, &line.parts)).collect();
        writeln!(
            out,
            "  {reference}  {} until {}: {state}; {}",
            printable(to),
            zones.written(until),
            printable(&parts.join(", "))
        )?;
        if !conditions.is_empty() {
            writeln!(out, "      on condition: {}", printable(&conditions.join(", ")))?;
        }
    }
    match &line.refused {
        Some(why) => writeln!(out, "  refused: {}", printable(why)),
        None => Ok(()),
    }
}

/// `1 summary AMBER`, or the front of the digest of a part that is not here. Where several are of one section, the front of
/// the digest stands behind: it is the same at every node, on the telephone too.
fn part(part: &ConsentPart, all: &[ConsentPart]) -> String {
    let digest = || part.part.chars().take(8).collect::<String>();
    let number = part.number.map_or_else(digest, |number| number.to_string());
    let alike = |one: &ConsentPart| one.section == part.section && one.part != part.part;
    let front = (part.number.is_some() && all.iter().any(alike)).then(|| format!("({})", digest()));
    let said = [Some(number), part.section.clone(), part.tlp.clone(), front];
    said.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
