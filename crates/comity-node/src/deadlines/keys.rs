//! Ends of our own keys: a grant has its last day from the start, and the cure needs the root keys out of their safe.

use std::collections::BTreeMap;

use comity_core::agreement::{Deadline, Step};
use comity_core::keyring::{Grant, Role};
use comity_core::{KeyId, Timestamp};

use super::{bare, when};
use crate::api::DeadlineLine;
use crate::shell_word::word;
use crate::state::State;

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    /// That of the links.
    Link,
    /// The one with which the node signs.
    Desk,
    /// The one that breaks the glass.
    Emergency,
    /// Somebody's of the staff.
    Person(String),
}

/// A key of ours that ends soon.
pub(super) struct Near {
    pub(super) key: KeyId,
    pub(super) deadline: Deadline,
    whose: Whose,
}

/// Of each holder, the key that ends last. What has ended is told where it is missed, but for that of a person.
pub(super) fn near(state: &State, now: Timestamp) -> Vec<Near> {
    let Some(keyring) = state.keyring(&state.us()) else { return Vec::new() };
    let stands = |grant: &&Grant| !grant.unknown && keyring.revocation(grant.key).is_none();
    let mut last: BTreeMap<Whose, (Timestamp, KeyId)> = BTreeMap::new();
    for grant in keyring.grants().filter(stands) {
        let Some(whose) = whose(state, grant) else { continue };
        let ends = last.entry(whose).or_insert((grant.until, grant.key));
        *ends = (*ends).max((grant.until, grant.key));
    }
    let near = last.into_iter().filter_map(|(whose, (until, key))| {
        Some(Near { key, deadline: Deadline::end(until, now)?, whose })
    });
    near.filter(|one| one.deadline.step != Step::Passed || matches!(one.whose, Whose::Person(_)))
        .collect()
}

fn whose(state: &State, grant: &Grant) -> Option<Whose> {
    let here = |name: &str| state.staff().member(name).is_some_and(|one| one.left.is_none());
    match (grant.role, state.staff().holder(grant.key)) {
        (Role::Author | Role::Approver, Some(name)) => {
            here(name).then(|| Whose::Person(name.to_owned()))
        }
        (Role::Author, None) if grant.holder.is_empty() => Some(Whose::Desk),
        (Role::Link, _) => Some(Whose::Link),
        (Role::Emergency, _) => Some(Whose::Emergency),
        (Role::Author | Role::Approver | Role::Head | Role::Unknown(_), _) => None,
    }
}

pub(super) fn line(near: &Near, now: Timestamp) -> DeadlineLine {
    let (name, then, renew) = match &near.whose {
        Whose::Link => {
            ("the key of the links", "then no partner lets this node in", "key rotate".to_owned())
        }
        Whose::Desk => (
            "the key with which this node signs",
            "then nothing that it signs counts",
            "key revoke desk --reason TEXT, which puts a new one in its place".to_owned(),
        ),
        Whose::Emergency => (
            "the emergency key",
            "then nothing goes beyond what is agreed in an emergency",
            "key emergency".to_owned(),
        ),
        Whose::Person(name) => (
            "a key of the staff",
            "then nothing that its holder signs counts",
            format!("staff leave {0}, then comity staff add {0}", word(name)),
        ),
    };
    let name = match &near.whose {
        Whose::Person(person) => format!("the key of {person}"),
        Whose::Link | Whose::Desk | Whose::Emergency => name.to_owned(),
    };
    let day = near.deadline.day();
    let what = match near.deadline.step {
        Step::Passed => format!("{name} has ended (last day {day}): nothing that it signs counts"),
        Step::Ninety | Step::Thirty | Step::Seven => {
            format!("{name} ends {} (last day {day}); {then}", when(near.deadline, now))
        }
    };
    DeadlineLine {
        key: Some(near.key.to_string()),
        ..bare(near.deadline, now, what, format!("with the root keys at hand: comity {renew}"))
    }
}
