//! What is kept from everybody until a person decides.

use comity_core::control::AcceptanceBody;
use comity_core::journal::Standing;
use comity_core::{Kind, RecordId};

use super::key_ends::anew;
use super::records::found;
use super::{Service, words};
use crate::api::{
    HoldLine, QuarantineLine, QuarantineRequest, RuleRequest, RuleVerdict, RuledLine, RulingLine,
};
use crate::engine::Command;
use crate::error::ServiceError;
use crate::shell_word::word;
use crate::state::{Held, State, Undroppable};

impl Service {
    /// Records that are kept from everybody, the one that has waited longest first.
    pub async fn quarantine(
        &self,
        request: QuarantineRequest,
    ) -> Result<Vec<QuarantineLine>, ServiceError> {
        let now = self.now();
        self.look(move |state, _, _| {
            let meant = |held: &Held| match &held.standing {
                Standing::Accepted | Standing::Pending(_) => false,
                // An introduction that a person has set aside waits for nobody.
                Standing::Quarantined(_) | Standing::InReview(_) => {
                    held.facts.kind != Kind::Introduction
                }
                Standing::Dropped => request.dropped,
            };
            let held = state.records().filter(|(_, held)| meant(held));
            let mut found: Vec<_> = held.collect();
            found.sort_by_key(|(_, held)| (held.standing_since, held.seq));
            let lines = found.into_iter().filter_map(|(id, held)| {
                let line = words::record_line(state, id, held, now);
                Some(QuarantineLine { line, held: hold_line(state, held)? })
            });
            lines.collect()
        })
        .await
    }

    /// A person decides about a record: it counts, or it does not.
    pub async fn rule(&self, request: RuleRequest) -> Result<RuledLine, ServiceError> {
        let RuleRequest { record, verdict, by, reason, dry_run } = request;
        // Somebody who was asked for a passphrase needs no other word for the name.
        let by = self.caller().map_or(by, |caller| caller.name.clone());
        said("name", &by)?;
        said("reason", &reason)?;
        let id = self.look(move |state, _, _| ruled(state, &record, verdict)).await??;
        let standing = match verdict {
            RuleVerdict::Release => Standing::Accepted,
            RuleVerdict::Hold => Standing::Quarantined(HELD.to_owned()),
            RuleVerdict::Drop => Standing::Dropped,
        };
        if !dry_run {
            self.command(Command::Rule { record: id, standing, by, reason }).await?;
        }
        let now = self.now();
        let line = self.look(move |state, _, _| {
            state.record(&id).map(|held| RuledLine {
                line: words::record_line(state, &id, held, now),
                unheeded: unheeded(state, held).filter(|_| verdict == RuleVerdict::Release),
            })
        });
        line.await?.ok_or_else(|| ServiceError::no_input("no-record", "the record is gone"))
    }
}

/// Why a record is in quarantine that a person put there.
const HELD: &str = "held by a person here";

/// A name and a reason are what the decision is worth later.
pub(super) fn said(what: &'static str, text: &str) -> Result<(), ServiceError> {
    if text.trim().is_empty() {
        return Err(ServiceError::usage(what, format!("the {what} is empty"))
            .next("say who decides (--by NAME) and why (--reason TEXT)"));
    }
    words::short(what, text)
}

/// How a record is kept from everybody, if it is.
pub(super) fn hold_line(state: &State, held: &Held) -> Option<HoldLine> {
    let by_person = held.ruling.as_ref().is_some_and(|ruling| ruling.standing == held.standing);
    let cause = match &held.standing {
        Standing::Accepted | Standing::Pending(_) => return None,
        Standing::Dropped => "dropped",
        Standing::InReview(_) => "review",
        Standing::Quarantined(_) if by_person => "person",
        Standing::Quarantined(_) => "doubt",
    };
    let mut brought_by: Vec<_> = held.source.brought_by().into_iter().collect();
    for later in held.parts.iter().flat_map(|part| &part.sources) {
        if !brought_by.contains(&later.economy) {
            brought_by.push(later.economy);
        }
    }
    let id = &held.facts.id;
    let went_to = state.partners().filter(|(_, one)| one.out.possibly_held(id).is_some());
    Some(HoldLine {
        cause: cause.to_owned(),
        since: held.standing_since.to_string(),
        brought_by: brought_by.iter().map(|economy| state.name_of(economy)).collect(),
        went_to: went_to.map(|(economy, _)| state.name_of(economy)).collect(),
        not_dropped: state.may_drop(held).err().map(|why| why.to_string()),
        not_released: contradicts(state, held),
        unheeded: unheeded(state, held),
    })
}

/// Why no partner counts a record of ours, whatever is decided here, and how its content is said once more.
pub(super) fn unheeded(state: &State, held: &Held) -> Option<String> {
    let why = state.unheeded(held)?;
    Some(format!("no partner counts it, whatever is decided here: {why}; {}", anew(state, held)))
}

/// Which of two keyrings holds that contradict each other, only root keys can say.
fn contradicts(state: &State, held: &Held) -> Option<String> {
    let origin = held.facts.origin;
    (held.facts.kind == Kind::Keyring && state.is_frozen(&origin)).then(|| {
        let name = state.name_of(&origin);
        format!(
            "it contradicts another keyring of {name}: which of them holds, its next root keys say"
        )
    })
}

