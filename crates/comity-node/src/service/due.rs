//! What a partner that is away gets when it connects: by the same decision as what goes.

use comity_core::{EconomyId, Kind, RecordId, Timestamp};

use crate::engine::is_sent;
use crate::limits::{DUE_LOOKED_AT, DUE_LOOKED_AT_LEAST};
use crate::state::{Held, Partner, State};

/// Records of which something is due.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    pub(super) records: u64,
    /// Whether there are more records than were looked at.
    pub(super) more: bool,
}

/// How many records are due to a partner, where so many partners are away. What is of control goes by
/// itself, and is not counted; what takes something back is.
pub(super) fn due(
    state: &State,
    (economy, partner): (&EconomyId, &Partner),
    away: usize,
    now: Timestamp,
) -> Due {
    let most = DUE_LOOKED_AT.checked_div(away).unwrap_or(DUE_LOOKED_AT).max(DUE_LOOKED_AT_LEAST);
    let mut due = Due::default();
    for (looked, (_, id)) in state.arrivals_before(None).enumerate() {
        if looked >= most {
            due.more = true;
            break;
        }
        let Some(held) = state.record(&id) else { continue };
        if is_due(state, (&id, held), (economy, partner), now) {
            due.records = due.records.saturating_add(1);
        }
    }
    due
}

/// Whether something of a record goes to a partner that it was not sent. What nobody has looked at for the
/// egress guard counts as clear.
pub(super) fn is_due(
    state: &State,
    (id, held): (&RecordId, &Held),
    (economy, partner): (&EconomyId, &Partner),
    now: Timestamp,
) -> bool {
    let counts = !held.facts.kind.is_control() || held.facts.kind == Kind::Withdrawal;
    if !counts || held.came_from(economy) {
        return false;
    }
    let plan = state.plan_if_clear(held, economy, now);
    plan.goes() && !is_sent(&plan, partner.out.sent(id).as_ref())
}
