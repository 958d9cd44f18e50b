//! `comity assess`: how far a record is to be believed, and who else says the same.

use std::io::{self, Write};

use comity_admin::{Failure, FailureKind, ask};
use comity_node::api::{
    AssessRequest, AssessedLine, AssessmentLine, CorroboratingLine, Corroboration,
    CorroborationLine, LookedAt, ProvenanceLine,
};

use super::{Context, quarantine, records};
use crate::backend::Keys;
use crate::cli::Assess;
use crate::screen::format::counted;
use crate::screen::printable;
use crate::screen::times::Zones;

pub(super) fn run(assess: Assess, context: &mut Context<'_>) -> Result<(), Failure> {
    let Assess { record, credibility, reliability, reason, by } = assess;
    if credibility.is_none() && reliability.is_none() {
        if reason.is_some() {
            let message = "a reason is given, and no grade";
            return Err(Failure::new(FailureKind::Usage, "grade", message)
                .next("--credibility 1 to 6, --reliability A to F, or no --reason"));
        }
        return look(record, context);
    }
    let request = AssessRequest {
        record: Some(record),
        reliability: reliability.map(|grade| grade.to_string()),
        credibility: credibility.map(|grade| grade.code()),
        reason: reason.unwrap_or_default(),
        ..AssessRequest::default()
    };
    say(request, by, context)
}

/// Says it, and shows all that was said.
pub(super) fn say(
    request: AssessRequest,
    by: Option<String>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    // Of somebody of the staff the node takes the name that the passphrase shows.
    let named = by.or_else(|| context.by.map(str::to_owned));
    let by = named.map_or_else(quarantine::logged_in, Ok)?;
    let (session, zones) = context.session(Keys::Shut)?;
    let said: AssessmentLine = session.call("/assess", &AssessRequest { by, ..request })?;
    context.screen.answer(&said, |out| {
        writeln!(out, "{}: {}", printable(&said.of), grades(&said))?;
        write_said(&said, &zones, out)
    })
}

/// `B2, usually reliable, probably true`.
fn grades(line: &AssessmentLine) -> String {
    let words = [&line.reliability_in_words, &line.credibility_in_words];
    let words = words.into_iter().flatten().cloned();
    let code = line.rating.clone().or_else(|| line.reliability.clone());
    let all: Vec<_> = code.into_iter().chain(words).collect();
    if all.is_empty() { "nobody has said".to_owned() } else { all.join(", ") }
}

/// What was said, the last word first.
pub(super) fn write_said(
    line: &AssessmentLine,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    for AssessedLine { reliability, credibility, by, reason, at } in line.said.iter().rev() {
        let credibility = credibility.map(|grade| grade.to_string());
        let grades: String = reliability.iter().chain(&credibility).map(String::as_str).collect();
        let (by, reason) = (printable(by), printable(reason));
        writeln!(out, "  {grades} by {by}, {}: {reason}", zones.written(at))?;
    }
    if line.earlier > 0 {
        let words = counted(line.earlier, "word", "words");
        writeln!(out, "  {words} before that: comity audit export")?;
    }
    Ok(())
}

/// How far a record is to be believed, where somebody said so.
pub(super) fn write_assessment(
    line: &AssessmentLine,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "  belief    {}", grades(line))?;
    write_said(line, zones, out)
}

/// By whom it came, and what it imports.
pub(super) fn write_provenance(
    line: &ProvenanceLine,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    for came in &line.came {
        let grade = came.reliability.as_ref().map(|grade| format!(", reliability {grade}"));
        let (by, at) = (printable(&came.partner), zones.written(&came.at));
        writeln!(out, "  came by   {by}, {at}{}", grade.unwrap_or_default())?;
    }
    for import in &line.imports {
        let by = if import.publisher.is_empty() { &import.namespace } else { &import.publisher };
        let (by, id) = (printable(by), printable(&import.id));
        let (version, namespace) = (printable(&import.version), printable(&import.namespace));
        writeln!(out, "  imports   {by}, {id}, version {version} ({namespace})")?;
    }
    Ok(())
}

