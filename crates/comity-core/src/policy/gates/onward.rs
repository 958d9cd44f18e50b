//! May we pass it on at all?
//!
//! What we received carries what we took on with it, and nobody passes on wider. Whether its origin
//! said yes, where it has to be asked, is for the gate of consent.

use super::super::fact::Fact;
use super::super::facts::{Recipient, Source};
use super::{Finding, Question};
use crate::marking::Onward;

pub(super) fn judge(asked: &Question<'_>) -> Finding {
    if asked.record.source == Source::Own {
        return Finding::pass(Fact::OwnRecord);
    }
    match asked.recipient {
        Recipient::LocalRole { .. } => return Finding::pass(Fact::OwnHouse),
        Recipient::Partner { economy: to, .. }
            if *to == asked.record.origin || asked.bringers().any(|(from, _)| from == *to) =>
        {
            return Finding::deny(Fact::CameFromThere);
        }
        Recipient::Partner { .. } | Recipient::Constituent { .. } | Recipient::Public => {}
    }
    match asked.onward() {
        Onward::None => Finding::deny(Fact::OnwardNone),
        Onward::Ask => Finding::pass(Fact::OnwardIfAsked),
        Onward::WithinMarking => Finding::pass(Fact::OnwardWithinMarking),
    }
}
