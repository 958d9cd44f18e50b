//! Looking at records.

use std::collections::BTreeMap;
use std::sync::Arc;

use comity_core::journal::Shown;
use comity_core::ledger::Obligations;
use comity_core::policy::PartFacts;
use comity_core::record::{self, Header, Part};
use comity_core::sight::ShownPart;
use comity_core::{Kind, Marking, PartDigest, RecordId, Timestamp};
use comity_store::{Damage, StoreError};

use super::drafts::DraftBytes;
use super::subjects::Speaks;
use super::{
    Service, approvals, assessing, caller, consent_lines, emergencies, erasing, files,
    find_economy, find_record, group_words, local, markings, quarantine, withdrawals, words,
};
use crate::api::{
    AssessmentLine, ListRequest, MarkingFields, PartDetail, ProvenanceLine, RecordDetail,
    RecordLine,
};
use crate::error::ServiceError;
use crate::state::{Held, State};

/// Bytes of text of one part that `show` prints.
const SHOWN: usize = 1 << 20;

impl Service {
    /// Records, newest first.
    pub async fn list(&self, request: ListRequest) -> Result<Vec<RecordLine>, ServiceError> {
        let now = self.now();
        let lines = self.look(move |state, _, _| list(state, &request, now)).await??;
        Ok(lines.into_iter().map(|line| self.discreet(line)).collect())
    }

    /// A record whole; with the text of its parts if `content`. What the decision does not let whoever
    /// uses this node see is named with the reason, and is not read.
    pub async fn show(&self, record: &str, content: bool) -> Result<RecordDetail, ServiceError> {
        let text = record.to_owned();
        let (desks, now) = (self.parts.config.local.desks.clone(), self.now());
        let sees = self.sees();
        let (
            id,
            (line, seq, digests, mut sight, (body, end, (held, ruling, approval, broken)), belief),
        ) = self
            .look(move |state, _, _| {
                let (id, held) = found(state, &text)?;
                let digests: Vec<PartDigest> = held.parts.iter().map(|part| part.digest).collect();
                let body = match sees.filter(|most| held.facts.floor.tlp > *most) {
                    Some(most) => held.body.as_ref().map(|_| caller::above(most)),
                    None => body_in_words(state, held),
                };
                let sight = local::sight(state, held, &desks, sees, now);
                let approval = approvals::approval_line(state, &id, sees);
                let broken = emergencies::lines_about(state, &id, sees, now);
                let aside = (
                    quarantine::hold_line(state, held),
                    quarantine::ruling_line(held),
                    approval,
                    broken,
                );
                let line = words::record_line(state, &id, held, now);
                let end = words::end(state, &id, held);
                let content = !held.facts.kind.is_control();
                let belief = content.then(|| {
                    let told = assessing::Told::of_record(state, &id, held, sees);
                    let speaks = |part: &PartFacts| match sight.get(&part.digest) {
                        Some(Ok(seen)) => Speaks::of(part, seen),
                        Some(Err(_)) | None => None,
                    };
                    let speaks = held.parts.iter().filter_map(speaks);
                    (told, assessing::provenance(state, &id, held), speaks.collect::<Vec<_>>())
                });
                let about = (body, end, aside);
                Ok::<_, ServiceError>((id, (line, held.seq, digests, sight, about, belief)))
            })
            .await??;
        let unreadable = |why: String| ServiceError::data("unreadable", why);
        let loaded = crate::shell::load(&*self.parts.store, seq, &[]).map_err(unreadable)?;
        let parsed =
            record::parse(&loaded.signed).map_err(|error| unreadable(error.to_string()))?;
        let manifest = parsed.manifest();
        let (mut parts, numbered) = (Vec::new(), digests.clone());
        for digest in digests {
            let id = parsed.id();
            let erased = self.look(move |state, _, _| erased_part(state, &id, digest)).await?;
            if let Some(erased) = erased {
                parts.push(erased);
                continue;
            }
            let bytes = match self.parts.store.blob(&digest) {
                Ok(bytes) => bytes
                    .ok_or_else(|| unreadable(format!("part {} is not here", digest.short())))?,
                // The journal says what it was, and the other parts are as they were.
                Err(StoreError::Damage(damage)) => {
                    let lost = move |state: &State| {
                        let held = state.record(&id)?;
                        let facts = held.parts.iter().find(|part| part.digest == digest)?;
                        Some(damaged_part(state, facts, &damage))
                    };
                    parts.extend(self.look(move |state, _, _| lost(state)).await?);
                    continue;
                }
                Err(other) => return Err(other.into()),
            };
            // Of what is not shown the header is read, and nothing else goes on from here.
            let seen = sight.remove(&digest).unwrap_or(Err("it is not known here".to_owned()));
            let (header, size, shown) = match seen {
                Ok(sight) => {
                    let shown = sight.show(bytes).map_err(|error| unreadable(error.to_string()))?;
                    let part = shown.part();
                    (part.header.clone(), part.content.len() as u64, Ok(shown))
                }
                Err(why) => {
                    let Part { header, content, .. } =
                        Part::decode(bytes).map_err(|error| unreadable(error.to_string()))?;
                    (header, content.len() as u64, Err(why))
                }
            };
            let marking = header.marking.as_ref().unwrap_or(&manifest.floor).clone();
            let detail = self
                .look(move |state, _, _| {
                    let says = match &shown {
                        Ok(shown) => Says::Part(shown),
                        Err(why) => Says::Nothing(why.clone()),
                    };
                    let marking = Some(marking);
                    let looked = Looked { digest: &digest, header: &header, size, marking, says };
                    part_detail(state, looked, content)
                })
                .await?;
            parts.push(detail);
        }
        let above = belief
            .as_ref()
            .is_some_and(|(_, _, speaks)| speaks.iter().any(|part| part.above_green));
        let (assessment, provenance) = self.belief(belief).await?;
        let imports = provenance.as_ref().is_some_and(|from| !from.imports.is_empty());
        if caller::shows_above_green(&parts) || above && imports {
            self.note_read(Shown::Record(id)).await?;
        }
        for (number, digest) in (1..).zip(numbered) {
            let digest = digest.to_string();
            let part = parts.iter_mut().find(|part| part.part == digest);
            part.into_iter().for_each(|part| part.number = number);
        }
        let parts = self.look(move |state, _, _| bound(state, &id, parts)).await?;
        Ok(RecordDetail {
            line: self.discreet(line),
            author: manifest.author.to_string(),
            urgency: manifest.urgency.to_string(),
            state: manifest.state.to_string(),
            not_here: manifest.parts.len().saturating_sub(parts.len()) as u64,
            parts,
            body,
            end,
            held,
            ruling,
            approval,
            emergencies: broken,
            assessment,
            provenance,
        })
    }

