//! What would turn a refusal: the smallest sets of changes, found by deciding again with them made.
//!
//! Nothing here is told by a rule about gates: each set is made to a copy of what the decision reads,
//! and [`plan`] is asked. A set is small in two ways: no change of it can be left out, and none can be
//! replaced by a lesser one.

mod change;
mod widen;

pub use change::{Change, Desk};

use std::collections::BTreeSet;

use change::{Aim, World};

use super::approval::Approval;
use super::decision::{Judgement, Verdict};
use super::examination::Examination;
use super::facts::{PartFacts, Recipient, RecordFacts, Source};
use super::plan::{Plan, plan};
use super::snapshot::{PolicySnapshot, Standing, TrustLevel};
use crate::agreement::{Field, Tier};
use crate::identity::{EconomyId, PartDigest};
use crate::time::Timestamp;
use crate::vocabulary::Section;

/// More changes than these at once are no advice.
const MOST_TOGETHER: usize = 4;
/// More than these are not tried in every combination.
const MOST_CHANGES: usize = 14;
/// More ways than these nobody reads.
const MOST_WAYS: usize = 6;
/// Of the other parts, those that may hang together with the one asked about.
const MOST_PARTS: usize = 64;

/// What would turn a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turning {
    /// Sets of changes, each of which turns it, the smallest first; of equals what is least trouble.
    pub ways: Vec<Vec<Change>>,
    /// Where there is no way: what stays against it whatever anybody changes.
    pub fixed: Vec<Judgement>,
}

/// Finds what would make a part of a record, or a control record, go to the economy `to`. Nothing is
/// found for what goes already.
#[must_use]
pub fn turning(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    part: Option<PartDigest>,
    to: EconomyId,
    now: Timestamp,
) -> Turning {
    let asked = part.and_then(|digest| parts.iter().find(|one| one.digest == digest));
    if part.is_some() && asked.is_none() {
        return Turning::default();
    }
    let aim = Aim { to, part: asked };
    let whole = World {
        snapshot: snapshot.only(&concerned(record, asked, to)),
        record: record.clone(),
        parts: parts.to_vec(),
        now,
    };
    if aim.reached(&whole) {
        return Turning::default();
    }
    let near = World { parts: aim.near(parts), ..whole.clone() };
    let possible = possible(&near, &aim);
    let mut ways = aim.smallest(&near, &possible);
    for way in &mut ways {
        // A lesser change may do without another that the larger one needed.
        while aim.trim(&near, way) {}
    }
    // The parts that were left out may hang on it after all.
    ways.retain(|way| aim.reached(&aim.after(&whole, way)));
    ways.sort_by_key(|way| (way.len(), way.iter().map(Change::cost).sum::<u32>(), way.clone()));
    ways = ways
        .iter()
        .enumerate()
        .filter(|(place, way)| {
            !ways.iter().take(*place).any(|lesser| lesser.iter().all(|one| way.contains(one)))
        })
        .map(|(_, way)| way.clone())
        .collect();
    ways.truncate(MOST_WAYS);
    let fixed = if ways.is_empty() { aim.fixed(&near, possible) } else { Vec::new() };
    Turning { ways, fixed }
}

/// Whoever gets it, made it or brought it: agreements with all of them bind.
fn concerned(record: &RecordFacts, part: Option<&PartFacts>, to: EconomyId) -> BTreeSet<EconomyId> {
    let first = match &record.source {
        Source::Own => None,
        Source::From { economy, .. } => Some(*economy),
    };
    let again = part.into_iter().flat_map(|part| &part.sources).map(|received| received.economy);
    [to, record.origin].into_iter().chain(first).chain(again).collect()
}

/// Everything that anybody could do, each in its largest form.
fn possible(world: &World, aim: &Aim<'_>) -> Vec<Change> {
    let mut changes: Vec<Change> = aim.holds(world).into_iter().map(Change::Wait).collect();
    if world.record.unmarked {
        changes.push(Change::Mark);
    }
    if world.record.quarantined {
        changes.push(Change::Accept);
    }
    if let Some(current) = world.snapshot.guard()
        && world.parts.iter().any(|part| part.guard != Examination::Clear { revision: current })
    {
        changes.push(Change::LetPass);
    }
    if matches!(world.record.approval, Approval::Awaited(_)) {
        changes.push(Change::Approve);
    }
    let Some(partner) = world.snapshot.partner(&aim.to) else { return changes };
    if partner.standing == Standing::Suspended {
        changes.push(Change::Resume);
    }
    if partner.trust < TrustLevel::Restricted {
        changes.push(Change::Raise(TrustLevel::Restricted));
    }
    let Some(part) = aim.part else { return changes };
    if part.section != Section::Addressee {
        changes.push(Change::Address(Desk::Any));
    }
    if world.record.source != Source::Own {
        changes.push(Change::Consent);
    }
    // Those with whoever brought it bind us as well.
    let signed = world.snapshot.partners().flat_map(|(_, known)| &known.agreements);
    for agreement in signed.filter(|one| !one.is_past(world.now)) {
        let mut terms = agreement.terms().clone();
        let widened = |field: &Field| widen::widen(&mut terms, *field, part, world.record.kind);
        let fields: BTreeSet<Field> = widen::ALL.iter().copied().filter(widened).collect();
        if !fields.is_empty() {
            changes.push(Change::Amend { agreement: agreement.id(), fields });
        }
    }
    changes.push(Change::Sign(Tier::LawEnforcement));
    // The dearest are tried last, and of very many agreements not all.
    changes.sort_by_key(Change::cost);
    if changes.len() > MOST_CHANGES {
        let signing = changes.pop();
        changes.truncate(MOST_CHANGES - 1);
        changes.extend(signing);
    }
    changes
}

