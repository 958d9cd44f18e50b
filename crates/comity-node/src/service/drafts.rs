//! Unsigned drafts: what an import makes, and what a person publishes or throws away.

use std::collections::BTreeMap;

use bytes::Bytes;
use comity_core::digest::{leaf_hashes, tree_root};
use comity_core::journal::{DraftMade, DraftPart, Shown};
use comity_core::limits::PART_BYTES;
use comity_core::record::{Draft, Header};
use comity_core::{Kind, Marking, PartDigest, State as RecordState};

use super::caller::shows_above_green;
use super::records::{Looked, Says, part_detail};
use super::{Service, words};
use crate::api::{DraftDetail, DraftLine, DraftsRequest, NewDraft, PartDetail};
use crate::engine::{Command, Reply};
use crate::error::ServiceError;
use crate::limits::DRAFT_SALT;
use crate::state::State;

/// The end of a draft's format where more of it is to come.
const INTERIM: &str = "+interim";

/// A draft with its contents.
pub(super) struct Contents {
    made: DraftMade,
    parts: Vec<(Header, Vec<u8>)>,
}

impl Contents {
    /// The draft of a record, and its title.
    pub(super) fn into_draft(self) -> Result<(String, Draft), ServiceError> {
        let mut draft = Draft::new(Kind::from_code(self.made.kind));
        draft.marking = self.made.marking;
        draft.parts = self.parts;
        if self.made.format.ends_with(INTERIM) {
            draft.state = RecordState::Interim;
        }
        Ok((self.made.title, draft))
    }
}

/// What a section of a draft says. Only here it is made, of what was kept as a draft: nobody signed it, and nothing
/// is decided about it yet.
#[derive(Clone, Copy)]
pub(super) struct DraftBytes<'a>(&'a [u8]);

