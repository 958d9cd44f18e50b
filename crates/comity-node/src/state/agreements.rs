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
    /// Those that the other party has accepted, by partner: what the decision reads.
    signed: BTreeMap<EconomyId, BTreeSet<RecordId>>,
    /// Those that nobody has answered, by partner.
    open: BTreeMap<EconomyId, BTreeSet<RecordId>>,
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
    /// What its text calls it, cut short.
    pub title: String,
    /// What the text says; `None` when this version cannot read it, or when it was taken back before
    /// anybody accepted it: it permits nothing then.
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

/// What a word about an agreement changed.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// It came before the proposal, and is kept until that comes.
    pub(super) early: bool,
    /// Whoever brought what had come before this proposal.
    pub(super) brought: Vec<Option<EconomyId>>,
    /// The proposal waits for an answer no longer.
    pub(super) answered: bool,
    /// The decision reads something else than before.
    pub(super) decides: bool,
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
    /// Whether this proposal was heard before.
    pub(super) fn holds(&self, id: &RecordId) -> bool {
        self.known.contains_key(id)
    }

    /// Somebody proposes an agreement.
    pub(super) fn propose(&mut self, id: RecordId, compact: Compact) -> Heard {
        let partner = compact.partner;
        if self.known.contains_key(&id) {
            // It was in doubt for a while: what it permitted is permitted again.
            let decides = self.signed.get(&partner).is_some_and(|signed| signed.contains(&id));
            return Heard { decides, ..Heard::default() };
        }
        self.known.insert(id, compact);
        self.open.entry(partner).or_default().insert(id);
        let mut all = Heard::default();
        for (step, from) in self.early.remove(&id).unwrap_or_default() {
            let Heard { answered, decides, .. } = self.step(id, step, from);
            all.answered |= answered;
            all.decides |= decides;
            all.brought.push(from);
        }
        all
    }

    /// Somebody accepts what was proposed.
    pub(super) fn accept(
        &mut self,
        id: RecordId,
        record: RecordId,
        by: EconomyId,
        at: Timestamp,
        from: Option<EconomyId>,
    ) -> Heard {
        self.step(id, Step::Accepted { record, by, at }, from)
    }

    /// Somebody terminates it. `given`: when notice was given, from which the period of notice runs.
    pub(super) fn terminate(
        &mut self,
        id: RecordId,
        by: EconomyId,
        (effective, given): (Timestamp, Timestamp),
        from: Option<EconomyId>,
    ) -> Heard {
        self.step(id, Step::Terminated { by, effective, given }, from)
    }

    /// Only the party that did not propose can accept; either party can terminate, never later than
    /// it was terminated before.
    fn step(&mut self, id: RecordId, step: Step, from: Option<EconomyId>) -> Heard {
        let Some(compact) = self.known.get_mut(&id) else {
            let early = self.early.entry(id).or_default();
            // What was in doubt for a while is said a second time.
            let new = !early.iter().any(|(known, _)| known.says(&step));
            if new {
                early.push((step, from));
            }
            return Heard { early: new, ..Heard::default() };
        };
        let mut heard = Heard::default();
        match step {
            Step::Accepted { record, by, at } if compact.is_party(by) && by != compact.proposer => {
                if compact.acceptances.iter().all(|(known, _)| *known != record) {
                    compact.acceptances.push((record, at));
                }
                compact.count(&self.doubted);
                let open = self.open.get_mut(&compact.partner);
                heard.answered = open.is_some_and(|open| open.remove(&id));
                heard.decides = true;
                self.signed.entry(compact.partner).or_default().insert(id);
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
                heard.decides = !compact.acceptances.is_empty();
            }
        }
        heard
    }

    /// Lets go of what this partner proposed and was taken back before anybody accepted it: which.
    pub(super) fn let_go(&mut self, partner: EconomyId) -> Vec<RecordId> {
        let Some(open) = self.open.get_mut(&partner) else { return Vec::new() };
        let gone: Vec<_> = open
            .iter()
            .filter(|id| {
                let compact = self.known.get(*id);
                compact.is_some_and(|one| one.proposer == partner && one.terminated.is_some())
            })
            .copied()
            .collect();
        for id in &gone {
            open.remove(id);
            if let Some(compact) = self.known.get_mut(id) {
                compact.terms = None;
            }
        }
        gone
    }

    /// How many proposals of `by` to or from this partner nobody has answered.
    pub(super) fn open(&self, partner: EconomyId, by: EconomyId) -> u64 {
        let open = self.open.get(&partner).into_iter().flatten();
        let theirs = open
            .filter_map(|id| self.known.get(id))
            .filter(|one| one.proposer == by && one.terminated.is_none());
        theirs.count() as u64
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

    /// How many agreements permit anything, or did.
    pub(super) fn permitting(&self) -> usize {
        let sound = |(id, compact): &(&RecordId, &Compact)| {
            compact.accepted.is_some() && !self.doubted.contains(*id)
        };
        self.known.iter().filter(sound).count()
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
        let signed = self.signed.get(&partner).into_iter().flatten();
        signed.filter_map(|id| Some((id, self.known.get(id)?))).filter_map(|(id, compact)| {
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
