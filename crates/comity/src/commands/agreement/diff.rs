//! `comity agreement diff`: what two agreements differ in, and what that would do to what is here.

use std::io::{self, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind};
use comity_core::agreement::{Terms, differences};
use comity_node::api::{
    AgreementDiff, DiffAgainst, DiffCount, DiffEffect, DiffLine, DiffRequest, DiffSide, DiffedSide,
};
use comity_node::service::difference_line;

use super::super::Context;
use crate::backend::{Keys, Session};
use crate::cli::AgreementDiffArgs;
use crate::screen::format::{count, counted};
use crate::screen::times::Zones;
use crate::screen::{Table, printable, the_answer_is_no};

pub(super) fn run(asked: &AgreementDiffArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let AgreementDiffArgs { one, other, with, besides, examples } = asked;
    let (before, after) = match other {
        Some(other) => (Some(one), other),
        None => (None, one),
    };
    if let Some(before) = before
        && with.is_none()
        && super::is_file(before)
        && super::is_file(after)
    {
        let diff = texts(before, after)?;
        return context.screen.answer(&diff, |out| {
            terms(&diff, out)?;
            writeln!(out, "What it would do to the records here: the same with --with NAME")
        });
    }
    let request = DiffRequest {
        before: before.map(|side| read(side)).transpose()?,
        after: read(after)?,
        with: with.clone(),
        besides: *besides,
        examples: *examples,
    };
    let (session, zones) = context.session(Keys::Shut)?;
    let diff = compare(&session, &request, context)?;
    context.screen.answer(&diff, |out| write(&diff, &zones, out))
}

/// What would go, and what no more, over everything that is here.
pub(in crate::commands) fn compare(
    session: &Session,
    request: &DiffRequest,
    context: &Context<'_>,
) -> Result<AgreementDiff, Failure> {
    let mut lines = session.lines("/diff-agreements", request)?;
    let mut bar = None;
    loop {
        match session.next::<DiffLine>(&mut lines)? {
            Some(DiffLine::Progress { done, total }) => {
                let bar =
                    bar.get_or_insert_with(|| context.screen.progress("records", Some(total)));
                bar.at(done);
            }
            Some(DiffLine::Done(diff)) => return Ok(*diff),
            None => {
                let message = "the node stopped before it had looked at everything";
                return Err(Failure::new(FailureKind::TryAgain, "interrupted", message)
                    .next("run the command again"));
            }
        }
    }
}

/// Whether anything would go that does not go now.
pub(in crate::commands) fn begins(diff: &AgreementDiff) -> bool {
    diff.effects.iter().any(|effect| effect.begins.records > 0)
}

fn read(side: &Path) -> Result<DiffSide, Failure> {
    if super::is_file(side) {
        let text = super::read(side)?;
        // Said here with the file's name and the line; the node would know neither.
        Terms::parse(&text).map_err(|error| super::invalid(&side.display().to_string(), &error))?;
        return Ok(DiffSide::Text(text));
    }
    Ok(DiffSide::Reference(side.to_string_lossy().into_owned()))
}

/// Two texts alone: no node is asked.
fn texts(before: &Path, after: &Path) -> Result<AgreementDiff, Failure> {
    let parsed = |file: &Path| {
        let text = super::read(file)?;
        Terms::parse(&text).map_err(|error| super::invalid(&file.display().to_string(), &error))
    };
    let (before, after) = (parsed(before)?, parsed(after)?);
    let side = |terms: &Terms| DiffedSide {
        reference: None,
        title: terms.title().to_owned(),
        tier: terms.tier().to_string(),
    };
    Ok(AgreementDiff {
        terms: differences(&before, &after).into_iter().map(difference_line).collect(),
        before: Some(side(&before)),
        after: side(&after),
        ..AgreementDiff::default()
    })
}

pub(super) fn write(diff: &AgreementDiff, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    terms(diff, out)?;
    write_effects(diff, zones, out)?;
    match &diff.level {
        Some(level) if diff.effects.is_empty() => {
            let with = printable(diff.with.as_deref().unwrap_or_default());
            writeln!(
                out,
                "{with} is at level {level}: nothing goes beyond that, whatever is agreed"
            )
        }
        Some(_) | None => Ok(()),
    }
}

