//! Words that people use, to and from the types.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_core::cbor::is_label;
use comity_core::control::WithdrawalBody;
use comity_core::journal::{Source, Standing};
use comity_core::ledger::Obligations;
use comity_core::limits::ANSWER_BYTES;
use comity_core::policy::{Decision, Lifecycle, Outcome};
use comity_core::{Class, EconomyId, Kind, RecordId, Section, Timestamp, Tlp, Urgency};

use super::audit::successor;
use super::local;
use crate::api::{EndLine, RecordLine};
use crate::error::ServiceError;
use crate::state::{Bond, Held, State};

/// `onward: ask, keep 300 days`.
pub(super) fn obligations(taken_on: &Obligations) -> String {
    let retention = taken_on.retention_days.map(|days| format!(", keep {days} days"));
    format!("onward: {}{}", taken_on.onward, retention.unwrap_or_default())
}

pub(super) fn record_line(state: &State, id: &RecordId, held: &Held, now: Timestamp) -> RecordLine {
    let strictest = held.parts.iter().map(|part| part.marking.tlp).max();
    let (standing, standing_reason) = match &held.standing {
        Standing::Accepted => ("accepted", None),
        Standing::Pending(why) => ("pending", Some(why.clone())),
        Standing::Quarantined(why) => ("quarantined", Some(why.clone())),
        Standing::InReview(whose) => {
            let why = format!("a person looks first at what comes from {}", state.name_of(whose));
            ("quarantined", Some(why))
        }
        Standing::Dropped => {
            let by = held.ruling.as_ref().map(|ruling| format!(" by {}", ruling.by));
            ("dropped", Some(format!("dropped{}", by.unwrap_or_default())))
        }
    };
    let introduced_by = state.partner(&held.facts.origin).and_then(|origin| match origin.bond {
        Bond::Introduced(by) => Some(state.name_of(&by)),
        Bond::Paired | Bond::Suspended | Bond::Removed => None,
    });
    RecordLine {
        record: id.to_string(),
        reference: held.reference.clone(),
        kind: held.facts.kind.to_string(),
        title: title(state, held, now),
        tlp: strictest.unwrap_or(held.facts.floor.tlp).to_string(),
        origin: state.name_of(&held.facts.origin),
        origin_id: held.facts.origin.to_string(),
        source: match &held.source {
            Source::Own => "own".to_owned(),
            Source::Partner(delivered) => state.name_of(&delivered.from),
            Source::Returned { by } => format!("given back by {}", state.name_of(by)),
        },
        introduced_by,
        standing: standing.to_owned(),
        standing_reason,
        lifecycle: match held.facts.lifecycle {
            Lifecycle::Live => "live",
            Lifecycle::Withdrawn if state.is_unsent(id) => "unsent",
            Lifecycle::Withdrawn => {
                let stone = state.tombstone(id, &held.facts.origin);
                let recall = stone.is_some_and(|stone| stone.recall.is_some());
                if recall { "recalled" } else { "withdrawn" }
            }
            Lifecycle::Superseded => "superseded",
        }
        .to_owned(),
        addressed: held.facts.addressed,
        embargo_until: held
            .parts
            .iter()
            .filter_map(|part| part.marking.embargo_until)
            .filter(|until| *until > now && held.facts.lifecycle == Lifecycle::Live)
            .max()
            .map(|until| until.to_string()),
        exercise: held.facts.floor.exercise.clone(),
        signed_at: held.signed_at.to_string(),
        entered_at: held.entered_at.to_string(),
        rating: state.rating(id).map(|(source, said)| format!("{source}{said}")),
    }
}

/// In place of the title of a foreign record whose summary is for one desk.
const RED: &str = "TLP:RED, shown to the desk that it names";

/// A foreign record's title is the first line of its summary, so it is shown where that may be shown to
/// everybody here: lists go further than the desk that a RED summary is for.
pub(super) fn title(state: &State, held: &Held, now: Timestamp) -> String {
    if held.facts.origin == state.us() {
        return held.title.clone();
    }
    if let Some(title) = taken_back(state, held) {
        return title;
    }
    if summary_is_red(held) {
        return RED.to_owned();
    }
    let summary = held.parts.iter().find(|part| part.section == Section::Summary);
    let hidden = summary.and_then(|part| local::hidden(state, held, part, now));
    hidden.map_or_else(|| held.title.clone(), |why| format!("not shown: {why}"))
}

/// Records that a title names one by one.
const NAMED: usize = 3;

/// What a withdrawal of somebody else takes back, by our own references. What it names and does not take
/// back, such as records that are not its origin's, is none of that.
fn taken_back(state: &State, held: &Held) -> Option<String> {
    let counts = held.facts.kind == Kind::Withdrawal && held.is_accepted();
    let body = held.body.as_deref().filter(|_| counts)?;
    let body = WithdrawalBody::decode(body).ok()?;
    let what = if body.recall.is_some() { "Recall" } else { "Withdrawal" };
    let targets = || body.records.iter().filter_map(|target| state.record(target));
    let ended = |one: &&Held| {
        one.facts.origin == held.facts.origin && one.facts.lifecycle == Lifecycle::Withdrawn
    };
    let here: Vec<_> = targets().filter(ended).map(|one| one.reference.clone()).collect();
    let named = here.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    Some(match (here.len(), here.len().saturating_sub(NAMED)) {
        (0, _) if targets().next().is_some() => format!("{what} that changes nothing here"),
        (0, _) => format!("{what} of what is not here"),
        (_, 0) => format!("{what} of {named}"),
        (_, more) => format!("{what} of {named} and {more} more"),
    })
}

