//! `comity list`, `show`, `unsend`, `withdraw`, `discard`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use comity_admin::{Failure, FailureKind, ask};
use comity_core::Timestamp;
use comity_node::api::{
    DraftDetail, DraftLine, ListRequest, PartDetail, Published, RecordDetail, RecordFileRequest,
    RecordLine, Status,
};
use comity_node::shell_word::word;
use serde::Serialize;

use super::{Context, assessing, files, record_file};
use crate::backend::{Keys, Session};
use crate::cli::{List, Show, Unsend, Withdraw};
use crate::screen::format::{counted, grouped, size};
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

/// Lines of a text that `show` prints without `--full`.
const TEXT_LINES: usize = 30;

/// Records, one a line.
pub(super) fn table(records: &[RecordLine], zones: &Zones) -> Table {
    // Where nobody said how far something is believed, nothing stands of it.
    let rated = records.iter().any(|line| line.rating.is_some());
    let mut columns = vec!["ref", "kind", "marking", "from", "entered", "state"];
    columns.extend(rated.then_some("belief"));
    columns.push("title");
    let mut table = Table::new(&columns);
    for line in records {
        let mut row = vec![
            line.reference.clone(),
            line.kind.clone(),
            marking(line),
            from(line),
            zones.written(&line.entered_at),
            state(line),
        ];
        row.extend(rated.then(|| line.rating.clone().unwrap_or_else(|| "-".to_owned())));
        row.push(line.title.clone());
        table.row(row);
    }
    table
}

fn marking(line: &RecordLine) -> String {
    let addressed = line.addressed.then_some("addressed");
    let embargo = line.embargo_until.as_ref().map(|_| "embargo");
    let exercise = line.exercise.as_ref().map(|_| "EXERCISE");
    let more = exercise.into_iter().chain(addressed).chain(embargo);
    std::iter::once(line.tlp.as_str()).chain(more).collect::<Vec<_>>().join(", ")
}

/// Origin, who introduced it, and the relay, as far as they differ.
pub(super) fn from(line: &RecordLine) -> String {
    let mut from = line.origin.clone();
    if let Some(by) = &line.introduced_by {
        from.push_str(&format!(" (introduced by {by})"));
    }
    if line.source.starts_with("given back") {
        from.push_str(&format!(", {}", line.source));
    } else if line.source != "own" && line.source != line.origin {
        from.push_str(&format!(" via {}", line.source));
    }
    from
}

fn state(line: &RecordLine) -> String {
    match (line.standing.as_str(), line.lifecycle.as_str()) {
        ("accepted", lifecycle) => lifecycle.to_owned(),
        (standing, "live") => standing.to_owned(),
        (standing, lifecycle) => format!("{standing}, {lifecycle}"),
    }
}

pub(super) fn list(list: &List, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    if list.drafts {
        let mut drafts: Vec<DraftLine> = session.call("/drafts", &())?;
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.number));
        if list.limit > 0 {
            drafts.truncate(list.limit);
        }
        return context.screen.answer(&drafts, |out| {
            if drafts.is_empty() {
                return writeln!(out, "No drafts.");
            }
            drafts_table(&drafts).write(out)
        });
    }
    let from = match list.from.as_deref() {
        Some("us") => Some(session.call::<_, Status>("/status", &())?.economy),
        from => from.map(str::to_owned),
    };
    let asked = ListRequest {
        kind: list.kind.map(|kind| kind.to_string()),
        from,
        since: list.since.map(Timestamp::precise),
        waiting: list.waiting,
        control: list.control,
        limit: list.limit,
    };
    let records: Vec<RecordLine> = session.call("/list", &asked)?;
    context.screen.answer(&records, |out| {
        if records.is_empty() {
            return writeln!(out, "No records.");
        }
        table(&records, &zones).write(out)?;
        if list.waiting { write_reasons(&records, out) } else { Ok(()) }
    })
}

/// Why each waits.
fn write_reasons(records: &[RecordLine], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    for line in records {
        let why = line.standing_reason.as_deref().unwrap_or("a person decides");
        writeln!(out, "{}: {}", line.reference, printable(why))?;
    }
    Ok(())
}

/// Drafts, one a line.
pub(super) fn drafts_table(drafts: &[DraftLine]) -> Table {
    let mut table =
        Table::new(&["draft", "kind", "marking", "sections", "size", "from", "title"]).numbers(4);
    for draft in drafts {
        let mut sections: Vec<String> = Vec::new();
        for section in &draft.sections {
            if !sections.contains(section) {
                sections.push(section.clone());
            }
        }
        table.row([
            draft.reference.clone(),
            draft.kind.clone(),
            draft.tlp.clone().unwrap_or_else(|| "none".to_owned()),
            sections.join(" "),
            size(draft.size),
            format!("{} {}", draft.format, draft.provenance).trim().to_owned(),
            draft.title.clone(),
        ]);
    }
    table
}

