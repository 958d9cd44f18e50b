//! What goes to one recipient: the decisions for all parts of a record, together.

use std::collections::BTreeSet;

use super::addressing::addressee_goes;
use super::control::decide_control;
use super::decide;
use super::decision::{Decision, Gate, Outcome};
use super::fact::Fact;
use super::facts::{PartFacts, Recipient, RecordFacts};
use super::snapshot::PolicySnapshot;
use crate::identity::{PartDigest, RecordId};
use crate::ledger::Obligations;
use crate::time::Timestamp;
use crate::vocabulary::Section;

/// What goes to one recipient, what stays, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    parts: Vec<PlannedPart>,
    control: Option<Decision>,
    releases: Vec<PartDigest>,
    obligations: Option<Obligations>,
}

/// A part with its decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPart {
    /// The part.
    pub digest: PartDigest,
    /// What it says.
    pub section: Section,
    /// Whether it goes.
    pub decision: Decision,
}

impl Plan {
    /// Whether anything goes: a control record, or the manifest and at least one content part.
    #[must_use]
    pub fn goes(&self) -> bool {
        self.obligations.is_some()
    }

    /// The parts that go, ascending.
    #[must_use]
    pub fn releases(&self) -> &[PartDigest] {
        &self.releases
    }

    /// What the recipient takes on. `None`: nothing goes.
    #[must_use]
    pub fn obligations(&self) -> Option<&Obligations> {
        self.obligations.as_ref()
    }

    /// Every part with its decision, in the order in which they were given.
    #[must_use]
    pub fn parts(&self) -> &[PlannedPart] {
        &self.parts
    }

    /// The decision on a control record.
    #[must_use]
    pub fn control(&self) -> Option<&Decision> {
        self.control.as_ref()
    }

    /// What permits what goes: the word of an emergency release where any of it rests on one, and else an
    /// agreement.
    #[must_use]
    pub fn covering(&self) -> Option<RecordId> {
        let going = || self.parts.iter().map(|part| &part.decision).filter(|one| one.is_release());
        let by_emergency = going().find(|one| one.rests_on_emergency());
        by_emergency
            .and_then(Decision::covering)
            .or_else(|| self.parts.iter().find_map(|part| part.decision.covering()))
    }

    /// The parts that stay, whether for good or for now.
    pub fn withheld(&self) -> impl Iterator<Item = &PlannedPart> {
        self.parts.iter().filter(|part| !part.decision.is_release())
    }

    /// The earliest instant at which something that is held now is to be decided again.
    #[must_use]
    pub fn holds(&self) -> Option<Timestamp> {
        let decisions = self.parts.iter().map(|part| &part.decision).chain(&self.control);
        decisions
            .filter_map(|decision| match decision.outcome() {
                Outcome::HoldUntil(until) => Some(*until),
                Outcome::Release(_) | Outcome::Withhold => None,
            })
            .min()
    }
}

/// Decides every part of a record for one recipient, and what goes together.
///
/// Four rules about several parts come on top of [`decide`], and only ever withhold: what an
/// addressed record gives goes with the addressee part that gives it, or with its origin's consent,
/// without which it would be refused; an addressee part goes only with something that it gives; what
/// rests on the reference of an order goes with that reference; and no part goes, nor the manifest,
/// unless a part with content does.
#[must_use]
pub fn plan(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    recipient: &Recipient,
    now: Timestamp,
) -> Plan {
    #[cfg(any(test, feature = "test-util"))]
    crate::test_util::work::plan();
    let decisions = parts.iter().map(|part| decide(snapshot, record, part, recipient, now));
    plan_by(snapshot, record, parts, recipient, now, decisions.collect())
}

/// The same, where the decision about each part is known already.
pub(super) fn plan_by(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    recipient: &Recipient,
    now: Timestamp,
    decisions: Vec<Decision>,
) -> Plan {
    let mut planned = Planned { snapshot, record, recipient, parts, now, decisions };
    if record.kind.is_control() {
        let control = decide_control(snapshot, record, recipient, now);
        // A control record has no parts; one that has is a contradiction, and does not go.
        return planned.into_plan(Some(control));
    }
    planned.bind_together();
    planned.into_plan(None)
}

struct Planned<'a> {
    snapshot: &'a PolicySnapshot,
    record: &'a RecordFacts,
    recipient: &'a Recipient,
    parts: &'a [PartFacts],
    now: Timestamp,
    decisions: Vec<Decision>,
}

