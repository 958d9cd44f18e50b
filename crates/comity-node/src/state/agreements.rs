//! Agreements: proposed, accepted, terminated.

use std::collections::BTreeMap;
use std::sync::Arc;

use comity_core::agreement::Terms;
use comity_core::policy::Agreement;
use comity_core::{EconomyId, RecordId, Timestamp};

/// Every agreement that this economy is a party to, by the record that proposed it.
#[derive(Debug, Default)]
pub struct Agreements {
    known: BTreeMap<RecordId, Compact>,
    /// Acceptances and terminations that came before their proposal.
    early: BTreeMap<RecordId, Vec<(Step, Option<EconomyId>)>>,
}

/// One agreement, as far as it has come.
#[derive(Clone, Debug)]
pub struct Compact {
    /// Who proposed it.
    pub proposer: EconomyId,
    /// This economy, one of the two parties.
    pub us: EconomyId,
    /// The other party.
    pub partner: EconomyId,
    /// The exact text.
    pub text: String,
    /// What the text says; `None` when this version cannot read it, and then it permits nothing.
    pub terms: Option<Arc<Terms>>,
    /// When it was proposed.
    pub proposed: Timestamp,
    /// When the other party accepted it.
    pub accepted: Option<Timestamp>,
    /// From when it is terminated.
    pub terminated: Option<Timestamp>,
}

#[derive(Debug)]
enum Step {
    Accepted { by: EconomyId, at: Timestamp },
    Terminated { by: EconomyId, effective: Timestamp },
}

impl Compact {
    /// Whether this economy is one of the two.
    #[must_use]
    pub fn is_party(&self, economy: EconomyId) -> bool {
        economy == self.us || economy == self.partner
    }
}

impl Agreements {
    /// Whoever brought what had come before the proposal.
    pub(super) fn propose(&mut self, id: RecordId, compact: Compact) -> Vec<Option<EconomyId>> {
        self.known.entry(id).or_insert(compact);
        let early = self.early.remove(&id).unwrap_or_default();
        let mut brought = Vec::with_capacity(early.len());
        for (step, from) in early {
            self.step(id, step, from);
            brought.push(from);
        }
        brought
    }

    /// Whether it came before the proposal, and is kept until that comes.
    pub(super) fn accept(
        &mut self,
        id: RecordId,
        by: EconomyId,
        at: Timestamp,
        from: Option<EconomyId>,
    ) -> bool {
        self.step(id, Step::Accepted { by, at }, from)
    }

    /// The same for a termination.
    pub(super) fn terminate(
        &mut self,
        id: RecordId,
        by: EconomyId,
        effective: Timestamp,
        from: Option<EconomyId>,
    ) -> bool {
        self.step(id, Step::Terminated { by, effective }, from)
    }

    /// Only the party that did not propose can accept; either party can terminate, never later than
    /// it was terminated before.
    fn step(&mut self, id: RecordId, step: Step, from: Option<EconomyId>) -> bool {
        let Some(compact) = self.known.get_mut(&id) else {
            self.early.entry(id).or_default().push((step, from));
            return true;
        };
        match step {
            Step::Accepted { by, at } if compact.is_party(by) && by != compact.proposer => {
                compact.accepted.get_or_insert(at);
            }
            Step::Accepted { .. } => {}
            Step::Terminated { by, .. } if !compact.is_party(by) => {}
            Step::Terminated { effective, .. } => {
                let before = compact.terminated.unwrap_or(Timestamp::MAX);
                compact.terminated = Some(before.min(effective));
            }
        }
        false
    }

    /// The agreement that this record proposed.
    #[must_use]
    pub fn get(&self, id: &RecordId) -> Option<&Compact> {
        self.known.get(id)
    }

    /// Every agreement.
    pub fn iter(&self) -> impl Iterator<Item = (&RecordId, &Compact)> {
        self.known.iter()
    }

    /// What was signed by both with this partner, as the decision reads it.
    pub(super) fn signed_with(&self, partner: EconomyId) -> impl Iterator<Item = Agreement> + '_ {
        self.known.iter().filter(move |(_, compact)| compact.partner == partner).filter_map(
            |(id, compact)| {
                let (terms, accepted) = (compact.terms.clone()?, compact.accepted?);
                let agreement = Agreement::new(*id, terms, accepted);
                Some(match compact.terminated {
                    Some(effective) => agreement.terminated(effective),
                    None => agreement,
                })
            },
        )
    }
}
