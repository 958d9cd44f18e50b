//! Markings as people write and read them.

use std::collections::BTreeSet;
use std::sync::Arc;

use comity_core::cbor::is_label;
use comity_core::group::Group;
use comity_core::limits::{CATEGORIES, TEXT_BYTES};
use comity_core::{GroupId, Marking, Onward, Pap};

use super::groups::find_group;
use super::words::{instant, tlp};
use crate::api::MarkingFields;
use crate::error::ServiceError;
use crate::state::State;

/// Categories, as a marking has them.
pub(super) fn categories(given: &[String]) -> Result<BTreeSet<String>, ServiceError> {
    if given.len() > CATEGORIES || !given.iter().all(|category| is_name(category)) {
        let message = format!(
            "{CATEGORIES} categories at most, each of them one line of 1 to {TEXT_BYTES} bytes"
        );
        return Err(ServiceError::usage("category", message));
    }
    Ok(given.iter().cloned().collect())
}

/// A marking from what is given, and from `default` for what is not. `None` without any label.
pub(super) fn marking(
    state: &State,
    fields: &MarkingFields,
    default: Option<&Marking>,
) -> Result<Option<Marking>, ServiceError> {
    let label = fields.tlp.as_deref().map(tlp).transpose()?;
    let mut marking = match (label, default) {
        (Some(label), Some(default)) => Marking { tlp: label, ..default.clone() },
        (Some(label), None) => Marking::new(label),
        (None, Some(default)) => default.clone(),
        (None, None) if *fields == MarkingFields::default() => return Ok(None),
        (None, None) => {
            let said = fields.in_words(str::to_owned).join(", ");
            let message = format!("a marking says `{said}` and names no label");
            return Err(ServiceError::data("marking-without-tlp", message).next(
                "name `tlp` beside it, in the marking of the record as loose as its loosest part",
            ));
        }
    };
    let time = |text: &Option<String>| text.as_deref().map(instant).transpose();
    marking.release_at = time(&fields.release_at)?.or(marking.release_at);
    marking.embargo_until = time(&fields.embargo_until)?.or(marking.embargo_until);
    marking.expires = time(&fields.expires)?.or(marking.expires);
    marking.pap = fields.pap.as_deref().map(pap).transpose()?.or(marking.pap);
    let community = fields.community.as_deref().map(|text| community(state, text)).transpose()?;
    marking.community = community.or(marking.community);
    marking.categories.extend(categories(&fields.categories)?);
    if marking.categories.len() > CATEGORIES {
        let message = format!("a marking has {CATEGORIES} categories at most");
        return Err(ServiceError::usage("category", message));
    }
    if let Some(given) = &fields.onward {
        marking.onward = onward(given)?;
    }
    if let Some(exercise) = &fields.exercise {
        if !is_name(exercise) {
            let message = format!("the name of an exercise is one line of 1 to {TEXT_BYTES} bytes");
            return Err(ServiceError::usage("exercise", message));
        }
        marking.exercise = Some(exercise.clone());
    }
    Ok(Some(marking))
}

fn is_name(text: &str) -> bool {
    is_label(text) && text.len() <= TEXT_BYTES
}

fn pap(text: &str) -> Result<Pap, ServiceError> {
    Pap::from_name(text).ok_or_else(|| {
        let message = format!("`{text}` is not a label of PAP");
        ServiceError::usage("pap", message).next("clear, green, amber or red")
    })
}

fn onward(text: &str) -> Result<Onward, ServiceError> {
    Ok(match text {
        "within-marking" => Onward::WithinMarking,
        "ask" => Onward::Ask,
        "none" => Onward::None,
        other => {
            return Err(ServiceError::usage("onward", format!("`{other}` is not one of these"))
                .next("within-marking, ask or none"));
        }
    })
}

/// A community is a group in which we are: of any other nobody here knows who is in it.
fn community(state: &State, text: &str) -> Result<GroupId, ServiceError> {
    let group = find_group(state, text)?;
    is_ours(state, group)?;
    Ok(group.id())
}

/// Whether a group can be spoken to, or for.
pub(super) fn is_ours(state: &State, group: &Arc<Group>) -> Result<(), ServiceError> {
    let name = group.founding().charter().name();
    let (code, message) = if group.is_closed() {
        ("group-closed", format!("the group `{name}` is closed"))
    } else if !group.head().members.contains_key(&state.us()) {
        ("not-a-member", format!("this economy is not a member of `{name}`"))
    } else {
        return Ok(());
    };
    Err(ServiceError::data(code, message).next("comity group list"))
}

/// A marking as it is written, with a group by its name.
pub(super) fn fields(state: &State, marking: &Marking) -> MarkingFields {
    let name = |id: &GroupId| {
        let group = state.groups().get(id);
        group.map_or_else(|| id.short(), |group| group.founding().charter().name().to_owned())
    };
    MarkingFields {
        tlp: Some(marking.tlp.to_string()),
        pap: marking.pap.map(|pap| pap.to_string()),
        community: marking.community.as_ref().map(name),
        release_at: marking.release_at.map(|at| at.to_string()),
        embargo_until: marking.embargo_until.map(|at| at.to_string()),
        expires: marking.expires.map(|at| at.to_string()),
        onward: (marking.onward != Onward::WithinMarking).then(|| marking.onward.to_string()),
        categories: marking.categories.iter().cloned().collect(),
        exercise: marking.exercise.clone(),
    }
}

/// Of what is not shown, the label alone is told.
pub(super) fn label(marking: &Marking) -> MarkingFields {
    MarkingFields { tlp: Some(marking.tlp.to_string()), ..MarkingFields::default() }
}

/// A marking as one line: its label, and what else is set.
pub(super) fn in_words(state: &State, marking: &Marking) -> String {
    fields(state, marking).in_words(str::to_owned).join(", ")
}
