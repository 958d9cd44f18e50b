//! What was said of one text: who proposed it, who has accepted it, and who ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::agreement::Terms;
use crate::identity::{EconomyId, RecordId};
use crate::time::Timestamp;

/// Endings by one party that count for when a text binds no more: those of which notice was given first.
/// Nobody needs as many, and what is left out binds longer.
const ENDINGS: usize = 16;

/// A proposed text, and the words about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    proposer: EconomyId,
    other: EconomyId,
    amends: Vec<RecordId>,
    terms: Option<Arc<Terms>>,
    /// Acceptances by the other party: the record, and when it took effect here.
    acceptances: BTreeMap<RecordId, Timestamp>,
    ends: Option<Timestamp>,
    endings: Vec<Ending>,
}

/// A word that ends an agreement, or takes a proposal back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ending {
    /// Who says so.
    pub by: EconomyId,
    /// When notice was given, from which the period of notice runs.
    pub given: Timestamp,
    /// From when.
    pub effective: Timestamp,
    /// The record that says so.
    pub record: RecordId,
}

impl Text {
    /// What `proposer` proposes to `other`, in the place of the texts that it `amends`. Without `terms`:
    /// this version cannot read them.
    #[must_use]
    pub fn new(
        proposer: EconomyId,
        other: EconomyId,
        amends: &[RecordId],
        terms: Option<Arc<Terms>>,
    ) -> Self {
        let amends: BTreeSet<RecordId> = amends.iter().copied().collect();
        Self {
            proposer,
            other,
            amends: amends.into_iter().collect(),
            terms,
            acceptances: BTreeMap::new(),
            ends: None,
            endings: Vec::new(),
        }
    }

    /// Somebody accepts it, heard of at `heard`. Only the other party can; whether it did.
    pub fn accept(&mut self, by: EconomyId, record: RecordId, heard: Timestamp) -> bool {
        let can = by == self.other && by != self.proposer;
        if can {
            let first = self.acceptances.entry(record).or_insert(heard);
            *first = heard.min(*first);
        }
        can
    }

    /// Somebody ends it. Only its parties can; whether it did.
    pub fn end(&mut self, ending: Ending) -> bool {
        if ending.by != self.other && ending.by != self.proposer {
            return false;
        }
        self.ends = Some(self.ends.map_or(ending.effective, |ends| ends.min(ending.effective)));
        // What was in doubt for a while is said a second time: it was given when it was first heard.
        let same = |known: &Ending| known.record == ending.record;
        if self.endings.iter().any(|known| same(known) && known.given <= ending.given) {
            return true;
        }
        self.endings.retain(|known| !same(known));
        self.endings.push(ending);
        self.endings.sort_unstable();
        let theirs = self.endings.iter().filter(|one| one.by == ending.by);
        if let Some(last) = theirs.clone().nth(ENDINGS).copied() {
            self.endings.retain(|one| *one != last);
        }
        true
    }

    /// The text itself is let go of: whatever is said of it, it permits nothing.
    pub fn forget_terms(&mut self) {
        self.terms = None;
    }

    /// Who proposed it.
    #[must_use]
    pub fn proposer(&self) -> EconomyId {
        self.proposer
    }

    /// The texts that it takes the place of, ascending; none, where it is a first text.
    #[must_use]
    pub fn amends(&self) -> &[RecordId] {
        &self.amends
    }

    /// What it says, where this version can read it.
    #[must_use]
    pub fn terms(&self) -> Option<&Arc<Terms>> {
        self.terms.as_ref()
    }

    /// When both had signed it, as far as is known here. A doubt changes nothing of it: whoever signed
    /// could otherwise undo an agreement by revoking its own key.
    #[must_use]
    pub fn agreed(&self) -> Option<Timestamp> {
        self.acceptances.values().copied().min()
    }

    /// When both had signed it with words of which none is in doubt.
    #[must_use]
    pub fn accepted(&self, doubted: &BTreeSet<RecordId>) -> Option<Timestamp> {
        let sound = self.acceptances.iter().filter(|(record, _)| !doubted.contains(*record));
        sound.map(|(_, heard)| *heard).min()
    }

    /// The records by which the other party has accepted it.
    pub fn acceptances(&self) -> impl Iterator<Item = &RecordId> {
        self.acceptances.keys()
    }

    /// Whether it, or every acceptance of it, is in doubt.
    #[must_use]
    pub fn is_doubted(&self, id: &RecordId, doubted: &BTreeSet<RecordId>) -> bool {
        doubted.contains(id) || self.accepted(doubted).is_none()
    }

    /// Whether somebody ends it, or took it back.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ends.is_some()
    }

    /// The earliest instant from which somebody ends it.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        self.ends
    }

    /// The words that end it and count for the time until when it binds.
    pub fn endings(&self) -> impl Iterator<Item = &Ending> {
        self.endings.iter()
    }
}
