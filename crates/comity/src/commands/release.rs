//! `comity release`: the glass is broken, and a second person looks at it. `comity key emergency`.

use std::io::{self, Write};
use std::path::Path;

use comity_admin::Failure;
use comity_node::api::{
    EmergencyAnswer, EmergencyConfirmRequest, EmergencyDue, EmergencyKeyMade, EmergencyKeyRequest,
    EmergencyLine, EmergencyRequest, StaffPassphrase,
};
use comity_node::keyfile::{self, Form};
use comity_node::service::EMERGENCY_KEYS;

use super::Context;
use super::key::ends::{front, root_is_here, root_passphrase};
use crate::backend::Keys;
use crate::cli::{ReleaseCommand, ReleaseConfirm, ReleaseEmergency};
use crate::screen::format::size;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

/// What a prompt calls the key.
const THE_KEY: &str = "the emergency key";

pub(super) fn run(command: ReleaseCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        ReleaseCommand::Emergency(asked) => emergency(asked, context),
        ReleaseCommand::Confirm(asked) => confirm(asked, context),
        ReleaseCommand::List => list(context),
    }
}

fn emergency(asked: ReleaseEmergency, context: &mut Context<'_>) -> Result<(), Failure> {
    let ReleaseEmergency { record, to, reason, dry_run, key_passphrase_file, yes } = asked;
    let (session, zones) = context.session(Keys::Signing)?;
    let comity = context.comity();
    let asked = EmergencyRequest { record, to, reason, dry_run: true, passphrase: None };
    let would: EmergencyAnswer = session.call("/release-emergency", &asked)?;
    if dry_run {
        return context.screen.answer(&would, |out| {
            write_would(&would, &zones, &comity, out)?;
            writeln!(out, "Nothing was signed or sent.")
        });
    }
    context.screen.show(|out| write_would(&would, &zones, &comity, out))?;
    let question = format!("Break the glass: {} to {}?", would.record.reference, would.to);
    context.asker.confirmed(yes, &question)?;
    let file = context.client()?.folder.join(EMERGENCY_KEYS);
    let encrypted = matches!(keyfile::inspect(&file), Ok(Form::Encrypted(_)));
    let passphrase = match encrypted {
        true => Some(context.asker.of_key(THE_KEY, key_passphrase_file.as_deref())?),
        false => None,
    };
    let passphrase = passphrase.map(|typed| StaffPassphrase::new(typed.to_string()));
    let asked = EmergencyRequest { dry_run: false, passphrase, ..asked };
    let done: EmergencyAnswer = session.call("/release-emergency", &asked)?;
    context.screen.answer(&done, |out| {
        let Some(line) = &done.release else { return Ok(()) };
        let EmergencyLine { release, record, to, confirm_by, .. } = line;
        writeln!(out, "{release}: {record} goes to {} in an emergency.", printable(to))?;
        writeln!(
            out,
            "A second person confirms it before {}, or it is recalled from there:",
            zones.written(confirm_by)
        )?;
        writeln!(out, "  {comity} --staff NAME release confirm {release}")?;
        write_confirmers(&done.confirmers, &comity, out)?;
        writeln!(out, "Who has it: {comity} audit who {record}")
    })
}

fn write_would(
    would: &EmergencyAnswer,
    zones: &Zones,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let EmergencyAnswer { record, to, parts, .. } = would;
    let to = printable(to);
    writeln!(out, "{}  {}  {}", record.reference, printable(&record.title), record.tlp)?;
    writeln!(out, "What {to} gets by breaking the glass:")?;
    let mut table = Table::new(&["section", "marking", "size", "goes", "because"]);
    for part in parts {
        let because = match part.outcome.as_str() {
            "by it" => format!("passed: {}", part.because.join("; ")),
            _ => part.because.join("; "),
        };
        let cells = [part.section.clone(), part.tlp.clone(), size(part.size)];
        let [section, tlp, size] = cells;
        table.row([section, tlp, size, part.outcome.clone(), because]);
    }
    table.write(out)?;
    if let Some(at) = &would.not_before {
        writeln!(out, "Not before {}.", zones.written(at))?;
    }
    writeln!(out, "{to} takes on: {}", would.obligations)?;
    writeln!(
        out,
        "It ends at {}, and is recalled unless a second person confirms it before {}.",
        zones.written(&would.until),
        zones.written(&would.confirm_by)
    )?;
    write_confirmers(&would.confirmers, comity, out)
}

fn write_confirmers(names: &[String], comity: &str, out: &mut dyn Write) -> io::Result<()> {
    match names {
        [] => writeln!(
            out,
            "Nobody can confirm it, so it will be recalled: {comity} staff add NAME --role approver"
        ),
        names => writeln!(out, "Who may confirm it: {}", printable(&names.join(", "))),
    }
}

