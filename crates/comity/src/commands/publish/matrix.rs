//! Who gets which part: parts down, partners across.

use std::io::{self, Write};

use comity_node::api::{BoundTogether, Cell, MarkingFields, Preview, PreviewPart};

use crate::screen::format::{counted, grouped, size};
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

/// Whom a record names goes with what they get: people are shown the columns, programs every part.
pub(crate) const ADDRESSEE: &str = "addressee";

/// Parts that look alike to everybody, in one row.
struct Row<'a> {
    part: &'a PreviewPart,
    parts: u64,
    bytes: u64,
}

/// Writes who would get which part of a record, and why not.
pub(crate) fn write_matrix(
    preview: &Preview,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let record = &preview.record;
    let exercise = if record.exercise.is_some() { ", EXERCISE" } else { "" };
    let addressed = if record.addressed { ", addressed" } else { "" };
    let reference = if record.reference.is_empty() { "(new)" } else { &record.reference };
    writeln!(
        out,
        "{reference}  {}  {}{exercise}{addressed}",
        printable(&record.title),
        record.tlp
    )?;
    let mut head = vec!["part", "marking", "size"];
    head.extend(preview.partners.iter().map(String::as_str));
    head.push("");
    let mut table = Table::new(&head).numbers(2);
    for row in rows(preview.parts.iter().filter(|part| part.section != ADDRESSEE)) {
        let mut cells = vec![name(&row), row.part.tlp.clone(), size(row.bytes)];
        cells.extend(
            preview.partners.iter().map(|partner| mark(cell(row.part, partner)).to_owned()),
        );
        cells.push(why(row.part, zones));
        table.row(cells);
    }
    table.write(out)?;
    for one in &preview.no_partners {
        writeln!(out, "- {}: {}", printable(&one.member), printable(&one.reason))?;
    }
    if preview.partners.is_empty() {
        return writeln!(out, "There is no partner to send it to.");
    }
    let mut cells = preview.parts.iter().flat_map(|part| &part.cells);
    let approved = match cells.any(|cell| cell.once_approved.is_some()) {
        true => "   ? once a second person has approved it",
        false => "",
    };
    writeln!(out, "+ released   - withheld   @ held until{approved}")?;
    for desk in &preview.desks {
        writeln!(out, "For {}: shown to nobody else there.", printable(desk))?;
    }
    write_marked(&preview.parts, zones, out)?;
    write_bound(&preview.bound_together, out)?;
    match &preview.embargo_until {
        Some(until) => writeln!(
            out,
            "Under an embargo until {}: who gets it may not pass it on before.",
            zones.written(until)
        ),
        None => Ok(()),
    }
}

/// How the parts are marked beyond their labels; an embargo has a line of its own.
fn write_marked(parts: &[PreviewPart], zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let parts = parts.iter().filter(|part| part.section != ADDRESSEE);
    let marked = parts.map(|part| {
        let marking = MarkingFields { embargo_until: None, ..part.marking.clone() };
        (marking.in_words(|at| zones.written(at)), part.section.as_str())
    });
    let said = marked.filter(|(words, _)| words.len() > 1);
    let said = grouped(said.map(|(words, section)| (words.join(", "), section)));
    for (words, sections) in said {
        writeln!(out, "Marked {}: {}.", printable(&words), sections.join(", "))?;
    }
    Ok(())
}

/// That what is for everybody binds for the sake of what goes with it: who publishes it can mend that, and nobody later.
fn write_bound(bound: &[BoundTogether], out: &mut dyn Write) -> io::Result<()> {
    let mut said: Vec<(&BoundTogether, Vec<&str>)> = Vec::new();
    for one in bound {
        let alike = |other: &BoundTogether| {
            (&other.sections, &other.obligations) == (&one.sections, &one.obligations)
        };
        match said.iter_mut().find(|(other, _)| alike(other)) {
            Some((_, partners)) => partners.push(&one.partner),
            None => said.push((one, vec![&one.partner])),
        }
    }
    for (one, partners) in said {
        let (partners, sections) = (partners.join(", "), one.sections.join(", "));
        writeln!(
            out,
            "At {} the CLEAR parts ({sections}) are bound as what goes with them: {}; as a record of their own: {}.",
            printable(&partners),
            one.obligations,
            one.alone
        )?;
    }
    Ok(())
}

fn rows<'a>(parts: impl Iterator<Item = &'a PreviewPart>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for part in parts {
        match rows.last_mut().filter(|row| alike(row.part, part)) {
            Some(row) => {
                row.parts += 1;
                row.bytes += part.size;
            }
            None => rows.push(Row { part, parts: 1, bytes: part.size }),
        }
    }
    rows
}

fn alike(one: &PreviewPart, other: &PreviewPart) -> bool {
    let cells = |part: &PreviewPart| {
        part.cells
            .iter()
            .map(|cell| {
                let Cell { outcome, once_approved, until, reason, .. } = cell.clone();
                (outcome, once_approved, until, reason)
            })
            .collect::<Vec<_>>()
    };
    one.section == other.section
        && one.tlp == other.tlp
        && one.destination == other.destination
        && one.file_name == other.file_name
        && cells(one) == cells(other)
}

fn name(row: &Row<'_>) -> String {
    let mut name = row.part.section.clone();
    if let Some(destination) = &row.part.destination {
        name.push_str(&format!(" for {destination}"));
    }
    if let Some(file) = &row.part.file_name {
        name.push_str(&format!(" {file}"));
    }
    if row.parts > 1 {
        name.push_str(&format!(", {}", counted(row.parts, "part", "parts")));
    }
    name
}