/// By what a record is no more what it was, and since when: it was taken back, or replaced.
pub(super) fn end(state: &State, id: &RecordId, held: &Held) -> Option<EndLine> {
    let (how, by) = match held.facts.lifecycle {
        Lifecycle::Live => return None,
        Lifecycle::Withdrawn => {
            let stone = state.tombstone(id, &held.facts.origin)?;
            match stone.recall {
                Some(recall) => ("recalled", recall),
                None => ("withdrawn", stone.by),
            }
        }
        Lifecycle::Superseded => ("superseded", successor(state, id, held)?),
    };
    let by = state.record(&by)?;
    Some(EndLine {
        how: how.to_owned(),
        by: by.reference.clone(),
        signed_at: by.signed_at.to_string(),
        entered_at: by.entered_at.to_string(),
    })
}

/// Whether what the title is taken from goes to nobody but whom it names.
pub(super) fn summary_is_red(held: &Held) -> bool {
    let summary = held.parts.iter().find(|part| part.section == Section::Summary);
    summary.is_some_and(|part| part.marking.tlp == Tlp::Red)
}

pub(super) fn outcome(decision: &Decision) -> (&'static str, Option<Timestamp>) {
    match decision.outcome() {
        Outcome::Release(_) => ("release", None),
        Outcome::Withhold => (WITHHOLD, None),
        Outcome::HoldUntil(until) => (HOLD, Some(*until)),
    }
}

/// What stays.
pub(super) const WITHHOLD: &str = "withhold";

/// What is held; until when is said where it is known.
pub(super) const HOLD: &str = "hold";

/// Bytes of a text that only our own screens and journal keep: a title, a reason.
const SHORT: usize = 4096;

/// Refuses a text that is no line for a screen, but a document.
pub(super) fn short(what: &'static str, text: &str) -> Result<(), ServiceError> {
    if text.len() <= SHORT {
        return Ok(());
    }
    let message = format!("the {what} has {} bytes; {SHORT} are the most", text.len());
    Err(ServiceError::usage(what, message).next("shorten it: the text itself belongs in a part"))
}

/// Refuses what a partner's node would not take for one line of text.
pub(super) fn one_line(what: &'static str, text: &str) -> Result<(), ServiceError> {
    if text.is_empty() || is_label(text) && text.len() <= ANSWER_BYTES {
        return Ok(());
    }
    let message = format!("the {what} is not one line of at most {ANSWER_BYTES} bytes");
    Err(ServiceError::usage(what, message).next("shorten it, and leave out line breaks"))
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base 64 (RFC 4648 section 4).
pub fn from_base64(text: &str) -> Result<Vec<u8>, ServiceError> {
    STANDARD
        .decode(text)
        .map_err(|error| ServiceError::usage("base64", format!("content is not base 64: {error}")))
}

pub(super) fn tlp(name: &str) -> Result<Tlp, ServiceError> {
    Tlp::from_name(name).ok_or_else(|| {
        let message = format!("`{name}` is not a label of TLP 2.0");
        ServiceError::usage("tlp", message).next("CLEAR, GREEN, AMBER, AMBER+STRICT or RED")
    })
}

pub(super) fn section(name: &str) -> Result<Section, ServiceError> {
    Section::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Section::ALL.iter().map(ToString::to_string).collect();
        ServiceError::usage("section", format!("`{name}` is not a section"))
            .next(format!("one of {}", known.join(", ")))
    })
}

pub(super) fn classes(names: &[String]) -> Result<BTreeSet<Class>, ServiceError> {
    if names.is_empty() {
        return Ok(BTreeSet::from([Class::General]));
    }
    let class = |name: &String| {
        Class::from_name(name).ok_or_else(|| {
            let known: Vec<_> = Class::ALL.iter().map(ToString::to_string).collect();
            ServiceError::usage("class", format!("`{name}` is not a class"))
                .next(format!("one of {}", known.join(", ")))
        })
    };
    names.iter().map(class).collect()
}

pub(super) fn urgency(name: Option<&str>) -> Result<Urgency, ServiceError> {
    let Some(name) = name else { return Ok(Urgency::Routine) };
    Urgency::from_name(name).ok_or_else(|| {
        ServiceError::usage("urgency", format!("`{name}` is not an urgency"))
            .next("routine, priority or urgent")
    })
}

pub(super) fn instant(text: &str) -> Result<Timestamp, ServiceError> {
    text.parse().map_err(|error: comity_core::time::ParseTimestampError| {
        ServiceError::usage("time", error.to_string())
    })
}

pub(super) fn names(state: &State, economies: &[EconomyId]) -> String {
    economies.iter().map(|one| state.name_of(one)).collect::<Vec<_>>().join(", ")
}
