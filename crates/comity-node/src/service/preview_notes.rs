//! What a preview says besides who gets what: which parts bind for the sake of others, and who gets nothing
//! though it is addressed.

use std::collections::BTreeSet;

use comity_core::ledger::Obligations;
use comity_core::policy::{Outcome, Plan};
use comity_core::{EconomyId, GroupId, PartDigest, Section, Tlp};

use super::words;
use crate::api::{BoundTogether, NoPartner, TakesOn};
use crate::state::{Bond, Held, State};

/// What goes to a partner at TLP:CLEAR and binds it more than it would alone, for the sake of what goes with it.
pub(super) fn bound_together(
    state: &State,
    held: &Held,
    partner: &EconomyId,
    plan: &Plan,
) -> Option<BoundTogether> {
    let together = plan.obligations()?;
    let clear = |digest: &PartDigest| {
        let part = held.parts.iter().find(|part| part.digest == *digest);
        part.is_some_and(|part| part.marking.tlp == Tlp::Clear && part.is_content())
    };
    let looser = plan.parts().iter().filter(|part| clear(&part.digest));
    let looser: Vec<_> = looser
        .filter_map(|part| match part.decision.outcome() {
            Outcome::Release(alone) if alone != together => Some((part.section, alone)),
            Outcome::Release(_) | Outcome::Withhold | Outcome::HoldUntil(_) => None,
        })
        .collect();
    let (_, alone) = looser.first()?;
    let sections: BTreeSet<Section> = looser.iter().map(|(section, _)| *section).collect();
    Some(BoundTogether {
        partner: state.name_of(partner),
        sections: sections.iter().map(ToString::to_string).collect(),
        obligations: words::obligations(together),
        alone: words::obligations(alone),
    })
}

/// What a partner takes on with what goes to it now, beyond what the marking says.
pub(super) fn takes_on(state: &State, partner: &EconomyId, plan: &Plan) -> Option<TakesOn> {
    let obligations = plan.obligations().filter(|_| plan.goes())?;
    (*obligations != Obligations::unbound()).then(|| TakesOn {
        partner: state.name_of(partner),
        obligations: words::obligations(obligations),
    })
}

/// The desks or people of others for whom alone a record is.
pub(super) fn desks_abroad(state: &State, held: &Held) -> Vec<String> {
    let named = held.facts.addressees.iter().map(|facts| &facts.addressee);
    let named = named.filter(|named| named.economy != Some(state.us()));
    let desks: BTreeSet<_> = named
        .filter_map(|named| {
            Some(format!("{}, desk `{}`", state.name_of(&named.economy?), named.desk.as_ref()?))
        })
        .collect();
    desks.into_iter().collect()
}

/// Members of the groups that a record is addressed to with whom there is no link.
pub(super) fn no_partners(state: &State, held: &Held) -> Vec<NoPartner> {
    let named = held.facts.addressees.iter().filter_map(|facts| facts.addressee.group);
    let groups: BTreeSet<GroupId> = named.map(|(group, _)| group).collect();
    let mut found = Vec::new();
    for group in groups.iter().filter_map(|group| state.groups().get(group)) {
        let name = group.founding().charter().name();
        let others = group.head().members.keys().filter(|one| **one != state.us());
        for member in others {
            let reason = match state.partner(member).map(|partner| partner.bond) {
                Some(Bond::Paired | Bond::Suspended) => continue,
                Some(Bond::Introduced(_)) => "introduced, and not paired",
                Some(Bond::Removed) => "no partner any more",
                None => "not known here",
            };
            found.push(NoPartner {
                member: state.name_of(member),
                group: name.to_owned(),
                reason: format!("a member of {name}, {reason}: it gets nothing from us"),
            });
        }
    }
    found.sort_by(|one, other| (&one.group, &one.member).cmp(&(&other.group, &other.member)));
    found
}
