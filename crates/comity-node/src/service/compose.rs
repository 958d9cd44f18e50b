//! From a request to a signed record, and from a signed record to who gets what.

use std::collections::BTreeSet;
use std::sync::Arc;

use comity_core::group::Group;
use comity_core::keyring::VerifiedKeyring;
use comity_core::policy::{self, Plan, PolicySnapshot};
use comity_core::record::{AddresseeDraft, Composed, Draft, Header, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::{
    EconomyId, Kind, Marking, PartDigest, RecordId, Section, State as RecordState, Timestamp, Tlp,
};

use super::groups::find_group;
use super::guard::as_examined;
use super::preview_notes::{bound_together, desks_abroad, no_partners, takes_on};
use super::replacing::{replaceable, replaces_the_last, with_replaced};
use super::unaware::unaware;
use super::{Service, approvals, find_economy, find_partner, find_record};
use super::{files, local, markings, words};
use crate::api::{
    AddresseeRequest, ApprovalNeed, Cell, PartRequest, Preview, PreviewPart, PublishRequest,
    Published, UnawareLine,
};
use crate::engine::{Certainly, Command, Reply};
use crate::entropy::OsEntropy;
use crate::error::{ErrorKind, ServiceError};
use crate::state::{Held, State};

/// What of a publication is wanted besides itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted {
    pub(super) preview: bool,
    pub(super) dry_run: bool,
    /// Though not everybody has agreed with the journal since its end was cut.
    pub(super) anyway: bool,
}

impl Service {
    /// Signs and publishes, or only tells who would get what.
    pub async fn publish(&self, request: PublishRequest) -> Result<Published, ServiceError> {
        words::short("title", &request.title)?;
        let sections = match request.draft {
            Some(draft) => Some(self.draft_contents(draft).await?),
            None => None,
        };
        let title = request.title.clone();
        let number = request.draft;
        let (preview, dry_run, now) = (request.preview, request.dry_run, self.now());
        let wanted = Wanted { preview, dry_run, anyway: false };
        let drafted = self
            .look(move |state, _, _| {
                let from_draft = sections.map(|contents| contents.into_draft()).transpose()?;
                let title = match &from_draft {
                    Some((draft_title, _)) if title.is_empty() => draft_title.clone(),
                    Some(_) | None => title,
                };
                let draft = draft(state, &request, from_draft.map(|(_, draft)| draft))?;
                ever_goes(state, &draft, now)?;
                Ok::<_, ServiceError>((draft, title))
            })
            .await??;
        let (draft, title) = drafted;
        self.sign(draft, title, number, wanted).await
    }

    /// Signs a record and enters it, or only tells who would get what. `number`: that of the draft which it
    /// was, if it was kept as one.
    pub(super) async fn sign(
        &self,
        draft: Draft,
        title: String,
        number: Option<u64>,
        wanted: Wanted,
    ) -> Result<Published, ServiceError> {
        let us = self.look(|state, _, _| state.us()).await?;
        let _signs = self.parts.signing.read().await;
        let (key, now) = (self.signer()?, self.now());
        let composed =
            tokio::task::spawn_blocking(move || draft.sign(&key, us, now, &mut OsEntropy));
        let composed = composed
            .await
            .map_err(|error| ServiceError::data("compose", error.to_string()))?
            .map_err(|error| ServiceError::data("draft", error.to_string()))?;
        self.enter(composed, title, number, wanted).await
    }

    /// Signs and enters a control record.
    pub(super) async fn publish_control(
        &self,
        kind: Kind,
        body: Vec<u8>,
        title: String,
    ) -> Result<Published, ServiceError> {
        let _signs = self.parts.signing.read().await;
        let key = self.signer()?;
        self.sign_control(kind, body, title, &key, Wanted::default()).await
    }

    /// Publishes a control record; or only tells who would get it, where that is all that is wanted.
    pub(super) async fn control_or_try(
        &self,
        kind: Kind,
        body: Vec<u8>,
        title: String,
        dry_run: bool,
    ) -> Result<Published, ServiceError> {
        if !dry_run {
            return self.publish_control(kind, body, title).await;
        }
        self.try_control(kind, body, title, Wanted { dry_run, ..Wanted::default() }).await
    }