impl Planned<'_> {
    fn bind_together(&mut self) {
        // What one rule withholds may be what another part hung on: an order reference that its
        // addressee part does not accompany, a case part whose addressee part gives nothing.
        loop {
            let before = self.going().count();
            self.withhold_unordered();
            if self.record.addressed {
                self.withhold_lonely();
                self.withhold_idle();
            }
            if self.going().count() == before {
                break;
            }
        }
        if !self.going().any(PartFacts::is_content) {
            let all = self.going().map(|part| part.digest).collect();
            self.withhold(&all, Gate::Audience, Fact::NoContent);
        }
    }

    /// Withholds what rests on an order, unless a part that refers to one goes itself.
    fn withhold_unordered(&mut self) {
        if self.going().any(PartFacts::is_order) {
            return;
        }
        let pairs = self.parts.iter().zip(&self.decisions);
        let resting =
            pairs.filter(|(_, decision)| decision.is_release() && decision.rests_on_order());
        let resting = resting.map(|(part, _)| part.digest).collect();
        self.withhold(&resting, Gate::LegalBasis, Fact::OrderWithheld);
    }

    /// The parts that are released so far.
    fn going(&self) -> impl Iterator<Item = &PartFacts> {
        let pairs = self.parts.iter().zip(&self.decisions);
        pairs.filter(|(_, decision)| decision.is_release()).map(|(part, _)| part)
    }

    /// Withholds what no addressee part gives to the recipient that goes itself. Nothing needs to be
    /// given to our own house.
    fn withhold_lonely(&mut self) {
        let Recipient::Partner { economy, desk } = self.recipient else { return };
        let going: BTreeSet<PartDigest> = self.going().map(|part| part.digest).collect();
        let given = |part: &PartFacts| {
            self.snapshot.consent(self.record, part, *economy, self.now).is_some()
                || addressee_goes(
                    (self.snapshot, self.now),
                    self.record,
                    part,
                    *economy,
                    desk.as_deref(),
                    |held| going.contains(&held.part),
                )
        };
        let lonely = self.going().filter(|part| !is_addressee(part) && !given(part));
        let lonely = lonely.map(|part| part.digest).collect();
        self.withhold(&lonely, Gate::Audience, Fact::AddresseeWithheld);
    }

    /// Withholds addressee parts that give no content that goes.
    fn withhold_idle(&mut self) {
        let content: BTreeSet<PartDigest> =
            self.going().filter(|part| part.is_content()).map(|part| part.digest).collect();
        let gives = |addressee: &PartFacts| {
            let mut held = self.record.addressees.iter();
            held.find(|held| held.part == addressee.digest)
                .is_some_and(|held| held.addressee.parts.iter().any(|part| content.contains(part)))
        };
        let idle = self.going().filter(|part| is_addressee(part) && !gives(part));
        let idle = idle.map(|part| part.digest).collect();
        self.withhold(&idle, Gate::Audience, Fact::NoContent);
    }

    fn withhold(&mut self, digests: &BTreeSet<PartDigest>, gate: Gate, fact: Fact) {
        for (part, decision) in self.parts.iter().zip(&mut self.decisions) {
            if digests.contains(&part.digest) {
                *decision = decision.clone().withheld(gate, fact);
            }
        }
    }

    fn into_plan(self, control: Option<Decision>) -> Plan {
        let mut releases: Vec<PartDigest> = self.going().map(|part| part.digest).collect();
        releases.sort_unstable();
        releases.dedup();
        let decisions = self.decisions.iter().chain(&control);
        let obligations = together(decisions);
        if obligations.is_none() {
            releases.clear();
        }
        let parts = self.parts.iter().zip(self.decisions).map(|(part, decision)| PlannedPart {
            digest: part.digest,
            section: part.section,
            decision,
        });
        Plan { parts: parts.collect(), control, releases, obligations }
    }
}

fn is_addressee(part: &PartFacts) -> bool {
    part.section == Section::Addressee
}

/// The strictest of all that is released. `None` when nothing is.
fn together<'a>(decisions: impl Iterator<Item = &'a Decision>) -> Option<Obligations> {
    let mut released = decisions.filter_map(|decision| match decision.outcome() {
        Outcome::Release(obligations) => Some(obligations),
        Outcome::Withhold | Outcome::HoldUntil(_) => None,
    });
    let one = released.next()?.clone();
    released.try_fold(one, |sum, next| sum.meet(next))
}
