//! A second person: what waits for one, and what one says.

use comity_core::control::{ApprovalBody, ApprovalVerdict};
use comity_core::journal::ApprovalCause;
use comity_core::policy::{Approval, Word};
use comity_core::{EconomyId, KeyId, Kind, RecordId, Timestamp, Tlp};

use super::compose::preview;
use super::records::found;
use super::{Service, caller, emergencies, words};
use crate::api::{
    ApprovalLine, ApprovalNeed, ApprovalReport, ApprovalSaid, ApproveRequest, Approved,
};
use crate::engine::Engine;
use crate::error::{ErrorKind, ServiceError};
use crate::founding::DESK;
use crate::state::{Awaited, Held, State, Unheard, Verdict};

impl Service {
    /// What waits for a second person, the record that has waited longest first.
    pub async fn approvals(&self) -> Result<ApprovalReport, ServiceError> {
        let (now, sees) = (self.now(), self.sees());
        self.look(move |state, _, _| {
            let waiting = state.awaiting_approval().into_iter();
            let waiting = waiting.map(|(held, awaited)| ApprovalLine {
                approvers: state.approvers_of(&held.facts.id, now),
                ..line(state, held, awaited, sees)
            });
            let due = state.unsettled_emergencies(now).into_iter();
            let due = due.filter_map(|(word, _)| emergencies::line_of(state, word, sees, now));
            ApprovalReport {
                approvers: state.approvers(now),
                waiting: waiting.collect(),
                emergencies: due.collect(),
            }
        })
        .await
    }

    /// The word of whoever asks about a record that waits: signed with their own key, or only who would get
    /// what.
    pub async fn approve(&self, asked: ApproveRequest) -> Result<Approved, ServiceError> {
        let ApproveRequest { record, refuse, note, dry_run } = asked;
        words::one_line("note", &note)?;
        if refuse && note.is_empty() {
            return Err(ServiceError::usage("note", "a refusal says why, for whoever signed it")
                .next("say why in one line: --reason \"...\""));
        }
        let key = match self.caller() {
            Some(_) => self.signer()?.id(),
            None => return Err(nobody_approves()),
        };
        self.examine_if_possible(&record).await;
        let (now, sees) = (self.now(), self.sees());
        let desks = self.parts.config.local.desks.clone();
        let (id, reference, mut approved) = self
            .look(move |state, engine, _| {
                let (id, held) = found(state, &record)?;
                if state.emergency(&id).is_some() {
                    return Err(confirmed_otherwise(held));
                }
                may(state, &id, held, key, now)?;
                let awaited = state.awaited(&id).ok_or_else(|| not_awaited(held))?;
                let would = state.as_if_approved(held);
                let preview = (!refuse)
                    .then(|| preview(state, engine.certainly().as_ref(), &id, &would, &desks, now));
                let unsend_until = state.unsend_until(&id).filter(|until| *until > now);
                let approved = Approved {
                    line: line(state, held, awaited, sees),
                    preview,
                    unsend_until: unsend_until.map(|until| until.to_string()),
                    recovering: state.recovery().is_some(),
                    in_quarantine: words::record_line(state, &id, held, now)
                        .standing_reason
                        .filter(|_| held.standing.is_aside()),
                };
                Ok::<_, ServiceError>((id, held.reference.clone(), approved))
            })
            .await??;
        if dry_run {
            return Ok(approved);
        }
        let (verdict, title) = if refuse {
            (ApprovalVerdict::Refuse, format!("Refusal of {reference}"))
        } else {
            (ApprovalVerdict::Approve, format!("Approval of {reference}"))
        };
        let body = ApprovalBody { record: id, verdict, note };
        self.publish_control(Kind::Approval, body.encode(), title).await?;
        let line = self.look(move |state, _, _| approval_line(state, &id, sees)).await?;
        let gone = || ServiceError::no_input("no-record", "the record is gone");
        approved.line = line.ok_or_else(gone)?;
        Ok(approved)
    }
}

/// Where there is no staff, nobody is two.
pub(super) fn nobody_approves() -> ServiceError {
    let message = "an approval is the word of a second person, and nobody of the staff is named";
    ServiceError::new(ErrorKind::NoPermission, "no-approver", message)
        .next("comity staff add NAME --role approver; then the same command with --staff NAME")
}

/// A release is confirmed by a command that says what it is.
fn confirmed_otherwise(held: &Held) -> ServiceError {
    let reference = &held.reference;
    let message = format!("{reference} is an emergency release, which is confirmed or refused");
    ServiceError::usage("emergency", message).next(format!("comity release confirm {reference}"))
}

fn not_awaited(held: &Held) -> ServiceError {
    let reference = &held.reference;
    ServiceError::usage("not-waiting", format!("{reference} does not wait for a second person"))
        .next("comity approvals")
}

/// Whether the word of whoever has this key counts, and what to do where it does not.
fn may(
    state: &State,
    id: &RecordId,
    held: &Held,
    key: KeyId,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let Err(why) = state.may_say_of(id, key, now) else { return Ok(()) };
    let reference = &held.reference;
    let message = format!("{reference}: {why}");
    let refused = |code| ServiceError::new(ErrorKind::NoPermission, code, message.clone());
    Err(match &why {
        Unheard::NoRecord | Unheard::NotAwaited => not_awaited(held),
        Unheard::TakenBack => {
            ServiceError::data("taken-back", message).next(format!("comity show {reference}"))
        }
        Unheard::Said(..) => {
            ServiceError::data("said-already", message).next(format!("comity show {reference}"))
        }
        Unheard::AuthorUnknown(key) => refused("author-unknown")
            .next(format!("say whose key it is: comity staff recognise {key} NAME")),
        Unheard::Author => refused("own-record").next("ask another approver: comity staff list"),
        Unheard::NoApprover => refused("no-approver").next("comity staff add NAME --role approver"),
        Unheard::NotGranted(_) => refused("not-granted").next("comity staff list"),
    })
}

