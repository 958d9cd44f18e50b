//! `comity publish`.

mod matrix;
mod record_file;
#[cfg(test)]
mod tests;
mod values;

use std::io::{self, Write};
use std::path::Path;

use comity_admin::{Failure, FailureKind};
use comity_node::api::{DraftLine, MarkingFields, Preview, PublishRequest, Published, UnawareLine};

use super::{Context, approval, files, records};
use crate::backend::{Keys, Session};
use crate::cli::Publish;
use crate::screen::printable;
use crate::screen::times::Zones;

pub(super) use matrix::{ADDRESSEE, write_matrix};

pub(super) fn run(publish: &Publish, context: &mut Context<'_>) -> Result<(), Failure> {
    // A file is read before anything is asked or started.
    let from_file = if names_a_draft(&publish.source) {
        None
    } else {
        let mut request = record_file::read(Path::new(&publish.source), publish.tlp)?;
        mark(&mut request, publish);
        marked(&publish.source, &request, &context.comity())?;
        Some(request)
    };
    let (session, zones) = context.session(Keys::Signing)?;
    let request = match from_file {
        Some(request) => request,
        None => of_draft(publish, &session, &context.comity())?,
    };
    let send = |dry_run, preview| {
        session.call("/publish", &PublishRequest { dry_run, preview, ..request.clone() })
    };
    let question = |preview: &Preview| format!("Sign and publish \"{}\"?", preview.record.title);
    let (dry_run, yes) = (publish.dry_run, publish.yes);
    Publishing { dry_run, yes, send: &send, question: &question, said: "" }.run(&zones, context)
}

/// Something that is about to be signed and published.
pub(super) struct Publishing<'a> {
    /// Only shows who would get what.
    pub(super) dry_run: bool,
    /// Nobody is asked.
    pub(super) yes: bool,
    /// Does it; or, if the first is true, only says who would get what. The second: whether that is wanted.
    pub(super) send: &'a dyn Fn(bool, bool) -> Result<Published, Failure>,
    /// What is asked.
    pub(super) question: &'a dyn Fn(&Preview) -> String,
    /// What is said besides, once it is done.
    pub(super) said: &'a str,
}

impl Publishing<'_> {
    /// Shows who would get what, asks, does it, and says what became of it.
    pub(super) fn run(&self, zones: &Zones, context: &mut Context<'_>) -> Result<(), Failure> {
        let comity = context.comity();
        if self.dry_run {
            let would = (self.send)(true, true)?;
            let preview = previewed(&would)?;
            return context.screen.answer(&would, |out| {
                write_matrix(preview, zones, out)?;
                if let Some(need) = &would.approval {
                    approval::write_need(need, None, &comity, out)?;
                }
                write_unaware(&would, &comity, out)?;
                if would.recovering {
                    writeln!(out, "{}", in_recovery(&comity))?;
                }
                writeln!(out, "Nothing was signed or sent.")
            });
        }
        let mut shown = None;
        if !self.yes {
            let would = (self.send)(true, true)?;
            let preview = previewed(&would)?;
            context.screen.show(|out| {
                write_matrix(preview, zones, out)?;
                write_unaware(&would, &comity, out)
            })?;
            context.asker.confirmed(false, &printable(&(self.question)(preview)))?;
            shown = would.preview;
        }
        // Whoever was asked has seen it.
        let published = (self.send)(false, self.yes)?;
        context.screen.answer(&published, |out| {
            write_published(&published, shown.as_ref(), zones, &comity, out)?;
            write_unaware(&published, &comity, out)?;
            files::write_to_tell(&published.files, zones, out)?;
            if self.said.is_empty() { Ok(()) } else { writeln!(out, "{}", self.said) }
        })
    }
}