impl Aim<'_> {
    fn decided(&self, world: &World) -> Plan {
        let to = Recipient::partner(self.to);
        plan(&world.snapshot, &world.record, &world.parts, &to, world.now)
    }

    fn judgements(&self, world: &World) -> Vec<Judgement> {
        let plan = self.decided(world);
        let decision = match self.part {
            Some(part) => {
                let planned = plan.parts().iter().find(|one| one.digest == part.digest);
                planned.map(|planned| &planned.decision)
            }
            None => plan.control(),
        };
        decision.map_or_else(Vec::new, |decision| decision.judgements().to_vec())
    }

    fn reached(&self, world: &World) -> bool {
        let plan = self.decided(world);
        match self.part {
            Some(part) => plan.releases().contains(&part.digest),
            None => plan.goes(),
        }
    }

    fn after(&self, world: &World, way: &[Change]) -> World {
        let mut changed = world.clone();
        for change in way {
            change.make(&mut changed, self);
        }
        changed
    }

    fn turns(&self, world: &World, way: &[Change]) -> bool {
        self.reached(&self.after(world, way))
    }

    /// The part itself and those that may hang together with it: who may have it, the order that it
    /// rests on, and, for what is no content, the content that it goes with.
    fn near(&self, parts: &[PartFacts]) -> Vec<PartFacts> {
        let Some(asked) = self.part else { return parts.to_vec() };
        let tied = |part: &&PartFacts| {
            part.section == Section::Addressee
                || part.is_order()
                || (part.is_content() && !asked.is_content())
        };
        let others = parts.iter().filter(|part| part.digest != asked.digest).filter(tied);
        std::iter::once(asked).chain(others.take(MOST_PARTS)).cloned().collect()
    }

    /// The instants for which a gate holds it.
    fn holds(&self, world: &World) -> Vec<Timestamp> {
        let said = self.judgements(world);
        let mut instants: Vec<Timestamp> = said
            .iter()
            .filter_map(|judgement| match judgement.verdict {
                Verdict::Hold(until) => Some(until),
                Verdict::Pass | Verdict::Deny => None,
            })
            .collect();
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// Every smallest set of what is possible, up to [`MOST_TOGETHER`].
    fn smallest(&self, world: &World, possible: &[Change]) -> Vec<Vec<Change>> {
        let mut found: Vec<Vec<usize>> = Vec::new();
        for size in 1..=MOST_TOGETHER {
            for chosen in combinations(possible.len(), size) {
                if found.iter().any(|lesser| lesser.iter().all(|one| chosen.contains(one))) {
                    continue;
                }
                let way: Vec<Change> =
                    chosen.iter().filter_map(|one| possible.get(*one)).cloned().collect();
                if self.turns(world, &way) {
                    found.push(chosen);
                }
            }
        }
        let change = |one: &usize| possible.get(*one).cloned();
        found.iter().map(|chosen| chosen.iter().filter_map(change).collect()).collect()
    }

    /// Replaces each change by the least that does as well, and leaves out what is not needed. Whether
    /// anything became less.
    fn trim(&self, world: &World, way: &mut Vec<Change>) -> bool {
        let before = way.clone();
        let mut place = 0;
        while let Some(change) = way.get(place).cloned() {
            let mut without = way.clone();
            without.remove(place);
            if self.turns(world, &without) {
                *way = without;
                continue;
            }
            let lesser = change.smaller(world, self).into_iter().find(|smaller| {
                let mut with = way.clone();
                if let Some(one) = with.get_mut(place) {
                    *one = smaller.clone();
                }
                self.turns(world, &with)
            });
            match (lesser, way.get_mut(place)) {
                (Some(smaller), Some(one)) => *one = smaller,
                (Some(_) | None, _) => place += 1,
            }
        }
        *way != before
    }

    /// What denies it still when everything possible was done.
    fn fixed(&self, world: &World, possible: Vec<Change>) -> Vec<Judgement> {
        let all: Vec<Change> =
            possible.into_iter().filter(|change| !matches!(change, Change::Wait(_))).collect();
        let said = self.judgements(&self.after(world, &all));
        said.into_iter().filter(|judgement| judgement.verdict == Verdict::Deny).collect()
    }
}

/// Every choice of `size` among `0..of`, in order.
fn combinations(of: usize, size: usize) -> Vec<Vec<usize>> {
    let mut chosen: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size {
        chosen = chosen
            .into_iter()
            .flat_map(|front| {
                let next = front.last().map_or(0, |last| last + 1);
                (next..of).map(move |one| {
                    let mut longer = front.clone();
                    longer.push(one);
                    longer
                })
            })
            .collect();
    }
    chosen
}

/// Whether these changes make the part go.
#[cfg(test)]
pub(super) fn turned(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    (part, to, now): (PartDigest, EconomyId, Timestamp),
    way: &[Change],
) -> bool {
    let asked = parts.iter().find(|one| one.digest == part);
    let (snapshot, record, parts) = (snapshot.clone(), record.clone(), parts.to_vec());
    Aim { to, part: asked }.turns(&World { snapshot, record, parts, now }, way)
}
