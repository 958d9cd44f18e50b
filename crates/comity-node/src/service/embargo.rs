//! Lifting an embargo. It is in what was signed, so the record is signed once more without it.

use comity_core::policy::Lifecycle;
use comity_core::record::{self, AddresseeDraft, Draft, Manifest, Part};
use comity_core::{Marking, PartDigest, RecordId, Section, Timestamp};

use super::compose::Wanted;
use super::records::found;
use super::replacing::with_replaced;
use super::{Service, erasing, words};
use crate::api::{EmbargoRequest, Published};
use crate::error::ServiceError;
use crate::shell::load;
use crate::state::{Held, State};

impl Service {
    /// Publishes a record of ours anew, without its embargo, in the place of the one that has it. All else
    /// is as it was: contents, markings, whom it is addressed to.
    pub async fn lift_embargo(&self, request: EmbargoRequest) -> Result<Published, ServiceError> {
        let (text, release, now) = (request.record, request.release, self.now());
        let (supersedes, seq, digests, title, reference) = self
            .look(move |state, _, _| {
                let (id, held) = found(state, &text)?;
                is_under_embargo(state, &id, held, (release, now))?;
                erasing::is_whole(state, held)?;
                let digests: Vec<_> = held.parts.iter().map(|part| part.digest).collect();
                let (title, reference) = (held.title.clone(), held.reference.clone());
                let supersedes = with_replaced(state, vec![id]);
                Ok::<_, ServiceError>((supersedes, held.seq, digests, title, reference))
            })
            .await??;
        let unreadable = |why: String| ServiceError::data("unreadable", why);
        let loaded = load(&*self.parts.store, seq, &digests).map_err(unreadable)?;
        let parsed =
            record::parse(&loaded.signed).map_err(|error| unreadable(error.to_string()))?;
        let mut parts = Vec::new();
        for (digest, bytes) in loaded.parts {
            let part = Part::decode(bytes).map_err(|error| unreadable(error.to_string()))?;
            parts.push((digest, part));
        }
        let manifest = parsed.manifest();
        let whole = parts.len() == manifest.parts.len();
        let draft = whole.then(|| lifted(supersedes, manifest, parts, release)).flatten();
        let draft = draft.ok_or_else(|| {
            let message = format!("not every part of {reference} is here");
            ServiceError::data("incomplete", message)
                .next("publish it anew from its file, with `supersedes`")
        })?;
        let wanted = Wanted { preview: request.preview, anyway: false, dry_run: request.dry_run };
        self.sign(draft, title, None, wanted).await
    }
}

/// Only the origin lifts, and only what stands.
fn is_under_embargo(
    state: &State,
    id: &RecordId,
    held: &Held,
    (release, now): (bool, Timestamp),
) -> Result<(), ServiceError> {
    let reference = &held.reference;
    if held.facts.origin != state.us() {
        let origin = state.name_of(&held.facts.origin);
        let message = format!("{reference} is of {origin}: only its origin lifts its embargo");
        return Err(ServiceError::data("not-ours", message).next(format!(
            "ask {origin} to lift it, or whether it may go further: comity consent ask {reference}"
        )));
    }
    if held.facts.lifecycle != Lifecycle::Live {
        let lifecycle = words::record_line(state, id, held, now).lifecycle;
        return Err(ServiceError::data("not-live", format!("{reference} is {lifecycle}")));
    }
    let markings =
        || std::iter::once(&held.facts.floor).chain(held.parts.iter().map(|part| &part.marking));
    let ahead = |at: &Timestamp| *at > now;
    let embargo = markings().filter_map(|marking| marking.embargo_until).any(|at| ahead(&at));
    let released = markings().filter_map(|marking| marking.release_at).filter(ahead).max();
    if release {
        return released.map(drop).ok_or_else(|| {
            let message = format!("{reference} has no time of release that is still to come");
            let next = if embargo { "embargo lift" } else { "explain" };
            ServiceError::data("no-release-time", message)
                .next(format!("comity {next} {reference}"))
        });
    }
    if embargo {
        return Ok(());
    }
    if let Some(at) = released {
        let message = format!("{reference} is under no embargo: nobody gets it before {at}");
        return Err(ServiceError::data("no-embargo", message).next(format!(
            "to release it before its time: comity embargo lift {reference} --release"
        )));
    }
    Err(ServiceError::data("no-embargo", format!("{reference} is under no embargo"))
        .next(format!("comity explain {reference}")))
}

/// The same once more, without an embargo, in the place of these. `None`: an addressee may have a part that
/// is not here.
fn lifted(
    supersedes: Vec<RecordId>,
    before: &Manifest,
    parts: Vec<(PartDigest, Part)>,
    release: bool,
) -> Option<Draft> {
    let open = |marking: &Marking| Marking {
        embargo_until: marking.embargo_until.filter(|_| release),
        release_at: marking.release_at.filter(|_| !release),
        ..marking.clone()
    };
    let mut draft = Draft::new(before.kind);
    (draft.state, draft.urgency) = (before.state, before.urgency);
    draft.marking = Some(open(&before.floor));
    draft.supersedes = supersedes;
    let (addressees, content): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|(_, part)| part.header.section == Section::Addressee);
    let digests: Vec<_> = content.iter().map(|(digest, _)| *digest).collect();
    let place = |part: &PartDigest| digests.iter().position(|digest| digest == part);
    for named in addressees.iter().filter_map(|(_, part)| part.header.addressee.as_ref()) {
        draft.addressees.push(AddresseeDraft {
            economy: named.economy,
            desk: named.desk.clone(),
            group: named.group,
            relays: named.relays.clone(),
            parts: named.parts.iter().map(place).collect::<Option<_>>()?,
        });
    }
    for (_, part) in content {
        let mut header = part.header;
        header.marking = header.marking.as_ref().map(open);
        draft.parts.push((header, part.content.to_vec()));
    }
    Some(draft)
}