fn cell<'a>(part: &'a PreviewPart, partner: &str) -> Option<&'a Cell> {
    part.cells.iter().find(|cell| cell.partner == partner)
}

fn mark(cell: Option<&Cell>) -> &'static str {
    match cell.map(|cell| cell.outcome.as_str()) {
        Some("withhold") if cell.is_some_and(|cell| cell.once_approved.is_some()) => "?",
        Some("release") => "+",
        Some("hold") => "@",
        Some(_) | None => "-",
    }
}

/// The reasons, each once; with the partners' names where they differ.
fn why(part: &PreviewPart, zones: &Zones) -> String {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for cell in part.cells.iter().filter(|cell| cell.outcome != "release") {
        let mut reason = cell.reason.clone().or_else(|| cell.gate.clone()).unwrap_or_default();
        if let Some(until) = &cell.until {
            reason = format!("until {}", zones.written(until));
        }
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, partners)) => partners.push(&cell.partner),
            None => reasons.push((reason, vec![&cell.partner])),
        }
    }
    let all_alike = reasons.len() == 1
        && reasons.first().is_some_and(|(_, partners)| partners.len() == part.cells.len());
    let texts: Vec<String> = reasons
        .into_iter()
        .map(
            |(reason, partners)| {
                if all_alike { reason } else { format!("{}: {reason}", partners.join(", ")) }
            },
        )
        .collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use comity_node::api::{NoPartner, RecordLine};
    use jiff::tz::TimeZone;

    use crate::screen::times::Place;

    use super::*;

    fn part(
        section: &str,
        destination: Option<&str>,
        cells: &[(&str, &str, Option<&str>)],
    ) -> PreviewPart {
        PreviewPart {
            part: "00".to_owned(),
            section: section.to_owned(),
            marking: MarkingFields::default(),
            tlp: "AMBER".to_owned(),
            size: 600,
            file_name: None,
            destination: destination.map(str::to_owned),
            cells: cells
                .iter()
                .map(|(partner, outcome, reason)| Cell {
                    once_approved: None,
                    partner: (*partner).to_owned(),
                    outcome: (*outcome).to_owned(),
                    until: (*outcome == "hold").then(|| "2026-11-22T03:00:00Z".to_owned()),
                    gate: None,
                    reason: reason.map(str::to_owned),
                })
                .collect(),
        }
    }

    #[test]
    fn the_matrix_says_who_gets_what_and_why_not() {
        let mou = Some("MoU art. 4.2: summary, mitigation only");
        let record = RecordLine {
            record: String::new(),
            reference: String::new(),
            kind: "incident".to_owned(),
            title: "Ransomware, bank".to_owned(),
            tlp: "RED".to_owned(),
            origin: "KR".to_owned(),
            origin_id: String::new(),
            source: "own".to_owned(),
            introduced_by: None,
            standing: "accepted".to_owned(),
            standing_reason: None,
            lifecycle: "live".to_owned(),
            addressed: true,
            embargo_until: None,
            exercise: None,
            signed_at: String::new(),
            entered_at: String::new(),
            rating: None,
        };
        let preview = Preview {
            record,
            desks: Vec::new(),
            takes_on: Vec::new(),
            partners: vec!["JP".to_owned(), "FJ".to_owned()],
            parts: vec![
                part("summary", None, &[("JP", "release", None), ("FJ", "release", None)]),
                part("indicators", None, &[("JP", "release", None), ("FJ", "withhold", mou)]),
                part("evidence", None, &[("JP", "withhold", mou), ("FJ", "withhold", mou)]),
                part("detail", None, &[("JP", "hold", None), ("FJ", "hold", None)]),
                part("sightings", Some("FJ"), &[("JP", "release", None), ("FJ", "release", None)]),
                part("sightings", Some("FJ"), &[("JP", "release", None), ("FJ", "release", None)]),
            ],
            bound_together: ["JP", "FJ"]
                .map(|partner| BoundTogether {
                    partner: partner.to_owned(),
                    sections: vec!["summary".to_owned()],
                    obligations: "onward: ask, keep 30 days".to_owned(),
                    alone: "onward: within marking".to_owned(),
                })
                .to_vec(),
            no_partners: vec![NoPartner {
                member: "NZ".to_owned(),
                group: "Islands".to_owned(),
                reason: "a member of Islands, not known here: it gets nothing from us".to_owned(),
            }],
            embargo_until: Some("2026-11-23T03:00:00Z".to_owned()),
            policy: 1,
            at: String::new(),
        };
        let mut out = Vec::new();
        write_matrix(&preview, &Zones::ours(Place::new(TimeZone::UTC, None)), &mut out).unwrap();
        let expected = "\
(new)  Ransomware, bank  RED, addressed
part                       marking    size  JP  FJ
summary                    AMBER     600 B  +   +
indicators                 AMBER     600 B  +   -   FJ: MoU art. 4.2: summary, mitigation only
evidence                   AMBER     600 B  -   -   MoU art. 4.2: summary, mitigation only
detail                     AMBER     600 B  @   @   until 2026-11-22 03:00:00Z
sightings for FJ, 2 parts  AMBER    1.2 kB  +   +
- NZ: a member of Islands, not known here: it gets nothing from us
+ released   - withheld   @ held until
At JP, FJ the CLEAR parts (summary) are bound as what goes with them: onward: ask, keep 30 days; as a record of their own: onward: within marking.
Under an embargo until 2026-11-23 03:00:00Z: who gets it may not pass it on before.
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