    /// Signs a control record and enters it, or only tells who would get it (`dry_run`).
    pub(super) async fn try_control(
        &self,
        kind: Kind,
        body: Vec<u8>,
        title: String,
        wanted: Wanted,
    ) -> Result<Published, ServiceError> {
        let _signs = self.parts.signing.read().await;
        let key = self.signer()?;
        let wanted = Wanted { preview: true, ..wanted };
        self.sign_control(kind, body, title, &key, wanted).await
    }

    /// Our next keyring, signed with a key that it grants: it bears witness for itself.
    pub(super) async fn enter_keyring(
        &self,
        keyring: &VerifiedKeyring,
        title: String,
        desk: &SecretKey,
        anyway: bool,
    ) -> Result<Published, ServiceError> {
        let body = keyring.encoded().to_vec();
        let wanted = Wanted { anyway, ..Wanted::default() };
        self.sign_control(Kind::Keyring, body, title, desk, wanted).await
    }

    async fn sign_control(
        &self,
        kind: Kind,
        body: Vec<u8>,
        title: String,
        key: &SecretKey,
        wanted: Wanted,
    ) -> Result<Published, ServiceError> {
        self.may_say(kind, &body).await?;
        let us = self.look(|state, _, _| state.us()).await?;
        let record = control(kind, body, Tlp::AmberStrict, key, us, self.now())
            .map_err(|error| ServiceError::data("control", error.to_string()))?;
        self.enter(Composed { record, parts: Vec::new() }, title, None, wanted).await
    }

    async fn enter(
        &self,
        composed: Composed,
        title: String,
        draft: Option<u64>,
        wanted: Wanted,
    ) -> Result<Published, ServiceError> {
        self.may_author(&composed).await?;
        let (mut preview, mut approval) = (None, None);
        if wanted.preview || wanted.dry_run {
            let would = self.would(&composed, title.clone()).await?;
            (preview, approval) = (Some(would.0), would.1);
        }
        let Composed { record, parts } = composed;
        let replaced = record.manifest().supersedes.clone();
        let recovering = self.look(|state, _, _| state.recovery().is_some()).await?;
        let (waits_for, unaware) = (Vec::new(), self.unaware(&record, &parts, &title).await?);
        if wanted.dry_run {
            let record = record.id().to_string();
            // It gets one as it is signed.
            preview.iter_mut().for_each(|preview| preview.record.reference.clear());
            return Ok(Published {
                record,
                reference: None,
                preview,
                recovering,
                unsend_until: None,
                approval,
                nothing_sent: false,
                files: Vec::new(),
                waits_for,
                unaware,
            });
        }
        let record = Box::new(record);
        let command = if wanted.anyway {
            Command::PublishAnyway { record, title }
        } else {
            Command::Publish { record, parts, title, draft }
        };
        match self.command(command).await? {
            Reply::Published { record, reference } => {
                // Who published it hears at once that it does not go, and not when it would.
                self.examine_if_possible(&record.to_string()).await;
                if let Some(preview) = &mut preview {
                    preview.record.reference.clone_from(&reference);
                }
                let now = self.now();
                let waits = move |state: &State| {
                    (state.unsend_until(&record), approvals::waits(state, &record, now))
                };
                let (unsend_until, approval) = self.look(move |state, _, _| waits(state)).await?;
                let unsend_until = unsend_until.map(|until| until.to_string());
                // Whatever was let out of them before is in the books by now.
                let files = self.look(move |state, _, _| {
                    replaced.iter().flat_map(|id| files::lines(state, id)).collect()
                });
                let files = files.await?;
                let (record, reference) = (record.to_string(), Some(reference));
                Ok(Published {
                    record,
                    reference,
                    preview,
                    recovering,
                    unsend_until,
                    approval,
                    nothing_sent: false,
                    files,
                    waits_for,
                    unaware,
                })
            }
            Reply::Drafts(_) | Reply::LetOut(_) | Reply::Done => {
                Err(ServiceError::data("publish", "the node answered something else"))
            }
        }
    }

