//! Records of ours that came back in a recovery and are not believed: a person is told of each by name
//! before recovery ends.

use std::collections::BTreeMap;

use comity_core::RecordId;
use comity_core::entitlement::{Doubt, Entitlement, Refusal};
use comity_core::journal::{Source, Standing};
use comity_core::{EconomyId, Kind};

use super::{CommandError, Engine};
use crate::state::State;

/// Records that are named in one refusal.
pub(super) const NAMED: usize = 16;

/// What earlier runs of the process set aside, while the node is in recovery.
pub(super) fn at_start(state: &State) -> BTreeMap<RecordId, bool> {
    if state.recovery().is_none() {
        return BTreeMap::new();
    }
    let returned = state.records().filter(|(_, held)| {
        held.facts.origin == state.us() && matches!(held.source, Source::Returned { .. })
    });
    returned.filter(|(_, held)| held.is_set_aside()).map(|(id, _)| (*id, false)).collect()
}

/// What is to stand of a record of ours that came back.
///
/// That it was ours we cannot remember, and its key may have ended since. What only restricts takes effect
/// all the same, whatever the doubt about a key of ours: without it what we withdrew or ended would go on.
/// A roster does where its key merely ended: a second one of its number would freeze the group. Whoever
/// stole a key could sign rosters as well, so one under a compromised key waits for a person.
pub(super) fn standing_of_ours(kind: Kind, judged: Entitlement) -> Standing {
    let ended = matches!(judged, Entitlement::Quarantined(Doubt::KeyEnded | Doubt::KeyRevoked));
    let stolen = matches!(
        judged,
        Entitlement::Quarantined(Doubt::KeyCompromised)
            | Entitlement::Refused(Refusal::SignedAfterRevocation)
    );
    let restricts = matches!(kind, Kind::Withdrawal | Kind::Termination);
    if (restricts && (ended || stolen)) || (kind == Kind::Roster && ended) {
        return Standing::Accepted;
    }
    standing(judged)
}

/// What is to stand of any other record.
pub(super) fn standing(judged: Entitlement) -> Standing {
    match judged {
        Entitlement::Accepted => Standing::Accepted,
        Entitlement::Pending(wait) => Standing::Pending(wait.to_string()),
        Entitlement::Quarantined(doubt) => Standing::Quarantined(doubt.to_string()),
        Entitlement::Refused(why) => Standing::Quarantined(why.to_string()),
    }
}

impl Engine {
    /// A record of ours came back, and is not believed.
    pub(super) fn ours_is_set_aside(
        &mut self,
        by: EconomyId,
        record: RecordId,
        reference: &str,
        why: &str,
    ) {
        self.set_aside.insert(record, false);
        let text = format!(
            "{reference}, signed by this economy, came back and is set aside: {why}; to release it: comity quarantine release {reference} --reason TEXT"
        );
        self.alarm(Some(by), "ours-set-aside", text);
    }

    /// Whether the operator has yet to be told of a record of ours that is set aside.
    pub(super) fn has_unnamed(&self) -> bool {
        self.set_aside.iter().any(|(record, named)| !named && self.is_aside(record))
    }

    fn is_aside(&self, record: &RecordId) -> bool {
        self.state.record(record).is_some_and(|held| held.is_set_aside())
    }

    /// Recovery is confirmed by somebody who has been told what of ours is set aside: of each once.
    pub(super) fn name_what_is_set_aside(&mut self) -> Result<(), CommandError> {
        let unnamed =
            self.set_aside.iter().filter(|(_, named)| !**named).map(|(record, _)| *record);
        let unnamed: Vec<_> = unnamed.filter(|record| self.is_aside(record)).collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        let held = unnamed.iter().filter_map(|record| self.state.record(record));
        let mut names: Vec<_> = held.map(|held| held.reference.clone()).take(NAMED).collect();
        if let Some(more) = unnamed.len().checked_sub(NAMED).filter(|more| *more > 0) {
            names.push(format!("and {more} more"));
        }
        self.set_aside.extend(unnamed.into_iter().map(|record| (record, true)));
        Err(CommandError::SetAside(names.join(", ")))
    }
}
