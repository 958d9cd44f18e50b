//! What went out, and would not go any more: after something narrowed, that is what a recall is for.

use std::collections::BTreeSet;

use comity_core::policy::{
    self, Approval, Gate, Lifecycle, Partner, PolicySnapshot, Recipient, Standing,
};
use comity_core::{EconomyId, RecordId, Timestamp};

use super::{Service, find_partner, words};
use crate::api::DueLine;
use crate::error::ServiceError;
use crate::limits::COMPARED_AT_ONCE;
use crate::state::{Held, State};

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
                walk.go_on(state, &economy, now);
                walk
            });
            walk = step.await?;
        }
        walk.due.sort_by_key(|(seq, _)| *seq);
        Ok(walk.due.into_iter().map(|(_, line)| line).collect())
    }
}

/// A way along the ledger to a partner.
#[derive(Default)]
struct Walk {
    after: u64,
    seen: BTreeSet<RecordId>,
    due: Vec<(u64, DueLine)>,
    ended: bool,
}

impl Walk {
    /// Looks at some more of what the partner may hold of ours.
    fn go_on(&mut self, state: &State, economy: &EconomyId, now: Timestamp) {
        self.ended = true;
        let Some(partner) = state.partner(economy).filter(|partner| partner.is_paired()) else {
            return;
        };
        let resumed = (!partner.is_open()).then(|| as_if_resumed(state.policy(), economy));
        let policy = resumed.as_ref().unwrap_or_else(|| state.policy());
        let mut weighed = 0_usize;
        for (number, entry) in partner.out.entries_from(self.after.saturating_add(1)) {
            if weighed >= COMPARED_AT_ONCE {
                self.ended = false;
                return;
            }
            self.after = number;
            weighed = weighed.saturating_add(1);
            let Some(record) = entry.entry.as_ref().map(|line| line.record) else { continue };
            let held = state.record(&record).filter(|held| may_be_recalled(state, held));
            let Some(held) = held.filter(|_| self.seen.insert(record)) else { continue };
            weighed = weighed.saturating_add(held.parts.len());
            let line = line(state, policy, economy, &record, now);
            self.due.extend(line.map(|line| (held.seq, line)));
        }
    }
}

fn may_be_recalled(state: &State, held: &Held) -> bool {
    let facts = &held.facts;
    let stands = facts.lifecycle == Lifecycle::Live;
    stands && facts.origin == state.us() && !facts.kind.is_control()
}

/// What is decided once a suspended partner is one like others again.
fn as_if_resumed(policy: &PolicySnapshot, economy: &EconomyId) -> PolicySnapshot {
    let builder = policy.to_builder();
    match policy.partner(economy) {
        Some(partner) => {
            let partner = Partner { standing: Standing::Paired, ..partner.clone() };
            builder.partner(*economy, partner).build()
        }
        None => builder.build(),
    }
}

fn line(
    state: &State,
    policy: &PolicySnapshot,
    economy: &EconomyId,
    record: &RecordId,
    now: Timestamp,
) -> Option<DueLine> {
    let held = state.record(record)?;
    let went = state.partner(economy)?.out.possibly_held(record)?;
    if state.recalled_from(record).is_some_and(|from| from.contains_key(economy)) {
        return None;
    }
    let (mut facts, parts) = (state.facts_for(held, economy).into_owned(), state.as_if_clear(held));
    // What merely waits here, as for a second person after a restore, is no reason to have it destroyed there.
    facts.quarantined = false;
    if matches!(facts.approval, Approval::Awaited(_)) {
        facts.approval = Approval::NotNeeded;
    }
    let plan = policy::plan(policy, &facts, &parts, &Recipient::partner(*economy), now);
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
        reason: policy::reason(policy, &first.decision),
    })
}