    /// Who holds what a record that is not here replaces, and would learn nothing of it.
    async fn unaware(
        &self,
        record: &VerifiedRecord,
        parts: &[comity_core::record::Part],
        title: &str,
    ) -> Result<Vec<UnawareLine>, ServiceError> {
        if record.manifest().supersedes.is_empty() {
            return Ok(Vec::new());
        }
        let (record, parts, now) = (record.clone(), parts.to_vec(), self.now());
        let title = title.to_owned();
        self.look(move |state, _, _| {
            unaware(state, &as_held(state, &record, &parts, title, now), now)
        })
        .await
    }

    /// What a person's key is not granted for is said before anything else, of a dry run too.
    async fn may_author(&self, composed: &Composed) -> Result<(), ServiceError> {
        let Some(caller) = self.caller() else { return Ok(()) };
        if composed.record.manifest().kind == Kind::Keyring {
            return Ok(());
        }
        let name = caller.name.clone();
        let (record, parts, now) = (composed.record.clone(), composed.parts.clone(), self.now());
        let entitled =
            self.look(move |state, _, _| state.may_author(&record, &parts, None, now)).await?;
        entitled.map_err(|why| {
            let message = format!("the key of `{name}` may not sign this: {why}");
            ServiceError::new(ErrorKind::NoPermission, "not-entitled", message)
                .next("comity staff list, which says who may sign what")
        })
    }

    /// Who would get which part of a record that is not here, and whether it would wait for a second person.
    async fn would(
        &self,
        composed: &Composed,
        title: String,
    ) -> Result<(Preview, Option<ApprovalNeed>), ServiceError> {
        let (record, parts, now) = (composed.record.clone(), composed.parts.clone(), self.now());
        let desks = self.parts.config.local.desks.clone();
        let looked = self.look_at(&parts).await?;
        self.look(move |state, engine, _| {
            let mut held = as_held(state, &record, &parts, title, now);
            as_examined(state, &mut held, &looked);
            let need = approvals::about_to_wait(state, engine, &mut held, now);
            let certainly = engine.certainly();
            let seen = |held: &Held| Preview {
                // Whoever signs it has named them.
                desks: desks_abroad(state, held),
                ..preview(state, certainly.as_ref(), &record.id(), held, &desks, now)
            };
            let would = match need {
                Some(_) => once_approved(seen(&held), &seen(&state.as_if_approved(&held))),
                None => seen(&held),
            };
            (would, need)
        })
        .await
    }

    /// Who gets which part of a record now.
    pub async fn preview(&self, record: &str) -> Result<Preview, ServiceError> {
        self.examine_if_possible(record).await;
        let (record, now) = (record.to_owned(), self.now());
        let desks = self.parts.config.local.desks.clone();
        self.look(move |state, engine, _| {
            let id = find_record(state, &record)?;
            let held =
                state.record(&id).ok_or_else(|| ServiceError::no_input("no-record", record))?;
            Ok(preview(state, engine.certainly().as_ref(), &id, held, &desks, now))
        })
        .await?
    }
}

/// A record that was not entered, as it would be.
fn as_held(
    state: &State,
    record: &VerifiedRecord,
    parts: &[comity_core::record::Part],
    title: String,
    now: Timestamp,
) -> Held {
    let held = parts.iter().map(|part| (part.digest, part.header.clone(), part.bytes.len() as u64));
    state.as_if_entered(record, held, title, now)
}

/// Who gets nothing before a second person has approved it, with what they get then: of the rest, why they get
/// nothing then either.
fn once_approved(mut before: Preview, then: &Preview) -> Preview {
    for (part, then) in before.parts.iter_mut().zip(&then.parts) {
        for (cell, then) in part.cells.iter_mut().zip(&then.cells) {
            match then.outcome.as_str() {
                words::WITHHOLD => *cell = then.clone(),
                outcome => cell.once_approved = Some(outcome.to_owned()),
            }
        }
    }
    before
}

