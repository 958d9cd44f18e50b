//! What our own people may see: an exit like every other, with a decision.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::policy::{self, Decision, Gate, PartFacts, Verdict};
use comity_core::sight::{self, Sight};
use comity_core::{PartDigest, Timestamp, Tlp};

use super::caller::above;
use super::erasing;
use crate::state::{Held, State};

/// What comes of each part of a record for whoever uses this node.
pub(super) type Sights = BTreeMap<PartDigest, Result<Sight, String>>;

/// What comes of each part for whoever uses this node: leave to show it, or why it is not shown. `sees`: the
/// strictest label that whoever asks may see, if their role has one.
pub(super) fn sight(
    state: &State,
    held: &Held,
    desks: &BTreeSet<String>,
    sees: Option<Tlp>,
    now: Timestamp,
) -> Sights {
    let decided = |part: &PartFacts| {
        // Whatever its label was: there is nothing left to see.
        if let Some(erasure) = state.erasures().took(&part.digest) {
            return (part.digest, Err(erasing::in_words(erasure)));
        }
        if let Some(most) = sees.filter(|most| part.marking.tlp > *most) {
            return (part.digest, Err(above(most)));
        }
        let seen = decide(state, held, part, desks, now);
        (part.digest, seen.map_err(|decision| reason(state, held, part, &decision)))
    };
    held.parts.iter().map(decided).collect()
}

/// Why a part is not shown to everybody here, if it is not.
pub(super) fn hidden(
    state: &State,
    held: &Held,
    part: &PartFacts,
    now: Timestamp,
) -> Option<String> {
    let decision = decide(state, held, part, &BTreeSet::new(), now).err()?;
    Some(reason(state, held, part, &decision))
}

/// The decision for the desk among ours that may see the part, if one may.
fn decide(
    state: &State,
    held: &Held,
    part: &PartFacts,
    desks: &BTreeSet<String>,
    now: Timestamp,
) -> Result<Sight, Box<Decision>> {
    let at = |role: &str| sight::look_at(state.policy(), &held.facts, part, role, now);
    // No addressee can name a desk without a name: this is everybody here.
    at("").or_else(|anybody| desks.iter().find_map(|desk| at(desk).ok()).ok_or(anybody))
}

fn reason(state: &State, held: &Held, part: &PartFacts, decision: &Decision) -> String {
    let denies = |gate: Gate| {
        decision.judgement(gate).is_some_and(|judgement| judgement.verdict == Verdict::Deny)
    };
    let named = desks_of(state, held, part);
    if (denies(Gate::Audience) || denies(Gate::Tlp)) && !named.is_empty() {
        let (tlp, desks) = (part.marking.tlp, named.join(", "));
        return format!("TLP:{tlp}: shown at {desks} only (local.desks in comity.toml)");
    }
    policy::reason(state.policy(), decision).unwrap_or_else(|| "withheld".to_owned())
}

/// Our desks to which the record's addressee parts give a part.
fn desks_of(state: &State, held: &Held, part: &PartFacts) -> Vec<String> {
    let ours = held.facts.addressees.iter().map(|facts| &facts.addressee).filter(|addressee| {
        addressee.economy == Some(state.us()) && addressee.parts.contains(&part.digest)
    });
    ours.filter_map(|addressee| addressee.desk.as_ref().map(|desk| format!("`{desk}`"))).collect()
}
