//! Who holds what a record replaces, and would learn nothing of it: the agreement has ended since, the
//! record is marked more strictly, or goes to others.

use std::collections::BTreeMap;

use comity_core::policy;
use comity_core::{EconomyId, RecordId, Timestamp};

use crate::api::UnawareLine;
use crate::state::{Held, Partner, State};

/// Partners that may hold a part of what `held` replaces, as it stands to them, and get nothing of `held`
/// by any time in its marking. A withdrawal reaches them: it carries no content.
pub(super) fn unaware(state: &State, held: &Held, now: Timestamp) -> Vec<UnawareLine> {
    if held.supersedes.is_empty() {
        return Vec::new();
    }
    let successors = successors(state, &held.supersedes);
    let line = |(economy, partner): (&EconomyId, &Partner)| {
        let holds = |id: &RecordId| partner.out.possibly_held(id).is_some();
        let unaware = |old: &&RecordId| {
            let mut known = successors.get(*old).into_iter().flatten();
            let stands = state.tombstone(old, &state.us()).is_none();
            holds(old) && stands && !known.any(holds)
        };
        let old: Vec<_> = held.supersedes.iter().filter(unaware).collect();
        if old.is_empty() {
            return None;
        }
        let plan = state.plan_if_clear(held, economy, now);
        if plan.goes() || plan.holds().is_some() {
            return None;
        }
        let first = plan.withheld().next();
        Some(UnawareLine {
            partner: state.name_of(economy),
            records: old.into_iter().map(|old| reference(state, old)).collect(),
            reason: first.and_then(|part| policy::reason(state.policy(), &part.decision)),
        })
    };
    state.partners().filter(|(_, partner)| partner.is_paired()).filter_map(line).collect()
}

/// What replaces each of these already.
fn successors(state: &State, replaced: &[RecordId]) -> BTreeMap<RecordId, Vec<RecordId>> {
    let mut successors: BTreeMap<RecordId, Vec<RecordId>> = BTreeMap::new();
    let replacing = state.records().filter(|(_, one)| !one.supersedes.is_empty());
    for (id, one) in replacing.filter(|(_, one)| one.facts.origin == state.us()) {
        for old in one.supersedes.iter().filter(|old| replaced.contains(old)) {
            successors.entry(*old).or_default().push(*id);
        }
    }
    successors
}

fn reference(state: &State, id: &RecordId) -> String {
    state.record(id).map_or_else(|| id.short(), |held| held.reference.clone())
}
