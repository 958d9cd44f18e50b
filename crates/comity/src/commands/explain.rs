//! `comity explain`.

use std::io::{self, Write};

use comity_admin::{Failure, FailureKind};
use comity_core::Timestamp;
use comity_node::api::{
    CONSTITUENTS, ExplainRequest, Explained, ExplainedChange, ExplainedPart, ExplainedPartner,
    PUBLIC, PublishRequest, Published,
};

use super::publish::{ADDRESSEE, previewed, write_matrix};
use super::{Context, partner, records};
use crate::backend::Keys;
use crate::cli::Explain;
use crate::folder;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

pub(super) fn run(explain: &Explain, context: &mut Context<'_>) -> Result<(), Failure> {
    if records::is_draft(&explain.record) {
        return of_draft(explain, context);
    }
    let (session, zones) = context.session(Keys::Reading)?;
    let asked = ExplainRequest {
        record: explain.record.clone(),
        to: explain.to.clone(),
        part: explain.part.clone(),
        at: explain.at.map(Timestamp::precise),
    };
    let mut explained: Explained = session.call("/explain", &asked)?;
    let parts = explained.partners.iter_mut().flat_map(|partner| &mut partner.parts);
    for change in parts.flat_map(|part| &mut part.would_change).flatten() {
        if let Some(command) = &mut change.command {
            *command = folder::hint(command, context.data);
        }
    }
    let comity = context.comity();
    context.screen.answer(&explained, |out| {
        let record = &explained.record;
        writeln!(out, "{}  {}  {}", record.reference, printable(&record.title), record.tlp)?;
        if let Some(at) = &explained.at {
            writeln!(out, "as it was decided {}, with what was known then", zones.written(at))?;
        }
        if let Some(unheeded) = &explained.unheeded {
            writeln!(out, "! {}", printable(&folder::hint(unheeded, context.data)))?;
        }
        if explain.to.is_none() && explained.partners.is_empty() {
            return writeln!(out, "There is no partner to send it to.");
        }
        if explain.to.is_none() && explain.part.is_none() {
            write_parts(&explained.partners, &zones, out)?;
        } else {
            for partner in &explained.partners {
                write_partner(partner, explain, &zones, out)?;
            }
        }
        if explain.to.is_some() {
            return Ok(());
        }
        let (reference, why) = match &explain.part {
            Some(_) => (&record.reference, "What would change it"),
            None => (&record.reference, "Why, and what would change it"),
        };
        writeln!(out, "\n{why}: {comity} explain {reference} --to NAME")
    })
}

/// A draft has no signature yet: what would be released is what a dry run says.
fn of_draft(explain: &Explain, context: &mut Context<'_>) -> Result<(), Failure> {
    if explain.at.is_some() || explain.part.is_some() {
        let message = "a draft has no past and no numbered parts: ask without --at and --part";
        return Err(Failure::new(FailureKind::Usage, "draft", message));
    }
    let (session, zones) = context.session(Keys::Signing)?;
    let comity = context.comity();
    let draft = records::draft(&session, &explain.record, &comity)?;
    if draft.tlp.is_none() {
        let reference = &draft.reference;
        let message =
            format!("{reference} has no marking, so nobody gets it until a person marks it");
        return Err(Failure::new(FailureKind::Data, "unmarked", message)
            .next(format!("{comity} publish {reference} --tlp green --dry-run")));
    }
    let asked =
        PublishRequest { draft: Some(draft.number), dry_run: true, ..PublishRequest::default() };
    let mut would: Published = session.call("/publish", &asked)?;
    if let Some(to) = &explain.to {
        let to = partner::find(&session, to, &comity).map_err(|none| past_partners(to, none))?.name;
        let only = |partner: &str| partner == to;
        if let Some(preview) = &mut would.preview {
            preview.partners.retain(|partner| only(partner));
            for part in &mut preview.parts {
                part.cells.retain(|cell| only(&cell.partner));
            }
        }
    }
    let preview = previewed(&would)?;
    context.screen.answer(&would, |out| write_matrix(preview, &zones, out))
}

/// Of who is no partner, a preview says nothing.
fn past_partners(to: &str, none: Failure) -> Failure {
    if !["constituents", "public"].contains(&to) {
        return none;
    }
    let message =
        format!("`{to}` is asked about once the record is signed; of a draft, ask about partners");
    Failure::new(FailureKind::Usage, "draft", message)
}

/// One part, or several that are alike, beside every partner.
struct Row<'a> {
    cells: Vec<(&'a str, &'a ExplainedPart)>,
    last: usize,
}

impl Row<'_> {
    fn first(&self) -> Option<&ExplainedPart> {
        self.cells.first().map(|(_, part)| *part)
    }

    fn continues(&self, next: &Self) -> bool {
        let alike = |((_, one), (_, other)): (&(&str, &ExplainedPart), &(&str, &ExplainedPart))| {
            (&one.section, &one.destination, &one.tlp)
                == (&other.section, &other.destination, &other.tlp)
                && (&one.outcome, &one.until, &one.reason)
                    == (&other.outcome, &other.until, &other.reason)
        };
        self.last + 1 == next.last && self.cells.iter().zip(&next.cells).all(alike)
    }
}