    /// How far a record is to be believed, and where it is from.
    async fn belief(
        &self,
        belief: Option<Belief>,
    ) -> Result<(Option<AssessmentLine>, Option<ProvenanceLine>), ServiceError> {
        let Some((told, mut provenance, speaks)) = belief else { return Ok((None, None)) };
        let (store, subjects) = (Arc::clone(&self.parts.store), Arc::clone(&self.parts.subjects));
        // What cannot be read is named where the parts are.
        let read = move || subjects.of_record(&*store, &speaks, &mut 0);
        let subject = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        provenance.imports = assessing::imports(&subject);
        let assessment = told.map(|told| self.with_reasons(told)).transpose()?;
        Ok((assessment, Some(provenance)))
    }
}

/// What was said of a record, where it is from, and the parts that say of what it is made.
type Belief = (Option<assessing::Told>, ProvenanceLine, Vec<Speaks>);

pub(super) fn found<'a>(
    state: &'a State,
    text: &str,
) -> Result<(RecordId, &'a Held), ServiceError> {
    let id = find_record(state, text)?;
    let held = state.record(&id);
    held.map(|held| (id, held)).ok_or_else(|| ServiceError::no_input("no-record", "no such record"))
}

fn list(
    state: &State,
    request: &ListRequest,
    now: Timestamp,
) -> Result<Vec<RecordLine>, ServiceError> {
    let kind = request.kind.as_deref().map(|name| {
        Kind::from_name(name)
            .ok_or_else(|| ServiceError::usage("kind", format!("`{name}` is not a kind of record")))
    });
    let kind = kind.transpose()?;
    let from = request.from.as_deref().map(|text| find_economy(state, text)).transpose()?;
    let since = request.since.as_deref().map(words::instant).transpose()?;
    let meant = |held: &&Held| {
        kind.is_none_or(|kind| held.facts.kind == kind)
            && from.is_none_or(|from| held.facts.origin == from)
            && since.is_none_or(|since| held.entered_at >= since)
            && (!request.waiting || state.waits(held))
            && (request.control
                || request.waiting
                || kind.is_some()
                || !held.facts.kind.is_control())
    };
    let mut records: Vec<_> = state.records().filter(|(_, held)| meant(held)).collect();
    records.sort_by_key(|(_, held)| std::cmp::Reverse(held.seq));
    let limit = if request.limit == 0 { usize::MAX } else { request.limit };
    let lines = records.into_iter().take(limit);
    Ok(lines.map(|(id, held)| words::record_line(state, id, held, now)).collect())
}