fn write_published(
    published: &Published,
    shown: Option<&Preview>,
    zones: &Zones,
    comity: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let reference = published.reference.as_deref().unwrap_or(&published.record);
    if let Some(preview) = &published.preview {
        write_matrix(preview, zones, out)?;
    }
    let Some(preview) = published.preview.as_ref().or(shown) else { return Ok(()) };
    if let Some(need) = &published.approval {
        writeln!(out, "{reference} is signed.")?;
        return approval::write_need(need, Some(reference), comity, out);
    }
    let goes = |outcome: &str| {
        let mut cells = preview.parts.iter().flat_map(|part| &part.cells);
        cells.any(|cell| cell.outcome == outcome)
    };
    if published.recovering {
        writeln!(out, "{reference} is signed. {}", in_recovery(comity))
    } else if let Some(until) = published.unsend_until.as_ref().filter(|_| goes("release")) {
        let until = zones.written(until);
        writeln!(
            out,
            "{reference} is signed, and goes at {until}. To take it back before: {comity} unsend {reference}"
        )
    } else if goes("release") {
        writeln!(
            out,
            "{reference} is signed and on its way. Who has it: {comity} audit who {reference}"
        )
    } else if preview.partners.is_empty() {
        writeln!(out, "{reference} is signed, and goes to nobody yet: there is no partner")
    } else if goes("hold") {
        writeln!(out, "{reference} is signed, and goes to nobody yet")
    } else if preview.parts.iter().all(|part| part.tlp == "RED") {
        writeln!(
            out,
            "{reference} is signed, and goes to nobody: TLP:RED goes to whom it names, and it names no desk or person abroad. To say it to somebody, publish it again with `to`"
        )
    } else {
        writeln!(
            out,
            "{reference} is signed, and goes to nobody now. Why, and what would change it: {comity} explain {reference}"
        )
    }
}

/// Who goes on with what was replaced, and what tells them.
fn write_unaware(published: &Published, comity: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut records: Vec<&str> = Vec::new();
    for UnawareLine { partner, records: old, reason } in &published.unaware {
        let (partner, old_ones) = (printable(partner), old.join(", "));
        let why = reason.as_deref().map(|why| format!(" ({})", printable(why)));
        writeln!(
            out,
            "{partner} may hold {old_ones}, and gets nothing of what replaces it{}",
            why.unwrap_or_default()
        )?;
        records.extend(old.iter().map(String::as_str));
    }
    records.sort_unstable();
    records.dedup();
    for record in records {
        writeln!(
            out,
            "everyone who may hold {record} learns that it stands no more by: {comity} withdraw {record}"
        )?;
    }
    Ok(())
}

pub(super) fn in_recovery(comity: &str) -> String {
    format!("The node is in recovery, so nothing of it leaves before: {comity} recover confirm")
}

/// What is both the form of a draft's reference and no file.
fn names_a_draft(source: &str) -> bool {
    records::is_draft(source) && !Path::new(source).exists()
}

/// What a dry run says.
pub(super) fn previewed(would: &Published) -> Result<&Preview, Failure> {
    would.preview.as_ref().ok_or_else(|| {
        let message = "the node did not say who would get what";
        Failure::new(FailureKind::Data, "no-preview", message)
    })
}

fn mark(request: &mut PublishRequest, publish: &Publish) {
    if let Some(tlp) = publish.tlp {
        request.marking.tlp = Some(tlp.to_string());
    }
}

/// Own records need a marking by whoever writes them: nothing is guessed.
fn marked(source: &str, request: &PublishRequest, comity: &str) -> Result<(), Failure> {
    let parts_are = request.parts.iter().all(|part| part.marking.tlp.is_some());
    if request.marking.tlp.is_some() || (parts_are && !request.parts.is_empty()) {
        return Ok(());
    }
    let message = format!("`{source}` has no marking, and nothing is sent without one");
    Err(Failure::new(FailureKind::Data, "unmarked", message).next(format!(
        "write `marking = {{ tlp = \"GREEN\" }}` into it, or: {comity} publish {source} --tlp green"
    )))
}

fn of_draft(publish: &Publish, session: &Session, comity: &str) -> Result<PublishRequest, Failure> {
    let draft: DraftLine = records::draft(session, &publish.source, comity)?;
    if draft.tlp.is_none() && publish.tlp.is_none() {
        let reference = &draft.reference;
        let message = format!(
            "{reference} has no marking: it is kept as AMBER+STRICT, and cannot be sent until a person marks it"
        );
        return Err(Failure::new(FailureKind::Data, "unmarked", message)
            .next(format!("{comity} publish {reference} --tlp green --dry-run")));
    }
    let marking =
        MarkingFields { tlp: publish.tlp.map(|tlp| tlp.to_string()), ..MarkingFields::default() };
    Ok(PublishRequest { draft: Some(draft.number), marking, ..PublishRequest::default() })
}