impl<'a> DraftBytes<'a> {
    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl Service {
    /// Every draft.
    pub async fn drafts(&self) -> Result<Vec<DraftLine>, ServiceError> {
        self.look(|state, _, _| lines(state)).await
    }

    /// A draft as it would be signed; with the text of its parts if `content`.
    ///
    /// It is shown whole, whatever its label: whoever signs it answers for it, and nobody can answer for
    /// what they could not read.
    pub async fn show_draft(
        &self,
        number: u64,
        content: bool,
    ) -> Result<DraftDetail, ServiceError> {
        let Contents { made, parts } = self.draft_contents(number).await?;
        let detail = self.look(move |state, _, _| {
            let details: Vec<PartDetail> = made
                .parts
                .iter()
                .zip(&parts)
                .map(|(part, (header, bytes))| {
                    let marking = header.marking.as_ref().or(made.marking.as_ref());
                    let looked = Looked {
                        digest: &part.content,
                        header,
                        size: bytes.len() as u64,
                        marking: marking.cloned(),
                        says: Says::Draft(DraftBytes(bytes)),
                    };
                    part_detail(state, looked, content)
                })
                .collect();
            let line = lines(state).into_iter().find(|line| line.number == number);
            let line = line.ok_or_else(|| gone(number))?;
            let interim = made.format.ends_with(INTERIM);
            let record_state = if interim { RecordState::Interim } else { RecordState::Final };
            Ok::<_, ServiceError>(DraftDetail {
                line,
                state: record_state.to_string(),
                parts: details,
            })
        });
        let detail = detail.await??;
        if shows_above_green(&detail.parts) {
            self.note_read(Shown::Draft(number)).await?;
        }
        Ok(detail)
    }

    /// Keeps what an import made. Nothing is signed, and nothing is released.
    pub async fn keep_drafts(
        &self,
        request: DraftsRequest,
    ) -> Result<Vec<DraftLine>, ServiceError> {
        let at = self.now();
        let drafts: Result<Vec<_>, _> =
            request.drafts.into_iter().map(|draft| made(draft, at)).collect();
        let Reply::Drafts(numbers) = self.command(Command::Draft { drafts: drafts? }).await? else {
            return Err(ServiceError::data("drafts", "the node answered something else"));
        };
        let lines = self.drafts().await?;
        Ok(lines.into_iter().filter(|line| numbers.contains(&line.number)).collect())
    }

    /// Throws a draft away.
    pub async fn drop_draft(&self, draft: u64) -> Result<(), ServiceError> {
        self.command(Command::DropDraft { draft }).await.map(drop)
    }

    pub(super) async fn draft_contents(&self, number: u64) -> Result<Contents, ServiceError> {
        let made = self.look(move |state, _, _| state.draft(number).cloned()).await?;
        let made = made.ok_or_else(|| gone(number))?;
        let mut parts = Vec::new();
        for part in &made.parts {
            let header = Header::decode(&part.header)
                .map_err(|error| ServiceError::data("draft", error.to_string()))?;
            let content = self.parts.store.blob(&part.content)?;
            let content = content.ok_or_else(|| {
                ServiceError::data("draft", format!("a part of draft {number} is not here"))
            })?;
            // Where the same had been erased before, a salt stands before it.
            let salt = content.len().checked_sub(usize::try_from(part.size).unwrap_or(usize::MAX));
            let content = match salt {
                Some(salt @ (0 | DRAFT_SALT)) => content.slice(salt..),
                Some(_) | None => {
                    let message = format!("a part of draft {number} is not as long as it was");
                    return Err(ServiceError::data("draft", message));
                }
            };
            parts.push((header, content.to_vec()));
        }
        Ok(Contents { made, parts })
    }
}

fn made(
    draft: NewDraft,
    at: comity_core::Timestamp,
) -> Result<(DraftMade, Vec<(PartDigest, Bytes)>), ServiceError> {
    let kind = Kind::from_name(&draft.kind).filter(|kind| !kind.is_control()).ok_or_else(|| {
        ServiceError::usage("kind", format!("`{}` is not a kind of record", draft.kind))
    })?;
    let label = draft.tlp.as_deref().map(words::tlp).transpose()?;
    words::short("title", &draft.title)?;
    words::short("format", &draft.format)?;
    words::short("provenance", &draft.provenance)?;
    let (mut parts, mut blobs) = (Vec::new(), Vec::new());
    for (header, content) in &draft.sections {
        let header = words::from_base64(header)?;
        Header::decode(&header)
            .map_err(|error| ServiceError::usage("header", error.to_string()))?;
        let content = Bytes::from(words::from_base64(content)?);
        if content.len() > PART_BYTES {
            let message = format!("a section has {} bytes; {PART_BYTES} fit", content.len());
            return Err(ServiceError::usage("content", message));
        }
        let digest = tree_root(&leaf_hashes(&content)).map(PartDigest::from);
        let digest = digest.ok_or_else(|| ServiceError::usage("content", "no content"))?;
        parts.push(DraftPart { content: digest, size: content.len() as u64, header });
        blobs.push((digest, content));
    }
    let format = if draft.interim { format!("{}{INTERIM}", draft.format) } else { draft.format };
    let made = DraftMade {
        number: 0,
        title: draft.title,
        kind: kind.code(),
        format,
        provenance: draft.provenance,
        marking: label.map(Marking::new),
        parts,
        at,
    };
    Ok((made, blobs))
}

fn gone(number: u64) -> ServiceError {
    ServiceError::no_input("no-draft", format!("no draft {number} is here"))
        .next("comity list --drafts")
}

/// Every draft by its number. Two are the same that name one document of one publisher, or whose contents
/// are equal.
fn lines(state: &State) -> Vec<DraftLine> {
    let mut named: BTreeMap<(&str, &str), String> = BTreeMap::new();
    let mut holding: BTreeMap<Vec<PartDigest>, String> = BTreeMap::new();
    let mut drafts: Vec<&DraftMade> = state.drafts().collect();
    drafts.sort_by_key(|draft| draft.number);
    drafts
        .into_iter()
        .map(|draft| {
            let mut line = line(state, draft);
            let document = (draft.format.as_str(), draft.provenance.as_str());
            let contents: Vec<_> = draft.parts.iter().map(|part| part.content).collect();
            let known = named.get(&document).or_else(|| holding.get(&contents));
            line.same_as = known.cloned();
            if !draft.provenance.is_empty() {
                named.entry(document).or_insert_with(|| line.reference.clone());
            }
            holding.entry(contents).or_insert_with(|| line.reference.clone());
            line
        })
        .collect()
}

/// How people call a draft.
pub(super) fn reference(state: &State, number: u64) -> String {
    format!("{}-D-{number:04}", state.code())
}

fn line(state: &State, draft: &DraftMade) -> DraftLine {
    let sections = draft
        .parts
        .iter()
        .filter_map(|part| Header::decode(&part.header).ok())
        .map(|header| header.counts_as().to_string())
        .collect();
    DraftLine {
        reference: reference(state, draft.number),
        number: draft.number,
        title: draft.title.clone(),
        kind: Kind::from_code(draft.kind).to_string(),
        format: draft.format.trim_end_matches(INTERIM).to_owned(),
        provenance: draft.provenance.clone(),
        tlp: draft.marking.as_ref().map(|marking| marking.tlp.to_string()),
        sections,
        size: draft.parts.iter().map(|part| part.size).sum(),
        at: draft.at.to_string(),
        same_as: None,
    }
}
