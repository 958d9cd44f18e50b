//! `comity approve` and `comity approvals`.

use std::io::{self, Write};

use comity_admin::Failure;
use comity_node::api::{
    ApprovalLine, ApprovalNeed, ApprovalReport, ApprovalSaid, ApproveRequest, Approved,
};

use super::Context;
use super::key::ends::front;
use super::publish::{in_recovery, write_matrix};
use crate::backend::Keys;
use crate::cli::Approve;
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

/// What is missing where nobody could say the second yes.
const NO_APPROVER: &str = "staff add NAME --role approver";

pub(super) fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let report: ApprovalReport = session.call("/approvals", &())?;
    let comity = context.comity();
    context.screen.answer(&report, |out| {
        for line in &report.emergencies {
            super::release::write_line(line, &zones, out)?;
            let release = &line.release;
            writeln!(out, "  -> {comity} --staff NAME release confirm {release}")?;
        }
        if report.waiting.is_empty() && !report.emergencies.is_empty() {
            return Ok(());
        }
        if report.waiting.is_empty() {
            return writeln!(out, "Nothing waits for a second person.");
        }
        let mut table =
            Table::new(&["ref", "marking", "signed by", "waits since", "because", "title"]);
        for line in &report.waiting {
            table.row([
                line.reference.clone(),
                line.tlp.clone(),
                line.author.clone(),
                zones.written(&line.since),
                line.causes.join(", "),
                line.title.clone(),
            ]);
        }
        table.write(out)?;
        write_approvers(&report, &comity, out)
    })
}

/// Who may say a word: about all of it, or about each record.
fn write_approvers(report: &ApprovalReport, comity: &str, out: &mut dyn Write) -> io::Result<()> {
    if report.approvers.is_empty() {
        return writeln!(out, "Nobody can approve it: {comity} {NO_APPROVER}");
    }
    let names = |names: &[String]| printable(&names.join(", ")).to_string();
    let (first, others) = match report.waiting.as_slice() {
        [] => return Ok(()),
        [first, others @ ..] => (first, others),
    };
    let same = others.iter().all(|line| line.approvers == first.approvers);
    if same && !first.approvers.is_empty() {
        return writeln!(out, "Who may approve: {}", names(&first.approvers));
    }
    for line in &report.waiting {
        let (reference, author) = (&line.reference, printable(&line.author));
        match (line.approvers.as_slice(), &line.unclaimed) {
            ([], Some(key)) => {
                let key = front(key);
                writeln!(
                    out,
                    "{reference}: nobody may approve it before it is known who signed it: {comity} staff recognise {key} NAME"
                )?;
            }
            ([], None) => writeln!(
                out,
                "{reference}: nobody but {author}, who signed it, may approve: {comity} {NO_APPROVER}"
            )?,
            (these, _) => writeln!(out, "{reference}: {} may approve it", names(these))?,
        }
    }
    Ok(())
}

pub(super) fn approve(approve: Approve, context: &mut Context<'_>) -> Result<(), Failure> {
    let Approve { record, dry_run, note, refuse, reason, yes } = approve;
    let note = note.or(reason).unwrap_or_default();
    let (session, zones) = context.session(Keys::Signing)?;
    let comity = context.comity();
    let asked = ApproveRequest { record, refuse, note, dry_run: true };
    let would: Approved = session.call("/approve", &asked)?;
    if dry_run {
        return context.screen.answer(&would, |out| {
            write_would(&would, &zones, &comity, out)?;
            writeln!(out, "Nothing was signed or sent.")
        });
    }
    if !yes {
        context.screen.show(|out| write_would(&would, &zones, &comity, out))?;
    }
    let reference = &would.line.reference;
    let question = if refuse {
        format!("Refuse {reference}? It never leaves then.")
    } else {
        format!("Approve {reference}?")
    };
    context.asker.confirmed(yes, &question)?;
    let asked = ApproveRequest { dry_run: false, ..asked };
    let done: Approved = session.call("/approve", &asked)?;
    context.screen.answer(&done, |out| {
        let reference = &done.line.reference;
        match &done.preview {
            None => writeln!(
                out,
                "{reference} is refused and leaves no more. Whoever signed it sees why: {comity} show {reference}. Who may have it from before: {comity} audit who {reference}"
            ),
            Some(_) if done.in_quarantine.is_some() => writeln!(
                out,
                "{reference} is approved, and {}. It goes to nobody before it is let out: {comity} quarantine release {reference} --reason TEXT",
                aside(&done)
            ),
            Some(_) if done.recovering => {
                writeln!(out, "{reference} is approved. {}", in_recovery(&comity))
            }
            Some(_) => match &done.unsend_until {
                Some(until) => writeln!(
                    out,
                    "{reference} is approved, and goes at {}. To take it back before: {comity} unsend {reference}",
                    zones.written(until)
                ),
                None => writeln!(
                    out,
                    "{reference} is approved. Who has it: {comity} audit who {reference}"
                ),
            },
        }
    })
}

fn write_would(
    would: &Approved,
    zones: &Zones,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let line = &would.line;
    let author = printable(&line.author);
    match &would.preview {
        Some(preview) => write_matrix(preview, zones, out)?,
        None => writeln!(out, "{}  {}  {}", line.reference, printable(&line.title), line.tlp)?,
    }
    writeln!(
        out,
        "Signed by {author}; it waits since {} for a second person: {}",
        zones.written(&line.since),
        printable(&line.causes.join(", "))
    )?;
    if would.in_quarantine.is_some() {
        writeln!(out, "It stays where it is: {}", aside(would))?;
    }
    writeln!(out, "What it says: {comity} show {}", line.reference)
}

/// That it is kept from everybody, and why.
fn aside(approved: &Approved) -> String {
    let why = approved.in_quarantine.as_deref().unwrap_or_default();
    format!("in quarantine ({})", printable(why))
}

/// What became of a record that takes a second person.
pub(super) fn write_line(
    line: &ApprovalLine,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let causes = printable(&line.causes.join(", "));
    match &line.said {
        None => writeln!(out, "  approval  waits for a second person: {causes}"),
        Some(ApprovalSaid { verdict, by, at, note, .. }) => {
            let note = note.as_ref().map(|note| format!(": {}", printable(note)));
            let (by, at) = (printable(by), zones.written(at));
            writeln!(out, "  approval  {verdict} by {by}, {at}{}", note.unwrap_or_default())
        }
    }
}

/// That something does not go before a second person says so, and who that may be.
pub(super) fn write_need(
    need: &ApprovalNeed,
    reference: Option<&str>,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let causes = printable(&need.causes.join(", "));
    match need.approvers.as_slice() {
        [] => writeln!(
            out,
            "It waits for a second person ({causes}), and there is none: {comity} {NO_APPROVER}"
        ),
        names => {
            let names = printable(&names.join(", "));
            let reference = reference.unwrap_or("REFERENCE");
            writeln!(
                out,
                "It waits for a second person ({causes}), {names}: {comity} --staff NAME approve {reference}"
            )
        }
    }
}