pub(super) fn preview(
    state: &State,
    certainly: Option<&Certainly>,
    id: &RecordId,
    held: &Held,
    desks: &BTreeSet<String>,
    now: Timestamp,
) -> Preview {
    // Where a part is not shown, its name is not either.
    let sight = local::sight(state, held, desks, None, now);
    let shown = |part: &PartDigest| sight.get(part).is_some_and(Result::is_ok);
    let partners = state.paired();
    let plans: Vec<Plan> = partners.iter().map(|partner| state.plan(held, partner, now)).collect();
    let going: Vec<Option<Plan>> = (partners.iter().zip(&plans))
        .map(|(partner, plan)| Some(certainly?.of(state, held, partner, plan, now)))
        .collect();
    // Of one part, or of a control record.
    let cells = |part: Option<&PartDigest>| {
        let decided = |plan: &Plan| match part {
            Some(part) => {
                let planned = plan.parts().iter().find(|one| one.digest == *part)?;
                Some(planned.decision.clone())
            }
            None => plan.control().cloned(),
        };
        partners
            .iter()
            .zip(plans.iter().zip(&going))
            .filter_map(|(partner, (plan, going))| {
                let cell = cell(state, partner, state.policy(), &decided(plan)?);
                let waits = going.as_ref().and_then(|it| Certainly::why_waits(plan, it, part));
                Some(match waits {
                    Some(why) => {
                        let (outcome, reason) = (words::HOLD.to_owned(), Some(why.to_owned()));
                        Cell { outcome, reason, ..cell }
                    }
                    None => cell,
                })
            })
            .collect::<Vec<_>>()
    };
    let mut parts: Vec<PreviewPart> = held
        .parts
        .iter()
        .map(|part| PreviewPart {
            part: part.digest.to_string(),
            section: part.counts_as.to_string(),
            tlp: part.marking.tlp.to_string(),
            marking: match shown(&part.digest) {
                true => markings::fields(state, &part.marking),
                false => markings::label(&part.marking),
            },
            size: held.sizes.get(&part.digest).copied().unwrap_or(0),
            file_name: held.file_names.get(&part.digest).filter(|_| shown(&part.digest)).cloned(),
            destination: part.destination.map(|economy| state.name_of(&economy)),
            cells: cells(Some(&part.digest)),
        })
        .collect();
    if held.facts.kind.is_control() {
        parts.push(PreviewPart {
            part: "manifest".to_owned(),
            section: held.facts.kind.to_string(),
            tlp: held.facts.floor.tlp.to_string(),
            marking: markings::label(&held.facts.floor),
            size: held.signed_bytes,
            file_name: None,
            destination: None,
            cells: cells(None),
        });
    }
    let embargoes = held.parts.iter().filter_map(|part| part.marking.embargo_until);
    Preview {
        embargo_until: embargoes.filter(|until| *until > now).max().map(|until| until.to_string()),
        record: words::record_line(state, id, held, now),
        partners: partners.iter().map(|partner| state.name_of(partner)).collect(),
        parts,
        bound_together: (partners.iter().zip(&plans))
            .filter_map(|(partner, plan)| bound_together(state, held, partner, plan))
            .collect(),
        no_partners: no_partners(state, held),
        desks: Vec::new(),
        takes_on: (partners.iter().zip(&plans))
            .filter_map(|(partner, plan)| takes_on(state, partner, plan))
            .collect(),
        policy: state.policy().version(),
        at: now.to_string(),
    }
}

fn cell(
    state: &State,
    partner: &EconomyId,
    snapshot: &PolicySnapshot,
    decision: &policy::Decision,
) -> Cell {
    let (outcome, until) = words::outcome(decision);
    Cell {
        partner: state.name_of(partner),
        outcome: outcome.to_owned(),
        once_approved: None,
        until: until.map(|until| until.to_string()),
        gate: decision.deciding().map(|judgement| judgement.gate.to_string()),
        reason: policy::reason(snapshot, decision),
    }
}