/// Whether this is how drafts are called: `KR-D-0003`.
pub(super) fn is_draft(reference: &str) -> bool {
    let mut parts = reference.rsplit('-');
    let number = parts.next().unwrap_or_default();
    let letter = parts.next().unwrap_or_default();
    letter.eq_ignore_ascii_case("D")
        && parts.next().is_some()
        && !number.is_empty()
        && number.bytes().all(|digit| digit.is_ascii_digit())
}

/// The draft with this reference.
pub(super) fn draft(
    session: &Session,
    reference: &str,
    comity: &str,
) -> Result<DraftLine, Failure> {
    let drafts: Vec<DraftLine> = session.call("/drafts", &())?;
    drafts.into_iter().find(|draft| draft.reference.eq_ignore_ascii_case(reference)).ok_or_else(
        || {
            let message = format!("there is no draft `{reference}`");
            Failure::new(FailureKind::NoInput, "no-draft", message)
                .next(format!("{comity} list --drafts"))
        },
    )
}

pub(super) fn show(show: &Show, context: &mut Context<'_>) -> Result<(), Failure> {
    // A file leaves the house: nothing is made of a journal that may lack a withdrawal.
    let keys = if show.out.is_some() { Keys::Shut } else { Keys::Reading };
    let (session, zones) = context.session(keys)?;
    if is_draft(&show.record) {
        let draft = draft(&session, &show.record, &context.comity())?;
        if show.out.is_some() {
            let message = format!("{} is not signed: there is nothing to verify", draft.reference);
            return Err(Failure::new(FailureKind::Usage, "unsigned", message).next(format!(
                "{} publish {}",
                context.comity(),
                draft.reference
            )));
        }
        let asked = ask::ShowDraft { draft: draft.number, content: true };
        let detail: DraftDetail = session.call("/show-draft", &asked)?;
        return context.screen.answer(&detail, |out| write_draft(&detail, show.full, &zones, out));
    }
    let asked = ask::Show { record: show.record.clone(), content: true };
    let detail: RecordDetail = session.call("/show", &asked)?;
    let file = match &show.out {
        Some(path) => {
            let asked = RecordFileRequest {
                record: show.record.clone(),
                readers: show.readers.clone(),
                parts: show.parts.clone(),
            };
            Some(record_file::write(&session, asked, path)?)
        }
        None => None,
    };
    let comity = context.comity();
    let shown = Shown { record: &detail, file: file.as_ref() };
    context.screen.answer(&shown, |out| {
        write_record(&detail, show.full, &zones, out)?;
        file.as_ref().map_or(Ok(()), |file| file.say(&comity, out))
    })
}

/// A record, and the file that was made of it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    record: &'a RecordDetail,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a record_file::Written>,
}

fn write_draft(
    detail: &DraftDetail,
    full: bool,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let draft = &detail.line;
    writeln!(out, "{}  {}", draft.reference, printable(&draft.title))?;
    writeln!(out, "  draft of   {}, {}, {}", draft.kind, detail.state, size(draft.size))?;
    writeln!(
        out,
        "  marking    {}",
        draft.tlp.as_deref().unwrap_or("none: a person marks it, with publish --tlp")
    )?;
    let source = format!("{} {}", draft.format, printable(&draft.provenance));
    writeln!(out, "  made       {} from {}", zones.written(&draft.at), source.trim())?;
    if let Some(other) = &draft.same_as {
        writeln!(out, "  same as    {other}")?;
    }
    write_table(&detail.parts, out)?;
    write_texts(&detail.parts, full, out)
}

