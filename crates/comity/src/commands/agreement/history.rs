//! The texts that an agreement had, one after another.

use std::io::{self, Write};

use comity_core::agreement::{Terms, differences};
use comity_node::api::{AgreementDiff, AgreementLine, DiffedSide};
use comity_node::service::difference_line;

use super::{diff, table, text_of};
use crate::screen::printable;
use crate::screen::times::Zones;

/// Every text from the first to the last, with what each changed.
pub(super) fn write(
    line: &AgreementLine,
    zones: &Zones,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    if line.versions.is_empty() {
        write_place(line, zones, comity, out)?;
        return writeln!(out, "\nIt has one text:\n\n{}", text_of(line));
    }
    writeln!(out)?;
    write_place(
        &AgreementLine { amends: Vec::new(), amended_by: None, ..line.clone() },
        zones,
        comity,
        out,
    )?;
    writeln!(out, "Its texts, from the first to the last:")?;
    table(&line.versions, zones).write(out)?;
    let mut before: Option<&AgreementLine> = None;
    for version in &line.versions {
        writeln!(out, "\n{}, proposed by {}", version.reference, printable(&version.proposed_by))?;
        let place = AgreementLine { texts: None, ..version.clone() };
        write_place(&place, zones, comity, out)?;
        if let Some(diff) = before.and_then(|before| changed(before, version)) {
            diff::terms(&diff, out)?;
        }
        writeln!(out, "\n{}", text_of(version))?;
        before = Some(version);
    }
    Ok(())
}

/// What it amends, what takes its place, and whether it is contested.
pub(super) fn write_place(
    line: &AgreementLine,
    zones: &Zones,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    if !line.amends.is_empty() {
        writeln!(out, "  amends       {}", line.amends.join(" and "))?;
    }
    if let Some(doubt) = &line.doubt {
        let next = doubt.next.replace("comity agreement", &format!("{comity} agreement"));
        let why = printable(&doubt.why);
        writeln!(out, "  IN DOUBT     {why}: nothing goes under it, and it binds")?;
        writeln!(out, "               {}", printable(&next))?;
    }
    if let Some((texts, why)) = line.texts.as_ref().and_then(|one| Some((one, one.why.as_ref()?))) {
        let why = printable(why);
        if texts.contested {
            writeln!(out, "  CONTESTED    {why}: nothing goes under it, and all its texts bind")?;
        } else {
            writeln!(out, "  STANDS STILL {why}, and it binds")?;
        }
        if let Some(next) = &texts.next {
            let next = next.replace("comity agreement", &format!("{comity} agreement"));
            writeln!(out, "               {}", printable(&next))?;
        }
    }
    write_amended_by(line, zones, out)
}

fn write_amended_by(line: &AgreementLine, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    if let (Some(by), Some(until)) = (&line.amended_by, &line.until) {
        writeln!(out, "  amended by   {by}, from {}", zones.written(until))?;
    }
    Ok(())
}

/// The terms that differ, where this program reads both texts.
pub(super) fn changed(before: &AgreementLine, after: &AgreementLine) -> Option<AgreementDiff> {
    let parsed = |line: &AgreementLine| Terms::parse(line.text.as_deref()?).ok();
    let side = |line: &AgreementLine| DiffedSide {
        reference: Some(line.reference.clone()),
        title: line.title.clone(),
        tier: line.tier.clone(),
    };
    let terms = differences(&parsed(before)?, &parsed(after)?);
    Some(AgreementDiff {
        terms: terms.into_iter().map(difference_line).collect(),
        before: Some(side(before)),
        after: side(after),
        ..AgreementDiff::default()
    })
}