/// The draft of a record from a request, or from a draft that the request marks and addresses.
fn draft(
    state: &State,
    request: &PublishRequest,
    from: Option<Draft>,
) -> Result<Draft, ServiceError> {
    let mut draft = match from {
        Some(draft) => draft,
        None => Draft::new(kind(request)?),
    };
    if request.draft.is_none() || request.urgency.is_some() {
        draft.urgency = words::urgency(request.urgency.as_deref())?;
    }
    if request.interim {
        draft.state = RecordState::Interim;
    }
    let default = markings::marking(state, &request.marking, draft.marking.as_ref())?;
    if let (Some(before), Some(after)) = (&draft.marking, &default)
        && after.tlp < before.tlp
    {
        // Somebody else's document says how far it may go.
        let message = format!("the document is marked {}, and {} is weaker", before.tlp, after.tlp);
        return Err(ServiceError::usage("weaker-marking", message)
            .next("mark it as strictly or more; whoever made the document may mark it anew"));
    }
    for part in &request.parts {
        let (header, content) = part_of(state, part, default.as_ref())?;
        draft.parts.push((header, content));
    }
    let unmarked = draft.parts.iter().any(|(header, _)| header.marking.is_none());
    if default.is_none() && unmarked {
        let message = "the record has no marking: nobody can tell how far it may go";
        return Err(ServiceError::data("unmarked", message)
            .next("give it one: --tlp clear|green|amber|amber+strict|red"));
    }
    if request.draft.is_some() && request.marking != crate::api::MarkingFields::default() {
        // Whoever marks a draft marks all of it; a part keeps what was stricter.
        for (header, _) in &mut draft.parts {
            if let (Some(own), Some(default)) = (&header.marking, &default) {
                header.marking = Some(own.join(default));
            }
        }
    }
    draft.marking = default;
    for addressee in &request.to {
        let named = addressee_of(state, addressee, &draft)?;
        draft.addressees.push(named);
    }
    let named: Result<Vec<_>, _> =
        request.supersedes.iter().map(|text| replaceable(state, text)).collect();
    let named = named?;
    replaces_the_last(state, &named)?;
    draft.supersedes = with_replaced(state, named);
    Ok(draft)
}

/// What is over before it may begin goes to nobody, ever: nobody means that.
fn ever_goes(state: &State, draft: &Draft, now: Timestamp) -> Result<(), ServiceError> {
    let markings = draft
        .parts
        .iter()
        .filter_map(|(header, _)| header.marking.as_ref().or(draft.marking.as_ref()));
    for marking in markings {
        let Some(expires) = marking.expires else { continue };
        let begins = marking.release_at.unwrap_or(now).max(now);
        if expires <= begins {
            let said = markings::in_words(state, marking);
            let message = format!("marked {said}, it would be over before it goes to anybody");
            return Err(ServiceError::data("never-goes", message)
                .next("a later `expires`, or an earlier `release-at`"));
        }
    }
    Ok(())
}

fn kind(request: &PublishRequest) -> Result<Kind, ServiceError> {
    let name = request.kind.as_deref().unwrap_or("advisory");
    Kind::from_name(name).filter(|kind| !kind.is_control()).ok_or_else(|| {
        ServiceError::usage("kind", format!("`{name}` is not a kind of record that people write"))
            .next("advisory, incident, sightings, request, response or note")
    })
}

fn part_of(
    state: &State,
    part: &PartRequest,
    default: Option<&Marking>,
) -> Result<(Header, Vec<u8>), ServiceError> {
    let section = words::section(&part.section)?;
    let content = match (&part.text, &part.base64) {
        (Some(text), None) => text.clone().into_bytes(),
        (None, Some(base64)) => words::from_base64(base64)?,
        (None, None) | (Some(_), Some(_)) => {
            let message = format!("part `{}` needs either text or a file", part.section);
            return Err(ServiceError::usage("part-content", message));
        }
    };
    let mut header = Header::new(section, part.media_type.as_deref().unwrap_or("text/plain"));
    header.classes = words::classes(&part.classes)?;
    header.language.clone_from(&part.language);
    header.file_name.clone_from(&part.file_name);
    header.translates = part.translates.as_deref().map(words::section).transpose()?;
    let destination = part.destination.as_deref().map(|text| find_economy(state, text));
    header.destination = destination.transpose()?;
    if part.marking != crate::api::MarkingFields::default() {
        header.marking = markings::marking(state, &part.marking, default)?;
    }
    let exercise = |marking: Option<&Marking>| marking.and_then(|one| one.exercise.clone());
    if header.marking.is_some() && exercise(header.marking.as_ref()) != exercise(default) {
        let message = format!(
            "part `{}` belongs to an exercise of its own: a record is of an exercise whole, or not",
            part.section
        );
        return Err(ServiceError::data("part-exercise", message)
            .next("name the exercise in the marking of the record"));
    }
    if let (Some(own), Some(default)) = (&header.marking, default)
        && !own.at_least(default)
    {
        let message = format!(
            "part `{}` is marked {}, weaker than the record's {}: a part is only ever stricter",
            part.section,
            markings::in_words(state, own),
            markings::in_words(state, default)
        );
        return Err(ServiceError::data("part-weaker", message)
            .next("mark the record as its loosest part is to be, and the others stricter"));
    }
    Ok((header, content))
}