fn confirm(asked: ReleaseConfirm, context: &mut Context<'_>) -> Result<(), Failure> {
    let ReleaseConfirm { release, dry_run, note, refuse, reason, yes } = asked;
    let note = note.or(reason).unwrap_or_default();
    let (session, zones) = context.session(Keys::Signing)?;
    let comity = context.comity();
    let asked = EmergencyConfirmRequest { release, refuse, note, dry_run: true };
    let line: EmergencyLine = session.call("/confirm-emergency", &asked)?;
    if dry_run {
        return context.screen.answer(&line, |out| {
            write_line(&line, &zones, out)?;
            writeln!(out, "What it says: {comity} show {}", line.record)?;
            writeln!(out, "Nothing was signed or sent.")
        });
    }
    context.screen.show(|out| write_line(&line, &zones, out))?;
    let (release, to) = (line.release.clone(), printable(&line.to).to_string());
    let question = if refuse {
        format!("Refuse {release}? It is recalled from {to} at once.")
    } else {
        format!("Confirm {release}?")
    };
    context.asker.confirmed(yes, &question)?;
    let asked = EmergencyConfirmRequest { release: release.clone(), dry_run: false, ..asked };
    let done: EmergencyLine = session.call("/confirm-emergency", &asked)?;
    context.screen.answer(&done, |out| {
        let record = &done.record;
        match (refuse, done.went) {
            (false, _) => writeln!(
                out,
                "{release} is confirmed: {to} keeps what it got of {record}; it ends at {}.",
                zones.written(&done.until)
            ),
            (true, true) => writeln!(
                out,
                "{release} is refused: {record} is recalled from {to}. What it answers: {comity} release list"
            ),
            (true, false) => {
                writeln!(out, "{release} is refused: nothing of {record} went to {to}.")
            }
        }
    })
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let lines: Vec<EmergencyLine> = session.call("/emergencies", &())?;
    context.screen.answer(&lines, |out| {
        if lines.is_empty() {
            return writeln!(out, "Nothing was ever released in an emergency.");
        }
        for line in &lines {
            write_line(line, &zones, out)?;
        }
        Ok(())
    })
}

/// A release, in a few lines.
pub(super) fn write_line(
    line: &EmergencyLine,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let EmergencyLine { release, record, tlp, to, by, reason, .. } = line;
    let (to, by) = (printable(to), printable(by));
    writeln!(out, "{release}  {record} to {to}  {tlp}  {}", printable(&line.title))?;
    writeln!(out, "  broken by {by}, {}: {}", zones.written(&line.at), printable(reason))?;
    writeln!(out, "  {}", stands(line, zones))?;
    if let Some(said) = line.said.as_ref().filter(|said| said.note.is_some()) {
        writeln!(
            out,
            "  {}: {}",
            printable(&said.by),
            printable(said.note.as_deref().unwrap_or(""))
        )?;
    }
    if let Some(recall) = &line.recalled_by {
        let told = line.recall_told.as_ref();
        let state = told.map_or_else(|| "not told yet".to_owned(), |told| told.state.clone());
        let answer = told.and_then(|told| told.answer.as_ref());
        let answer = answer.map(|answer| format!(", answer: {}", answer.outcome));
        let answer = answer.unwrap_or_default();
        writeln!(out, "  recalled by {recall}: {}{}", printable(&state), printable(&answer))?;
    }
    Ok(())
}

fn stands(line: &EmergencyLine, zones: &Zones) -> String {
    let went = if line.went { "" } else { ", and nothing went" };
    let who = line.said.as_ref().map(|said| printable(&said.by).to_string());
    let due = if line.recall_due { "; its recall is due" } else { "" };
    match line.state.as_str() {
        "not confirmed" => {
            format!(
                "not confirmed; recalled unless it is, at {}{went}",
                zones.written(&line.confirm_by)
            )
        }
        "confirmed" => format!(
            "confirmed by {}; it {} at {}{went}",
            who.unwrap_or_default(),
            if line.open { "ends" } else { "ended" },
            zones.written(&line.until)
        ),
        "refused" => format!("refused by {}{went}{due}", who.unwrap_or_default()),
        state => format!("{state}{went}{due}"),
    }
}

/// What wants a person, in one line each.
pub(super) fn write_due(
    due: &[EmergencyDue],
    zones: &Zones,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    for one in due {
        writeln!(out, "  EMERGENCY {}", in_words(one, zones, comity))?;
    }
    Ok(())
}

/// What wants a person of one release, and the command for it.
pub(super) fn in_words(due: &EmergencyDue, zones: &Zones, comity: &str) -> String {
    let EmergencyDue { release, record, to, state, due: at, recall_due } = due;
    let to = printable(to);
    if *recall_due {
        return format!(
            "{record} went to {to} in an emergency, {state}, and its recall is not signed yet: {comity} release list"
        );
    }
    format!(
        "{record} goes to {to} in an emergency, and is recalled at {} unless a second person confirms it: {comity} release confirm {release}",
        zones.written(at)
    )
}

/// Makes the key that breaks the glass.
pub(super) fn new_key(
    plain: bool,
    file: Option<&Path>,
    yes: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    context.asker.confirmed(yes, "Make a new emergency key? One that there is ends.")?;
    root_is_here(context)?;
    let (session, zones) = context.session(Keys::Signing)?;
    let passphrase = match plain {
        true => None,
        false => {
            let typed = context.asker.new_staff(THE_KEY, file)?;
            Some(StaffPassphrase::new(typed.to_string()))
        }
    };
    let root_passphrase = root_passphrase(&session, context)?;
    let asked = EmergencyKeyRequest { passphrase, root_passphrase };
    let made: EmergencyKeyMade = session.call("/emergency-key", &asked)?;
    context.screen.answer(&made, |out| {
        let EmergencyKeyMade { key, file, until, ended, keyring } = &made;
        writeln!(
            out,
            "the emergency key is {}, until {}; keyring version {keyring}",
            front(key),
            zones.written(until)
        )?;
        for key in ended {
            writeln!(out, "  the one before it, {}, ends now", front(key))?;
        }
        writeln!(
            out,
            "  it lies in {file}: keep it and its passphrase where the duty officers find them"
        )?;
        if plain {
            writeln!(out, "  it is not encrypted: whoever reads the disk can break the glass")?;
        }
        writeln!(out, "partners learn of it when they connect; take the root keys away again")
    })
}
