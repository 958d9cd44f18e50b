//! The screen: 100 columns, every number measured.

use std::io::{self, Write};
use std::path::Path;

use super::report::{ADDRESSEE, Predicted, Record, Report};
use crate::screen::{format, printable, times};

/// Columns of the screen.
const WIDTH: usize = 100;
/// Where the columns of the partners begin.
const CELLS: usize = 46;
/// Where reasons begin.
const REASONS: usize = 54;

pub(super) fn write(report: &Report, keep: Option<&Path>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "comity demo   3 nodes, QUIC, real advisories. Sample agreements, not real ones. Times UTC"
    )?;
    writeln!(out, "{}", bonds(report))?;
    writeln!(
        out,
        "1  BEFORE SENDING: who would get what       + released   - withheld   @ held until"
    )?;
    let shown = report.records.iter().filter(|record| record.kind != "note");
    let mut heads: Option<[&str; 2]> = None;
    for record in shown {
        let columns = if record.from == "KR" { ["JP", "FJ"] } else { ["KR", "FJ"] };
        head(record, (heads != Some(columns)).then_some(columns), out)?;
        heads = Some(columns);
        if record.kind == "sightings" {
            feed(report, record, columns, out)?;
        } else {
            parts(report, record, columns, out)?;
        }
    }
    let [released, releases, stayed, stays] = report.counts();
    let receipts = if report.receipts_valid() { "receipts valid" } else { "RECEIPTS NOT VALID" };
    writeln!(
        out,
        "2  SENT  {released} of {releases} releases, {stayed} of {stays} withheld parts as predicted; {receipts}"
    )?;
    writeln!(out, "3  TRY TO BREAK IT")?;
    for check in &report.checks {
        let said = if check.ok { "ok" } else { "FAILED" };
        writeln!(out, "   {:<9}{:<68}{said}", check.name, check.what)?;
        if !check.ok {
            wrapped(12, 12, &check.detail, out)?;
        }
    }
    told(report, out)?;
    let measured = &report.measured;
    writeln!(
        out,
        "{:.1} s   {}   p99 to durable at JP {:.1} ms, to the signed receipt here {:.1} ms",
        measured.seconds,
        format::size(measured.bytes),
        measured.p99_stored_ms,
        measured.p99_receipt_ms,
    )?;
    let bank = report.records.iter().find(|record| record.kind == "incident");
    let bank = bank.map_or("REFERENCE", |record| record.reference.as_str());
    match keep {
        Some(keep) => {
            let data = keep.join("kr");
            writeln!(out, "Next: comity --data {} explain {bank} --to FJ", data.display())
        }
        None => writeln!(out, "Next: comity demo --keep DIR    comity init"),
    }
}

/// `KR-JP NDA     KR-FJ MoU     JP-FJ nothing signed`.
fn bonds(report: &Report) -> String {
    let pair = |of: &str, with: &str| {
        let line = report.partners.iter().find(|line| line.of == of && line.partner == with);
        let signed = line.map(|line| line.agreements.as_slice()).unwrap_or_default();
        let named: Vec<_> = signed.iter().map(|title| short(title)).collect();
        let named = if named.is_empty() { "nothing signed".to_owned() } else { named.join(", ") };
        let by = line.and_then(|line| line.introduced_by.as_ref());
        let by = by.map(|by| format!(" (introduced by {by})")).unwrap_or_default();
        format!("{of}-{with} {named}{by}")
    };
    format!("{}     {}     {}", pair("KR", "JP"), pair("KR", "FJ"), pair("JP", "FJ"))
}

fn short(title: &str) -> &str {
    if title.contains("Non-Disclosure") {
        "NDA"
    } else if title.contains("Memorandum") {
        "MoU"
    } else {
        title
    }
}

fn head(record: &Record, columns: Option<[&str; 2]>, out: &mut dyn Write) -> io::Result<()> {
    let title: String = printable(&record.title).chars().take(22).collect();
    let label = &record.tlp;
    let mut line = format!("   {} {title:<22} {label}", record.reference);
    if record.parts.iter().any(|part| part.tlp != *label && part.section != ADDRESSEE) {
        line.push_str(" (strictest part)");
    }
    if let Some([one, other]) = columns {
        line = format!("{line:<CELLS$}{one:<4}{other:<4}");
    }
    writeln!(out, "{}", line.trim_end())
}

/// Sections that fare alike, their label, and what the decision is for both partners.
type Row<'a> = (Vec<&'a str>, &'a str, [Option<&'a Predicted>; 2]);

