//! `comity import`: drafts, unsigned, sent to nobody.

mod csaf;
mod input;
mod intelmq;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_admin::{Failure, FailureKind};
use comity_core::{State, Tlp};
use comity_interop::ImportedDraft;
use comity_node::api::{DraftLine, DraftsRequest, NewDraft};

use super::Context;
use crate::backend::Session;
use crate::cli::ImportCommand;

/// Bytes of content in one draft, and in one request: with base 64 around them they stay under what a
/// request may have.
const REQUEST_CONTENT: usize = 48 * 1024 * 1024;

pub(super) fn run(command: ImportCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    let (ImportCommand::Csaf { files } | ImportCommand::Intelmq { files, .. }) = &command;
    if files.iter().filter(|file| input::is_stdin(file)).count() > 1 {
        let message = "standard input is named twice, and can be read once";
        return Err(Failure::new(FailureKind::Usage, "stdin-twice", message)
            .next("name `-` once, and the others as files"));
    }
    match command {
        ImportCommand::Csaf { files } => csaf::run(&files, context),
        ImportCommand::Intelmq { files, routes, zone, tlp } => {
            intelmq::run(&files, &routes, zone, tlp, context)
        }
    }
}

/// What was imported before is a draft twice: nobody wants it signed twice.
fn say_repeated(kept: &[DraftLine], context: &Context<'_>) {
    for (draft, other) in kept.iter().filter_map(|draft| Some((draft, draft.same_as.as_ref()?))) {
        let (reference, comity) = (&draft.reference, context.comity());
        context.screen.say(format_args!(
            "{reference} is what {other} is already; to keep one: {comity} discard {reference}"
        ));
    }
}

/// Keeps drafts, as many to a request as it may have.
fn keep(
    session: &Session,
    drafts: Vec<ImportedDraft>,
    tlp: Option<Tlp>,
) -> Result<Vec<DraftLine>, Failure> {
    let mut kept = Vec::new();
    let mut request = Vec::new();
    let mut content = 0;
    for draft in drafts.into_iter().flat_map(in_pieces) {
        let bytes = bytes_of(&draft);
        if content + bytes > REQUEST_CONTENT && !request.is_empty() {
            kept.extend(send(session, std::mem::take(&mut request))?);
            content = 0;
        }
        content += bytes;
        request.push(new_draft(&draft, tlp));
    }
    if !request.is_empty() {
        kept.extend(send(session, request)?);
    }
    Ok(kept)
}

fn send(session: &Session, drafts: Vec<NewDraft>) -> Result<Vec<DraftLine>, Failure> {
    session.call("/keep-drafts", &DraftsRequest { drafts })
}

fn bytes_of(draft: &ImportedDraft) -> usize {
    draft.sections.iter().map(|(_, content)| content.len()).sum()
}

/// A draft whose sections are too much for one request becomes several.
fn in_pieces(mut draft: ImportedDraft) -> Vec<ImportedDraft> {
    let sections = std::mem::take(&mut draft.sections);
    let mut pieces = vec![draft];
    for section in sections {
        let full = pieces.last().is_some_and(|piece| {
            !piece.sections.is_empty() && bytes_of(piece) + section.1.len() > REQUEST_CONTENT
        });
        if full && let Some(last) = pieces.last() {
            pieces.push(ImportedDraft { sections: Vec::new(), ..last.clone() });
        }
        if let Some(last) = pieces.last_mut() {
            last.sections.push(section);
        }
    }
    pieces
}

fn new_draft(draft: &ImportedDraft, tlp: Option<Tlp>) -> NewDraft {
    let provenance = draft
        .provenance
        .as_ref()
        .map(|source| format!("{} {} version {}", source.namespace, source.id, source.version));
    let tlp = tlp.or_else(|| draft.marking.as_ref().map(|marking| marking.tlp));
    NewDraft {
        title: draft.title.clone(),
        kind: draft.kind.to_string(),
        interim: draft.state == State::Interim,
        format: draft.source.to_owned(),
        provenance: provenance.unwrap_or_default(),
        tlp: tlp.map(|tlp| tlp.to_string()),
        sections: draft
            .sections
            .iter()
            .map(|(header, content)| (STANDARD.encode(header.encode()), STANDARD.encode(content)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use comity_core::record::Header;
    use comity_core::{Kind, Section, Urgency};

    use super::*;

    fn draft(sizes: &[usize]) -> ImportedDraft {
        let section =
            |size: &usize| (Header::new(Section::Sightings, "text/plain"), vec![0; *size]);
        ImportedDraft {
            title: "rows".to_owned(),
            kind: Kind::Sightings,
            state: State::Final,
            urgency: Urgency::Routine,
            source: "intelmq",
            provenance: None,
            marking: None,
            sections: sizes.iter().map(section).collect(),
            notices: Vec::new(),
        }
    }

    #[test]
    fn what_is_too_much_for_a_request_becomes_several() {
        let sections = |sizes: &[usize]| {
            in_pieces(draft(sizes)).iter().map(|piece| piece.sections.len()).collect::<Vec<_>>()
        };
        let half = REQUEST_CONTENT / 2;
        assert_eq!(sections(&[1, 2, 3]), [3]);
        assert_eq!(sections(&[half, half, 1]), [2, 1]);
        assert_eq!(sections(&[REQUEST_CONTENT + 1, 1]), [1, 1]);
    }

    #[test]
    fn a_marking_of_the_person_goes_before_that_of_the_document() {
        assert_eq!(new_draft(&draft(&[1]), None).tlp, None);
        assert_eq!(new_draft(&draft(&[1]), Some(Tlp::Green)).tlp.as_deref(), Some("GREEN"));
    }
}