/// A part that is looked at, of a record or of a draft.
pub(super) struct Looked<'a> {
    pub(super) digest: &'a PartDigest,
    pub(super) header: &'a Header,
    pub(super) size: u64,
    pub(super) marking: Option<Marking>,
    pub(super) says: Says<'a>,
}

/// What is shown of what a part says.
pub(super) enum Says<'a> {
    /// What whoever asks may see, by the decision.
    Part(&'a ShownPart),
    /// A section of a draft.
    Draft(DraftBytes<'a>),
    /// Nothing, and why.
    Nothing(String),
}

pub(super) fn part_detail(state: &State, part: Looked<'_>, content: bool) -> PartDetail {
    let Looked { digest, header, size, marking, says } = part;
    let textual = ["text/", "application/json", "application/x-ndjson"];
    let is_text = textual.iter().any(|kind| header.media_type.starts_with(kind));
    let (bytes, withheld) = match says {
        Says::Part(shown) => (Some(shown.content()), None),
        Says::Draft(draft) => (Some(draft.bytes()), None),
        Says::Nothing(why) => (None, Some(why)),
    };
    let shown = bytes.is_some();
    let text = bytes
        .filter(|_| content && is_text)
        .and_then(|bytes| bytes.get(..bytes.len().min(SHOWN)))
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    PartDetail {
        number: 0,
        part: digest.to_string(),
        section: header.counts_as().to_string(),
        tlp: marking.as_ref().map_or_else(|| "none".to_owned(), |one| one.tlp.to_string()),
        marking: match marking {
            Some(one) if shown => markings::fields(state, &one),
            Some(one) => markings::label(&one),
            None => MarkingFields::default(),
        },
        taken_on: None,
        for_no_purpose: false,
        classes: header.classes.iter().map(ToString::to_string).collect(),
        size,
        media_type: header.media_type.clone(),
        file_name: header.file_name.clone().filter(|_| shown),
        destination: header.destination.map(|economy| state.name_of(&economy)),
        addressee: header.addressee.as_ref().filter(|_| shown).map(|named| {
            let desk = named.desk.as_ref().map(|desk| format!(", desk `{desk}`"));
            let relays = (!named.relays.is_empty())
                .then(|| format!(", through {}", words::names(state, &named.relays)));
            let parts = named.parts.len();
            let name = named.economy.map(|economy| state.name_of(&economy));
            let group = named
                .group
                .map(|(group, roster)| format!("group {} with roster {roster}", group.short()));
            let name = [name, group].into_iter().flatten().collect::<Vec<_>>().join(" in ");
            let (desk, relays) = (desk.unwrap_or_default(), relays.unwrap_or_default());
            format!("{name}{desk}{relays}: {parts} parts")
        }),
        text,
        withheld,
    }
}

/// The same, with what we took on with each that is shown.
fn bound(state: &State, record: &RecordId, mut parts: Vec<PartDetail>) -> Vec<PartDetail> {
    let Some(held) = state.record(record) else { return parts };
    let facts: BTreeMap<_, _> =
        held.parts.iter().map(|facts| (facts.digest.to_string(), facts)).collect();
    for part in parts.iter_mut().filter(|part| part.withheld.is_none()) {
        let Some(facts) = facts.get(&part.part) else { continue };
        part.marking = markings::fields(state, &facts.marking);
        let taken_on = held.facts.taken_on(facts);
        part.for_no_purpose = taken_on.is_none();
        let taken_on = taken_on.filter(|taken_on| *taken_on != Obligations::unbound());
        part.taken_on = taken_on.as_ref().map(files::terms);
    }
    parts
}

/// A part whose body was erased: what the journal still says of it.
fn erased_part(state: &State, record: &RecordId, digest: PartDigest) -> Option<PartDetail> {
    let erasure = state.erasures().took(&digest)?;
    let held = state.record(record)?;
    let facts = held.parts.iter().find(|part| part.digest == digest)?;
    Some(PartDetail {
        size: held.sizes.get(&digest).copied().unwrap_or_default(),
        media_type: "erased".to_owned(),
        withheld: Some(erasing::in_words(erasure)),
        ..without_body(state, facts)
    })
}

/// A part whose body is not what was written: what the journal says of it, and where the damage is.
fn damaged_part(state: &State, facts: &PartFacts, damage: &Damage) -> PartDetail {
    let withheld = Some(format!("it cannot be read: {damage}"));
    PartDetail { withheld, ..without_body(state, facts) }
}

fn without_body(state: &State, facts: &PartFacts) -> PartDetail {
    PartDetail {
        number: 0,
        part: facts.digest.to_string(),
        section: facts.section.to_string(),
        tlp: facts.marking.tlp.to_string(),
        marking: markings::label(&facts.marking),
        taken_on: None,
        for_no_purpose: false,
        classes: facts.classes.iter().map(|class| class.to_string()).collect(),
        size: 0,
        media_type: "damaged".to_owned(),
        file_name: None,
        destination: facts.destination.map(|economy| state.name_of(&economy)),
        addressee: None,
        text: None,
        withheld: None,
    }
}

/// What a control record says, in words.
fn body_in_words(state: &State, held: &Held) -> Option<String> {
    let body = held.body.as_deref()?;
    match comity_core::control::ControlBody::decode(held.facts.kind, body).ok()? {
        comity_core::control::ControlBody::Agreement(agreement) => Some(agreement.text),
        comity_core::control::ControlBody::Withdrawal(withdrawal) => {
            let names = withdrawal.records.iter().map(|target| {
                state.record(target).map_or_else(|| target.to_string(), |one| one.reference.clone())
            });
            let names = names.collect::<Vec<_>>().join(", ");
            let from = withdrawal.from.iter().map(|one| state.name_of(one)).collect::<Vec<_>>();
            let names = match from.as_slice() {
                [] => names,
                from => format!("{names} from {} alone", from.join(", ")),
            };
            Some(match withdrawal.recall {
                Some(reason) => format!("recalls {names}: {reason}"),
                None => format!("withdraws {names}"),
            })
        }
        comity_core::control::ControlBody::Acknowledgement(body) => {
            let about = state.record(&body.withdrawal);
            let name =
                about.map_or_else(|| body.withdrawal.to_string(), |about| about.reference.clone());
            Some(format!("answers {name}: {}", withdrawals::in_words(&body.answer)))
        }
        comity_core::control::ControlBody::Introduction(body) => {
            Some(format!("introduces {} as {}", body.economy, body.name))
        }
        comity_core::control::ControlBody::Group(body) => {
            Some(group_words::group_body(state, &body))
        }
        comity_core::control::ControlBody::Consent(body) => {
            Some(consent_lines::in_words(state, &body))
        }
        comity_core::control::ControlBody::Approval(body) => {
            Some(approvals::body_in_words(state, &body))
        }
        comity_core::control::ControlBody::Roster(body) => {
            Some(group_words::roster_body(state, &body))
        }
        comity_core::control::ControlBody::Keyring(_)
        | comity_core::control::ControlBody::Acceptance(_)
        | comity_core::control::ControlBody::Termination(_)
        | comity_core::control::ControlBody::Opaque(_) => None,
    }
}