pub(super) fn write_record(
    detail: &RecordDetail,
    full: bool,
    zones: &Zones,
    out: &mut dyn Write,
) -> io::Result<()> {
    let line = &detail.line;
    writeln!(out, "{}  {}", line.reference, printable(&line.title))?;
    writeln!(
        out,
        "  {}, {}, {}, {}, {}",
        line.kind,
        marking(line),
        detail.urgency,
        detail.state,
        state(line)
    )?;
    if let Some(why) = &line.standing_reason {
        writeln!(out, "  {}", printable(why))?;
    }
    if let Some(end) = &detail.end {
        let (how, by) = (&end.how, &end.by);
        let (signed, here) = (zones.written(&end.signed_at), zones.written(&end.entered_at));
        writeln!(out, "  {how} by {by}, signed {signed}, here since {here}")?;
    }
    if let Some(ruling) = &detail.ruling {
        super::quarantine::write_ruling(ruling, zones, out)?;
    }
    if let Some(approval) = &detail.approval {
        super::approval::write_line(approval, zones, out)?;
    }
    for line in &detail.emergencies {
        super::release::write_line(line, zones, out)?;
    }
    writeln!(out, "  from      {}", printable(&from(line)))?;
    writeln!(out, "  signed    {}", zones.written(&line.signed_at))?;
    writeln!(out, "  entered   {}", zones.written(&line.entered_at))?;
    writeln!(out, "  id        {}", line.record)?;
    writeln!(out, "  origin    {}", line.origin_id)?;
    writeln!(out, "  key       {}", detail.author)?;
    if let Some(provenance) = &detail.provenance {
        assessing::write_provenance(provenance, zones, out)?;
    }
    if let Some(assessment) = &detail.assessment {
        assessing::write_assessment(assessment, zones, out)?;
    }
    write_bounds(&detail.parts, zones, out)?;
    if let Some(body) = &detail.body {
        writeln!(out, "\n{}", printable_text(body, usize::MAX))?;
    }
    write_table(&detail.parts, out)?;
    if detail.not_here > 0 {
        let lines = counted(detail.not_here, "line has", "lines have");
        writeln!(out, "{lines} no part here: withheld, or padding")?;
    }
    write_texts(&detail.parts, full, out)
}

/// What binds whoever reads it, beyond the label: how it is marked, and what was taken on with it.
fn write_bounds(parts: &[PartDetail], zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let marked = |part: &PartDetail| {
        let words = part.marking.in_words(|at| zones.written(at));
        (words.len() > 1).then(|| words.join(", "))
    };
    let taken_on = |part: &PartDetail| {
        let nothing = "may be used for nothing: its givers have no purpose in common";
        let terms = part.taken_on.as_ref().map(files::terms);
        if part.for_no_purpose { Some(nothing.to_owned()) } else { terms }
    };
    write_grouped("marking", parts, marked, out)?;
    write_grouped("taken on", parts, taken_on, out)
}

/// What is said of parts, once for all of which it is.
fn write_grouped(
    name: &str,
    parts: &[PartDetail],
    words: impl Fn(&PartDetail) -> Option<String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let said = parts.iter().filter_map(|part| Some((words(part)?, part.section.as_str())));
    for (words, sections) in grouped(said) {
        let of = match sections.len() == parts.len() {
            true => String::new(),
            false => format!(" ({})", sections.join(", ")),
        };
        writeln!(out, "  {name:<9} {}{of}", printable(&words))?;
    }
    Ok(())
}

fn write_table(parts: &[PartDetail], out: &mut dyn Write) -> io::Result<()> {
    if parts.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    parts_table(parts).write(out)
}

/// What the parts say, and why some of them are not shown.
fn write_texts(parts: &[PartDetail], full: bool, out: &mut dyn Write) -> io::Result<()> {
    let limit = if full { usize::MAX } else { TEXT_LINES };
    // What machines read, people ask for with `--full`.
    let for_people = |part: &&PartDetail| full || part.media_type.starts_with("text/");
    for part in parts {
        if let Some(why) = &part.withheld {
            let section = part.section.to_uppercase();
            let why = why.strip_prefix("not shown: ").unwrap_or(why);
            writeln!(out, "\n{section} ({}) is not shown: {}", part.tlp, printable(why))?;
        }
    }
    for part in parts.iter().filter(for_people) {
        if let Some(text) = &part.text {
            writeln!(out, "\n{} ({})", part.section.to_uppercase(), part.tlp)?;
            writeln!(out, "{}", printable_text(text, limit))?;
        }
    }
    Ok(())
}

fn parts_table(parts: &[PartDetail]) -> Table {
    // Those of a draft have no number.
    let numbered = parts.iter().any(|part| part.number > 0);
    let head = ["part", "marking", "classes", "size", "type", "for"];
    let head: Vec<_> = numbered.then_some("no").into_iter().chain(head).collect();
    let first = usize::from(numbered);
    let mut table = Table::new(&head).numbers(first + 3);
    if numbered {
        table = table.numbers(0);
    }
    for part in parts {
        let whom = part.addressee.clone().or_else(|| part.destination.clone()).unwrap_or_default();
        let what = part.file_name.clone().unwrap_or_else(|| part.media_type.clone());
        let number = numbered.then(|| part.number.to_string());
        table.row(number.into_iter().chain([
            part.section.clone(),
            part.tlp.clone(),
            part.classes.join(" "),
            size(part.size),
            what,
            whom,
        ]));
    }
    table
}

