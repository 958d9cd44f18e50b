//! `comity audit`.

use std::io::{self, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind, ask};
use comity_core::Section;
use comity_node::api::{AuditDelivery, AuditFile, AuditTold, AuditWho, AuditWithheld};

use super::publish::ADDRESSEE;
use super::{Context, files, recall, release, staff};
use crate::backend::Keys;
use crate::cli::AuditCommand;
use crate::folder;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

mod consented;
mod export;
mod found;
mod html;
pub(super) mod keyring_file;
mod partner;
mod told;

pub(super) fn run(command: AuditCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        AuditCommand::Who { record: Some(record), out, html, titles, .. } => {
            let page = html.as_deref().map(|path| (path, titles));
            of_record(record, out.as_deref(), page, context)
        }
        AuditCommand::Who { value: Some(value), html, titles, .. } => {
            found::by_value(value, html.as_deref().map(|path| (path, titles)), context)
        }
        AuditCommand::Who { case: Some(case), html, titles, .. } => {
            found::by_case(case, html.as_deref().map(|path| (path, titles)), context)
        }
        AuditCommand::Who { file: Some(file), html, titles, .. } => {
            found::by_file(&file, html.as_deref().map(|path| (path, titles)), context)
        }
        // What is typed has one of the four.
        AuditCommand::Who { .. } => {
            let message = "a record, a value, a case or a file";
            Err(Failure::new(FailureKind::Usage, "nothing-asked", message))
        }
        AuditCommand::Told(told) => told::run(told, context),
        AuditCommand::Partner { partner, since, control } => {
            partner::run(&partner, since, control, context)
        }
        AuditCommand::Reads(args) => staff::reads(args, context),
        AuditCommand::Export(asked) => export::export(&asked, context),
        AuditCommand::Verify(asked) => export::verify(&asked, context),
    }
}

fn of_record(
    record: String,
    out: Option<&Path>,
    page: Option<(&Path, bool)>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    // The file is signed.
    let keys = if out.is_some() { Keys::Signing } else { Keys::Reading };
    let (session, zones) = context.session(keys)?;
    let asked = ask::Record { record };
    let mut who: AuditWho = session.call("/audit-who", &asked)?;
    // People look for a partner, not for an instant.
    who.deliveries.sort_by(|one, other| one.partner.cmp(&other.partner));
    if let Some(path) = out {
        let AuditFile { file } = session.call("/audit-file", &asked)?;
        // It tells who knows what.
        folder::write_private(path, file.as_bytes())?;
    }
    if let Some((path, titles)) = page {
        write_page(path, html::page(&who, titles, &zones))?;
    }
    context.screen.answer(&who, |screen| {
        write(&who, &zones, screen)?;
        if let Some(file) = out {
            let file = file.display();
            writeln!(screen, "Written to {file}. Anybody verifies it: comity verify {file}")?;
        }
        match page {
            Some((page, _)) => writeln!(screen, "A page to print: {}", page.display()),
            None => Ok(()),
        }
    })
}

fn write_page(path: &Path, page: io::Result<Vec<u8>>) -> Result<(), Failure> {
    let page = page.map_err(|error| {
        Failure::new(FailureKind::Io, "page", format!("the page cannot be written: {error}"))
    })?;
    folder::write_private(path, &page)
}

fn write(who: &AuditWho, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let record = &who.record;
    writeln!(out, "{}  {}  {}", record.reference, printable(&record.title), record.tlp)?;
    if who.deliveries.is_empty() {
        writeln!(out, "{}", nobody(who))?;
    } else {
        table(&who.deliveries, zones).write(out)?;
        if !kept(&who.deliveries).is_empty() {
            withheld(&who.deliveries).write(out)?;
        }
    }
    for line in &who.emergencies {
        release::write_line(line, zones, out)?;
    }
    consented::write(&who.consented, zones, out)?;
    told::write(&who.told_outside, zones, out)?;
    files::write(&who.files, zones, out)?;
    if !who.nothing_sent.is_empty() {
        writeln!(out, "Nothing of it was sent to {}.", printable(&who.nothing_sent.join(", ")))?;
    }
    if !who.due.is_empty() {
        let names = printable(&who.due.join(", "));
        writeln!(out, "Due, and not sent: {names} is not connected.")?;
    }
    if let Some(reference) = &who.superseded_by {
        writeln!(out, "Replaced by {reference}.")?;
        write_told(&who.superseded_told, false, zones, out)?;
    }
    match (&who.recalled_by, &who.withdrawn_by) {
        (Some(recall), _) => writeln!(out, "Recalled by {recall}.")?,
        (None, Some(withdrawal)) => writeln!(out, "Withdrawn by {withdrawal}.")?,
        (None, None) => {}
    }
    write_told(&who.withdrawal_told, true, zones, out)
}