fn look(record: String, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let mut lines = session.lines("/corroboration", &ask::Record { record })?;
    let mut bar = None;
    let answer = loop {
        match session.next::<CorroborationLine>(&mut lines)? {
            Some(CorroborationLine::Progress { done, total }) => {
                let bar =
                    bar.get_or_insert_with(|| context.screen.progress("records", Some(total)));
                bar.at(done);
            }
            Some(CorroborationLine::Done(answer)) => break *answer,
            None => {
                let message = "the node stopped before it had looked at everything";
                return Err(Failure::new(FailureKind::TryAgain, "interrupted", message)
                    .next("run the command again"));
            }
        }
    };
    drop(bar);
    let comity = context.comity();
    context.screen.answer(&answer, |out| write(&answer, &comity, &zones, out))
}

fn write(
    answer: &Corroboration,
    comity: &str,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let line = &answer.record;
    writeln!(out, "{}  {}", line.reference, printable(&line.title))?;
    writeln!(out, "  from      {}", printable(&records::from(line)))?;
    write_provenance(&answer.provenance, zones, out)?;
    write_assessment(&answer.assessment, zones, out)?;
    let about = cves(&answer.cves, answer.more_cves);
    if about.is_empty() && answer.provenance.imports.is_empty() {
        writeln!(
            out,
            "\nIt names no vulnerability by number and is made from no public document, as far as it is shown here: nothing can be compared with it."
        )?;
    } else if !about.is_empty() {
        writeln!(out, "  about     {about}")?;
    }
    if let Some(why) = &answer.does_not_count {
        writeln!(out, "\nIt does not count itself: {}", printable(why))?;
    }
    writeln!(out, "\n{}", printable(&answer.in_words))?;
    for other in &answer.others {
        write_other(other, out)?;
    }
    if answer.more_others > 0 {
        let more = counted(answer.more_others, "record", "records");
        writeln!(out, "and {more} more")?;
    }
    if answer.not_counted > 0 {
        let records = counted(answer.not_counted, "record", "records");
        writeln!(out, "{records} more would count, and found no room in memory.")?;
    }
    let LookedAt { records, hidden, unreadable } = answer.looked_at;
    if hidden > 0 {
        let (parts, records) =
            (counted(hidden, "part", "parts"), counted(records, "record", "records"));
        writeln!(out, "{parts} of {records} may not be shown here, and were not looked at.")?;
    }
    if unreadable > 0 {
        let parts = counted(unreadable, "part", "parts");
        writeln!(out, "{parts} could not be read: comity store verify")?;
    }
    let reference = &line.reference;
    writeln!(
        out,
        "\nTo say how far it is believed: {comity} assess {reference} --credibility 1-6 --reason TEXT"
    )
}

fn write_other(other: &CorroboratingLine, out: &mut dyn Write) -> io::Result<()> {
    let line = &other.record;
    let rating = line.rating.as_ref().map(|rating| format!("  {rating}")).unwrap_or_default();
    let from = printable(&records::from(line));
    writeln!(out, "\n{}  {}  from {from}{rating}", line.reference, printable(&line.title))?;
    let document = other.same_document.then_some("the same document");
    let refers = other.refers.then_some("one refers to the other's document");
    let cves = cves(&other.cves, other.more_cves);
    let cves = Some(cves.as_str()).filter(|cves| !cves.is_empty());
    let common: Vec<_> = document.into_iter().chain(refers).chain(cves).collect();
    writeln!(out, "  in common: {}", common.join("; "))?;
    for import in &other.imports {
        let by = if import.publisher.is_empty() { &import.namespace } else { &import.publisher };
        writeln!(out, "  imports {}, {}", printable(by), printable(&import.id))?;
    }
    match &other.does_not_count {
        Some(why) => writeln!(out, "  does not count: {}", printable(why)),
        None => Ok(()),
    }
}

/// `CVE-2024-0001, CVE-2024-0002 and 3 more`.
fn cves(named: &[String], more: u64) -> String {
    let named = printable(&named.join(", "));
    if more > 0 { format!("{named} and {more} more") } else { named }
}
