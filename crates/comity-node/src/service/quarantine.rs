//! What is kept from everybody until a person decides.

use comity_core::journal::Standing;
use comity_core::{Kind, RecordId};

use super::records::found;
use super::{Service, words};
use crate::api::{
    HoldLine, QuarantineLine, QuarantineRequest, RecordLine, RuleRequest, RuleVerdict, RulingLine,
};
use crate::engine::Command;
use crate::error::ServiceError;
use crate::state::{Held, State};

impl Service {
    /// Records that are kept from everybody, the one that has waited longest first.
    pub async fn quarantine(
        &self,
        request: QuarantineRequest,
    ) -> Result<Vec<QuarantineLine>, ServiceError> {
        let now = self.now();
        self.look(move |state, _, _| {
            let meant = |held: &Held| {
                super::records::waits(held) || request.dropped && held.standing == Standing::Dropped
            };
            let held = state.records().filter(|(_, held)| held.standing.is_aside() && meant(held));
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
    pub async fn rule(&self, request: RuleRequest) -> Result<RecordLine, ServiceError> {
        let RuleRequest { record, verdict, by, reason } = request;
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
        self.command(Command::Rule { record: id, standing, by, reason }).await?;
        let now = self.now();
        let line = self.look(move |state, _, _| {
            state.record(&id).map(|held| words::record_line(state, &id, held, now))
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

/// The record that a person decides about. One without content cannot be held or dropped: it says what is
/// in force, and is undone by another of its kind.
fn ruled(state: &State, text: &str, verdict: RuleVerdict) -> Result<RecordId, ServiceError> {
    let (id, held) = found(state, text)?;
    let (reference, kind) = (&held.reference, held.facts.kind);
    if kind.is_control() && verdict != RuleVerdict::Release {
        return Err(no_content(reference, kind));
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

fn no_content(reference: &str, kind: Kind) -> ServiceError {
    let message = format!("{reference} is a record of kind `{kind}`, which is not held");
    ServiceError::usage("control-record", message)
        .next("hold records with content; partners: comity partner suspend NAME")
}