/// A text of somebody else: it moves no cursor, and is cut where it is long.
fn printable_text(text: &str, limit: usize) -> String {
    let mut lines: Vec<String> = text.lines().take(limit).map(printable).collect();
    let rest = text.lines().count().saturating_sub(limit);
    if rest > 0 {
        lines.push(format!("... {} more: --full", counted(rest as u64, "line", "lines")));
    }
    lines.join("\n")
}

pub(super) fn unsend(unsend: Unsend, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let line: RecordLine = session.call("/unsend", &ask::Record { record: unsend.record })?;
    context.screen.answer(&line, |out| {
        writeln!(out, "{} is unsent: nobody was told of it, and nobody will be", line.reference)
    })
}

/// Whom a word would go to that was not signed, and who would have to be told otherwise.
pub(super) fn write_would_be_told(
    published: &Published,
    zones: &Zones,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let parts = || published.preview.iter().flat_map(|preview| &preview.parts);
    let named = |outcome: &str, how: &str| {
        let cells = parts().flat_map(|part| &part.cells).filter(|cell| cell.outcome == outcome);
        let names: BTreeSet<_> = cells.map(|cell| printable(&cell.partner)).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("{names}{how}"))
    };
    let names: Vec<_> =
        [named("release", ""), named("hold", " (later)")].into_iter().flatten().collect();
    let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    writeln!(out, "It would be told to {names}. Nothing was signed or sent.")?;
    write_waits_for(published, comity, out)?;
    files::write_to_tell(&published.files, zones, out)
}

pub(super) fn withdraw(withdraw: &Withdraw, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Signing)?;
    let asked = ask::Show { record: withdraw.record.clone(), content: false };
    let detail: RecordDetail = session.call("/show", &asked)?;
    let line = &detail.line;
    if !withdraw.yes {
        context.screen.show(|out| table(std::slice::from_ref(line), &zones).write(out))?;
    }
    let question = format!("Withdraw {}? It cannot be taken back.", line.reference);
    context.asker.confirmed(withdraw.yes || withdraw.dry_run, &question)?;
    let asked = ask::Records { records: vec![line.record.clone()], dry_run: withdraw.dry_run };
    let published: Published = session.call("/withdraw", &asked)?;
    let comity = context.comity();
    if withdraw.dry_run {
        return context
            .screen
            .answer(&published, |out| write_would_be_told(&published, &zones, &comity, out));
    }
    context.screen.answer(&published, |out| {
        if published.nothing_sent {
            writeln!(
                out,
                "{} is withdrawn; it waited for a second person, and nothing of it was sent to anybody",
                line.reference
            )?;
            return files::write_to_tell(&published.files, &zones, out);
        }
        writeln!(
            out,
            "{} is withdrawn; everyone who may hold a part of it is told",
            line.reference
        )?;
        write_waits_for(&published, &comity, out)?;
        files::write_to_tell(&published.files, &zones, out)?;
        writeln!(out, "who that is: {comity} audit who {}", line.reference)
    })
}

/// Who is told later, and after what.
pub(super) fn write_waits_for(
    published: &Published,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    for name in &published.waits_for {
        let name = printable(name);
        let typed = word(&name);
        writeln!(
            out,
            "{name} may hold it and is suspended: it is told after {comity} partner resume {typed}"
        )?;
    }
    Ok(())
}

pub(super) fn discard(reference: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let draft = draft(&session, reference, &context.comity())?;
    session.call::<_, ()>("/drop-draft", &ask::Draft { draft: draft.number })?;
    context.screen.answer(&draft, |out| writeln!(out, "{} is thrown away", draft.reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_are_told_from_records_and_files() {
        for draft in ["KR-D-0003", "kr-d-12", "A-B-D-1"] {
            assert!(is_draft(draft), "{draft}");
        }
        for other in ["KR-26-0412", "D-3", "KR-D-", "KR-D-3.toml", "advisory.toml", ""] {
            assert!(!is_draft(other), "{other}");
        }
    }

    #[test]
    fn a_long_text_says_where_it_was_cut() {
        assert_eq!(printable_text("a\nb\x1b\nc", 2), "a\nb\u{fffd}\n... 1 line more: --full");
        assert_eq!(printable_text("a\nb", 2), "a\nb");
    }
}