/// A record that takes a second person, if it does.
pub(super) fn approval_line(
    state: &State,
    id: &RecordId,
    sees: Option<Tlp>,
) -> Option<ApprovalLine> {
    Some(line(state, state.record(id)?, state.awaited(id)?, sees))
}

fn line(state: &State, held: &Held, awaited: &Awaited, sees: Option<Tlp>) -> ApprovalLine {
    let name = |key: KeyId| state.staff().ever_held(key).map(str::to_owned);
    let strictest = held.parts.iter().map(|part| part.marking.tlp).max();
    let said = awaited.said.as_ref().map(|word| said(state, held, word, sees));
    ApprovalLine {
        record: held.facts.id.to_string(),
        reference: held.reference.clone(),
        kind: held.facts.kind.to_string(),
        title: caller::discreet_title(held, sees, held.title.clone()),
        tlp: strictest.unwrap_or(held.facts.floor.tlp).to_string(),
        author: name(held.facts.author).unwrap_or_else(|| nobodys(state, held.facts.author)),
        unclaimed: state.is_stranger(held.facts.author).then(|| held.facts.author.to_string()),
        approvers: Vec::new(),
        causes: in_words(&awaited.causes),
        since: awaited.since.to_string(),
        said,
    }
}

/// Who signed with a key that is not known to be anybody's of the staff.
fn nobodys(state: &State, author: KeyId) -> String {
    if state.is_stranger(author) {
        format!("somebody of the staff ({})", author.short())
    } else {
        DESK.to_owned()
    }
}

/// A second person's word about a record, or about what became of it.
pub(super) fn said(state: &State, held: &Held, said: &Verdict, sees: Option<Tlp>) -> ApprovalSaid {
    let name = state.staff().ever_held(said.key).map(str::to_owned);
    ApprovalSaid {
        verdict: match said.verdict {
            ApprovalVerdict::Approve => "approved",
            ApprovalVerdict::Refuse | ApprovalVerdict::Emergency { .. } => "refused",
        }
        .to_owned(),
        by: name.unwrap_or_else(|| said.key.to_string()),
        at: said.at.to_string(),
        // It may say what the record says.
        note: (!said.note.is_empty())
            .then(|| caller::discreet_title(held, sees, said.note.clone())),
        reference: state.record(&said.by).map(|word| word.reference.clone()).unwrap_or_default(),
    }
}

fn in_words(causes: &[ApprovalCause]) -> Vec<String> {
    causes.iter().map(ToString::to_string).collect()
}

/// Why a record that is about to be signed takes a second person, if it does; from then on it waits.
pub(super) fn about_to_wait(
    state: &State,
    engine: &Engine,
    held: &mut Held,
    now: Timestamp,
) -> Option<ApprovalNeed> {
    let causes = engine.would_await(held, now);
    let first = causes.first()?.to_string();
    held.facts.approval = Approval::Awaited(Word::new(&first));
    Some(need(state, held, &causes, now))
}

/// The same of a record that was just signed.
pub(super) fn waits(state: &State, id: &RecordId, now: Timestamp) -> Option<ApprovalNeed> {
    let (held, awaited) = (state.record(id)?, state.awaited(id)?);
    Some(need(state, held, &awaited.causes, now))
}

fn need(state: &State, held: &Held, causes: &[ApprovalCause], now: Timestamp) -> ApprovalNeed {
    let author = state.staff().ever_held(held.facts.author);
    let approvers = state.approvers(now).into_iter();
    let approvers = approvers.filter(|name| Some(name.as_str()) != author);
    ApprovalNeed { causes: in_words(causes), approvers: approvers.collect() }
}

/// The break of the glass, for whoever looks at its record.
fn in_emergency(
    state: &State,
    held: Option<&Held>,
    name: &str,
    to: EconomyId,
    reason: &str,
) -> String {
    let label = |held: &Held| held.parts.iter().map(|part| part.marking.tlp).max();
    let open = held.and_then(label).is_some_and(|label| label <= Tlp::Green);
    let what = format!("releases {name} to {} in an emergency", state.name_of(&to));
    if open { format!("{what}: {reason}") } else { what }
}

/// A second person's word, for whoever looks at its record.
pub(super) fn body_in_words(state: &State, body: &ApprovalBody) -> String {
    let held = state.record(&body.record);
    let name = held.map_or_else(|| body.record.to_string(), |held| held.reference.clone());
    let verdict = match body.verdict {
        ApprovalVerdict::Approve => "approves",
        ApprovalVerdict::Refuse => "refuses",
        ApprovalVerdict::Emergency { to } => {
            return in_emergency(state, held, &name, to, &body.note);
        }
    };
    // A note may say what the record says: above GREEN it is shown with the record alone.
    let label = |held: &Held| held.parts.iter().map(|part| part.marking.tlp).max();
    let open = held.and_then(label).is_some_and(|label| label <= Tlp::Green);
    if body.note.is_empty() || !open {
        format!("{verdict} {name}")
    } else {
        format!("{verdict} {name}: {}", body.note)
    }
}