/// Every part beside every partner. Parts that only name recipients go with what they give.
fn write_parts(
    partners: &[ExplainedPartner],
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let first = partners.first().map_or(&[][..], |partner| &partner.parts);
    for part in first.iter().filter(|part| part.section != ADDRESSEE) {
        let same = |partner: &'_ ExplainedPartner| {
            partner.parts.iter().position(|other| other.number == part.number)
        };
        let cells = partners.iter().filter_map(|partner| {
            let part = partner.parts.get(same(partner)?)?;
            Some((partner.partner.as_str(), part))
        });
        let row = Row { cells: cells.collect(), last: part.number };
        match rows.last_mut().filter(|before| before.continues(&row)) {
            Some(before) => before.last = row.last,
            None => rows.push(row),
        }
    }
    let mut head = vec!["", "part", "marking"];
    head.extend(partners.iter().map(|partner| partner.partner.as_str()));
    head.push("");
    let mut table = Table::new(&head).numbers(0);
    for row in &rows {
        let Some(part) = row.first() else { continue };
        let number = if part.number == row.last {
            part.number.to_string()
        } else {
            format!("{}-{}", part.number, row.last)
        };
        let mut cells = vec![number, name(part), part.tlp.clone()];
        cells.extend(row.cells.iter().map(|(_, part)| mark(part).to_owned()));
        cells.push(why(row, zones));
        table.row(cells);
    }
    table.write(out)?;
    writeln!(out, "+ released   - withheld   @ held until")
}

/// The reasons, each once, with the partners whom it keeps it from where they differ.
fn why(row: &Row<'_>, zones: &Zones) -> String {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for (partner, part) in row.cells.iter().filter(|(_, part)| part.outcome != "release") {
        let reason = match &part.until {
            Some(until) => format!("until {}", zones.written(until)),
            None => part.reason.clone().unwrap_or_default(),
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, partners)) => partners.push(partner),
            None => reasons.push((reason, vec![partner])),
        }
    }
    let everybody = |partners: &[&str]| partners.len() == row.cells.len();
    let said = reasons.into_iter().map(|(reason, partners)| {
        if everybody(&partners) { reason } else { format!("{}: {reason}", partners.join(", ")) }
    });
    said.collect::<Vec<_>>().join("; ")
}

fn write_partner(
    partner: &ExplainedPartner,
    explain: &Explain,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let is_exit = [CONSTITUENTS, PUBLIC].contains(&partner.partner.as_str());
    let goes = match (partner.goes, partner.sent) {
        (_, true) => "was sent something of it",
        (true, false) if is_exit => "may have something of it",
        (false, false) if is_exit => "may have nothing of it",
        (true, false) => "gets something of it",
        (false, false) => "gets nothing of it",
    };
    let under = match &partner.covered_by {
        Some(title) => format!(", under {}", printable(title)),
        None => String::new(),
    };
    let by = match partner.consented_by.as_slice() {
        [] => String::new(),
        consents => format!(", by consent {}", consents.join(", ")),
    };
    writeln!(out, "\n{} {goes}{under}{by}", printable(&partner.partner))?;
    let shown =
        |part: &&ExplainedPart| explain.all || explain.part.is_some() || part.section != ADDRESSEE;
    for part in partner.parts.iter().filter(shown) {
        write_part(part, explain, zones, out)?;
    }
    Ok(())
}

fn write_part(
    part: &ExplainedPart,
    explain: &Explain,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let outcome = match (part.outcome.as_str(), &part.until) {
        ("release", _) => "is released".to_owned(),
        ("hold", Some(until)) => format!("is held until {}", zones.written(until)),
        ("hold", None) => {
            format!("is held: {}", printable(part.reason.as_deref().unwrap_or_default()))
        }
        (_, _) => "is withheld".to_owned(),
    };
    writeln!(out, "\n{} {} {} ({}) {outcome}", mark(part), part.number, name(part), part.tlp)?;
    let mut table = Table::new(&["", "rule", "says", "because", ""]);
    let rules =
        part.gates.iter().filter(|gate| explain.all || gate.verdict != "pass" || gate.passed);
    let mut rules = rules.peekable();
    if rules.peek().is_some() {
        for gate in rules {
            let verdict = match gate.verdict.as_str() {
                "pass" if gate.passed => "passed",
                "pass" => "yes",
                "deny" => "no",
                other => other,
            };
            // Most sentences begin with it.
            let clause = gate.clause.as_deref().filter(|clause| !gate.sentence.contains(clause));
            table.row(["", &gate.gate, verdict, &gate.sentence, clause.unwrap_or_default()]);
        }
        table.write(out)?;
    }
    write_ways(part, explain.at.is_some(), out)
}

/// The sets of changes, each with the commands that make it.
fn write_ways(part: &ExplainedPart, past: bool, out: &mut dyn Write) -> io::Result<()> {
    for (place, way) in part.would_change.iter().enumerate() {
        let lead = match (place, past) {
            (0, false) => "it would go:",
            (0, true) => "it would have gone:",
            (_, _) => "or:",
        };
        let whats: Vec<String> = way.iter().map(|change| printable(&change.what)).collect();
        writeln!(out, "  {lead} {}", whats.join("; and "))?;
        for command in way.iter().filter_map(|change: &ExplainedChange| change.command.as_ref()) {
            writeln!(out, "                 {}", printable(command))?;
        }
    }
    if part.would_change.is_empty() && !part.fixed.is_empty() {
        let fixed: Vec<String> = part.fixed.iter().map(|one| printable(one)).collect();
        writeln!(out, "  nothing would change it: {}", fixed.join("; "))?;
    }
    Ok(())
}

fn name(part: &ExplainedPart) -> String {
    match &part.destination {
        Some(destination) => format!("{} for {destination}", part.section),
        None => part.section.clone(),
    }
}

fn mark(part: &ExplainedPart) -> &'static str {
    match part.outcome.as_str() {
        "release" => "+",
        "hold" => "@",
        _ => "-",
    }
}
