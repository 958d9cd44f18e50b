//! Which parts of a record go together in one delivery.

use std::collections::BTreeSet;

use comity_core::policy::{Plan, PlannedPart};
use comity_core::{PartDigest, Section};
use comity_proto::Load;

use crate::state::Held;

/// The parts to send, in deliveries that each fit the link's bound, ascending within each; and how many
/// deliveries there would be besides if any link had room for one.
///
/// An addressee part goes with every delivery: what it gives is refused without it.
pub(super) fn batches(
    held: &Held,
    plan: &Plan,
    sent: &BTreeSet<PartDigest>,
) -> (Vec<Vec<PartDigest>>, usize) {
    let addressee = |part: &&PlannedPart| part.section == Section::Addressee;
    let released = || plan.parts().iter().filter(|part| part.decision.is_release());
    // The reference of an order goes with everything that rests on it, each time.
    let new = |part: &PlannedPart| !sent.contains(&part.digest);
    let ordered = released().any(|part| new(part) && part.decision.rests_on_order());
    let is_order = |digest: &PartDigest| {
        held.parts.iter().any(|part| part.digest == *digest && part.is_order())
    };
    let common: Vec<_> = released()
        .filter(|part| addressee(part) || (ordered && is_order(&part.digest)))
        .map(|part| part.digest)
        .collect();
    let mut new: Vec<_> = released()
        .filter(|part| !common.contains(&part.digest) && !sent.contains(&part.digest))
        .collect();
    // What says something goes first, so that no delivery consists of a case number alone.
    new.sort_by_key(|part| (part.section == Section::Case, part.digest));
    let whole = |batch: &[PartDigest]| accompanied(held, plan, batch);
    let fits = |batch: &[PartDigest]| Load::LIMIT.fits(held.load(&whole(batch)));
    let mut batches = vec![common.clone()];
    for part in new {
        match batches.last_mut() {
            Some(batch)
                if batch.len() == common.len()
                    || fits(&[batch.as_slice(), &[part.digest]].concat()) =>
            {
                batch.push(part.digest);
            }
            Some(_) | None => {
                batches.push(common.iter().copied().chain([part.digest]).collect());
            }
        }
    }
    // What no link ever has room for gets no number: everything behind it would wait for ever.
    let all = batches.len();
    batches.retain(|batch| fits(batch));
    let left = all.saturating_sub(batches.len());
    for batch in &mut batches {
        *batch = whole(batch);
        batch.sort_unstable();
    }
    (batches, left)
}

/// A case number that is released late does not go alone: the lightest part that says something goes
/// again with it.
fn accompanied(held: &Held, plan: &Plan, batch: &[PartDigest]) -> Vec<PartDigest> {
    let mut batch = batch.to_vec();
    let contents = || held.parts.iter().filter(|part| part.is_content());
    if !contents().any(|part| batch.contains(&part.digest)) {
        let released = contents().filter(|part| plan.releases().contains(&part.digest));
        let lightest = released.min_by_key(|part| held.sizes.get(&part.digest));
        batch.extend(lightest.map(|part| part.digest));
    }
    batch
}
