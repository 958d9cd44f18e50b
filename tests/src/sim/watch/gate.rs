//! Whether a part may go, once more: a few rules, read from how the record was signed and from what
//! the sender's journal says, sharing no code with the decision.

use comity_core::agreement::Tier;
use comity_core::consent::ConsentBody;
use comity_core::{EconomyId, Kind, Onward, PartDigest, Section, Timestamp, Tlp};

use super::groups::Admitted;
use super::shadow::Shadow;
use crate::sim::truth::{Deed, Piece, Truth};

/// Why these parts may not go to `to`, if so; and if they may, whether only their origin's consent lets them.
pub fn check(
    truth: &Truth,
    shadow: &Shadow,
    (us, to): (EconomyId, EconomyId),
    deed: &Deed,
    parts: &[PartDigest],
    (admitted, glass): (&Admitted, bool),
    now: Timestamp,
) -> Result<bool, String> {
    let bond = shadow.partners.get(&to).ok_or("the recipient is no partner")?;
    if !bond.open {
        return Err("the partner is suspended".to_owned());
    }
    let entered = shadow.records.get(&deed.id).ok_or("the record is not here")?;
    if !entered.accepted {
        return Err("the record is not believed".to_owned());
    }
    if shadow.recovering {
        return Err("the node is in recovery".to_owned());
    }
    if deed.kind.is_control() {
        return control(truth, shadow, to, deed).map(|()| false);
    }
    if shadow.withdrawn.contains(&deed.id) {
        return Err("the record is withdrawn".to_owned());
    }
    if parts.iter().all(|part| {
        deed.parts
            .get(part)
            .is_none_or(|one| matches!(one.section, Section::Addressee | Section::Case))
    }) {
        return Err("no part says anything".to_owned());
    }
    let mut by_consent = false;
    for digest in parts {
        if shadow.erased.contains_key(digest) {
            return Err("the part was erased".to_owned());
        }
        let part = deed.parts.get(digest).ok_or("the part is not the record's")?;
        let consented = consented(truth, shadow, (us, to), deed, digest, now);
        let charter = admitted.get(digest).copied();
        if charter.is_none()
            && let Err(why) = addressed(us, to, deed, digest, part)
        {
            if !consented || part.destination.is_some() {
                return Err(why);
            }
            by_consent = true;
        }
        by_consent |=
            marked(truth, shadow, (us, to), deed, part, (charter, glass), (now, consented))?;
    }
    Ok(by_consent)
}

/// Whether the origin says, in words that are here and not taken back, that `to` may have this part by us.
fn consented(
    truth: &Truth,
    shadow: &Shadow,
    (us, to): (EconomyId, EconomyId),
    deed: &Deed,
    digest: &PartDigest,
    now: Timestamp,
) -> bool {
    let mut words = truth.deeds().filter(|word| {
        word.kind == Kind::Consent
            && word.origin == deed.origin
            && shadow.records.get(&word.id).is_some_and(|entered| entered.accepted)
            && !shadow.withdrawn.contains(&word.id)
    });
    words.any(|word| match ConsentBody::decode(&word.body) {
        Ok(ConsentBody::Grant(grant)) => {
            (grant.record, grant.asker, grant.grantee) == (deed.id, us, to)
                && grant.parts.contains(digest)
                && now < grant.until
        }
        Ok(ConsentBody::Ask(_) | ConsentBody::Refusal(_)) | Err(_) => false,
    })
}

fn control(truth: &Truth, shadow: &Shadow, to: EconomyId, deed: &Deed) -> Result<(), String> {
    let holds = |target: &comity_core::RecordId| {
        shadow
            .out
            .iter()
            .any(|((partner, _, _), line)| *partner == to && line.entry.record == *target)
    };
    let parties = match deed.kind {
        Kind::Agreement => deed.parties(),
        Kind::Acceptance | Kind::Termination => deed
            .agreement()
            .and_then(|(agreement, _)| truth.deed(&agreement))
            .and_then(Deed::parties),
        _ => None,
    };
    let concerns = match deed.kind {
        Kind::Agreement | Kind::Acceptance | Kind::Termination => {
            parties.is_some_and(|parties| parties.contains(&to))
        }
        Kind::Withdrawal => deed.targets().iter().any(holds),
        _ => true,
    };
    if concerns {
        Ok(())
    } else {
        Err("the control record does not concern the partner".to_owned())
    }
}

