//! `comity erase`, `comity hold`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use comity_admin::{Failure, ask};
use comity_node::api::{
    Certificate, EraseRequest, Erasing, LegalHoldLine, LegalHoldRequest, RetentionDueRequest,
    RetentionLine,
};
use comity_node::shell_word::word;
use serde::Serialize;

use super::Context;
use crate::backend::{Keys, Session};
use crate::cli::{Erase, HoldArgs, HoldCommand, RetentionCommand};
use crate::folder;
use crate::screen::format::{counted, size};
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

/// What was done, and where the certificate of it lies.
#[derive(Debug, Serialize)]
struct Done {
    #[serde(flatten)]
    erasing: Option<Erasing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<PathBuf>,
}

pub(super) fn erase(erase: Erase, context: &mut Context<'_>) -> Result<(), Failure> {
    let Erase { record, parts, reason, certificate, yes } = erase;
    // Nobody is to find out afterwards that there is no place for it.
    let (acts, certificate) = (yes && reason.is_some(), certificate.as_deref());
    if let Some(path) = certificate.filter(|_| acts) {
        folder::is_vacant(path)?;
    }
    let keys = if acts || certificate.is_some() { Keys::Signing } else { Keys::Reading };
    let (session, zones) = context.session(keys)?;
    let erasing = reason.map(|reason| {
        let asked = EraseRequest { record: record.clone(), parts, reason, dry_run: !yes };
        session.call::<_, Erasing>("/erase", &asked)
    });
    let erasing = erasing.transpose()?;
    let written = match certificate {
        Some(path) if acts || erasing.is_none() => Some(certify(&session, &record, path)?),
        Some(_) | None => None,
    };
    let done = Done { erasing, certificate: written };
    context.screen.answer(&done, |out| {
        if let Some(erasing) = &done.erasing {
            write(erasing, &zones, out)?;
            if !erasing.done && erasing.hold.is_none() {
                writeln!(out, "Nothing was changed. To erase it: the same command with --yes")?;
            }
        }
        match &done.certificate {
            Some(path) => {
                let path = path.display().to_string();
                let shown = word(&path);
                writeln!(out, "Certified in {shown}. Anybody verifies it: comity verify {shown}")
            }
            None => Ok(()),
        }
    })
}

fn certify(session: &Session, record: &str, path: &Path) -> Result<PathBuf, Failure> {
    let asked = ask::Record { record: record.to_owned() };
    let certificate: Certificate = session.call("/erasure-certificate", &asked)?;
    folder::write_private(path, certificate.file.as_bytes())?;
    Ok(path.to_owned())
}

fn write(erasing: &Erasing, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let goes = if erasing.done { "erased now" } else { "goes" };
    let mut table = Table::new(&["part", "says", "label", "size", "body"]);
    for part in &erasing.parts {
        let body = match (&part.erased, part.goes) {
            (_, true) => goes.to_owned(),
            (Some(gone), false) => format!("erased {}: {}", zones.written(&gone.at), gone.reason),
            (None, false) => "stays".to_owned(),
        };
        table.row([
            part.number.to_string(),
            part.section.clone(),
            part.tlp.clone(),
            size(part.size),
            body,
        ]);
    }
    writeln!(out, "{}", erasing.reference)?;
    table.write(out)?;
    if erasing.beside > 0 {
        let more = counted(erasing.beside, "copy", "copies");
        let verb = if erasing.done { "went" } else { "would go" };
        writeln!(
            out,
            "With it {verb} {more} beside: its title here, and what it was drafted from."
        )?;
    }
    for holder in &erasing.holders {
        let name = printable(&holder.partner);
        let numbers: Vec<_> = holder.parts.iter().map(ToString::to_string).collect();
        match holder.how.as_str() {
            "sent" if numbers.is_empty() => {
                writeln!(out, "{name} may hold it: it was sent there.")?
            }
            "sent" => {
                writeln!(out, "{name} may hold it: part {} was sent there.", numbers.join(", "))?
            }
            "brought" => writeln!(out, "{name} may hold it: it came from there.")?,
            _ => writeln!(out, "{name} may hold it: it is its origin.")?,
        }
    }
    if erasing.told_outside > 0 {
        let told = counted(erasing.told_outside, "time", "times");
        writeln!(
            out,
            "Besides, it was told by other means {told}: comity audit who {}",
            erasing.reference
        )?;
    }
    if erasing.files > 0 {
        let files = counted(erasing.files, "file", "files");
        writeln!(
            out,
            "{files} left of it, which stay where they are: comity audit who {}",
            erasing.reference
        )?;
    }
    if let Some(hold) = &erasing.hold {
        let (since, why) = (zones.written(&hold.since), printable(&hold.reason));
        writeln!(out, "It is under a legal hold since {since} and stays: {why}")?;
    }
    for recall in &erasing.answered {
        writeln!(out, "Its origin is told, in answer to {recall}.")?;
    }
    Ok(())
}

