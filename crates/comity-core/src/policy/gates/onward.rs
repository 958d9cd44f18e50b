//! May we pass it on?
//!
//! What we received carries what we took on with it, and nobody passes on wider. Being named as
//! relay in an addressee part is the origin's yes to what it would else be asked.

use super::super::addressing::relays_through_us;
use super::super::basis::{Basis, demands};
use super::super::fact::Fact;
use super::super::facts::{Recipient, Source};
use super::{Finding, Question};
use crate::identity::EconomyId;
use crate::ledger::Obligations;
use crate::marking::Onward;

pub(super) fn judge(asked: &Question<'_>, basis: &Basis<'_>) -> Finding {
    let Source::From { economy, obligations } = &asked.record.source else {
        return Finding::pass(Fact::OwnRecord);
    };
    let onward = obligations.onward.max(asked.part.marking.onward);
    match asked.recipient {
        Recipient::LocalRole { .. } => Finding::pass(Fact::OwnHouse),
        Recipient::Constituent { .. } | Recipient::Public => within(onward),
        Recipient::Partner { economy: to, .. } => {
            if to == economy || *to == asked.record.origin {
                return Finding::deny(Fact::CameFromThere);
            }
            if !shares_purpose(asked, basis, obligations) {
                return Finding::deny(Fact::PurposeNotShared);
            }
            to_partner(asked, onward, *to)
        }
    }
}

fn to_partner(asked: &Question<'_>, onward: Onward, to: EconomyId) -> Finding {
    let relay = relays_through_us(asked.snapshot, asked.record, asked.part, to);
    match onward {
        Onward::None => Finding::deny(Fact::OnwardNone),
        Onward::Ask | Onward::WithinMarking if relay => Finding::pass(Fact::RelayNamed),
        Onward::Ask => Finding::deny(Fact::OnwardAsk),
        Onward::WithinMarking if asked.record.addressed => Finding::deny(Fact::RelayNotNamed),
        Onward::WithinMarking => Finding::pass(Fact::OnwardWithinMarking),
    }
}

fn within(onward: Onward) -> Finding {
    match onward {
        Onward::None => Finding::deny(Fact::OnwardNone),
        Onward::Ask => Finding::deny(Fact::OnwardAsk),
        Onward::WithinMarking => Finding::pass(Fact::OnwardWithinMarking),
    }
}

/// What pairing alone permits is bound to no purpose but those with which it was received. That two
/// agreements in force share no purpose is for the agreement gate to say.
fn shares_purpose(asked: &Question<'_>, basis: &Basis<'_>, received: &Obligations) -> bool {
    received.purposes.is_empty()
        || basis.covering().is_none()
        || demands(asked).is_none_or(|demanded| demanded.meet(received).is_some())
}
