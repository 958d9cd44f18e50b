//! `comity explain`.

use std::io::{self, Write};

use comity_admin::{Failure, FailureKind, ask};
use comity_node::api::{Explained, ExplainedPart, ExplainedPartner, PublishRequest, Published};

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
    let (session, zones) = context.session(Keys::Shut)?;
    let asked = ask::Explain { record: explain.record.clone(), to: explain.to.clone() };
    let mut explained: Explained = session.call("/explain", &asked)?;
    for part in explained.partners.iter_mut().flat_map(|partner| &mut partner.parts) {
        for change in &mut part.would_change {
            *change = folder::hint(change, context.data);
        }
    }
    let whole = explain.to.is_some();
    let comity = context.comity();
    context.screen.answer(&explained, |out| {
        let record = &explained.record;
        writeln!(out, "{}  {}  {}", record.reference, printable(&record.title), record.tlp)?;
        for partner in &explained.partners {
            write_partner(partner, whole, &zones, out)?;
        }
        if explained.partners.is_empty() {
            writeln!(out, "There is no partner to send it to.")?;
        }
        if !whole && !explained.partners.is_empty() {
            let reference = &record.reference;
            writeln!(out, "\nEvery rule that was asked: {comity} explain {reference} --to NAME")?;
        }
        Ok(())
    })
}

/// A draft has no signature yet: what would be released is what a dry run says.
fn of_draft(explain: &Explain, context: &mut Context<'_>) -> Result<(), Failure> {
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
        let to = partner::find(&session, to, &comity)?.name;
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

fn write_partner(
    partner: &ExplainedPartner,
    whole: bool,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let goes = match (partner.goes, partner.sent) {
        (_, true) => "was sent something of it",
        (true, false) => "gets something of it",
        (false, false) => "gets nothing of it",
    };
    let under = match &partner.covered_by {
        Some(title) => format!(", under {}", printable(title)),
        None => String::new(),
    };
    writeln!(out, "\n{} {goes}{under}", printable(&partner.partner))?;
    if whole {
        for part in &partner.parts {
            write_part(part, zones, out)?;
        }
        return Ok(());
    }
    let mut table = Table::new(&["", "part", "marking", ""]);
    for part in partner.parts.iter().filter(|part| part.section != ADDRESSEE) {
        table.row([
            mark(part).to_owned(),
            part.section.clone(),
            part.tlp.clone(),
            deciding(part, zones),
        ]);
    }
    table.write(out)
}

fn write_part(part: &ExplainedPart, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let outcome = match (part.outcome.as_str(), &part.until) {
        ("release", _) => "is released".to_owned(),
        ("hold", Some(until)) => format!("is held until {}", zones.written(until)),
        ("hold", None) => "is held".to_owned(),
        (_, _) => "is withheld".to_owned(),
    };
    writeln!(out, "\n{} {} ({}) {outcome}", mark(part), part.section, part.tlp)?;
    let mut table = Table::new(&["", "rule", "says", "because", "article"]);
    for gate in &part.gates {
        let verdict = match gate.verdict.as_str() {
            "pass" => "yes",
            "deny" => "no",
            other => other,
        };
        let clause = gate.clause.as_deref().unwrap_or_default();
        table.row(["", &gate.gate, verdict, &gate.sentence, clause]);
    }
    table.write(out)?;
    for change in &part.would_change {
        writeln!(out, "  would change it: {}", printable(change))?;
    }
    Ok(())
}

fn mark(part: &ExplainedPart) -> &'static str {
    match part.outcome.as_str() {
        "release" => "+",
        "hold" => "@",
        _ => "-",
    }
}

/// The rules that keep it, each with its article.
fn deciding(part: &ExplainedPart, zones: &Zones) -> String {
    let held = part.until.as_ref().map(|until| format!("until {}", zones.written(until)));
    let against =
        part.gates.iter().filter(|gate| gate.verdict != "pass").map(|gate| match &gate.clause {
            Some(clause) if !gate.sentence.contains(clause.as_str()) => {
                format!("{} ({clause})", gate.sentence)
            }
            Some(_) | None => gate.sentence.clone(),
        });
    held.into_iter().chain(against).collect::<Vec<_>>().join("; ")
}