pub(super) fn hold(command: HoldCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        HoldCommand::Add(args) => change("/add-hold", args, "is kept", context),
        HoldCommand::Lift(args) => change("/lift-hold", args, "may be erased again", context),
        HoldCommand::List => list(context),
    }
}

fn change(
    path: &str,
    args: HoldArgs,
    done: &str,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let asked = LegalHoldRequest { record: args.record, reason: args.reason };
    let line: LegalHoldLine = session.call(path, &asked)?;
    context.screen.answer(&line, |out| {
        writeln!(out, "{} {done}: {}", line.reference, printable(&line.reason))
    })
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let holds: Vec<LegalHoldLine> = session.call("/holds", &())?;
    context.screen.answer(&holds, |out| {
        if holds.is_empty() {
            return writeln!(out, "Nothing is kept on legal grounds.");
        }
        let mut table = Table::new(&["ref", "since", "by", "why"]);
        for hold in &holds {
            table.row([
                hold.reference.clone(),
                zones.written(&hold.since),
                hold.by.clone(),
                hold.reason.clone(),
            ]);
        }
        table.write(out)
    })
}

pub(super) fn retention(
    command: RetentionCommand,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let (lines, nothing): (Vec<RetentionLine>, _) = match command {
        RetentionCommand::Show { record } => {
            (session.call("/retention", &ask::Record { record })?, "It has no parts.".to_owned())
        }
        RetentionCommand::Due { within } => {
            let within = in_days(&within);
            let nothing = format!("Nothing goes within {}.", printable(&within));
            (session.call("/retention-due", &RetentionDueRequest { within })?, nothing)
        }
    };
    context.screen.answer(&lines, |out| {
        if lines.is_empty() {
            return writeln!(out, "{nothing}");
        }
        let mut table = Table::new(&["ref", "part", "says", "label", "goes", "by"]);
        for line in &lines {
            let goes = match (&line.erased, &line.goes_at, line.stays.as_deref()) {
                (Some(gone), _, _) => format!("gone {}", zones.written(&gone.at)),
                (None, None, _) => "never".to_owned(),
                (None, Some(at), None) => zones.written(at),
                (None, Some(_), Some("legal-hold")) => "not before its legal hold ends".to_owned(),
                (None, Some(_), Some(_)) => {
                    "not before the question about it is answered".to_owned()
                }
            };
            let by = match &line.erased {
                Some(gone) => gone.reason.clone(),
                None => line.rule.clone().unwrap_or_default(),
            };
            table.row([
                line.reference.clone(),
                line.number.to_string(),
                line.section.clone(),
                line.tlp.clone(),
                goes,
                by,
            ]);
        }
        table.write(out)
    })
}

/// `30d` as the configuration writes it.
fn in_days(text: &str) -> String {
    let number = text.strip_suffix('d').filter(|number| number.parse::<u64>().is_ok());
    number.map_or_else(|| text.to_owned(), |number| format!("{number} days"))
}
