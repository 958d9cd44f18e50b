//! Agreements: proposed, accepted, terminated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity_core::agreement::Terms;
use comity_core::policy::{Ending, Place, Text, Tree, Trees};
use comity_core::{EconomyId, RecordId, Timestamp};

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
    /// When it was proposed.
    pub proposed: Timestamp,
    /// What it says and amends, and every word about it. Its terms are let go of when it was taken back
    /// before anybody accepted it.
    pub text: Text,
    /// When the other party accepted it, with a word that is not in doubt.
    pub accepted: Option<Timestamp>,
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
    Terminated(Ending),
}

impl Step {
    /// The record that says it: what was in doubt for a while is said a second time.
    fn record(&self) -> RecordId {
        match self {
            Self::Accepted { record, .. } | Self::Terminated(Ending { record, .. }) => *record,
        }
    }
}

impl Compact {
    /// Whether this economy is one of the two.
    #[must_use]
    pub fn is_party(&self, economy: EconomyId) -> bool {
        economy == self.us || economy == self.partner
    }

    /// What was proposed, where this version can read it.
    #[must_use]
    pub fn terms(&self) -> Option<&Arc<Terms>> {
        self.text.terms()
    }

    /// From when it is terminated, or taken back.
    #[must_use]
    pub fn terminated(&self) -> Option<Timestamp> {
        self.text.ends()
    }

