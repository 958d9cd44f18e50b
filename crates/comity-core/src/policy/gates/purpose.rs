//! Is there a purpose for which the recipient may use it?
//!
//! What every agreement in force demands is demanded together, so purposes that exclude each other
//! leave none. What was received for some purposes goes on for those only, and only to somebody who
//! is bound to them. An agreement that excludes any use for law enforcement leaves nothing to an
//! agreement that is for that very use.

use super::super::basis::{Basis, Candidate, demands};
use super::super::fact::Fact;
use super::super::facts::Recipient;
use super::super::signed::Agreement;
use super::{Finding, Question, Refusal};
use crate::agreement::{Field, Terms, Tier};
use crate::ledger::Obligations;

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Finding {
    if let Some(excluding) = basis.candidate().and_then(|candidate| excluded(asked, candidate)) {
        return Finding::deny(Fact::NotForLawEnforcement)
            .citing(Some(excluding), Field::NoLawEnforcementUse);
    }
    // Pairing alone permits without any agreement's demands; an emergency does not.
    let signed = basis.candidate().and_then(|candidate| candidate.agreement);
    let bound = signed.is_some() || asked.emergency.is_some();
    let demanded = if bound { demands(asked) } else { None };
    if bound && demanded.is_none() {
        return Finding::deny(Fact::NoCommonPurpose).citing(signed, Field::Purposes);
    }
    match asked.taken_on() {
        Some(taken_on) if taken_on.purposes.is_empty() => {}
        Some(taken_on) => return received(asked, demanded.as_ref(), &taken_on),
        // Our own people are those who took it on, not somebody whom we give it to.
        None if matches!(asked.recipient, Recipient::LocalRole { .. }) => {
            return Finding::pass(Fact::PurposesBind);
        }
        None => return Finding::deny(Fact::SourcesShareNoPurpose),
    }
    match signed {
        signed if demanded.is_some_and(|all| !all.purposes.is_empty()) => {
            Finding::pass(Fact::PurposesBind).citing(signed, Field::Purposes)
        }
        Some(_) | None => Finding::pass(Fact::AnyPurpose),
    }
}

pub(super) fn refusal(asked: &Question<'_>, candidate: &Candidate<'_>) -> Option<Refusal> {
    excluded(asked, candidate).map(|_| (Fact::NotForLawEnforcement, Field::NoLawEnforcementUse))
}

/// The agreement that excludes the candidate's use, which is law enforcement.
fn excluded<'a>(asked: &Question<'a>, candidate: &Candidate<'_>) -> Option<&'a Agreement> {
    (candidate.terms.tier() == Tier::LawEnforcement)
        .then(|| asked.binding(Terms::no_law_enforcement_use))
        .flatten()
}

/// What pairing alone permits is bound to no purpose but those with which it was received.
fn received(
    asked: &Question<'_>,
    demanded: Option<&Obligations>,
    received: &Obligations,
) -> Finding {
    match asked.recipient {
        Recipient::LocalRole { .. } | Recipient::Constituent { .. } => {
            Finding::pass(Fact::PurposesBind)
        }
        Recipient::Public => Finding::deny(Fact::PublicBoundToNone),
        Recipient::Partner { .. } => match demanded {
            Some(demanded) if demanded.meet(received).is_none() => {
                Finding::deny(Fact::PurposeNotShared)
            }
            Some(_) | None => Finding::pass(Fact::PurposesBind),
        },
    }
}