fn addressee_of(
    state: &State,
    request: &AddresseeRequest,
    draft: &Draft,
) -> Result<AddresseeDraft, ServiceError> {
    let group = request.group.as_deref().map(|text| find_group(state, text)).transpose()?;
    if let Some(group) = group {
        to_group(state, request, group)?;
    }
    let economy = match group {
        Some(_) => None,
        None => Some(find_partner(state, &request.economy)?),
    };
    let sections: Result<Vec<Section>, _> =
        request.sections.iter().map(|name| words::section(name)).collect();
    let sections = sections?;
    let listed = |header: &Header| {
        let meant = sections.is_empty() || sections.contains(&header.counts_as());
        meant && header.destination.is_none_or(|destination| Some(destination) == economy)
    };
    let parts: Vec<usize> = draft
        .parts
        .iter()
        .enumerate()
        .filter(|(_, (header, _))| listed(header))
        .map(|(place, _)| place)
        .collect();
    if let Some(missing) = sections
        .iter()
        .find(|section| !draft.parts.iter().any(|(header, _)| header.counts_as() == **section))
    {
        let name = request.group.as_deref().unwrap_or(&request.economy);
        let message = format!("`{name}` is to have `{missing}`, but no part is one");
        return Err(ServiceError::usage("addressee-section", message));
    }
    if let (Some(_), None) = (economy, &request.desk) {
        more_than_red(request, draft, &parts)?;
    }
    let relays: Result<Vec<_>, _> =
        request.relays.iter().map(|text| find_partner(state, text)).collect();
    let named = group.map(|group| (group.id(), group.head().epoch));
    let mut addressee =
        AddresseeDraft { economy, desk: None, group: named, relays: Vec::new(), parts };
    addressee.desk.clone_from(&request.desk);
    addressee.relays = relays?;
    addressee.relays.sort_unstable();
    Ok(addressee)
}

/// RED is for people: an economy without a desk gets none of it, and should get something else.
fn more_than_red(
    request: &AddresseeRequest,
    draft: &Draft,
    parts: &[usize],
) -> Result<(), ServiceError> {
    let mut listed = parts.iter().filter_map(|place| draft.parts.get(*place));
    let is_red = |header: &Header| {
        header.marking.as_ref().or(draft.marking.as_ref()).is_some_and(|one| one.tlp == Tlp::Red)
    };
    if parts.is_empty() || listed.any(|(header, _)| !is_red(header)) {
        return Ok(());
    }
    let message = format!(
        "TLP:RED goes to people, and `{}` is an economy: nothing would ever go there",
        request.economy
    );
    Err(ServiceError::usage("red-without-desk", message)
        .next("name a desk or person beside it: desk = \"duty officer\""))
}

/// Whether anybody can be addressed through a group.
fn to_group(
    state: &State,
    request: &AddresseeRequest,
    group: &Arc<Group>,
) -> Result<(), ServiceError> {
    let name = group.founding().charter().name();
    if !request.economy.is_empty() || request.desk.is_some() {
        let message = format!("an addressee is an economy or a group, and not both: `{name}`");
        return Err(ServiceError::usage("addressee-group", message)
            .next("write a [[to]] of its own for each"));
    }
    markings::is_ours(state, group)
}
