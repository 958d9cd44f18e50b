//! What went out, and would not go any more: after something narrowed, that is what a recall is for.

use comity_core::policy::{self, Gate, Lifecycle};
use comity_core::{EconomyId, RecordId, Timestamp};

use super::{Service, find_partner, words};
use crate::api::DueLine;
use crate::error::ServiceError;
use crate::limits::COMPARED_AT_ONCE;
use crate::state::{Held, State};

impl Service {
    /// Records of ours that stand, of which a partner may hold something that it would not get now. What
    /// stays because of a time in its marking is not among them: that was told with it. Nor is anything of
    /// whoever is suspended.
    pub async fn recall_due(&self, name: &str) -> Result<Vec<DueLine>, ServiceError> {
        let (name, now) = (name.to_owned(), self.now());
        let (economy, records) = self
            .look(move |state, _, _| {
                let economy = find_partner(state, &name)?;
                Ok::<_, ServiceError>((economy, went_out(state, &economy)))
            })
            .await??;
        let mut due = Vec::new();
        for some in records.chunks(COMPARED_AT_ONCE) {
            let some = some.to_vec();
            // The engine goes on in between.
            let found = self.look(move |state, _, _| {
                some.iter()
                    .filter_map(|record| line(state, &economy, record, now))
                    .collect::<Vec<_>>()
            });
            due.extend(found.await?);
        }
        Ok(due)
    }
}

/// What a partner may hold of ours.
fn went_out(state: &State, economy: &EconomyId) -> Vec<RecordId> {
    let Some(partner) = state.partner(economy).filter(|partner| partner.is_open()) else {
        return Vec::new();
    };
    let entries = partner.out.entries().filter_map(|line| line.entry.as_ref());
    let mut records: Vec<_> = entries.map(|entry| entry.record).collect();
    records.sort_unstable();
    records.dedup();
    records.retain(|record| state.record(record).is_some_and(|held| may_be_recalled(state, held)));
    records.sort_by_key(|record| state.record(record).map(|held| held.seq));
    records
}

fn may_be_recalled(state: &State, held: &Held) -> bool {
    let facts = &held.facts;
    let stands = facts.lifecycle == Lifecycle::Live;
    stands && facts.origin == state.us() && !facts.kind.is_control()
}

fn line(state: &State, economy: &EconomyId, record: &RecordId, now: Timestamp) -> Option<DueLine> {
    let held = state.record(record)?;
    let went = state.partner(economy)?.out.possibly_held(record)?;
    let plan = state.plan(held, economy, now);
    let told_with_it =
        |gate: Gate| matches!(gate, Gate::Expiry | Gate::ReleaseTime | Gate::Embargo);
    let kept: Vec<_> = plan
        .withheld()
        .filter(|part| went.contains(&part.digest))
        .filter(|part| part.decision.deciding().is_none_or(|one| !told_with_it(one.gate)))
        .collect();
    let first = kept.first()?;
    Some(DueLine {
        record: record.to_string(),
        reference: held.reference.clone(),
        title: words::record_line(state, record, held, now).title,
        sections: kept.iter().map(|part| part.section.to_string()).collect(),
        gate: first.decision.deciding().map(|one| one.gate.to_string()),
        reason: policy::reason(state.policy(), &first.decision),
    })
}
