//! What went out, and would not go any more: after something narrowed, that is what a recall is for.

use comity_core::policy;
use comity_core::{EconomyId, RecordId, Timestamp};

use super::{Service, find_partner, words};
use crate::api::DueLine;
use crate::error::ServiceError;
use crate::limits::COMPARED_AT_ONCE;
use crate::outstays::{Walk, outstay, policy_for};
use crate::state::State;

/// Records that are put in words between two steps of the engine.
const LINES_AT_ONCE: usize = 512;

impl Service {
    /// Records of ours that stand, of which a partner may hold something that it would not get now. What
    /// stays because of a time in its marking is not among them: that was told with it. Nor is that a partner is
    /// suspended: of such a one, it is what it would not get if it were resumed.
    pub async fn recall_due(&self, name: &str) -> Result<Vec<DueLine>, ServiceError> {
        let (name, now) = (name.to_owned(), self.now());
        let economy = self.look(move |state, _, _| find_partner(state, &name)).await??;
        let mut walk = Walk::default();
        while !walk.ended {
            // The engine goes on in between.
            let step = self.look(move |state, _, _| {
                walk.go_on(state, &economy, now, COMPARED_AT_ONCE);
                walk
            });
            walk = step.await?;
        }
        let (found, mut due) = (walk.found.into_values().collect::<Vec<_>>(), Vec::new());
        for some in found.chunks(LINES_AT_ONCE) {
            let some = some.to_vec();
            let step = self.look(move |state, _, _| lines(state, &economy, some.iter(), now));
            due.extend(step.await?);
        }
        Ok(due)
    }
}

fn lines<'a>(
    state: &State,
    economy: &EconomyId,
    records: impl Iterator<Item = &'a RecordId>,
    now: Timestamp,
) -> Vec<DueLine> {
    let policy = policy_for(state, economy);
    let line = |record: &RecordId| {
        let held = state.record(record)?;
        let outstay = outstay(state, &policy, economy, (record, held), now)?;
        let kept = outstay.plan.withheld().filter(|part| outstay.kept.contains(&part.digest));
        let kept: Vec<_> = kept.collect();
        let first = kept.first()?;
        Some(DueLine {
            record: record.to_string(),
            reference: held.reference.clone(),
            title: words::record_line(state, record, held, now).title,
            sections: kept.iter().map(|part| part.section.to_string()).collect(),
            gate: first.decision.deciding().map(|one| one.gate.to_string()),
            reason: policy::reason(&policy, &first.decision),
        })
    };
    records.filter_map(line).collect()
}