    /// Whether nobody has accepted it, nor taken it back.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.text.agreed().is_none() && !self.text.is_ended()
    }

    /// Whether nobody has accepted it, and the other party has turned it down: when it said so. What its proposer has
    /// taken back as well is taken back, whichever came first.
    #[must_use]
    pub fn declined(&self) -> Option<Timestamp> {
        let taken_back = self.text.endings().any(|ending| ending.by == self.proposer);
        let said = self.text.endings().map(|ending| ending.given).min();
        said.filter(|_| self.text.agreed().is_none() && !taken_back)
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
        // What both have agreed on may rest on it, though nobody has accepted it.
        let mut all = Heard { decides: self.has_astray(partner), ..Heard::default() };
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

    /// Somebody terminates it, or takes it back.
    pub(super) fn terminate(
        &mut self,
        id: RecordId,
        ending: Ending,
        from: Option<EconomyId>,
    ) -> Heard {
        self.step(id, Step::Terminated(ending), from)
    }

    /// Only the party that did not propose can accept; either party can terminate, never later than
    /// it was terminated before.
    fn step(&mut self, id: RecordId, step: Step, from: Option<EconomyId>) -> Heard {
        let Some(compact) = self.known.get_mut(&id) else {
            let early = self.early.entry(id).or_default();
            let new = !early.iter().any(|(known, _)| known.record() == step.record());
            if new {
                early.push((step, from));
            }
            return Heard { early: new, ..Heard::default() };
        };
        let partner = compact.partner;
        let mut heard = Heard::default();
        match step {
            Step::Accepted { record, by, at } => {
                if compact.text.accept(by, record, at) {
                    compact.accepted = compact.text.accepted(&self.doubted);
                    let open = self.open.get_mut(&partner);
                    heard.answered = open.is_some_and(|open| open.remove(&id));
                    heard.decides = true;
                    self.signed.entry(partner).or_default().insert(id);
                }
            }
            Step::Terminated(ending) => {
                if compact.text.end(ending) {
                    let agreed = compact.text.agreed().is_some();
                    heard.decides = agreed || self.has_astray(partner);
                }
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
                compact.is_some_and(|one| one.proposer == partner && one.terminated().is_some())
            })
            .copied()
            .collect();
        for id in &gone {
            open.remove(id);
            if let Some(compact) = self.known.get_mut(id) {
                compact.text.forget_terms();
            }
        }
        gone
    }

    /// How many proposals of `by` to or from this partner nobody has answered.
    pub(super) fn open(&self, partner: EconomyId, by: EconomyId) -> u64 {
        let open = self.open.get(&partner).into_iter().flatten();
        let theirs = open
            .filter_map(|id| self.known.get(id))
            .filter(|one| one.proposer == by && one.terminated().is_none());
        theirs.count() as u64
    }

    /// The author of a proposal or an acceptance is in doubt, or is so no longer. What an agreement
    /// permits rests on both; a termination stands, for a doubt never lets more through.
    pub(super) fn doubt(&mut self, record: RecordId, doubted: bool) {
        let changed =
            if doubted { self.doubted.insert(record) } else { self.doubted.remove(&record) };
        if changed {
            for compact in self.known.values_mut() {
                compact.accepted = compact.text.accepted(&self.doubted);
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

    /// Whether something that was agreed with this partner amends what was not: how long it binds rests on
    /// proposals that nobody has accepted.
    fn has_astray(&self, partner: EconomyId) -> bool {
        let signed = || self.signed.get(&partner).into_iter().flatten();
        let texts = signed().filter_map(|id| self.known.get(id));
        if texts.into_iter().all(|one| one.text.amends().is_empty()) {
            return false;
        }
        let trees = self.with(partner);
        signed().any(|id| trees.place(id) == Some(Place::Astray))
    }

    /// What was agreed with this partner, put together: what the decision reads.
    #[must_use]
    pub fn with(&self, partner: EconomyId) -> Trees {
        self.put_together(partner, None, &self.doubted)
    }

    /// The same, if these proposals and acceptances were in doubt as well.
    pub(crate) fn with_doubting(&self, partner: EconomyId, records: &BTreeSet<RecordId>) -> Trees {
        self.put_together(partner, None, &self.doubted.union(records).copied().collect())
    }

    /// Whether somebody has accepted or ended this proposal, which has not taken effect.
    pub(crate) fn awaits(&self, id: &RecordId) -> bool {
        self.early.contains_key(id)
    }

    /// Whether `by` has accepted this proposal, which has not taken effect.
    pub(super) fn awaits_as_accepted(&self, id: &RecordId, by: EconomyId) -> bool {
        let accepted =
            |step: &Step| matches!(step, Step::Accepted { by: other, .. } if *other == by);
        self.early.get(id).is_some_and(|early| early.iter().any(|(step, _)| accepted(step)))
    }

    /// Whether this proposal, or acceptance of `agreement`, is in doubt and binds all the same.
    pub(super) fn binds_doubted(&self, record: &RecordId, agreement: &RecordId) -> bool {
        let compact = self.known.get(agreement).filter(|one| one.text.agreed().is_some());
        let said = |one: &Compact| {
            record == agreement || one.text.acceptances().any(|acceptance| acceptance == record)
        };
        self.doubted.contains(record) && compact.is_some_and(said)
    }

    /// Whether the author of this proposal or acceptance is in doubt.
    pub(crate) fn is_doubted(&self, record: &RecordId) -> bool {
        self.doubted.contains(record)
    }

    /// The same, if this text were agreed as well.
    pub(crate) fn with_also(&self, partner: EconomyId, id: RecordId, text: &Text) -> Trees {
        self.put_together(partner, Some((id, text)), &self.doubted)
    }

    fn put_together(
        &self,
        partner: EconomyId,
        also: Option<(RecordId, &Text)>,
        doubted: &BTreeSet<RecordId>,
    ) -> Trees {
        let signed = self.signed.get(&partner).into_iter().flatten().copied();
        let between = |id: &RecordId| self.known.get(id).filter(|one| one.partner == partner);
        let known = |id: &RecordId| match also {
            Some((one, text)) if one == *id => Some(text),
            Some(_) | None => between(id).map(|one| &one.text),
        };
        Trees::of(signed.chain(also.map(|(id, _)| id)), known, doubted)
    }

    /// The agreement to which this text belongs. `None`: it is not agreed.
    #[must_use]
    pub fn tree(&self, id: &RecordId) -> Option<Tree> {
        self.with(self.known.get(id)?.partner).tree(id).cloned()
    }

    /// The proposals that nobody has answered or taken back, and that would take the place of one of these.
    pub fn amending<'a>(
        &'a self,
        texts: &'a [RecordId],
    ) -> impl Iterator<Item = (&'a RecordId, &'a Compact)> {
        let amends = |one: &Compact| one.text.amends().iter().any(|named| texts.contains(named));
        self.known.iter().filter(move |(_, one)| one.is_open() && amends(one))
    }
}