/// What a person decided about a record last.
pub(super) fn ruling_line(held: &Held) -> Option<RulingLine> {
    let ruling = held.ruling.as_deref()?;
    let verdict = match &ruling.standing {
        Standing::Accepted => "release",
        Standing::Dropped => "drop",
        Standing::Pending(_) | Standing::Quarantined(_) | Standing::InReview(_) => "hold",
    };
    Some(RulingLine {
        verdict: verdict.to_owned(),
        by: ruling.by.clone(),
        reason: ruling.reason.clone(),
        at: ruling.at.to_string(),
    })
}

/// The record that a person decides about. One without content cannot be held: it says what is in force, and is
/// undone by another of its kind. While it is kept from everybody, or where a person let it out, it may be dropped,
/// unless more would go for it.
fn ruled(state: &State, text: &str, verdict: RuleVerdict) -> Result<RecordId, ServiceError> {
    let (id, held) = found(state, text)?;
    let (reference, kind) = (&held.reference, held.facts.kind);
    match verdict {
        RuleVerdict::Hold if kind.is_control() => return Err(no_content(reference, kind)),
        RuleVerdict::Drop if held.standing != Standing::Dropped => {
            state.may_drop(held).map_err(|why| not_dropped(state, held, &why))?;
        }
        RuleVerdict::Release => {
            if let Some(why) = contradicts(state, held) {
                let next =
                    format!("comity partner show {}", word(&state.name_of(&held.facts.origin)));
                let message = format!("{reference} is not released: {why}");
                return Err(ServiceError::usage("not-released", message).next(next));
            }
        }
        RuleVerdict::Hold | RuleVerdict::Drop => {}
    }
    let pointless = match (&held.standing, verdict) {
        (
            Standing::Quarantined(_) | Standing::InReview(_) | Standing::Dropped,
            RuleVerdict::Release,
        )
        | (Standing::Accepted | Standing::Pending(_), RuleVerdict::Hold)
        | (
            Standing::Accepted
            | Standing::Pending(_)
            | Standing::Quarantined(_)
            | Standing::InReview(_),
            RuleVerdict::Drop,
        ) => return Ok(id),
        (Standing::Quarantined(_) | Standing::InReview(_), RuleVerdict::Hold) => {
            format!("{reference} is in quarantine already")
        }
        (Standing::Dropped, RuleVerdict::Hold | RuleVerdict::Drop) => {
            format!("{reference} was dropped already")
        }
        (Standing::Accepted, RuleVerdict::Release) => {
            format!("{reference} is not in quarantine: it counts")
        }
        (Standing::Pending(why), RuleVerdict::Release) => {
            format!("{reference} is not in quarantine: it waits, {why}")
        }
    };
    Err(ServiceError::usage("nothing-to-decide", pointless).next("comity quarantine list"))
}

/// Why a word of control is not dropped, and what there is to do instead.
fn not_dropped(state: &State, held: &Held, why: &Undroppable) -> ServiceError {
    let (reference, kind) = (&held.reference, held.facts.kind);
    let message = format!("{reference} is a record of kind `{kind}`, which {why}");
    let waits = state.waits(held);
    let release = format!("comity quarantine release {reference} --reason TEXT");
    let next = match why {
        Undroppable::Counts => undone(state, held),
        Undroppable::TakesBack if kind == Kind::Withdrawal && held.facts.origin == state.us() && waits => {
            "say it once more, with a key that counts: comity withdraw REFERENCE, or comity recall REFERENCE".to_owned()
        }
        Undroppable::TakesBack if waits => format!("where it is its signer's word: {release}"),
        Undroppable::TakesBack => "nothing: it waits for nobody, and is not counted".to_owned(),
        Undroppable::Restricts => format!("ask its signer; where it is its word: {release}"),
        Undroppable::Accepts(agreement) => format!(
            "where it is its signer's word: {release}; {agreement} is ended with comity agreement terminate {agreement}"
        ),
    };
    let code = if *why == Undroppable::Counts { "control-record" } else { "not-dropped" };
    ServiceError::usage(code, message).next(next)
}

/// By what a word of control that counts is undone: another one.
fn undone(state: &State, held: &Held) -> String {
    let reference = &held.reference;
    let agreement = |body: AcceptanceBody| state.called(&body.agreement);
    let body = held.body.as_deref().unwrap_or_default();
    match held.facts.kind {
        Kind::Agreement => format!("comity agreement terminate {reference}"),
        Kind::Acceptance => {
            let of =
                AcceptanceBody::decode(body).ok().map_or_else(|| "REFERENCE".to_owned(), agreement);
            format!("comity agreement terminate {of}")
        }
        Kind::Group | Kind::Roster => {
            "comity group show NAME; to have no part of it: comity group leave NAME".to_owned()
        }
        Kind::Consent => {
            format!("its signer takes it back; one of ours: comity consent withdraw {reference}")
        }
        Kind::Keyring | Kind::Introduction => {
            let name = state.name_of(&held.facts.origin);
            format!("comity partner show {}", word(&name))
        }
        Kind::Termination => "propose anew: comity agreement propose FILE --to NAME".to_owned(),
        Kind::Withdrawal => "what was taken back is published anew: comity publish FILE".to_owned(),
        Kind::Approval
        | Kind::Contact
        | Kind::Acknowledgement
        | Kind::Advisory
        | Kind::Incident
        | Kind::Sightings
        | Kind::Request
        | Kind::Response
        | Kind::Note
        | Kind::Unknown(_) => format!("comity show {reference}"),
    }
}

fn no_content(reference: &str, kind: Kind) -> ServiceError {
    let message = format!("{reference} is a record of kind `{kind}`, which is not held");
    ServiceError::usage("control-record", message)
        .next("hold records with content; partners: comity partner suspend NAME")
}
