//! What the egress guard said of the parts that are here, and what a person let pass.
//!
//! What was found is known to this process only: the lists are the operator's, and what is about to leave
//! is looked at anew after every start. What a person decided stands in the journal, by the rules that it
//! is about: another rule holds the part again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity_core::journal::Guarded;
use comity_core::policy::{Examination, PartFacts, Word};
use comity_core::{Digest, PartDigest, RecordId, Timestamp};

use super::{Held, State};
use crate::guard::{Found, Guard, Place};

/// A person's word that a part may go although rules match it.
#[derive(Clone, Debug)]
pub struct LetPass {
    /// Who said so; as that person is called here.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    rules: BTreeSet<Digest>,
}

/// The guard, and what it found.
#[derive(Debug, Default)]
pub(super) struct Guarding {
    guard: Option<Arc<Guard>>,
    /// Parts that rules match, let pass or not.
    found: BTreeMap<PartDigest, (RecordId, Found)>,
    passes: BTreeMap<PartDigest, LetPass>,
}

impl Guarding {
    pub(super) fn revision(&self) -> Option<u64> {
        self.guard.as_ref().map(|guard| guard.revision())
    }

    /// The rules that hold a part, of those that match it. A part of which not all are known is held by
    /// whatever is known.
    fn holding<'a>(
        &'a self,
        part: &'a PartDigest,
        found: &'a Found,
    ) -> impl Iterator<Item = Place> + use<'a> {
        let passes = self.passes.get(part).filter(|_| !found.more);
        let guard = self.guard.as_deref();
        let rules =
            guard.into_iter().flat_map(|guard| found.rules.iter().map(move |rule| (guard, *rule)));
        rules
            .filter(move |(guard, rule)| {
                passes.is_none_or(|passes| !passes.rules.contains(&guard.digest(*rule)))
            })
            .map(|(guard, rule)| guard.place(rule))
    }

    fn examination(&self, part: &PartDigest, found: &Found) -> Examination {
        let Some(revision) = self.revision() else { return Examination::NotExamined };
        match self.holding(part, found).next() {
            Some(place) => Examination::Hit { revision, rule: Word::new(&place.to_string()) },
            None => Examination::Clear { revision },
        }
    }
}

/// A part that rules match.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The record.
    pub record: RecordId,
    /// The part.
    pub part: PartDigest,
    /// Where those rules stand that hold it; none: it was let pass.
    pub held_by: Vec<Place>,
    /// Whether more match than are known, so that nobody can let it pass.
    pub more: bool,
    /// Who let it pass, if somebody did.
    pub passed: Option<LetPass>,
}

/// What the lists in force found in the parts of one record, for another moment of the same journal.
pub(crate) struct Findings {
    guard: Option<Arc<Guard>>,
    record: RecordId,
    parts: Vec<(PartDigest, Found)>,
}

impl State {
    /// What the guard found in the parts of a record that it has looked at.
    pub(crate) fn findings(&self, record: &RecordId, held: &Held) -> Findings {
        let guard = self.guarding.guard.clone();
        let current = self.guarding.revision();
        let examined = held
            .parts
            .iter()
            .filter(|part| current.is_some_and(|current| is_examined(part, current)));
        let parts = examined.map(|part| {
            let found = self.guarding.found.get(&part.digest);
            (part.digest, found.map(|(_, found)| found.clone()).unwrap_or_default())
        });
        Findings { guard, record: *record, parts: parts.collect() }
    }

    /// The lists of another moment, and what they found then, as far as the parts are here.
    pub(crate) fn find_again(&mut self, findings: Findings) {
        let revision = findings.guard.as_ref().map(|guard| guard.revision());
        self.set_guard(findings.guard);
        let Some(revision) = revision else { return };
        for (part, found) in findings.parts {
            self.examined(&findings.record, &part, revision, found);
        }
    }

    /// The egress guard, where there is one.
    #[must_use]
    pub fn guard(&self) -> Option<&Arc<Guard>> {
        self.guarding.guard.as_ref()
    }

    /// Other lists are in force from now on, or none: nothing was looked at with them.
    pub(crate) fn set_guard(&mut self, guard: Option<Arc<Guard>>) {
        if guard.as_ref().map(|guard| guard.revision()) == self.guarding.revision() {
            return;
        }
        self.guarding.guard = guard;
        self.guarding.found.clear();
        self.rebuild_policy();
    }

    /// The parts of a record that were not looked at with the lists in force.
    #[must_use]
    pub fn unexamined(&self, held: &Held) -> Vec<PartDigest> {
        let Some(current) = self.guarding.revision() else { return Vec::new() };
        // Of what was erased there are no bytes.
        let stale = |part: &&PartFacts| !part.erased && !is_examined(part, current);
        held.parts.iter().filter(stale).map(|part| part.digest).collect()
    }

