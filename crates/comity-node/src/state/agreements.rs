//! Agreements: proposed, accepted, terminated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use comity_core::agreement::Terms;
use comity_core::policy::Agreement;
use comity_core::{EconomyId, RecordId, Timestamp};

/// The end is worked out a moment before the words are signed that say it.
const SIGNING: Duration = Duration::from_secs(60);

/// Every agreement that this economy is a party to, by the record that proposed it.
#[derive(Debug, Default)]
pub struct Agreements {
    known: BTreeMap<RecordId, Compact>,
    /// Acceptances and terminations that came before their proposal.
    early: BTreeMap<RecordId, Vec<(Step, Option<EconomyId>)>>,
    /// Proposals and acceptances whose author is in doubt: they permit nothing, and bind as before.
    doubted: BTreeSet<RecordId>,
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
    /// Every acceptance by the other party: its record, and when it took effect.
    pub acceptances: Vec<(RecordId, Timestamp)>,
    /// When the other party accepted it.
    pub accepted: Option<Timestamp>,
    /// From when it is terminated: it permits nothing then.
    pub terminated: Option<Timestamp>,
    /// Until when, terminated, it binds: the end of the notice that was agreed, if that is later.
    pub bound_until: Option<Timestamp>,
}

#[derive(Debug)]
enum Step {
    Accepted { record: RecordId, by: EconomyId, at: Timestamp },
    Terminated { by: EconomyId, effective: Timestamp, given: Timestamp },
}

impl Step {
    /// Whether it says the same, whenever it was heard.
    fn says(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Accepted { record, by, at },
                Self::Accepted { record: other, by: theirs, at: then },
            ) => (record, by, at) == (other, theirs, then),
            (
                Self::Terminated { by, effective, .. },
                Self::Terminated { by: theirs, effective: then, .. },
            ) => (by, effective) == (theirs, then),
            (Self::Accepted { .. }, Self::Terminated { .. })
            | (Self::Terminated { .. }, Self::Accepted { .. }) => false,
        }
    }
}

impl Compact {
    /// Whether this economy is one of the two.
    #[must_use]
    pub fn is_party(&self, economy: EconomyId) -> bool {
        economy == self.us || economy == self.partner
    }
}

impl Compact {
    /// The first acceptance that is not in doubt counts.
    fn count(&mut self, doubted: &BTreeSet<RecordId>) {
        let mut sound = self.acceptances.iter().filter(|(record, _)| !doubted.contains(record));
        self.accepted = sound.next().map(|(_, at)| *at);
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
        record: RecordId,
        by: EconomyId,
        at: Timestamp,
        from: Option<EconomyId>,
    ) -> bool {
        self.step(id, Step::Accepted { record, by, at }, from)
    }

    /// The same for a termination. `given`: when notice was given, from which the period of notice runs.
    pub(super) fn terminate(
        &mut self,
        id: RecordId,
        by: EconomyId,
        (effective, given): (Timestamp, Timestamp),
        from: Option<EconomyId>,
    ) -> bool {
        self.step(id, Step::Terminated { by, effective, given }, from)
    }

    /// Only the party that did not propose can accept; either party can terminate, never later than
    /// it was terminated before.
    fn step(&mut self, id: RecordId, step: Step, from: Option<EconomyId>) -> bool {
        let Some(compact) = self.known.get_mut(&id) else {
            let early = self.early.entry(id).or_default();
            // What was in doubt for a while is said a second time.
            let new = !early.iter().any(|(known, _)| known.says(&step));
            if new {
                early.push((step, from));
            }
            return new;
        };
        match step {
            Step::Accepted { record, by, at } if compact.is_party(by) && by != compact.proposer => {
                if compact.acceptances.iter().all(|(known, _)| *known != record) {
                    compact.acceptances.push((record, at));
                }
                compact.count(&self.doubted);
            }
            Step::Accepted { .. } => {}
            Step::Terminated { by, .. } if !compact.is_party(by) => {}
            Step::Terminated { effective, given, .. } => {
                let notice = compact.terms.as_ref().map(|terms| terms.earliest_end(given));
                let notice = notice.filter(|end| end.since(effective) > SIGNING);
                let bound = effective.max(notice.unwrap_or(effective));
                let sooner = |before: Option<Timestamp>, end| {
                    Some(before.unwrap_or(Timestamp::MAX).min(end))
                };
                compact.terminated = sooner(compact.terminated, effective);
                compact.bound_until = sooner(compact.bound_until, bound);
            }
        }
        false
    }

    /// The author of a proposal or an acceptance is in doubt, or is so no longer. What an agreement
    /// permits rests on both; a termination stands, for a doubt never lets more through.
    pub(super) fn doubt(&mut self, record: RecordId, doubted: bool) {
        let changed =
            if doubted { self.doubted.insert(record) } else { self.doubted.remove(&record) };
        if changed {
            for compact in self.known.values_mut() {
                compact.count(&self.doubted);
            }
        }
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
        let with = move |(_, compact): &(&RecordId, &Compact)| compact.partner == partner;
        self.known.iter().filter(with).filter_map(|(id, compact)| {
            let sound = compact.accepted.filter(|_| !self.doubted.contains(id));
            // Every acceptance had its effect before it came into doubt.
            let first = compact.acceptances.first().map(|(_, at)| *at);
            let agreement = Agreement::new(*id, compact.terms.clone()?, sound.or(first)?);
            let agreement = match (compact.terminated, compact.bound_until) {
                (Some(effective), notice) => {
                    agreement.terminated_early(effective, notice.unwrap_or(effective))
                }
                (None, _) => agreement,
            };
            Some(if sound.is_some() { agreement } else { agreement.in_doubt() })
        })
    }
}
