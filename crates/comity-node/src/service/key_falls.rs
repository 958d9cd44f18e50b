//! What falls with the records that a key signed and that count no more: agreements, proposals, groups.
//!
//! The same functions are asked that decide once the records are in doubt, so that what is said beforehand is
//! what happens.

use std::collections::BTreeSet;

use comity_core::group::Group;
use comity_core::policy::{Agreement, Trees};
use comity_core::{EconomyId, RecordId, Timestamp};

use super::group_lines::reference;
use crate::api::FallLine;
use crate::contested::{self, Still};
use crate::shell_word::word;
use crate::state::State;

/// What falls if these records are in doubt from now on.
pub(super) fn falls(state: &State, records: &BTreeSet<RecordId>, now: Timestamp) -> Vec<FallLine> {
    // What is in doubt already, or a person has decided about, falls with nothing.
    let turns =
        |id: &RecordId| state.record(id).is_some_and(|held| held.is_accepted() && !held.decided);
    let records: BTreeSet<RecordId> = records.iter().copied().filter(turns).collect();
    let mut falls = Vec::new();
    let mut partners: Vec<_> = state.partners().map(|(economy, _)| *economy).collect();
    partners.sort_by_cached_key(|economy| state.name_of(economy));
    for partner in partners {
        falls.extend(agreements(state, partner, &records, now));
        falls.extend(proposals(state, partner, &records));
    }
    let mut groups: Vec<_> = state.groups().iter().collect();
    groups.sort_by_key(|group| group.founding().charter().name());
    falls.extend(groups.iter().filter_map(|one| group(state, one, &records, now)));
    falls
}

fn agreements(
    state: &State,
    partner: EconomyId,
    records: &BTreeSet<RecordId>,
    now: Timestamp,
) -> Vec<FallLine> {
    let before = state.agreements().with(partner);
    let after = state.agreements().with_doubting(partner, records);
    if before == after {
        return Vec::new();
    }
    let mut falls = Vec::new();
    for tree in after.iter() {
        let Some(still) = Still::of(partner, &after, tree, records, now) else { continue };
        let was = before.tree(&tree.first).and_then(|tree| before.standstill(tree, now));
        if was == Some(still.why()) {
            continue;
        }
        let line = contested::line(state, &still);
        falls.push(FallLine { what: line.what, next: Some(line.next) });
    }
    let permits =
        |trees: &Trees| trees.agreements().iter().any(|one| Agreement::in_force(one, now));
    if permits(&before) && !permits(&after) {
        let name = state.name_of(&partner);
        // A group whose charter stays is another way there.
        let shared = state.groups().iter().any(|group| {
            let members = &group.head().members;
            let both = members.contains_key(&partner) && members.contains_key(&state.us());
            both && !records.contains(&group.founding().record())
        });
        let but = if shared { ", but by a group" } else { "" };
        let what = format!(
            "no agreement with {name} is in force then: nothing above TLP:CLEAR goes to {name} any more{but}"
        );
        falls.push(FallLine { what, next: None });
    }
    falls
}

/// Proposals of ours that nobody has answered: whoever accepts one comes to nothing.
fn proposals(state: &State, partner: EconomyId, records: &BTreeSet<RecordId>) -> Vec<FallLine> {
    let with = state
        .agreements()
        .iter()
        .filter(|(id, one)| one.partner == partner && one.is_open() && records.contains(*id));
    let name = state.name_of(&partner);
    let line = |id: &RecordId| {
        let reference = state.called(id);
        let to = word(&name);
        FallLine {
            what: format!("our proposal {reference} to {name} counts no more"),
            next: Some(format!(
                "take it back, and propose anew: comity agreement terminate {reference}, and comity agreement propose FILE --to {to}"
            )),
        }
    };
    with.map(|(id, _)| line(id)).collect()
}

/// A group without its charter is none; without a word of its rosters some may be members no more.
fn group(
    state: &State,
    group: &Group,
    records: &BTreeSet<RecordId>,
    now: Timestamp,
) -> Option<FallLine> {
    let name = group.founding().charter().name();
    if records.contains(&group.founding().record()) {
        let what = format!(
            "the group {name}, founded by {}, is none any more: nothing goes to it",
            reference(state, &group.founding().record())
        );
        let next = Some("found it anew: comity group found FILE".to_owned());
        return Some(FallLine { what, next });
    }
    let said: Vec<_> = records.iter().filter(|one| group.statement(one).is_some()).collect();
    if said.is_empty() {
        return None;
    }
    let mut after = group.clone();
    for record in &said {
        after.doubt(record);
    }
    after.settle();
    let gone: BTreeSet<String> =
        group.certain().difference(after.certain()).map(|one| state.name_of(one)).collect();
    let usable = group.usable(now).is_ok() && after.usable(now).is_err();
    let what = match (usable, gone.is_empty()) {
        (false, true) => return None,
        (true, _) => format!("nothing goes to the group {name} any more"),
        (false, false) => {
            let gone: Vec<String> = gone.iter().cloned().collect();
            format!("of the group {name} nothing goes to {} any more", gone.join(", "))
        }
    };
    let references: Vec<_> = said.iter().map(|one| reference(state, one)).collect();
    let what = format!("{what}: it rests on {}", references.join(" and "));
    let next = mended(state, group, usable, &gone);
    Some(FallLine { what, next: Some(next) })
}

/// Who does what at which node: only its keeper confirms a roster, and that lets nobody in again.
fn mended(state: &State, group: &Group, silent: bool, gone: &BTreeSet<String>) -> String {
    let called = reference(state, &group.founding().record());
    let keeper = group.head().secretariat;
    let mut acts = Vec::new();
    if silent {
        acts.push(if keeper == state.us() {
            format!("say anew that the roster is the last one: comity group roster {called} --confirm")
        } else {
            let name = state.name_of(&keeper);
            format!("{name}, which keeps the roster, says there that it is the last one: comity group roster GROUP --confirm")
        });
    }
    if !gone.is_empty() {
        let gone: Vec<String> = gone.iter().cloned().collect();
        let removed = if keeper == state.us() {
            format!("comity group remove {called} NAME here")
        } else {
            format!("comity group remove GROUP NAME at {}", state.name_of(&keeper))
        };
        acts.push(format!(
            "{}: each leaves at its own node (comity group leave), is then left out of the roster ({removed}), and applies and is admitted anew",
            gone.join(", ")
        ));
    }
    acts.push(format!("comity group show {called}"));
    acts.join("; ")
}