/// What both partners get of each part; parts that fare alike share a row.
fn parts(
    report: &Report,
    record: &Record,
    columns: [&str; 2],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for part in record.parts.iter().filter(|part| part.section != ADDRESSEE) {
        let cells = columns.map(|to| predicted(report, record, &part.part, to));
        let alike = |(_, label, known): &&mut Row<'_>| {
            *label == part.tlp && known.iter().zip(&cells).all(|(one, other)| same(*one, *other))
        };
        match rows.iter_mut().find(alike) {
            Some((sections, _, _)) => sections.push(&part.section),
            None => rows.push((vec![&part.section], &part.tlp, cells)),
        }
    }
    let whole = rows.len() == 1;
    for (sections, label, cells) in &rows {
        let what = if whole { "whole".to_owned() } else { sections.join(", ") };
        let [one, other] = cells.map(|cell| cell.map_or(" ", sign));
        let line = format!("     {what:<31} {label:<8} {one:<4}{other:<4}");
        let mut reasons: Vec<String> = Vec::new();
        for cell in cells.iter().flatten() {
            let reason = match (&cell.until, &cell.clause) {
                (Some(until), _) => format!("release at {}", minute(until)),
                (None, Some(clause)) => clause.clone(),
                (None, None) => continue,
            };
            if cell.outcome != "release" && !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        if cells.iter().flatten().all(|cell| cell.outcome == "release") && reasons.is_empty() {
            let addressed = record.parts.iter().any(|part| part.section == ADDRESSEE);
            reasons.extend(addressed.then(|| "addressed".to_owned()));
        }
        if reasons.is_empty() {
            writeln!(out, "{}", line.trim_end())?;
        } else {
            write!(out, "{line:<REASONS$}")?;
            wrapped(REASONS, 0, &reasons.join("; "), out)?;
        }
    }
    Ok(())
}

/// A feed: rows instead of signs.
fn feed(
    report: &Report,
    record: &Record,
    columns: [&str; 2],
    out: &mut dyn Write,
) -> io::Result<()> {
    let rows = &report.rows;
    let count = |code: &str| rows.by_code.get(code).copied().unwrap_or(0);
    let goes = columns.map(|to| {
        let own = record.parts.iter().filter(|part| part.destination.as_deref() == Some(to));
        let mut cells = own.filter_map(|part| predicted(report, record, &part.part, to)).peekable();
        let some = cells.peek().is_some();
        if some && cells.all(|cell| cell.outcome == "release") {
            format!("{to} {}", format::count(count(to)))
        } else {
            format!("{to} -")
        }
    });
    writeln!(
        out,
        "     {:<31} AMBER    {}   KR keeps {}; unowned {}, listed",
        "to each its own rows",
        goes.join(" "),
        format::count(count("KR")),
        format::count(rows.unowned),
    )
}

fn predicted<'a>(
    report: &'a Report,
    record: &Record,
    part: &str,
    to: &str,
) -> Option<&'a Predicted> {
    let mut cells = report.predicted.iter();
    cells.find(|cell| cell.record == record.record && cell.part == part && cell.to == to)
}

fn same(one: Option<&Predicted>, other: Option<&Predicted>) -> bool {
    let told = |cell: &Predicted| (cell.outcome.clone(), cell.until.clone(), cell.clause.clone());
    one.map(told) == other.map(told)
}

fn sign(cell: &Predicted) -> &'static str {
    match cell.outcome.as_str() {
        "release" => "+",
        "hold" => "@",
        _ => "-",
    }
}

/// The answer to "who did we tell?".
fn told(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let bank = report.records.iter().find(|record| record.kind == "incident");
    let bank = bank.map_or("", |record| record.reference.as_str());
    writeln!(out, "4  WHO DID WE TELL ABOUT THE BANK?   comity audit who {bank}")?;
    for line in &report.told {
        let place = super::world::place(&line.partner);
        let at = line.at.parse().map_or_else(|_| line.at.clone(), |at| times::clock(at, &place));
        let sections: Vec<_> =
            line.sections.iter().filter(|name| *name != ADDRESSEE).map(String::as_str).collect();
        writeln!(out, "   {} {at:<36} {:<34} {}", line.partner, sections.join(" "), line.state)?;
    }
    let offline = report.deliveries.iter().all(|one| one.signature_valid && one.receipt_valid);
    let offline = if offline { "Verifies offline." } else { "DOES NOT VERIFY." };
    writeln!(out, "   Nobody else. {offline}")
}

/// Writes `text` from where the line is, in lines of what is left after `margin`, the first `lead` further in.
fn wrapped(margin: usize, lead: usize, text: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut line = " ".repeat(lead);
    let mut used = 0;
    for word in printable(text).split_whitespace() {
        let length = word.chars().count();
        if used > 0 && margin + used + 1 + length > WIDTH {
            writeln!(out, "{}", line.trim_end())?;
            line = " ".repeat(margin);
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    writeln!(out, "{}", line.trim_end())
}

/// `2026-11-22 03:00Z`.
fn minute(at: &str) -> String {
    let minute: String = at.chars().take(16).collect();
    format!("{}Z", minute.replace('T', " "))
}