/// What is said where nothing was delivered.
fn nobody(who: &AuditWho) -> &'static str {
    match who.told_outside.is_empty() && who.files.is_empty() {
        true => "Nobody was told.",
        false => "Nobody was told over comity.",
    }
}

/// Who was told of it, and, where an answer is due, what they answered.
fn write_told(
    told: &[AuditTold],
    answers: bool,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    if told.is_empty() {
        return Ok(());
    }
    let head: &[&str] = match answers {
        true => &["told of it", "decided", "state", "receipt", "answer"],
        false => &["told of it", "decided", "state", "receipt"],
    };
    let mut table = Table::new(head);
    let time = |at: &Option<String>| at.as_deref().map(|at| zones.written(at));
    for told in told {
        let receipt = time(&told.receipt).unwrap_or_else(|| "none yet".to_owned());
        let decided = time(&told.at).unwrap_or_default();
        let answer = told.answer.as_ref().map_or_else(|| "not yet".to_owned(), recall::answered);
        let mut row = vec![told.partner.clone(), decided, told.state.clone(), receipt];
        row.extend(answers.then_some(answer));
        table.row(row);
    }
    table.write(out)
}

fn table(deliveries: &[AuditDelivery], zones: &Zones) -> Table {
    let mut table = Table::new(&["to", "decided", "parts", "state", "receipt", "obligations"]);
    for delivery in deliveries {
        table.row([
            delivery.partner.clone(),
            zones.written(&delivery.at),
            people(&delivery.called),
            with_emergency(&delivery.state, delivery.emergency.as_deref()),
            delivery
                .receipt
                .as_deref()
                .map_or_else(|| "none yet".to_owned(), |at| zones.written(at)),
            delivery.obligations.clone(),
        ]);
    }
    table
}

/// What became of a delivery; of one that no agreement let go, that too.
fn with_emergency(state: &str, release: Option<&str>) -> String {
    match release {
        Some(release) => format!("{state}, IN AN EMERGENCY by {release}"),
        None => state.to_owned(),
    }
}

/// What was kept from whom of what the record says, by the last word about it, and never went to them since or
/// before; whom else it names is not theirs to know.
fn kept(deliveries: &[AuditDelivery]) -> Vec<(&str, &AuditWithheld)> {
    let went = |to: &str, part: &str| {
        let mut all = deliveries.iter().filter(|one| one.partner_id == to && one.state != "void");
        all.any(|one| one.parts.iter().any(|sent| sent == part))
    };
    let mut kept: Vec<(usize, &str, &AuditWithheld)> = Vec::new();
    for (first, delivery) in deliveries.iter().enumerate() {
        let partner = delivery.partner.as_str();
        let parts = delivery.withheld.iter().filter(|part| part.section != ADDRESSEE);
        for part in parts.filter(|part| !went(&delivery.partner_id, &part.part)) {
            match kept.iter_mut().find(|(_, to, one)| *to == partner && one.part == part.part) {
                Some(before) => before.2 = part,
                None => kept.push((first, partner, part)),
            }
        }
    }
    kept.sort_by_key(|(delivery, _, part)| (*delivery, place(&part.section)));
    kept.into_iter().map(|(_, partner, part)| (partner, part)).collect()
}

/// Where records have a section: parts are in the order of their digests, which says nothing to people. Where several
/// parts have it, the number of one stands behind.
fn place(name: &str) -> Option<usize> {
    let name = name.split('(').next().unwrap_or(name);
    Section::ALL.iter().position(|one| one.to_string() == name)
}

/// Sections in people's words, each once, in the order in which records have them.
pub(super) fn people(sections: &[String]) -> String {
    let mut said: Vec<&str> = sections.iter().map(String::as_str).collect();
    said.retain(|section| *section != ADDRESSEE);
    said.sort_by_key(|section| (place(section), *section));
    said.dedup();
    said.join(" ")
}

fn withheld(deliveries: &[AuditDelivery]) -> Table {
    let mut table = Table::new(&["kept from", "part", "rule", "because"]);
    for (partner, part) in kept(deliveries) {
        table.row([partner, &part.called, &part.gate, &part.clause]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_said_once_and_in_their_order() {
        let sections = ["indicators", "addressee", "summary", "indicators"].map(str::to_owned);
        assert_eq!(people(&sections), "summary indicators");
        let numbered =
            ["indicators", "mitigation(3)", "summary", "mitigation(2)"].map(str::to_owned);
        assert_eq!(people(&numbered), "summary mitigation(2) mitigation(3) indicators");
    }
}