/// Whom the origin meant.
fn addressed(
    us: EconomyId,
    to: EconomyId,
    deed: &Deed,
    digest: &PartDigest,
    part: &Piece,
) -> Result<(), String> {
    if part.destination.is_some_and(|destination| destination != to) {
        return Err("the part is destined to another".to_owned());
    }
    if deed.addressees.is_empty() || part.section == Section::Addressee {
        return Ok(());
    }
    let meant = deed.addressees.iter().any(|one| {
        let through_us = deed.origin == us || one.relays.contains(&us);
        (one.economy == Some(to) || one.relays.contains(&to))
            && through_us
            && one.parts.contains(digest)
    });
    if meant { Ok(()) } else { Err("the part is not addressed to the partner".to_owned()) }
}

/// What its marking says.
fn marked(
    truth: &Truth,
    shadow: &Shadow,
    (us, to): (EconomyId, EconomyId),
    deed: &Deed,
    part: &Piece,
    (charter, glass): (Option<(Tier, Timestamp)>, bool),
    (now, consented): (Timestamp, bool),
) -> Result<bool, String> {
    let marking = &part.marking;
    let mut by_consent = false;
    if marking.release_at.is_some_and(|at| at > now) {
        return Err("its release time has not come".to_owned());
    }
    if marking.expires.is_some_and(|at| at <= now) {
        return Err("it has expired".to_owned());
    }
    let foreign = deed.origin != us;
    if foreign && marking.embargo_until.is_some_and(|at| at > now) {
        return Err("it is under embargo".to_owned());
    }
    if foreign && marking.onward == Onward::None {
        return Err("its origin allows no passing on".to_owned());
    }
    if foreign
        && marking.tlp >= Tlp::Amber
        && deed.addressees.is_empty()
        && part.destination.is_none()
    {
        if !consented {
            return Err("AMBER from abroad was not addressed".to_owned());
        }
        by_consent = true;
    }
    let named = deed.addressees.iter().any(|one| one.relays.contains(&us));
    if foreign && marking.onward == Onward::Ask && !named && part.section != Section::Addressee {
        if !consented {
            return Err("its origin was not asked, or did not say yes".to_owned());
        }
        by_consent = true;
    }
    let ceiling = match shadow.partners.get(&to).map(|bond| bond.level) {
        Some(1) => Tlp::Clear,
        Some(2) => Tlp::Green,
        Some(3) => Tlp::Amber,
        Some(4) => Tlp::Red,
        Some(_) | None => return Err("the partner is blocked".to_owned()),
    };
    // Broken glass stands in for trust and for what was agreed.
    if marking.tlp > ceiling && !glass {
        return Err(format!("{} is above the partner's level", marking.tlp));
    }
    if glass || (marking.tlp == Tlp::Clear && part.general) {
        return Ok(by_consent);
    }
    let upto = |tier: Tier| match tier {
        Tier::Paired => Tlp::Clear,
        Tier::Mou => Tlp::Amber,
        Tier::Nda | Tier::LawEnforcement => Tlp::Red,
    };
    // What reaches a member as one goes under the charter, whatever else was agreed.
    if let Some((tier, starts)) = charter {
        return match starts <= now && marking.tlp <= upto(tier) {
            true => Ok(by_consent),
            false => Err(format!("the charter does not cover {} now", marking.tlp)),
        };
    }
    let covers = |deed: &Deed| {
        let Some((tier, starts)) = deed.pact else { return false };
        let upto = upto(tier);
        let between = deed.parties().is_some_and(|both| both.contains(&us) && both.contains(&to));
        between
            && starts <= now
            && marking.tlp <= upto
            && shadow.pacts.get(&deed.id).is_some_and(|pact| pact.stands(now))
            && stands_below(truth, shadow, deed, now)
    };
    if truth.deeds().filter(|deed| deed.kind == Kind::Agreement).any(covers) {
        Ok(by_consent)
    } else {
        Err(format!("no agreement in force covers {}", marking.tlp))
    }
}

/// Whether everything that it takes the place of was agreed, and nobody has ended that.
pub(super) fn stands_below(truth: &Truth, shadow: &Shadow, deed: &Deed, now: Timestamp) -> bool {
    deed.amends().iter().all(|below| {
        let Some(below) = truth.deed(below) else { return false };
        let pact = shadow.pacts.get(&below.id);
        // Of the texts between, one that was taken back may be history: it ends nothing.
        let stands = pact.is_some_and(|pact| {
            if below.amends().is_empty() { pact.stands(now) } else { pact.is_agreed(now) }
        });
        stands && stands_below(truth, shadow, below, now)
    })
}