/// Why it would be refused now.
pub(super) fn write_against(
    diff: &AgreementDiff,
    done: &str,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Some(DiffAgainst { message, next, .. }) = &diff.against else { return Ok(()) };
    writeln!(out, "It cannot be {done} now: {}", printable(message))?;
    match next {
        Some(next) => {
            let next = next.replace("comity agreement ", &format!("{comity} agreement "));
            writeln!(out, "  {}", printable(&next))
        }
        None => Ok(()),
    }
}

/// Whether it would not be refused: the answer of a dry run.
pub(super) fn is_possible(diff: &AgreementDiff) -> Result<(), Failure> {
    if diff.against.is_some() { Err(the_answer_is_no()) } else { Ok(()) }
}

/// What would begin, and what would stop.
pub(in crate::commands) fn write_effects(
    diff: &AgreementDiff,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    // What starts later is decided for its first day.
    let at = zones.written(diff.at.as_deref().unwrap_or_default());
    let looked = counted(diff.records, "record", "records");
    writeln!(out, "\nDecided for {at}, over {looked}; nothing was changed or sent.")?;
    if diff.effects.is_empty() {
        return writeln!(out, "Nothing would begin or stop to go to anybody.");
    }
    let mut table = Table::new(&["to", "what", "records", "parts", "there already", "sections"])
        .numbers(2)
        .numbers(3)
        .numbers(4);
    for effect in &diff.effects {
        for (what, counted) in [("begins", &effect.begins), ("stops", &effect.stops)] {
            if counted.records > 0 {
                table.row(row(effect, what, counted));
            }
        }
    }
    table.write(out)?;
    for effect in &diff.effects {
        examples(effect, "begin to go to", &effect.begins, out)?;
        examples(effect, "go no more to", &effect.stops, out)?;
    }
    if diff.effects.iter().any(|effect| effect.stops.sent > 0) {
        writeln!(
            out,
            "\nWhat is there already stays there; `comity withdraw` takes records back."
        )?;
    }
    Ok(())
}

fn row(effect: &DiffEffect, what: &str, one: &DiffCount) -> [String; 6] {
    let sections = one.sections.iter().map(|(name, many)| format!("{name} {}", count(*many)));
    [
        effect.partner.clone(),
        what.to_owned(),
        count(one.records),
        count(one.parts),
        count(one.sent),
        sections.collect::<Vec<_>>().join(", "),
    ]
}

fn examples(
    effect: &DiffEffect,
    what: &str,
    one: &DiffCount,
    out: &mut dyn Write,
) -> io::Result<()> {
    if one.examples.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nWould {what} {}:", printable(&effect.partner))?;
    for example in &one.examples {
        let sections = example.sections.join(" ");
        let title = printable(&example.title);
        writeln!(out, "  {}  {}  {}: {sections}", example.reference, example.tlp, title)?;
    }
    let shown = u64::try_from(one.examples.len()).unwrap_or(u64::MAX);
    match one.records.saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(out, "  and {} more", count(more)),
    }
}

/// The terms that differ.
pub(super) fn terms(diff: &AgreementDiff, out: &mut dyn Write) -> io::Result<()> {
    let name = |side: &DiffedSide| match &side.reference {
        Some(reference) => format!("{reference} {}", printable(&side.title)),
        None => printable(&side.title).to_string(),
    };
    let after = name(&diff.after);
    match &diff.before {
        None => return writeln!(out, "{after} ({}) would replace nothing.", diff.after.tier),
        Some(before) => {
            writeln!(out, "before  {} ({})", name(before), before.tier)?;
            writeln!(out, "after   {after} ({})", diff.after.tier)?;
        }
    }
    if diff.terms.is_empty() {
        return writeln!(out, "\nTheir terms are the same.");
    }
    writeln!(out)?;
    let mut table = Table::new(&["field", "before", "after", "so", "article"]);
    let said = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    for one in &diff.terms {
        let so = match one.effect.as_str() {
            "other" => String::new(),
            "none" => "no effect".to_owned(),
            effect => effect.to_owned(),
        };
        table.row([
            one.field.clone(),
            said(&one.before),
            said(&one.after),
            so,
            one.clause.clone().unwrap_or_default(),
        ]);
    }
    table.write(out)?;
    write_without_effect(diff, out)
}

/// What has no effect in the place of what is agreed.
pub(super) fn write_without_effect(diff: &AgreementDiff, out: &mut dyn Write) -> io::Result<()> {
    match &diff.without_effect {
        Some(said) => writeln!(out, "{}", printable(said)),
        None => Ok(()),
    }
}
