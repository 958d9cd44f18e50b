//! What a change of policy would do to what is here: the same decision under two snapshots.
//!
//! Nothing is changed by asking. Decisions are shared by marking class in each of the two, and parts are
//! put together by the same rules as [`plan`](super::plan): an answer is what two plans would differ in.

use std::collections::BTreeSet;

use super::facts::{PartFacts, Recipient, RecordFacts};
use super::plan::plan_by;
use super::shared::Shared;
use super::snapshot::PolicySnapshot;
use crate::identity::PartDigest;
use crate::time::Timestamp;

/// Two policies, side by side.
#[derive(Debug)]
pub struct Comparison {
    before: Shared,
    after: Shared,
}

/// What changes for one record and one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Parts that go after, and not before, ascending.
    pub begins: Vec<PartDigest>,
    /// Parts that go before, and not after, ascending.
    pub stops: Vec<PartDigest>,
}

impl Comparison {
    /// Two policies that differ in what is agreed: in their agreements, trust and standings. Groups and
    /// consents are one and the same in both.
    #[must_use]
    pub fn new(before: PolicySnapshot, after: PolicySnapshot) -> Self {
        Self { before: Shared::new(before), after: Shared::new(after) }
    }

    /// What changes; `None`: nothing.
    pub fn shift(
        &mut self,
        record: &RecordFacts,
        parts: &[PartFacts],
        recipient: &Recipient,
        now: Timestamp,
    ) -> Option<Shift> {
        // How parts hang together follows from these two answers about each, and from what is the same
        // in both policies.
        let [before, after] = [&mut self.before, &mut self.after].map(|shared| {
            let mut classed = Vec::with_capacity(parts.len());
            let mut answers = Vec::with_capacity(parts.len());
            for part in parts {
                let one = shared.classify(record, part, now);
                let answer = shared.answer(&one, recipient);
                answers.push((answer.outcome.is_release(), answer.rests_on_order));
                classed.push(one);
            }
            (classed, answers)
        });
        let ((classed_before, answers_before), (classed_after, answers_after)) = (before, after);
        if answers_before == answers_after {
            return None;
        }
        let both = [(&mut self.before, classed_before), (&mut self.after, classed_after)];
        let [before, after] = both.map(|(shared, classed)| {
            let decide = |one| (*shared.decide(one, recipient)).clone();
            let decisions = classed.iter().map(decide).collect();
            let plan = plan_by(shared.snapshot(), record, parts, recipient, now, decisions);
            plan.releases().to_vec()
        });
        let only = |one: &[PartDigest], other: &[PartDigest]| {
            let other: BTreeSet<_> = other.iter().collect();
            one.iter().filter(|part| !other.contains(part)).copied().collect()
        };
        let shift = Shift { begins: only(&after, &before), stops: only(&before, &after) };
        (shift != Shift::default()).then_some(shift)
    }
}