    /// The facts of a record's parts if nothing were found in those that were not looked at.
    pub(crate) fn as_if_clear(&self, held: &Held) -> Vec<PartFacts> {
        let mut parts = held.parts.clone();
        if let Some(revision) = self.guarding.revision() {
            for part in parts.iter_mut().filter(|part| !is_examined(part, revision)) {
                part.guard = Examination::Clear { revision };
            }
        }
        parts
    }

    /// What the guard found in a part. Where it stands that holds it, if something does.
    pub(crate) fn examined(
        &mut self,
        record: &RecordId,
        part: &PartDigest,
        revision: u64,
        found: Found,
    ) -> Option<Place> {
        if self.guarding.revision() != Some(revision) {
            return None;
        }
        let examination = self.guarding.examination(part, &found);
        let holding = self.guarding.holding(part, &found).next();
        if found.is_nothing() {
            self.guarding.found.remove(part);
        } else {
            self.guarding.found.insert(*part, (*record, found));
        }
        self.set_examination(record, part, examination);
        holding
    }

    /// What is to be said of a part that was looked at and is not here.
    #[must_use]
    pub fn would_be(&self, part: &PartDigest, found: &Found) -> Examination {
        self.guarding.examination(part, found)
    }

    /// A person let a part pass, or holds it again.
    pub(super) fn guarded(&mut self, guarded: &Guarded) {
        let Guarded { record, part, passes, by, reason, at } = guarded;
        if passes.is_empty() {
            self.guarding.passes.remove(part);
            // What was let pass goes no further.
            self.turns = self.turns.saturating_add(1);
        } else {
            let (by, reason, at) = (by.clone(), reason.clone(), *at);
            let rules = passes.iter().copied().collect();
            self.guarding.passes.insert(*part, LetPass { by, reason, at, rules });
        }
        let found = self.guarding.found.get(part).map(|(_, found)| found.clone());
        if let Some(found) = found {
            let examination = self.guarding.examination(part, &found);
            self.set_examination(record, part, examination);
        }
    }

    fn set_examination(&mut self, record: &RecordId, part: &PartDigest, said: Examination) {
        let held = self.records.get_mut(record);
        let facts = held.and_then(|held| held.parts.iter_mut().find(|one| one.digest == *part));
        if let Some(facts) = facts {
            facts.guard = said;
        }
    }

    /// What a part is held by that may not leave, or that it was not looked at.
    #[must_use]
    pub fn kept_by_guard(&self, part: &PartFacts) -> Option<String> {
        let current = self.guarding.revision()?;
        match part.guard {
            Examination::Clear { revision } if revision == current => None,
            Examination::Hit { revision, rule } if revision == current => {
                Some(format!("held by the egress guard ({rule})"))
            }
            Examination::Clear { .. } | Examination::Hit { .. } | Examination::NotExamined => {
                Some("not yet examined by the egress guard".to_owned())
            }
        }
    }

    /// Every part that rules match, of records that are here.
    pub fn matched(&self) -> impl Iterator<Item = Matched> {
        self.guarding.found.iter().map(|(part, (record, found))| self.match_of(record, part, found))
    }

    /// The same of one part.
    #[must_use]
    pub fn matched_in(&self, part: &PartDigest) -> Option<Matched> {
        let (record, found) = self.guarding.found.get(part)?;
        Some(self.match_of(record, part, found))
    }

    /// What a person lets pass who lets this part pass: every rule that matches it.
    pub(crate) fn rules_of(&self, part: &PartDigest) -> Vec<Digest> {
        let (Some(guard), Some((_, found))) = (self.guard(), self.guarding.found.get(part)) else {
            return Vec::new();
        };
        found.rules.iter().map(|rule| guard.digest(*rule)).collect()
    }

    /// How many parts are held.
    #[must_use]
    pub fn held_by_guard(&self) -> u64 {
        self.matched().filter(|one| !one.held_by.is_empty()).count() as u64
    }

    /// Whether somebody let this part pass, whatever matches it now.
    #[must_use]
    pub fn let_pass(&self, part: &PartDigest) -> Option<&LetPass> {
        self.guarding.passes.get(part)
    }

    fn match_of(&self, record: &RecordId, part: &PartDigest, found: &Found) -> Matched {
        Matched {
            record: *record,
            part: *part,
            held_by: self.guarding.holding(part, found).collect(),
            more: found.more,
            passed: self.let_pass(part).cloned(),
        }
    }
}

/// Whether a part was looked at with the lists in force.
fn is_examined(part: &PartFacts, current: u64) -> bool {
    match part.guard {
        Examination::Clear { revision } | Examination::Hit { revision, .. } => revision == current,
        Examination::NotExamined => false,
    }
}
