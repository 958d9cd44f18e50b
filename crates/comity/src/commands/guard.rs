//! `comity guard`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind};
use comity_node::ServiceError;
use comity_node::api::{GuardPart, GuardReport, GuardRequest};
use comity_node::config::Config;
use comity_node::guard::{Guard, Place};
use serde::Serialize;

use super::Context;
use super::quarantine::logged_in;
use crate::backend::Keys;
use crate::cli::{GuardCommand, GuardRuling};
use crate::folder;
use crate::screen::format::{count, counted};
use crate::screen::times::Zones;
use crate::screen::{Table, printable, the_answer_is_no};

/// Bytes of a file that is checked: no part is larger.
const FILE_BYTES: usize = 64 << 20;

pub(super) fn run(command: GuardCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        GuardCommand::List => list(context),
        GuardCommand::Check { file } => check(&file, context),
        GuardCommand::Release(ruling) => rule(ruling, "/guard-release", context),
        GuardCommand::Hold(ruling) => rule(ruling, "/guard-hold", context),
        GuardCommand::Reload => {
            let (session, zones) = context.running()?;
            let report: GuardReport = session.call("/guard-reload", &())?;
            context.screen.answer(&report, |out| write(&report, &zones, out))
        }
    }
}

/// Whether the lists that a configuration names can be read.
pub(super) fn lists(config: &Config) -> Result<(), Failure> {
    Guard::read(&config.egress).map(drop).map_err(refused)
}

fn refused(error: impl Into<ServiceError>) -> Failure {
    Failure::from(error.into())
}

fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let report: GuardReport = session.call("/guard", &())?;
    context.screen.answer(&report, |out| write(&report, &zones, out))
}

fn write(report: &GuardReport, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    if report.lists.is_empty() {
        return writeln!(out, "There is no list: see [egress] in `comity config schema`.");
    }
    for list in &report.lists {
        let rules = if list.rules == 1 { "rule" } else { "rules" };
        writeln!(out, "{}: {} {rules} in {}", list.list, count(list.rules), printable(&list.file))?;
    }
    let (held, passed): (Vec<_>, Vec<_>) =
        report.parts.iter().partition(|part| !part.held_by.is_empty());
    if held.is_empty() {
        writeln!(out, "\nNothing is held that was about to leave.")?;
    } else {
        writeln!(out, "\nHeld")?;
        write_parts(&held, zones, out)?;
    }
    if !passed.is_empty() {
        writeln!(out, "\nLet pass")?;
        write_parts(&passed, zones, out)?;
    }
    Ok(())
}

fn write_parts(parts: &[&GuardPart], zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new(&["ref", "part", "section", "marking", "because", "title"]);
    for part in parts {
        let because = match (&part.passed, part.held_by.as_slice()) {
            (Some(passed), []) => {
                format!("{}, {}: {}", passed.by, zones.written(&passed.at), passed.reason)
            }
            (_, places) => places.join("; "),
        };
        let number = part.number.to_string();
        table.row([&part.reference, &number, &part.section, &part.tlp, &because, &part.title]);
    }
    table.write(out)?;
    for part in parts.iter().filter(|part| !part.went_to.is_empty()) {
        let names = part.went_to.join(", ");
        writeln!(
            out,
            "  part {} of {} may have gone to {} before",
            part.number,
            part.reference,
            printable(&names)
        )?;
    }
    Ok(())
}

/// What was found in a file.
#[derive(Serialize)]
struct Checked {
    file: String,
    held_by: Vec<String>,
    more: bool,
}

fn check(path: &Path, context: &mut Context<'_>) -> Result<(), Failure> {
    let folder = folder::data_folder(context.data)?;
    let config = folder::configuration(&folder)?;
    let guard = Guard::read(&config.egress).map_err(refused)?;
    let guard = guard.ok_or_else(|| {
        Failure::new(FailureKind::Configuration, "no-guard", "the configuration names no list")
            .next("name one under [egress] in comity.toml: comity config schema")
    })?;
    let (name, content) = read(path)?;
    let found = guard.file(&name, &content);
    let held_by = found.rules.iter().map(|rule| Place::to_string(&guard.place(*rule))).collect();
    let checked = Checked { file: path.display().to_string(), held_by, more: found.more };
    let nothing = found.is_nothing();
    context.screen.answer(&checked, |out| {
        if nothing {
            return writeln!(out, "Nothing in it is on a list.");
        }
        let rules = counted(checked.held_by.len() as u64, "rule matches", "rules match");
        writeln!(out, "It would be held: {rules}.")?;
        for place in &checked.held_by {
            writeln!(out, "  {place}")?;
        }
        if checked.more { writeln!(out, "  and more") } else { Ok(()) }
    })?;
    if nothing { Ok(()) } else { Err(the_answer_is_no()) }
}

fn read(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let unreadable = |error: io::Error| folder::unreadable(path, &error);
    let mut content = Vec::new();
    let most = FILE_BYTES as u64 + 1;
    let name = if path == Path::new("-") {
        io::stdin().take(most).read_to_end(&mut content).map_err(unreadable)?;
        String::new()
    } else {
        let file = File::open(path).map_err(unreadable)?;
        file.take(most).read_to_end(&mut content).map_err(unreadable)?;
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    if content.len() > FILE_BYTES {
        let message = format!("`{}` is larger than a part may be", path.display());
        return Err(Failure::new(FailureKind::Data, "too-large", message));
    }
    Ok((name, content))
}

fn rule(ruling: GuardRuling, route: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let named = ruling.by.or_else(|| context.by.map(str::to_owned));
    let by = named.map_or_else(logged_in, Ok)?;
    let (session, zones) = context.session(Keys::Shut)?;
    let (record, part) = (ruling.record, ruling.part);
    if route == "/guard-release" {
        let question = format!("Let part {part} of {record} go although lists match it?");
        context.asker.confirmed(ruling.yes, &question)?;
    }
    let asked = GuardRequest { record, part, by, reason: ruling.reason };
    let done: GuardPart = session.call(route, &asked)?;
    context.screen.answer(&done, |out| write_parts(&[&done], &zones, out))
}
